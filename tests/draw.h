/* Chance that a seed repeats: SplitMix64. */
#ifndef TESTS_DRAW_H
#define TESTS_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/hash.h"

static inline uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(*seed) % below;
}

/* Once in n times. */
static inline bool one_in(uint64_t *seed, uint64_t n)
{
    return draw(seed, n) == 0;
}

#endif
