/* How long a task rests: never when it is late, evenly when nobody waits, and not for ever. */
#include "engine/base/pace.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* What is due is done at once. */
static void due_work_never_rests(void **state)
{
    struct pace p = {.due = 300, .rests_max = 10};
    (void)state;
    pace_begin(&p);
    for (uint64_t done = 0; done <= 30; done++)
        pace_keep(&p, done, 100);
    assert_int_equal(p.rests, 0);
    pace_due(&p, PACE_ALL);
    pace_keep(&p, 100, 100);
    assert_int_equal(p.rests, 0);
}

/* Where nothing is ever due, the rests are as even as the work, and have an end. */
static void rests_are_spread_and_bounded(void **state)
{
    struct pace p = {.rests_max = 10};
    (void)state;
    for (int task = 0; task < 2; task++) {
        pace_begin(&p);
        for (uint64_t done = 0; done <= 100; done++) {
            pace_keep(&p, done, 100);
            assert_int_equal(p.rests, (done + 9) / 10);
        }
        pace_keep(&p, 1000, 100); /* more than there was said to be */
        assert_int_equal(p.rests, 10);
    }
}

static void a_pace_without_rests_is_none(void **state)
{
    struct pace p = {.rests_max = 0};
    (void)state;
    pace_begin(&p);
    pace_keep(&p, 100, 100);
    pace_keep(&p, 0, 0);
    assert_int_equal(p.rests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_work_never_rests),
        cmocka_unit_test(rests_are_spread_and_bounded),
        cmocka_unit_test(a_pace_without_rests_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
