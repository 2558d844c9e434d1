/* Moving a recording in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collectors/retime.h"
#include "engine/base/check.h"
#include "tests/draw.h"

static struct retime plan_of(int64_t max_gap_ms, const int64_t *times, size_t n)
{
    struct retime r = {.max_gap_ms = max_gap_ms};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(retime_add(&r, times[i]), ST_OK);
    assert_int_equal(retime_close(&r), ST_OK);
    return r;
}

static void the_newest_event_is_now(void **state)
{
    (void)state;
    int64_t times[] = {500, 100, 900, 300};
    struct retime r = plan_of(0, times, N_OF(times));
    assert_int_equal(r.oldest_ms, 100);
    assert_int_equal(r.newest_ms, 900);
    r.shift_ms = retime_shift_to(&r, 10000);
    assert_int_equal(r.shift_ms, 9100);
    assert_int_equal(retime_map(&r, 900), 10000);
    assert_int_equal(retime_map(&r, 100), 9200);
    retime_fini(&r);
}

static void a_recording_from_the_future_moves_back(void **state)
{
    (void)state;
    int64_t times[] = {5000, 6000};
    struct retime r = plan_of(0, times, N_OF(times));
    r.shift_ms = retime_shift_to(&r, 1000);
    assert_int_equal(retime_map(&r, 5000), 0);
    retime_fini(&r);
}

static void nothing_to_move(void **state)
{
    (void)state;
    struct retime r = plan_of(10, NULL, 0);
    assert_int_equal(retime_shift_to(&r, 12345), 0);
    assert_int_equal(retime_map(&r, 7), 7);
    retime_fini(&r);
}

static void long_silences_are_cut_to_the_longest_kept(void **state)
{
    (void)state;
    /* gaps 5, 10, 90, 1, 200 with at most 10 kept: 80 and 190 are cut */
    int64_t times[] = {0, 5, 15, 105, 106, 306};
    struct retime r = plan_of(10, times, N_OF(times));
    int64_t want[] = {0, 5, 15, 25, 26, 36};
    for (size_t i = 0; i < N_OF(times); i++)
        assert_int_equal(retime_map(&r, times[i]), want[i]);
    r.shift_ms = retime_shift_to(&r, 1000);
    assert_int_equal(retime_map(&r, 306), 1000);
    assert_int_equal(retime_map(&r, 0), 964);
    retime_fini(&r);
}

static void order_of_input_does_not_matter(void **state)
{
    (void)state;
    int64_t times[] = {0, 5, 15, 105, 106, 306};
    int64_t other[] = {306, 15, 0, 106, 5, 105};
    struct retime a = plan_of(10, times, N_OF(times));
    struct retime b = plan_of(10, other, N_OF(other));
    for (int64_t t = 0; t <= 306; t++)
        assert_int_equal(retime_map(&a, t), retime_map(&b, t));
    retime_fini(&a);
    retime_fini(&b);
}

/* Random streams: order is kept, no gap over the limit remains, shorter gaps stay as they are. */
static void mapping_is_monotonic_and_keeps_short_gaps(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    int64_t times[2000];
    int64_t t = -100000;
    for (size_t i = 0; i < N_OF(times); i++) {
        t += (int64_t)draw(&x, draw(&x, 10) == 0 ? 100000 : 50);
        times[i] = t;
    }
    struct retime r = plan_of(1000, times, N_OF(times));
    for (size_t i = 1; i < N_OF(times); i++) {
        int64_t gap = times[i] - times[i - 1];
        int64_t mapped = retime_map(&r, times[i]) - retime_map(&r, times[i - 1]);
        assert_int_equal(mapped, gap > 1000 ? 1000 : gap);
    }
    retime_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_event_is_now),
        cmocka_unit_test(a_recording_from_the_future_moves_back),
        cmocka_unit_test(nothing_to_move),
        cmocka_unit_test(long_silences_are_cut_to_the_longest_kept),
        cmocka_unit_test(order_of_input_does_not_matter),
        cmocka_unit_test(mapping_is_monotonic_and_keeps_short_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
