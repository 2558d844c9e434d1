/* When will today's limit be reached? By the quarter-hours of today so far, the shape of yesterday,
 * and what days of these two weekdays usually have.
 *
 * What was to be expected of a quarter: by the first of these that makes at least 100 calls a day
 *   PROFILE  yesterday's calls in it, times a usual day like today over a usual day like yesterday
 *            (by weekday; 1 where not known)
 *   WEEKDAY  an equal share of a usual day like today
 *   FLAT     the pace so far, from an hour and 100 calls on
 * The pace of today is what came over what was to be expected so far, an eighth of a day's
 * expectation added to both, so that it says little early in the day. What is to come is the
 * expectation of the rest times the pace. Everything is reckoned in thousandths of calls. */
#ifndef ENGINE_QUERY_FORECAST_H
#define ENGINE_QUERY_FORECAST_H

#include "engine/query/zones.h"

#define FORECAST_CALLS_MIN 100

struct day_so_far {
    const uint64_t *today, *yesterday; /* calls by quarter since the day's start: QUARTERS_MAX */
    uint32_t quarters_n;               /* of today, 1..QUARTERS_MAX */
    int64_t into_ms;                   /* since today's start, within the day */
    uint64_t weekday, weekday_before;  /* usual days like today, like yesterday; 0: not known */
    bool limited;                      /* there is a limit: */
    uint64_t limit;
};

enum forecast_basis { FORECAST_NONE, FORECAST_PROFILE, FORECAST_WEEKDAY, FORECAST_FLAT };

struct forecast {
    enum forecast_basis basis;
    uint64_t calls;     /* by the end of the day; unless NONE */
    bool reached;       /* the limit was reached, or will be today: */
    int64_t reached_ms; /* since today's start */
};

void forecast(const struct day_so_far *d, struct forecast *out);

/* Calls of a day up to into_ms, the quarter that is not over in proportion. */
uint64_t forecast_until(const uint64_t *quarters, int64_t into_ms);

#endif
