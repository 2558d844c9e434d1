/* Reference data (catalogue, directory, plan, settings) and the texts of object types: the newest
 * version of each entry, by (time, log position).
 *
 * reference  ordered(account) . kind(1) . length(2) . key  ->  crc(4) . removed(1) . time .
 * position . fields. The length stands before the key so that numbers are in their order. A removal
 *            stays as a tombstone, so that an older upsert arriving late does not undo it.
 * type_name  hash(8)  ->  text */
#include "aggregators/merge.h"
#include "aggregators/tables.h"
#include "aggregators/value.h"
#include "aggregators/view.h"
#include "engine/base/check.h"

#include <stdlib.h>

#define REFERENCE_KEY_MAX  (9 + 1 + 2 + 256)
#define REFERENCE_HEAD_MAX (9 + 1)

static uint64_t reference_hash(uint64_t account, unsigned kind, struct str key)
{
    return hash_mix(hash64(key.p, key.n) + account * UINT64_C(0x9e3779b97f4a7c15) + kind);
}

static const struct reference *pending_reference(const struct generation *g, uint64_t account,
                                                 unsigned kind, struct str key)
{
    const uint64_t h = reference_hash(account, kind, key);
    uint32_t at;
    for (uint32_t i = index_first(&g->reference_index, h, &at); at != INDEX_NONE;
         i = index_next(&g->reference_index, h, i, &at)) {
        const struct reference *r = &g->reference.p[at];
        if (r->account == account && r->kind == kind &&
            str_eq(pending_text(g, r->key, r->key_n), key))
            return r;
    }
    return NULL;
}

static void name_fold(struct generation *g, const struct event *e)
{
    const uint64_t h = hash_mix(e->object_type);
    uint32_t at;
    for (uint32_t i = index_first(&g->name_index, h, &at); at != INDEX_NONE;
         i = index_next(&g->name_index, h, i, &at))
        if (g->type_name.p[at].id == e->object_type)
            return;
    at = ARRAY_MORE(g->type_name);
    g->type_name.p[at] =
        (struct type_name){e->object_type, pending_text_add(g, e->more->object_name),
                           (uint32_t)e->more->object_name.n};
    index_add(&g->name_index, h, at);
}

static void reference_fold_one(struct generation *g, const struct event *e, uint64_t position)
{
    const bool removed = event_group(e->kind) == GROUP_REMOVED;
    const unsigned kind = removed ? e->kind - 1 : e->kind;
    const struct str key = e->more ? e->more->reference_key : (struct str){0};
    const struct str fields = e->more && !removed ? e->more->reference_fields : (struct str){0};
    const struct reference *have = pending_reference(g, e->account, kind, key);
    if (have && have->time_ms > e->time_ms)
        return;
    uint32_t at = (uint32_t)(have - g->reference.p);
    if (!have) {
        at = ARRAY_MORE(g->reference);
        g->reference.p[at] = (struct reference){.account = e->account,
                                                .key = pending_text_add(g, key),
                                                .key_n = (uint32_t)key.n,
                                                .kind = (uint8_t)kind};
        index_add(&g->reference_index, reference_hash(e->account, kind, key), at);
    }
    struct reference *r = &g->reference.p[at];
    r->time_ms = e->time_ms;
    r->position = position;
    r->fields = pending_text_add(g, fields);
    r->fields_n = (uint32_t)fields.n;
    r->removed = removed;
}

void reference_fold(struct generation *g, const struct fold *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct event *e = &f->ev[i];
        if (f->verdict[i])
            continue;
        if (e->kind >= EV_CATALOG_APP)
            reference_fold_one(g, e, f->position + i);
        else if (e->more && e->more->object_name.p)
            name_fold(g, e);
    }
}

/* ---- merge ---- */

/* What the keys of one kind of an account begin with. */
static size_t reference_head(uint8_t key[static REFERENCE_HEAD_MAX], uint64_t account,
                             unsigned kind)
{
    uint8_t *p = put_ordered(key, account);
    *p++ = (uint8_t)kind;
    return (size_t)(p - key);
}

static size_t reference_key(uint8_t key[static REFERENCE_KEY_MAX], uint64_t account, unsigned kind,
                            struct str text)
{
    CHECK(text.n <= 256);
    uint8_t *p = key + reference_head(key, account, kind);
    *p++ = (uint8_t)(text.n >> 8);
    *p++ = (uint8_t)text.n;
    if (text.n)
        memcpy(p, text.p, text.n);
    return (size_t)(p - key) + text.n;
}

struct stored {
    bool removed;
    int64_t time_ms;
    uint64_t position;
    struct str fields;
};

