/* The calendar against one that only counts, and RFC 3339 at its corners. */
#include "engine/base/check.h"
#include "engine/base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static bool slow_leap(int32_t y)
{
    if (y % 400 == 0)
        return true;
    return y % 100 != 0 && y % 4 == 0;
}

/* Every day of 1970 to 2199, reached by adding one to the day before. */
static void every_day_of_1970_to_2199(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct civil c = {1970, 1, 1};
    int32_t day = 0;
    char want[16], buf[11];
    for (; c.year < 2200; day++) {
        struct civil got = civil_from_day(day);
        assert_true(got.year == c.year && got.month == c.month && got.day == c.day);
        assert_int_equal(day_from_civil(c), day);
        text_fmt(want, sizeof(want), "%04d-%02u-%02u", c.year, c.month, c.day);
        assert_string_equal(day_format(day, buf), want);
        int32_t parsed = -1;
        assert_int_equal(day_parse(str_of(want), &parsed), ST_OK);
        assert_int_equal(parsed, day);
        uint32_t length = lengths[c.month - 1] + (c.month == 2 && slow_leap(c.year));
        c.day++;
        if (c.day > length) {
            text_fmt(want, sizeof(want), "%04d-%02u-%02u", c.year, c.month, c.day);
            assert_int_equal(day_parse(str_of(want), &parsed), ST_INVALID);
            c.day = 1;
            c.month++;
        }
        if (c.month > 12) {
            c.month = 1;
            c.year++;
        }
    }
    assert_int_equal(day, 84006); /* 230 years, 56 of them leap */
}

static void day_number_of_an_instant_is_a_floor(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        int32_t day;
    } rows[] = {
        {0, 0},
        {1, 0},
        {MS_PER_DAY - 1, 0},
        {MS_PER_DAY, 1},
        {-1, -1},
        {-MS_PER_DAY, -1},
        {-MS_PER_DAY - 1, -2},
        {INT64_C(1764547200000), 20423}, /* 2025-12-01 */
        {INT64_C(1764547199999), 20422},
        {(int64_t)WIRE_INT_MAX, 104249991},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        assert_int_equal(day_of_ms(rows[i].ms), rows[i].day);
}

static void bad_days(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",           "2026",        "2026-1-01",   "2026-01-1",   "2026-00-01",  "2026-13-01",
        "2026-01-00", "2026-01-32",  "2026-02-29",  "2100-02-29",  "2026-04-31",  "2026/01/01",
        "26-01-01",   "02026-01-01", "2026-01-01 ", " 2026-01-01", "2026-01-01T", "-026-01-01",
        "2026-0a-01", "20260101",
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        int32_t day = 4711;
        assert_int_equal(day_parse(str_of(rows[i]), &day), ST_INVALID);
        assert_int_equal(day, 4711);
    }
}

static void good_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00+00:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1969-12-31T23:59:00-00:01", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2026-11-23T09:57:22.401Z", INT64_C(1795427842401)},
        {"2026-11-23T11:57:22.401+02:00", INT64_C(1795427842401)},
        {"2026-11-23T09:57:22.4Z", INT64_C(1795427842400)},
        {"2026-11-23T09:57:22.40Z", INT64_C(1795427842400)},
        {"2026-11-23T09:57:22.4019999999999999999999999Z", INT64_C(1795427842401)},
        {"2026-11-23T09:57:22.000999Z", INT64_C(1795427842000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228799999)},
        {"2016-12-31T23:59:60.5Z", INT64_C(1483228799999)},
        {"2017-01-01T01:59:60+02:00", INT64_C(1483228799999)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        int64_t ms = 4711;
        assert_int_equal(time_parse(str_of(rows[i].text), &ms), ST_OK);
        assert_true(ms == rows[i].ms);
    }
}

static void bad_times(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2026-11-23",
        "2026-11-23T09:57:22",
        "2026-11-23 09:57:22Z",
        "2026-11-23T09:57Z",
        "2026-11-23T9:57:22Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T23:60:00Z",
        "2026-11-23T23:59:61Z",
        "2026-11-23T09:57:22.Z",
        "2026-11-23T09:57:22,5Z",
        "2026-11-23T09:57:22.5",
        "2026-11-23T09:57:22+2:00",
        "2026-11-23T09:57:22+0200",
        "2026-11-23T09:57:22+02",
        "2026-11-23T09:57:22+24:00",
        "2026-11-23T09:57:22+02:60",
        "2026-11-23T09:57:22ZZ",
        "2026-11-23T09:57:22Z ",
        " 2026-11-23T09:57:22Z",
        "2026-02-29T00:00:00Z",
        "2026-11-23T-9:57:22Z",
        "1795427842401",
        "now",
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        int64_t ms = 4711;
        assert_int_equal(time_parse(str_of(rows[i]), &ms), ST_INVALID);
        assert_true(ms == 4711);
    }
}

/* What is written is read back to the same instant. The step is odd, so that every part varies. */
static void written_times_read_back(void **state)
{
    (void)state;
    char buf[25];
    const int64_t step = INT64_C(86399999) * 1013 + 7;
    for (int64_t ms = INT64_C(-62167219200000); ms <= INT64_C(253402300799999); ms += step) {
        int64_t back = 0;
        assert_int_equal(time_parse(str_of(time_format(ms, buf)), &back), ST_OK);
        assert_true(back == ms);
    }
    assert_string_equal(time_format(INT64_C(1795427842401), buf), "2026-11-23T09:57:22.401Z");
    assert_string_equal(time_format(-1, buf), "1969-12-31T23:59:59.999Z");
}

/* Any integer may come from a peer and be named in a message: the year has four digits. */
static void far_instants_are_held_at_the_ends(void **state)
{
    (void)state;
    char buf[25];
    assert_string_equal(time_format((int64_t)WIRE_INT_MAX, buf), "9999-12-31T23:59:59.999Z");
    assert_string_equal(time_format(INT64_MAX, buf), "9999-12-31T23:59:59.999Z");
    assert_string_equal(time_format(INT64_MIN, buf), "0000-01-01T00:00:00.000Z");
    assert_string_equal(day_format(INT32_MAX, buf), "9999-12-31");
    assert_string_equal(day_format(INT32_MIN, buf), "0000-01-01");
    for (int64_t day = INT32_MIN; day <= INT32_MAX; day += 9999991) {
        struct civil c = civil_from_day((int32_t)day);
        assert_int_equal(day_from_civil(c), day);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_1970_to_2199),
        cmocka_unit_test(day_number_of_an_instant_is_a_floor),
        cmocka_unit_test(bad_days),
        cmocka_unit_test(good_times),
        cmocka_unit_test(bad_times),
        cmocka_unit_test(written_times_read_back),
        cmocka_unit_test(far_instants_are_held_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
