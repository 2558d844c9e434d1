/* Sums by (day, app, sub): the groups of a page. `sub` is what is below the app: an object type and
 * an action, or a quarter-hour. A dimension that is not wanted is 0 in every key.
 *
 * Sheets come in ascending order, so most keys are the last one or above it: those need no index.
 * The index is built when the first key falls back. */
#ifndef ENGINE_QUERY_SUMS_H
#define ENGINE_QUERY_SUMS_H

#include "engine/base/arena.h"

struct sum_key {
    int32_t day;
    uint64_t app;
    uint64_t sub;
};

#define SUM_FACTS 3

struct sum {
    struct sum_key key;
    uint64_t n[SUM_FACTS];
};

struct sums {
    struct arena *arena; /* borrowed */
    struct sum *rows;
    uint32_t n, cap;
    uint32_t *index;    /* place + 1 by hash of the key; NULL while rows ascend */
    uint32_t index_cap; /* a power of two */
    bool failed;        /* no memory: the sums are short */
};

static inline int sum_key_order(const struct sum_key *a, const struct sum_key *b)
{
    if (a->day != b->day)
        return a->day < b->day ? -1 : 1;
    if (a->app != b->app)
        return a->app < b->app ? -1 : 1;
    return a->sub < b->sub ? -1 : a->sub > b->sub;
}

/* The row of that key, made when there is none. NULL: no memory. Valid until the next call. */
struct sum *sums_at(struct sums *s, const struct sum_key *key);

/* Bring the rows into ascending order; sums_at may be called again afterwards. */
void sums_sort(struct sums *s);

#endif
