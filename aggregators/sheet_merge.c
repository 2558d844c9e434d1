/* Merge pending counters into stored sheets, in key order. */
#include "aggregators/merge.h"
#include "aggregators/sheet.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* A chunk being written: rows [from, to) of `body`. */
struct chunk {
    uint64_t app_first;
    size_t from, to;
};

/* Scratch of one merge; grows to the largest sheet met. */
struct writer {
    struct merge *m;
    struct cur cur;
    struct buf body;  /* rows of the chunks being written */
    struct buf cells; /* cells of the row being written */
    struct buf value; /* a whole value */
    struct buf old;   /* copies of stored chunks */
    struct chunk *chunks;
    uint32_t chunks_n, chunks_cap;
    const struct row **rows; /* pending rows of the tally, ascending app */
    uint32_t rows_n, rows_cap;
    struct cell *pending; /* cells of a pending row, ascending slot */
    uint32_t pending_n, pending_cap;
    struct cell *merged;
    uint32_t merged_n, merged_cap;
    uint64_t app_last; /* of the chunk being written */
    bool closed;       /* the day keeps no quarter hours */
};

static void *more(void *p, uint32_t need, uint32_t *cap, size_t size)
{
    if (need <= *cap)
        return p;
    *cap = need + need / 2 + 64;
    void *q = realloc(p, *cap * size);
    CHECK(q);
    return q;
}

static int by_app(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    return x->app < y->app ? -1 : x->app > y->app;
}

