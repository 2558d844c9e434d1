/* Decode and count in memory: a cursor over the generator's messages, one table, its lines fetched
 * ahead. No validation, no limits, no days outside the window: what an engine adds is not here. */
#include <stdlib.h>
#include <string.h>

#include "bench/ceilings.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"

#define BATCHES_HELD CEILING_ROUND
#define FIELDS       7

struct cell {
    uint64_t key; /* 0: free */
    uint64_t n;
};

struct table {
    struct cell *cells; /* owned */
    size_t cap, used;
};

static inline uint64_t read_be(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return __builtin_bswap64(v) >> (64 - 8 * n);
}

/* One integer or nil of msgpack; returns the byte after it. */
static inline const uint8_t *field(const uint8_t *p, uint64_t *v)
{
    uint8_t b = *p++;
    if (b < 0x80) {
        *v = b;
        return p;
    }
    if (b == 0xc0) {
        *v = 0;
        return p;
    }
    unsigned n = 1u << (b & 3); /* cc cd ce cf */
    *v = read_be(p, n);
    return p + n;
}

/* account 20 bits, app 12, day 5 (of 32), kind 6, object type or method 8. */
static inline uint64_t key_of(const uint64_t f[FIELDS])
{
    uint64_t day = f[3] / 86400000 & 31;
    return (f[1] << 44 | f[2] << 32 | day << 24 | f[0] << 16 | (f[4] & 0xff) << 8) + 1;
}

static enum status table_grow(struct table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 1u << 20;
    struct cell *cells = calloc(cap, sizeof *cells);
    if (!cells)
        return ST_NO_MEMORY;
    for (size_t i = 0; i < t->cap; i++) {
        if (t->cells[i].key == 0)
            continue;
        size_t at = hash_mix(t->cells[i].key) & (cap - 1);
        while (cells[at].key != 0)
            at = (at + 1) & (cap - 1);
        cells[at] = t->cells[i];
    }
    free(t->cells);
    t->cells = cells;
    t->cap = cap;
    return ST_OK;
}

static inline void count(struct table *t, uint64_t key)
{
    size_t at = hash_mix(key) & (t->cap - 1);
    while (t->cells[at].key != 0 && t->cells[at].key != key)
        at = (at + 1) & (t->cap - 1);
    t->used += t->cells[at].key == 0;
    t->cells[at].key = key;
    t->cells[at].n++;
}

static enum status count_batch(struct table *t, const uint8_t *p, uint32_t events)
{
    uint64_t keys[10000];
    if (t->used * 2 + events * 2 > t->cap) {
        enum status st = table_grow(t);
        if (st != ST_OK)
            return st;
    }
    for (uint32_t i = 0; i < events; i++) {
        uint64_t f[FIELDS];
        p++; /* 97 */
        for (unsigned k = 0; k < FIELDS; k++)
            p = field(p, &f[k]);
        keys[i] = key_of(f);
        __builtin_prefetch(&t->cells[hash_mix(keys[i]) & (t->cap - 1)], 1);
    }
    for (uint32_t i = 0; i < events; i++)
        count(t, keys[i]);
    return ST_OK;
}

/* Offset of the first event: behind dc and its two bytes, the last of the message's head. */
static size_t body_at(const uint8_t *message, uint32_t events)
{
    const uint8_t mark[3] = {0xdc, (uint8_t)(events >> 8), (uint8_t)events};
    const uint8_t *p = message;
    while (memcmp(p, mark, sizeof mark) != 0)
        p++;
    return (size_t)(p - message) + sizeof mark;
}

/* One pass over all messages; *spent_ns without the time to make them. */
static enum status pass(struct table *t, const struct workload *w, unsigned rounds,
                        uint8_t *messages, uint64_t *spent_ns)
{
    const size_t room = workload_batch_bytes_max(w);
    const uint32_t events = workload_batch_events(w);
    const int64_t now_ms = clock_now().wall_ms / MS_PER_DAY * MS_PER_DAY; /* the same each pass */
    enum status st = ST_OK;
    *spent_ns = 0;
    for (unsigned r = 0; r < rounds && st == ST_OK; r++) {
        for (unsigned i = 0; i < BATCHES_HELD; i++)
            (void)workload_batch(w, r * BATCHES_HELD + i, now_ms, messages + i * room);
        size_t at = body_at(messages, events);
        uint64_t start = clock_mono_ns();
        for (unsigned i = 0; i < BATCHES_HELD && st == ST_OK; i++)
            st = count_batch(t, messages + i * room + at, events);
        *spent_ns += clock_mono_ns() - start;
    }
    return st;
}

enum status ceiling_count(const struct workload *w, unsigned rounds, double *cold_per_s,
                          double *hot_per_s)
{
    uint8_t *messages = malloc(workload_batch_bytes_max(w) * BATCHES_HELD);
    struct table t = {0};
    enum status st = messages ? table_grow(&t) : ST_NO_MEMORY;
    uint64_t cold_ns = 0, hot_ns = 0;
    if (st == ST_OK)
        st = pass(&t, w, rounds, messages, &cold_ns);
    if (st == ST_OK)
        st = pass(&t, w, rounds, messages, &hot_ns);
    double events = (double)rounds * BATCHES_HELD * workload_batch_events(w);
    if (st == ST_OK) {
        *cold_per_s = events * 1e9 / (double)cold_ns;
        *hot_per_s = events * 1e9 / (double)hot_ns;
    }
    free(t.cells);
    free(messages);
    return st;
}
