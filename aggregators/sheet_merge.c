/* Merge pending counters into stored sheets, in key order. */
#include "aggregators/merge.h"
#include "aggregators/sheet_block.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* A chunk being written: rows [from, to) of `body`. */
struct chunk {
    uint64_t app_first;
    size_t from, to;
};

/* Chunks on their way to the table; the first may be that of a sheet, which goes to a block. */
struct output {
    struct buf body; /* their rows */
    struct chunk *chunks;
    uint32_t chunks_n, chunks_cap;
    uint64_t app_last; /* of the row written last */
};

/* Scratch of one merge; grows to the largest sheet met. */
struct writer {
    struct merge *m;
    struct sheet_blocks blocks;
    struct cur cur;          /* on chunks */
    struct output first;     /* what becomes of the rows of a sheet in its block */
    struct output others;    /* of those of a chunk */
    struct output *out;      /* the one being written */
    struct buf cells;        /* cells of the row being written */
    struct buf value;        /* a whole value */
    struct buf old;          /* copies of stored chunks */
    const struct row **rows; /* pending rows of the tally, ascending app */
    uint32_t rows_n, rows_cap;
    struct cell *pending; /* cells of a pending row, ascending slot */
    uint32_t pending_n, pending_cap;
    uint32_t cells_n; /* in cells */
    uint64_t done;    /* tallies, rows and cells merged */
    bool closed;      /* the day keeps no quarter hours */
};

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
        w->rows = merge_more(w->rows, w->rows_n + 1, &w->rows_cap, sizeof *w->rows);
        w->rows[w->rows_n++] = &g->row.p[at];
    }
    if (w->rows_n > 24) {
        qsort(w->rows, w->rows_n, sizeof *w->rows, by_app);
        return;
    }
    for (uint32_t i = 1; i < w->rows_n; i++) {
        const struct row *x = w->rows[i];
        uint32_t k = i;
        for (; k && w->rows[k - 1]->app > x->app; k--)
            w->rows[k] = w->rows[k - 1];
        w->rows[k] = x;
    }
}

static void gather_cells(struct writer *w, const struct row *r)
{
    const struct generation *g = w->m->g;
    w->pending_n = 0;
    for (uint32_t at = r->first_cell; at != NONE; at = g->cell.p[at].next) {
        w->pending = merge_more(w->pending, w->pending_n + 1, &w->pending_cap, sizeof *w->pending);
        w->pending[w->pending_n++] = (struct cell){g->cell.p[at].slot, g->cell.p[at].count};
    }
    w->done += w->pending_n;
    sort_cells(w->pending, w->pending_n);
}

/* Stored cells on their way into w->cells: bytes [from, r.p) are read, and not yet written. */
struct cell_copy {
    struct reader r;
    const uint8_t *from;
    uint64_t from_slot; /* slot before `from` */
    uint64_t slot;      /* slot before r.p */
    uint64_t out_slot;  /* last slot written */
    uint32_t left;      /* cells behind r.p */
};

/* Write what was read. Only its first delta can have changed. */
static uint8_t *copy_cells(struct cell_copy *c, uint8_t *p)
{
    if (c->from != c->r.p && c->out_slot != c->from_slot) {
        struct reader first = {c->from, c->r.p, false};
        p = put_varint(p, c->from_slot + read_varint(&first) - c->out_slot);
        c->from = first.p;
    }
    const size_t n = (size_t)(c->r.p - c->from);
    if (n) {
        memcpy(p, c->from, n);
        c->out_slot = c->slot;
    }
    return p + n;
}