static enum status stored_read(struct span value, struct stored *out)
{
    struct reader r;
    if (value_open(value, &r))
        return ST_CORRUPT;
    out->removed = read_u8(&r);
    out->time_ms = read_time(&r);
    out->position = read_varint(&r);
    out->fields = read_str(&r);
    return r.bad ? ST_CORRUPT : ST_OK;
}

static void reference_merge_one(struct merge *m, const struct reference *r, struct buf *value)
{
    const struct generation *g = m->g;
    uint8_t key[REFERENCE_KEY_MAX];
    const size_t key_n = reference_key(key, r->account, r->kind, pending_text(g, r->key, r->key_n));
    struct span val;
    struct stored old;
    if (txn_get(&m->txn, DAYS_REFERENCE, key, key_n, &val)) {
        if (stored_read(val, &old))
            txn_fail(&m->txn, ST_CORRUPT);
        else if (old.time_ms > r->time_ms)
            return;
    }
    value_begin(value);
    buf_u8(value, r->removed);
    buf_varint(value, (uint64_t)r->time_ms);
    buf_varint(value, r->position);
    buf_str(value, pending_text(g, r->fields, r->fields_n));
    value_seal(value);
    txn_put(&m->txn, DAYS_REFERENCE, key, key_n, value->p, value->n);
}

bool reference_stored(struct txn *t, uint64_t account, unsigned kind, struct str key)
{
    uint8_t k[REFERENCE_KEY_MAX];
    struct span val;
    struct stored stored;
    if (!txn_get(t, DAYS_REFERENCE, k, reference_key(k, account, kind, key), &val))
        return false;
    if (stored_read(val, &stored)) {
        txn_fail(t, ST_CORRUPT);
        return false;
    }
    return !stored.removed;
}

static size_t name_key(uint8_t key[static 8], object_type_id id)
{
    return (size_t)(put_be(key, id, 8) - key);
}

void reference_merge(struct merge *m)
{
    const struct generation *g = m->g;
    struct buf value = buf_of(SIZE_MAX / 2);
    for (uint32_t i = 0; i < g->reference.n && m->txn.status == ST_OK; i++)
        reference_merge_one(m, &g->reference.p[i], &value);
    buf_fini(&value);
    for (uint32_t i = 0; i < g->type_name.n; i++) {
        const struct type_name *n = &g->type_name.p[i];
        uint8_t key[8];
        struct span old;
        if (txn_get(&m->txn, DAYS_TYPE_NAME, key, name_key(key, n->id), &old))
            continue;
        const struct str text = pending_text(g, n->text, n->text_n);
        txn_put(&m->txn, DAYS_TYPE_NAME, key, sizeof key, text.p, text.n);
    }
}

/* ---- reading ---- */

bool view_reference(struct view *v, uint64_t account, enum event_kind kind, struct str key,
                    struct str *fields)
{
    struct stored best = {.removed = true, .time_ms = INT64_MIN};
    uint8_t k[REFERENCE_KEY_MAX];
    struct span val;
    if (key.n > 256)
        return false;
    if (txn_get(&v->txn, DAYS_REFERENCE, k, reference_key(k, account, kind, key), &val) &&
        stored_read(val, &best))
        txn_fail(&v->txn, ST_CORRUPT);
    for (unsigned i = 0; i < v->gen_n; i++) {
        const struct generation *g = v->gen[i];
        const struct reference *r = pending_reference(g, account, kind, key);
        if (r && r->time_ms >= best.time_ms)
            best = (struct stored){r->removed, r->time_ms, r->position,
                                   pending_text(g, r->fields, r->fields_n)};
    }
    if (!best.removed)
        *fields = best.fields;
    return !best.removed;
}

/* A pending version of an entry. */
struct version {
    struct str key;
    struct stored entry;
};

struct walk {
    struct view *v;
    const struct reference_query *q;
    struct version *pending; /* owned; by key, then in the order of the log */
    uint32_t pending_n, at;
    bool stopped;
    bool (*fn)(void *arg, const struct reference_entry *e);
    void *arg;
};

