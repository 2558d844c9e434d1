/* The stated error bound, on values and on whole streams, against a sorted list. */
#include "engine/base/metric.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "engine/base/hash.h"

static struct metric_hist *hist_new(void)
{
    struct metric_hist *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    return h;
}

/* One value beside a larger one, so that the cap at the maximum does not hide its bucket. */
static uint64_t reported(uint64_t v)
{
    struct metric_hist *h = hist_new();
    metric_hist_add(h, v);
    metric_hist_add(h, UINT64_MAX);
    uint64_t q = metric_hist_quantile(h, 5000);
    free(h);
    return q;
}

static void single_value_within_bound(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 64; v++)
        assert_true(reported(v) == v);
    for (unsigned bit = 6; bit < 64; bit++) {
        for (int off = -2; off <= 2; off++) {
            uint64_t v = (UINT64_C(1) << bit) + (uint64_t)off;
            uint64_t r = reported(v);
            assert_true(r >= v && r - v <= v / 32);
        }
    }
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t v = hash_mix(i + 1) >> (i % 64);
        uint64_t r = reported(v);
        assert_true(r >= v && r - v <= v / 32);
    }
    assert_true(reported(UINT64_MAX) == UINT64_MAX);
}

/* Buckets are never wider than needed: two values 1/16 apart are told apart. */
static void neighbours_are_told_apart(void **state)
{
    (void)state;
    for (uint64_t v = 1000; v < UINT64_MAX / 2; v = v / 10 * 13)
        assert_true(reported(v) < reported(v + v / 16));
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void stream_quantiles_within_bound(void **state)
{
    (void)state;
    enum { N_MAX = 3000 };
    static const uint32_t qs[] = {0, 1, 100, 2500, 5000, 9000, 9900, 9990, 9999, 10000};
    uint64_t v[N_MAX];
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct metric_hist *h = hist_new();
        size_t n = 1 + hash_mix(seed) % N_MAX;
        for (size_t i = 0; i < n; i++) {
            v[i] = hash_mix(seed * 100003 + i) >> (20 + seed % 40);
            metric_hist_add(h, v[i]);
        }
        qsort(v, n, sizeof(v[0]), by_value);
        for (size_t k = 0; k < N_OF(qs); k++) {
            size_t rank = (n * qs[k] + 9999) / 10000;
            uint64_t t = v[rank == 0 ? 0 : rank - 1];
            uint64_t r = metric_hist_quantile(h, qs[k]);
            if (r < t || r - t > t / 32)
                fail_msg("seed %u q %u: %llu for %llu", seed, qs[k], (unsigned long long)r,
                         (unsigned long long)t);
        }
        assert_true(metric_hist_quantile(h, 10000) == v[n - 1]);
        free(h);
    }
}

static void merge_is_recording_both(void **state)
{
    (void)state;
    struct metric_hist *a = hist_new(), *b = hist_new(), *both = hist_new();
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t v = hash_mix(i) >> (i % 50);
        metric_hist_add(i % 3 == 0 ? a : b, v);
        metric_hist_add(both, v);
    }
    metric_hist_merge(a, b);
    assert_memory_equal(a, both, sizeof(*a));
    metric_hist_reset(a);
    assert_true(a->n == 0 && metric_hist_quantile(a, 9900) == 0 && metric_hist_mean(a) == 0);
    metric_hist_merge(a, both);
    assert_memory_equal(a, both, sizeof(*a));
    free(a);
    free(b);
    free(both);
}

static void sum_stays_at_the_top(void **state)
{
    (void)state;
    struct metric_hist *h = hist_new();
    metric_hist_add(h, 10);
    metric_hist_add(h, 21);
    assert_true(metric_hist_mean(h) == 15 && h->max_ns == 21);
    metric_hist_add(h, UINT64_MAX);
    assert_true(h->sum_ns == UINT64_MAX);
    metric_hist_merge(h, h);
    assert_true(h->sum_ns == UINT64_MAX && h->n == 6);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_value_within_bound),
        cmocka_unit_test(neighbours_are_told_apart),
        cmocka_unit_test(stream_quantiles_within_bound),
        cmocka_unit_test(merge_is_recording_both),
        cmocka_unit_test(sum_stays_at_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
