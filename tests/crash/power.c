/* Power loss (promise 4). A life of an engine is recorded: batches with numbers and ids, repeats,
 * checkpoints in parts, purges, trims, restarts. Then, for random instants of it, the disk that a
 * power cut may leave is made up: every write that was made durable, and any part of the others,
 * torn between sectors. The engine must open it as it is, hold exactly the first k batches, at
 * least those acknowledged by then, and go on from there.
 *
 *   crash_power [IMAGES [SEED]]     2,000 images; then the harness proves itself: with the syncs of
 *                                   data, or of the meta page, coming late it must find violations
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aggregators/days.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "tests/crash/disk.h"
#include "tests/crash/image.h"
#include "tests/crash/life.h"

#define IMAGES_DEFAULT  2000
#define IMAGES_A_LIFE   100
#define IMAGES_OF_PROOF 400 /* a disk that lies must be caught within so many */
#define BATCHES         150
#define GO_ON           4 /* batches sent to what an image has become */
#define PHASES          3
#define PURGE_ROWS      10
#define CHILDREN        3 /* they wait for one another's threads more than they work */
#define DEADLINE_S      60

static void options_small(struct engine *e)
{
    engine_new(e);
    e->options.checkpoint_ms = 3;
    e->options.merge_commit_bytes = 6 << 10;
    e->options.rejected_max = 20;
    log_setup(LOG_ERROR, false);
}

/* ---- the life ---- */

static void must_start(struct engine *e)
{
    char why[256];

    if (life_start(e, why) != ST_OK) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
}

static void purge_between(struct engine *e, const struct life *l)
{
    struct store *days = scratch_days(&e->scratch, UINT64_C(64) << 20);
    bool more = true;

    for (uint32_t i = 0; more && i < 1000; i++)
        CHECK(days_purge(days, l->today - LIFE_DAYS + 1, PURGE_ROWS, &more) == ST_OK);
    store_close(&days);
}

static void record_life(struct life *l, uint64_t *seed, struct disk_log *out)
{
    struct engine e;
    uint32_t k = 0;
    char why[256];

    options_small(&e);
    disk_record(e.scratch.dir);
    for (uint32_t phase = 1; phase <= PHASES; phase++) {
        must_start(&e);
        while (k < l->batches_n * phase / PHASES) {
            uint32_t window = 1 + (uint32_t)draw(seed, 6);
            for (; window > 0 && k < l->batches_n * phase / PHASES; window--)
                life_send(&e, &l->batch[k++]);
            loop_turn(e.loop, (int)draw(seed, 2));
            if (draw(seed, 3) == 0)
                engine_settle(&e);
        }
        engine_settle(&e);
        CHECK(l->answers == k);
        if (!life_compare(&e, l, &l->state[k], true, why)) {
            fprintf(stderr, "with no power loss at all: %s\n", why);
            abort();
        }
        engine_stop(&e, phase % 2 == 1);
        if (phase == 2)
            purge_between(&e, l);
    }
    disk_taken(out);
    engine_free(&e);
}

/* ---- one image ---- */

static bool go_on(struct engine *e, struct life *l, uint32_t k, char why[static 256])
{
    uint32_t to = k + GO_ON < l->batches_n ? k + GO_ON : l->batches_n;

    for (uint32_t i = k; i < to; i++)
        life_send(e, &l->batch[i]);
    engine_settle(e);
    if (!life_compare(e, l, &l->state[to], true, why))
        return false;
    engine_stop(e, true);
    if (!life_audit(e, &l->state[to], why) || life_start(e, why) != ST_OK)
        return false;
    bool same = life_compare(e, l, &l->state[to], true, why);
    engine_stop(e, false);
    return same;
}

static bool holds(struct engine *e, struct life *l, const struct image_moment *at,
                  char why[static 256])
{
    char detail[200];

    if (life_start(e, why) != ST_OK)
        return false;
    struct ingest_status s = status_of(e);
    uint64_t k = s.counters.batches + sum_of(s.counters.batches_refused);
    if (k < at->acked || k > at->submitted) {
        text_fmt(why, 256, "it holds %llu batches; %u were acknowledged, %u submitted",
                 (unsigned long long)k, at->acked, at->submitted);
        return false;
    }
    if (life_compare(e, l, &l->state[k], true, why) && go_on(e, l, (uint32_t)k, why))
        return true;
    text_fmt(detail, sizeof detail, "%s", why);
    text_fmt(why, 256, "after %llu batches: %s", (unsigned long long)k, detail);
    return false;
}

