/* One job at a time is with the days writer. Order of wishes: merge, empty what was merged, purge.
 */
#include "engine/ingest/checkpoint.h"

#include "engine/base/check.h"
#include "engine/base/log.h"

/* Signals are frozen from this part of the budget on, and merged so many at a time when nothing
 * else waits. */
#define SIGNALS_SHARE   4
#define SIGNALS_SLICE   2000

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

/* ---- signals ---- */

/* A generation comes with signals of its own; of the two that take turns only the active has any.
 */
static void drop_signals(struct generation *g)
{
    struct signals *s = generation_take_signals(g);

    signals_free(&s);
}

static void freeze_signals(struct checkpoint *c, struct signals *s)
{
    CHECK(c->signals_frozen == NULL);
    c->signals_frozen = s;
    c->signals_merge = (struct signals_merge){.of = s};
}

/* The signals of the generation that was active go on in the next one, which begins at `end`, or
 * are frozen. */
static void pass_signals(struct checkpoint *c, struct signals *s, uint64_t end, bool leisure)
{
    const bool many = signals_bytes(s) >= c->pending_bytes / SIGNALS_SHARE;

    if (signals_count(s) > 0 && (many || leisure) && c->signals_frozen == NULL &&
        c->signals_spare != NULL) {
        freeze_signals(c, s);
        s = c->signals_spare;
        c->signals_spare = NULL;
        signals_begin_at(s, end);
        signals_follow(s, c->signals_frozen);
    }
    generation_give_signals(c->active, s);
    c->signals = s;
}

/* All of them are in the tables; the memory is emptied by the writer. */
static struct signals *signals_done(struct checkpoint *c)
{
    struct signals *old = c->signals_frozen;

    signals_merge_fini(&c->signals_merge);
    c->signals_frozen = NULL;
    signals_follow(c->signals, NULL);
    return old;
}

enum status checkpoint_init(struct checkpoint *c, struct store *days,
                            const struct ingest_options *o, uint64_t position)
{
    struct signals *merging = signals_new(0), *others = signals_new(0);
    enum status st;

    *c = (struct checkpoint){
        .days = days,
        .limits = {.activity_rows_max = o->activity_rows_max,
                   .commit_bytes = o->merge_commit_bytes,
                   .popularity = o->popularity,
                   .pace = &c->pace},
        .pace = {.due = PACE_ALL, .rests_max = o->merge_rest_ms},
        .covered = position,
        .active = generation_new(position),
        .spare = generation_new(0),
    };
    checkpoint_options(c, o);
    c->signals_spare = generation_take_signals(c->active);
    drop_signals(c->spare);
    st = signals_load(days, merging, others);
    if (st == ST_OK && signals_count(merging) > 0)
        freeze_signals(c, merging);
    else
        signals_free(&merging);
    if (st == ST_OK) {
        signals_follow(others, c->signals_frozen);
        generation_give_signals(c->active, others);
        c->signals = others;
    } else {
        signals_free(&others);
    }
    return st;
}

enum status checkpoint_start(struct checkpoint *c)
{
    return days_writer_open(c->days, &c->limits, &c->writer);
}

void checkpoint_fold(struct checkpoint *c, const struct batch *b, uint64_t position,
                     int64_t received_ms, int64_t mono_ms)
{
    generation_fold(c->active, &(struct fold){b->ev, b->verdict, b->n, position, received_ms});
    c->fold_mono_ms = mono_ms;
    if (c->active_since_mono_ms == 0)
        c->active_since_mono_ms = mono_ms;
}

uint64_t checkpoint_bytes(const struct checkpoint *c)
{
    return generation_bytes(c->active) + (c->frozen != NULL ? generation_bytes(c->frozen) : 0) +
           signals_bytes(c->signals) +
           (c->signals_frozen != NULL ? signals_bytes(c->signals_frozen) : 0);
}

bool checkpoint_is_full(const struct checkpoint *c, uint64_t events_in_flight)
{
    return checkpoint_bytes(c) + events_in_flight * GENERATION_EVENT_BYTES >= c->pending_bytes ||
           c->log_bytes - c->covered_log_bytes >= 2 * c->journal_bytes;
}

