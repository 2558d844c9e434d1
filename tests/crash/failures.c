/* Every k-th failure: in a life of some thousand events each watched call of the disk
 * (write, sync, open) fails once, in each of its ways. Whatever is answered, after a restart every
 * batch counts once: nothing acknowledged is lost, nothing sent again is doubled, and the day
 * tables pass their audit.
 *
 *   crash_failures [SEED [STEP]]     EIO: all of them; the other ways: every STEPth (8) */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "tests/crash/disk.h"
#include "tests/crash/life.h"

#define BATCHES    24
#define EVENTS     340
#define WINDOW     6
#define ROUNDS_MAX 200
#define CHILDREN   3
#define DEADLINE_S 60

static const char *const names[DISK_FAULTS] = {"EIO", "ENOSPC", "short write", "EINTR"};

/* Send everything that is not acknowledged, in order, until it is or the disk is given up.
 * False: it will not come to an end. */
static bool send_all(struct engine *e, struct life *l)
{
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        uint32_t sent = 0;
        for (uint32_t k = 0; k < l->batches_n && sent < WINDOW; k++) {
            if (l->batch[k].acked)
                continue;
            life_send(e, &l->batch[k]);
            sent++;
        }
        if (sent == 0 || ingest_degraded(e->ingest))
            return true;
        engine_settle(e);
        loop_turn(e->loop, 1);
    }
    return false;
}

static bool one_life(struct engine *e, struct life *l, char why[static 256])
{
    const struct life_state *want = &l->state[l->batches_n];
    enum status st = ST_OK;
    bool fired;

    for (int start = 0; start < 3; start++) {
        st = life_start(e, why);
        if (st != ST_OK)
            continue; /* said so, which is all that it may do */
        if (!send_all(e, l)) {
            text_fmt(why, 256, "batches are refused for ever");
            return false;
        }
        engine_settle(e);
        bool all = !ingest_degraded(e->ingest);
        /* What queries see is right even now. */
        if (all && !life_compare(e, l, want, false, why))
            return false;
        engine_stop(e, true);
        if (all)
            break;
    }
    (void)disk_fail_end(&fired);
    st = life_start(e, why);
    if (st != ST_OK)
        return false;
    bool ok = send_all(e, l) && life_compare(e, l, want, false, why);
    engine_stop(e, true);
    return ok && life_audit(e, want, why);
}

static void options_small(struct engine *e)
{
    engine_new(e);
    e->options.checkpoint_ms = 10;
    e->options.merge_commit_bytes = 24 << 10;
    log_setup(LOG_ERROR, false);
}

/* The calls of a life in which nothing fails. */
static uint32_t count_calls(uint64_t seed, enum disk_fault what)
{
    struct engine e;
    struct life l;
    char why[256] = "";
    bool fired;

    life_new(&l, &(struct life_shape){seed, BATCHES, EVENTS, false});
    options_small(&e);
    disk_fail(e.scratch.dir, what, 0);
    CHECK(life_start(&e, why) == ST_OK);
    CHECK(send_all(&e, &l));
    engine_settle(&e);
    engine_stop(&e, true);
    uint32_t n = disk_fail_end(&fired);
    printf("%s: %llu events, %u calls\n", names[what],
           (unsigned long long)l.state[l.batches_n].received, n);
    (void)fflush(stdout);
    engine_free(&e);
    life_free(&l);
    return n;
}

_Noreturn static void judge(uint64_t seed, enum disk_fault what, uint32_t nth)
{
    struct engine e;
    struct life l;
    char why[256] = "";

    (void)alarm(DEADLINE_S);
    CHECK(freopen("/dev/null", "w", stderr) != NULL); /* the engine's own words */
    life_new(&l, &(struct life_shape){seed, BATCHES, EVENTS, false});
    options_small(&e);
    disk_fail(e.scratch.dir, what, nth);
    bool ok = one_life(&e, &l, why);
    if (!ok)
        printf("seed %llu, %s at call %u: %s\n", (unsigned long long)seed, names[what], nth, why);
    (void)fflush(stdout);
    scratch_free(&e.scratch);
    _exit(ok ? 0 : 1);
}

static uint32_t reap(uint32_t *children, uint32_t leave)
{
    uint32_t bad = 0;

    for (; *children > leave; --*children) {
        int status = 0;
        CHECK(wait(&status) > 0);
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (WIFSIGNALED(status))
            printf("ended by signal %d\n", WTERMSIG(status));
    }
    return bad;
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, step = 8;
    uint32_t bad = 0, runs = 0, children = 0;

    CHECK(argc < 2 || text_u64(str_of(argv[1]), &seed) == ST_OK);
    CHECK(argc < 3 || (text_u64(str_of(argv[2]), &step) == ST_OK && step > 0));
    life_use_memory();
    for (enum disk_fault what = DISK_EIO; what < DISK_FAULTS; what++) {
        uint32_t calls_n = count_calls(seed, what);
        for (uint32_t nth = 1; nth <= calls_n;
             nth += what == DISK_EIO ? 1 : (uint32_t)step, runs++) {
            (void)fflush(stdout);
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0)
                judge(seed, what, nth);
            children++;
            bad += reap(&children, CHILDREN - 1);
        }
        bad += reap(&children, 0);
    }
    printf("%u runs, %u violations\n", runs, bad);
    return bad == 0 ? 0 : 1;
}
