/* Read connections and the apps of an account: stored histories with pending signals let in. */
#include "aggregators/connection.h"
#include "aggregators/merge.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* One connection while it is put together. */
struct draft {
    uint64_t app, user1;
    struct history h;
};

struct drafts {
    struct view *v;
    struct arena *a;
    struct draft **p; /* in the arena; unordered */
    uint32_t n, cap;
    struct index index; /* of p by (app, user1) */
};

static uint64_t draft_hash(uint64_t app, uint64_t user1)
{
    return hash_mix(app * UINT64_C(0x9e3779b97f4a7c15) + user1);
}

static struct draft *draft_of(struct drafts *d, uint64_t app, uint64_t user1)
{
    const uint64_t h = draft_hash(app, user1);
    uint32_t at;
    for (uint32_t i = index_first(&d->index, h, &at); at != INDEX_NONE;
         i = index_next(&d->index, h, i, &at))
        if (d->p[at]->app == app && d->p[at]->user1 == user1)
            return d->p[at];
    return NULL;
}

static struct draft *draft_add(struct drafts *d, uint64_t app, uint64_t user1)
{
    if (d->n == d->cap) {
        const uint32_t cap = d->cap ? d->cap * 2 : 32;
        struct draft **p = arena_alloc(d->a, cap * sizeof(struct draft *));
        if (!p) {
            txn_fail(&d->v->txn, ST_NO_MEMORY);
            return NULL;
        }
        if (d->n)
            memcpy(p, d->p, d->n * sizeof *p);
        d->p = p;
        d->cap = cap;
    }
    struct draft *new = arena_alloc(d->a, sizeof *new);
    if (!new) {
        txn_fail(&d->v->txn, ST_NO_MEMORY);
        return NULL;
    }
    new->app = app;
    new->user1 = user1;
    index_add(&d->index, draft_hash(app, user1), d->n);
    return d->p[d->n++] = new;
}

static void drafts_fini(struct drafts *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        history_fini(&d->p[i]->h);
    index_fini(&d->index);
}

/* Which apps are read: both inclusive. `to` sinks to the last whole app when there are more than
 * apps_max (0: any number). */
struct app_range {
    uint64_t from, to;
    uint32_t apps_max;
};

/* One more app in ascending order; false: it lies beyond the range. */
static bool range_admits(struct app_range *r, uint64_t app, uint64_t *last, uint32_t *apps_n)
{
    if (app > r->to)
        return false;
    if (*apps_n && app == *last)
        return true;
    if (r->apps_max && *apps_n == r->apps_max) {
        r->to = app - 1;
        return false;
    }
    *last = app;
    ++*apps_n;
    return true;
}

static void load_connections(struct drafts *d, uint64_t account, struct app_range *range)
{
    uint8_t key[CONNECTION_KEY_MAX];
    const size_t prefix_n = (size_t)(put_ordered(key, account) - key);
    const size_t key_n = (size_t)(put_ordered(key + prefix_n, range->from) - key);
    uint64_t last = 0;
    uint32_t apps_n = 0;
    index_init(&d->index, 64);
    struct cur c;
    cur_open(&d->v->txn, DAYS_CONNECTION, &c);
    for (bool on = cur_seek(&c, key, key_n); on && cur_has_prefix(&c, key, prefix_n);
         on = cur_next(&c)) {
        struct reader k = reader_of(c.key.p, c.key.n);
        (void)read_ordered(&k);
        const uint64_t key_app = read_ordered(&k), user1 = read_ordered(&k);
        if (!range_admits(range, key_app, &last, &apps_n))
            break;
        struct draft *new = draft_add(d, key_app, user1);
        if (!new || history_load(&new->h, c.val)) {
            txn_fail(&d->v->txn, ST_CORRUPT);
            break;
        }
    }
    cur_close(&c);
    for (unsigned i = 0; i < d->v->gen_n; i++) {
        const struct generation *g = d->v->gen[i];
        const struct signal_account *a = pending_signals(g, account);
        for (uint32_t at = a ? a->last : NONE; at != NONE; at = g->signal.p[at].next) {
            const struct signal *s = &g->signal.p[at];
            if (s->app < range->from || s->app > range->to)
                continue;
            const struct entry e = entry_of_signal(g, s);
            struct draft *to = draft_of(d, e.app, e.user1);
            if (!to)
                to = draft_add(d, e.app, e.user1);
            if (!to)
                return;
            history_add(&to->h, &e);
        }
    }
}

