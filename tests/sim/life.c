#include "tests/sim/life.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/sim/scratch.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_time.h"
#include "tests/sim/sim_worker.h"
#include "tests/sim/workload.h"

#define START_MS    INT64_C(1785500000000) /* some day of 2026 */
#define MARGIN_DAYS 36                     /* before the first day: as old as events may be */
#define STEPS_MAX   30000
#define CALM_MS     60000 /* everything is acknowledged so long after the last fault */

/* ---- what a life says ---- */

static void note(struct life *l, const char *text)
{
    l->digest = hash_mix(l->digest * 31 + hash64(text, strlen(text)));
    if (l->trace)
        printf("%10lld  %s\n", (long long)sim_time.now.mono_ms, text);
}

void trace(struct life *l, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    note(l, text);
}

void violate(struct life *l, const char *fmt, ...)
{
    va_list args;

    if (l->bad)
        return;
    va_start(args, fmt);
    (void)vsnprintf(l->why, sizeof l->why, fmt, args);
    va_end(args);
    l->bad = true;
    note(l, l->why);
}

/* ---- time ---- */

/* Both writers draw from here; a slow disk is what makes the days writer fall behind. */
static void delays(void *arg, int64_t *begin_ms, int64_t *done_ms)
{
    struct life *l = arg;
    bool slow = sim_time.now.mono_ms < l->slow_until_ms;

    *begin_ms = (int64_t)draw(&l->seed, slow ? 1000 : 3);
    *done_ms = (int64_t)draw(&l->seed, slow ? 3000 : 4);
}

static int64_t step_ms(struct life *l)
{
    switch (draw(&l->seed, 16)) {
    case 0:
        return (int64_t)draw(&l->seed, 1000);
    case 1:
    case 2:
        return (int64_t)draw(&l->seed, 100);
    default:
        return (int64_t)draw(&l->seed, 8);
    }
}

static void note_today(struct life *l)
{
    int32_t first = model_day(sim_time.now.wall_ms) - (VISIBLE - 1) - 2;

    if (l->bad_ms == 0 && first > l->purged_day)
        l->purged_day = first;
}

static void step(struct life *l)
{
    l->steps++;
    sim_time_pass(step_ms(l));
    fault_step(l);
    note_today(l);
    publish_step(l);
    (void)sim_workers_step();
    if (sim_disk_dead())
        fault_crash(l, one_in(&l->seed, 2));
    if (l->loop == NULL || l->bad)
        return;
    loop_turn(l->loop, 0);
    if (!l->calm && odds(l, l->profile.query))
        check_some(l);
}

/* ---- life ---- */

static void begin(struct life *l, uint64_t seed, bool with_trace)
{
    *l = (struct life){.seed_given = seed, .seed = hash_mix(seed), .trace = with_trace};
    sim_time = (struct sim_time){0};
    sim_time.now.wall_ms = START_MS + (int64_t)draw(&l->seed, 3 * DAY_MS);
    sim_time.now.mono_ms = 1000000;
    sim_time.now.boot_ms = 2000000;
    l->model.first_day = model_day(sim_time.now.wall_ms) - MARGIN_DAYS;
    l->model.s.position = 1;
    fault_profile(l);
    scratch_make(l->dir, sizeof l->dir);
    sim_disk_new(l->dir);
    sim_workers.delays = delays;
    sim_workers.arg = l;
    CHECK(query_new(&l->query) == ST_OK);
    engine_begin(l);
}

static void say_stuck(struct life *l)
{
    struct ingest_status s = {0};

    if (l->loop != NULL)
        ingest_status(l->ingest, &s);
    violate(l,
            "not everything is acknowledged a minute after the last fault: up %d, paused %d, busy "
            "%d, degraded %d, pending %llu, journal %llu, unsaved %llu",
            l->loop != NULL, s.paused, s.busy, s.degraded, (unsigned long long)s.pending_bytes,
            (unsigned long long)s.journal_bytes, (unsigned long long)s.events_unsaved);
}

/* Once the faults are over everything has to come right, and soon. */
static void come_right(struct life *l)
{
    fault_calm(l);
    int64_t until_ms = sim_time.now.mono_ms + CALM_MS;

    while (!l->bad && !(publish_is_done(l) && l->loop != NULL && ingest_idle(l->ingest))) {
        step(l);
        if (sim_time.now.mono_ms > until_ms)
            say_stuck(l);
    }
}

static void once_each(struct life *l)
{
    for (const struct sim_batch *b = l->batches; b != NULL; b = b->next)
        if (b->numbered && !b->forged && (b->applied > 1 || (b->acked && b->applied != 1)))
            violate(l, "producer %u epoch %llu seq %llu: counted %u times", b->producer,
                    (unsigned long long)b->epoch, (unsigned long long)b->seq, b->applied);
}

static void end(struct life *l)
{
    if (!l->bad) {
        check_all(l);
        once_each(l);
    }
    if (l->loop != NULL)
        engine_end(l, l->bad);
    if (!l->bad)
        check_audit(l);
    sim_workers.dead = true;
    l->digest = hash_mix(l->digest ^ sim_disk_digest());
    query_free(&l->query);
    batches_free(&l->batches);
    sim_disk_free();
    scratch_remove(l->dir);
}

bool life_run(struct life *l, uint64_t seed, bool with_trace)
{
    begin(l, seed, with_trace);
    while (!l->bad && l->steps < STEPS_MAX &&
           !(l->made_n >= l->profile.batches && publish_is_done(l)))
        step(l);
    if (!l->bad)
        come_right(l);
    end(l);
    return !l->bad;
}
