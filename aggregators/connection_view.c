/* Read connections: stored ones as their result says, those with pending signals folded anew. Both
 * come in the order of (app, user), so that a reader can stop and go on from any place. */
#include "aggregators/connection.h"
#include "aggregators/merge.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* A pending signal and the place of its connection. */
struct pending_signal {
    uint64_t app, user1;
    const struct signals *of;
    const struct signal *s;
};

struct walk {
    struct view *v;
    const struct connection_query *q;
    struct pending_signal *pending; /* owned; ascending (app, user1) */
    uint32_t pending_n, at;         /* at: the first not handed over */
    struct history h;               /* used again and again */
    bool stopped;                   /* by fn, or by a failure */
    bool (*fn)(void *arg, const struct connection *c);
    void *arg;
};

static int order_of(uint64_t app, uint64_t user1, uint64_t app2, uint64_t user2)
{
    if (app != app2)
        return app < app2 ? -1 : 1;
    return user1 < user2 ? -1 : user1 > user2;
}

static int by_place(const void *a, const void *b)
{
    const struct pending_signal *x = a, *y = b;
    return order_of(x->app, x->user1, y->app, y->user1);
}

static bool wanted(const struct connection_query *q, uint64_t app, uint64_t user1)
{
    return order_of(app, user1, q->from_app, q->from_user1) >= 0 &&
           (q->to_app == 0 || app <= q->to_app);
}

uint32_t view_connections_pending(const struct view *v, uint64_t account)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < v->signals_n; i++) {
        const struct signal_account *a = pending_signals(v->signals[i], account);
        n += a ? a->n : 0;
    }
    return n;
}

static void collect_pending(struct walk *w)
{
    const uint32_t cap = view_connections_pending(w->v, w->q->account);
    if (cap == 0)
        return;
    w->pending = malloc(cap * sizeof *w->pending);
    if (!w->pending) {
        txn_fail(&w->v->txn, ST_NO_MEMORY);
        return;
    }
    for (unsigned i = 0; i < w->v->signals_n; i++) {
        const struct signals *of = w->v->signals[i];
        const struct signal_account *a = pending_signals(of, w->q->account);
        for (uint32_t at = a ? a->last : NONE; at != NONE; at = of->signal.p[at].next) {
            const struct signal *s = &of->signal.p[at];
            const uint64_t user1 = s->has_user ? s->user + 1 : 0;
            CHECK(w->pending_n < cap);
            if (connection_is_signal(s->kind) && wanted(w->q, s->app, user1) &&
                (w->q->below == 0 || s->position < w->q->below))
                w->pending[w->pending_n++] = (struct pending_signal){s->app, user1, of, s};
        }
    }
    qsort(w->pending, w->pending_n, sizeof *w->pending, by_place);
}

static void hand_over(struct walk *w, uint64_t app, uint64_t user1, struct connection *c)
{
    c->app = app;
    c->user = user1 ? user1 - 1 : 0;
    c->has_user = user1 != 0;
    w->stopped |= !w->fn(w->arg, c);
}

static void corrupt(struct walk *w)
{
    txn_fail(&w->v->txn, ST_CORRUPT);
    w->stopped = true;
}

/* Let the pending signals of one connection into its stored history, if any. */
static void put_pending(struct walk *w, const struct span *stored)
{
    const struct pending_signal *first = &w->pending[w->at];
    const uint64_t app = first->app, user1 = first->user1;
    struct connection c = {0};
    history_clear(&w->h);
    if (stored && history_load(&w->h, *stored)) {
        corrupt(w);
        return;
    }
    while (w->at < w->pending_n && w->pending[w->at].app == app &&
           w->pending[w->at].user1 == user1) {
        const struct entry e = entry_of_signal(w->pending[w->at].of, w->pending[w->at].s);
        history_add(&w->h, &e);
        w->at++;
    }
    history_state(&w->h, &c);
    hand_over(w, app, user1, &c);
}

/* How the next pending connection stands to a place; 1: it is behind it, or there is none. */
static int pending_order(const struct walk *w, uint64_t app, uint64_t user1)
{
    if (w->at == w->pending_n)
        return 1;
    return order_of(w->pending[w->at].app, w->pending[w->at].user1, app, user1);
}

