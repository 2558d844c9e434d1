/* Transactions and cursors.
 *
 * The one idea: a sticky status. A sequence of reads and writes is checked once, at its commit;
 * after the first failure nothing more reaches LMDB. The LMDB handle lives exactly until txn_commit
 * or txn_abort, whatever fails in between, and is never ended twice. */
#include "engine/store/internal.h"

#include "engine/base/check.h"

static void fail(struct txn *t, int rc)
{
    CHECK(t->status == ST_OK); /* after a failure LMDB is not asked again */
    t->status = store_fault(t->store, rc, t->writes);
}

void txn_fail(struct txn *t, enum status st)
{
    if (t->status == ST_OK)
        t->status = st;
}

void txn_use_reserve(struct txn *t)
{
    t->tight = false;
}

/* ---- begin and end ---- */

static MDB_txn *pool_pop(struct store *s)
{
    MDB_txn *h = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->pool_n > 0)
        h = s->pool[--s->pool_n];
    pthread_mutex_unlock(&s->lock);
    return h;
}

static int begin_read(struct store *s, MDB_txn **out)
{
    MDB_txn *h = pool_pop(s);
    int rc;
    if (h != NULL) {
        rc = mdb_txn_renew(h);
        if (rc != 0)
            mdb_txn_abort(h);
    } else {
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &h);
    }
    if (rc == MDB_PANIC) {
        atomic_store(&s->failed, true);
        rc = store_rescue_begin(s, &h);
    }
    if (rc == 0)
        *out = h;
    return rc;
}

static void end_read(struct store *s, MDB_txn *h)
{
    if (mdb_txn_env(h) == s->env) {
        mdb_txn_reset(h);
        pthread_mutex_lock(&s->lock);
        if (s->pool_n < STORE_POOL_MAX) {
            s->pool[s->pool_n++] = h;
            h = NULL;
        }
        pthread_mutex_unlock(&s->lock);
    }
    if (h != NULL)
        mdb_txn_abort(h);
}

void txn_begin(struct store *s, bool writes, struct txn *out)
{
    MDB_txn *h = NULL;
    int rc;

    *out = (struct txn){.store = s, .writes = writes};
    if (!writes) {
        rc = begin_read(s, &h);
    } else {
        if (s->read_only) {
            out->status = ST_USAGE;
            return;
        }
        if (atomic_load(&s->failed)) {
            out->status = ST_IO_ERROR;
            return;
        }
        out->tight = store_is_tight(s);
        /* LMDB would wait here, for ever when this thread has the other one. */
        CHECK(!atomic_exchange(&s->writing, true));
        rc = mdb_txn_begin(s->env, NULL, 0, &h);
        if (rc != 0)
            atomic_store(&s->writing, false);
    }
    if (rc != 0)
        fail(out, rc);
    else
        out->handle = h;
}

void txn_abort(struct txn *t)
{
    if (t->handle == NULL)
        return;
    if (t->writes) {
        mdb_txn_abort(t->handle);
        atomic_store(&t->store->writing, false);
    } else {
        end_read(t->store, t->handle);
    }
    t->handle = NULL;
}

static bool seam_fires(struct store *s)
{
    unsigned nth = atomic_load(&s->fail_nth);
    if (nth > 0)
        atomic_store(&s->fail_nth, nth - 1);
    return nth == 1;
}

enum status txn_commit(struct txn *t)
{
    if (!t->writes || t->status != ST_OK || t->handle == NULL) {
        txn_abort(t);
        return t->status;
    }
    int rc;
    if (seam_fires(t->store)) {
        mdb_txn_abort(t->handle);
        rc = atomic_load(&t->store->fail_error);
    } else {
        rc = mdb_txn_commit(t->handle); /* frees the handle in every case */
    }
    t->handle = NULL;
    /* The verdict first: the next writer has to see `failed`. */
    if (rc != 0)
        fail(t, rc);
    atomic_store(&t->store->writing, false);
    return t->status;
}

