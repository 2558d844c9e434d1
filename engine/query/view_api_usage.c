/* api_usage: API calls by day and app, or by quarter-hour; of private apps unless `kind` says
 * otherwise.
 *
 * In another zone than UTC, today and yesterday are put together of quarter-hours, each in a scan
 * of its own over the UTC days it touches; the days before are those of UTC, and their rows say so.
 * An hour between the two kinds of days may be in both or in neither. */
#include "engine/query/scan.h"
#include "engine/query/usage.h"
#include "engine/query/zones.h"

#define LOCAL_DAYS 2

/* A day of the zone. */
struct local_day {
    int32_t day;
    int64_t from_ms, to_ms;
};

struct usage {
    struct scan scan; /* first */
    bool by_time;
    /* What is counted: UTC days from..to (none when from > to), and days of the zone. */
    int32_t utc_from, utc_to;
    struct local_day local[LOCAL_DAYS];
    uint32_t local_n;
    bool parted; /* one day of the zone a scan: then the groups' keys do without the day */
    const char *zone;
};

static void add_cell(struct usage *u, const struct sum_key *key, const struct cell *cell)
{
    struct sum *sum = sums_at(&u->scan.sums, key);
    const unsigned which = slot_which(cell->slot);
    if (sum && which < SUM_FACTS)
        sum->n[which] += cell->count;
}

static void add(struct scan *s, int32_t day, const struct sheet_row *row)
{
    struct usage *u = (struct usage *)s;
    if (row->cells_n == 0 || !slot_is_api(row->cells[0].slot) ||
        !usage_admits(s->a, QUERY_API_USAGE_KIND, row->app))
        return;
    for (uint32_t i = 0; i < row->cells_n && slot_is_api(row->cells[i].slot); i++) {
        const struct cell *cell = &row->cells[i];
        const int64_t ms = slot_time_ms(day, cell->slot);
        if (day >= u->utc_from && day <= u->utc_to) {
            const uint64_t sub = u->by_time ? slot_quarter(cell->slot) : 0;
            const struct sum_key key = scan_key(s, day, row->app, sub);
            add_cell(u, &key, cell);
        }
        for (uint32_t k = 0; k < u->local_n; k++) {
            const struct local_day *l = &u->local[k];
            if (ms < l->from_ms || ms >= l->to_ms)
                continue;
            const uint64_t sub = u->by_time ? (uint64_t)((ms - l->from_ms) / QUARTER_MS) : 0;
            const struct sum_key key = scan_key(s, l->day, row->app, sub);
            add_cell(u, &key, cell);
        }
    }
}

static const struct local_day *local_of(const struct usage *u, int32_t day)
{
    for (uint32_t i = 0; i < u->local_n; i++)
        if (u->parted || u->local[i].day == day)
            return &u->local[i];
    return NULL;
}

/* Where the quarter of a group begins; 0: it is none of that day. */
static int64_t quarter_ms(const struct usage *u, const struct local_day *l,
                          const struct sum_key *key)
{
    const int64_t from = l ? l->from_ms : key->day * MS_PER_DAY;
    const int64_t to = l ? l->to_ms : from + MS_PER_DAY;
    const int64_t ms = from + (int64_t)key->sub * QUARTER_MS;
    return u->by_time && ms < to ? ms : 0;
}

static bool emit(struct scan *s, const struct sum *group)
{
    const struct usage *u = (const struct usage *)s;
    const struct local_day *l = local_of(u, group->key.day);
    const int32_t day = l ? l->day : group->key.day;
    struct page *p = s->a->page;
    const struct catalogue_app *c = NULL;
    const int64_t ms = quarter_ms(u, l, &group->key);
    if (s->by_app && group->key.app)
        c = catalogue_get(s->a, group->key.app);
    /* With `fill` the days read are more than the days wanted, and not all have 96 quarters. */
    if (s->by_day && !l && (day < u->utc_from || day > u->utc_to))
        return true;
    if (l && u->by_time && !ms)
        return true;
    row_begin(p);
    row_day(p, day);
    row_z(p, l ? u->zone : "UTC");
    row_u64(p, group->key.app);
    row_z(p, c ? app_kind_name(c->kind) : NULL);
    row_time_if(p, ms);
    row_u64(p, group->n[API_CALLS]);
    row_u64(p, group->n[API_ERRORS]);
    row_u64(p, group->n[API_LIMITED]);
    return row_end(p);
}

