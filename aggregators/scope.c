/* Permissions: what the newest event said of each scope of an app. At one instant revoked wins over
 * reauth_required, and that over granted.
 *
 * Key    ordered(account) . ordered(app) . scope
 * Value  crc(4) . time (ms) . kind(1) . feature      varint, then length and bytes */
#include "aggregators/activity.h"
#include "aggregators/merge.h"
#include "aggregators/value.h"
#include "aggregators/view_apps.h"
#include "engine/base/check.h"

#include <stdlib.h>

#define SCOPE_KEY_MAX (9 + 9 + 256)

static size_t scope_key(uint8_t key[static SCOPE_KEY_MAX], uint64_t account, uint64_t app,
                        struct str name)
{
    uint8_t *p = put_ordered(put_ordered(key, account), app);
    CHECK(name.n <= 256);
    if (name.n)
        memcpy(p, name.p, name.n);
    return (size_t)(p - key) + name.n;
}

static bool is_permission(unsigned kind)
{
    return kind >= EV_PERMISSION_GRANTED && kind <= EV_PERMISSION_REAUTH;
}

static bool newer(const struct scope *a, const struct scope *b)
{
    static const uint8_t weight[EV_KIND_MAX] = {
        [EV_PERMISSION_GRANTED] = 1, [EV_PERMISSION_REAUTH] = 2, [EV_PERMISSION_REVOKED] = 3};
    return a->since_ms != b->since_ms ? a->since_ms > b->since_ms
                                      : weight[a->said] > weight[b->said];
}

static enum status scope_read(struct span value, struct scope *out)
{
    struct reader r;
    if (value_open(value, &r))
        return ST_CORRUPT;
    out->since_ms = read_time(&r);
    out->said = (enum event_kind)read_u8(&r);
    out->feature = read_str(&r);
    return r.bad || !is_permission(out->said) ? ST_CORRUPT : ST_OK;
}

/* fn for each scope that a signal names. */
static void each_scope(const struct entry *e, void (*fn)(void *arg, const struct scope *s),
                       void *arg)
{
    struct scope s = {.since_ms = e->time_ms, .said = (enum event_kind)e->kind};
    struct reader d = reader_of(e->detail.p, e->detail.n);
    while (reader_left(&d) && !d.bad) { /* the feature stands before the scopes */
        const uint8_t tag = read_u8(&d);
        const struct str text = read_str(&d);
        if (tag == DETAIL_FEATURE)
            s.feature = text;
        if (tag == DETAIL_SCOPE) {
            s.name = text;
            fn(arg, &s);
        }
    }
}

/* ---- merge ---- */

struct scope_writer {
    struct merge *m;
    uint64_t account, app;
    struct buf value;
};

static void merge_one(void *arg, const struct scope *s)
{
    struct scope_writer *w = arg;
    uint8_t key[SCOPE_KEY_MAX];
    const size_t key_n = scope_key(key, w->account, w->app, s->name);
    struct span val;
    struct scope old;
    if (txn_get(&w->m->txn, DAYS_SCOPE, key, key_n, &val)) {
        if (scope_read(val, &old))
            txn_fail(&w->m->txn, ST_CORRUPT);
        else if (!newer(s, &old))
            return;
    }
    value_begin(&w->value);
    buf_varint(&w->value, (uint64_t)s->since_ms);
    buf_u8(&w->value, (uint8_t)s->said);
    buf_str(&w->value, s->feature);
    value_seal(&w->value);
    txn_put(&w->m->txn, DAYS_SCOPE, key, key_n, w->value.p, w->value.n);
    w->m->dirty_bytes += MERGE_STRAY_BYTES;
}

void scope_merge(struct merge *m, uint64_t account, const struct entries *fresh)
{
    struct scope_writer w = {.m = m, .account = account, .value = buf_of(SIZE_MAX / 2)};
    for (uint32_t i = 0; i < fresh->n && m->txn.status == ST_OK; i++)
        if (is_permission(fresh->p[i].kind)) {
            if (merge_is_due(m))
                signals_part(m, account, true);
            w.app = fresh->p[i].app;
            each_scope(&fresh->p[i], merge_one, &w);
        }
    buf_fini(&w.value);
}

/* ---- reading ---- */

struct scopes {
    struct view *v;
    struct arena *a;
    struct scope *p;
    uint32_t n, cap;
};

static void list_one(void *arg, const struct scope *s)
{
    struct scopes *l = arg;
    if (l->n == l->cap) {
        const uint32_t cap = l->cap ? l->cap * 2 : 32;
        struct scope *p = arena_alloc(l->a, cap * sizeof *p);
        if (!p) {
            txn_fail(&l->v->txn, ST_NO_MEMORY);
            return;
        }
        if (l->n)
            memcpy(p, l->p, l->n * sizeof *p);
        l->p = p;
        l->cap = cap;
    }
    l->p[l->n++] = *s;
}

static int by_name(const void *a, const void *b)
{
    const struct scope *x = a, *y = b;
    const size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    const int order = n ? memcmp(x->name.p, y->name.p, n) : 0;
    return order ? order : x->name.n < y->name.n ? -1 : x->name.n > y->name.n;
}

static void list_stored(struct scopes *l, uint64_t account, uint64_t app)
{
    uint8_t prefix[SCOPE_KEY_MAX];
    const size_t prefix_n = scope_key(prefix, account, app, (struct str){0});
    struct cur c;
    cur_open(&l->v->txn, DAYS_SCOPE, &c);
    for (bool on = cur_seek(&c, prefix, prefix_n); on && cur_has_prefix(&c, prefix, prefix_n);
         on = cur_next(&c)) {
        struct scope s = {.name = {(const char *)c.key.p + prefix_n, c.key.n - prefix_n}};
        if (scope_read(c.val, &s) == ST_OK)
            list_one(l, &s);
        else
            txn_fail(&l->v->txn, ST_CORRUPT);
    }
    cur_close(&c);
}

void view_scopes(struct view *v, uint64_t account, uint64_t app, struct arena *a,
                 struct scope_list *out)
{
    struct scopes l = {.v = v, .a = a};
    list_stored(&l, account, app);
    for (unsigned i = 0; i < v->signals_n; i++) {
        const struct signals *of = v->signals[i];
        const struct signal_account *s = pending_signals(of, account);
        for (uint32_t at = s ? s->last : NONE; at != NONE; at = of->signal.p[at].next)
            if (is_permission(of->signal.p[at].kind) && of->signal.p[at].app == app) {
                const struct entry e = entry_of_signal(of, &of->signal.p[at]);
                each_scope(&e, list_one, &l);
            }
    }
    if (l.n > 1)
        qsort(l.p, l.n, sizeof *l.p, by_name);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l.n; i++)
        if (n && str_eq(l.p[n - 1].name, l.p[i].name))
            l.p[n - 1] = newer(&l.p[i], &l.p[n - 1]) ? l.p[i] : l.p[n - 1];
        else
            l.p[n++] = l.p[i];
    *out = (struct scope_list){l.p, n};
}