/* w->cells = stored cells (old may be NULL) + pending cells, ascending. */
static void merge_cells(struct writer *w, const struct sheet_row_reader *old)
{
    struct cell_copy c = {.left = old ? old->cells_n : 0};
    if (old)
        c.r = old->cells;
    c.from = c.r.p;
    buf_reset(&w->cells);
    /* No later look would do: the next row resets the buffer, and `bad` with it. */
    CHECK(buf_room(&w->cells, reader_left(&c.r) + (size_t)w->pending_n * 30 + 30));
    uint8_t *p = w->cells.p;
    w->cells_n = c.left;
    for (uint32_t i = 0; i < w->pending_n; i++) {
        const struct cell *add = &w->pending[i];
        uint64_t count = add->count;
        struct reader next = c.r;
        uint64_t next_slot = c.left ? c.slot + read_varint(&next) : UINT64_MAX;
        while (next_slot < add->slot) {
            (void)read_varint(&next);
            c.r = next;
            c.slot = next_slot;
            next_slot = --c.left ? c.slot + read_varint(&next) : UINT64_MAX;
        }
        p = copy_cells(&c, p);
        if (next_slot == add->slot) {
            count += read_varint(&next);
            c.r = next;
            c.slot = next_slot;
            c.left--;
        } else {
            w->cells_n++;
        }
        p = put_varint(p, add->slot - c.out_slot);
        p = put_varint(p, count);
        c.out_slot = add->slot;
        c.from = c.r.p;
        c.from_slot = c.slot;
    }
    c.r.p = c.r.end;
    p = copy_cells(&c, p);
    w->cells.n = (size_t)(p - w->cells.p);
}

/* A closed day needs no quarter hours: its API cells become the three of the day. */
static void collapse_quarters(struct writer *w)
{
    struct reader r = reader_of(w->cells.p, w->cells.n);
    uint64_t sum[4] = {0}, slot = 0;
    uint32_t left = w->cells_n;
    struct reader behind = r; /* behind the API cells */
    uint64_t next_slot = 0;
    for (; left; left--) {
        next_slot = slot + read_varint(&r);
        if (!slot_is_api(next_slot))
            break;
        slot = next_slot;
        sum[slot_which(slot)] += read_varint(&r);
        behind = r;
    }
    if (left == w->cells_n || (slot_quarter(slot) == QUARTERS_PER_DAY && w->cells_n - left <= 3))
        return;
    struct buf day = buf_of(w->cells.n + 64);
    uint32_t n = left;
    uint64_t out_slot = 0;
    for (uint32_t which = 0; which < 3; which++)
        if (sum[which]) {
            buf_varint(&day, QUARTERS_PER_DAY * 4 + which - out_slot);
            buf_varint(&day, sum[which]);
            out_slot = QUARTERS_PER_DAY * 4 + which;
            n++;
        }
    if (left) {
        (void)read_varint(&behind);
        buf_varint(&day, next_slot - out_slot);
        buf_put(&day, behind.p, reader_left(&behind));
    }
    CHECK(!day.bad);
    buf_reset(&w->cells);
    buf_put(&w->cells, day.p, day.n);
    CHECK(!w->cells.bad);
    buf_fini(&day);
    w->cells_n = n;
}

/* Begin a row: cut the chunk before it when it is full. `more` bytes will follow the app. */
static void begin_row(struct writer *w, uint64_t app, size_t more_bytes)
{
    struct chunk *last = &w->out->chunks[w->out->chunks_n - 1];
    if (w->out->body.n > last->from &&
        w->out->body.n - last->from + more_bytes + 20 > SHEET_CHUNK) {
        last->to = w->out->body.n;
        w->out->chunks = merge_more(w->out->chunks, w->out->chunks_n + 1, &w->out->chunks_cap,
                                    sizeof *w->out->chunks);
        w->out->chunks[w->out->chunks_n++] = (struct chunk){app, w->out->body.n, 0};
        w->out->app_last = app;
    }
    buf_varint(&w->out->body, app - w->out->app_last);
    w->out->app_last = app;
}

/* A row whose cells stand in w->cells. */
static void emit_row(struct writer *w, uint64_t app, uint32_t sent_ms1, uint32_t received_ms1)
{
    begin_row(w, app, w->cells.n + 20);
    CHECK(buf_room(&w->out->body, w->cells.n + 40));
    uint8_t *p = w->out->body.p + w->out->body.n;
    p = put_varint(p, sent_ms1);
    p = put_varint(p, received_ms1);
    p = put_varint(p, w->cells_n);
    p = put_varint(p, w->cells.n);
    memcpy(p, w->cells.p, w->cells.n);
    w->out->body.n = (size_t)(p - w->out->body.p) + w->cells.n;
}