static int by_app_user(const void *a, const void *b)
{
    const struct draft *x = *(struct draft *const *)a, *y = *(struct draft *const *)b;
    if (x->app != y->app)
        return x->app < y->app ? -1 : 1;
    return x->user1 < y->user1 ? -1 : x->user1 > y->user1;
}

void view_connections(struct view *v, uint64_t account, const uint64_t *app, struct arena *a,
                      struct connection_list *out)
{
    struct drafts d = {.v = v, .a = a};
    struct app_range range = {app ? *app : 0, app ? *app : UINT64_MAX, 0};
    load_connections(&d, account, &range);
    if (d.n > 1)
        qsort(d.p, d.n, sizeof(struct draft *), by_app_user);
    struct connection *to = arena_alloc(a, (d.n ? d.n : 1) * sizeof *to);
    *out = (struct connection_list){to, 0};
    if (!to)
        txn_fail(&v->txn, ST_NO_MEMORY);
    for (uint32_t i = 0; to && i < d.n; i++) {
        struct connection *c = &to[out->n++];
        *c = (struct connection){.app = d.p[i]->app,
                                 .user = d.p[i]->user1 ? d.p[i]->user1 - 1 : 0,
                                 .has_user = d.p[i]->user1 != 0};
        history_state(&d.p[i]->h, c);
    }
    drafts_fini(&d);
}

/* ---- apps ---- */

