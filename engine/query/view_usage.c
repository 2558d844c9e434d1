/* usage: how the account stands with its daily limit, as one row.
 *
 * Everything is summed up in one walk over the apps: calls by day, and by quarter-hour of today and
 * yesterday in the zone in which the limit is reset. What does not fit one budget travels in the
 * cursor, and a page without a row comes back. */
#include "engine/query/forecast.h"
#include "engine/query/rhythm.h"
#include "engine/query/usage.h"

#define WEEK 7

struct usage_sums {
    uint64_t today[QUARTERS_MAX], yesterday[QUARTERS_MAX];
    uint64_t errors, limited;        /* of today */
    uint64_t days[SERIES_DAYS_MAX];  /* calls by UTC day */
    uint64_t apps;                   /* with calls today */
    uint64_t driver, growth, calls;  /* the app that grew most, and the calls it has today */
    uint64_t busiest, busiest_calls; /* the app with most calls today */
};

/* The members of usage_sums, all of them uint64_t. */
#define SUMS_N (sizeof(struct usage_sums) / sizeof(uint64_t))

struct usage {
    struct series series; /* first */
    struct zone_days zone;
    struct plan plan;
    int64_t into_ms;   /* since today's start */
    int32_t utc_today; /* the walk may go a day further: events may be minutes ahead */
    union {
        struct usage_sums sums;
        uint64_t all[SUMS_N];
    };
};

/* ---- the walk ---- */

struct app_day {
    uint64_t today[QUARTERS_MAX], yesterday[QUARTERS_MAX];
    uint64_t calls;
};

static void add_cell(struct usage *u, struct app_day *app, int64_t ms, const struct cell *cell)
{
    const struct zone_days *z = &u->zone;
    if (ms < z->at_ms[ZONE_YESTERDAY] || ms >= z->at_ms[ZONE_TOMORROW])
        return;
    const bool today = ms >= z->at_ms[ZONE_TODAY];
    const uint64_t quarter =
        (uint64_t)(ms - z->at_ms[today ? ZONE_TODAY : ZONE_YESTERDAY]) / QUARTER_MS;
    switch (slot_which(cell->slot)) {
    case API_CALLS:
        (today ? app->today : app->yesterday)[quarter] += cell->count;
        app->calls += today ? cell->count : 0;
        break;
    case API_ERRORS:
        u->sums.errors += today ? cell->count : 0;
        break;
    case API_LIMITED:
        u->sums.limited += today ? cell->count : 0;
        break;
    }
}

static void add_app(struct usage *u, uint64_t app, const struct app_day *d)
{
    struct usage_sums *s = &u->sums;
    const uint64_t before = forecast_until(d->yesterday, u->into_ms);
    const uint64_t growth = d->calls > before ? d->calls - before : 0;
    for (uint32_t k = 0; k < QUARTERS_MAX; k++) {
        s->today[k] += d->today[k];
        s->yesterday[k] += d->yesterday[k];
    }
    s->apps += d->calls > 0;
    if (growth > s->growth) {
        s->driver = app;
        s->growth = growth;
        s->calls = d->calls;
    }
    if (d->calls > s->busiest_calls) {
        s->busiest = app;
        s->busiest_calls = d->calls;
    }
}

static bool take(struct series *s, uint64_t app, const struct series_day *days)
{
    struct usage *u = (struct usage *)s;
    if (!usage_any(s, days) || !usage_admits(s->a, QUERY_USAGE_KIND, app))
        return true;
    struct app_day d;
    bool fresh = false; /* d is not cleared for apps without a call on the days of quarters */
    for (int32_t day = s->from_day; day <= s->to_day; day++) {
        const struct series_day *on = &days[day - s->from_day];
        uint64_t n[API_LIMITED + 1] = {0};
        usage_add(n, on);
        u->sums.days[day - s->from_day] += n[API_CALLS];
        if (on->cells_n == 0 || day <= u->utc_today - QUARTER_DAYS)
            continue;
        if (!fresh)
            d = (struct app_day){.calls = 0};
        fresh = true;
        for (uint32_t i = 0; i < on->cells_n; i++)
            add_cell(u, &d, slot_time_ms(day, on->cells[i].slot), &on->cells[i]);
    }
    if (fresh)
        add_app(u, app, &d);
    return true;
}