/* A stored row that nothing pending touches: its bytes behind the app stay as they are. */
static void copy_row(struct writer *w, const struct sheet_row_reader *old)
{
    begin_row(w, old->app, old->rest.n);
    buf_put(&w->out->body, old->rest.p, old->rest.n);
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
        if (!take_new && !w->closed) {
            copy_row(w, &o);
        } else {
            merge_cells(w, take_old ? &o : NULL);
            if (w->closed)
                collapse_quarters(w);
            emit_row(w, take_old ? o.app : rows[i]->app,
                     max_u32(take_old ? o.sent_ms1 : 0, take_new ? rows[i]->sent_ms1 : 0),
                     max_u32(take_old ? o.received_ms1 : 0, take_new ? rows[i]->received_ms1 : 0));
        }
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
    buf_reset(&w->out->body);
    w->out->chunks = merge_more(w->out->chunks, 1, &w->out->chunks_cap, sizeof *w->out->chunks);
    w->out->chunks[0] = (struct chunk){app_first, 0, 0};
    w->out->chunks_n = 1;
    w->out->app_last = app_first;
}

static void put_chunk(struct writer *w, const struct tally *t, const struct chunk *c)
{
    struct buf *v = &w->value;
    value_begin(v);
    buf_put(v, w->out->body.p + c->from, c->to - c->from);
    CHECK(!w->out->body.bad && !w->cells.bad);
    value_seal(v);
    uint8_t key[SHEET_KEY_MAX];
    const size_t key_n = sheet_key(key, t->day, t->account, c->app_first);
    cur_put(&w->cur, key, key_n, v->p, v->n);
    w->m->stats->bytes += v->n;
    sheet_block_dirty(w->m, v->n);
}

/* Copy the chunks of a sheet; each as ordered(app_first) . length . value. */
static void copy_chunks(struct writer *w, const struct tally *t, uint64_t n)
{
    uint8_t key[SHEET_KEY_MAX];
    bool on = cur_seek(&w->cur, key, sheet_key(key, t->day, t->account, 1));
    buf_reset(&w->old);
    for (uint64_t i = 0; i < n; i++, on = cur_next(&w->cur)) {
        int32_t day;
        uint64_t account, app_first;
        if (!on || !sheet_key_read(w->cur.key, &day, &account, &app_first) || day != t->day ||
            account != t->account) {
            txn_fail(&w->m->txn, ST_CORRUPT);
            return;
        }
        buf_ordered(&w->old, app_first);
        buf_str(&w->old, (struct str){w->cur.val.p, w->cur.val.n});
    }
    CHECK(!w->old.bad); /* a chunk left out would be rows lost */
}

/* Rewrite those chunks that pending rows fall into. rows[0..n) are those at or above the first
 * chunk. Returns how many chunks were added. */
static uint64_t merge_chunks(struct writer *w, const struct tally *t, const struct row *const *rows,
                             uint32_t n)
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
            if (value_open((struct span){value.p, value.n}, &old)) {
                txn_fail(&w->m->txn, ST_CORRUPT);
                return 0;
            }
            begin_chunks(w, app_first);
            merge_rows(w, &old, app_first, rows, k);
            w->out->chunks[w->out->chunks_n - 1].to = w->out->body.n;
            for (uint32_t i = 0; i < w->out->chunks_n; i++)
                put_chunk(w, t, &w->out->chunks[i]);
            added += w->out->chunks_n - 1;
        }
        rows += k;
        n -= k;
        app_first = next_first;
        value = next_value;
    }
    return added;
}

/* Pending rows that belong into the sheet itself: those below its first chunk. */
static uint32_t rows_of_sheet(const struct writer *w, const struct sheet_head *head)
{
    struct reader r = reader_of(w->old.p, w->old.n);
    const uint64_t chunk_first = head->chunks ? read_ordered(&r) : UINT64_MAX;
    uint32_t n = 0;
    while (n < w->rows_n && w->rows[n]->app < chunk_first)
        n++;
    return n;
}

