/* Stored hashes may never change: golden values, the empty ones from the XXH3 specification. */
#include "engine/base/check.h"
#include "engine/base/hash.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void golden_values(void **state)
{
    (void)state;
    uint8_t p[300];
    for (unsigned i = 0; i < sizeof(p); i++)
        p[i] = (uint8_t)(i * 7 + 1);
    assert_true(hash64("", 0) == UINT64_C(0x2d06800538d394c2));
    struct hash128 h = hash128("", 0);
    assert_true(h.hi == UINT64_C(0x99aa06d3014798d8) && h.lo == UINT64_C(0x6001c324468d497f));
    /* One per branch of the algorithm: 1-3, 4-8, 9-16, 17-128, 129-240, longer. */
    static const struct {
        size_t n;
        uint64_t h64, lo, hi;
    } rows[] = {
        {1, UINT64_C(0xe12ef9d2eb86ceeb), UINT64_C(0xe12ef9d2eb86ceeb),
         UINT64_C(0x51025a4491835505)},
        {3, UINT64_C(0x5c83885a0fb5d516), UINT64_C(0x5c83885a0fb5d516),
         UINT64_C(0xf727126d6288a4bd)},
        {4, UINT64_C(0x244f36de481e7522), UINT64_C(0x217908f07519e96e),
         UINT64_C(0x6a20c426eb2da17d)},
        {8, UINT64_C(0x96cc97a6768fd7a9), UINT64_C(0x4506373ef0af21f8),
         UINT64_C(0xdd669d5507e0e940)},
        {9, UINT64_C(0x4781d83b8e99d495), UINT64_C(0xa51b142882780bcb),
         UINT64_C(0x781bfd0e8d95a9ad)},
        {16, UINT64_C(0x913bd4a8038027a7), UINT64_C(0x49bf196d35649b79),
         UINT64_C(0x6c53b945f90d6798)},
        {17, UINT64_C(0x2bf6f66973a6179d), UINT64_C(0x94ad051aea796d7e),
         UINT64_C(0xf889d91b7faf2082)},
        {128, UINT64_C(0xc4399c7829d0628f), UINT64_C(0xd480e3bdeadbf37f),
         UINT64_C(0x776e5a2cae08df3b)},
        {129, UINT64_C(0x8433489056750b32), UINT64_C(0x6a4dda91524c13ef),
         UINT64_C(0xb550da2f04225655)},
        {240, UINT64_C(0x3c0bb96864e543a1), UINT64_C(0x4f23bfd3609734e8),
         UINT64_C(0x3f558c88fda1da66)},
        {241, UINT64_C(0xbff7215089202d8f), UINT64_C(0xbff7215089202d8f),
         UINT64_C(0x9ea4272027cb71fc)},
        {300, UINT64_C(0x935960848d04785c), UINT64_C(0x935960848d04785c),
         UINT64_C(0xf3923d2b852d817a)},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        assert_true(hash64(p, rows[i].n) == rows[i].h64);
        h = hash128(p, rows[i].n);
        assert_true(h.lo == rows[i].lo && h.hi == rows[i].hi);
    }
}

/* A bijection: no two of many inputs may meet, and neighbours must spread over the low bits. */
static void mix_spreads(void **state)
{
    (void)state;
    unsigned slots[64] = {0};
    for (uint64_t i = 0; i < 6400; i++)
        slots[hash_mix(i) % 64]++;
    for (unsigned i = 0; i < 64; i++)
        assert_in_range(slots[i], 50, 150);
    assert_true(hash_mix(0) == 0);
    assert_true(hash_mix(1) == UINT64_C(0x5692161d100b05e5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_values),
        cmocka_unit_test(mix_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
