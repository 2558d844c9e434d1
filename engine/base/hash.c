/* XXH3 behind two functions, so that the library's inline code is compiled once and the choice of
 * hash is one file. The results are stored: see the golden values in tests/unit/base/hash_test.c.
 */
#include "engine/base/hash.h"

#include <xxhash.h>

uint64_t hash64(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

struct hash128 hash128(const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits(p, n);
    return (struct hash128){.lo = h.low64, .hi = h.high64};
}
