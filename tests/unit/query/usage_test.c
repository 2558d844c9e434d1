/* usage (S25): how an account stands with its limits, against a slow twin that counts events one by
 * one; and the forecast against one that reckons in doubles. */
#include "tests/unit/query/help.h"

#include "engine/base/zone.h"
#include "engine/query/forecast.h"
#include "schemas/out.h"

#include <math.h>

#define APPS_N 9
#define FIRST  (TODAY - 29)

static struct engine t;

/* ---- the forecast ---- */

/* Calls that the twin expects by into_ms (in the day), as they came until now and as expected then;
 * NAN when there is nothing to go by. */
struct slow {
    double e[QUARTERS_MAX], day, so_far, pace;
    double calls;
};

static double sum_to(const double *e, uint32_t n, int64_t ms)
{
    double sum = 0;
    for (uint32_t k = 0; k < n; k++) {
        const double part = (double)(ms - k * QUARTER_MS) / (double)QUARTER_MS;
        sum += e[k] * (part < 0 ? 0 : part > 1 ? 1 : part);
    }
    return sum;
}

/* Thousandths are rounded down, quarter by quarter. */
#define ROUNDED (QUARTERS_MAX / 1000.0)

static bool slow_forecast(const struct day_so_far *d, struct slow *s)
{
    const double factor =
        d->weekday && d->weekday_before ? (double)d->weekday / (double)d->weekday_before : 1;
    double profile = 0;
    *s = (struct slow){.calls = 0};
    for (uint32_t k = 0; k < QUARTERS_MAX; k++)
        s->calls += (double)d->today[k];
    for (uint32_t k = 0; k < d->quarters_n; k++)
        profile += floor((double)d->yesterday[k] * factor * 1000 + 1e-6) / 1000;
    for (uint32_t k = 0; k < d->quarters_n; k++) {
        if (profile >= 100 - ROUNDED)
            s->e[k] = (double)d->yesterday[k] * factor;
        else if (d->weekday >= 100)
            s->e[k] = (double)d->weekday / d->quarters_n;
        else if (s->calls >= 100 && d->into_ms >= 3600000)
            s->e[k] = s->calls * (double)QUARTER_MS / (double)d->into_ms;
        s->day += s->e[k];
    }
    s->so_far = sum_to(s->e, d->quarters_n, d->into_ms);
    s->pace = (s->calls + s->day / 8) / (s->so_far + s->day / 8);
    return s->day > 0;
}

static void fill_day(uint64_t *quarters, uint64_t size)
{
    memset(quarters, 0, QUARTERS_MAX * sizeof *quarters);
    const uint32_t from = (uint32_t)rnd(96), to = from + (uint32_t)rnd(96 - from) + 1;
    for (uint32_t k = rnd(2) ? 0 : from; k < to; k++)
        quarters[k] = rnd(5) ? size / 2 + rnd(size + 1) : 0;
}

static void check_forecast(const struct day_so_far *d)
{
    struct forecast f;
    struct slow s;
    forecast(d, &f);
    const bool known = slow_forecast(d, &s);
    assert_int_equal(f.basis != FORECAST_NONE, known);
    if (!known) {
        assert_int_equal(f.reached, d->limited && s.calls >= (double)d->limit);
        return;
    }
    const double end = s.calls + (s.day - s.so_far) * s.pace;
    const double slack = 2 + end / 500 + 3 * end * ROUNDED / s.day;
    if (fabs((double)f.calls - end) > slack)
        fail_msg("%llu calls, not %f", (unsigned long long)f.calls, end);
    if (!d->limited || s.calls >= (double)d->limit) {
        assert_int_equal(f.reached, d->limited);
        return;
    }
    const double limit = (double)d->limit;
    if (f.reached ? end < limit - slack : end > limit + slack)
        fail_msg("reached %d, and the day ends with %f of %f", f.reached, end, limit);
    if (!f.reached)
        return;
    assert_in_range(f.reached_ms, d->into_ms, d->quarters_n * QUARTER_MS);
    /* It was reached within the ms around. */
    const double before = sum_to(s.e, d->quarters_n, f.reached_ms - 1) - s.so_far;
    const double after = sum_to(s.e, d->quarters_n, f.reached_ms + 1) - s.so_far;
    if (s.calls + before * s.pace > limit + slack || s.calls + after * s.pace < limit - slack)
        fail_msg("reached at %lld, when %f..%f of %f have come", (long long)f.reached_ms,
                 s.calls + before * s.pace, s.calls + after * s.pace, limit);
}

