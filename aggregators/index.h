/* Index: an open-addressing hash index over a dense array. It maps a 64-bit hash to candidate
 * places in the array; the caller compares keys. Slots keep 32 bits of the hash, so growing never
 * touches the array, and the slot can be prefetched long before the entry is needed. */
#ifndef AGGREGATORS_INDEX_H
#define AGGREGATORS_INDEX_H

#include <stdint.h>

struct index_slot {
    uint32_t at1; /* place in the array + 1; 0: free */
    uint32_t tag; /* low 32 bits of the hash */
};

struct index {
    struct index_slot *slots; /* owned */
    uint32_t mask;            /* slots - 1 */
    uint32_t n;               /* slots in use */
};

void index_init(struct index *x, uint32_t slots_n); /* a power of two */
void index_fini(struct index *x);
void index_clear(struct index *x); /* keeps the memory, or half of it where most lay idle */
void index_grow(struct index *x);

#define INDEX_NONE UINT32_MAX

/* Memory of an entry, about: 5/16 to 5/8 of the slots are in use. */
#define INDEX_ENTRY_BYTES 20

static inline void index_prefetch(const struct index *x, uint64_t hash)
{
    __builtin_prefetch(&x->slots[(uint32_t)hash & x->mask]);
}

/* A walk over the candidates of a hash: for (i = index_first(x, h, &at); at != INDEX_NONE; i =
 * index_next...) */
static inline uint32_t index_first(const struct index *x, uint64_t hash, uint32_t *at)
{
    uint32_t i = (uint32_t)hash & x->mask;
    while (x->slots[i].at1 && x->slots[i].tag != (uint32_t)hash)
        i = (i + 1) & x->mask;
    *at = x->slots[i].at1 - 1; /* 0 - 1 is INDEX_NONE */
    return i;
}

static inline uint32_t index_next(const struct index *x, uint64_t hash, uint32_t i, uint32_t *at)
{
    do
        i = (i + 1) & x->mask;
    while (x->slots[i].at1 && x->slots[i].tag != (uint32_t)hash);
    *at = x->slots[i].at1 - 1;
    return i;
}

/* Add a place that is not in the index yet. */
static inline void index_add(struct index *x, uint64_t hash, uint32_t at)
{
    if (__builtin_expect(x->n >= x->mask / 8 * 5, 0))
        index_grow(x);
    uint32_t i = (uint32_t)hash & x->mask;
    while (x->slots[i].at1)
        i = (i + 1) & x->mask;
    x->slots[i] = (struct index_slot){at + 1, (uint32_t)hash};
    x->n++;
}

#endif
