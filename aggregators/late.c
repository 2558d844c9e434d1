/* A list of accounts a day, in chunks: a row for each account would cost a look-up each, where most
 * accounts have something late on most days. */
#include "aggregators/late.h"

#include "aggregators/merge.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* ---- fold ---- */

static void count(struct generation *g, uint64_t account, int32_t day)
{
    const uint64_t h = tally_hash(account, day);
    uint32_t at;
    for (uint32_t i = index_first(&g->late_index, h, &at); at != INDEX_NONE;
         i = index_next(&g->late_index, h, i, &at))
        if (g->late.p[at].account == account && g->late.p[at].day == day) {
            g->late.p[at].n++;
            return;
        }
    at = ARRAY_MORE(g->late);
    g->late.p[at] = (struct late){account, day, 1};
    index_add(&g->late_index, h, at);
}

void late_fold(struct generation *g, const struct event *const *ev, uint32_t n, int32_t day)
{
    for (uint32_t i = 0; i < n; i++)
        index_prefetch(&g->late_index, tally_hash(ev[i]->account, day));
    for (uint32_t i = 0; i < n; i++)
        count(g, ev[i]->account, day);
}

static uint64_t pending(const struct generation *g, uint64_t account, int32_t day)
{
    const uint64_t h = tally_hash(account, day);
    uint32_t at;
    for (uint32_t i = index_first(&g->late_index, h, &at); at != INDEX_NONE;
         i = index_next(&g->late_index, h, i, &at))
        if (g->late.p[at].account == account && g->late.p[at].day == day)
            return g->late.p[at].n;
    return 0;
}

/* ---- chunks ---- */

static size_t late_key(uint8_t key[static LATE_KEY_MAX], int32_t day, uint64_t account_first)
{
    key[0] = (uint8_t)((uint32_t)day >> 8);
    key[1] = (uint8_t)day;
    return (size_t)(put_ordered(key + 2, account_first) - key);
}

enum status late_open(struct span key, struct span value, struct late_reader *out)
{
    struct reader k = reader_of(key.p, key.n);
    out->day = (int32_t)read_be(&k, 2);
    out->account = read_ordered(&k);
    if (k.bad || reader_left(&k) || value_open(value, &out->r))
        return ST_CORRUPT;
    out->end = read_varint(&out->r);
    return out->r.bad ? ST_CORRUPT : ST_OK;
}

bool late_next(struct late_reader *l, uint64_t *events)
{
    if (reader_left(&l->r) == 0)
        return false;
    l->account += read_varint(&l->r);
    *events = read_varint(&l->r);
    return !l->r.bad;
}

/* ---- merge ---- */

struct writer {
    struct merge *m;
    struct cur cur;
    struct buf old;   /* copy of the chunk being rewritten */
    struct buf value; /* the chunk being written */
    int32_t day;
    uint64_t account_first; /* of the chunk being written */
    uint64_t account;       /* written last */
};

static void chunk_begin(struct writer *w, uint64_t account_first)
{
    value_begin(&w->value);
    buf_varint(&w->value, w->m->g->end);
    w->account_first = w->account = account_first;
}

static void chunk_put(struct writer *w)
{
    uint8_t key[LATE_KEY_MAX];
    value_seal(&w->value);
    cur_put(&w->cur, key, late_key(key, w->day, w->account_first), w->value.p, w->value.n);
    w->m->stats->bytes += w->value.n;
    w->m->dirty_bytes += w->value.n;
}

static void put(struct writer *w, uint64_t account, uint64_t events)
{
    if (w->value.n > LATE_CHUNK) {
        chunk_put(w);
        chunk_begin(w, account);
    }
    buf_varint(&w->value, account - w->account);
    buf_varint(&w->value, events);
    w->account = account;
}

/* The chunk that an account belongs to is copied into w->old, and *next is the first account of the
 * one behind it. False: there is none yet, and that of account 0 has to be begun. */
static bool find(struct writer *w, uint64_t account, struct late_reader *out, uint64_t *next)
{
    uint8_t above[LATE_KEY_MAX];
    const uint8_t day[2] = {(uint8_t)((uint32_t)w->day >> 8), (uint8_t)w->day};
    *next = UINT64_MAX;
    if (!cur_seek_before(&w->cur, above, late_key(above, w->day, account + 1)) ||
        !cur_has_prefix(&w->cur, day, sizeof day))
        return false;
    buf_reset(&w->old);
    buf_put(&w->old, w->cur.val.p, w->cur.val.n);
    CHECK(!w->old.bad);
    if (late_open(w->cur.key, (struct span){w->old.p, w->old.n}, out))
        txn_fail(&w->m->txn, ST_CORRUPT);
    if (cur_next(&w->cur) && cur_has_prefix(&w->cur, day, sizeof day)) {
        struct reader k = reader_of(w->cur.key.p, w->cur.key.n);
        (void)read_be(&k, 2);
        *next = read_ordered(&k);
    }
    return true;
}

