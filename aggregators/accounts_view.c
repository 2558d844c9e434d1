/* Which accounts there are. Tables whose keys begin with the account are walked from account to
 * account, and so is each visible day of the sheets; what is pending has no order and is looked
 * through for the smallest. */
#include "aggregators/view_accounts.h"

#include "aggregators/pending.h"
#include "aggregators/sheet.h"
#include "aggregators/tables.h"

static const enum days_table by_account[] = {DAYS_ACTIVITY_ACCOUNT, DAYS_CONNECTION, DAYS_CARRY,
                                             DAYS_REFERENCE};
#define BY_ACCOUNT_N (sizeof by_account / sizeof by_account[0])

/* The accounts of one table, or of one day of the sheets, ascending. */
struct walk {
    bool of_sheets;
    int32_t day;                /* of_sheets */
    struct sheet_cursor sheets; /* of_sheets */
    struct cur c;               /* else */
    bool on;
    uint64_t account; /* on: where it stands */
};

/* The smallest accounts seen so far, ascending. */
struct smallest {
    uint64_t *p; /* in the arena */
    uint32_t n, cap;
    uint64_t from;
};

struct accounts {
    struct view *v;
    struct walk *walks; /* in the arena */
    uint32_t walks_n;
    struct smallest pending;
    uint32_t pending_at;
    uint64_t looked_up;
    bool begun;
    uint64_t account; /* begun: the one told last */
};

/* ---- stored ---- */

static void walk_table_to(struct accounts *g, struct walk *w, uint64_t account)
{
    uint8_t key[9];
    w->on = cur_seek(&w->c, key, (size_t)(put_ordered(key, account) - key));
    if (!w->on)
        return;
    struct reader r = reader_of(w->c.key.p, w->c.key.n);
    w->account = read_ordered(&r);
    if (r.bad)
        txn_fail(&g->v->txn, ST_CORRUPT);
    w->on = !r.bad;
}

/* To the first account at or above. */
static void walk_to(struct accounts *g, struct walk *w, uint64_t account)
{
    g->looked_up++;
    if (!w->of_sheets) {
        walk_table_to(g, w, account);
        return;
    }
    w->on = sheet_cursor_seek(&w->sheets, w->day, account) && w->sheets.day == w->day;
    w->account = w->sheets.account;
}

static void open_walks(struct accounts *g, uint64_t from)
{
    for (uint32_t i = 0; i < g->walks_n; i++) {
        struct walk *w = &g->walks[i];
        w->of_sheets = i >= BY_ACCOUNT_N;
        w->day = w->of_sheets ? g->v->first_day + (int32_t)(i - BY_ACCOUNT_N) : 0;
        if (w->of_sheets)
            sheet_cursor_open(&g->v->txn, &w->sheets);
        else
            cur_open(&g->v->txn, by_account[i], &w->c);
        walk_to(g, w, from);
    }
}

/* ---- pending ---- */

static void keep(struct smallest *s, uint64_t account)
{
    uint32_t low = 0, high = s->n;
    if (account < s->from || (s->n == s->cap && account >= s->p[s->n - 1]))
        return;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (s->p[middle] < account)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->n && s->p[low] == account)
        return;
    s->n += s->n < s->cap;
    memmove(s->p + low + 1, s->p + low, (s->n - 1 - low) * sizeof *s->p);
    s->p[low] = account;
}

static void look_through_pending(struct accounts *g)
{
    const struct view *v = g->v;
    for (unsigned i = 0; i < v->gen_n; i++) {
        const struct generation *gen = v->gen[i];
        for (uint32_t k = 0; k < gen->tally.n; k++)
            if (gen->tally.p[k].day >= v->first_day)
                keep(&g->pending, gen->tally.p[k].account);
        for (uint32_t k = 0; k < gen->reference.n; k++)
            keep(&g->pending, gen->reference.p[k].account);
    }
    for (unsigned i = 0; i < v->signals_n; i++)
        for (uint32_t k = 0; k < v->signals[i]->account.n; k++)
            keep(&g->pending, v->signals[i]->account.p[k].account);
}

/* ---- both ---- */

/* The smallest account that any of them stands on; false: all have ended. */
static bool lowest(const struct accounts *g, uint64_t *out)
{
    bool found = g->pending_at < g->pending.n;
    *out = found ? g->pending.p[g->pending_at] : 0;
    for (uint32_t i = 0; i < g->walks_n; i++)
        if (g->walks[i].on && (!found || g->walks[i].account < *out)) {
            *out = g->walks[i].account;
            found = true;
        }
    return found;
}

static void pass(struct accounts *g, uint64_t account)
{
    if (g->pending_at < g->pending.n && g->pending.p[g->pending_at] == account)
        g->pending_at++;
    for (uint32_t i = 0; i < g->walks_n; i++)
        if (g->walks[i].on && g->walks[i].account == account)
            walk_to(g, &g->walks[i], account + 1);
}

struct accounts *accounts_open(struct view *v, uint64_t from, uint32_t limit, struct arena *a)
{
    /* Sheets up to tomorrow: clocks differ. */
    const int32_t days = v->today + 2 - v->first_day;
    struct accounts *g = arena_alloc(a, sizeof *g);
    if (!g) {
        txn_fail(&v->txn, ST_NO_MEMORY);
        return NULL;
    }
    *g = (struct accounts){.v = v, .walks_n = BY_ACCOUNT_N + (days > 0 ? (uint32_t)days : 0)};
    g->walks = arena_alloc(a, g->walks_n * sizeof *g->walks);
    g->pending = (struct smallest){.cap = limit, .from = from};
    g->pending.p = arena_alloc(a, limit * sizeof *g->pending.p);
    if (!g->walks || !g->pending.p) {
        txn_fail(&v->txn, ST_NO_MEMORY);
        return NULL;
    }
    look_through_pending(g);
    open_walks(g, from);
    return g;
}

bool accounts_next(struct accounts *g, uint64_t *account)
{
    if (g->begun)
        pass(g, g->account);
    g->begun = lowest(g, &g->account);
    *account = g->account;
    return g->begun;
}

uint64_t accounts_looked_up(const struct accounts *g)
{
    return g->looked_up;
}

void accounts_close(struct accounts *g)
{
    for (uint32_t i = 0; i < g->walks_n; i++)
        if (g->walks[i].of_sheets)
            sheet_cursor_close(&g->walks[i].sheets);
        else
            cur_close(&g->walks[i].c);
}
