/* What a query may ask about the engine around it. Filled in by the edge, which sees ingest. */
#ifndef ENGINE_QUERY_SOURCE_H
#define ENGINE_QUERY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/base/text.h"

/* One rejected event, as kept. Borrowed for the call that hands it over. */
struct query_rejected {
    uint64_t number; /* ascending in order of arrival */
    int64_t received_ms;
    enum status code;
    const char *transport; /* "zmq", "push", "http" */
    bool has_account;
    uint64_t account, app;             /* valid when has_account */
    struct str key, producer, message; /* empty: none */
    struct str raw;                    /* the start of what was received; any bytes */
};

struct query_count {
    const char *name;
    uint64_t n;
};

struct query_day {
    int32_t day;
    uint64_t received, accepted, duplicate, rejected, late;
};

struct query_store {
    const char *name;
    uint64_t file_bytes, map_bytes, used_bytes, readers, oldest_reader_lag;
};

struct query_table_size {
    const char *store, *name;
    uint64_t entries, leaf_bytes, branch_bytes, overflow_bytes;
};

#define QUERY_COUNTS_MAX 128
#define QUERY_DAYS_MAX   32
#define QUERY_STORES_MAX 2
#define QUERY_TABLES_MAX 32

/* The numbers of the status view: columns of query.def by the same names. Names are borrowed from
 * the source until its next call. */
struct query_status {
    const char *version;
    int64_t started_ms, uptime_ms;
    uint64_t events_per_s_10s, events_per_s_60s, queries_per_s_10s, queries_per_s_60s;
    bool degraded, clock_suspect, paused, busy, stopping;
    uint64_t journal_position, journal_first, journal_bytes;
    uint64_t checkpoint_position;
    int64_t last_checkpoint_ms; /* wall; 0: none since the start */
    uint64_t commits, checkpoints;
    uint64_t commit_p50_us, commit_p99_us, merge_p50_us, merge_p99_us;
    uint64_t pending_bytes, inflight_bytes, inflight_batches, events_unsaved;
    uint64_t received, accepted, duplicate, late, push_lost, batches;
    uint64_t rejected_rows, id_window_entries, merge_rows_dropped, activities_trimmed;
    uint64_t connections, unroutable, missed_edges;
    uint64_t feed_subscribers, feed_messages, feed_dropped, feed_skipped;
    uint32_t rejected_n, batches_refused_n, unknown_fields_n, days_n, stores_n, tables_n;
    struct query_count rejected[QUERY_COUNTS_MAX];
    struct query_count batches_refused[QUERY_COUNTS_MAX];
    struct query_count unknown_fields[QUERY_COUNTS_MAX];
    struct query_day days[QUERY_DAYS_MAX];
    struct query_store stores[QUERY_STORES_MAX];
    struct query_table_size tables[QUERY_TABLES_MAX];
};

struct query_source {
    void *arg;
    /* Fill *out (zeroed). */
    void (*status)(void *arg, struct query_status *out);
    /* Rejected events in descending order of number, those below `before` (UINT64_MAX: from the
     * newest), until fn returns false. */
    enum status (*rejected)(void *arg, uint64_t before,
                            bool (*fn)(void *fn_arg, const struct query_rejected *r), void *fn_arg);
    /* Events of an account received from..to, both inclusive, that were duplicate or rejected, into
     * those two fields of *to. NULL: not known. */
    enum status (*faults)(void *arg, uint64_t account, int32_t from_day, int32_t to_day,
                          struct query_day *to);
};

#endif
