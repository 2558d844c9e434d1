/* The days environment from the writer's side: open, merge a generation, purge what is over.
 * Called by the checkpoint thread only (one writer). */
#ifndef AGGREGATORS_DAYS_H
#define AGGREGATORS_DAYS_H

#include "aggregators/generation.h"
#include "engine/base/pace.h"
#include "engine/store/store.h"

struct days_limits {
    uint32_t activity_rows_max; /* rows kept per account; the oldest are trimmed beyond */
    uint64_t commit_bytes;      /* dirty pages of one commit, about; 0: MERGE_COMMIT_BYTES */
    bool popularity;            /* count which apps are connected together */
    struct pace *pace;          /* of a merge of counts; NULL: as fast as it can */
};

/* Check or write the format; *position = first log position not covered (0 for a new store). */
enum status days_prepare(struct store *days, uint64_t *position, char why[static 256]) MUST_CHECK;

struct merge_stats {
    uint64_t rows_dropped; /* of days below the purge mark, dropped and counted */
    uint64_t sheets;       /* rows written */
    uint64_t signals;      /* written down to wait; by days_merge_signals: merged */
    uint64_t activities;
    uint64_t trimmed; /* activity rows over the account's limit */
    uint64_t bytes;   /* of values written */
    uint64_t parts;   /* commits before the last one */
    bool more;        /* days_merge_signals: there are others left */
};

/* Merge g in key order. It commits in parts of a few megabytes, each with the place where the next
 * one begins; the last moves the position to g's end. After a failure or a crash the same
 * generation (same begin, same end: the log folded again) is merged on from there. */
enum status days_merge(struct store *days, const struct generation *g,
                       const struct days_limits *limits, struct merge_stats *out) MUST_CHECK;

/* The end of the generation whose merge was cut short by a crash; 0: none. It must be folded again
 * up to exactly there, and merged before anything else. */
enum status days_merge_end(struct store *days, uint64_t *end) MUST_CHECK;

/* Delete a slice of what lies before `first_day` (sheets, distinct, activity), at most rows_max
 * rows, in a transaction of its own; *more: there is more to delete. The purge mark moves first, so
 * that a merge never writes behind the purge. */
enum status days_purge(struct store *days, int32_t first_day, uint32_t rows_max,
                       bool *more) MUST_CHECK;

#endif