/* ---- many ---- */

struct run {
    uint64_t seed; /* of the life under way; the first one's at the start */
    uint32_t images_n;
    enum image_syncs syncs;
    bool to_first; /* stop at the first violation, quietly */
    uint32_t done, bad;
    uint32_t children; /* at work */
};

/* In a process of its own: a damaged store may be the end of it. */
_Noreturn static void judge_image(struct life *l, const struct image *im, const struct run *r)
{
    struct engine e;
    char why[256] = "";

    (void)alarm(DEADLINE_S);
    options_small(&e);
    image_write(im, e.scratch.dir);
    bool ok = holds(&e, l, &im->at, why);
    if (!ok)
        fprintf(stderr, "violation: seed %llu, image %u at event %u of %u: %s\n",
                (unsigned long long)r->seed, r->done, im->next, im->log->n, why);
    scratch_free(&e.scratch);
    _exit(ok ? 0 : 1);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void reap(struct run *r, uint32_t leave)
{
    for (; r->children > leave; r->children--) {
        int status = 0;
        CHECK(wait(&status) > 0);
        r->bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (WIFSIGNALED(status) && !r->to_first)
            fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
    }
}

static void judge(struct run *r, struct life *l, const struct image *im)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        if (r->to_first)
            CHECK(freopen("/dev/null", "w", stderr) != NULL);
        judge_image(l, im, r);
    }
    r->children++;
    reap(r, r->to_first ? 0 : CHILDREN - 1);
}

static void images_of(struct run *r, struct life *l, const struct disk_log *log, uint64_t seed)
{
    struct image im;
    uint32_t n = r->images_n - r->done < IMAGES_A_LIFE ? r->images_n - r->done : IMAGES_A_LIFE;
    uint32_t *instants = calloc(n, sizeof *instants);

    CHECK(instants != NULL);
    for (uint32_t i = 0; i < n; i++)
        instants[i] = image_instant(log, &seed, i, n);
    qsort(instants, n, sizeof *instants, ascending);
    image_new(&im, log, r->syncs);
    for (uint32_t i = 0; i < n && !(r->to_first && r->bad > 0); i++, r->done++) {
        image_advance(&im, instants[i]);
        image_make(&im, &seed);
        judge(r, l, &im);
    }
    reap(r, 0);
    image_free(&im);
    free(instants);
}

static void run(struct run *r)
{
    uint64_t events = 0;

    for (; r->done < r->images_n && !(r->to_first && r->bad > 0); r->seed++) {
        struct life l;
        struct disk_log log;
        uint64_t draws = r->seed;

        life_new(&l, &(struct life_shape){r->seed, BATCHES, 30, true});
        record_life(&l, &draws, &log);
        events += log.n;
        images_of(r, &l, &log, draws);
        disk_log_free(&log);
        life_free(&l);
    }
    printf("%s: %u images, %u violations; %llu writes, syncs and marks recorded\n",
           image_syncs_names[r->syncs], r->done, r->bad, (unsigned long long)events);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t images_n = IMAGES_DEFAULT, seed = 1;

    CHECK(argc < 2 || text_u64(str_of(argv[1]), &images_n) == ST_OK);
    CHECK(argc < 3 || text_u64(str_of(argv[2]), &seed) == ST_OK);
    life_use_memory();
    struct run honest = {.seed = seed, .images_n = (uint32_t)images_n, .syncs = IMAGE_HONEST};
    run(&honest);
    bool ok = honest.bad == 0;
    for (enum image_syncs lie = IMAGE_HONEST + 1; lie < IMAGE_SYNCS; lie++) {
        struct run r = {.seed = seed, .images_n = IMAGES_OF_PROOF, .syncs = lie, .to_first = true};
        run(&r);
        ok &= r.bad > 0;
    }
    return ok ? 0 : 1;
}
