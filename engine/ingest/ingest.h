/* Ingest: judge, store, fold, answer. The one way in for events, whatever brought them.
 *
 * A batch is decoded in the loop and joins the open group. When the front writer is idle the group
 * is handed to it: one transaction judges and stores the whole group. When that has reached the
 * disk the loop folds the accepted events and answers, so an answer means durable and visible to
 * queries. Every submission is answered exactly once, in the order of submission; nothing else is
 * promised about when. All calls are for the loop thread. */
#ifndef ENGINE_INGEST_INGEST_H
#define ENGINE_INGEST_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "aggregators/generation.h"
#include "engine/base/hash.h"
#include "engine/ingest/status.h"
#include "engine/net/loop.h"
#include "engine/net/zsock.h"
#include "engine/store/store.h"
#include "schemas/ack.h"

struct ingest; /* opaque, heap */

/* Bytes, ms and counts as the options of the same names; ingest_options_default is DESIGN's. */
struct ingest_options {
    struct frame_limits limits;
    uint64_t group_bytes_max;    /* frames of one commit */
    uint64_t inflight_bytes_max; /* frames and their decoded events; above it reading pauses */
    uint64_t pending_bytes;      /* generations, frozen and active together */
    uint64_t journal_bytes;      /* of frames not yet in the day tables; starts a checkpoint */
    uint32_t checkpoint_ms;      /* longest time between checkpoints */
    uint32_t busy_after_ms;      /* reading pauses this long before batches are refused as busy */
    uint64_t id_window_bytes;
    uint32_t id_window_hours;
    uint32_t rejected_max;       /* rows of rejected events kept */
    uint32_t producers_max;      /* cursors per key name */
    uint32_t activity_rows_max;  /* per account */
    uint32_t object_types_max;   /* per account */
    uint32_t apps_max;           /* per account */
    uint32_t connections_max;    /* per account */
    uint32_t users_max;          /* per account */
    uint32_t producer_idle_days; /* a cursor unused for so long is forgotten */
    int32_t floor_day;           /* first day of data */
    uint64_t merge_commit_bytes; /* of one commit of a merge, about; 0: MERGE_COMMIT_BYTES */
    uint32_t merge_rest_ms;      /* a merge that has time rests so long, in all; 0: never */
    bool popularity;             /* count which apps are connected together */
    bool clock_accept;           /* trust the wall clock whatever it says now */
};

extern const struct ingest_options ingest_options_default;

struct ingest_setup {
    struct loop *loop;   /* borrowed until ingest_close, as are the stores */
    struct store *front; /* opened with front_table_names (engine/ingest/tables.h) */
    struct store *days;  /* opened with days_table_names (aggregators/tables.h) */
    struct clock now;    /* the wall clock at start, for recovery */
    struct ingest_options options;
};

/* Check both environments, replay the log's tail and start the two writer threads. why: one
 * sentence for people. ST_CORRUPT, ST_OTHER_FORMAT, ST_IO_ERROR, ST_STORAGE_FULL. */
enum status ingest_open(const struct ingest_setup *setup, struct ingest **out,
                        char why[static 256]) MUST_CHECK;

/* New values of the reloadable options (limits and budgets); the environments stay. */
void ingest_reload(struct ingest *in, const struct ingest_options *options);

/* Refuse what comes from now on with shutting_down; what was submitted is still answered. */
void ingest_stop(struct ingest *in);
bool ingest_idle(const struct ingest *in); /* everything submitted has been answered */

/* Stop the threads and free. Unanswered submissions are dropped without an answer, so be idle
 * first. checkpoint: merge what is pending before (clean stop; costs up to seconds). NULL-safe. */
void ingest_close(struct ingest **in, bool checkpoint);

/* ---- submitting ---- */

/* Who sends. Never taken from the payload. */
struct ingest_source {
    enum ingest_transport transport; /* INGEST_PUSH: no answers; numbered envelopes are rejected */
    struct str key_name;             /* of the keyring, at most 64 bytes; empty: no keyring */
    /* May this key write that account? NULL: all. Called in the loop, during ingest_submit only. */
    bool (*may_write)(const void *scope, uint64_t account);
    const void *scope;
    /* The batch's own identity, given from outside (an Idempotency-Key): with the same content it
     * is counted once within the id window, with other content it is a CONFLICT. Not for numbered
     * batches, which have their identity already. */
    bool has_identity;
    struct hash128 identity;
    struct hash128 content;
};

/* Where the answer goes. fn is called in the loop, exactly once per submission, in order; b and o
 * live for the call. fn may submit again. fn == NULL: nobody waits. */
struct ingest_reply {
    void (*fn)(void *arg, const struct zpeer *to, const struct batch *b, const struct outcome *o);
    void *arg;
    struct zpeer to; /* copied, handed back; meaningless to ingest */
};

/* One frame. m becomes ingest's (freed after the answer); it is emptied for the caller. */
void ingest_submit(struct ingest *in, const struct ingest_source *from, struct zmsg *m,
                   const struct ingest_reply *reply);

/* The same for bytes that did not come by ZeroMQ: copied. */
void ingest_submit_bytes(struct ingest *in, const struct ingest_source *from, const void *p,
                         size_t n, const struct ingest_reply *reply);

/* A message of several frames, or one over the message limit that was cut off: counted, answered as
 * malformed or too_large (in JSON), in its order. */
void ingest_refuse(struct ingest *in, const struct ingest_source *from, enum status code,
                   const char *message, const struct ingest_reply *reply);

/* Back pressure: false while collectors should leave messages in their sockets. ROUTER and HTTP
 * peers are read again after busy_after_ms, to be answered busy; PUSH peers, who cannot be
 * answered, are held back for as long as nothing can be stored. */
bool ingest_may_read(const struct ingest *in, enum ingest_transport transport);

/* fn(arg, paused) whenever that changes. At most 8 listeners; before the first submission. */
void ingest_on_pause(struct ingest *in, enum ingest_transport transport,
                     void (*fn)(void *arg, bool paused), void *arg);

/* ---- observers (before the first submission; at most 8 of each) ---- */

/* Every frame as it came, before it is decoded (recording). */
void ingest_on_frame(struct ingest *in,
                     void (*fn)(void *arg, int64_t received_ms, const void *frame, size_t bytes),
                     void *arg);

/* Every stored batch after its fold and before its answer: accepted events have verdict 0. */
void ingest_on_accepted(struct ingest *in,
                        void (*fn)(void *arg, const struct batch *b, uint64_t position,
                                   int64_t received_ms),
                        void *arg);

/* ---- for queries ---- */

#define INGEST_GENERATIONS_MAX 2

/* The generations that hold what the day tables may lack, ascending; borrowed until the next turn.
 */
unsigned ingest_generations(const struct ingest *in,
                            const struct generation *out[INGEST_GENERATIONS_MAX]);

bool ingest_degraded(const struct ingest *in);      /* a write failed for good: reads only */
bool ingest_clock_suspect(const struct ingest *in); /* the clock gate is tripped */

#endif
