/* Zeroed, aligned, apart from each other, under the ceiling, and reused after a reset. */
#include "engine/base/arena.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/hash.h"

#define KEEP_BYTES ((size_t)1 << 20)

static bool all_bytes(const uint8_t *p, size_t n, uint8_t want)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != want)
            return false;
    }
    return true;
}

/* Each block is filled with its own byte; at the end each must still hold it. */
static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { N = 500 };
    struct arena a = {.max_bytes = 0};
    uint8_t *at[N];
    size_t size[N];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            size[i] = hash_mix(i + round) % (i % 50 == 0 ? 200000 : 3000);
            at[i] = arena_alloc(&a, size[i]);
            assert_non_null(at[i]);
            assert_int_equal((uintptr_t)at[i] % 16, 0);
            assert_true(all_bytes(at[i], size[i], 0));
            memset(at[i], (int)(i % 251 + 1), size[i]);
        }
        for (unsigned i = 0; i < N; i++)
            assert_true(all_bytes(at[i], size[i], (uint8_t)(i % 251 + 1)));
        arena_reset(&a);
        assert_int_equal(a.used_bytes, 0);
    }
    arena_fini(&a);
}

static void ceiling_holds_and_is_lifted_by_reset(void **state)
{
    (void)state;
    struct arena a = {.max_bytes = 64};
    assert_non_null(arena_alloc(&a, 48));
    assert_null(arena_alloc(&a, 17));
    assert_non_null(arena_alloc(&a, 16));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, 0));
    assert_int_equal(a.used_bytes, 64);
    assert_null(arena_str(&a, STR("x")).p);
    arena_reset(&a);
    assert_null(arena_alloc(&a, 65));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_non_null(arena_alloc(&a, 64));
    arena_fini(&a);
}

static void reset_keeps_the_first_chunk(void **state)
{
    (void)state;
    struct arena a = {.max_bytes = 0};
    void *first = arena_alloc(&a, 100);
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    /* One huge block is given back: it would be kept for ever for the sake of one batch. */
    arena_fini(&a);
    assert_non_null(arena_alloc(&a, 4 * KEEP_BYTES));
    arena_reset(&a);
    assert_null(a.first);
    arena_fini(&a);
    arena_fini(&a);
}

/* A chunk that was skipped because it was too small is found again after the next reset. */
static void skipped_chunk_is_used_again(void **state)
{
    (void)state;
    struct arena a = {.max_bytes = 0};
    uint8_t *small = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 100000));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 90000));
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 16), small);
    arena_fini(&a);
}

static void strings_are_copied_and_terminated(void **state)
{
    (void)state;
    struct arena a = {.max_bytes = 0};
    char text[] = "hello";
    struct str s = arena_str(&a, (struct str){text, 5});
    text[0] = 'j';
    assert_string_equal(s.p, "hello");
    assert_int_equal(s.n, 5);
    s = arena_str(&a, (struct str){NULL, 0});
    assert_string_equal(s.p, "");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(ceiling_holds_and_is_lifted_by_reset),
        cmocka_unit_test(reset_keeps_the_first_chunk),
        cmocka_unit_test(skipped_chunk_is_used_again),
        cmocka_unit_test(strings_are_copied_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
