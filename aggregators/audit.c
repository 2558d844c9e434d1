/* The audit of the day tables. */
#include "aggregators/audit.h"

#include "aggregators/activity.h"
#include "aggregators/connection.h"
#include "aggregators/distinct.h"
#include "aggregators/late.h"
#include "aggregators/merge.h"
#include "aggregators/sheet.h"
#include "aggregators/signals.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

static void add_sheet(struct audit_day *d, const struct sheet *s)
{
    uint64_t by_action[8] = {0};
    d->record_total = s->record_total;
    d->call_total = s->call_total;
    for (uint32_t i = 0; i < s->rows_n; i++) {
        uint64_t app_records = 0;
        d->cells += 1 + s->rows[i].cells_n;
        for (uint32_t k = 0; k < s->rows[i].cells_n; k++) {
            const struct cell *c = &s->rows[i].cells[k];
            if (slot_is_record(c->slot)) {
                app_records += c->count;
                d->by_type += c->count;
                by_action[slot_action(c->slot)] += c->count;
            } else if (slot_is_api(c->slot) && slot_which(c->slot) == API_CALLS) {
                d->calls_by_app += c->count;
            }
        }
        d->by_app += app_records;
    }
    for (unsigned i = 0; i < ACTION_N; i++)
        d->by_action += by_action[i];
    d->ok = d->by_app == d->record_total && d->by_type == d->record_total &&
            d->by_action == d->record_total && d->calls_by_app == d->call_total;
}

void audit_one(struct view *v, uint64_t account, int32_t day, struct arena *a,
               struct audit_day *out)
{
    struct sheet s;
    *out = (struct audit_day){.account = account, .day = day};
    view_sheet(v, &(struct sheet_query){.account = account, .day = day}, a, &s);
    add_sheet(out, &s);
}

/* The first stored (day, account) at or behind *at; false: none. */
static bool next_sheet(struct view *v, struct audit_at *at)
{
    struct sheet_cursor c;
    sheet_cursor_open(&v->txn, &c);
    const bool on =
        at->started ? sheet_cursor_seek(&c, at->day, at->account) : sheet_cursor_first(&c);
    at->day = c.day;
    at->account = c.account;
    sheet_cursor_close(&c);
    at->started = true;
    return on && v->txn.status == ST_OK;
}

bool audit_days(struct view *v, struct audit_at *at, uint32_t limit,
                void (*fn)(void *arg, const struct audit_day *d), void *arg)
{
    struct arena a = {0};
    bool on = next_sheet(v, at);
    for (uint32_t i = 0; on && i < limit; i++) {
        struct audit_day d;
        audit_one(v, at->account, at->day, &a, &d);
        arena_reset(&a);
        fn(arg, &d);
        at->account++;
        on = next_sheet(v, at);
    }
    arena_fini(&a);
    return on;
}

/* ---- every row ---- */

struct audit {
    struct view v;
    const struct audit_report *report;
    struct audit_counts *counts;
};

static void fault(struct audit *a, enum days_table table, const char *what)
{
    a->counts->faults++;
    if (a->report->fault)
        a->report->fault(a->report->arg, days_table_names[table], what);
}

/* The rows of one sheet or chunk: order of apps and of cells, and nothing left over. */
static void check_rows(struct audit *a, struct sheet_cursor *c)
{
    struct sheet_row_reader row;
    uint64_t app = c->app_first, before = 0;
    for (bool first = true; sheet_next(&c->rows, &app, &row); first = false) {
        if (!first && app <= before)
            fault(a, DAYS_SHEET, "apps of a chunk are out of order");
        before = app;
        for (uint32_t i = 0; i < row.cells_n; i++) {
            const uint64_t delta = read_varint(&row.cells), count = read_varint(&row.cells);
            if ((i && !delta) || !count)
                fault(a, DAYS_SHEET, "a cell is repeated or empty");
        }
        if (row.cells.bad || reader_left(&row.cells))
            fault(a, DAYS_SHEET, "cells are more or fewer than counted");
    }
    if (c->rows.bad)
        fault(a, DAYS_SHEET, "a chunk ends inside a row");
}

/* What the totals of a sheet should be. */
static void check_sums(struct audit *a, struct arena *arena, const struct sheet_cursor *c)
{
    struct audit_day d;
    audit_one(&a->v, c->account, c->day, arena, &d);
    arena_reset(arena);
    if (!d.ok) {
        char what[160];
        text_fmt(what, sizeof what,
                 "day %d of account %llu: records %llu by app %llu by type %llu by action %llu, "
                 "calls %llu by app %llu",
                 c->day, (unsigned long long)c->account, (unsigned long long)d.record_total,
                 (unsigned long long)d.by_app, (unsigned long long)d.by_type,
                 (unsigned long long)d.by_action, (unsigned long long)d.call_total,
                 (unsigned long long)d.calls_by_app);
        fault(a, DAYS_SHEET, what);
    }
    if (a->report->day)
        a->report->day(a->report->arg, &d);
}

/* To the next sheet or chunk; what cannot be read on the way is told, block by block. */
static bool read_on(struct audit *a, struct sheet_cursor *c, bool on)
{
    for (; !on && c->bad && a->v.txn.status == ST_OK; on = sheet_cursor_next(c)) {
        fault(a, DAYS_SHEET, "a block does not check out");
        c->bad = false;
        c->block = (struct reader){0};
    }
    return on;
}

static void check_sheets(struct audit *a)
{
    struct sheet_cursor c;
    struct arena arena = {0};
    sheet_cursor_open(&a->v.txn, &c);
    bool on = read_on(a, &c, sheet_cursor_first(&c));
    int32_t day = 0;
    uint64_t account = UINT64_MAX;
    for (; on; on = read_on(a, &c, sheet_cursor_next(&c))) {
        const uint64_t faults = a->counts->faults;
        a->counts->sheets++;
        if (c.app_first == 0 && c.day == day && account != UINT64_MAX && c.account <= account)
            fault(a, DAYS_SHEET, "accounts are out of order");
        day = c.day;
        account = c.account;
        check_rows(a, &c);
        if (a->counts->faults == faults && c.app_first == 0)
            check_sums(a, &arena, &c);
    }
    sheet_cursor_close(&c);
    arena_fini(&arena);
}

static void check_distinct(struct audit *a)
{
    struct cur c;
    cur_open(&a->v.txn, DAYS_DISTINCT, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        struct sketch s = {0};
        a->counts->sketches++;
        if (sketch_load(&s, c.val))
            fault(a, DAYS_DISTINCT, "a sketch does not check out");
        sketch_fini(&s);
    }
    cur_close(&c);
}

/* Rows of an account counted in its blocks against the row of counts. */
static void check_counts(struct audit *a, uint64_t account, uint64_t rows)
{
    uint64_t kept, trimmed;
    activity_counts(&a->v.txn, account, &kept, &trimmed);
    if (kept != rows)
        fault(a, DAYS_ACTIVITY_ACCOUNT, "an account's rows are not as many as counted");
    a->counts->accounts++;
}

static void check_activity(struct audit *a)
{
    struct cur c;
    struct entries e = {0};
    uint64_t account = 0, rows = 0;
    bool any = false;
    struct entry last = {0};
    cur_open(&a->v.txn, DAYS_ACTIVITY, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        struct block_head h;
        struct reader r;
        e.n = 0;
        if (block_open(c.key, c.val, true, &h, &r) || block_read(&h, &r, &e) || !e.n) {
            fault(a, DAYS_ACTIVITY, "a block does not check out");
            continue;
        }
        const uint64_t owner = h.account;
        if (any && owner != account) {
            check_counts(a, account, rows);
            rows = 0;
        }
        for (uint32_t i = 0; i < e.n; i++) {
            if ((i || (any && owner == account)) && !entry_before(&last, &e.p[i]))
                fault(a, DAYS_ACTIVITY, "entries are out of order");
            if (e.p[i].position < h.min_position || e.p[i].position > h.max_position)
                fault(a, DAYS_ACTIVITY, "a position is outside its block's bounds");
            last = e.p[i];
            last.detail = (struct str){0};
        }
        any = true;
        account = owner;
        rows += e.n;
        a->counts->activities += e.n;
    }
    if (any)
        check_counts(a, account, rows);
    cur_close(&c);
    free(e.p);
}

/* One chunk: ascending accounts, behind those of the chunk before it on the same day. */
static void check_late_chunk(struct audit *a, const struct cur *c, int32_t *day, uint64_t *least)
{
    struct late_reader l;
    uint64_t events;
    if (late_open(c->key, c->val, &l)) {
        fault(a, DAYS_LATE, "a checksum does not match");
        return;
    }
    if (l.day == *day ? l.account < *least : l.account != 0)
        fault(a, DAYS_LATE, "chunks of a day overlap, or lack the first");
    if (l.end > a->v.tables_end && l.end != a->v.merged.end)
        fault(a, DAYS_LATE, "a chunk counts more than the tables cover");
    *day = l.day;
    *least = l.account;
    while (late_next(&l, &events)) {
        if (l.account < *least || events == 0)
            fault(a, DAYS_LATE, "accounts of a chunk are out of order");
        *least = l.account + 1;
        if (a->report->late)
            a->report->late(a->report->arg, l.day, l.account, events);
    }
    if (l.r.bad)
        fault(a, DAYS_LATE, "a chunk ends inside a row");
}

static void check_late(struct audit *a)
{
    uint64_t least = 0;
    int32_t day = INT32_MIN;
    struct cur c;
    cur_open(&a->v.txn, DAYS_LATE, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c))
        check_late_chunk(a, &c, &day, &least);
    cur_close(&c);
}

static void check_waiting(struct audit *a)
{
    struct signals *s = signals_new(0);
    struct cur c;
    cur_open(&a->v.txn, DAYS_WAITING, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        signals_reset(s, 0);
        if (waiting_read(c.val, s) || signals_count(s) == 0)
            fault(a, DAYS_WAITING, "a row of signals does not check out");
    }
    cur_close(&c);
    signals_free(&s);
}

static void check_sealed(struct audit *a, enum days_table table, uint64_t *rows)
{
    struct cur c;
    cur_open(&a->v.txn, table, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        struct reader r;
        (*rows)++;
        if (value_open(c.val, &r))
            fault(a, table, "a checksum does not match");
    }
    cur_close(&c);
}

/* What a connection says of itself must be the fold of its signals. */
static bool says_its_fold(struct span value)
{
    struct history h = {0};
    struct connection says = {0}, is = {0};
    bool same = connection_read(value, &says) == ST_OK && history_load(&h, value) == ST_OK;
    if (same) {
        history_state(&h, &is);
        same = says.state == is.state && says.since_ms == is.since_ms &&
               str_eq(says.reason, is.reason) && str_eq(says.code, is.code) &&
               says.troubled == is.troubled;
    }
    for (unsigned i = 0; same && i < PROBLEM_N; i++) {
        const struct problem *x = &says.problems[i], *y = &is.problems[i];
        same = x->episodes == y->episodes && x->repeats == y->repeats &&
               x->opened_ms == y->opened_ms && x->last_ms == y->last_ms &&
               x->ended_ms == y->ended_ms && x->ended_by == y->ended_by;
    }
    history_fini(&h);
    return same;
}

static void check_connections(struct audit *a)
{
    struct cur c;
    cur_open(&a->v.txn, DAYS_CONNECTION, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        a->counts->connections++;
        if (!says_its_fold(c.val))
            fault(a, DAYS_CONNECTION, "a connection is not what its signals say");
    }
    cur_close(&c);
}

enum status audit_tables(struct store *days, const struct audit_report *report,
                         struct audit_counts *out)
{
    struct audit a = {.report = report, .counts = out};
    *out = (struct audit_counts){0};
    view_open(days, NULL, 0, &a.v);
    check_sheets(&a);
    check_distinct(&a);
    check_activity(&a);
    check_late(&a);
    check_waiting(&a);
    check_connections(&a);
    check_sealed(&a, DAYS_REFERENCE, &out->references);
    const enum status st = a.v.txn.status;
    view_close(&a.v);
    return st;
}