static int summary_by_app(const void *a, const void *b)
{
    const struct app_summary *x = a, *y = b;
    return x->app < y->app ? -1 : x->app > y->app;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* How much a state asks for attention. */
static int urgency(enum connection_state s)
{
    static const int of[STATE_N] = {
        [STATE_NONE] = 0,    [STATE_UNINSTALLED] = 1, [STATE_CONNECTED] = 2,    [STATE_REAUTH] = 3,
        [STATE_EXPIRED] = 4, [STATE_ERROR] = 5,       [STATE_DISCONNECTED] = 6,
    };
    return of[s];
}

static void summary_join(struct app_summary *to, const struct app_summary *from)
{
    if (from->has_install && (!to->has_install || from->installed_ms < to->installed_ms)) {
        to->has_install = true;
        to->installed_ms = from->installed_ms;
        to->has_installer = from->has_installer;
        to->installer = from->installer;
    }
    if (urgency(from->state) > urgency(to->state) ||
        (from->state == to->state && from->since_ms && from->since_ms < to->since_ms)) {
        to->state = from->state;
        to->since_ms = from->since_ms;
    }
    to->connections_n += from->connections_n;
    to->sent_ms = later(to->sent_ms, from->sent_ms);
    to->received_ms = later(to->received_ms, from->received_ms);
}

/* A list of summaries in the arena, one per source; joined at the end. */
struct summaries {
    struct view *v;
    struct arena *a;
    struct app_range range;
    struct app_summary *p;
    uint32_t n, cap;
};

static void summaries_add(struct summaries *s, const struct app_summary *x)
{
    if (x->app == 0 || x->app < s->range.from)
        return;
    if (s->n == s->cap) {
        const uint32_t cap = s->cap ? s->cap * 2 : 64;
        struct app_summary *p = arena_alloc(s->a, cap * sizeof *p);
        if (!p) {
            txn_fail(&s->v->txn, ST_NO_MEMORY);
            return;
        }
        if (s->n)
            memcpy(p, s->p, s->n * sizeof *p);
        s->p = p;
        s->cap = cap;
    }
    s->p[s->n++] = *x;
}

static void summaries_of_connections(struct summaries *s, uint64_t account)
{
    struct drafts d = {.v = s->v, .a = s->a};
    load_connections(&d, account, &s->range);
    for (uint32_t i = 0; i < d.n; i++) {
        struct connection c = {0};
        history_state(&d.p[i]->h, &c);
        const bool by_user = c.installed_ms && d.p[i]->user1;
        summaries_add(s, &(struct app_summary){.app = d.p[i]->app,
                                               .has_install = c.installed_ms != 0,
                                               .installed_ms = c.installed_ms,
                                               .has_installer = by_user,
                                               .installer = by_user ? d.p[i]->user1 - 1 : 0,
                                               .state = c.state,
                                               .since_ms = c.since_ms,
                                               .connections_n = c.state != STATE_UNINSTALLED &&
                                                                c.state != STATE_NONE});
    }
    drafts_fini(&d);
}

static void summaries_of_carry(struct summaries *s, uint64_t account)
{
    uint8_t key[CONNECTION_KEY_MAX];
    const size_t prefix_n = (size_t)(put_ordered(key, account) - key);
    const size_t key_n = (size_t)(put_ordered(key + prefix_n, s->range.from) - key);
    uint64_t last = 0;
    uint32_t apps_n = 0;
    struct cur c;
    cur_open(&s->v->txn, DAYS_CARRY, &c);
    for (bool on = cur_seek(&c, key, key_n); on && cur_has_prefix(&c, key, prefix_n);
         on = cur_next(&c)) {
        struct reader k = reader_of(c.key.p, c.key.n), r = reader_of(c.val.p, c.val.n);
        (void)read_ordered(&k);
        struct app_summary x = {.app = read_ordered(&k)};
        if (!range_admits(&s->range, x.app, &last, &apps_n))
            break;
        x.sent_ms = (int64_t)read_varint(&r);
        x.received_ms = (int64_t)read_varint(&r);
        summaries_add(s, &x);
    }
    cur_close(&c);
}

/* Who was active on that day: rows without cells, so that an app costs one. */
static void summaries_of_day(struct summaries *s, uint64_t account, int32_t day)
{
    const struct sheet_query q = {.account = account,
                                  .day = day,
                                  .no_cells = true,
                                  .from_app = s->range.from,
                                  .to_app = s->range.to,
                                  .cells_max = s->range.apps_max};
    struct sheet sheet;
    view_sheet(s->v, &q, s->a, &sheet);
    for (uint32_t i = 0; i < sheet.rows_n; i++)
        summaries_add(s, &(struct app_summary){.app = sheet.rows[i].app,
                                               .sent_ms = sheet.rows[i].sent_ms,
                                               .received_ms = sheet.rows[i].received_ms});
    if (sheet.cut)
        s->range.to = sheet.next_app - 1;
}

/* Every source is read from the same app on, and none further than the one that was cut first: up
 * to there the summaries are whole, whatever the number of apps behind. */
void view_apps(struct view *v, const struct apps_query *q, struct arena *a, struct app_list *out)
{
    struct summaries s = {.v = v, .a = a};
    s.range = (struct app_range){q->from_app ? q->from_app : 1, UINT64_MAX, q->limit + 1};
    summaries_of_connections(&s, q->account);
    summaries_of_carry(&s, q->account);
    for (int32_t day = v->first_day; day <= v->today + 1; day++)
        summaries_of_day(&s, q->account, day);
    if (s.n > 1)
        qsort(s.p, s.n, sizeof *s.p, summary_by_app);
    uint32_t n = 0;
    bool more = s.range.to != UINT64_MAX;
    for (uint32_t i = 0; i < s.n && s.p[i].app <= s.range.to; i++) {
        if (n && s.p[n - 1].app == s.p[i].app) {
            summary_join(&s.p[n - 1], &s.p[i]);
            continue;
        }
        if (n == q->limit) {
            more = true;
            break;
        }
        s.p[n++] = s.p[i];
    }
    *out = (struct app_list){s.p, n, more};
}