/* Put the entries of one chunk and those that fall into it together; returns how many did. */
static uint32_t merge_chunk(struct writer *w, const struct sort_item *items, uint32_t n)
{
    const struct generation *g = w->m->g;
    struct late_reader old = {0};
    uint64_t next, events = 0;
    const bool found = find(w, items[0].lo, &old, &next);
    uint32_t end = 0;
    while (end < n && items[end].lo < next)
        end++;
    if (w->m->txn.status != ST_OK || (found && old.end >= g->end))
        return end; /* a merge that was cut short had come so far */
    chunk_begin(w, found ? old.account : 0);
    bool have = found && late_next(&old, &events);
    for (uint32_t i = 0; i < end || have;) {
        if (have && (i == end || old.account < items[i].lo)) {
            put(w, old.account, events);
            have = late_next(&old, &events);
            continue;
        }
        uint64_t sum = g->late.p[items[i].at].n;
        const uint64_t account = items[i++].lo;
        if (have && old.account == account) {
            sum += events;
            have = late_next(&old, &events);
        }
        put(w, account, sum);
    }
    if (old.r.bad)
        txn_fail(&w->m->txn, ST_CORRUPT);
    chunk_put(w);
    return end;
}

static void merge_day(struct writer *w, const struct sort_item *items, uint32_t n)
{
    struct merge *m = w->m;
    w->day = (int32_t)items[0].hi;
    if (w->day < m->purge_day) {
        m->stats->rows_dropped += n;
        return;
    }
    cur_open(&m->txn, DAYS_LATE, &w->cur);
    for (uint32_t i = 0; i < n && m->txn.status == ST_OK;) {
        if (merge_is_due(m)) {
            cur_close(&w->cur);
            merge_part(m, MERGE_REST, 0, 0);
            cur_open(&m->txn, DAYS_LATE, &w->cur);
        }
        i += merge_chunk(w, items + i, n - i);
    }
    cur_close(&w->cur);
}

void late_merge(struct merge *m)
{
    const struct generation *g = m->g;
    const uint32_t n = g->late.n;
    struct writer w = {.m = m, .old = buf_of(SIZE_MAX / 2), .value = buf_of(SIZE_MAX / 2)};
    if (n == 0)
        return;
    struct sort_item *items = merge_alloc(2 * (size_t)n * sizeof *items);
    for (uint32_t i = 0; i < n; i++)
        items[i] = (struct sort_item){g->late.p[i].account, (uint32_t)g->late.p[i].day, i};
    sort_items(items, items + n, n);
    for (uint32_t i = 0, end; i < n && m->txn.status == ST_OK; i = end) {
        for (end = i + 1; end < n && items[end].hi == items[i].hi;)
            end++;
        merge_day(&w, items + i, end - i);
    }
    free(items);
    buf_fini(&w.old);
    buf_fini(&w.value);
}

/* ---- reading ---- */

static uint64_t stored(struct cur *c, uint64_t account, int32_t day, uint64_t *end)
{
    uint8_t above[LATE_KEY_MAX];
    struct late_reader l;
    uint64_t events;
    *end = 0;
    if (!cur_seek_before(c, above, late_key(above, day, account + 1)) ||
        !cur_has_prefix(c, above, 2))
        return 0;
    if (late_open(c->key, c->val, &l)) {
        txn_fail(c->txn, ST_CORRUPT);
        return 0;
    }
    *end = l.end;
    while (late_next(&l, &events) && l.account <= account)
        if (l.account == account)
            return events;
    if (l.r.bad)
        txn_fail(c->txn, ST_CORRUPT);
    return 0;
}

uint64_t late_stored(struct txn *t, uint64_t account, int32_t day, uint64_t *end)
{
    struct cur c;
    cur_open(t, DAYS_LATE, &c);
    const uint64_t events = stored(&c, account, day, end);
    cur_close(&c);
    return events;
}

uint64_t view_late(struct view *v, uint64_t account, int32_t from, int32_t to)
{
    uint64_t sum = 0, end;
    struct cur c;
    cur_open(&v->txn, DAYS_LATE, &c);
    for (int32_t day = from; day <= to; day++) {
        sum += stored(&c, account, day, &end);
        for (unsigned i = 0; i < v->gen_n; i++)
            if (generation_end(v->gen[i]) > end)
                sum += pending(v->gen[i], account, day);
    }
    cur_close(&c);
    return sum;
}
