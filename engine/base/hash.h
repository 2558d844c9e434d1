/* Hashes. Stored ones are part of the format and never change: hash64 and hash128 are XXH3 (xxhash
 * 0.8) with seed 0; hash_mix is SplitMix64's finaliser, for table slots of integers only. */
#ifndef ENGINE_BASE_HASH_H
#define ENGINE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash128 {
    uint64_t lo;
    uint64_t hi;
};

uint64_t hash64(const void *p, size_t n);
struct hash128 hash128(const void *p, size_t n);

static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif
