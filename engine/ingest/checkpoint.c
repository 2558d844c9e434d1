/* One job at a time is with the days writer. Order of wishes: merge, empty what was merged, purge.
 */
#include "engine/ingest/checkpoint.h"

#include "engine/base/check.h"
#include "engine/base/log.h"

#define RETRY_MS        1000  /* after a merge that failed for want of room */
#define PURGE_PERIOD_MS 60000 /* when there was nothing more to delete */
#define PURGE_GAP_MS    50    /* between two slices: ingest and queries come first */
#define VISIBLE_DAYS    30

void checkpoint_options(struct checkpoint *c, const struct ingest_options *o)
{
    c->pending_bytes = o->pending_bytes;
    c->journal_bytes = o->journal_bytes;
    c->period_ms = o->checkpoint_ms;
}

void checkpoint_init(struct checkpoint *c, struct store *days, const struct ingest_options *o,
                     uint64_t position)
{
    *c = (struct checkpoint){
        .days = days,
        .limits = {.activity_rows_max = o->activity_rows_max,
                   .commit_bytes = o->merge_commit_bytes,
                   .popularity = o->popularity},
        .covered = position,
        .active = generation_new(position),
        .spare = generation_new(0),
    };
    checkpoint_options(c, o);
}

enum status checkpoint_start(struct checkpoint *c)
{
    return days_writer_open(c->days, &c->limits, &c->writer);
}

void checkpoint_fold(struct checkpoint *c, const struct batch *b, uint64_t position,
                     int64_t received_ms, int64_t mono_ms)
{
    generation_fold(c->active, &(struct fold){b->ev, b->verdict, b->n, position, received_ms});
    if (c->active_since_mono_ms == 0)
        c->active_since_mono_ms = mono_ms;
}

uint64_t checkpoint_bytes(const struct checkpoint *c)
{
    return generation_bytes(c->active) + (c->frozen != NULL ? generation_bytes(c->frozen) : 0);
}

bool checkpoint_is_full(const struct checkpoint *c, uint64_t events_in_flight)
{
    return checkpoint_bytes(c) + events_in_flight * GENERATION_EVENT_BYTES >= c->pending_bytes ||
           c->log_bytes - c->covered_log_bytes >= c->journal_bytes;
}

/* ---- jobs ---- */

static void send(struct checkpoint *c, struct days_job job)
{
    CHECK(!c->working);
    c->job = job;
    c->working = true;
    days_writer_put(c->writer, &c->job);
}

static bool is_due(const struct checkpoint *c, int64_t mono_ms)
{
    if (generation_end(c->active) == generation_begin(c->active))
        return false;
    return generation_bytes(c->active) >= c->pending_bytes / 2 ||
           c->log_bytes - c->active_log_bytes >= c->journal_bytes / 2 ||
           mono_ms - c->active_since_mono_ms >= c->period_ms;
}

static void freeze(struct checkpoint *c)
{
    uint64_t end = generation_end(c->active);

    c->frozen = c->active;
    c->active = c->spare;
    c->spare = NULL;
    generation_reset(c->active, end); /* it is empty: this only sets where it begins */
    c->active_since_mono_ms = 0;
    c->active_log_bytes = c->log_bytes;
}

/* Now and then, and at once when another day is over. */
static bool wants_purge(const struct checkpoint *c, int64_t mono_ms, int32_t first_day)
{
    return mono_ms >= c->purge_mono_ms || first_day > c->purge_first_day;
}

void checkpoint_turn(struct checkpoint *c, const struct clock *now, bool may_purge)
{
    const int32_t first_day = day_of_ms(now->wall_ms) - (VISIBLE_DAYS - 1) - PURGE_LAG_DAYS;

    if (c->working || c->failed)
        return;
    if (c->frozen == NULL && c->spare != NULL && is_due(c, now->mono_ms))
        freeze(c);
    if (c->frozen != NULL) {
        if (now->mono_ms >= c->retry_mono_ms)
            send(c, (struct days_job){.kind = DAYS_MERGE, .generation = c->frozen});
    } else if (may_purge && wants_purge(c, now->mono_ms, first_day)) {
        c->purge_first_day = first_day;
        send(c, (struct days_job){.kind = DAYS_PURGE, .first_day = first_day});
    }
}