/* ---- jobs ---- */

static void send(struct checkpoint *c, struct days_job job)
{
    CHECK(!c->working);
    c->job = job;
    c->working = true;
    days_writer_put(c->writer, &c->job);
}

/* Half of what the signals leave of the budget. */
static uint64_t generation_share(const struct checkpoint *c)
{
    return (c->pending_bytes - c->pending_bytes / SIGNALS_SHARE) / 2;
}

bool checkpoint_is_half_full(const struct checkpoint *c)
{
    const uint64_t share = c->pending_bytes / SIGNALS_SHARE;

    return generation_bytes(c->active) >= generation_share(c) ||
           (c->signals_frozen == NULL && signals_bytes(c->signals) >= 2 * share);
}

/* Neither memory nor the log asks for a checkpoint; only time may. */
static bool has_leisure(const struct checkpoint *c)
{
    return !checkpoint_is_half_full(c) && c->log_bytes - c->active_log_bytes < c->journal_bytes;
}

/* A merge should be done when the active generation is this full: some time is left for signals. */
#define MERGED_AT 700 /* per mille */
#define QUIET_MS  50  /* so long after the last fold nobody wants the processor */

static uint32_t due_for(uint64_t used, uint64_t budget)
{
    const uint64_t by = budget * MERGED_AT / PACE_ALL;

    return used >= by ? PACE_ALL : (uint32_t)(used * PACE_ALL / by);
}

static void set_pace(struct checkpoint *c, int64_t mono_ms)
{
    uint32_t due = PACE_ALL;

    if (c->frozen_early && mono_ms - c->fold_mono_ms <= QUIET_MS) {
        const uint32_t memory = due_for(generation_bytes(c->active), generation_share(c));
        const uint32_t log = due_for(c->log_bytes - c->active_log_bytes, c->journal_bytes);

        due = memory > log ? memory : log;
    }
    pace_due(&c->pace, due);
}

static bool is_due(const struct checkpoint *c, int64_t mono_ms)
{
    if (generation_end(c->active) == generation_begin(c->active))
        return false;
    return !has_leisure(c) || mono_ms - c->active_since_mono_ms >= c->period_ms;
}

static void freeze(struct checkpoint *c)
{
    uint64_t end = generation_end(c->active);
    bool leisure = has_leisure(c);

    c->frozen = c->active;
    c->frozen_early = !leisure;
    c->active = c->spare;
    c->spare = NULL;
    generation_begin_at(c->active, end);
    c->active_since_mono_ms = 0;
    c->active_log_bytes = c->log_bytes;
    pass_signals(c, generation_take_signals(c->frozen), end, leisure);
}

/* Frozen signals can be merged once a checkpoint has put down all of them. */
static bool wants_signals(const struct checkpoint *c)
{
    return c->signals_frozen != NULL && signals_end(c->signals_frozen) <= c->covered;
}

static void send_signals(struct checkpoint *c, uint32_t max)
{
    send(c,
         (struct days_job){.kind = DAYS_SIGNALS, .signals = &c->signals_merge, .signals_max = max});
}

/* Now and then, and at once when another day is over. */
static bool wants_purge(const struct checkpoint *c, int64_t mono_ms, int32_t first_day)
{
    return mono_ms >= c->purge_mono_ms || first_day > c->purge_first_day;
}

