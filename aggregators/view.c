/* Views: open a snapshot, and read sheets as the tables and the generations above them say. */
#include "aggregators/view.h"

#include "aggregators/merge.h"
#include "aggregators/sheet.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* Signals that the tables lack, after those that they follow. */
static void add_signals(struct view *v, const struct signals *s, uint64_t begin)
{
    if (s && s->older)
        add_signals(v, s->older, begin);
    if (!s || s->begin < begin)
        return;
    CHECK(v->signals_n < VIEW_SIGNALS_MAX);
    v->signals[v->signals_n++] = s;
}

void view_open(struct store *days, const struct generation *const gens[], unsigned gens_n,
               struct view *v)
{
    CHECK(gens_n <= VIEW_GENERATIONS_MAX);
    *v = (struct view){0};
    txn_begin(days, false, &v->txn);
    v->tables_end = v->end = meta_get(&v->txn, META_POSITION, 0);
    merge_at_get(&v->txn, &v->merged);
    signals_at_get(&v->txn, &v->signals_merged);
    const uint64_t signals_begin = meta_get(&v->txn, META_SIGNALS, 0);
    for (unsigned i = 0; i < gens_n; i++)
        add_signals(v, gens[i]->signals, signals_begin);
    for (unsigned i = 0; i < gens_n; i++) {
        if (generation_begin(gens[i]) < v->tables_end)
            continue; /* this one has reached the tables */
        if (v->txn.status == ST_OK && generation_begin(gens[i]) != v->end)
            txn_fail(&v->txn, ST_INTERNAL);
        v->gen[v->gen_n++] = gens[i];
        v->end = generation_end(gens[i]);
    }
    if (v->merged.end && v->gen_n && v->merged.end != generation_end(v->gen[0]))
        txn_fail(&v->txn, ST_INTERNAL);
}

const struct tally *view_tally(const struct view *v, unsigned i, uint64_t account, int32_t day)
{
    if (i == 0 && merge_is_past(&v->merged, MERGE_SHEETS, day, account))
        return NULL;
    return pending_tally(v->gen[i], account, day);
}