/* ---- tables ---- */

/* The LMDB table, or false when there is nothing to read or the transaction has failed. */
static bool table_of(const struct txn *t, unsigned table, MDB_dbi *dbi)
{
    const struct store *s = t->store;
    CHECK(table < s->tables_n);
    if (t->status != ST_OK)
        return false;
    CHECK(t->handle != NULL);
    if (!s->present[table])
        return false;
    *dbi = mdb_txn_env(t->handle) == s->env ? s->dbi[table] : s->rescue_dbi[table];
    return true;
}

static MDB_val val_of(const void *p, size_t n)
{
    return (MDB_val){.mv_size = n, .mv_data = (void *)(uintptr_t)p};
}

static struct span span_of(const MDB_val *v)
{
    return (struct span){v->mv_data, v->mv_size};
}

bool txn_get(struct txn *t, unsigned table, const void *key, size_t key_n, struct span *out)
{
    MDB_dbi dbi;
    MDB_val k = val_of(key, key_n), v;
    if (!table_of(t, table, &dbi) || key_n == 0 || key_n > STORE_KEY_MAX)
        return false;
    int rc = mdb_get(t->handle, dbi, &k, &v);
    if (rc == 0)
        *out = span_of(&v);
    else if (rc != MDB_NOTFOUND)
        fail(t, rc);
    return rc == 0;
}

/* Everything that every put has to pass. */
static bool may_put(struct txn *t, unsigned table, size_t key_n, MDB_dbi *dbi)
{
    CHECK(t->writes);
    if (!table_of(t, table, dbi))
        return false;
    CHECK(key_n > 0);
    if (key_n > STORE_KEY_MAX)
        txn_fail(t, ST_TOO_LARGE);
    else if (t->tight)
        txn_fail(t, ST_STORAGE_FULL);
    return t->status == ST_OK;
}

void txn_put(struct txn *t, unsigned table, const void *key, size_t key_n, const void *val,
             size_t val_n)
{
    MDB_dbi dbi;
    MDB_val k = val_of(key, key_n), v = val_of(val, val_n);
    if (!may_put(t, table, key_n, &dbi))
        return;
    int rc = mdb_put(t->handle, dbi, &k, &v, 0);
    if (rc != 0)
        fail(t, rc);
}

void *txn_reserve(struct txn *t, unsigned table, const void *key, size_t key_n, size_t val_n,
                  bool append)
{
    MDB_dbi dbi;
    MDB_val k = val_of(key, key_n), v = val_of(NULL, val_n);
    if (!may_put(t, table, key_n, &dbi))
        return NULL;
    int rc = mdb_put(t->handle, dbi, &k, &v, MDB_RESERVE | (append ? MDB_APPEND : 0));
    if (rc != 0) {
        fail(t, rc);
        return NULL;
    }
    return v.mv_data;
}

bool txn_del(struct txn *t, unsigned table, const void *key, size_t key_n)
{
    MDB_dbi dbi;
    MDB_val k = val_of(key, key_n);
    CHECK(t->writes);
    if (!table_of(t, table, &dbi) || key_n == 0 || key_n > STORE_KEY_MAX)
        return false;
    int rc = mdb_del(t->handle, dbi, &k, NULL);
    if (rc == 0)
        t->tight = false;
    else if (rc != MDB_NOTFOUND)
        fail(t, rc);
    return rc == 0;
}

void txn_table_size(struct txn *t, unsigned table, struct table_size *out)
{
    MDB_dbi dbi;
    MDB_stat st;
    *out = (struct table_size){0};
    if (!table_of(t, table, &dbi))
        return;
    int rc = mdb_stat(t->handle, dbi, &st);
    if (rc != 0) {
        fail(t, rc);
        return;
    }
    out->entries = st.ms_entries;
    out->leaf_bytes = (uint64_t)st.ms_leaf_pages * st.ms_psize;
    out->branch_bytes = (uint64_t)st.ms_branch_pages * st.ms_psize;
    out->overflow_bytes = (uint64_t)st.ms_overflow_pages * st.ms_psize;
}

