/* Runs in the loop right after decoding, while the events are in the cache; the common event costs
 * two comparisons. */
#include "engine/ingest/admit.h"

#define BLOCK 32 /* events whose look-ups are under way together */

struct admit_range admit_range(int64_t received_ms, int32_t floor_day)
{
    int32_t first_day = day_of_ms(received_ms) - (EVENT_DAYS - 1);

    return (struct admit_range){
        .oldest_ms = first_day * MS_PER_DAY,
        .from_ms = (floor_day > first_day ? floor_day : first_day) * MS_PER_DAY,
        .to_ms = received_ms + EVENT_FUTURE_MS,
    };
}

/* Times on the wire go far beyond the calendar's years; then the number alone is shown. */
static struct str time_text(int64_t ms, char buf[static 32])
{
    if (ms < 0 || ms > INT64_C(253402300799999))
        return (struct str){buf, text_fmt(buf, 32, "%lld", (long long)ms)};
    return str_of(time_format(ms, buf));
}

static void reject_time(struct group *g, struct slot *s, uint32_t i,
                        const struct admit_range *range)
{
    int64_t time_ms = s->batch.ev[i].time_ms;
    char is[32], bound[32];
    struct str text, is_text = time_text(time_ms, is);
    enum status code;

    if (time_ms > range->to_ms) {
        code = ST_TOO_NEW;
        text =
            group_text(g, "time is %.*s; at most %.*s is accepted, 5 minutes after it was received",
                       (int)is_text.n, is_text.p, (int)time_text(range->to_ms, bound).n, bound);
    } else if (time_ms >= range->oldest_ms) {
        code = ST_BEFORE_FLOOR;
        text = group_text(g, "time is %.*s; data begins at %.*s", (int)is_text.n, is_text.p,
                          (int)time_text(range->from_ms, bound).n, bound);
    } else {
        code = ST_TOO_OLD;
        text =
            group_text(g, "time is %.*s; at least %.*s is accepted, today and 29 days before it",
                       (int)is_text.n, is_text.p, (int)time_text(range->oldest_ms, bound).n, bound);
    }
    slot_reject(g, s, i, code, text);
}

static void reject_scope(struct group *g, struct slot *s, uint32_t i)
{
    struct str text = group_text(g, "account %llu is outside the scope of the key",
                                 (unsigned long long)s->batch.ev[i].account);

    slot_reject(g, s, i, ST_FORBIDDEN, text);
}

static void reject_limit(struct group *g, struct slot *s, uint32_t i, const char *what,
                         uint32_t limit)
{
    struct str text = group_text(g, "account %llu has %u %s; no more are allowed",
                                 (unsigned long long)s->batch.ev[i].account, limit, what);

    slot_reject(g, s, i, ST_LIMIT, text);
}

static bool in_scope(const struct ingest_source *from, const struct event *e)
{
    return from->may_write == NULL || from->may_write(from->scope, e->account);
}

/* Most events name an app that was seen before. */
static bool is_known(const struct event *e, const uint32_t *seen, uint64_t hash)
{
    return (e->app == 0 || seen[hash % CENSUS_SEEN_N] == census_fingerprint(hash)) &&
           census_app_only(e);
}

/* Judge the events from i on, at most BLOCK of them. True: some carry an id. */
static bool admit_block(struct group *g, struct slot *s, const struct admit_rules *rules,
                        const struct admit_range *range, uint32_t i)
{
    const uint32_t *seen = census_seen(rules->census);
    struct batch *b = &s->batch;
    uint32_t end = b->n - i > BLOCK ? i + BLOCK : b->n;
    uint64_t hash[BLOCK];
    enum census_kind over;
    bool has_ids = false;

    for (uint32_t k = i; k < end; k++) {
        hash[k - i] = census_hash(b->ev[k].account, CENSUS_APPS, b->ev[k].app);
        __builtin_prefetch(&seen[hash[k - i] % CENSUS_SEEN_N]);
    }
    for (uint32_t k = i; k < end; k++) {
        const struct event *e = &b->ev[k];

        if (b->verdict[k] != 0)
            continue;
        if (!in_scope(rules->from, e))
            reject_scope(g, s, k);
        else if (e->time_ms < range->from_ms || e->time_ms > range->to_ms)
            reject_time(g, s, k, range);
        else if (!is_known(e, seen, hash[k - i]) &&
                 !census_admit(rules->census, e, &g->census, &over))
            reject_limit(g, s, k, census_name(over), census_limit(rules->census, over));
        else
            has_ids |= e->has_id;
    }
    return has_ids;
}

void admit_events(struct group *g, struct slot *s, const struct admit_rules *rules)
{
    const struct admit_range range = admit_range(s->received_ms, rules->floor_day);

    for (uint32_t i = 0; i < s->batch.n; i += BLOCK)
        s->has_ids |= admit_block(g, s, rules, &range, i);
}
