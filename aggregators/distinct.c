/* Distinct records: which record identities an app touched with an action on a day. */
#include "aggregators/distinct.h"

#include "aggregators/merge.h"
#include "engine/base/check.h"

#define DISTINCT_KEY_MAX 21

static size_t distinct_prefix(uint8_t key[static DISTINCT_KEY_MAX], int32_t day, uint64_t account)
{
    key[0] = (uint8_t)((uint32_t)day >> 8);
    key[1] = (uint8_t)day;
    return (size_t)(put_ordered(key + 2, account) - key);
}

static size_t distinct_key(uint8_t key[static DISTINCT_KEY_MAX], const struct tally *t,
                           uint64_t app, unsigned action)
{
    uint8_t *p = put_ordered(key + distinct_prefix(key, t->day, t->account), app);
    *p++ = (uint8_t)action;
    return (size_t)(p - key);
}

void distinct_fold_one(struct generation *g, uint32_t row, const struct event *e, unsigned action)
{
    /* Contact 5 and company 5 are two records. */
    const uint64_t record =
        hash_mix(e->record_hash + e->object_type * UINT64_C(0x9e3779b97f4a7c15));
    const uint64_t h = hash_mix(record + row * UINT64_C(0x9e3779b97f4a7c15) + action);
    uint32_t at;
    for (uint32_t i = index_first(&g->mark_index, h, &at); at != INDEX_NONE;
         i = index_next(&g->mark_index, h, i, &at)) {
        const struct mark *k = &g->mark.p[at];
        if (k->record_hash == record && k->row == row && k->action == action)
            return;
    }
    at = ARRAY_MORE(g->mark);
    CHECK(at < MARK_NONE);
    g->mark.p[at] = (struct mark){.record_hash = record,
                                  .row = row,
                                  .next = g->row.p[row].first_mark & MARK_NONE,
                                  .action = action & 7};
    g->row.p[row].first_mark = at;
    index_add(&g->mark_index, h, at);
}

/* Add the pending marks of a row with that action (ACTION_N: any) to the sketch; returns how many.
 */
static uint32_t load_pending(const struct generation *g, const struct row *r, unsigned action,
                             struct sketch *s)
{
    uint32_t n = 0;
    for (uint32_t at = r->first_mark; at != MARK_NONE; at = g->mark.p[at].next)
        if (action == ACTION_N || g->mark.p[at].action == action) {
            sketch_add(s, g->mark.p[at].record_hash);
            n++;
        }
    return n;
}

static void merge_row(struct merge *m, const struct tally *t, const struct row *r,
                      struct buf *value)
{
    for (unsigned action = 0; action < ACTION_N; action++) {
        struct sketch s = {0};
        if (load_pending(m->g, r, action, &s)) {
            uint8_t key[DISTINCT_KEY_MAX];
            const size_t key_n = distinct_key(key, t, r->app, action);
            struct span old;
            if (txn_get(&m->txn, DAYS_DISTINCT, key, key_n, &old) && sketch_load(&s, old))
                txn_fail(&m->txn, ST_CORRUPT);
            sketch_store(&s, value);
            txn_put(&m->txn, DAYS_DISTINCT, key, key_n, value->p, value->n);
            m->stats->bytes += value->n;
            m->dirty_bytes += MERGE_STRAY_BYTES + value->n;
        }
        sketch_fini(&s);
    }
}

void distinct_merge(struct merge *m)
{
    const struct generation *g = m->g;
    if (g->mark.n == 0)
        return;
    struct buf value = buf_of(SKETCH_PACKED + 64);
    for (uint32_t i = 0; i < g->tally.n && m->txn.status == ST_OK; i++) {
        const struct tally *t = &g->tally.p[m->order[i]];
        if (t->day < m->purge_day)
            continue;
        if (merge_is_due(m))
            merge_part(m, MERGE_REST, 0, 0);
        for (uint32_t at = t->first_row; at != NONE; at = g->row.p[at].next)
            if (g->row.p[at].first_mark != MARK_NONE)
                merge_row(m, t, &g->row.p[at], &value);
    }
    buf_fini(&value);
}

/* ---- reading ---- */

/* Add one day's records of the account to s. app NULL: any; action ACTION_N: any. */
static void load_day(struct view *v, const struct distinct_query *q, int32_t day, struct sketch *s)
{
    const uint64_t account = q->account, *const app = q->app;
    const unsigned action = q->action;
    uint8_t key[DISTINCT_KEY_MAX];
    size_t key_n = distinct_prefix(key, day, account);
    if (app)
        key_n = (size_t)(put_ordered(key + key_n, *app) - key);
    struct cur c;
    cur_open(&v->txn, DAYS_DISTINCT, &c);
    for (bool on = cur_seek(&c, key, key_n); on && cur_has_prefix(&c, key, key_n);
         on = cur_next(&c)) {
        const uint8_t stored = ((const uint8_t *)c.key.p)[c.key.n - 1];
        if ((action == ACTION_N || stored == action) && sketch_load(s, c.val))
            txn_fail(&v->txn, ST_CORRUPT);
    }
    cur_close(&c);
    for (unsigned i = 0; i < v->gen_n; i++) {
        const struct generation *g = v->gen[i];
        const struct tally *t = pending_tally(g, account, day);
        for (uint32_t at = t ? t->first_row : NONE; at != NONE; at = g->row.p[at].next)
            if (!app || g->row.p[at].app == *app)
                (void)load_pending(g, &g->row.p[at], action, s);
    }
}

void view_distinct(struct view *v, const struct distinct_query *q, struct distinct *out)
{
    struct sketch s = {0};
    for (int32_t day = q->from; day <= q->to; day++)
        load_day(v, q, day, &s);
    sketch_count(&s, out);
    sketch_fini(&s);
}
