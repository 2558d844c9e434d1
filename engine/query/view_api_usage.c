/* api_usage: API calls by day and app, or by quarter-hour; of private apps unless `kind` says
 * otherwise. */
#include "engine/query/scan.h"

#define QUARTER_MS   (15 * 60 * 1000)
#define QUARTER_DAYS 3 /* quarter-hours are kept so long */

struct usage {
    struct scan scan; /* first */
    bool by_time;
    bool any_kind;
    enum app_kind kind; /* wanted */
};

/* Calls without an app belong to no kind; an app that the catalogue lacks counts as private. */
static bool admits_kind(struct usage *u, uint64_t app)
{
    if (u->any_kind)
        return true;
    const struct catalogue_app *c = app ? catalogue_get(u->scan.a, app) : NULL;
    if (!c)
        return false;
    return (c->kind == APP_KIND_UNKNOWN ? APP_KIND_PRIVATE : c->kind) == u->kind;
}

static void add(struct scan *s, int32_t day, const struct sheet_row *row)
{
    struct usage *u = (struct usage *)s;
    if (row->cells_n == 0 || !slot_is_api(row->cells[0].slot) || !admits_kind(u, row->app))
        return;
    for (uint32_t i = 0; i < row->cells_n && slot_is_api(row->cells[i].slot); i++) {
        const uint64_t slot = row->cells[i].slot;
        const struct sum_key key = scan_key(s, day, row->app, u->by_time ? slot_quarter(slot) : 0);
        struct sum *sum = sums_at(&s->sums, &key);
        if (!sum)
            return;
        if ((unsigned)slot_which(slot) < SUM_FACTS)
            sum->n[slot_which(slot)] += row->cells[i].count;
    }
}

static bool emit(struct scan *s, const struct sum *group)
{
    const struct usage *u = (const struct usage *)s;
    struct page *p = s->a->page;
    const struct catalogue_app *c = NULL;
    if (s->by_app && group->key.app)
        c = catalogue_get(s->a, group->key.app);
    row_begin(p);
    row_day(p, group->key.day);
    row_u64(p, group->key.app);
    row_z(p, c ? app_kind_name(c->kind) : NULL);
    row_u64_if(p, u->by_time && group->key.sub < QUARTERS_PER_DAY,
               (uint64_t)(group->key.day * MS_PER_DAY + (int64_t)group->key.sub * QUARTER_MS));
    row_u64(p, group->n[API_CALLS]);
    row_u64(p, group->n[API_ERRORS]);
    row_u64(p, group->n[API_LIMITED]);
    return row_end(p);
}

/* Places of the words in query.def. */
enum { BY_DAY, BY_APP, BY_TIME };
static const enum app_kind kinds[] = {APP_KIND_PRIVATE, APP_KIND_MARKETPLACE, APP_KIND_BUILT_IN};
enum { KIND_ALL = N_OF(kinds) };

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
    if (quarters)
        answer_keep_days(a, QUARTER_DAYS);
    return ST_OK;
}

enum status view_api_usage_answer(struct answer *a)
{
    bool wanted[3] = {false};
    enum status st = read_dimensions(a, wanted);
    if (st != ST_OK)
        return st;
    if (!wanted[BY_DAY])
        page_hide(a->page, COL_API_USAGE_DAY);
    if (!wanted[BY_APP]) {
        page_hide(a->page, COL_API_USAGE_APP);
        page_hide(a->page, COL_API_USAGE_KIND);
    }
    if (!wanted[BY_TIME])
        page_hide(a->page, COL_API_USAGE_TIME);
    const uint64_t kind = question_number(&a->q, QUERY_API_USAGE_KIND, KIND_ALL);
    struct usage u = {.scan = {.a = a,
                               .apps = &a->q.v[QUERY_API_USAGE_APP],
                               .by_day = wanted[BY_DAY],
                               .by_app = wanted[BY_APP],
                               .fill = question_number(&a->q, QUERY_API_USAGE_FILL, 0),
                               .fill_subs = wanted[BY_TIME] ? QUARTERS_PER_DAY : 0,
                               .add = add,
                               .emit = emit},
                      .by_time = wanted[BY_TIME],
                      .any_kind = kind == KIND_ALL,
                      .kind = kind == KIND_ALL ? APP_KIND_UNKNOWN : kinds[kind]};
    return scan_page(&u.scan);
}