static void merge_tally(struct writer *w, const struct tally *t)
{
    struct reader old = reader_of(NULL, 0);
    struct sheet_head head = {0};
    struct span stored;
    gather_rows(w, t);
    w->done += 1 + w->rows_n;
    w->closed = t->day < w->m->open_day;
    if (sheet_blocks_find(&w->blocks, t->day, t->account, &stored) &&
        !sheet_open(stored, &head, &old))
        txn_fail(&w->m->txn, ST_CORRUPT);
    if (head.chunks)
        copy_chunks(w, t, head.chunks);
    if (w->m->txn.status != ST_OK)
        return;
    const uint32_t n = rows_of_sheet(w, &head);
    begin_chunks(w, 0);
    merge_rows(w, &old, 0, (const struct row *const *)w->rows, n);
    w->out->chunks[w->out->chunks_n - 1].to = w->out->body.n;
    head.record_total += t->record_total;
    head.call_total += t->call_total;

    /* The head counts the chunks, so those are settled before it is written. */
    if (n < w->rows_n) {
        w->out = &w->others;
        head.chunks += merge_chunks(w, t, (const struct row *const *)w->rows + n, w->rows_n - n);
        w->out = &w->first;
    }
    head.chunks += w->out->chunks_n - 1;
    for (uint32_t i = 1; i < w->out->chunks_n; i++)
        put_chunk(w, t, &w->out->chunks[i]);
    sheet_blocks_put(&w->blocks, t->account, &head,
                     (struct span){w->out->body.p, w->out->chunks[0].to});
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

/* Everything before t is in the tables, and t comes next. */
static void commit_part(struct writer *w, const struct tally *t)
{
    sheet_blocks_pause(&w->blocks);
    cur_close(&w->cur);
    merge_part(w->m, MERGE_SHEETS, t->day, t->account);
    cur_open(&w->m->txn, DAYS_SHEET, &w->cur);
    sheet_blocks_go_on(&w->blocks);
}

#define PACE_STRIDE 64 /* tallies from one look at the pace to the next: some 50 us */

void sheet_merge(struct merge *m)
{
    const struct generation *g = m->g;
    const uint64_t all = (uint64_t)g->tally.n + g->row.n + g->cell.n;
    const size_t max = SIZE_MAX / 2;
    struct writer w = {.m = m,
                       .first.body = buf_of(max),
                       .others.body = buf_of(max),
                       .cells = buf_of(max),
                       .value = buf_of(max),
                       .old = buf_of(max)};
    struct ahead ahead;
    memset(&ahead, 0xff, sizeof ahead); /* NONE everywhere */
    w.out = &w.first;
    sheet_blocks_open(&w.blocks, m);
    cur_open(&m->txn, DAYS_SHEET, &w.cur);
    for (uint32_t i = 0; i < g->tally.n && m->txn.status == ST_OK; i++) {
        const struct tally *t = &g->tally.p[m->order[i]];
        fetch_ahead(m, &ahead, i);
        if (merge_is_past(&m->at, MERGE_SHEETS, t->day, t->account))
            continue;
        if (m->limits->pace != NULL && i % PACE_STRIDE == 0)
            pace_keep(m->limits->pace, w.done, all);
        if (merge_is_due(m))
            commit_part(&w, t);
        if (t->day < m->purge_day)
            m->stats->rows_dropped++;
        else
            merge_tally(&w, t);
    }
    sheet_blocks_flush(&w.blocks);
    sheet_blocks_close(&w.blocks);
    cur_close(&w.cur);
    buf_fini(&w.first.body);
    buf_fini(&w.others.body);
    buf_fini(&w.cells);
    buf_fini(&w.value);
    buf_fini(&w.old);
    free(w.first.chunks);
    free(w.others.chunks);
    free(w.rows);
    free(w.pending);
}
