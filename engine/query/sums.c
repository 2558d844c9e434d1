#include "engine/query/sums.h"

#include "engine/base/hash.h"

#include <stdlib.h>

static uint64_t hash_of(const struct sum_key *k)
{
    return hash_mix(hash_mix(k->app + UINT64_C(0x9e3779b97f4a7c15)) + k->sub * 31 +
                    (uint32_t)k->day);
}

static bool grow_rows(struct sums *s)
{
    const uint32_t cap = s->cap ? s->cap * 2 : 64;
    struct sum *rows = arena_alloc(s->arena, cap * sizeof *rows);
    if (!rows) {
        s->failed = true;
        return false;
    }
    if (s->n)
        memcpy(rows, s->rows, s->n * sizeof *rows);
    s->rows = rows;
    s->cap = cap;
    return true;
}

static void index_put(struct sums *s, uint32_t place)
{
    uint32_t i = (uint32_t)hash_of(&s->rows[place].key) & (s->index_cap - 1);
    while (s->index[i])
        i = (i + 1) & (s->index_cap - 1);
    s->index[i] = place + 1;
}

/* Index all rows anew, with room for as many again. */
static bool build_index(struct sums *s)
{
    uint32_t cap = 256;
    while (cap < s->cap * 2)
        cap *= 2;
    s->index = arena_alloc(s->arena, cap * sizeof *s->index);
    if (!s->index) {
        s->failed = true;
        return false;
    }
    s->index_cap = cap;
    for (uint32_t i = 0; i < s->n; i++)
        index_put(s, i);
    return true;
}

static struct sum *find(struct sums *s, const struct sum_key *key)
{
    uint32_t i = (uint32_t)hash_of(key) & (s->index_cap - 1);
    for (; s->index[i]; i = (i + 1) & (s->index_cap - 1)) {
        struct sum *row = &s->rows[s->index[i] - 1];
        if (sum_key_order(&row->key, key) == 0)
            return row;
    }
    return NULL;
}

struct sum *sums_at(struct sums *s, const struct sum_key *key)
{
    if (s->n > 0 && !s->index) {
        struct sum *last = &s->rows[s->n - 1];
        const int order = sum_key_order(key, &last->key);
        if (order == 0)
            return last;
        if (order < 0 && !build_index(s))
            return NULL;
    }
    struct sum *row = s->index ? find(s, key) : NULL;
    if (row)
        return row;
    if (s->n == s->cap && (!grow_rows(s) || (s->index && !build_index(s))))
        return NULL;
    s->rows[s->n] = (struct sum){.key = *key};
    if (s->index)
        index_put(s, s->n);
    return &s->rows[s->n++];
}

static int by_key(const void *a, const void *b)
{
    return sum_key_order(&((const struct sum *)a)->key, &((const struct sum *)b)->key);
}

void sums_sort(struct sums *s)
{
    if (!s->index)
        return;
    qsort(s->rows, s->n, sizeof *s->rows, by_key);
    s->index = NULL;
}
