#include "engine/query/forecast.h"

#include "engine/base/check.h"

#define MILLI        1000
#define CALLS_MAX    (UINT64_C(1) << 46) /* of a quarter: what is above counts as this */
#define EARLY_SHARE  8
#define FLAT_FROM_MS (4 * QUARTER_MS)

typedef unsigned __int128 wide;

/* The day as it was expected to go, in thousandths of calls. */
struct expected {
    uint64_t quarters[QUARTERS_MAX];
    uint64_t day, so_far;
};

static uint64_t capped(wide v)
{
    return v < CALLS_MAX * MILLI ? (uint64_t)v : CALLS_MAX * MILLI;
}

/* v * part / whole, in between without overflow. */
static uint64_t share(uint64_t v, uint64_t part, uint64_t whole)
{
    return (uint64_t)((wide)v * part / whole);
}

static uint64_t calls_of(const uint64_t *quarters)
{
    wide sum = 0;
    for (uint32_t k = 0; k < QUARTERS_MAX; k++)
        sum += quarters[k];
    return sum < UINT64_MAX ? (uint64_t)sum : UINT64_MAX;
}

uint64_t forecast_until(const uint64_t *quarters, int64_t into_ms)
{
    const uint32_t now = (uint32_t)(into_ms / QUARTER_MS);
    wide sum = 0;
    for (uint32_t k = 0; k < now && k < QUARTERS_MAX; k++)
        sum += quarters[k];
    if (now < QUARTERS_MAX)
        sum += share(quarters[now], (uint64_t)(into_ms % QUARTER_MS), QUARTER_MS);
    return sum < UINT64_MAX ? (uint64_t)sum : UINT64_MAX;
}

static uint64_t expect(const struct day_so_far *d, enum forecast_basis basis, uint32_t quarter,
                       uint64_t calls)
{
    switch (basis) {
    case FORECAST_PROFILE:
        if (!d->weekday || !d->weekday_before)
            return capped((wide)d->yesterday[quarter] * MILLI);
        return capped((wide)capped((wide)d->yesterday[quarter] * MILLI) * d->weekday /
                      d->weekday_before);
    case FORECAST_WEEKDAY:
        return capped((wide)d->weekday * MILLI / d->quarters_n);
    case FORECAST_FLAT:
        if (calls < FORECAST_CALLS_MIN || d->into_ms < FLAT_FROM_MS)
            return 0;
        return capped((wide)calls * MILLI * QUARTER_MS / (uint64_t)d->into_ms);
    case FORECAST_NONE:
        break;
    }
    return 0;
}

/* The limit was reached already: in which quarter, and where in it if its calls came evenly. */
static int64_t reached_when(const struct day_so_far *d)
{
    wide before = 0;
    uint32_t k = 0;
    for (; k + 1 < QUARTERS_MAX && before + d->today[k] < d->limit; k++)
        before += d->today[k];
    const int64_t from = k * QUARTER_MS;
    int64_t span = d->into_ms - from;
    if (span < 0 || span > QUARTER_MS)
        span = span < 0 ? 0 : QUARTER_MS;
    if (d->today[k] == 0)
        return from; /* a limit of nothing */
    return from + (int64_t)share((uint64_t)span, d->limit - (uint64_t)before, d->today[k]);
}

/* Walk the rest of the day, its expectation times pace / base, until `missing` has come. */
static void look_ahead(const struct day_so_far *d, const struct expected *e, uint64_t pace,
                       uint64_t base, struct forecast *out)
{
    const uint64_t calls = calls_of(d->today);
    const wide missing = (wide)(d->limit - calls) * MILLI;
    uint64_t expected = 0;
    wide before = 0;
    for (uint32_t k = (uint32_t)(d->into_ms / QUARTER_MS); k < d->quarters_n; k++) {
        const int64_t from = k * QUARTER_MS < d->into_ms ? d->into_ms : k * QUARTER_MS;
        const int64_t span = (k + 1) * QUARTER_MS - from;
        expected += share(e->quarters[k], (uint64_t)span, QUARTER_MS);
        const wide after = (wide)expected * pace / base;
        if (after >= missing) {
            out->reached = true;
            out->reached_ms =
                from + (int64_t)((missing - before) * (uint64_t)span / (after - before));
            return;
        }
        before = after;
    }
}

/* The day as the first basis that says enough expects it. */
static enum forecast_basis expect_day(const struct day_so_far *d, uint64_t calls,
                                      struct expected *e)
{
    for (enum forecast_basis basis = FORECAST_PROFILE; basis <= FORECAST_FLAT; basis++) {
        *e = (struct expected){.day = 0};
        for (uint32_t k = 0; k < d->quarters_n; k++) {
            e->quarters[k] = expect(d, basis, k, calls);
            e->day += e->quarters[k];
        }
        e->so_far = forecast_until(e->quarters, d->into_ms);
        if (e->day + QUARTERS_MAX >= FORECAST_CALLS_MIN * MILLI) /* each was rounded down */
            return basis;
    }
    return FORECAST_NONE;
}

void forecast(const struct day_so_far *d, struct forecast *out)
{
    const uint64_t calls = calls_of(d->today);
    struct expected e;
    CHECK(d->quarters_n > 0 && d->quarters_n <= QUARTERS_MAX);
    *out = (struct forecast){.basis = expect_day(d, calls, &e)};
    if (d->limited && calls >= d->limit) {
        out->reached = true;
        out->reached_ms = reached_when(d);
    }
    if (out->basis == FORECAST_NONE)
        return;
    const uint64_t early = e.day / EARLY_SHARE;
    const uint64_t pace = capped((wide)calls * MILLI) + early, base = e.so_far + early;
    const uint64_t rest = e.day > e.so_far ? e.day - e.so_far : 0;
    out->calls = calls + share(rest, pace, base) / MILLI;
    if (d->limited && !out->reached)
        look_ahead(d, &e, pace, base, out);
}
