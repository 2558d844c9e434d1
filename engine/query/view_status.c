/* status: the engine's numbers as one map. The columns of query.def are its keys, in their order.
 */
#include "engine/query/answer.h"

#include "aggregators/sheet.h"
#include "aggregators/tables.h"

/* Where a column's value stands in struct query_status. */
enum source_type { FROM_U64, FROM_I64, FROM_BOOL, FROM_TEXT, FROM_CODE };

struct source {
    enum source_type type;
    size_t at;
};

#define AT(type, column, field)                                                                    \
    [COL_STATUS_##column - COLUMNS_OF_STATUS] = {type, offsetof(struct query_status, field)}
#define U64(column, field)  AT(FROM_U64, column, field)
#define BOOL(column, field) AT(FROM_BOOL, column, field)
#define CODE(column)        [COL_STATUS_##column - COLUMNS_OF_STATUS] = {FROM_CODE, 0}

static const struct source sources[] = {
    AT(FROM_TEXT, VERSION, version),
    AT(FROM_I64, STARTED, started_ms),
    AT(FROM_I64, UPTIME_MS, uptime_ms),
    U64(EVENTS_PER_S_10S, events_per_s_10s),
    U64(EVENTS_PER_S_60S, events_per_s_60s),
    U64(QUERIES_PER_S_10S, queries_per_s_10s),
    U64(QUERIES_PER_S_60S, queries_per_s_60s),
    BOOL(DEGRADED, degraded),
    BOOL(CLOCK_SUSPECT, clock_suspect),
    BOOL(PAUSED, paused),
    BOOL(BUSY, busy),
    BOOL(STOPPING, stopping),
    U64(JOURNAL_POSITION, journal_position),
    U64(JOURNAL_FIRST, journal_first),
    U64(JOURNAL_BYTES, journal_bytes),
    U64(CHECKPOINT_POSITION, checkpoint_position),
    CODE(CHECKPOINT_AGE_MS),
    U64(COMMITS, commits),
    U64(CHECKPOINTS, checkpoints),
    U64(COMMIT_P50_US, commit_p50_us),
    U64(COMMIT_P99_US, commit_p99_us),
    U64(MERGE_P50_US, merge_p50_us),
    U64(MERGE_P99_US, merge_p99_us),
    U64(PENDING_BYTES, pending_bytes),
    U64(INFLIGHT_BYTES, inflight_bytes),
    U64(INFLIGHT_BATCHES, inflight_batches),
    U64(EVENTS_UNSAVED, events_unsaved),
    CODE(OLDEST_DAY),
    CODE(NEWEST_DAY),
    CODE(FIRST_VISIBLE_DAY),
    U64(RECEIVED, received),
    U64(ACCEPTED, accepted),
    U64(DUPLICATE, duplicate),
    CODE(REJECTED),
    U64(LATE, late),
    U64(PUSH_LOST, push_lost),
    U64(BATCHES, batches),
    CODE(BATCHES_REFUSED),
    CODE(UNKNOWN_FIELDS),
    U64(REJECTED_ROWS, rejected_rows),
    U64(ID_WINDOW_ENTRIES, id_window_entries),
    U64(MERGE_ROWS_DROPPED, merge_rows_dropped),
    U64(ACTIVITIES_TRIMMED, activities_trimmed),
    U64(CONNECTIONS, connections),
    U64(UNROUTABLE, unroutable),
    U64(MISSED_EDGES, missed_edges),
    U64(FEED_SUBSCRIBERS, feed_subscribers),
    U64(FEED_MESSAGES, feed_messages),
    U64(FEED_DROPPED, feed_dropped),
    U64(FEED_SKIPPED, feed_skipped),
    CODE(DAYS),
    CODE(STORES),
    CODE(TABLES),
};
STATIC_CHECK(N_OF(sources) == COLUMNS_OF_SCHEMA - COLUMNS_OF_STATUS);

static void put_counts(struct out *o, const struct query_count *counts, uint32_t n)
{
    out_map(o, n);
    for (uint32_t i = 0; i < n; i++)
        out_pair_u64(o, counts[i].name, counts[i].n);
    out_end(o);
}

static void put_days(struct out *o, const struct query_status *s)
{
    out_array(o, s->days_n);
    for (uint32_t i = 0; i < s->days_n; i++) {
        const struct query_day *d = &s->days[i];
        char day[11];
        out_map(o, 6);
        out_pair_z(o, "day", day_format(d->day, day));
        out_pair_u64(o, "received", d->received);
        out_pair_u64(o, "accepted", d->accepted);
        out_pair_u64(o, "duplicate", d->duplicate);
        out_pair_u64(o, "rejected", d->rejected);
        out_pair_u64(o, "late", d->late);
        out_end(o);
    }
    out_end(o);
}

static void put_stores(struct out *o, const struct query_status *s)
{
    out_array(o, s->stores_n);
    for (uint32_t i = 0; i < s->stores_n; i++) {
        const struct query_store *t = &s->stores[i];
        out_map(o, 6);
        out_pair_z(o, "store", t->name);
        out_pair_u64(o, "file_bytes", t->file_bytes);
        out_pair_u64(o, "map_bytes", t->map_bytes);
        out_pair_u64(o, "used_bytes", t->used_bytes);
        out_pair_u64(o, "readers", t->readers);
        out_pair_u64(o, "oldest_reader_lag", t->oldest_reader_lag);
        out_end(o);
    }
    out_end(o);
}

static void put_tables(struct out *o, const struct query_status *s)
{
    out_array(o, s->tables_n);
    for (uint32_t i = 0; i < s->tables_n; i++) {
        const struct query_table_size *t = &s->tables[i];
        out_map(o, 6);
        out_pair_z(o, "store", t->store);
        out_pair_z(o, "table", t->name);
        out_pair_u64(o, "entries", t->entries);
        out_pair_u64(o, "leaf_bytes", t->leaf_bytes);
        out_pair_u64(o, "branch_bytes", t->branch_bytes);
        out_pair_u64(o, "overflow_bytes", t->overflow_bytes);
        out_end(o);
    }
    out_end(o);
}

/* The first or last stored day; null when nothing is stored. */
static void put_stored_day(struct answer *a, struct out *o, bool newest)
{
    struct cur c;
    int32_t day;
    uint64_t account, app;
    char text[11];
    cur_open(&a->view.txn, DAYS_SHEET, &c);
    const bool on = newest ? cur_last(&c) : cur_first(&c);
    if (on && sheet_key_read(c.key, &day, &account, &app))
        out_z(o, day_format(day, text));
    else
        out_null(o);
    cur_close(&c);
}

static void put_code(struct answer *a, struct out *o, unsigned column, const struct query_status *s)
{
    char day[11];
    if (column == COL_STATUS_CHECKPOINT_AGE_MS && s->last_checkpoint_ms)
        out_i64(o, a->context->now_ms - s->last_checkpoint_ms);
    else if (column == COL_STATUS_CHECKPOINT_AGE_MS)
        out_null(o);
    else if (column == COL_STATUS_OLDEST_DAY || column == COL_STATUS_NEWEST_DAY)
        put_stored_day(a, o, column == COL_STATUS_NEWEST_DAY);
    else if (column == COL_STATUS_FIRST_VISIBLE_DAY)
        out_z(o, day_format(a->view.first_day, day));
    else if (column == COL_STATUS_REJECTED)
        put_counts(o, s->rejected, s->rejected_n);
    else if (column == COL_STATUS_BATCHES_REFUSED)
        put_counts(o, s->batches_refused, s->batches_refused_n);
    else if (column == COL_STATUS_UNKNOWN_FIELDS)
        put_counts(o, s->unknown_fields, s->unknown_fields_n);
    else if (column == COL_STATUS_DAYS)
        put_days(o, s);
    else if (column == COL_STATUS_STORES)
        put_stores(o, s);
    else
        put_tables(o, s);
}

static void put_value(struct answer *a, struct out *o, unsigned column,
                      const struct query_status *s)
{
    const struct source *from = &sources[column - COLUMNS_OF_STATUS];
    const void *at = (const char *)s + from->at;
    switch (from->type) {
    case FROM_U64:
        out_u64(o, *(const uint64_t *)at);
        break;
    case FROM_I64:
        out_i64(o, *(const int64_t *)at);
        break;
    case FROM_BOOL:
        out_bool(o, *(const bool *)at);
        break;
    case FROM_TEXT:
        out_z(o, *(const char *const *)at);
        break;
    case FROM_CODE:
        put_code(a, o, column, s);
        break;
    }
}

enum status view_status_answer(struct answer *a)
{
    struct query_status *s = arena_alloc(a->arena, sizeof *s);
    if (!s)
        return ST_NO_MEMORY;
    a->context->source->status(a->context->source->arg, s);
    struct out o = out_to(a->page->encoding, a->object);
    out_map(&o, N_OF(sources));
    for (unsigned column = COLUMNS_OF_STATUS; column < query_columns_end(VIEW_STATUS); column++) {
        out_key(&o, query_columns[column].name);
        put_value(a, &o, column, s);
    }
    out_end(&o);
    return ST_OK;
}
