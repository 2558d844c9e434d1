/* One merge of a generation into the day tables. Private to this folder.
 *
 * Every aggregator writes its own tables in ascending key order inside the one transaction; the
 * first failure sticks to the transaction. */
#ifndef AGGREGATORS_MERGE_H
#define AGGREGATORS_MERGE_H

#include "aggregators/days.h"
#include "aggregators/pending.h"
#include "aggregators/tables.h"
#include "aggregators/view.h"

/* A merge commits whenever about so many bytes of pages are dirty. The sync of one commit then
 * holds up the log's own for a few milliseconds only, and the dirty pages of a merge have a bound.
 */
#ifndef MERGE_COMMIT_BYTES /* the crash tests have their own */
#define MERGE_COMMIT_BYTES ((uint64_t)8 << 20)
#endif
#define MERGE_STRAY_BYTES 2048 /* of dirty pages per row that has no neighbours in the merge */

struct merge {
    struct txn txn;
    struct store *store;
    struct merge_at at;            /* where the merge began anew */
    uint64_t dirty_bytes;          /* about, since the last commit */
    const struct generation *g;    /* what is merged: these counts, */
    const struct signals *signals; /* or these signals */
    struct signals_at signals_at;
    const struct days_limits *limits;
    struct merge_stats *stats;
    uint64_t dropped_noted; /* of stats->rows_dropped, those that META_DROPPED has */
    int32_t purge_day;      /* days below are gone: their rows are dropped and counted */
    int32_t open_day;       /* first day whose quarter hours are still kept */
    uint32_t *order;        /* tallies in (day, account) order; owned */
};

void sheet_merge(struct merge *m);
void distinct_merge(struct merge *m);
void reference_merge(struct merge *m);
void late_merge(struct merge *m);

/* Signals on the disk that wait (signals.h): of m->g; below a position; of one row. */
void waiting_put(struct merge *m);
void waiting_drop(struct merge *m, uint64_t below);
enum status waiting_read(struct span value, struct signals *to) MUST_CHECK;

/* Entries of one account, ascending by (app, user, position), into its connections and scopes. */
struct entries;
void connection_merge(struct merge *m, uint64_t account, const struct entries *fresh);
void scope_merge(struct merge *m, uint64_t account, const struct entries *fresh);

/* Sort keys of (hi, lo) with a payload, ascending; stable. Bytes that all items share cost nothing.
 * tmp: as many items again. */
struct sort_item {
    uint64_t lo;
    uint32_t hi;
    uint32_t at;
};
void sort_items(struct sort_item *items, struct sort_item *tmp, size_t n);

/* Heap memory or an abort: a merge works on what is committed already and has nobody to refuse. */
void *merge_alloc(size_t n);
void *merge_more(void *p, uint32_t need, uint32_t *cap, size_t size); /* room for `need` elements */

static inline bool merge_is_due(const struct merge *m)
{
    return m->dirty_bytes >=
           (m->limits->commit_bytes ? m->limits->commit_bytes : MERGE_COMMIT_BYTES);
}

/* Commit what is merged, note the place that comes next, and go on in a new transaction. No cursor
 * may be open. A failure sticks to m->txn. */
void merge_part(struct merge *m, enum merge_stage stage, int32_t day, uint64_t account);

/* The same for signals: accounts before this one are merged; logged: of this one the entries of the
 * activity log. */
void signals_part(struct merge *m, uint64_t account, bool logged);

void merge_part_commit(struct merge *m);  /* without the note */
void merge_note_dropped(struct merge *m); /* add to what was ever dropped, once */

/* Is there a stored entry of reference data that is not removed? */
bool reference_stored(struct txn *t, uint64_t account, unsigned kind, struct str key);

/* ---- meta rows ---- */
enum days_meta {
    META_FORMAT = 'f',
    META_POSITION = 'p',
    META_PURGE_DAY = 'd',        /* days below are being deleted */
    META_PURGED_DAY = 'D',       /* days below are deleted */
    META_SWEEP_ACCOUNT = 'a',    /* activity sweep: next account */
    META_SWEEP_DAY = 's',        /* activity sweep: done for this first day */
    META_MERGE = 'm',            /* how far the merge under way has come */
    META_SIGNALS = 'S',          /* first position whose signals are not merged */
    META_SIGNALS_MERGE = 'M',    /* how far the merge of signals under way has come */
    META_DROPPED = 'x',          /* rows dropped by merges behind the purge mark, ever */
    META_POPULARITY_PHASE = 'P', /* what the count of apps is at */
    META_POPULARITY_AT = 'A',    /* its next account or app */
};
uint64_t meta_get(struct txn *t, enum days_meta key, uint64_t absent);
void meta_put(struct txn *t, enum days_meta key, uint64_t value);
void merge_at_get(struct txn *t, struct merge_at *out);
void signals_at_get(struct txn *t, struct signals_at *out);

#endif