static void test_forecast(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 5, 300, 20000, UINT64_C(1) << 30};
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t today[QUARTERS_MAX], yesterday[QUARTERS_MAX], calls = 0;
        struct day_so_far d = {.today = today, .yesterday = yesterday};
        const uint64_t size = sizes[rnd(N_OF(sizes))];
        d.quarters_n = (uint32_t)(rnd(3) ? 96 : 92 + 4 * rnd(3));
        d.into_ms = (int64_t)rnd(d.quarters_n * (uint64_t)QUARTER_MS);
        fill_day(yesterday, rnd(4) ? size : sizes[rnd(N_OF(sizes))]);
        fill_day(today, rnd(4) ? size : sizes[rnd(N_OF(sizes))]);
        for (uint32_t k = 0; k < QUARTERS_MAX; k++) {
            today[k] = k * QUARTER_MS <= d.into_ms ? today[k] : 0;
            calls += today[k];
        }
        d.weekday = rnd(3) ? size * rnd(150) : 0;
        d.weekday_before = rnd(3) ? size * rnd(150) : 0;
        d.limited = rnd(5) > 0;
        d.limit = calls / 2 + rnd(calls * 3 + 1000);
        check_forecast(&d);
    }
}

static void test_forecast_by_hand(void **state)
{
    (void)state;
    uint64_t today[QUARTERS_MAX] = {0}, yesterday[QUARTERS_MAX] = {0};
    struct day_so_far d = {.today = today, .yesterday = yesterday, .quarters_n = 96};
    struct forecast f;
    forecast(&d, &f); /* nothing at all */
    assert_true(f.basis == FORECAST_NONE && !f.reached);
    for (uint32_t k = 0; k < 96; k++)
        yesterday[k] = 100;
    for (uint32_t k = 0; k < 48; k++)
        today[k] = 100;
    d.into_ms = 12 * 3600000;
    d.limited = true;
    d.limit = 9600;
    forecast(&d, &f); /* just like yesterday: full at midnight */
    assert_true(f.basis == FORECAST_PROFILE && f.calls == 9600);
    assert_true(f.reached && f.reached_ms == 24 * 3600000);
    d.limit = 9601;
    forecast(&d, &f);
    assert_false(f.reached);
    d.limit = 7200;
    forecast(&d, &f);
    assert_true(f.reached && f.reached_ms == 18 * 3600000);
    d.limit = 2400; /* was reached at six in the morning */
    forecast(&d, &f);
    assert_true(f.reached && f.reached_ms == 6 * 3600000);
    d.limit = 0;
    forecast(&d, &f);
    assert_true(f.reached && f.reached_ms == 0);
    d.weekday = 4800; /* half of what yesterday's weekday has: today runs twice as fast */
    d.weekday_before = 9600;
    d.limited = false;
    forecast(&d, &f); /* pace = (4800 + 600) / (2400 + 600) of the 2400 that are left */
    assert_true(f.calls == 4800 + 2400 * 9 / 5 && !f.reached);
    memset(yesterday, 0, sizeof yesterday);
    forecast(&d, &f);
    assert_true(f.basis == FORECAST_WEEKDAY && f.calls == 4800 + 2400 * 9 / 5);
    d.weekday = 0;
    forecast(&d, &f);
    assert_true(f.basis == FORECAST_FLAT && f.calls == 9600);
}

/* ---- the view ---- */

static const char *const zones[] = {"UTC", "America/New_York", "Asia/Kathmandu",
                                    "Pacific/Kiritimati", "Pacific/Pago_Pago"};

