/* What goes wrong in a life, and when. Each life has a random set of troubles, so that some meet
 * pure crashes, some a full disk at midnight, and some everything. */
#include "engine/base/check.h"
#include "tests/sim/life.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_time.h"
#include "tests/sim/sim_worker.h"

#define MINUTE_MS INT64_C(60000)

/* In this life or not at all: once in so many steps. */
static uint32_t some(struct life *l, uint32_t once_in)
{
    return one_in(&l->seed, 3) ? 0 : once_in / 2 + (uint32_t)draw(&l->seed, once_in);
}

void fault_profile(struct life *l)
{
    static const uint32_t hours[] = {1, 6, 48};
    static const uint64_t pending[] = {8 << 10, 32 << 10, UINT64_C(64) << 20};
    static const uint64_t journal[] = {4 << 10, 32 << 10, UINT64_C(64) << 20};
    uint64_t *s = &l->seed;

    l->profile = (struct profile){
        .batches = 30 + (uint32_t)draw(s, 120),
        .crash = some(l, 200),
        .power = some(l, 200),
        .stop = some(l, 600),
        .full = some(l, 400),
        .fail = some(l, 600),
        .slow = some(l, 200),
        .query = 4 + (uint32_t)draw(s, 12),
        .idle = some(l, 60),
        .clock_small = some(l, 200),
        .clock_day = some(l, 600),
        .clock_bad = some(l, 400),
        .zombie = some(l, 600),
        .forge = some(l, 60),
        .lose = (uint32_t)draw(s, 100),
        .twice = (uint32_t)draw(s, 200),
        .late = (uint32_t)draw(s, 200),
        .late_ms = one_in(s, 3) ? 20000 : 50,
    };
    l->options = ingest_options_default;
    l->options.limits.batch_events_max = BATCH_LIMIT;
    l->options.checkpoint_ms = 20 + (uint32_t)draw(s, 2000);
    l->options.merge_rest_ms = 0; /* no time passes there */
    l->options.merge_commit_bytes = one_in(s, 2) ? 0 : 2 << 10;
    l->options.pending_bytes = pending[draw(s, 3)];
    l->options.journal_bytes = journal[draw(s, 3)];
    l->options.busy_after_ms = 20 + (uint32_t)draw(s, 3000);
    l->options.id_window_hours = hours[draw(s, 3)];
    l->options.rejected_max = 5 + (uint32_t)draw(s, 50);
    l->options.popularity = one_in(s, 2);
    l->model.id_hours = l->options.id_window_hours;
    l->options.floor_day = one_in(s, 3) ? l->model.first_day + 20 + (int32_t)draw(s, 20) : 0;
    l->model.floor_day = l->options.floor_day;
}

/* ---- ends ---- */

static void reboot(struct life *l, int64_t off_ms)
{
    for (unsigned i = 0; i < sizeof sim_time.boot_id; i++)
        sim_time.boot_id[i] = (uint8_t)draw(&l->seed, 256);
    sim_time.now.wall_ms += off_ms - l->bad_ms; /* the clock of the board is right */
    sim_time.now.boot_ms = (int64_t)draw(&l->seed, 10000);
    l->bad_ms = 0;
    l->jump_settled = false; /* before the first commit of a boot 30 days are believed */
    l->jump_ms = sim_time.now.mono_ms;
}

static void down(struct life *l, int64_t ms)
{
    l->restart_ms = sim_time.now.mono_ms + ms;
}

void fault_crash(struct life *l, bool power)
{
    trace(l, power ? "power cut" : "kill");
    l->faults++;
    if (l->loop != NULL)
        engine_end(l, true);
    if (power) {
        sim_disk_power_cut(&l->seed);
        reboot(l, (int64_t)draw(&l->seed, one_in(&l->seed, 10) ? 3 * DAY_MS : MINUTE_MS));
        l->cuts++;
    } else {
        sim_disk_alive();
        l->crashes++;
    }
    sim_disk_full(l->full_until_ms > 0);
    down(l, (int64_t)draw(&l->seed, 3000));
}

static void clean_stop(struct life *l)
{
    trace(l, "stop");
    ingest_stop(l->ingest);
    engine_end(l, false);
    down(l, (int64_t)draw(&l->seed, 2000));
    if (!sim_disk_failed() && !sim_disk_dead())
        check_audit(l);
}

/* ---- the clock ---- */

static void jump(struct life *l, int64_t ms)
{
    trace(l, "the clock jumps by %lld ms", (long long)ms);
    l->faults++;
    sim_time.now.wall_ms += ms;
    l->jump_settled = false;
    l->jump_ms = sim_time.now.mono_ms;
}

