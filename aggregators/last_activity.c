/* Last activity: one sorted list, into which each day's sorted rows are merged. Only heads of rows
 * are read, and nothing is allocated for a day whose apps are known already. */
#include "aggregators/last_activity.h"

#include "aggregators/merge.h"
#include "aggregators/sheet.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

struct lasts {
    struct last_activity *p; /* in the arena; ascending app */
    uint32_t n, cap;
};

struct gathering {
    struct view *v;
    const struct last_query *q;
    struct arena *a;
    struct lasts all, fresh; /* fresh: apps of the day at hand that `all` lacks */
    uint32_t at;             /* place in `all` that the day has reached */
    uint64_t to_app;
    uint64_t rows_read;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void push(struct gathering *g, struct lasts *to, const struct last_activity *x)
{
    if (to->n == to->cap) {
        const uint32_t cap = to->cap ? to->cap * 2 : 256;
        struct last_activity *p = arena_alloc(g->a, cap * sizeof *p);
        if (!p) {
            txn_fail(&g->v->txn, ST_NO_MEMORY);
            return;
        }
        if (to->n)
            memcpy(p, to->p, to->n * sizeof *p);
        to->p = p;
        to->cap = cap;
    }
    to->p[to->n++] = *x;
}

static void join(struct last_activity *to, const struct last_activity *x)
{
    to->sent_ms = later(to->sent_ms, x->sent_ms);
    to->received_ms = later(to->received_ms, x->received_ms);
}

/* Take one app of a list that ascends. */
static void take(struct gathering *g, const struct last_activity *x)
{
    while (g->at < g->all.n && g->all.p[g->at].app < x->app)
        g->at++;
    if (g->at < g->all.n && g->all.p[g->at].app == x->app)
        join(&g->all.p[g->at], x);
    else if (g->fresh.n && g->fresh.p[g->fresh.n - 1].app == x->app)
        join(&g->fresh.p[g->fresh.n - 1], x);
    else if (x->app)
        push(g, &g->fresh, x);
}

/* The list has ended: put its new apps where they belong. */
static void settle(struct gathering *g)
{
    struct lasts merged = {0};
    uint32_t i = 0, k = 0;
    g->at = 0;
    if (g->fresh.n == 0)
        return;
    if (g->all.n == 0 || g->all.p[g->all.n - 1].app < g->fresh.p[0].app) {
        for (; k < g->fresh.n; k++)
            push(g, &g->all, &g->fresh.p[k]);
        g->fresh.n = 0;
        return;
    }
    while (i < g->all.n || k < g->fresh.n) {
        const bool old = k == g->fresh.n || (i < g->all.n && g->all.p[i].app < g->fresh.p[k].app);
        push(g, &merged, old ? &g->all.p[i++] : &g->fresh.p[k++]);
    }
    g->all = merged;
    g->fresh.n = 0;
}

static struct last_activity of_day(int32_t day, uint64_t app, uint32_t sent_ms1,
                                   uint32_t received_ms1)
{
    const int64_t start_ms = day * MS_PER_DAY;
    return (struct last_activity){app, sent_ms1 ? start_ms + sent_ms1 - 1 : 0,
                                  received_ms1 ? start_ms + received_ms1 - 1 : 0};
}

/* So many rows of one day are enough: the list is complete below `app` only. */
static bool cut(struct gathering *g, uint64_t rows, uint64_t app)
{
    if (g->q->rows_max == 0 || rows < g->q->rows_max || app > g->to_app)
        return false;
    g->to_app = app - 1;
    return true;
}

static void take_rows(struct gathering *g, struct sheet_cursor *c)
{
    uint64_t app = c->app_first;
    struct sheet_row_reader row;
    while (sheet_next(&c->rows, &app, &row) && row.app <= g->to_app) {
        g->rows_read++;
        if (row.app < g->q->from_app)
            continue;
        const struct last_activity x = of_day(c->day, row.app, row.sent_ms1, row.received_ms1);
        take(g, &x);
    }
    c->bad |= c->rows.bad;
}

static void take_stored(struct gathering *g, int32_t day)
{
    const uint64_t begun = g->rows_read;
    struct sheet_cursor c;
    sheet_cursor_open(&g->v->txn, &c);
    bool on = sheet_cursor_find(&c, day, g->q->account);
    if (on && g->q->from_app)
        on = sheet_cursor_to_app(&c, g->q->from_app);
    for (; on; on = sheet_cursor_next_chunk(&c)) {
        if (c.app_first > g->to_app || cut(g, g->rows_read - begun, c.app_first))
            break;
        take_rows(g, &c);
    }
    sheet_cursor_close(&c);
}

static int by_app(const void *a, const void *b)
{
    const struct last_activity *x = a, *y = b;
    return x->app < y->app ? -1 : x->app > y->app;
}

static void take_pending(struct gathering *g, const struct generation *gen, int32_t day)
{
    const struct tally *t = pending_tally(gen, g->q->account, day);
    struct lasts rows = {0};
    for (uint32_t at = t ? t->first_row : NONE; at != NONE; at = gen->row.p[at].next) {
        const struct row *r = &gen->row.p[at];
        g->rows_read++;
        if (r->app < g->q->from_app || r->app > g->to_app)
            continue;
        const struct last_activity x = of_day(day, r->app, r->sent_ms1, r->received_ms1);
        push(g, &rows, &x);
    }
    if (rows.n > 1)
        qsort(rows.p, rows.n, sizeof *rows.p, by_app);
    for (uint32_t i = 0; i < rows.n && !cut(g, i, rows.p[i].app); i++)
        take(g, &rows.p[i]);
    settle(g);
}

static void take_carry(struct gathering *g)
{
    uint8_t prefix[18], key[18];
    const size_t prefix_n = (size_t)(put_ordered(prefix, g->q->account) - prefix);
    uint8_t *end = put_ordered(put_ordered(key, g->q->account), g->q->from_app);
    uint64_t n = 0;
    struct cur c;
    cur_open(&g->v->txn, DAYS_CARRY, &c);
    for (bool on = cur_seek(&c, key, (size_t)(end - key));
         on && cur_has_prefix(&c, prefix, prefix_n); on = cur_next(&c)) {
        struct reader k = reader_of(c.key.p, c.key.n), r = reader_of(c.val.p, c.val.n);
        (void)read_ordered(&k); /* the account */
        struct last_activity x = {.app = read_ordered(&k)};
        if (x.app > g->to_app || cut(g, n++, x.app))
            break;
        x.sent_ms = read_time(&r);
        x.received_ms = read_time(&r);
        if (k.bad || r.bad) {
            txn_fail(&g->v->txn, ST_CORRUPT);
            break;
        }
        take(g, &x);
        g->rows_read++;
    }
    cur_close(&c);
    settle(g);
}

void view_last_activity(struct view *v, const struct last_query *q, struct arena *a,
                        struct last_list *out)
{
    struct gathering g = {.v = v, .q = q, .a = a, .to_app = q->to_app};
    for (int32_t day = v->today + 1; day >= v->first_day; day--) {
        take_stored(&g, day);
        settle(&g);
        for (unsigned i = 0; i < v->gen_n; i++)
            take_pending(&g, v->gen[i], day);
    }
    take_carry(&g);
    while (g.all.n && g.all.p[g.all.n - 1].app > g.to_app)
        g.all.n--;
    *out = (struct last_list){g.all.p, g.all.n, g.to_app, g.rows_read};
}