struct setting {
    const char *zone; /* NULL: the plan names none */
    uint64_t limit;   /* 0: none */
};

static void fold_plan(const struct setting *s)
{
    struct buf fields = buf_of(4096);
    struct out o = out_to(ENCODING_MSGPACK, &fields);
    out_map(&o, 2u + (s->zone != NULL) + (s->limit > 0));
    out_pair_z(&o, "tier", "enterprise");
    if (s->limit)
        out_pair_u64(&o, "daily_limit", s->limit);
    out_pair_u64(&o, "ten_seconds_limit", 190);
    if (s->zone)
        out_pair_z(&o, "reset_zone", s->zone);
    out_end(&o);
    const struct event_more more = {.reference_key = STR(""),
                                    .reference_fields = {(const char *)fields.p, fields.n}};
    const struct event e = {.account = 1,
                            .time_ms = NOW_MS - 100000 + (int64_t)t.position,
                            .kind = EV_ACCOUNT_PLAN,
                            .count = 1};
    engine_fold(&t, &e, &more);
    buf_fini(&fields);
}

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    for (unsigned i = 0; i < 12000; i++) {
        const int32_t day = rnd(2) ? TODAY - (int32_t)rnd(3) : FIRST + (int32_t)rnd(30);
        const struct event e = {.account = 1,
                                .app = rnd(APPS_N),
                                .kind = EV_API_CALL,
                                .status = (uint16_t)(rnd(8)   ? 200
                                                     : rnd(2) ? 429
                                                              : 500),
                                .count = (uint32_t)(1 + rnd(day % 7 ? 300 : 20)),
                                .time_ms = day * MS_PER_DAY +
                                           (int64_t)rnd(day == TODAY ? 36000000 : MS_PER_DAY)};
        engine_fold(&t, &e, NULL);
        if (i == 6000)
            engine_merge(&t);
        if (i == 9000)
            engine_freeze(&t);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

/* Calls of one app (0: all but app 0) in [from, to); with at least that status, at most the other.
 */
static uint64_t calls_in(uint64_t app, int64_t from, int64_t to, unsigned min_status,
                         unsigned max_status)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < t.twin_n; i++) {
        const struct event *e = &t.twin[i].e;
        if (e->kind == EV_API_CALL && (app ? e->app == app : e->app != 0) && e->time_ms >= from &&
            e->time_ms < to && e->status >= min_status && e->status <= max_status)
            n += e->count;
    }
    return n;
}

static uint64_t calls_of_days(int32_t from, int32_t to)
{
    return calls_in(0, from * MS_PER_DAY, (to + 1) * MS_PER_DAY, 0, 999);
}

/* Up to `into`, the quarter that is not over in proportion. */
static uint64_t by_now(uint64_t app, int64_t from, int64_t into)
{
    const int64_t quarter = from + into / 900000 * 900000;
    return calls_in(app, from, quarter, 0, 999) +
           calls_in(app, quarter, quarter + 900000, 0, 999) * (uint64_t)(into % 900000) / 900000;
}

static uint64_t usual_day(int32_t day)
{
    uint64_t values[4];
    unsigned n = 0;
    for (int32_t k = 1; k <= 4; k++) {
        const int32_t d = day - 7 * k;
        if (d >= FIRST && d <= TODAY && calls_of_days(FIRST, d))
            values[n++] = calls_of_days(d, d);
    }
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = i + 1; k < n; k++)
            if (values[k] < values[i]) {
                const uint64_t swap = values[i];
                values[i] = values[k];
                values[k] = swap;
            }
    return n < 2 ? 0 : values[(n - 1) / 2];
}

struct days {
    int32_t today;
    int64_t at[3];
    int64_t into;
};

static void check_int(json_t *row, const char *key, uint64_t want)
{
    if ((uint64_t)int_of(row, key) != want)
        fail_msg("%s is %lld, not %llu: %s", key, (long long)int_of(row, key),
                 (unsigned long long)want, json_dumps(row, 0));
}