static void clock_faults(struct life *l)
{
    if (!l->jump_settled || l->bad_ms != 0 || l->loop == NULL)
        return;
    if (odds(l, l->profile.clock_small)) {
        jump(l, (int64_t)draw(&l->seed, 9 * MINUTE_MS) - 4 * MINUTE_MS - MINUTE_MS / 2);
    } else if (odds(l, l->profile.clock_day)) {
        jump(l, (int64_t)draw(&l->seed, DAY_MS));
    } else if (odds(l, l->profile.clock_bad)) {
        int64_t by_ms = one_in(&l->seed, 2)
                            ? 26 * HOUR_MS + (int64_t)draw(&l->seed, 60 * DAY_MS)
                            : -(20 * MINUTE_MS) - (int64_t)draw(&l->seed, 20 * DAY_MS);
        jump(l, by_ms);
        l->bad_ms = by_ms;
        l->bad_until_ms = sim_time.now.mono_ms + 1000 + (int64_t)draw(&l->seed, 4 * MINUTE_MS);
    }
}

static void clock_right(struct life *l)
{
    trace(l, "the clock is right again");
    sim_time.now.wall_ms -= l->bad_ms;
    l->bad_ms = 0;
}

/* Hours in which nothing happens; sometimes until a moment before midnight. */
static void idle(struct life *l)
{
    int64_t ms = (int64_t)draw(&l->seed, one_in(&l->seed, 4) ? 2 * DAY_MS : 3 * HOUR_MS);

    if (l->bad_ms != 0)
        return; /* a jump that stands for two days is believed */
    if (one_in(&l->seed, 3))
        ms = DAY_MS - sim_time.now.wall_ms % DAY_MS - 1 - (int64_t)draw(&l->seed, 50);
    trace(l, "idle for %lld ms", (long long)ms);
    sim_time_pass(ms > 0 ? ms : 1);
    if (l->last_full_ms > 0) /* what was under way still is */
        l->last_full_ms += ms;
}

/* ---- the disk ---- */

static void disk_faults(struct life *l)
{
    int64_t now_ms = sim_time.now.mono_ms;

    if (l->full_until_ms > 0 && now_ms >= l->full_until_ms) {
        trace(l, "there is room again");
        l->full_until_ms = 0;
        sim_disk_full(false);
    }
    if (l->full_until_ms > 0)
        l->last_full_ms = now_ms;
    if (l->calm)
        return;
    if (odds(l, l->profile.full)) {
        trace(l, "the disk is full");
        l->faults++;
        l->full_until_ms = now_ms + 200 + (int64_t)draw(&l->seed, 8000);
        l->last_full_ms = now_ms;
        sim_disk_full(true);
    }
    if (odds(l, l->profile.fail) && l->loop != NULL && !sim_disk_failed()) {
        trace(l, "a call will fail");
        l->faults++;
        sim_disk_fail_at(1 + (uint32_t)draw(&l->seed, 12));
    }
    if (odds(l, l->profile.slow)) {
        trace(l, "the disk is slow");
        l->faults++;
        l->slow_until_ms = now_ms + (int64_t)draw(&l->seed, 8000);
    }
}

void fault_step(struct life *l)
{
    disk_faults(l);
    if (l->bad_ms != 0 && sim_time.now.mono_ms >= l->bad_until_ms)
        clock_right(l);
    if (l->loop == NULL) {
        if (sim_time.now.mono_ms >= l->restart_ms)
            engine_begin(l);
        return;
    }
    if (ingest_degraded(l->ingest) && one_in(&l->seed, 60)) { /* somebody has looked */
        if (one_in(&l->seed, 2))
            clean_stop(l);
        else
            fault_crash(l, one_in(&l->seed, 2));
        return;
    }
    if (l->calm)
        return;
    clock_faults(l);
    if (odds(l, l->profile.idle))
        idle(l);
    if (odds(l, l->profile.crash))
        fault_crash(l, false);
    else if (odds(l, l->profile.power)) /* in the middle of what the disk is doing */
        sim_disk_die_at(1 + (uint32_t)draw(&l->seed, 30));
    else if (odds(l, l->profile.stop))
        clean_stop(l);
}

void fault_calm(struct life *l)
{
    l->calm = true;
    l->slow_until_ms = 0;
    if (l->loop != NULL && sim_disk_failed()) /* whether it has noticed yet or not */
        fault_crash(l, false);
    sim_disk_fail_at(0);
    sim_disk_die_at(0);
    if (l->full_until_ms > 0)
        l->full_until_ms = sim_time.now.mono_ms;
    if (l->bad_ms != 0)
        clock_right(l);
}
