/* The clock gate as a table of steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/clock_gate.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define WALL   INT64_C(1795500000000) /* 2026-11-24 */
#define BOOT   INT64_C(5000000)

static const uint8_t boot_a[16] = {1}, boot_b[16] = {2};

static struct clock at(int64_t wall_ms, int64_t boot_ms)
{
    return (struct clock){.wall_ms = wall_ms, .mono_ms = boot_ms, .boot_ms = boot_ms};
}

static const struct clock_mark mark_a = {.wall_ms = WALL, .boot_ms = BOOT, .boot_id = {1}};

/* The first judgement at a start, by what was stored, what passed and how the wall moved. */
static void a_start(void **state)
{
    static const struct {
        const char *what;
        const struct clock_mark *stored;
        const uint8_t *boot_id;
        int64_t boot_ms; /* now */
        int64_t wall_ms; /* now, relative to WALL */
        bool accept;
        bool want;
    } rows[] = {
        {"a new store believes", NULL, boot_a, BOOT, -999 * MS_PER_DAY, false, true},
        {"same boot, no step", &mark_a, boot_a, BOOT + HOUR, HOUR, false, true},
        {"same boot, long stopped", &mark_a, boot_a, BOOT + 90 * MS_PER_DAY, 90 * MS_PER_DAY, false,
         true},
        {"25 h ahead", &mark_a, boot_a, BOOT, 25 * HOUR, false, true},
        {"more than 25 h ahead", &mark_a, boot_a, BOOT, 25 * HOUR + 1, false, false},
        {"5 min back", &mark_a, boot_a, BOOT, -5 * MINUTE, false, true},
        {"more than 5 min back", &mark_a, boot_a, BOOT, -5 * MINUTE - 1, false, false},
        {"time passed, the wall stood", &mark_a, boot_a, BOOT + HOUR, 0, false, false},
        {"reboot, 30 days off", &mark_a, boot_b, 1000, 30 * MS_PER_DAY, false, true},
        {"reboot, more than 30 days", &mark_a, boot_b, 1000, 30 * MS_PER_DAY + 1, false, false},
        {"reboot, 5 min back", &mark_a, boot_b, 1000, -5 * MINUTE, false, true},
        {"reboot, more than 5 min back", &mark_a, boot_b, 1000, -5 * MINUTE - 1, false, false},
        {"same boot id, boot clock before the mark", &mark_a, boot_a, BOOT - 1, 20 * MS_PER_DAY,
         false, true},
        {"the operator accepts the future", &mark_a, boot_a, BOOT, 400 * MS_PER_DAY, true, true},
        {"the operator accepts the past", &mark_a, boot_b, 1, -400 * MS_PER_DAY, true, true},
    };

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct clock now = at(WALL + rows[i].wall_ms, rows[i].boot_ms);
        struct clock_gate g;

        clock_gate_init(&g, rows[i].stored, &now, rows[i].boot_id, rows[i].accept);
        if (g.tripped == rows[i].want)
            fail_msg("%s", rows[i].what);
        assert_memory_equal(g.mark.boot_id, rows[i].boot_id, 16);
        if (rows[i].want)
            assert_int_equal(g.mark.wall_ms, now.wall_ms);
    }
}

/* Steps of one running engine: wall and elapsed since its start, and whether it is believed. */
static void steps(void **state)
{
    static const struct {
        int64_t wall_ms, boot_ms;
        bool want;
    } rows[] = {
        {0, 0, true},
        {1000, 1000, true},
        {26 * HOUR, 2000, false}, /* jumps ahead */
        {26 * HOUR + 1000, 3000, false},
        {4000, 4000, true},   /* and back */
        {-HOUR, 5000, false}, /* jumps back */
        {-HOUR + 47 * HOUR, 47 * HOUR, false},
        {-HOUR + 48 * HOUR, 48 * HOUR, false},              /* not yet 48 h since it was tripped */
        {-HOUR + 48 * HOUR + 5000, 48 * HOUR + 5000, true}, /* it has stood: it is the time now */
        {-HOUR + 49 * HOUR, 49 * HOUR, true},
        {49 * HOUR, 49 * HOUR, true}, /* an hour ahead is no jump */
        {49 * HOUR - 5 * MINUTE, 49 * HOUR, true},
        {49 * HOUR - 11 * MINUTE, 49 * HOUR, false},
    };
    struct clock first = at(WALL, BOOT);
    struct clock_gate g;

    (void)state;
    clock_gate_init(&g, NULL, &first, boot_a, false);
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct clock now = at(WALL + rows[i].wall_ms, BOOT + rows[i].boot_ms);

        if (clock_gate_step(&g, &now) != rows[i].want)
            fail_msg("row %zu", i);
    }
}

/* After the first believed step following a reboot, a later one may jump no more than 25 h. */
static void the_allowance_of_a_reboot_is_used_once(void **state)
{
    struct clock now = at(WALL + 20 * MS_PER_DAY, 1000);
    struct clock_gate g;

    (void)state;
    clock_gate_init(&g, &mark_a, &now, boot_b, false);
    assert_false(g.tripped);
    now = at(WALL + 40 * MS_PER_DAY, 2000);
    assert_false(clock_gate_step(&g, &now));
    assert_int_equal(clock_gate_drift_ms(&g, &now), 20 * MS_PER_DAY - 1000);
    clock_gate_accept(&g, &now);
    assert_true(clock_gate_step(&g, &now));
}

/* While it is tripped the mark stands, so a slow creep does not talk it into believing. */
static void a_tripped_gate_keeps_its_mark(void **state)
{
    struct clock now = at(WALL, BOOT);
    struct clock_gate g;

    (void)state;
    clock_gate_init(&g, NULL, &now, boot_a, false);
    for (int i = 0; i < 100; i++) {
        now = at(WALL + 30 * HOUR + i * HOUR, BOOT + i);
        assert_false(clock_gate_step(&g, &now));
    }
    assert_int_equal(g.mark.wall_ms, WALL);
}

static void the_boot_id_is_read(void **state)
{
    uint8_t once[16], again[16];
    static const uint8_t zero[16];

    (void)state;
    boot_id_read(once);
    boot_id_read(again);
    assert_memory_equal(once, again, 16);
    assert_memory_not_equal(once, zero, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start),
        cmocka_unit_test(steps),
        cmocka_unit_test(the_allowance_of_a_reboot_is_used_once),
        cmocka_unit_test(a_tripped_gate_keeps_its_mark),
        cmocka_unit_test(the_boot_id_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
