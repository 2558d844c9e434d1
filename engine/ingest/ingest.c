/* The loop's side of ingest: groups go round between the loop and the writer.
 *
 *   open --end of turn, writer idle--> writing --committed--> finishing --folded, answered--> spare
 *
 * While the writer syncs one group the next one fills, so load makes commits larger, not more. */
#include "engine/ingest/ingest.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/crash_point.h"
#include "engine/base/log.h"
#include "engine/ingest/census_count.h"
#include "engine/ingest/replay.h"
#include "engine/ingest/state.h"

#define TICK_MS     50
#define TURN_EVENTS 16384 /* folded in one turn: about a millisecond */

const struct ingest_options ingest_options_default = {
    .limits = {10000, 65536, 256, 8, 256},
    .group_bytes_max = UINT64_C(8) << 20,
    .inflight_bytes_max = UINT64_C(64) << 20,
    .pending_bytes = UINT64_C(768) << 20,
    .journal_bytes = UINT64_C(256) << 20,
    .checkpoint_ms = 3000,
    .merge_rest_ms = 2000,
    .busy_after_ms = 3000,
    .id_window_bytes = UINT64_C(4) << 30,
    .id_window_hours = 48,
    .rejected_max = 100000,
    .producers_max = 1000000,
    .activity_rows_max = 1000000,
    .object_types_max = 1024,
    .apps_max = 10000,
    .connections_max = 100000,
    .users_max = 100000,
    .producer_idle_days = 400,
    .floor_day = 20423, /* 2025-12-01 */
};

/* ---- groups ---- */

static void hand_over(struct ingest *in)
{
    struct group *g = in->open;

    if (in->writing != NULL || g->n == 0)
        return;
    g->trim_below = in->checkpoint.covered;
    g->now_ms = loop_clock(in->loop)->wall_ms;
    g->clock_known = ingest_clock_ok(in);
    g->mark = in->gate.mark;
    in->writing = g;
    CHECK(in->spare_n > 0); /* the writer was idle, and at most one is being answered */
    in->open = in->spare[--in->spare_n];
    in->events_checked = 0;
    writer_put(in->writer, g);
}

static void take_result(struct ingest *in, const struct group *g)
{
    in->counters = g->counters;
    in->id_window_n = g->id_window_n;
    if (g->status != in->last_status) {
        log_line(g->status == ST_OK ? LOG_INFO : LOG_ERROR, "ingest",
                 "event=commits_%s status=%s batches=%u",
                 g->status == ST_OK ? "resumed" : "failing", status_row(g->status)->name, g->n);
        in->last_status = g->status;
    }
    if (g->status != ST_OK) {
        in->commits_failed++;
        in->degraded |= store_failed(in->front);
        return;
    }
    in->position = g->end;
    in->log_first = g->log_first;
    in->rejected_n = g->rejected_n;
    in->checkpoint.log_bytes = g->log_bytes;
    in->commits++;
    in->last_commit_ms = loop_clock(in->loop)->wall_ms;
    metric_hist_add(&in->commit_ns, g->commit_ns);
    metric_hist_add(&in->commit_events, g->events);
}

static void fold(struct ingest *in, const struct slot *s)
{
    checkpoint_fold(&in->checkpoint, &s->batch, s->position, s->received_ms,
                    loop_clock(in->loop)->mono_ms);
    for (uint32_t i = 0; i < in->on_accepted_n; i++)
        in->on_accepted[i].fn(in->on_accepted[i].arg, &s->batch, s->position, s->received_ms);
}

/* Was something admitted that is not stored after all? */
static bool is_lost(const struct slot *s)
{
    return s->judge && s->batch.n > 0 && s->outcome.status != ST_OK &&
           s->outcome.status != ST_DUPLICATE;
}

/* Fold each batch of the group, then answer it, so that no answer is ahead of what queries see. A
 * large group takes several turns, with sockets and queries in between. */
