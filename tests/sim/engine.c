/* The engine's side of a life: start, stop, submit, and every answer held against the model. */
#include <stdio.h>
#include <string.h>

#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/ingest/cursor.h"
#include "engine/ingest/tables.h"
#include "tests/sim/life.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_time.h"
#include "tests/sim/sim_worker.h"

#define MAP_BYTES (UINT64_C(32) << 20)

/* ---- answers ---- */

static bool room_was_short(const struct life *l)
{
    return l->full_until_ms > 0 ||
           (l->last_full_ms > 0 && sim_time.now.mono_ms - l->last_full_ms < 60000);
}

/* A commit failed. It is only allowed to for a reason, and what an I/O error leaves is not known
 * before the next start. */
static bool is_failed_commit(struct life *l, const struct submission *s, enum status st)
{
    bool asked = s->standing == ST_OK || s->standing == ST_BUSY;

    if (!asked || (st != ST_STORAGE_FULL && st != ST_IO_ERROR))
        return false;
    if (st == ST_STORAGE_FULL ? !room_was_short(l) : !sim_disk_failed())
        violate(l, "answered %s with a healthy disk", status_row(st)->name);
    if (st == ST_IO_ERROR) {
        CHECK(l->limbo_n < QUEUE_MAX);
        l->limbo[l->limbo_n++] = *s;
    }
    l->model.refused++;
    return true;
}

static void compare(struct life *l, const struct sim_batch *b, const struct verdict *want,
                    const struct outcome *got)
{
    if (got->status != want->status || got->accepted != want->accepted ||
        got->duplicate != want->duplicate || got->rejected != want->rejected)
        violate(l,
                "producer %u epoch %llu seq %llu: answered %s accepted %u duplicate %u rejected "
                "%u, and not %s %u %u %u",
                b->producer, (unsigned long long)b->epoch, (unsigned long long)b->seq,
                status_row(got->status)->name, got->accepted, got->duplicate, got->rejected,
                status_row(want->status)->name, want->accepted, want->duplicate, want->rejected);
    /* A refusal for now may say where to go on, a gap must. */
    bool told = got->has_expected_seq;
    if ((want->status == ST_GAP && !told) || (told && !want->has_expected) ||
        (told && want->expected_seq != got->expected_seq))
        violate(l, "seq %llu: told to go on at %llu, and not %llu", (unsigned long long)b->seq,
                (unsigned long long)got->expected_seq, (unsigned long long)want->expected_seq);
    if (want->has_current && want->current_epoch != got->current_epoch)
        violate(l, "told epoch %llu, and not %llu", (unsigned long long)got->current_epoch,
                (unsigned long long)want->current_epoch);
    if (b->applied > 1)
        violate(l, "seq %llu was counted %u times", (unsigned long long)b->seq, b->applied);
}

static void on_answer(void *arg, const struct zpeer *to, const struct batch *decoded,
                      const struct outcome *o)
{
    struct life *l = arg;
    struct submission s = l->queue[0];

    (void)to, (void)decoded;
    if (l->queue_n == 0) {
        violate(l, "an answer to nothing");
        return;
    }
    memmove(l->queue, l->queue + 1, --l->queue_n * sizeof s);
    l->answers++;
    trace(l, "answer seq %llu: %s accepted %u duplicate %u rejected %u",
          (unsigned long long)s.batch->seq, status_row(o->status)->name, o->accepted, o->duplicate,
          o->rejected);
    if (!is_failed_commit(l, &s, o->status)) {
        struct verdict want = model_take(&l->model, &s);
        if (s.standing == ST_BUSY && o->status == ST_BUSY && !o->has_expected_seq)
            want.status = ST_BUSY; /* its commit failed, so nobody knows where it stands */
        compare(l, s.batch, &want, o);
        l->jump_settled |= o->status == ST_OK && o->accepted > 0 && s.mono_ms > l->jump_ms;
    }
    publish_reply(l, s.batch, o);
}

/* ---- submitting ---- */

static enum status standing(struct life *l)
{
    struct ingest_status s;

    ingest_status(l->ingest, &s);
    if (s.degraded && !sim_disk_failed())
        violate(l, "degraded with a healthy disk");
    if (s.stopping)
        return ST_SHUTTING_DOWN;
    if (s.degraded)
        return ST_IO_ERROR;
    if (l->bad_ms != 0)
        return ST_CLOCK_SUSPECT;
    return s.busy ? ST_BUSY : ST_OK;
}

void engine_submit(struct life *l, struct sim_batch *b)
{
    static const struct ingest_source plain = {.transport = INGEST_ZMQ};
    const struct ingest_reply reply = {.fn = on_answer, .arg = l};

    CHECK(l->queue_n < QUEUE_MAX);
    l->queue[l->queue_n++] =
        (struct submission){b, loop_clock(l->loop)->wall_ms, sim_time.now.mono_ms, standing(l)};
    ingest_submit_bytes(l->ingest, &plain, b->frame, b->frame_n, &reply);
}

static void on_turn(void *arg)
{
    publish_deliver(arg);
}

/* ---- start and end ---- */

static enum status open_store(const struct life *l, const char *name,
                              const struct store_options *tables, struct store **out, char *why)
{
    char dir[128];
    struct store_options o = *tables;

    text_fmt(dir, sizeof dir, "%s/%s", l->dir, name);
    o.dir = dir;
    o.map_bytes = MAP_BYTES;
    return store_open(&o, out, why);
}

