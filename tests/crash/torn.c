#include "tests/crash/torn.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/draw.h"

#define SECTOR 512 /* what a disk writes whole */

void torn_put(struct torn_bytes *b, uint64_t at, const uint8_t *p, uint64_t n)
{
    if (at + n > b->cap) {
        uint64_t cap = (at + n) * 2;
        b->p = realloc(b->p, cap);
        CHECK(b->p != NULL);
        memset(b->p + b->cap, 0, cap - b->cap);
        b->cap = cap;
    }
    memcpy(b->p + at, p, n);
    if (at + n > b->n)
        b->n = at + n;
}

void torn_maybe(struct torn_bytes *b, const struct torn_write *w, enum torn_mood mood,
                uint64_t *seed)
{
    uint64_t end = w->at + w->n;

    if (mood == TORN_NONE || (mood == TORN_WHOLE_WRITES && draw(seed, 2) == 0))
        return;
    for (uint64_t from = w->at, next; from < end; from = next) {
        next = (from / SECTOR + 1) * SECTOR < end ? (from / SECTOR + 1) * SECTOR : end;
        if (mood != TORN_SECTORS || draw(seed, 2) == 0)
            torn_put(b, from, w->data + (from - w->at), next - from);
    }
}