static void finish_some(struct ingest *in)
{
    struct group *g = in->finishing;
    uint64_t now_ns = clock_mono_ns();
    uint32_t events = 0;

    for (; in->finishing_at != NULL && events < TURN_EVENTS;
         in->finishing_at = in->finishing_at->next) {
        struct slot *s = in->finishing_at;

        if (s->stored)
            fold(in, s);
        CRASH_POINT("folded_before_ack");
        in->lost |= is_lost(s);
        metric_hist_add(&in->ack_ns, now_ns - s->begin_ns);
        if (s->reply.fn != NULL)
            s->reply.fn(s->reply.arg, &s->reply.to, &s->batch, &s->outcome);
        events += s->batch.n;
    }
    if (in->finishing_at != NULL) {
        loop_again(in->loop);
        return;
    }
    if (in->lost)
        census_forget(in->census);
    in->lost = false;
    group_reset(g);
    in->spare[in->spare_n++] = g;
    in->finishing = NULL;
}

static void on_written(void *arg)
{
    struct ingest *in = arg;
    struct group *g = in->finishing == NULL ? writer_take(in->writer) : NULL;

    if (g == NULL)
        return;
    CHECK(g == in->writing);
    in->writing = NULL;
    take_result(in, g);
    in->finishing = g;
    in->finishing_at = g->first;
    hand_over(in); /* first: the writer works while this thread folds */
    finish_some(in);
    ingest_pressure(in);
}

static void on_days_done(void *arg)
{
    struct ingest *in = arg;

    checkpoint_done(&in->checkpoint, loop_clock(in->loop));
    in->degraded |= in->checkpoint.failed;
}

static void on_turn(void *arg)
{
    struct ingest *in = arg;
    bool clock_ok = ingest_clock_ok(in);
    int32_t today = day_of_ms(loop_clock(in->loop)->wall_ms);

    if (today != in->census_day)
        census_forget(in->census);
    in->census_day = today;
    if (in->finishing != NULL)
        finish_some(in);
    on_written(in);
    hand_over(in);
    checkpoint_turn(&in->checkpoint, loop_clock(in->loop), clock_ok);
    ingest_pressure(in);
}

static void on_tick(void *arg)
{
    (void)arg; /* the end of its turn does the work */
}

/* ---- open and close ---- */

static enum status groups_new(struct ingest *in)
{
    enum status st = group_new(&in->open);

    for (; st == ST_OK && in->spare_n < GROUPS_N - 1; in->spare_n += st == ST_OK)
        st = group_new(&in->spare[in->spare_n]);
    return st;
}

static void gate_open(struct ingest *in, const struct ingest_setup *setup,
                      const struct writer_found *found)
{
    uint8_t boot_id[16];

    boot_id_read(boot_id);
    clock_gate_init(&in->gate, found->has_mark ? &found->mark : NULL, &setup->now, boot_id,
                    setup->options.clock_accept);
    in->gate_asked = setup->now;
    if (in->gate.tripped)
        log_line(LOG_ERROR, "ingest",
                 "event=clock_suspect drift_ms=%lld action=\"batches are refused and nothing is "
                 "deleted; "
                 "set the clock, or start once with clock_accept\"",
                 (long long)clock_gate_drift_ms(&in->gate, &setup->now));
}

static enum status recover(struct ingest *in, const struct writer_found *found,
                           char why[static 256])
{
    struct replay_stats stats;
    enum status st = replay(in->front, &in->checkpoint, &stats, why);

    if (st != ST_OK)
        return st;
    in->counters = found->counters;
    in->position = found->log_end;
    in->log_first = found->log_first;
    log_line(LOG_INFO, "ingest", "event=recovered position=%llu batches=%llu events=%llu ms=%llu",
             (unsigned long long)in->position, (unsigned long long)stats.batches,
             (unsigned long long)stats.events, (unsigned long long)(stats.ns / 1000000));
    return ST_OK;
}

