/* Zones are read from files of some 3 KB when a question first names them, and kept: a look-up
 * costs nothing then. They are read again after a day, so that a new tzdata needs no restart. */
#include "engine/query/zones.h"

#include "engine/base/zone.h"
#include "schemas/fields.h"

#include <stdlib.h>

#define ZONES_MAX 64

struct zones {
    struct {
        char name[ZONE_NAME_MAX + 1];
        int32_t read_day;
        struct zone *zone; /* owned; NULL: free */
    } slots[ZONES_MAX];
    unsigned next; /* slot to give up */
};

struct zones *zones_new(void)
{
    return calloc(1, sizeof(struct zones));
}

void zones_free(struct zones **z)
{
    for (unsigned i = 0; *z && i < ZONES_MAX; i++)
        zone_free(&(*z)->slots[i].zone);
    free(*z);
    *z = NULL;
}

static enum status find(struct answer *a, struct str name, const struct zone **out)
{
    struct zones *z = a->zones;
    const int32_t today = day_of_ms(a->context->now_ms);
    struct zone *zone = NULL;
    unsigned at = 0;
    while (at < ZONES_MAX && !(z->slots[at].zone && str_eq(name, str_of(z->slots[at].name))))
        at++;
    if (at < ZONES_MAX && z->slots[at].read_day == today) {
        *out = z->slots[at].zone;
        return ST_OK;
    }
    const enum status st = zone_read(NULL, name, &zone);
    if (st != ST_OK)
        return st;
    if (at == ZONES_MAX) {
        at = z->next;
        z->next = (z->next + 1) % ZONES_MAX;
    }
    zone_free(&z->slots[at].zone);
    text_fmt(z->slots[at].name, sizeof z->slots[at].name, "%.*s", (int)name.n, name.p);
    z->slots[at].read_day = today;
    *out = z->slots[at].zone = zone;
    return ST_OK;
}

/* ---- the plan ---- */

enum status plan_get(struct answer *a, struct plan *out)
{
    enum { TIER, DAILY, TEN_SECONDS, ZONE, FIELDS_N };
    static const char *const names[] = {"tier", "daily_limit", "ten_seconds_limit", "reset_zone"};
    struct field_value v[FIELDS_N];
    struct str fields;
    *out = (struct plan){0};
    a->work += QUERY_LOOKUP;
    if (!view_reference(&a->view, a->account, EV_ACCOUNT_PLAN, STR(""), &fields))
        return a->view.txn.status;
    if (!fields_get(fields, names, FIELDS_N, v))
        return ST_CORRUPT;
    *out = (struct plan){.tier = v[TIER].text,
                         .reset_zone = v[ZONE].text,
                         .has_daily_limit = v[DAILY].type == FIELD_INT,
                         .daily_limit = v[DAILY].number,
                         .has_ten_seconds_limit = v[TEN_SECONDS].type == FIELD_INT,
                         .ten_seconds_limit = v[TEN_SECONDS].number};
    return ST_OK;
}

/* ---- days ---- */

static void utc_days(const struct answer *a, struct zone_days *out)
{
    *out = (struct zone_days){.name = "UTC", .utc = true, .today = day_of_ms(a->context->now_ms)};
    for (int i = 0; i < ZONE_DAYS_N; i++)
        out->at_ms[i] = (out->today + i - ZONE_TODAY) * MS_PER_DAY;
}

/* Can its yesterday and today be put together of the quarters that are kept? */
static bool exact(const struct answer *a, const struct zone_days *d)
{
    const int32_t oldest = day_of_ms(a->context->now_ms) - (QUARTER_DAYS - 1);
    for (int i = 0; i < ZONE_DAYS_N; i++)
        if (d->at_ms[i] % QUARTER_MS)
            return false;
    for (int i = 0; i + 1 < ZONE_DAYS_N; i++)
        if (d->at_ms[i + 1] - d->at_ms[i] > QUARTERS_MAX * QUARTER_MS)
            return false;
    return day_of_ms(d->at_ms[ZONE_YESTERDAY]) >= oldest;
}

static enum status days_of(struct answer *a, struct str name, struct zone_days *out)
{
    const struct zone *zone = NULL;
    const enum status st = find(a, name, &zone);
    if (st != ST_OK)
        return st;
    char *text = arena_alloc(a->arena, name.n + 1); /* zeroed */
    if (!text)
        return ST_NO_MEMORY;
    memcpy(text, name.p, name.n);
    struct zone_days d = {.name = text, .today = zone_day(zone, a->context->now_ms)};
    for (int i = 0; i < ZONE_DAYS_N; i++)
        d.at_ms[i] = zone_day_start_ms(zone, d.today + i - ZONE_TODAY);
    if (exact(a, &d))
        *out = d;
    return ST_OK;
}

enum status zone_days_get(struct answer *a, enum query_param_id param, struct zone_days *out)
{
    const struct str asked = a->q.v[param].texts[0];
    utc_days(a, out);
    if (str_eq(asked, STR("UTC")))
        return ST_OK;
    if (!str_eq(asked, STR("account"))) {
        const enum status st = days_of(a, asked, out);
        if (st != ST_NOT_FOUND)
            return st;
        return answer_refuse(a, ST_BAD_PARAMETER,
                             "zone is \"%.*s\"; allowed: UTC, account, or the name of a zone such "
                             "as Europe/Berlin",
                             (int)asked.n, asked.p);
    }
    struct plan plan;
    enum status st = plan_get(a, &plan);
    if (st == ST_OK && plan.reset_zone.p)
        st = days_of(a, plan.reset_zone, out);
    return st == ST_NOT_FOUND ? ST_OK : st;
}
