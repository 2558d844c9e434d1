/* The generator keeps its word: same seed same bytes, shares as documented, every event within the
 * 30 days; and the slow counter reads what it wrote. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/model.h"
#include "bench/workload.h"

#define NOW INT64_C(1795600000000) /* 2026-11-25T08:26:40Z */

static struct workload *make(enum workload_shape shape, const char *producer)
{
    struct workload_options o = {.shape = shape,
                                 .seed = 7,
                                 .batch_events = 500,
                                 .producer = producer,
                                 .epoch = 1763900000000};
    struct workload *w = NULL;
    assert_int_equal(workload_new(&o, &w), ST_OK);
    return w;
}

static void count_batches(enum workload_shape shape, unsigned n, struct model *m)
{
    struct workload *w = make(shape, NULL);
    uint8_t *b = malloc(workload_batch_bytes_max(w));
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(model_add(m, b, workload_batch(w, i, NOW, b)), ST_OK);
    free(b);
    workload_free(&w);
}

static void assert_share(uint64_t part, uint64_t whole, double want)
{
    double have = (double)part / (double)whole;
    double sigma = sqrt(want * (1 - want) / (double)whole);
    if (fabs(have - want) > 5 * sigma)
        fail_msg("share %.5f instead of %.5f", have, want);
}

static uint64_t sum_of(const struct model *m, uint16_t what)
{
    return model_sum(m, &(struct model_key){.day = INT32_MIN, .what = what});
}

static void test_shares(void **state)
{
    (void)state;
    struct model m = {0};
    count_batches(WORKLOAD_W, 2000, &m);
    assert_int_equal(m.events, 1000000);
    uint64_t calls = sum_of(&m, MODEL_CALLS);
    assert_share(calls, m.events, .70);
    assert_share(m.apps, m.events, .01);
    assert_share(sum_of(&m, MODEL_ERRORS), calls, .08);
    assert_share(sum_of(&m, MODEL_LIMITED), calls, .03);
    assert_share(sum_of(&m, 11), m.events, .29 * .62);
    assert_share(sum_of(&m, 10), m.events, .29 * .28);
    assert_share(sum_of(&m, 12), m.events, .29 * .08);
    assert_share(sum_of(&m, 13), m.events, .29 * .02);
    int32_t today = day_of_ms(NOW);
    uint64_t counted = sum_of(&m, MODEL_CALLS) + m.events - calls - m.apps;
    uint64_t on_today = 0;
    for (uint16_t what = 1; what < 20; what++) {
        struct model_key k = {.day = today, .what = what};
        on_today += what == MODEL_ERRORS || what == MODEL_LIMITED ? 0 : model_sum(&m, &k);
    }
    assert_share(on_today, counted, .9);
    model_fini(&m);
}

static void test_zipf_head(void **state)
{
    (void)state;
    struct model m = {0};
    count_batches(WORKLOAD_W, 2000, &m);
    struct workload *w = make(WORKLOAD_W, NULL);
    double norm = 0, norm8 = 0;
    for (int i = 1; i <= 10000; i++)
        norm += pow(i, -1.1);
    for (int i = 1; i <= 8; i++)
        norm8 += 1.0 / i;
    uint64_t first = workload_account(w, 0);
    struct model_key k = {.account = first, .day = INT32_MIN, .what = MODEL_CALLS};
    uint64_t calls = sum_of(&m, MODEL_CALLS), of_first = model_sum(&m, &k);
    assert_share(of_first, calls, 1 / norm);
    k.app = (uint32_t)workload_app(first, 0);
    assert_share(model_sum(&m, &k), of_first, 1 / norm8);
    k.app = (uint32_t)workload_app(first, 7);
    assert_share(model_sum(&m, &k), of_first, 1 / norm8 / 8);
    workload_free(&w);
    model_fini(&m);
}

static void test_days(void **state)
{
    (void)state;
    struct model m = {0};
    count_batches(WORKLOAD_W1M, 400, &m);
    int32_t today = day_of_ms(NOW);
    uint64_t in = 0;
    for (int32_t day = today - 29; day <= today; day++) {
        uint64_t n = model_sum(&m, &(struct model_key){.day = day, .what = MODEL_CALLS});
        assert_true(n > 0);
        in += n;
    }
    assert_int_equal(in, sum_of(&m, MODEL_CALLS));
    model_fini(&m);
}

static void test_life_has_few_app_events(void **state)
{
    (void)state;
    struct model m = {0};
    count_batches(WORKLOAD_LIFE, 2000, &m);
    assert_share(m.apps, m.events, .0001);
    assert_share(sum_of(&m, MODEL_CALLS), m.events, .7099);
    model_fini(&m);
}

static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    for (unsigned shape = 0; shape < WORKLOAD_SHAPE_N; shape++) {
        struct workload *a = make((enum workload_shape)shape, "p"),
                        *b = make((enum workload_shape)shape, "p");
        size_t room = workload_batch_bytes_max(a);
        uint8_t *x = malloc(room), *y = malloc(room);
        size_t n = workload_batch(a, 41, NOW, x);
        assert_int_equal(workload_batch(b, 41, NOW, y), n);
        assert_memory_equal(x, y, n);
        assert_true(n <= room);
        size_t other = workload_batch(b, 42, NOW, y);
        assert_false(other == n && memcmp(x, y, n) == 0);
        struct model m = {0};
        assert_int_equal(model_add(&m, x, n), ST_OK); /* through the envelope */
        assert_int_equal(m.events, 500);
        model_fini(&m);
        free(x);
        free(y);
        workload_free(&a);
        workload_free(&b);
    }
}

static void test_options(void **state)
{
    (void)state;
    struct workload *w = NULL;
    assert_int_equal(workload_new(&(struct workload_options){.batch_events = 0}, &w), ST_USAGE);
    assert_int_equal(workload_new(&(struct workload_options){.batch_events = 10001}, &w), ST_USAGE);
    enum workload_shape shape;
    assert_int_equal(workload_shape_of(STR("w1m"), &shape), ST_OK);
    assert_int_equal(shape, WORKLOAD_W1M);
    assert_int_equal(workload_shape_of(STR("w2m"), &shape), ST_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_zipf_head),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_life_has_few_app_events),
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