/* ---- the cursor ---- */

static enum status resume(struct usage *u, uint64_t *from_app)
{
    struct answer *a = u->series.a;
    struct reader *r = &a->cursor;
    *from_app = 0;
    if (!a->resumed)
        return ST_OK;
    *from_app = read_varint(r);
    const int32_t first_day = (int32_t)read_varint(r), today = (int32_t)read_varint(r);
    for (size_t i = 0; i < SUMS_N; i++)
        u->all[i] = read_varint(r);
    if (r->bad || reader_left(r))
        return answer_bad_cursor(a);
    if (first_day != u->series.from_day || today != u->zone.today)
        return answer_refuse(a, ST_BAD_CURSOR,
                             "the day that this cursor was of is over; ask from the start");
    return ST_OK;
}

static void more(const struct usage *u)
{
    struct buf *next = answer_more(u->series.a);
    buf_varint(next, u->series.next_app);
    buf_varint(next, (uint64_t)u->series.from_day);
    buf_varint(next, (uint64_t)u->zone.today);
    for (size_t i = 0; i < SUMS_N; i++)
        buf_varint(next, u->all[i]);
}

/* ---- the row ---- */

static uint64_t sum_of(const uint64_t *values, uint32_t n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

/* Calls on a UTC day; false: it is not visible, or before the first call that is. */
static bool day_of(const struct usage *u, int32_t day, uint64_t *calls)
{
    const struct series *s = &u->series;
    if (day < s->from_day || day > u->utc_today)
        return false;
    *calls = u->sums.days[day - s->from_day];
    return sum_of(u->sums.days, (uint32_t)(day - s->from_day + 1)) > 0;
}

/* The median of the same weekday in the four weeks before `day`; 0: fewer than two are known. */
static uint64_t usual_day(const struct usage *u, int32_t day)
{
    uint64_t values[4];
    uint32_t n = 0;
    for (int32_t week = 1; week <= 4; week++)
        n += day_of(u, day - week * WEEK, &values[n]);
    return n < 2 ? 0 : rhythm_median(values, n);
}

/* The seven UTC days before day + 1; false: not all of them are visible. */
static bool week_of(const struct usage *u, int32_t day, uint64_t *calls)
{
    const struct series *s = &u->series;
    if (day - (WEEK - 1) < s->from_day)
        return false;
    *calls = sum_of(&u->sums.days[day - (WEEK - 1) - s->from_day], WEEK);
    return true;
}

static void look_ahead(const struct usage *u, struct forecast *out)
{
    const struct zone_days *z = &u->zone;
    const struct day_so_far d = {
        .today = u->sums.today,
        .yesterday = u->sums.yesterday,
        .quarters_n = (uint32_t)((z->at_ms[ZONE_TOMORROW] - z->at_ms[ZONE_TODAY]) / QUARTER_MS),
        .into_ms = u->into_ms,
        .weekday = usual_day(u, z->today),
        .weekday_before = usual_day(u, z->today - 1),
        .limited = u->plan.has_daily_limit,
        .limit = u->plan.daily_limit};
    forecast(&d, out);
}

static void put_plan(const struct usage *u, uint64_t calls)
{
    struct page *p = u->series.a->page;
    const struct plan *plan = &u->plan;
    const bool limited = plan->has_daily_limit;
    row_str_if(p, plan->tier);
    row_u64_if(p, limited, plan->daily_limit);
    row_u64_if(p, plan->has_ten_seconds_limit, plan->ten_seconds_limit);
    row_u64(p, calls);
    row_u64_if(p, limited && plan->daily_limit, usage_permille(calls, plan->daily_limit));
    row_u64_if(p, limited, plan->daily_limit > calls ? plan->daily_limit - calls : 0);
}

static void put_trend(const struct usage *u)
{
    struct page *p = u->series.a->page;
    const int32_t today = u->utc_today;
    uint64_t week = 0, before = 0;
    const bool has_week = week_of(u, today - 1, &week);
    const bool has_before = week_of(u, today - 1 - WEEK, &before);
    row_u64(p, sum_of(u->sums.yesterday, QUARTERS_MAX));
    row_u64(p, forecast_until(u->sums.yesterday, u->into_ms));
    row_u64_if(p, has_week, week);
    row_u64_if(p, has_before, before);
    row_u64_if(p, has_before && before, usage_permille(week, before));
}

static void put_rhythm(const struct usage *u)
{
    struct page *p = u->series.a->page;
    const int32_t today = u->utc_today - u->series.from_day; /* below 0: nothing is visible yet */
    struct rhythm r = {.known = false};
    enum rhythm_verdict verdict = RHYTHM_USUAL;
    uint64_t expected = 0;
    if (today >= 0) {
        rhythm_of(u->sums.days, (uint32_t)today + 1, true, &r);
        verdict = rhythm_judge(&r, (uint32_t)today, &expected);
    }
    row_z(p, verdict == RHYTHM_HIGH ? "spike" : NULL);
    row_u64_if(p, r.known, expected);
}

static void put_forecast(const struct usage *u)
{
    static const char *const names[] = {NULL, "profile", "weekday", "flat"};
    struct page *p = u->series.a->page;
    const struct usage_sums *s = &u->sums;
    struct forecast f;
    look_ahead(u, &f);
    row_u64_if(p, f.basis != FORECAST_NONE, f.calls);
    row_z(p, names[f.basis]);
    row_time_if(p, f.reached ? u->zone.at_ms[ZONE_TODAY] + f.reached_ms : 0);
    const bool any = f.reached && s->busiest_calls;
    row_u64_if(p, any, s->growth ? s->driver : s->busiest);
    row_u64_if(p, any, s->growth ? s->calls : s->busiest_calls);
    row_u64_if(p, any, s->growth);
}

static void put(const struct usage *u)
{
    struct page *p = u->series.a->page;
    const uint64_t calls = sum_of(u->sums.today, QUARTERS_MAX);
    row_begin(p);
    row_day(p, u->zone.today);
    row_z(p, u->zone.name);
    row_time_if(p, u->zone.at_ms[ZONE_TOMORROW]);
    put_plan(u, calls);
    row_u64(p, u->sums.errors);
    row_u64(p, usage_permille(u->sums.errors, calls));
    row_bool(p, usage_errs(calls, u->sums.errors));
    row_u64(p, u->sums.limited);
    row_u64(p, u->sums.apps);
    put_trend(u);
    put_rhythm(u);
    put_forecast(u);
    (void)row_end(p); /* the first row of a page fits */
}

enum status view_usage_answer(struct answer *a)
{
    struct usage u = {.series = {.a = a,
                                 .apps = &a->q.v[QUERY_USAGE_APP],
                                 .from_day = a->view.first_day,
                                 .slot_end = SLOT_WITH_RECORD,
                                 .take = take},
                      .utc_today = a->view.today};
    uint64_t from_app;
    enum status st = zone_days_get(a, QUERY_USAGE_ZONE, &u.zone);
    if (st == ST_OK)
        st = plan_get(a, &u.plan);
    u.into_ms = a->context->now_ms - u.zone.at_ms[ZONE_TODAY];
    u.series.to_day = day_of_ms(u.zone.at_ms[ZONE_TOMORROW] - 1);
    if (u.series.to_day < u.utc_today)
        u.series.to_day = u.utc_today;
    if (st == ST_OK)
        st = resume(&u, &from_app);
    if (st == ST_OK)
        st = series_walk(&u.series, from_app);
    if (st != ST_OK)
        return st;
    a->open_day = a->to_day = u.zone.today;
    if (u.series.through)
        put(&u);
    else
        more(&u);
    return ST_OK;
}
