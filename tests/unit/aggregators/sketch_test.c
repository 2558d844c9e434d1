/* Sketches: exact while few, within the promised error when many, the same by any way of joining.
 */
#include "aggregators/distinct.h"
#include "engine/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t rng = 1;

static uint64_t next(void)
{
    rng += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(rng);
}

static struct distinct count(struct sketch *s)
{
    struct distinct d;
    sketch_count(s, &d);
    return d;
}

static void exact_while_few(void **state)
{
    (void)state;
    for (uint64_t n = 0; n <= SKETCH_EXACT_MAX; n += 64) {
        struct sketch s = {0}, again = {0};
        struct buf b = buf_of(1 << 20);
        for (uint64_t i = 0; i < 3 * n; i++)
            sketch_add(&s, hash_mix(i % n + 1));
        sketch_store(&s, &b);
        assert_int_equal(sketch_load(&again, (struct span){b.p, b.n}), ST_OK);
        assert_true(count(&again).exact);
        assert_int_equal(count(&again).records, n);
        assert_int_equal(b.n, 5 + 8 * n);
        buf_fini(&b);
        sketch_fini(&s);
        sketch_fini(&again);
    }
}

/* WIRE 4: 98 % of 1,000 seeded streams within 2 %. */
static void estimates_stay_within_two_percent(void **state)
{
    (void)state;
    unsigned good = 0;
    for (unsigned stream = 0; stream < 1000; stream++) {
        struct sketch s = {.registers = calloc(1, SKETCH_REGISTERS)};
        const uint64_t n = 513 + next() % 120000;
        for (uint64_t i = 0; i < n; i++)
            sketch_add(&s, next());
        const double error = (double)count(&s).records / (double)n - 1.0;
        good += error > -0.02 && error < 0.02;
        assert_false(count(&s).exact);
        sketch_fini(&s);
    }
    print_message("%u of 1000 streams within 2 %%\n", good);
    assert_true(good >= 980);
}

static void joining_is_a_union_in_any_form(void **state)
{
    (void)state;
    struct sketch whole = {0}, joined = {0};
    struct buf b = buf_of(1 << 20);
    for (unsigned part = 0; part < 5; part++) {
        struct sketch s = {0};
        const uint64_t n = part == 3 ? 5000 : 200;
        for (uint64_t i = 0; i < n; i++) {
            const uint64_t h = hash_mix(next() % 9000 + 1);
            sketch_add(&s, h);
            sketch_add(&whole, h);
        }
        sketch_store(&s, &b);
        assert_int_equal(sketch_load(&joined, (struct span){b.p, b.n}), ST_OK);
        sketch_fini(&s);
    }
    sketch_store(&whole, &b); /* turns to registers */
    assert_int_equal(count(&joined).records, count(&whole).records);
    sketch_fini(&whole);
    sketch_fini(&joined);
    buf_fini(&b);
}

static void a_flipped_bit_is_found(void **state)
{
    (void)state;
    struct sketch s = {0}, back = {0};
    struct buf b = buf_of(1 << 20);
    for (uint64_t i = 0; i < 100; i++)
        sketch_add(&s, next());
    sketch_store(&s, &b);
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(sketch_load(&back, (struct span){b.p, b.n}), ST_CORRUPT);
        b.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    sketch_fini(&s);
    sketch_fini(&back);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_while_few),
        cmocka_unit_test(estimates_stay_within_two_percent),
        cmocka_unit_test(joining_is_a_union_in_any_form),
        cmocka_unit_test(a_flipped_bit_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
