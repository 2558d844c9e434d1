/* record_alerts: days on which an app changed records as it had not before, or far more or less
 * than it does.
 *
 * First times need a past: an app must have changed records on 3 earlier visible days before its
 * first delete, its first merge or its first touch of an object type is worth a word. */
#include "engine/query/alerts.h"

#include "engine/base/check.h"

#define PAST_DAYS 3

/* Words of query.def. */
enum { RULE_FIRST_DELETE, RULE_FIRST_MERGE, RULE_FIRST_TYPE, RULE_VOLUME_HIGH, RULE_VOLUME_LOW };

/* An object type of an app: the first day it was touched, as place in the range. */
struct touched {
    object_type_id type;
    uint32_t day;
    uint64_t events; /* on that day */
};

struct record_alerts {
    struct alerts alerts; /* first */
    uint64_t days[ACTION_N][SERIES_DAYS_MAX];
    bool active[SERIES_DAYS_MAX];
    struct touched *types; /* of the app being judged; ascending */
    uint32_t types_n, types_cap;
};

/* Room for one more type at a place; false: no memory, which the view's status says. */
static bool make_room(struct record_alerts *r, uint32_t at)
{
    struct answer *a = r->alerts.series.a;
    if (r->types_n == r->types_cap) {
        const uint32_t cap = r->types_cap ? r->types_cap * 2 : 32;
        struct touched *types = arena_alloc(a->arena, cap * sizeof *types);
        if (!types) {
            txn_fail(&a->view.txn, ST_NO_MEMORY);
            return false;
        }
        if (r->types_n)
            memcpy(types, r->types, r->types_n * sizeof *types);
        r->types = types;
        r->types_cap = cap;
    }
    memmove(r->types + at + 1, r->types + at, (r->types_n - at) * sizeof *r->types);
    r->types_n++;
    return true;
}

/* Count events of a type; from: where to look, for a day's cells come in order of the types. */
static void touch(struct record_alerts *r, const struct touched *t, uint32_t *from)
{
    while (*from < r->types_n && r->types[*from].type < t->type)
        ++*from;
    if (*from < r->types_n && r->types[*from].type == t->type) {
        if (r->types[*from].day == t->day)
            r->types[*from].events += t->events;
    } else if (make_room(r, *from)) {
        r->types[*from] = *t;
    }
}

static void read_day(struct record_alerts *r, uint32_t day, const struct series_day *d)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < d->cells_n; i++) {
        const struct cell *cell = &d->cells[i];
        if (!slot_is_record(cell->slot))
            continue;
        r->active[day] = true;
        if (slot_action(cell->slot) < ACTION_N)
            r->days[slot_action(cell->slot)][day] += cell->count;
        touch(r, &(struct touched){slot_type(cell->slot), day, cell->count}, &from);
    }
}

/* The first place that has PAST_DAYS active days before it. */
static uint32_t past_end(const struct record_alerts *r, uint32_t days_n)
{
    uint32_t past = 0, i = 0;
    for (; i < days_n && past < PAST_DAYS; i++)
        past += r->active[i];
    return i;
}

static void add_first(struct record_alerts *r, enum record_action action, unsigned rule,
                      uint32_t past)
{
    const struct series *s = &r->alerts.series;
    const uint32_t days_n = (uint32_t)(s->to_day - s->from_day + 1);
    uint32_t i = 0;
    while (i < days_n && r->days[action][i] == 0)
        i++;
    if (i < days_n && i >= past)
        alerts_add(&r->alerts, &(struct alert){.day = s->from_day + (int32_t)i,
                                               .rule = rule,
                                               .action = action + 1,
                                               .value = r->days[action][i]});
}

static void judge(struct alerts *al, uint64_t app, const struct series_day *days)
{
    struct record_alerts *r = (struct record_alerts *)al;
    const uint32_t days_n = (uint32_t)(al->series.to_day - al->series.from_day + 1);
    (void)app; /* judged by its days alone */
    memset(r->days, 0, sizeof r->days);
    memset(r->active, 0, sizeof r->active);
    r->types_n = 0;
    for (uint32_t i = 0; i < days_n; i++)
        read_day(r, i, &days[i]);
    const uint32_t past = past_end(r, days_n);
    add_first(r, ACTION_DELETED, RULE_FIRST_DELETE, past);
    add_first(r, ACTION_MERGED, RULE_FIRST_MERGE, past);
    for (uint32_t i = 0; i < r->types_n; i++)
        if (r->types[i].day >= past)
            alerts_add(al, &(struct alert){.day = al->series.from_day + (int32_t)r->types[i].day,
                                           .rule = RULE_FIRST_TYPE,
                                           .type = r->types[i].type + 1,
                                           .value = r->types[i].events});
    for (unsigned action = 0; action < ACTION_N; action++)
        alerts_add_rhythm(al, r->days[action],
                          &(struct alert){.rule = RULE_VOLUME_HIGH, .action = action + 1},
                          &(struct alert){.rule = RULE_VOLUME_LOW, .action = action + 1});
}

static bool put(struct alerts *al, uint64_t app, const struct alert *alert)
{
    static const char *const names[] = {"first_delete", "first_merge", "first_type", "volume_high",
                                        "volume_low"};
    struct answer *a = al->series.a;
    struct page *p = a->page;
    char text[32];
    struct str type = {NULL, 0};
    if (alert->type)
        type = object_type_text(alert->type - 1, view_type_name(&a->view, alert->type - 1), text);
    row_begin(p);
    row_u64(p, app);
    row_day(p, alert->day);
    row_z(p, names[alert->rule]);
    row_str_if(p, type);
    row_z(p, alert->action ? action_name(alert->action - 1) : NULL);
    row_u64(p, alert->value);
    row_u64(p, alert->expected);
    return row_end(p);
}

enum status view_record_alerts_answer(struct answer *a)
{
    struct record_alerts r = {
        .alerts = {.series = {.a = a, .apps = &a->q.v[QUERY_RECORD_ALERTS_APP]},
                   .rules = &a->q.v[QUERY_RECORD_ALERTS_RULE],
                   .judge = judge,
                   .put = put}};
    return alerts_page(&r.alerts);
}