static enum status attach(struct ingest *in, char why[static 256])
{
    enum status st = checkpoint_start(&in->checkpoint);

    if (st == ST_OK)
        st = loop_watch(in->loop, writer_fd(in->writer), on_written, in, &in->writer_watch);
    if (st == ST_OK)
        st = loop_watch(in->loop, days_writer_fd(in->checkpoint.writer), on_days_done, in,
                        &in->days_watch);
    if (st == ST_OK)
        st = loop_every(in->loop, TICK_MS, on_tick, in, &in->tick);
    if (st != ST_OK)
        text_fmt(why, 256, "ingest cannot be started: %s", status_row(st)->text);
    else
        loop_hook(in->loop, on_turn, in);
    return st;
}

static enum status open_census(struct ingest *in, const struct ingest_options *o)
{
    const struct census_setup setup = {
        .limit =
            {
                [CENSUS_APPS] = o->apps_max,
                [CENSUS_TYPES] = o->object_types_max,
                [CENSUS_USERS] = o->users_max,
                [CENSUS_CONNECTIONS] = o->connections_max,
            },
        .count = census_count,
        .arg = in,
    };

    return census_new(&setup, &in->census);
}

static enum status open_parts(struct ingest *in, const struct ingest_setup *setup,
                              char why[static 256])
{
    const struct writer_start start = {setup->front, setup->options};
    struct writer_found found;
    uint64_t covered;
    enum status st = groups_new(in);

    if (st == ST_OK)
        st = open_census(in, &setup->options);
    if (st != ST_OK) {
        text_fmt(why, 256, "%s", status_row(st)->text);
        return st;
    }
    st = days_prepare(setup->days, &covered, why);
    if (st != ST_OK)
        return st;
    st = checkpoint_init(&in->checkpoint, setup->days, &setup->options, covered);
    if (st == ST_OK)
        st = days_merge_end(setup->days, &in->checkpoint.merge_end);
    if (st != ST_OK) {
        text_fmt(why, 256, "the day tables cannot be read: %s", status_row(st)->text);
        return st;
    }
    st = writer_open(&start, &in->writer, &found, why);
    if (st != ST_OK)
        return st;
    gate_open(in, setup, &found);
    st = recover(in, &found, why);
    return st != ST_OK ? st : attach(in, why);
}

enum status ingest_open(const struct ingest_setup *setup, struct ingest **out, char why[static 256])
{
    struct ingest *in = calloc(1, sizeof(*in));
    enum status st;

    why[0] = '\0';
    if (in == NULL)
        return ST_NO_MEMORY;
    in->loop = setup->loop;
    in->front = setup->front;
    in->days = setup->days;
    in->options = setup->options;
    st = open_parts(in, setup, why);
    if (st != ST_OK)
        ingest_close(&in, false);
    else
        *out = in;
    return st;
}

void ingest_reload(struct ingest *in, const struct ingest_options *options)
{
    in->options = *options;
    checkpoint_options(&in->checkpoint, options);
    if (options->clock_accept)
        clock_gate_accept(&in->gate, loop_clock(in->loop));
}

void ingest_stop(struct ingest *in)
{
    in->stopping = true;
    ingest_pressure(in);
}

bool ingest_idle(const struct ingest *in)
{
    return in->open->n == 0 && in->writing == NULL && in->finishing == NULL;
}

void ingest_close(struct ingest **inp, bool checkpoint)
{
    struct ingest *in = *inp;

    if (in == NULL)
        return;
    timer_free(&in->tick);
    loop_unwatch(&in->writer_watch);
    loop_unwatch(&in->days_watch);
    writer_close(&in->writer);
    checkpoint_fini(&in->checkpoint, checkpoint);
    group_free(&in->open);
    group_free(&in->writing);
    group_free(&in->finishing);
    census_free(&in->census);
    while (in->spare_n > 0)
        group_free(&in->spare[--in->spare_n]);
    free(in);
    *inp = NULL;
}
