#include "aggregators/index.h"

#include "engine/base/check.h"

#include <stdlib.h>
#include <string.h>

/* Growth has no way back: what is folded here is already committed, so there is nobody left to
 * refuse. The budget of ingest keeps it from happening; the log brings it back if it does. */
static struct index_slot *slots_new(uint32_t n)
{
    struct index_slot *slots = calloc(n, sizeof *slots);
    CHECK(slots);
    return slots;
}

void index_init(struct index *x, uint32_t slots_n)
{
    CHECK(slots_n >= 16 && (slots_n & (slots_n - 1)) == 0);
    *x = (struct index){slots_new(slots_n), slots_n - 1, 0};
}

void index_fini(struct index *x)
{
    free(x->slots);
    *x = (struct index){0};
}

void index_clear(struct index *x)
{
    if (x->n)
        memset(x->slots, 0, ((size_t)x->mask + 1) * sizeof *x->slots);
    x->n = 0;
}

void index_grow(struct index *x)
{
    struct index grown;
    CHECK(x->mask < UINT32_MAX / 2);
    index_init(&grown, (x->mask + 1) * 2);
    for (uint32_t i = 0; i <= x->mask; i++)
        if (x->slots[i].at1) {
            uint32_t to = x->slots[i].tag & grown.mask;
            while (grown.slots[to].at1)
                to = (to + 1) & grown.mask;
            grown.slots[to] = x->slots[i];
        }
    grown.n = x->n;
    free(x->slots);
    *x = grown;
}