/* Places of the words in query.def. */
enum { BY_DAY, BY_APP, BY_TIME };

static enum status read_dimensions(struct answer *a, bool wanted[static 3])
{
    const struct values *by = &a->q.v[QUERY_API_USAGE_GROUP_BY];
    const bool quarters = question_number(&a->q, QUERY_API_USAGE_SLOT, 0) == 1;
    for (uint32_t i = 0; i < by->n; i++)
        wanted[by->numbers[i]] = true;
    if (quarters && !by->given)
        wanted[BY_TIME] = true;
    if (wanted[BY_TIME] && !quarters)
        return answer_refuse(a, ST_BAD_PARAMETER,
                             "group_by is time with slot day; allowed: time with slot quarter");
    if (wanted[BY_TIME] && !wanted[BY_DAY])
        return answer_refuse(a, ST_BAD_PARAMETER,
                             "group_by is time without day; allowed: time together with day");
    return ST_OK;
}

/* ---- the range in a zone ---- */

static int32_t earlier(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t later(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The range of the question anew, for its days are those of the zone's calendar. */
static void clip_to_zone(struct answer *a, const struct zone_days *z, bool quarters)
{
    const struct values *from = &a->q.v[QUERY_API_USAGE_FROM], *to = &a->q.v[QUERY_API_USAGE_TO];
    const int32_t oldest = quarters ? z->today - 1 : z->today - 29;
    const int32_t first = later(a->view.first_day, oldest);
    const char *bound = first > a->view.first_day ? "retention" : a->bound;
    a->from_day = from->n ? (int32_t)from->numbers[0] : first;
    a->to_day = earlier(to->n ? (int32_t)to->numbers[0] : z->today, z->today);
    if (!from->n || a->from_day < first) {
        a->from_day = first;
        a->bound = bound;
    }
    a->open_day = z->today;
}

/* Split the range into UTC days and days of the zone. */
static void split(struct usage *u, const struct zone_days *z)
{
    const struct answer *a = u->scan.a;
    u->utc_from = a->from_day;
    u->utc_to = earlier(a->to_day, z->today - LOCAL_DAYS);
    for (int i = ZONE_YESTERDAY; i <= ZONE_TODAY; i++) {
        const int32_t day = z->today + i - ZONE_TODAY;
        if (day >= a->from_day && day <= a->to_day)
            u->local[u->local_n++] = (struct local_day){day, z->at_ms[i], z->at_ms[i + 1]};
    }
}

/* Let the scan read the UTC days that the days wanted touch. */
static void read_touched(struct usage *u)
{
    struct answer *a = u->scan.a;
    a->from_day = u->utc_from;
    a->to_day = u->utc_to;
    for (uint32_t i = 0; i < u->local_n; i++) {
        const int32_t from = day_of_ms(u->local[i].from_ms);
        const int32_t to = day_of_ms(u->local[i].to_ms - 1);
        const bool none = a->from_day > a->to_day;
        a->from_day = none ? from : earlier(a->from_day, from);
        a->to_day = none ? to : later(a->to_day, to);
        a->to_day = later(a->to_day, u->scan.fill ? u->local[i].day : a->to_day);
    }
}

/* One scan over everything: for fill, and where days are not told apart. */
static enum status answer_at_once(struct usage *u)
{
    read_touched(u);
    return scan_page(&u->scan);
}

/* A scan for the UTC days, then one for each day of the zone. The cursor says which. */
static enum status answer_in_parts(struct usage *u)
{
    struct answer *a = u->scan.a;
    const struct usage whole = *u;
    uint64_t first = 0; /* 0: the UTC days; else the number of a day of the zone */
    if (a->resumed)
        first = read_varint(&a->cursor);
    bool begun = !a->resumed || first == 0, any = false;
    a->parted = true;
    for (uint32_t part = 0; part <= whole.local_n; part++) {
        *u = whole;
        u->local_n = 0;
        a->part = part ? (uint64_t)whole.local[part - 1].day : 0;
        begun |= part && a->part == first;
        if (!begun)
            continue;
        if (part) {
            u->parted = true;
            u->scan.by_day = false;
            u->utc_to = u->utc_from - 1;
            u->local[u->local_n++] = whole.local[part - 1];
        }
        if (any && (page_full(a->page) || !answer_worked(a, 0))) {
            buf_varint(answer_more(a), 0); /* the next part from its start */
            return ST_OK;
        }
        read_touched(u);
        const enum status st = scan_page(&u->scan);
        if (st != ST_OK || a->more)
            return st;
        any = true;
        a->resumed = false;
    }
    if (!begun)
        return answer_refuse(a, ST_BAD_CURSOR,
                             "the day that this cursor was of is no longer kept by quarter-hours; "
                             "ask from the start");
    return ST_OK;
}

static enum status answer_in_zone(struct usage *u, const struct zone_days *z)
{
    struct answer *a = u->scan.a;
    clip_to_zone(a, z, question_number(&a->q, QUERY_API_USAGE_SLOT, 0) == 1);
    split(u, z);
    if (!u->scan.by_day && u->local_n && u->utc_from <= u->utc_to)
        return answer_refuse(a, ST_BAD_PARAMETER,
                             "zone is %s and group_by leaves day out, over days of two zones; "
                             "allowed: day in group_by, or from of yesterday or later",
                             z->name);
    const int32_t from = a->from_day, to = a->to_day;
    if (u->by_time)
        u->scan.fill_subs = QUARTERS_MAX;
    u->scan.fill &= u->scan.by_day;
    const enum status st = u->scan.fill || !u->scan.by_day ? answer_at_once(u) : answer_in_parts(u);
    a->from_day = from;
    a->to_day = to;
    return st;
}

enum status view_api_usage_answer(struct answer *a)
{
    bool wanted[3] = {false};
    struct zone_days zone;
    enum status st = read_dimensions(a, wanted);
    if (st == ST_OK)
        st = zone_days_get(a, QUERY_API_USAGE_ZONE, &zone);
    if (st != ST_OK)
        return st;
    if (!wanted[BY_DAY])
        page_hide(a->page, COL_API_USAGE_DAY);
    if (!wanted[BY_DAY] || !a->q.v[QUERY_API_USAGE_ZONE].given)
        page_hide(a->page, COL_API_USAGE_ZONE);
    if (!wanted[BY_APP]) {
        page_hide(a->page, COL_API_USAGE_APP);
        page_hide(a->page, COL_API_USAGE_KIND);
    }
    if (!wanted[BY_TIME])
        page_hide(a->page, COL_API_USAGE_TIME);
    struct usage u = {.scan = {.a = a,
                               .apps = &a->q.v[QUERY_API_USAGE_APP],
                               .by_day = wanted[BY_DAY],
                               .by_app = wanted[BY_APP],
                               .fill = question_number(&a->q, QUERY_API_USAGE_FILL, 0),
                               .fill_subs = wanted[BY_TIME] ? QUARTERS_PER_DAY : 0,
                               .add = add,
                               .emit = emit},
                      .by_time = wanted[BY_TIME],
                      .zone = zone.name};
    if (!zone.utc)
        return answer_in_zone(&u, &zone);
    if (question_number(&a->q, QUERY_API_USAGE_SLOT, 0) == 1)
        answer_keep_days(a, QUARTER_DAYS);
    u.utc_from = a->from_day;
    u.utc_to = a->to_day;
    return scan_page(&u.scan);
}