/* The connection at the cursor, after the pending ones before it. False: it is beyond the bound. */
static bool put_stored(struct walk *w, const struct cur *c)
{
    struct reader k = reader_of(c->key.p, c->key.n);
    struct connection found = {0};
    (void)read_ordered(&k); /* the account */
    const uint64_t app = read_ordered(&k), user1 = read_ordered(&k);
    if (w->q->to_app && app > w->q->to_app)
        return false;
    while (!w->stopped && pending_order(w, app, user1) < 0)
        put_pending(w, NULL);
    if (w->stopped)
        return true;
    if (pending_order(w, app, user1) == 0)
        put_pending(w, &c->val);
    else if (connection_read(c->val, &found))
        corrupt(w);
    else
        hand_over(w, app, user1, &found);
    return true;
}

static void walk_stored(struct walk *w)
{
    uint8_t key[CONNECTION_KEY_MAX], prefix[CONNECTION_KEY_MAX];
    const size_t prefix_n = (size_t)(put_ordered(prefix, w->q->account) - prefix);
    const size_t key_n = connection_key(key, w->q->account, w->q->from_app, w->q->from_user1);
    struct cur c;
    cur_open(&w->v->txn, DAYS_CONNECTION, &c);
    bool on = cur_seek(&c, key, key_n);
    while (on && cur_has_prefix(&c, prefix, prefix_n) && put_stored(w, &c) && !w->stopped)
        on = cur_next(&c);
    cur_close(&c);
}

void view_connections_each(struct view *v, const struct connection_query *q,
                           bool (*fn)(void *arg, const struct connection *c), void *arg)
{
    struct walk w = {.v = v, .q = q, .fn = fn, .arg = arg};
    collect_pending(&w);
    walk_stored(&w);
    while (!w.stopped && w.at < w.pending_n)
        put_pending(&w, NULL);
    free(w.pending);
    history_fini(&w.h);
}

void view_connection_keys(struct view *v, uint64_t account,
                          void (*fn)(void *arg, uint64_t app, uint64_t user1), void *arg)
{
    uint8_t prefix[CONNECTION_KEY_MAX];
    const size_t prefix_n = (size_t)(put_ordered(prefix, account) - prefix);
    struct cur c;
    for (unsigned i = 0; i < v->signals_n; i++) {
        const struct signals *of = v->signals[i];
        const struct signal_account *a = pending_signals(of, account);
        for (uint32_t at = a ? a->last : NONE; at != NONE; at = of->signal.p[at].next) {
            const struct signal *s = &of->signal.p[at];
            if (connection_is_signal(s->kind))
                fn(arg, s->app, s->has_user ? s->user + 1 : 0);
        }
    }
    cur_open(&v->txn, DAYS_CONNECTION, &c);
    for (bool on = cur_seek(&c, prefix, prefix_n); on && cur_has_prefix(&c, prefix, prefix_n);
         on = cur_next(&c)) {
        struct reader k = reader_of(c.key.p, c.key.n);
        (void)read_ordered(&k); /* the account */
        const uint64_t app = read_ordered(&k);
        fn(arg, app, read_ordered(&k));
    }
    cur_close(&c);
}

/* ---- a list ---- */

struct list {
    struct view *v;
    struct arena *a;
    const uint64_t *app; /* NULL: all */
    struct connection *p;
    uint32_t n, cap;
};

static bool list_add(void *arg, const struct connection *c)
{
    struct list *l = arg;
    if (l->app && c->app != *l->app)
        return false; /* app 0 cannot be a bound */
    if (l->n == l->cap) {
        const uint32_t cap = l->cap ? l->cap * 2 : 16;
        struct connection *p = arena_alloc(l->a, cap * sizeof *p);
        if (!p) {
            txn_fail(&l->v->txn, ST_NO_MEMORY);
            return false;
        }
        if (l->n)
            memcpy(p, l->p, l->n * sizeof *p);
        l->p = p;
        l->cap = cap;
    }
    l->p[l->n++] = *c;
    return true;
}

void view_connections(struct view *v, uint64_t account, const uint64_t *app, struct arena *a,
                      struct connection_list *out)
{
    struct list l = {.v = v, .a = a, .app = app};
    struct connection_query q = {.account = account};
    if (app)
        q.from_app = q.to_app = *app;
    view_connections_each(v, &q, list_add, &l);
    *out = (struct connection_list){l.p, l.n};
}