static int key_order(struct str a, struct str b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static int by_key(const void *a, const void *b)
{
    const struct version *x = a, *y = b;
    const int order = key_order(x->key, y->key);
    if (order)
        return order;
    return x->entry.position < y->entry.position ? -1 : x->entry.position > y->entry.position;
}

static bool wanted(const struct reference_query *q, const struct reference *r, struct str key)
{
    return r->account == q->account && r->kind == q->kind &&
           (!q->has_after || key_order(key, q->after) > 0);
}

static void collect_pending(struct walk *w)
{
    uint32_t cap = 0;
    for (unsigned i = 0; i < w->v->gen_n; i++)
        cap += w->v->gen[i]->reference.n;
    if (cap == 0)
        return;
    w->pending = malloc(cap * sizeof *w->pending);
    if (!w->pending) {
        txn_fail(&w->v->txn, ST_NO_MEMORY);
        w->stopped = true;
        return;
    }
    for (unsigned i = 0; i < w->v->gen_n; i++) {
        const struct generation *g = w->v->gen[i];
        for (uint32_t k = 0; k < g->reference.n; k++) {
            const struct reference *r = &g->reference.p[k];
            const struct str key = pending_text(g, r->key, r->key_n);
            if (wanted(w->q, r, key))
                w->pending[w->pending_n++] = (struct version){
                    key,
                    {r->removed, r->time_ms, r->position, pending_text(g, r->fields, r->fields_n)}};
        }
    }
    if (w->pending_n > 1)
        qsort(w->pending, w->pending_n, sizeof *w->pending, by_key);
}

/* The newest of what is stored and pending under one key. */
static void hand_over(struct walk *w, struct str key, const struct stored *stored)
{
    struct stored best = {.removed = true, .time_ms = INT64_MIN};
    if (stored)
        best = *stored;
    for (; w->at < w->pending_n && key_order(w->pending[w->at].key, key) == 0; w->at++)
        if (w->pending[w->at].entry.time_ms >= best.time_ms)
            best = w->pending[w->at].entry;
    if (!best.removed)
        w->stopped = !w->fn(
            w->arg, &(struct reference_entry){key, best.fields, best.time_ms, best.position});
}

static void put_stored(struct walk *w, const struct cur *c, size_t head_n)
{
    struct stored stored;
    const struct str key = {(const char *)c->key.p + head_n + 2, c->key.n - head_n - 2};
    if (stored_read(c->val, &stored)) {
        txn_fail(&w->v->txn, ST_CORRUPT);
        w->stopped = true;
        return;
    }
    while (!w->stopped && w->at < w->pending_n && key_order(w->pending[w->at].key, key) < 0)
        hand_over(w, w->pending[w->at].key, NULL);
    if (!w->stopped)
        hand_over(w, key, &stored);
}

void view_reference_walk(struct view *v, const struct reference_query *q,
                         bool (*fn)(void *arg, const struct reference_entry *e), void *arg)
{
    struct walk w = {.v = v, .q = q, .fn = fn, .arg = arg};
    uint8_t head[REFERENCE_HEAD_MAX], key[REFERENCE_KEY_MAX];
    const size_t head_n = reference_head(head, q->account, q->kind);
    size_t key_n = reference_head(key, q->account, q->kind);
    if (q->has_after)
        key_n = reference_key(key, q->account, q->kind, q->after);
    struct cur c;
    collect_pending(&w);
    cur_open(&v->txn, DAYS_REFERENCE, &c);
    bool on = cur_seek(&c, key, key_n);
    if (on && q->has_after && c.key.n == key_n && memcmp(c.key.p, key, key_n) == 0)
        on = cur_next(&c);
    for (; on && !w.stopped && cur_has_prefix(&c, head, head_n); on = cur_next(&c))
        put_stored(&w, &c, head_n);
    cur_close(&c);
    while (!w.stopped && w.at < w.pending_n)
        hand_over(&w, w.pending[w.at].key, NULL);
    free(w.pending);
}

struct each {
    void (*fn)(void *arg, struct str key, struct str fields);
    void *arg;
};

static bool each_one(void *arg, const struct reference_entry *e)
{
    const struct each *each = arg;
    each->fn(each->arg, e->key, e->fields);
    return true;
}

void view_reference_each(struct view *v, uint64_t account, enum event_kind kind,
                         void (*fn)(void *arg, struct str key, struct str fields), void *arg)
{
    struct each each = {fn, arg};
    view_reference_walk(v, &(struct reference_query){.account = account, .kind = kind}, each_one,
                        &each);
}

struct str view_type_name(struct view *v, object_type_id id)
{
    uint8_t key[8];
    struct span val;
    if (txn_get(&v->txn, DAYS_TYPE_NAME, key, name_key(key, id), &val))
        return (struct str){val.p, val.n};
    const uint64_t h = hash_mix(id);
    for (unsigned i = 0; i < v->gen_n; i++) {
        const struct generation *g = v->gen[i];
        uint32_t at;
        for (uint32_t k = index_first(&g->name_index, h, &at); at != INDEX_NONE;
             k = index_next(&g->name_index, h, k, &at))
            if (g->type_name.p[at].id == id)
                return pending_text(g, g->type_name.p[at].text, g->type_name.p[at].text_n);
    }
    return (struct str){0};
}