static int by_slot(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static void sort_cells(struct cell *c, uint32_t n)
{
    if (n > 24) {
        qsort(c, n, sizeof *c, by_slot);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        const struct cell x = c[i];
        uint32_t k = i;
        for (; k && c[k - 1].slot > x.slot; k--)
            c[k] = c[k - 1];
        c[k] = x;
    }
}

static void gather_rows(struct writer *w, const struct tally *t)
{
    const struct generation *g = w->m->g;
    w->rows_n = 0;
    for (uint32_t at = t->first_row; at != NONE; at = g->row.p[at].next) {
        w->rows = more(w->rows, w->rows_n + 1, &w->rows_cap, sizeof *w->rows);
        w->rows[w->rows_n++] = &g->row.p[at];
    }
    if (w->rows_n > 1)
        qsort(w->rows, w->rows_n, sizeof *w->rows, by_app);
}

static void gather_cells(struct writer *w, const struct row *r)
{
    const struct generation *g = w->m->g;
    w->pending_n = 0;
    for (uint32_t at = r->first_cell; at != NONE; at = g->cell.p[at].next) {
        w->pending = more(w->pending, w->pending_n + 1, &w->pending_cap, sizeof *w->pending);
        w->pending[w->pending_n++] = (struct cell){g->cell.p[at].slot, g->cell.p[at].count};
    }
    sort_cells(w->pending, w->pending_n);
}

/* merged = stored cells (old may be NULL) + pending cells, ascending. */
static void merge_cells(struct writer *w, struct sheet_row_reader *old)
{
    uint32_t left = old ? old->cells_n : 0, i = 0;
    w->merged = more(w->merged, left + w->pending_n, &w->merged_cap, sizeof *w->merged);
    w->merged_n = 0;
    struct cell o = {0, 0};
    bool have = false;
    while (have || left || i < w->pending_n) {
        if (!have && left) {
            o.slot += read_varint(&old->cells);
            o.count = read_varint(&old->cells);
            left--;
            have = true;
        }
        struct cell *to = &w->merged[w->merged_n++];
        if (!have || (i < w->pending_n && w->pending[i].slot < o.slot)) {
            *to = w->pending[i++];
            continue;
        }
        *to = o;
        have = false;
        if (i < w->pending_n && w->pending[i].slot == o.slot)
            to->count += w->pending[i++].count;
    }
}

/* A closed day needs no quarter hours: its API cells become the three of the day. */
static void collapse_quarters(struct writer *w)
{
    uint64_t sum[4] = {0};
    uint32_t n = 0;
    while (n < w->merged_n && slot_is_api(w->merged[n].slot)) {
        sum[slot_which(w->merged[n].slot)] += w->merged[n].count;
        n++;
    }
    if (n == 0 || slot_quarter(w->merged[0].slot) == QUARTERS_PER_DAY)
        return;
    uint32_t kept = 0;
    struct cell day[3];
    for (uint32_t which = 0; which < 3; which++)
        if (sum[which])
            day[kept++] = (struct cell){QUARTERS_PER_DAY * 4 + which, sum[which]};
    memmove(w->merged + kept, w->merged + n, (w->merged_n - n) * sizeof *w->merged);
    memcpy(w->merged, day, kept * sizeof *day);
    w->merged_n -= n - kept;
}

static void emit_row(struct writer *w, uint64_t app, uint32_t sent_ms1, uint32_t received_ms1)
{
    struct buf *c = &w->cells;
    buf_reset(c);
    if (!buf_room(c, (size_t)w->merged_n * 20))
        return;
    uint64_t slot = 0;
    uint8_t *p = c->p;
    for (uint32_t i = 0; i < w->merged_n; i++) {
        p = put_varint(p, w->merged[i].slot - slot);
        p = put_varint(p, w->merged[i].count);
        slot = w->merged[i].slot;
    }
    c->n = (size_t)(p - c->p);

    struct chunk *last = &w->chunks[w->chunks_n - 1];
    if (w->body.n > last->from && w->body.n - last->from + c->n + 32 > SHEET_CHUNK) {
        last->to = w->body.n;
        w->chunks = more(w->chunks, w->chunks_n + 1, &w->chunks_cap, sizeof *w->chunks);
        w->chunks[w->chunks_n++] = (struct chunk){app, w->body.n, 0};
        w->app_last = app;
    }
    buf_varint(&w->body, app - w->app_last);
    buf_varint(&w->body, sent_ms1);
    buf_varint(&w->body, received_ms1);
    buf_varint(&w->body, w->merged_n);
    buf_varint(&w->body, c->n);
    buf_put(&w->body, c->p, c->n);
    w->app_last = app;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Write the rows of one stored chunk (old; empty for none) and the pending rows rows[0..n) to body.
 */
static void merge_rows(struct writer *w, struct reader *old, uint64_t app_first,
                       const struct row *const *rows, uint32_t n)
{
    struct sheet_row_reader o;
    uint64_t app = app_first;
    bool have = sheet_next(old, &app, &o);
    for (uint32_t i = 0; have || i < n;) {
        const bool take_old = have && (i == n || o.app <= rows[i]->app);
        const bool take_new = i < n && (!have || rows[i]->app <= o.app);
        w->pending_n = 0;
        if (take_new)
            gather_cells(w, rows[i]);
        merge_cells(w, take_old ? &o : NULL);
        if (w->closed)
            collapse_quarters(w);
        emit_row(w, take_old ? o.app : rows[i]->app,
                 max_u32(take_old ? o.sent_ms1 : 0, take_new ? rows[i]->sent_ms1 : 0),
                 max_u32(take_old ? o.received_ms1 : 0, take_new ? rows[i]->received_ms1 : 0));
        if (take_new)
            i++;
        if (take_old)
            have = sheet_next(old, &app, &o);
    }
    if (old->bad)
        txn_fail(&w->m->txn, ST_CORRUPT);
}

static void begin_chunks(struct writer *w, uint64_t app_first)
{
    buf_reset(&w->body);
    w->chunks = more(w->chunks, 1, &w->chunks_cap, sizeof *w->chunks);
    w->chunks[0] = (struct chunk){app_first, 0, 0};
    w->chunks_n = 1;
    w->app_last = app_first;
}

static void put_chunk(struct writer *w, const struct tally *t, const struct chunk *c,
                      const struct sheet_head *head)
{
    struct buf *v = &w->value;
    value_begin(v);
    if (c->app_first == 0) {
        buf_varint(v, head->record_total);
        buf_varint(v, head->call_total);
        buf_varint(v, head->more_chunks);
    }
    buf_put(v, w->body.p + c->from, c->to - c->from);
    CHECK(!w->body.bad && !w->cells.bad);
    value_seal(v);
    uint8_t key[SHEET_KEY_MAX];
    const size_t key_n = sheet_key(key, t->day, t->account, c->app_first);
    cur_put(&w->cur, key, key_n, v->p, v->n);
    w->m->stats->sheets++;
    w->m->stats->bytes += v->n;
}

/* Copy the chunks that follow the first one; each as ordered(app_first) . length . value. */
static void copy_more_chunks(struct writer *w, const struct tally *t, uint64_t n)
{
    buf_reset(&w->old);
    for (uint64_t i = 0; i < n && cur_next(&w->cur); i++) {
        int32_t day;
        uint64_t account, app_first;
        if (!sheet_key_read(w->cur.key, &day, &account, &app_first) || day != t->day ||
            account != t->account) {
            txn_fail(&w->m->txn, ST_CORRUPT);
            return;
        }
        buf_ordered(&w->old, app_first);
        buf_str(&w->old, (struct str){w->cur.val.p, w->cur.val.n});
    }
}

/* The chunks after the first: rewrite those that pending rows fall into. rows[0..n) are those at or
 * above the second chunk. Returns how many chunks were added. */
static uint64_t merge_more_chunks(struct writer *w, const struct tally *t,
                                  const struct row *const *rows, uint32_t n)
{
    struct reader r = reader_of(w->old.p, w->old.n);
    uint64_t added = 0;
    uint64_t app_first = read_ordered(&r);
    struct str value = read_str(&r);
    for (bool last = false; !last && !r.bad;) {
        last = reader_left(&r) == 0;
        const uint64_t next_first = last ? UINT64_MAX : read_ordered(&r);
        const struct str next_value = last ? (struct str){0} : read_str(&r);
        uint32_t k = 0;
        while (k < n && rows[k]->app < next_first)
            k++;
        if (k) {
            struct reader old;
            if (sheet_open((struct span){value.p, value.n}, app_first, &old, NULL)) {
                txn_fail(&w->m->txn, ST_CORRUPT);
                return 0;
            }
            begin_chunks(w, app_first);
            merge_rows(w, &old, app_first, rows, k);
            w->chunks[w->chunks_n - 1].to = w->body.n;
            for (uint32_t i = 0; i < w->chunks_n; i++)
                put_chunk(w, t, &w->chunks[i], NULL);
            added += w->chunks_n - 1;
        }
        rows += k;
        n -= k;
        app_first = next_first;
        value = next_value;
    }
    return added;
}

static void merge_tally(struct writer *w, const struct tally *t)
{
    struct merge *m = w->m;
    gather_rows(w, t);
    w->closed = t->day < m->open_day;
    uint8_t key[SHEET_KEY_MAX];
    const size_t key_n = sheet_key(key, t->day, t->account, 0);
    struct reader old = reader_of(NULL, 0);
    struct sheet_head head = {0, 0, 0};
    const bool found = cur_seek(&w->cur, key, key_n) && w->cur.key.n == key_n &&
                       memcmp(w->cur.key.p, key, key_n) == 0;
    uint32_t first_n = w->rows_n; /* pending rows that belong to the first chunk */
    if (found) {
        if (sheet_open((struct span){w->cur.val.p, w->cur.val.n}, 0, &old, &head)) {
            txn_fail(&m->txn, ST_CORRUPT);
            return;
        }
        if (head.more_chunks) {
            copy_more_chunks(w, t, head.more_chunks);
            struct reader r = reader_of(w->old.p, w->old.n);
            const uint64_t second_first = read_ordered(&r);
            for (first_n = 0; first_n < w->rows_n && w->rows[first_n]->app < second_first;)
                first_n++;
        }
    }
    begin_chunks(w, 0);
    merge_rows(w, &old, 0, (const struct row *const *)w->rows, first_n);
    w->chunks[w->chunks_n - 1].to = w->body.n;
    head.record_total += t->record_total;
    head.call_total += t->call_total;

    /* The first chunk's head counts the others, so those are settled before it is written; its rows
     * wait in `body`, which the others use too. */
    if (first_n < w->rows_n) {
        struct buf body = w->body;
        struct chunk *chunks = w->chunks;
        const uint32_t chunks_n = w->chunks_n, chunks_cap = w->chunks_cap;
        w->body = buf_of(SIZE_MAX / 2);
        w->chunks = NULL;
        w->chunks_cap = 0;
        head.more_chunks += merge_more_chunks(w, t, (const struct row *const *)w->rows + first_n,
                                              w->rows_n - first_n);
        buf_fini(&w->body);
        free(w->chunks);
        w->body = body;
        w->chunks = chunks;
        w->chunks_n = chunks_n;
        w->chunks_cap = chunks_cap;
    }
    head.more_chunks += w->chunks_n - 1;
    for (uint32_t i = 0; i < w->chunks_n; i++)
        put_chunk(w, t, &w->chunks[i], &head);
}

/* The chains of a tally are cold when its turn comes. So its rows are walked ahead of time, one row
 * a few tallies: each hop reads what the hop before it has fetched, and fetches the next. */
#define AHEAD      32
#define HOPS       6
#define HOP_STRIDE 4
struct ahead {
    uint32_t row[AHEAD]; /* of the tally at place i: row[i % AHEAD] is its next row to fetch */
};

static void fetch_ahead(const struct merge *m, struct ahead *a, uint32_t i)
{
    const struct generation *g = m->g;
    if (i + AHEAD > g->tally.n)
        return;
    __builtin_prefetch(&g->tally.p[m->order[i + AHEAD - 1]]);
    const uint32_t first = i + AHEAD - HOP_STRIDE;
    a->row[first % AHEAD] = g->tally.p[m->order[first]].first_row;
    __builtin_prefetch(&g->row.p[a->row[first % AHEAD]]);
    for (uint32_t hop = 1; hop <= HOPS; hop++) {
        const uint32_t at = first - hop * HOP_STRIDE;
        const uint32_t row = a->row[at % AHEAD];
        if (row == NONE)
            continue;
        __builtin_prefetch(&g->cell.p[g->row.p[row].first_cell]);
        a->row[at % AHEAD] = g->row.p[row].next;
        if (g->row.p[row].next != NONE)
            __builtin_prefetch(&g->row.p[g->row.p[row].next]);
    }
}

void sheet_merge(struct merge *m)
{
    const struct generation *g = m->g;
    const size_t max = SIZE_MAX / 2;
    struct writer w = {.m = m,
                       .body = buf_of(max),
                       .cells = buf_of(max),
                       .value = buf_of(max),
                       .old = buf_of(max)};
    struct ahead ahead;
    memset(&ahead, 0xff, sizeof ahead); /* NONE everywhere */
    cur_open(&m->txn, DAYS_SHEET, &w.cur);
    for (uint32_t i = 0; i < g->tally.n && m->txn.status == ST_OK; i++) {
        const struct tally *t = &g->tally.p[m->order[i]];
        fetch_ahead(m, &ahead, i);
        if (t->day < m->purge_day)
            m->stats->rows_dropped++;
        else
            merge_tally(&w, t);
    }
    cur_close(&w.cur);
    buf_fini(&w.body);
    buf_fini(&w.cells);
    buf_fini(&w.value);
    buf_fini(&w.old);
    free(w.chunks);
    free(w.rows);
    free(w.pending);
    free(w.merged);
}