static void merged(struct checkpoint *c, const struct clock *now)
{
    struct generation *old = c->frozen;

    c->covered = generation_end(old);
    c->covered_log_bytes = c->active_log_bytes;
    c->frozen = NULL;
    c->retry_mono_ms = 0;
    c->merges++;
    c->rows_dropped += c->job.stats.rows_dropped;
    c->activities_trimmed += c->job.stats.trimmed;
    c->last_merge_ns = c->job.ns;
    c->last_wall_ms = now->wall_ms;
    metric_hist_add(&c->merge_ns, c->job.ns);
    send(c, (struct days_job){.kind = DAYS_RESET, .generation = old});
}

static void merge_failed(struct checkpoint *c, const struct clock *now)
{
    log_line(LOG_ERROR, "ingest", "event=checkpoint_failed status=%s",
             status_row(c->job.status)->name);
    /* Room may be made; anything else will not get better by trying. */
    if (c->job.status == ST_STORAGE_FULL || c->job.status == ST_NO_MEMORY)
        c->retry_mono_ms = now->mono_ms + RETRY_MS;
    else
        c->failed = true;
}

static void purged(struct checkpoint *c, const struct clock *now)
{
    c->purge_mono_ms = now->mono_ms + (c->job.more ? PURGE_GAP_MS : PURGE_PERIOD_MS);
    if (c->job.status == ST_OK)
        return;
    log_line(LOG_ERROR, "ingest", "event=purge_failed status=%s", status_row(c->job.status)->name);
    if (store_failed(c->days))
        c->failed = true;
}

void checkpoint_done(struct checkpoint *c, const struct clock *now)
{
    struct days_job *job = days_writer_take(c->writer);

    if (job == NULL)
        return;
    c->working = false;
    switch (job->kind) {
    case DAYS_MERGE:
        if (job->status == ST_OK)
            merged(c, now);
        else
            merge_failed(c, now);
        break;
    case DAYS_PURGE:
        purged(c, now);
        break;
    case DAYS_RESET:
        c->spare = job->generation;
        break;
    }
}

/* ---- without the thread ---- */

static enum status merge_here(struct checkpoint *c, const struct generation *g)
{
    struct merge_stats stats = {0};
    enum status st = days_merge(c->days, g, &c->limits, &stats);

    c->rows_dropped += stats.rows_dropped;
    c->activities_trimmed += stats.trimmed;
    return st;
}

static enum status merge_active(struct checkpoint *c)
{
    uint64_t end = generation_end(c->active);
    enum status st;

    CHECK(c->writer == NULL);
    CHECK(c->frozen == NULL);
    if (end == generation_begin(c->active))
        return ST_OK;
    st = merge_here(c, c->active);
    if (st != ST_OK)
        return st;
    generation_reset(c->active, end);
    c->covered = end;
    c->covered_log_bytes = c->log_bytes;
    c->active_log_bytes = c->log_bytes;
    c->active_since_mono_ms = 0;
    return ST_OK;
}

enum status checkpoint_freeze_now(struct checkpoint *c)
{
    if (c->frozen != NULL) {
        enum status st = merge_here(c, c->frozen);

        if (st != ST_OK)
            return st == ST_STORAGE_FULL ? ST_OK : st;
        c->covered = generation_end(c->frozen);
        c->covered_log_bytes = c->active_log_bytes;
        c->spare = c->frozen;
        c->frozen = NULL;
        generation_reset(c->spare, c->covered);
    }
    freeze(c);
    return ST_OK;
}

static void final_merge(struct checkpoint *c)
{
    enum status st = ST_OK;

    if (c->frozen != NULL)
        st = merge_here(c, c->frozen);
    generation_free(&c->frozen);
    if (st == ST_OK)
        st = merge_active(c);
    /* Nothing is lost: the log holds it, and the next start reads it from there. */
    if (st != ST_OK)
        log_line(LOG_WARN, "ingest", "event=final_checkpoint_failed status=%s",
                 status_row(st)->name);
}

void checkpoint_fini(struct checkpoint *c, bool final)
{
    /* The thread ends only after its job, so closing it is also the wait for the job. */
    days_writer_close(&c->writer);
    if (c->working && c->job.kind == DAYS_MERGE && c->job.status == ST_OK)
        generation_free(&c->frozen);
    if (c->working && c->job.kind == DAYS_RESET)
        c->spare = c->job.generation;
    if (final && !c->failed && c->active != NULL)
        final_merge(c);
    generation_free(&c->active);
    generation_free(&c->frozen);
    generation_free(&c->spare);
}
