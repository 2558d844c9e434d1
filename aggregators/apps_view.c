/* The apps of an account: its connections, app by app, beside the list of what was last active. */
#include "aggregators/last_activity.h"
#include "aggregators/view_apps.h"

#include "engine/base/check.h"

/* Summaries while connections go by; they come in the order of their apps. */
struct gathering {
    struct view *v;
    const struct apps_query *q;
    struct arena *a;
    struct app_summary *p; /* in the arena; ascending app */
    uint32_t n, cap;
    struct connection *troubled;
    uint32_t troubled_n, troubled_cap;
    uint64_t connections_n;
    bool cut; /* next_app and what follows were not read */
    uint64_t next_app;
};

/* Room for one more of an array in the arena; NULL: no memory. */
static void *more(struct gathering *g, void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap ? *cap * 2 : 64;
    void *to = arena_alloc(g->a, *cap * size);
    if (!to)
        txn_fail(&g->v->txn, ST_NO_MEMORY);
    else if (n)
        memcpy(to, p, n * size);
    return to;
}

static bool add_app(struct gathering *g, uint64_t app)
{
    struct app_summary *p = more(g, g->p, g->n, &g->cap, sizeof *p);
    if (!p)
        return false;
    g->p = p;
    g->p[g->n++] = (struct app_summary){.app = app};
    return true;
}

static void see_install(struct app_summary *to, const struct connection *c)
{
    if (!c->installed_ms || (to->has_install && to->installed_ms <= c->installed_ms))
        return;
    to->has_install = true;
    to->installed_ms = c->installed_ms;
    to->has_installer = c->has_user;
    to->installer = c->has_user ? c->user : 0;
}

static void join(const struct gathering *g, struct app_summary *to, const struct connection *c)
{
    const bool stands = c->state != STATE_NONE && c->state != STATE_UNINSTALLED;
    see_install(to, c);
    if (c->installed_ms > to->fresh_ms)
        to->fresh_ms = c->installed_ms;
    if (c->state == STATE_CONNECTED && c->since_ms > to->fresh_ms)
        to->fresh_ms = c->since_ms;
    if (state_severity(c->state) > state_severity(to->state) ||
        (c->state == to->state && c->since_ms && c->since_ms < to->since_ms)) {
        to->state = c->state;
        to->since_ms = c->since_ms;
    }
    to->connections_n += stands && c->has_user;
    to->connected_n += c->state == STATE_CONNECTED && c->has_user;
    if (g->q->has_viewer && c->has_user && c->user == g->q->viewer && stands) {
        to->mine = true;
        to->my_state = c->state;
        to->my_since_ms = c->since_ms;
    }
}

static bool is_troubled(const struct apps_query *q, const struct connection *c)
{
    for (unsigned i = 0; c->troubled && i < PROBLEM_N; i++) {
        const int64_t resolved_ms = problem_resolved_ms(&c->problems[i]);
        if (c->problems[i].episodes && (resolved_ms == 0 || resolved_ms >= q->troubled_ms))
            return true;
    }
    return false;
}

static bool see_troubled(struct gathering *g, const struct connection *c)
{
    struct connection *p =
        more(g, g->troubled, g->troubled_n, &g->troubled_cap, sizeof *g->troubled);
    if (!p)
        return false;
    g->troubled = p;
    g->troubled[g->troubled_n++] = *c;
    return true;
}

static bool see_connection(void *arg, const struct connection *c)
{
    struct gathering *g = arg;
    if (c->app == 0)
        return true;
    if (g->n == 0 || g->p[g->n - 1].app != c->app) {
        const uint32_t max = g->q->connections_max;
        if (g->n == g->q->limit || (max && g->connections_n >= max)) {
            g->cut = true;
            g->next_app = c->app;
            return false;
        }
        if (!add_app(g, c->app))
            return false;
    }
    g->connections_n++;
    join(g, &g->p[g->n - 1], c);
    return !g->q->troubled || !is_troubled(g->q, c) || see_troubled(g, c);
}

/* Both lists as one, within the limit. */
static void unite(struct gathering *g, const struct last_list *last, struct app_list *out)
{
    struct gathering all = {.v = g->v, .a = g->a, .q = g->q};
    uint32_t i = 0, k = 0;
    while (i < g->n || k < last->n) {
        const bool both = i < g->n && k < last->n && g->p[i].app == last->rows[k].app;
        const bool connected =
            both || k == last->n || (i < g->n && g->p[i].app < last->rows[k].app);
        const uint64_t app = connected ? g->p[i].app : last->rows[k].app;
        if (all.n == g->q->limit) {
            out->more = true;
            out->next_app = app;
            break;
        }
        if (!add_app(&all, app))
            break;
        struct app_summary *to = &all.p[all.n - 1];
        if (connected)
            *to = g->p[i++];
        if (both || !connected) {
            to->sent_ms = last->rows[k].sent_ms;
            to->received_ms = last->rows[k++].received_ms;
        }
    }
    out->rows = all.p;
    out->n = all.n;
}

/* Drop what lies at or above the first app that may be missing. */
static void trim(struct gathering *g, const struct app_list *out)
{
    while (g->troubled_n && g->troubled[g->troubled_n - 1].app >= out->next_app)
        g->troubled_n--;
}

void view_apps(struct view *v, const struct apps_query *q, struct arena *a, struct app_list *out)
{
    struct gathering g = {.v = v, .q = q, .a = a};
    struct last_list last = {.to_app = UINT64_MAX};
    *out = (struct app_list){0};
    CHECK(q->limit > 0);
    const uint64_t from = q->from_app ? q->from_app : 1; /* app 0 is no app */
    view_connections_each(v, &(struct connection_query){.account = q->account, .from_app = from},
                          see_connection, &g);
    if (!q->no_activity)
        view_last_activity(v,
                           &(struct last_query){.account = q->account,
                                                .from_app = from,
                                                .to_app = g.cut ? g.next_app - 1 : UINT64_MAX,
                                                .rows_max = q->limit},
                           a, &last);
    else if (g.cut)
        last.to_app = g.next_app - 1;
    if (last.to_app != UINT64_MAX) {
        out->more = true;
        out->next_app = last.to_app + 1;
        while (g.n && g.p[g.n - 1].app > last.to_app)
            g.n--;
    }
    unite(&g, &last, out);
    if (out->more)
        trim(&g, out);
    out->troubled = g.troubled;
    out->troubled_n = g.troubled_n;
    out->looked_at = g.connections_n + last.rows_read;
}
