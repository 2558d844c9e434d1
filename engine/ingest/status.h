/* What ingest tells about itself: counters, how it stands, rejected events, the ledger. */
#ifndef ENGINE_INGEST_STATUS_H
#define ENGINE_INGEST_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/metric.h"
#include "engine/store/store.h"

struct ingest;

enum ingest_transport { INGEST_ZMQ, INGEST_PUSH, INGEST_HTTP, INGEST_TRANSPORT_N };

/* "zmq", "push" or "http"; "" for what is none of them. */
const char *ingest_transport_name(enum ingest_transport transport);

/* What happened since the store was made (counters, as stored with the last commit) and how it
 * stands. */
#define UNKNOWN_FIELDS_MAX 64
struct ingest_counters {
    uint64_t received;                        /* events: = accepted + duplicate + sum(rejected) */
    uint64_t received_by[INGEST_TRANSPORT_N]; /* of them; a store made before this knows fewer */
    uint64_t accepted;
    uint64_t duplicate;
    uint64_t rejected[ST_N];        /* by code */
    uint64_t late;                  /* accepted, of a day before the day received */
    uint64_t push_lost;             /* events read from PUSH peers, then lost to a failed commit */
    uint64_t batches;               /* whose events were judged, duplicates included */
    uint64_t batches_refused[ST_N]; /* by code; their events are counted nowhere else */
    uint64_t unknown_fields_other;  /* of names beyond the table */
    uint32_t unknown_n;
    struct {
        char name[65]; /* cut to 64 bytes */
        uint64_t n;
    } unknown[UNKNOWN_FIELDS_MAX];
};

/* The same by day received (events, late, duplicate, rejected). */
struct ingest_day {
    int32_t day;
    uint64_t received, accepted, duplicate, rejected, late;
};
#define INGEST_DAYS_MAX 30

struct ingest_status {
    struct ingest_counters counters;
    uint32_t days_n;
    struct ingest_day days[INGEST_DAYS_MAX]; /* ascending; the last 30 with anything in them */
    uint64_t position;                       /* first position not yet taken */
    uint64_t checkpoint_position;            /* first position that the day tables lack */
    uint64_t journal_first;                  /* first position still in the log */
    uint64_t journal_bytes;                  /* frames in the log above the checkpoint */
    uint64_t pending_bytes;                  /* generations */
    uint64_t inflight_bytes;
    uint32_t inflight_batches;
    uint64_t id_window_entries;
    uint64_t rejected_rows;
    uint64_t commits, checkpoints;
    uint64_t commits_failed, merges_failed;     /* since the start; merges_failed: purges too */
    int64_t clock_skew_ms;                      /* of the wall clock, by elapsed time; > 0: ahead */
    uint64_t events_unsaved;                    /* folded, not yet in the day tables */
    int64_t last_commit_ms, last_checkpoint_ms; /* wall; 0: none since the start */
    uint64_t merge_rows_dropped, activities_trimmed; /* since the start */
    struct metric_hist commit_ns;                    /* group handed over .. durable */
    struct metric_hist commit_events;                /* events of a group, not ns */
    struct metric_hist merge_ns;
    struct metric_hist ack_ns; /* batch received .. answered */
    enum status commit_status; /* of the last commit */
    bool paused, busy, degraded, clock_suspect, stopping;
};

void ingest_status(const struct ingest *in, struct ingest_status *out);

/* One rejected event, as kept. */
struct ingest_rejected {
    uint64_t number; /* ascending in order of arrival */
    int64_t received_ms;
    enum ingest_transport transport;
    enum status code;
    bool has_account;
    uint64_t account, app;                  /* valid when has_account */
    struct str key_name, producer, message; /* borrowed from the transaction */
    struct str raw;                         /* first 256 bytes of the event or frame */
};

/* Rejected events in descending order of number, those below `before` (UINT64_MAX: from the
 * newest), until fn returns false. t: a read transaction of the front environment. */
void ingest_rejected_each(struct txn *t, uint64_t before,
                          bool (*fn)(void *arg, const struct ingest_rejected *r), void *arg);

/* Events of an account that were received on some days and not accepted; account 0: those of no
 * known account. */
struct ingest_faults {
    uint64_t duplicate, rejected;
};
void ingest_faults(struct txn *t, uint64_t account, int32_t from, int32_t to,
                   struct ingest_faults *out);

/* Every row: of one account on one day. */
void ingest_faults_each(struct txn *t,
                        void (*fn)(void *arg, int32_t day, const struct ingest_faults *n),
                        void *arg);

/* Units accepted in a day by shard (account % 256), for the audit of promise 8. False: none. */
#define LEDGER_SHARDS 256
struct ledger_day {
    uint64_t record_units[LEDGER_SHARDS];
    uint64_t call_units[LEDGER_SHARDS];
};
bool ingest_ledger_day(struct txn *t, int32_t day, struct ledger_day *out);

#endif