const struct signal_account *view_signals(const struct view *v, unsigned i, uint64_t account)
{
    const struct signals_at *at = &v->signals_merged;
    const struct signals *s = v->signals[i];
    if (at->end == s->end && (account < at->account || (account == at->account && at->logged)))
        return NULL;
    return pending_signals(s, account);
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
    uint64_t slot_end; /* cells wanted are of the slots below */
    uint64_t from, to; /* apps wanted, both inclusive; `to` sinks where the draft is cut */
    uint64_t taken;    /* stored rows and cells so far */
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

/* Cells of a stored row that are wanted: those of the lower slots, which come first. */
static uint32_t wanted_cells(const struct draft *d, const struct sheet_row_reader *row)
{
    struct reader r = row->cells;
    uint64_t slot = 0;
    uint32_t n = 0;
    if (d->q->no_cells || !d->q->slot_end)
        return d->q->no_cells ? 0 : row->cells_n;
    for (; n < row->cells_n; n++) {
        slot += read_varint(&r);
        if (slot >= d->slot_end)
            break;
        (void)read_varint(&r);
    }
    return n;
}

static void draft_stored_row(struct draft *d, const struct sheet_row_reader *row)
{
    const uint32_t n = wanted_cells(d, row);
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
    d->taken += 1 + n;
}

/* Rows of the sheet, or of the chunk, at the cursor. */
static void draft_rows(struct draft *d, struct sheet_cursor *c, struct sheet *out)
{
    uint64_t app = c->app_first;
    struct sheet_row_reader row;
    out->record_total += c->head.record_total;
    out->call_total += c->head.call_total;
    while (sheet_next(&c->rows, &app, &row))
        if (row.app >= d->from && row.app <= d->to)
            draft_stored_row(d, &row);
    c->bad |= c->rows.bad;
}

static void draft_cut(struct draft *d, uint64_t next_app, struct sheet *out)
{
    d->to = next_app - 1;
    out->cut = true;
    out->next_app = next_app;
}

static void draft_stored(struct draft *d, struct sheet *out)
{
    struct sheet_cursor c;
    sheet_cursor_open(&d->v->txn, &c);
    bool on = sheet_cursor_find(&c, d->q->day, d->q->account);
    if (on && d->from)
        on = sheet_cursor_to_app(&c, d->from);
    for (; on; on = sheet_cursor_next_chunk(&c)) {
        if (c.app_first > d->to)
            break;
        if (d->taken && d->q->cells_max && d->taken >= d->q->cells_max) {
            draft_cut(d, c.app_first, out);
            break;
        }
        draft_rows(d, &c, out);
    }
    sheet_cursor_close(&c);
}

/* A pending row, before its cells are looked at. */
struct pending_row {
    const struct generation *g;
    const struct row *row;
};

static void draft_pending_row(struct draft *d, const struct pending_row *p)
{
    const struct generation *g = p->g;
    const uint32_t first = d->q->no_cells ? NONE : p->row->first_cell;
    uint32_t n = 0;
    for (uint32_t c = first; c != NONE; c = g->cell.p[c].next)
        n += g->cell.p[c].slot < d->slot_end;
    struct draft_row *to = draft_more(d);
    struct cell *cells = draft_cells(d, n);
    if (!to || !cells)
        return;
    *to = (struct draft_row){p->row->app, p->row->sent_ms1, p->row->received_ms1, cells, n};
    n = 0;
    for (uint32_t c = first; c != NONE; c = g->cell.p[c].next)
        if (g->cell.p[c].slot < d->slot_end)
            cells[n++] = (struct cell){g->cell.p[c].slot, g->cell.p[c].count};
    d->taken += 1 + n;
}

static int by_pending_app(const void *a, const void *b)
{
    const struct pending_row *x = a, *y = b;
    return x->row->app < y->row->app ? -1 : x->row->app > y->row->app;
}

/* The rows of all generations within the bounds, in the arena. */
static uint32_t pending_rows(struct draft *d, struct pending_row **out, struct sheet *sheet)
{
    uint32_t n = 0, cap = 0;
    *out = NULL;
    for (unsigned i = 0; i < d->v->gen_n; i++) {
        const struct generation *g = d->v->gen[i];
        const struct tally *t = view_tally(d->v, i, d->q->account, d->q->day);
        if (!t)
            continue;
        sheet->record_total += t->record_total;
        sheet->call_total += t->call_total;
        for (uint32_t at = t->first_row; at != NONE; at = g->row.p[at].next) {
            const struct row *r = &g->row.p[at];
            if (r->app < d->from || r->app > d->to)
                continue;
            if (n == cap) {
                cap = cap ? cap * 2 : 32;
                struct pending_row *rows = arena_alloc(d->a, cap * sizeof *rows);
                if (!rows) {
                    txn_fail(&d->v->txn, ST_NO_MEMORY);
                    return 0;
                }
                if (n)
                    memcpy(rows, *out, n * sizeof *rows);
                *out = rows;
            }
            (*out)[n++] = (struct pending_row){g, r};
        }
    }
    return n;
}

static void draft_pending(struct draft *d, struct sheet *out)
{
    struct pending_row *rows;
    const uint32_t n = pending_rows(d, &rows, out);
    if (n > 1 && d->q->cells_max)
        qsort(rows, n, sizeof *rows, by_pending_app);
    d->taken = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (d->q->cells_max && d->taken >= d->q->cells_max &&
            rows[i].row->app != rows[i - 1].row->app) {
            draft_cut(d, rows[i].row->app, out);
            return;
        }
        draft_pending_row(d, &rows[i]);
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
    for (uint32_t i = 0; i < d->rows_n && d->rows[i].app <= d->to;) {
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
    d.slot_end = q->slot_end ? q->slot_end : UINT64_MAX;
    d.from = q->only_app ? *q->only_app : q->from_app;
    d.to = q->only_app ? *q->only_app : q->to_app ? q->to_app : UINT64_MAX;
    *out = (struct sheet){0};
    draft_stored(&d, out);
    draft_pending(&d, out);
    draft_settle(&d, out);
}