static enum status open_all(struct life *l, char why[static 256])
{
    const struct store_options front = {.tables = front_table_names, .tables_n = FRONT_TABLES_N};
    const struct store_options days = {.tables = days_table_names, .tables_n = DAYS_TABLES_N};
    enum status st = open_store(l, "front", &front, &l->front, why);

    if (st == ST_OK)
        st = open_store(l, "days", &days, &l->days, why);
    if (st != ST_OK)
        return st;
    struct ingest_setup setup = {l->loop, l->front, l->days, sim_time.now, l->options};
    return ingest_open(&setup, &l->ingest, why);
}

static void close_all(struct life *l, bool checkpoint)
{
    ingest_close(&l->ingest, checkpoint);
    store_close(&l->front);
    store_close(&l->days);
    loop_free(&l->loop);
}

void engine_begin(struct life *l)
{
    char why[256] = "";

    sim_workers.dead = false;
    CHECK(loop_new(&l->loop) == ST_OK);
    enum status st = open_all(l, why);
    if (sim_disk_dead()) { /* it falls again, while it is getting up */
        sim_workers.dead = true;
        close_all(l, false);
        return;
    }
    if (st != ST_OK) {
        trace(l, "it does not start: %s", why);
        bool fault = (st == ST_STORAGE_FULL && room_was_short(l)) ||
                     (st == ST_IO_ERROR && sim_disk_failed());
        if (!fault)
            violate(l, "it does not start: %s: %s", status_row(st)->name, why);
        close_all(l, false);
        l->restart_ms = sim_time.now.mono_ms + 500;
        if (st == ST_IO_ERROR)
            sim_disk_fail_at(0);
        return;
    }
    trace(l, "started");
    sim_disk_fail_at(0);
    sim_loop_source(l->loop, on_turn, l);
    engine_settle_model(l);
    check_all(l);
}

void engine_end(struct life *l, bool kill)
{
    if (!kill) {
        for (int i = 0; i < 400 && !ingest_idle(l->ingest) && !sim_disk_dead(); i++) {
            sim_time_pass(50);
            (void)sim_workers_step();
            if (!sim_disk_dead())
                loop_turn(l->loop, 0);
        }
        kill = sim_disk_dead(); /* the machine went while it stopped */
        if (!kill && !ingest_idle(l->ingest))
            violate(l, "it does not come to rest");
    }
    sim_workers.dead = kill;
    close_all(l, !kill && one_in(&l->seed, 2));
    if (l->net_n > 0 && one_in(&l->seed, 2))
        l->net_n = 0; /* connections are cut */
}

/* ---- what the disk kept ---- */

static bool same_counters(const struct life *l)
{
    const struct model_state *m = &l->model.s;
    struct ingest_status s;
    uint64_t rejected = 0;

    ingest_status(l->ingest, &s);
    for (unsigned i = 0; i < ST_N; i++)
        rejected += s.counters.rejected[i];
    return s.counters.received == m->received && s.counters.accepted == m->accepted &&
           s.counters.duplicate == m->duplicate && rejected == m->rejected &&
           s.counters.batches == m->batches && s.counters.late == m->late &&
           s.position == m->position;
}

/* A batch that is refused for good moves nothing else. */
static bool same_cursors(const struct life *l)
{
    bool same = true;
    char name[8];
    struct txn t;

    txn_begin(l->front, false, &t);
    for (unsigned p = 0; p < PRODUCERS; p++) {
        struct cursor c;
        text_fmt(name, sizeof name, "p%u", p);
        (void)cursor_get(&t, STR(""), str_of(name), &c); /* never seen: zero */
        same &= c.epoch == l->model.s.cursor[p].epoch && c.seq == l->model.s.cursor[p].seq;
    }
    same &= t.status == ST_OK;
    txn_abort(&t);
    return same;
}

static bool matches(const struct life *l)
{
    return same_counters(l) && same_cursors(l);
}

static void settle(struct life *l)
{
    struct ingest_status s;
    uint32_t kept = 0;

    ingest_status(l->ingest, &s);
    memmove(l->limbo + l->limbo_n, l->queue, l->queue_n * sizeof l->queue[0]);
    l->limbo_n += l->queue_n;
    while (!matches(l) && kept < l->limbo_n)
        (void)model_take(&l->model, &l->limbo[kept++]);
    trace(l, "the disk kept %u of %u in doubt", kept, l->limbo_n);
    if (!matches(l))
        violate(l,
                "after a start it holds %llu events accepted, %llu duplicate, position %llu; no "
                "number of the %u unanswered batches explains that: the last has %llu, %llu, %llu",
                (unsigned long long)s.counters.accepted, (unsigned long long)s.counters.duplicate,
                (unsigned long long)s.position, l->limbo_n, (unsigned long long)l->model.s.accepted,
                (unsigned long long)l->model.s.duplicate, (unsigned long long)l->model.s.position);
    uint64_t refused = 0;
    for (unsigned i = 0; i < ST_N; i++)
        refused += s.counters.batches_refused[i];
    if (refused > l->model.refused + l->limbo_n)
        violate(l, "it counts %llu refused batches; there were %llu", (unsigned long long)refused,
                (unsigned long long)l->model.refused);
    l->model.refused = refused;
    l->queue_n = l->limbo_n = 0;
}

void engine_settle_model(struct life *l)
{
    settle(l);
}
