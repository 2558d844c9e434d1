/* Views: open a snapshot, and read sheets as the tables and the generations above them say. */
#include "aggregators/view.h"

#include "aggregators/merge.h"
#include "aggregators/sheet.h"
#include "engine/base/check.h"

#include <stdlib.h>

void view_open(struct store *days, const struct generation *const gens[], unsigned gens_n,
               struct view *v)
{
    CHECK(gens_n <= VIEW_GENERATIONS_MAX);
    *v = (struct view){0};
    txn_begin(days, false, &v->txn);
    v->tables_end = v->end = meta_get(&v->txn, META_POSITION, 0);
    for (unsigned i = 0; i < gens_n; i++) {
        if (generation_begin(gens[i]) < v->tables_end)
            continue; /* this one has reached the tables */
        if (v->txn.status == ST_OK && generation_begin(gens[i]) != v->end)
            txn_fail(&v->txn, ST_INTERNAL);
        v->gen[v->gen_n++] = gens[i];
        v->end = generation_end(gens[i]);
    }
}

void view_close(struct view *v)
{
    txn_abort(&v->txn);
}

/* ---- sheets ---- */

/* A sheet while it is put together: rows with their cells, in arrival order until settled. */
struct draft_row {
    uint64_t app;
    uint32_t sent_ms1, received_ms1;
    struct cell *cells;
    uint32_t cells_n;
};

struct draft {
    struct view *v;
    struct arena *a;
    const struct sheet_query *q;
    struct draft_row *rows;
    uint32_t rows_n, rows_cap;
};

static struct draft_row *draft_more(struct draft *d)
{
    if (d->rows_n == d->rows_cap) {
        const uint32_t cap = d->rows_cap ? d->rows_cap * 2 : 16;
        struct draft_row *rows = arena_alloc(d->a, cap * sizeof *rows);
        if (!rows) {
            txn_fail(&d->v->txn, ST_NO_MEMORY);
            return NULL;
        }
        if (d->rows_n)
            memcpy(rows, d->rows, d->rows_n * sizeof *rows);
        d->rows = rows;
        d->rows_cap = cap;
    }
    return &d->rows[d->rows_n++];
}

static struct cell *draft_cells(struct draft *d, uint32_t n)
{
    struct cell *cells = arena_alloc(d->a, (n ? n : 1) * sizeof *cells);
    if (!cells)
        txn_fail(&d->v->txn, ST_NO_MEMORY);
    return cells;
}

static void draft_stored_row(struct draft *d, const struct sheet_row_reader *row)
{
    const uint32_t n = d->q->no_cells ? 0 : row->cells_n;
    struct draft_row *to = draft_more(d);
    struct cell *cells = draft_cells(d, n);
    if (!to || !cells)
        return;
    struct reader r = row->cells;
    uint64_t slot = 0;
    for (uint32_t i = 0; i < n; i++) {
        slot += read_varint(&r);
        cells[i] = (struct cell){slot, read_varint(&r)};
    }
    *to = (struct draft_row){row->app, row->sent_ms1, row->received_ms1, cells, n};
}

static void draft_stored(struct draft *d, struct sheet *out)
{
    const int32_t day = d->q->day;
    const uint64_t account = d->q->account;
    uint8_t key[SHEET_KEY_MAX];
    const size_t prefix_n = sheet_key(key, day, account, 0) - 1; /* without the app */
    struct cur c;
    cur_open(&d->v->txn, DAYS_SHEET, &c);
    bool on = cur_seek(&c, key, prefix_n);
    if (on && d->q->only_app && *d->q->only_app) {
        /* The chunk that may hold the app is the last one that begins at or below it. */
        uint8_t above[SHEET_KEY_MAX];
        const size_t above_n = sheet_key(above, day, account, *d->q->only_app + 1);
        on = cur_seek_before(&c, above, above_n);
    }
    for (; on && cur_has_prefix(&c, key, prefix_n); on = cur_next(&c)) {
        int32_t key_day;
        uint64_t key_account, app;
        struct reader rows;
        struct sheet_head head = {0};
        struct sheet_row_reader row;
        if (!sheet_key_read(c.key, &key_day, &key_account, &app) ||
            sheet_open(c.val, app, &rows, &head)) {
            txn_fail(&d->v->txn, ST_CORRUPT);
            break;
        }
        out->record_total += head.record_total;
        out->call_total += head.call_total;
        while (sheet_next(&rows, &app, &row))
            if (!d->q->only_app || row.app == *d->q->only_app)
                draft_stored_row(d, &row);
        if (rows.bad)
            txn_fail(&d->v->txn, ST_CORRUPT);
        if (d->q->only_app)
            break;
    }
    cur_close(&c);
}

