/* Checkpoints: what is pending, when it is merged, and how full it is.
 *
 * Two generations take turns. The loop folds into the active one; when it is half the budget, or
 * the journal above the day tables is long, or it is old, it is frozen and merged by the days
 * writer, while the other one (emptied) becomes active and goes on with its signals. Those are
 * frozen too once they are a share of the budget, or when there is time: they are merged in slices
 * between the checkpoints, twice as fast as they come. Loop thread only. */
#ifndef ENGINE_INGEST_CHECKPOINT_H
#define ENGINE_INGEST_CHECKPOINT_H

#include "engine/ingest/days_writer.h"
#include "engine/ingest/ingest.h"

/* Days that are over are hidden at once, but deleted two days later: a clock that is a day wrong,
 * and still believed, then deletes nothing that is wanted. */
#define PURGE_LAG_DAYS 2

struct checkpoint {
    /* set at open, or by a reload */
    struct store *days;
    struct days_limits limits;
    struct pace pace; /* of the merge under way */
    uint64_t pending_bytes;
    uint64_t journal_bytes;
    uint32_t period_ms;
    /* changes per turn */
    struct days_writer *writer;
    struct generation *active;
    struct generation *frozen;      /* being merged; NULL: none */
    bool frozen_early;              /* for its size, before it was old: events come fast */
    struct generation *spare;       /* empty; NULL: frozen, or being emptied */
    struct signals *signals;        /* those of the active one, borrowed from it */
    struct signals *signals_frozen; /* being merged, in slices; NULL: none */
    struct signals *signals_spare;  /* empty; NULL: frozen, or being emptied */
    struct signals_merge signals_merge;
    uint32_t signals_owed; /* to be merged before the next checkpoint */
    struct days_job job;
    bool working;                 /* job is with the writer */
    bool failed;                  /* a merge failed for good: no more are tried */
    uint64_t covered;             /* first position that the day tables lack */
    uint64_t merge_end;           /* set at open: of a merge that a crash cut short; 0: none */
    uint64_t log_bytes;           /* frame bytes ever appended to the log, as folded */
    uint64_t active_log_bytes;    /* the same where the active generation begins */
    uint64_t covered_log_bytes;   /* the same at `covered` */
    int64_t active_since_mono_ms; /* first fold into the active one; 0: it is empty */
    int64_t fold_mono_ms;         /* the last one of any */
    int64_t retry_mono_ms;        /* a merge failed: not before */
    int64_t purge_mono_ms;        /* next purge: not before */
    int32_t purge_first_day;      /* of the last one: days before are gone or going */
    /* for the status */
    uint64_t merges, failures; /* failures: of purges too */
    uint64_t rows_dropped, activities_trimmed;
    uint64_t last_merge_ns;
    int64_t merge_mono_ms; /* the merge under way began then; 0: none is */
    int64_t last_wall_ms;
    struct metric_hist merge_ns;
};

/* position: what the day tables do not cover yet begins there. Reads the signals that wait. */
enum status checkpoint_init(struct checkpoint *c, struct store *days,
                            const struct ingest_options *o, uint64_t position) MUST_CHECK;
void checkpoint_options(struct checkpoint *c, const struct ingest_options *o);
enum status checkpoint_start(struct checkpoint *c) MUST_CHECK; /* the thread */

/* Merge what is pending before the thread stops (final), then free. Safe on a zeroed one. */
void checkpoint_fini(struct checkpoint *c, bool final);

/* Fold the accepted events of a stored batch. */
void checkpoint_fold(struct checkpoint *c, const struct batch *b, uint64_t position,
                     int64_t received_ms, int64_t mono_ms);

/* Decide what the days writer does next. may_purge: the clock is believed. */
void checkpoint_turn(struct checkpoint *c, const struct clock *now, bool may_purge);

/* A job may be done (days_writer_fd is readable). */
void checkpoint_done(struct checkpoint *c, const struct clock *now);

/* Memory in use, and what events not folded yet may add. */
uint64_t checkpoint_bytes(const struct checkpoint *c);
bool checkpoint_is_full(const struct checkpoint *c, uint64_t events_in_flight);

bool checkpoint_is_half_full(const struct checkpoint *c);

/* While the log is read back: freeze the active generation, for the thread to merge once it runs.
 * Only when one waits already is that merged here; a lack of room is no reason not to start, so
 * what cannot be merged then is kept in memory, as it would be in service. */
enum status checkpoint_freeze_now(struct checkpoint *c) MUST_CHECK;

#endif