void checkpoint_turn(struct checkpoint *c, const struct clock *now, bool may_purge)
{
    const int32_t first_day = day_of_ms(now->wall_ms) - (VISIBLE_DAYS - 1) - PURGE_LAG_DAYS;

    const bool waits = now->mono_ms < c->retry_mono_ms; /* for room, which a purge may make */

    set_pace(c, now->mono_ms);
    if (c->working || c->failed)
        return;
    if (c->frozen == NULL && c->spare != NULL && is_due(c, now->mono_ms))
        freeze(c);
    if (!waits && wants_signals(c) && (c->signals_owed > 0 || c->frozen == NULL)) {
        send_signals(c, c->signals_owed > 0 ? c->signals_owed : SIGNALS_SLICE);
    } else if (!waits && c->frozen != NULL) {
        c->merge_mono_ms = now->mono_ms;
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
    c->signals_owed = 2 * (uint32_t)c->job.stats.signals + SIGNALS_SLICE;
    send(c, (struct days_job){.kind = DAYS_RESET, .generation = old});
}

static void signals_merged(struct checkpoint *c)
{
    c->signals_owed = 0;
    c->retry_mono_ms = 0;
    c->rows_dropped += c->job.stats.rows_dropped;
    c->activities_trimmed += c->job.stats.trimmed;
    if (!c->job.stats.more)
        send(c, (struct days_job){.kind = DAYS_RESET, .emptied = signals_done(c)});
}

static void merge_failed(struct checkpoint *c, const struct clock *now)
{
    c->failures++;
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
    c->failures++;
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
        c->merge_mono_ms = 0;
        if (job->status == ST_OK)
            merged(c, now);
        else
            merge_failed(c, now);
        break;
    case DAYS_SIGNALS:
        if (job->status == ST_OK)
            signals_merged(c);
        else
            merge_failed(c, now);
        break;
    case DAYS_PURGE:
        purged(c, now);
        break;
    case DAYS_RESET:
        if (job->generation != NULL)
            c->spare = job->generation;
        if (job->emptied != NULL)
            c->signals_spare = job->emptied;
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

static enum status merge_signals_here(struct checkpoint *c)
{
    struct merge_stats stats = {0};
    enum status st = days_merge_signals(c->days, &c->signals_merge, &c->limits, UINT32_MAX, &stats);

    if (st == ST_OK) {
        struct signals *old = signals_done(c);

        signals_free(&old);
    }
    c->rows_dropped += stats.rows_dropped;
    c->activities_trimmed += stats.trimmed;
    return st;
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

/* Everything that is pending, and the signals that wait. */
static enum status merge_all(struct checkpoint *c)
{
    enum status st = c->frozen != NULL ? merge_here(c, c->frozen) : ST_OK;

    CHECK(c->writer == NULL);
    if (st == ST_OK && generation_end(c->active) > generation_begin(c->active))
        st = merge_here(c, c->active);
    if (st == ST_OK && c->signals_frozen != NULL)
        st = merge_signals_here(c);
    if (st == ST_OK && signals_count(c->signals) > 0) {
        freeze_signals(c, generation_take_signals(c->active));
        st = merge_signals_here(c);
    }
    return st;
}

static void final_merge(struct checkpoint *c)
{
    enum status st = merge_all(c);

    /* Nothing is lost: the log and the table of waiting signals hold it, and the next start reads
     * it from there. */
    if (st != ST_OK)
        log_line(LOG_WARN, "ingest", "event=final_checkpoint_failed status=%s",
                 status_row(st)->name);
}

/* What the thread had in hand when it ended. */
static void take_last_job(struct checkpoint *c)
{
    struct days_job *job = &c->job;

    if (job->kind == DAYS_MERGE && job->status == ST_OK)
        generation_free(&c->frozen);
    if (job->kind == DAYS_SIGNALS && job->status == ST_OK && !job->stats.more) {
        struct signals *old = signals_done(c);

        signals_free(&old);
    }
    if (job->kind == DAYS_RESET && job->generation != NULL)
        c->spare = job->generation;
    if (job->kind == DAYS_RESET && job->emptied != NULL)
        c->signals_spare = job->emptied;
}

void checkpoint_fini(struct checkpoint *c, bool final)
{
    /* The thread ends only after its job, so closing it is also the wait for the job. */
    pace_due(&c->pace, PACE_ALL);
    days_writer_close(&c->writer);
    if (c->working)
        take_last_job(c);
    if (final && !c->failed && c->active != NULL)
        final_merge(c);
    signals_merge_fini(&c->signals_merge);
    signals_free(&c->signals_frozen);
    signals_free(&c->signals_spare);
    generation_free(&c->active);
    generation_free(&c->frozen);
    generation_free(&c->spare);
}