static void check_int_or_null(json_t *row, const char *key, bool known, uint64_t want)
{
    if (known)
        check_int(row, key, want);
    else if (!json_is_null(json_object_get(row, key)))
        fail_msg("%s is not null: %s", key, json_dumps(row, 0));
}

static void check_driver(json_t *row, const struct days *d)
{
    uint64_t driver = 0, growth = 0, most = 0, busiest = 0;
    for (uint64_t app = 1; app < APPS_N; app++) {
        const uint64_t n = calls_in(app, d->at[1], d->at[2], 0, 999);
        const uint64_t before = by_now(app, d->at[0], d->into);
        if (n > before && n - before > growth) {
            growth = n - before;
            driver = app;
        }
        if (n > most) {
            most = n;
            busiest = app;
        }
    }
    const bool reached = !json_is_null(json_object_get(row, "reached")) && most;
    driver = growth ? driver : busiest;
    check_int_or_null(row, "driver", reached, driver);
    check_int_or_null(row, "driver_calls", reached, calls_in(driver, d->at[1], d->at[2], 0, 999));
    check_int_or_null(row, "driver_growth", reached, growth);
}

static void check_forecast_of(json_t *row, const struct days *d, uint64_t limit)
{
    uint64_t today[QUARTERS_MAX] = {0}, yesterday[QUARTERS_MAX] = {0};
    for (int64_t k = 0; d->at[1] + k * 900000 < d->at[2]; k++)
        today[k] = calls_in(0, d->at[1] + k * 900000, d->at[1] + (k + 1) * 900000, 0, 999);
    for (int64_t k = 0; d->at[0] + k * 900000 < d->at[1]; k++)
        yesterday[k] = calls_in(0, d->at[0] + k * 900000, d->at[0] + (k + 1) * 900000, 0, 999);
    const struct day_so_far so_far = {.today = today,
                                      .yesterday = yesterday,
                                      .quarters_n = (uint32_t)((d->at[2] - d->at[1]) / 900000),
                                      .into_ms = d->into,
                                      .weekday = usual_day(d->today),
                                      .weekday_before = usual_day(d->today - 1),
                                      .limited = limit > 0,
                                      .limit = limit};
    struct forecast f;
    forecast(&so_far, &f);
    check_int_or_null(row, "forecast", f.basis != FORECAST_NONE, f.calls);
    check_int_or_null(row, "reached", f.reached, (uint64_t)(d->at[1] + f.reached_ms));
}

static void check_row(json_t *row, const struct setting *s, const struct days *d)
{
    char day[11];
    const uint64_t calls = calls_in(0, d->at[1], d->at[2], 0, 999);
    const uint64_t errors = calls_in(0, d->at[1], d->at[2], 400, 999);
    const uint64_t week = calls_of_days(TODAY - 7, TODAY - 1);
    const uint64_t before = calls_of_days(TODAY - 14, TODAY - 8);
    uint64_t apps = 0;
    for (uint64_t app = 1; app < APPS_N; app++)
        apps += calls_in(app, d->at[1], d->at[2], 0, 999) > 0;
    assert_string_equal(text_of(row, "day"), day_format(d->today, day));
    assert_string_equal(text_of(row, "zone"), s->zone ? s->zone : "UTC");
    assert_string_equal(text_of(row, "tier"), "enterprise");
    check_int(row, "resets", (uint64_t)d->at[2]);
    check_int_or_null(row, "daily_limit", s->limit > 0, s->limit);
    check_int(row, "ten_seconds_limit", 190);
    check_int(row, "calls", calls);
    check_int_or_null(row, "share_permille", s->limit > 0, s->limit ? calls * 1000 / s->limit : 0);
    check_int_or_null(row, "left", s->limit > 0, s->limit > calls ? s->limit - calls : 0);
    check_int(row, "errors", errors);
    check_int(row, "error_permille", calls ? errors * 1000 / calls : 0);
    assert_int_equal(json_is_true(json_object_get(row, "errors_over")),
                     calls >= 100 && errors * 20 >= calls);
    check_int(row, "limited", calls_in(0, d->at[1], d->at[2], 429, 429));
    check_int(row, "apps", apps);
    check_int(row, "yesterday", calls_in(0, d->at[0], d->at[1], 0, 999));
    check_int(row, "yesterday_by_now", by_now(0, d->at[0], d->into));
    check_int(row, "week", week);
    check_int(row, "week_before", before);
    check_int(row, "trend_permille", week * 1000 / before);
    check_forecast_of(row, d, s->limit);
    check_driver(row, d);
}