static void draft_pending(struct draft *d, const struct generation *g, struct sheet *out)
{
    const struct tally *t = pending_tally(g, d->q->account, d->q->day);
    if (!t)
        return;
    out->record_total += t->record_total;
    out->call_total += t->call_total;
    for (uint32_t at = t->first_row; at != NONE; at = g->row.p[at].next) {
        const struct row *r = &g->row.p[at];
        if (d->q->only_app && r->app != *d->q->only_app)
            continue;
        uint32_t n = 0;
        const uint32_t first = d->q->no_cells ? NONE : r->first_cell;
        for (uint32_t c = first; c != NONE; c = g->cell.p[c].next)
            n++;
        struct draft_row *to = draft_more(d);
        struct cell *cells = draft_cells(d, n);
        if (!to || !cells)
            return;
        *to = (struct draft_row){r->app, r->sent_ms1, r->received_ms1, cells, n};
        n = 0;
        for (uint32_t c = first; c != NONE; c = g->cell.p[c].next)
            cells[n++] = (struct cell){g->cell.p[c].slot, g->cell.p[c].count};
    }
}

static int by_slot(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static int by_app(const void *a, const void *b)
{
    const struct draft_row *x = a, *y = b;
    return x->app < y->app ? -1 : x->app > y->app;
}

/* Sort cells by slot and add those of the same slot together; returns how many are left. */
static uint32_t settle_cells(struct cell *cells, uint32_t n)
{
    bool sorted = true;
    for (uint32_t i = 1; i < n && sorted; i++)
        sorted = cells[i - 1].slot < cells[i].slot;
    if (sorted)
        return n;
    qsort(cells, n, sizeof *cells, by_slot);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < n; i++)
        if (cells[i].slot == cells[kept].slot)
            cells[kept].count += cells[i].count;
        else
            cells[++kept] = cells[i];
    return kept + 1;
}

/* Join draft rows of the same app and order everything. */
static void draft_settle(struct draft *d, struct sheet *out)
{
    struct sheet_row *rows = arena_alloc(d->a, (d->rows_n ? d->rows_n : 1) * sizeof *rows);
    if (!rows) {
        txn_fail(&d->v->txn, ST_NO_MEMORY);
        return;
    }
    if (d->rows_n > 1)
        qsort(d->rows, d->rows_n, sizeof *d->rows, by_app);
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->rows_n;) {
        uint32_t end = i, cells_n = 0, sent = 0, received = 0;
        for (; end < d->rows_n && d->rows[end].app == d->rows[i].app; end++) {
            cells_n += d->rows[end].cells_n;
            sent = d->rows[end].sent_ms1 > sent ? d->rows[end].sent_ms1 : sent;
            received = d->rows[end].received_ms1 > received ? d->rows[end].received_ms1 : received;
        }
        struct cell *cells = d->rows[i].cells;
        if (end > i + 1) {
            cells = draft_cells(d, cells_n);
            if (!cells)
                return;
            for (uint32_t k = i, at = 0; k < end; at += d->rows[k++].cells_n)
                memcpy(cells + at, d->rows[k].cells, d->rows[k].cells_n * sizeof *cells);
        }
        const int64_t start_ms = d->q->day * MS_PER_DAY;
        rows[n++] = (struct sheet_row){d->rows[i].app, sent ? start_ms + sent - 1 : 0,
                                       received ? start_ms + received - 1 : 0, cells,
                                       settle_cells(cells, cells_n)};
        i = end;
    }
    out->rows = rows;
    out->rows_n = n;
}

void view_sheet(struct view *v, const struct sheet_query *q, struct arena *a, struct sheet *out)
{
    struct draft d = {.v = v, .a = a, .q = q};
    *out = (struct sheet){0};
    draft_stored(&d, out);
    for (unsigned i = 0; i < v->gen_n; i++)
        draft_pending(&d, v->gen[i], out);
    draft_settle(&d, out);
}
