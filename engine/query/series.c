#include "engine/query/series.h"

#include "engine/base/check.h"

/* Read from a day at once: so little that a window of all days stays in the cache, and at least so
 * much however little of the budget is left. */
#define PART_CELLS_MAX 4096
#define PART_CELLS_MIN 64
#define TAKE_WORK      300 /* of one app: gathering and judging its days */

/* One window: the sheets of all days, and how far each has been taken. */
struct window {
    uint64_t from, to; /* apps, both inclusive */
    struct sheet days[SERIES_DAYS_MAX];
    uint32_t at[SERIES_DAYS_MAX];
};

static uint32_t days_of(const struct series *s)
{
    return s->to_day < s->from_day ? 0 : (uint32_t)(s->to_day - s->from_day + 1);
}

static void read_sheet(struct series *s, const struct sheet_query *q, struct sheet *out)
{
    struct answer *a = s->a;
    view_sheet(&a->view, q, a->scratch, out);
    a->work += QUERY_LOOKUP;
    for (uint32_t i = 0; i < out->rows_n; i++)
        a->work += 1 + out->rows[i].cells_n;
}

/* The order of reading: yesterday, today, and backwards. The last days have most cells, so they
 * bound the window for the others; and today is read within a bound, since its pending rows must be
 * sorted first. */
static uint32_t nth_day(uint32_t k, uint32_t days_n)
{
    return days_n - 1 - (k < 2 && days_n > 1 ? 1 - k : k);
}

/* Read the apps from w->from on; w->to sinks to the last of which all days were read. */
static void read_window(struct series *s, struct window *w)
{
    const struct answer *a = s->a;
    const uint32_t days_n = days_of(s);
    const uint64_t left = a->work < a->work_max ? a->work_max - a->work : 0;
    struct sheet_query q = {.account = a->account, .slot_end = s->slot_end, .from_app = w->from};
    const uint64_t share = left / (days_n ? days_n : 1) + PART_CELLS_MIN;
    q.cells_max = share < PART_CELLS_MAX ? (uint32_t)share : PART_CELLS_MAX;
    for (uint32_t k = 0; k < days_n; k++) {
        const uint32_t i = nth_day(k, days_n);
        q.day = s->from_day + (int32_t)i;
        q.to_app = w->to;
        q.only_app = w->to == 0 ? &w->to : NULL; /* to_app 0 would be no bound */
        read_sheet(s, &q, &w->days[i]);
        w->at[i] = 0;
        if (w->days[i].cut)
            w->to = w->days[i].next_app - 1;
    }
}

static void read_one(struct series *s, uint64_t app, struct window *w)
{
    struct sheet_query q = {.account = s->a->account, .slot_end = s->slot_end, .only_app = &app};
    for (uint32_t i = 0; i < days_of(s); i++) {
        q.day = s->from_day + (int32_t)i;
        read_sheet(s, &q, &w->days[i]);
        w->at[i] = 0;
    }
    w->from = w->to = app;
}

/* The next app of the window that has a row on some day. */
static bool next_app(const struct series *s, const struct window *w, uint64_t *app)
{
    bool any = false;
    *app = 0;
    for (uint32_t i = 0; i < days_of(s); i++) {
        if (w->at[i] == w->days[i].rows_n)
            continue;
        const uint64_t here = w->days[i].rows[w->at[i]].app;
        if (here <= w->to && (!any || here < *app)) {
            *app = here;
            any = true;
        }
    }
    return any;
}

/* Hand the window over app by app. False: the view has enough. */
static bool take_window(struct series *s, struct window *w)
{
    struct series_day days[SERIES_DAYS_MAX];
    uint64_t app;
    while (next_app(s, w, &app)) {
        for (uint32_t i = 0; i < days_of(s); i++) {
            days[i] = (struct series_day){NULL, 0};
            if (w->at[i] == w->days[i].rows_n || w->days[i].rows[w->at[i]].app != app)
                continue;
            const struct sheet_row *row = &w->days[i].rows[w->at[i]++];
            days[i] = (struct series_day){row->cells, row->cells_n};
        }
        s->a->work += TAKE_WORK;
        if (app != 0 && !s->take(s, app, days)) {
            s->next_app = app;
            return false;
        }
    }
    return true;
}

static bool usable(const struct series *s)
{
    return s->a->view.txn.status == ST_OK;
}

static void walk_filter(struct series *s, uint64_t from, struct window *w)
{
    bool any = false;
    for (uint32_t i = 0; i < s->apps->n && usable(s); i++) {
        const uint64_t app = s->apps->numbers[i];
        if (app < from)
            continue;
        if (any && !answer_worked(s->a, 0)) {
            s->next_app = app;
            return;
        }
        arena_reset(s->a->scratch);
        read_one(s, app, w);
        if (!take_window(s, w))
            return;
        any = true;
    }
    s->through = true;
}

static void walk_all(struct series *s, uint64_t from, struct window *w)
{
    while (usable(s)) {
        w->from = from;
        w->to = UINT64_MAX;
        arena_reset(s->a->scratch);
        read_window(s, w);
        if (!usable(s) || !take_window(s, w))
            return;
        if (w->to == UINT64_MAX) {
            s->through = true;
            return;
        }
        from = w->to + 1;
        if (!answer_worked(s->a, 0)) {
            s->next_app = from;
            return;
        }
    }
}

enum status series_walk(struct series *s, uint64_t from_app)
{
    struct window *w = arena_alloc(s->a->arena, sizeof *w);
    CHECK(days_of(s) <= SERIES_DAYS_MAX);
    if (!w)
        return ST_NO_MEMORY;
    s->through = false;
    s->next_app = from_app;
    if (s->apps->given)
        walk_filter(s, from_app, w);
    else
        walk_all(s, from_app, w);
    return s->a->view.txn.status;
}
