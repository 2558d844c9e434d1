/* The clocks agree with the kernel's, in the units that their names promise. */
#include "engine/base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

static int64_t ms_of(clockid_t id)
{
    struct timespec ts;
    assert_int_equal(clock_gettime(id, &ts), 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void between_two_readings(void **state)
{
    (void)state;
    int64_t wall = ms_of(CLOCK_REALTIME), mono = ms_of(CLOCK_MONOTONIC);
    int64_t boot = ms_of(CLOCK_BOOTTIME);
    struct clock c = clock_now();
    assert_true(wall <= c.wall_ms && c.wall_ms <= ms_of(CLOCK_REALTIME));
    assert_true(mono <= c.mono_ms && c.mono_ms <= ms_of(CLOCK_MONOTONIC));
    assert_true(boot <= c.boot_ms && c.boot_ms <= ms_of(CLOCK_BOOTTIME));
    uint64_t ns = clock_mono_ns();
    assert_true((int64_t)(ns / 1000000) >= c.mono_ms);
    assert_true((int64_t)(ns / 1000000) <= ms_of(CLOCK_MONOTONIC));
    assert_true(clock_mono_ns() >= ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_two_readings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
