/* The account's plan, and days of a zone: what "today" and "yesterday" mean where the daily limit
 * is not reset at midnight UTC. */
#ifndef ENGINE_QUERY_ZONES_H
#define ENGINE_QUERY_ZONES_H

#include "engine/query/answer.h"

#define QUARTER_MS   (MS_PER_DAY / QUARTERS_PER_DAY)
#define QUARTER_DAYS 3   /* UTC days of which quarter-hours are kept: today and two before */
#define QUARTERS_MAX 112 /* of one day of a zone: 24 hours and what clocks are set back */

/* ---- zones that were read (loop thread) ---- */

struct zones; /* opaque, heap: the last 64 of them, each read again after a day */

struct zones *zones_new(void); /* NULL: no memory */
void zones_free(struct zones **z);

/* ---- the plan ---- */

struct plan {
    struct str tier, reset_zone; /* borrowed from the view; p == NULL: not known */
    bool has_daily_limit, has_ten_seconds_limit;
    uint64_t daily_limit, ten_seconds_limit;
};

/* All absent when the account has none. */
enum status plan_get(struct answer *a, struct plan *out) MUST_CHECK;

/* ---- days of a zone ---- */

enum { ZONE_YESTERDAY, ZONE_TODAY, ZONE_TOMORROW, ZONE_DAYS_N };

struct zone_days {
    const char *name;           /* in the arena, or "UTC" */
    bool utc;                   /* the days are those of UTC */
    int32_t today;              /* its number in the zone's calendar */
    int64_t at_ms[ZONE_DAYS_N]; /* where yesterday, today and tomorrow begin; whole quarters */
};

/* What a parameter `zone` means: "UTC", "account" (the plan's reset_zone, UTC where it names none
 * that is known), or an IANA name (refused when there is none). A zone whose days are no whole
 * quarters, or begin before the quarters that are kept, is answered in UTC. */
enum status zone_days_get(struct answer *a, enum query_param_id zone,
                          struct zone_days *out) MUST_CHECK;

/* The quarter of a slot as an instant: its start. A quarter that is not known is taken as noon. */
static inline int64_t slot_time_ms(int32_t utc_day, uint64_t slot)
{
    const unsigned quarter = slot_quarter(slot);
    return utc_day * MS_PER_DAY +
           (int64_t)(quarter < QUARTERS_PER_DAY ? quarter : QUARTERS_PER_DAY / 2) * QUARTER_MS;
}

#endif
