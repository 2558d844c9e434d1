#include "aggregators/index.h"

#include "aggregators/block.h"
#include "engine/base/check.h"

#include <string.h>

#define INDEX_KEEP (1u << 16) /* slots; not worth giving back */

static size_t slots_bytes(uint32_t mask)
{
    return ((size_t)mask + 1) * sizeof(struct index_slot);
}

void index_init(struct index *x, uint32_t slots_n)
{
    CHECK(slots_n >= 16 && (slots_n & (slots_n - 1)) == 0);
    *x = (struct index){block_new(slots_bytes(slots_n - 1)), slots_n - 1, 0};
}

void index_fini(struct index *x)
{
    block_free(x->slots, slots_bytes(x->mask));
    *x = (struct index){0};
}

void index_clear(struct index *x)
{
    const uint32_t slots_n = x->mask + 1;
    if (slots_n > INDEX_KEEP && x->n < slots_n / 16) {
        index_fini(x);
        index_init(x, slots_n / 2);
        return;
    }
    if (x->n)
        memset(x->slots, 0, slots_bytes(x->mask));
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
    block_free(x->slots, slots_bytes(x->mask));
    *x = grown;
}