static void find_days(const struct setting *s, struct days *d)
{
    struct zone *z = NULL;
    assert_int_equal(zone_read(NULL, str_of(s->zone ? s->zone : "UTC"), &z), ST_OK);
    d->today = zone_day(z, t.context.now_ms);
    for (int i = 0; i < 3; i++)
        d->at[i] = zone_day_start_ms(z, d->today - 1 + i);
    d->into = t.context.now_ms - d->at[1];
    zone_free(&z);
}

static void test_usage(void **state)
{
    (void)state;
    unsigned reached = 0, paged = 0;
    for (unsigned round = 0; round < 60; round++) {
        unsigned pages;
        struct days d;
        const struct setting s = {rnd(6) ? zones[rnd(N_OF(zones))] : NULL,
                                  rnd(6) ? 1000 + rnd(400000) : 0};
        fold_plan(&s);
        t.context.now_ms = TODAY * MS_PER_DAY + 36000000 + (int64_t)rnd(MS_PER_DAY - 36000000);
        t.context.scan_max = rnd(2) ? 0 : 1 + (uint32_t)rnd(20000);
        find_days(&s, &d);
        json_t *rows = ask_all(&t, "{'view':'usage','account':1", &pages);
        assert_int_equal(json_array_size(rows), 1);
        check_row(json_array_get(rows, 0), &s, &d);
        reached += !json_is_null(json_object_get(json_array_get(rows, 0), "reached"));
        paged += pages > 1;
        json_decref(rows);
    }
    print_message("%u reached their limit, %u took more than one page\n", reached, paged);
    assert_true(reached > 5 && paged > 5);
}

static void test_an_account_without_anything(void **state)
{
    (void)state;
    t.context.now_ms = NOW_MS;
    t.context.scan_max = 0;
    json_t *a = ask_ok(&t, "{'view':'usage','account':99}");
    json_t *row = json_array_get(rows_of(a), 0);
    static const char *const nulls[] = {"tier",           "daily_limit", "share_permille", "left",
                                        "trend_permille", "rule",        "forecast",       "basis",
                                        "reached",        "driver"};
    for (size_t i = 0; i < N_OF(nulls); i++)
        if (!json_is_null(json_object_get(row, nulls[i])))
            fail_msg("%s is not null", nulls[i]);
    assert_int_equal(int_of(row, "calls"), 0);
    assert_string_equal(text_of(row, "zone"), "UTC");
    assert_string_equal(text_of(a, "open_day"), "2026-11-23");
    json_decref(a);
}

static void test_a_cursor_outlives_its_day(void **state)
{
    (void)state;
    t.context.now_ms = NOW_MS;
    t.context.scan_max = 1;
    json_t *a = ask_ok(&t, "{'view':'usage','account':1,'zone':'UTC','app':[1,2,3]}");
    char question[8192];
    text_fmt(question, sizeof question,
             "{'view':'usage','account':1,'zone':'UTC','app':[1,2,3],'cursor':'%s'}",
             text_of(a, "cursor"));
    json_decref(a);
    t.context.now_ms = NOW_MS + MS_PER_DAY;
    ask_refused(&t, "bad_cursor", "the day that this cursor was of is over", question);
    t.context.now_ms = NOW_MS;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forecast),
        cmocka_unit_test(test_forecast_by_hand),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_an_account_without_anything),
        cmocka_unit_test(test_a_cursor_outlives_its_day),
    };
    if (argc > 1 && text_u64(str_of(argv[1]), &help_seed) != ST_OK) /* a seed to repeat */
        return 64;
    printf("seed %llu\n", (unsigned long long)help_seed);
    return cmocka_run_group_tests(tests, setup, teardown);
}
