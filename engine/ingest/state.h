/* The state behind ingest.h, shared by the files of this folder that run in the loop. */
#ifndef ENGINE_INGEST_STATE_H
#define ENGINE_INGEST_STATE_H

#include "engine/ingest/census.h"
#include "engine/ingest/checkpoint.h"
#include "engine/ingest/clock_gate.h"
#include "engine/ingest/group.h"
#include "engine/ingest/writer.h"

#define LISTENERS_MAX 8
#define GROUPS_N      3 /* one open, one with the writer, one being answered */

struct pause_listener {
    void (*fn)(void *arg, bool paused);
    void *arg;
    enum ingest_transport transport;
};

struct frame_listener {
    void (*fn)(void *arg, int64_t received_ms, const void *frame, size_t bytes);
    void *arg;
};

struct accepted_listener {
    void (*fn)(void *arg, const struct batch *b, uint64_t position, int64_t received_ms);
    void *arg;
};

struct ingest {
    /* set at open */
    struct loop *loop;
    struct store *front;
    struct store *days;
    struct ingest_options options;
    struct writer *writer;
    struct watch *writer_watch;
    struct watch *days_watch;
    struct timer
        *tick; /* a turn at least so often: checkpoints, busy and the gate depend on time */
    struct pause_listener on_pause[LISTENERS_MAX];
    struct frame_listener on_frame[LISTENERS_MAX];
    struct accepted_listener on_accepted[LISTENERS_MAX];
    uint32_t on_pause_n, on_frame_n, on_accepted_n;
    /* changes per turn */
    struct group *open;            /* takes submissions; never NULL */
    struct group *writing;         /* with the writer; NULL: it is idle */
    struct group *finishing;       /* committed, being folded and answered; or NULL */
    struct slot *finishing_at;     /* its next batch */
    struct group *spare[GROUPS_N]; /* empty ones */
    uint32_t spare_n;
    bool lost; /* the finishing group admitted what it did not store */
    struct checkpoint checkpoint;
    struct census *census;
    int32_t census_day;      /* what expires with a day is counted anew */
    uint64_t events_checked; /* of the open group, when the budgets were looked at last */
    struct clock_gate gate;
    struct clock gate_asked; /* the moment that the gate judged last */
    int64_t full_mono_ms;    /* since when the pending budget is used up; 0: it is not */
    bool busy;               /* so long that batches are refused */
    bool paused[INGEST_TRANSPORT_N];
    bool stopping;
    bool degraded;           /* a write failed for good */
    enum status last_status; /* of the last commit */
    /* as the last commit left it */
    struct counters counters;
    uint64_t position, log_first, id_window_n, rejected_n;
    uint64_t commits, commits_failed;
    int64_t last_commit_ms;
    struct metric_hist commit_ns;
    struct metric_hist commit_events;
    struct metric_hist ack_ns;
};

/* Ask the clock gate, at most once per turn. True: the clock is believed. */
bool ingest_clock_ok(struct ingest *in);

/* Work out anew who may read, and tell the listeners. */
void ingest_pressure(struct ingest *in);

/* What a batch would be refused with now, before it is looked at; ST_OK: it is judged. */
enum status ingest_standing(struct ingest *in) MUST_CHECK;

#endif