/* ---- cursors ---- */

void cur_open(struct txn *t, unsigned table, struct cur *out)
{
    MDB_dbi dbi;
    MDB_cursor *c;
    *out = (struct cur){.txn = t};
    if (!table_of(t, table, &dbi))
        return;
    int rc = mdb_cursor_open(t->handle, dbi, &c);
    if (rc != 0)
        fail(t, rc);
    else
        out->handle = c;
}

void cur_close(struct cur *c)
{
    /* Ending a write transaction frees its cursors. */
    if (c->handle != NULL && !(c->txn->writes && c->txn->handle == NULL))
        mdb_cursor_close(c->handle);
    c->handle = NULL;
    c->on = false;
}

static bool usable(struct cur *c)
{
    c->on = false;
    return c->handle != NULL && c->txn->status == ST_OK;
}

/* Move and report where the cursor stands. k is in and out. */
static bool move(struct cur *c, MDB_val *k, MDB_cursor_op op)
{
    MDB_val v;
    int rc = mdb_cursor_get(c->handle, k, &v, op);
    c->on = rc == 0;
    if (c->on) {
        c->key = span_of(k);
        c->val = span_of(&v);
    } else if (rc != MDB_NOTFOUND) {
        fail(c->txn, rc);
    }
    return c->on;
}

bool cur_seek(struct cur *c, const void *key, size_t key_n)
{
    MDB_val k = val_of(key, key_n);
    if (!usable(c))
        return false;
    if (key_n == 0)
        return cur_first(c);
    return move(c, &k, MDB_SET_RANGE);
}

bool cur_seek_before(struct cur *c, const void *key, size_t key_n)
{
    if (cur_seek(c, key, key_n))
        return cur_prev(c);
    return cur_last(c);
}

bool cur_first(struct cur *c)
{
    MDB_val k;
    return usable(c) && move(c, &k, MDB_FIRST);
}

bool cur_last(struct cur *c)
{
    MDB_val k;
    return usable(c) && move(c, &k, MDB_LAST);
}

bool cur_next(struct cur *c)
{
    MDB_val k;
    return c->on && usable(c) && move(c, &k, MDB_NEXT);
}

bool cur_prev(struct cur *c)
{
    MDB_val k;
    return c->on && usable(c) && move(c, &k, MDB_PREV);
}

void cur_del(struct cur *c)
{
    MDB_val k;
    CHECK(c->txn->writes);
    CHECK(c->on || c->txn->status != ST_OK);
    if (!usable(c))
        return;
    int rc = mdb_cursor_del(c->handle, 0);
    if (rc != 0) {
        fail(c->txn, rc);
        return;
    }
    c->txn->tight = false;
    /* After a delete LMDB's next is the entry that moved into the gap. */
    (void)move(c, &k, MDB_NEXT); /* none left: `on` says so */
}

void cur_put(struct cur *c, const void *key, size_t key_n, const void *val, size_t val_n)
{
    MDB_val k = val_of(key, key_n), v = val_of(val, val_n);
    bool same = c->on && c->key.n == key_n && memcmp(c->key.p, key, key_n) == 0;

    CHECK(c->txn->writes);
    if (!usable(c))
        return;
    CHECK(key_n > 0);
    if (key_n > STORE_KEY_MAX)
        txn_fail(c->txn, ST_TOO_LARGE);
    else if (c->txn->tight)
        txn_fail(c->txn, ST_STORAGE_FULL);
    if (c->txn->status != ST_OK)
        return;
    /* With MDB_CURRENT no search at all; else LMDB first looks in the leaf where the cursor is. */
    int rc = mdb_cursor_put(c->handle, &k, &v, same ? MDB_CURRENT : 0);
    if (rc != 0) {
        fail(c->txn, rc);
        return;
    }
    (void)move(c, &k, MDB_GET_CURRENT);
}
