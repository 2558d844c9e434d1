/* How ingest stands, for the status view and for metrics. */
#include "engine/ingest/status.h"

#include "engine/base/check.h"
#include "engine/ingest/state.h"
#include "engine/log/log.h"

const char *ingest_transport_name(enum ingest_transport transport)
{
    static const char *const names[INGEST_TRANSPORT_N] = {
        [INGEST_ZMQ] = "zmq", [INGEST_PUSH] = "push", [INGEST_HTTP] = "http"};

    return (unsigned)transport < INGEST_TRANSPORT_N ? names[transport] : "";
}

unsigned ingest_generations(const struct ingest *in,
                            const struct generation *out[INGEST_GENERATIONS_MAX])
{
    unsigned n = 0;

    if (in->checkpoint.frozen != NULL)
        out[n++] = in->checkpoint.frozen;
    out[n++] = in->checkpoint.active;
    return n;
}

bool ingest_degraded(const struct ingest *in)
{
    return in->degraded;
}

bool ingest_clock_suspect(const struct ingest *in)
{
    return in->gate.tripped;
}

static uint32_t batches_in_flight(const struct ingest *in)
{
    return in->open->n + (in->writing != NULL ? in->writing->n : 0);
}

void ingest_status(const struct ingest *in, struct ingest_status *out)
{
    const struct checkpoint *c = &in->checkpoint;
    uint64_t covered = c->covered < LOG_FIRST ? LOG_FIRST : c->covered;

    *out = (struct ingest_status){
        .counters = in->counters.total,
        .days_n = in->counters.days_n,
        .position = in->position,
        .checkpoint_position = covered,
        .journal_first = in->log_first,
        .journal_bytes = c->log_bytes - c->covered_log_bytes,
        .pending_bytes = checkpoint_bytes(c),
        .inflight_bytes = in->open->bytes + (in->writing != NULL ? in->writing->bytes : 0),
        .inflight_batches = batches_in_flight(in),
        .id_window_entries = in->id_window_n,
        .rejected_rows = in->rejected_n,
        .commits = in->commits,
        .checkpoints = c->merges,
        .commits_failed = in->commits_failed,
        .merges_failed = c->failures,
        .clock_skew_ms = clock_gate_drift_ms(&in->gate, loop_clock(in->loop)),
        .events_unsaved = in->position - covered,
        .last_commit_ms = in->last_commit_ms,
        .last_checkpoint_ms = c->last_wall_ms,
        .merge_rows_dropped = c->rows_dropped,
        .activities_trimmed = c->activities_trimmed,
        .commit_ns = in->commit_ns,
        .commit_events = in->commit_events,
        .merge_ns = c->merge_ns,
        .ack_ns = in->ack_ns,
        .commit_status = in->last_status,
        .paused = in->paused[INGEST_ZMQ],
        .busy = in->busy,
        .degraded = in->degraded,
        .clock_suspect = in->gate.tripped,
        .stopping = in->stopping,
    };
    for (uint32_t i = 0; i < in->counters.days_n; i++)
        out->days[i] = in->counters.days[i];
}

void ingest_on_frame(struct ingest *in,
                     void (*fn)(void *arg, int64_t received_ms, const void *frame, size_t bytes),
                     void *arg)
{
    CHECK(in->on_frame_n < LISTENERS_MAX);
    in->on_frame[in->on_frame_n++] = (struct frame_listener){fn, arg};
}

void ingest_on_accepted(struct ingest *in,
                        void (*fn)(void *arg, const struct batch *b, uint64_t position,
                                   int64_t received_ms),
                        void *arg)
{
    CHECK(in->on_accepted_n < LISTENERS_MAX);
    in->on_accepted[in->on_accepted_n++] = (struct accepted_listener){fn, arg};
}
