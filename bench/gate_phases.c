/* The work that bench/perf_gate counts instructions of: decode, fold, merge and query, each in a
 * function of its own that callgrind names. Everything is seeded and no clock is read, so that two
 * runs of one build differ by less than a thousandth.
 *
 *   gate_phases w|w1m     prints how many events or questions each phase worked on, as JSON */
#include "aggregators/days_test.h"
#include "aggregators/tables.h"
#include "bench/workload.h"
#include "engine/base/check.h"
#include "engine/query/query.h"
#include "schemas/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW_MS        INT64_C(1795600000000) /* 2026-11-25T08:26:40Z */
#define ROUNDS        3                      /* merges: into nothing, then into what is there */
#define ROUND_BATCHES 400
#define BATCH_EVENTS  500
#define QUESTIONS     4000
#define POPULAR       500 /* accounts asked about */

struct run {
    struct workload *w;
    uint8_t *frames; /* of one round */
    size_t *bytes;
    struct arena *arenas;  /* a batch lives in its own */
    struct batch *batches; /* of one round */
    struct store *days;
    struct generation *g;
    uint64_t position;
    struct query_context context;
    struct buf answer;
};

static void must(enum status st, const char *what)
{
    if (st == ST_OK)
        return;
    (void)fprintf(stderr, "gate_phases: %s: %s\n", what, status_row(st)->text);
    exit(1);
}

__attribute__((noinline)) static void phase_decode(struct run *r)
{
    const size_t room = workload_batch_bytes_max(r->w);
    for (unsigned i = 0; i < ROUND_BATCHES; i++) {
        arena_reset(&r->arenas[i]);
        frame_decode(r->frames + i * room, r->bytes[i], &frame_limits_default, &r->arenas[i],
                     &r->batches[i]);
        must(r->batches[i].status, "a batch was not accepted");
    }
}

__attribute__((noinline)) static void phase_fold(struct run *r)
{
    for (unsigned i = 0; i < ROUND_BATCHES; i++) {
        const struct batch *b = &r->batches[i];
        generation_fold(r->g, &(struct fold){b->ev, b->verdict, b->n, r->position, NOW_MS});
        r->position += b->n;
        generation_advance(r->g, r->position);
    }
}

__attribute__((noinline)) static void phase_merge(struct run *r)
{
    const struct days_limits limits = {.activity_rows_max = 1000000};
    struct merge_stats stats;
    must(days_merge_whole(r->days, r->g, &limits, &stats), "the merge failed");
}

__attribute__((noinline)) static void phase_query(struct run *r)
{
    struct arena a = {0};
    char text[128];
    r->context.gens[0] = r->g;
    r->context.gens_n = 1;
    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct request q;
        const uint64_t account = workload_account(r->w, i / 2 % POPULAR);
        text_fmt(text, sizeof text, "{\"view\": \"%s\", \"account\": %llu, \"app\": %llu}",
                 i % 2 ? "records" : "api_usage", (unsigned long long)account,
                 (unsigned long long)workload_app(account, i / 2 % WORKLOAD_APPS));
        arena_reset(&a);
        request_decode(text, strlen(text), &a, &q);
        query_answer(&r->context, &q, &r->answer);
        CHECK(!r->answer.bad);
    }
    arena_fini(&a);
}

static void make_frames(struct run *r, unsigned round)
{
    const size_t room = workload_batch_bytes_max(r->w);
    for (unsigned i = 0; i < ROUND_BATCHES; i++)
        r->bytes[i] = workload_batch(r->w, round * ROUND_BATCHES + i, NOW_MS, r->frames + i * room);
}

static void open_run(struct run *r, enum workload_shape shape, char *dir)
{
    char why[256] = "";
    const struct workload_options wo = {.shape = shape, .seed = 1, .batch_events = BATCH_EVENTS};
    must(workload_new(&wo, &r->w), "no workload");
    r->frames = malloc(ROUND_BATCHES * workload_batch_bytes_max(r->w));
    r->bytes = calloc(ROUND_BATCHES, sizeof *r->bytes);
    r->arenas = calloc(ROUND_BATCHES, sizeof *r->arenas);
    r->batches = calloc(ROUND_BATCHES, sizeof *r->batches);
    CHECK(r->frames && r->bytes && r->arenas && r->batches && mkdtemp(dir));
    const struct store_options so = {
        .dir = dir, .tables = days_table_names, .tables_n = DAYS_TABLES_N, .map_bytes = 1ull << 32};
    must(store_open(&so, &r->days, why), why);
    must(days_prepare(r->days, &r->position, why), why);
    r->g = generation_new(r->position);
    r->context = (struct query_context){
        .days = r->days, .now_ms = NOW_MS, .floor_day = (int32_t)(NOW_MS / MS_PER_DAY) - 1000};
    must(query_new(&r->context.query), "no memory");
    r->answer = buf_of(0);
}

static void close_run(struct run *r, const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    char path[128];
    query_free(&r->context.query);
    generation_free(&r->g);
    store_close(&r->days);
    workload_free(&r->w);
    buf_fini(&r->answer);
    for (unsigned i = 0; i < ROUND_BATCHES; i++)
        arena_fini(&r->arenas[i]);
    free(r->frames);
    free(r->bytes);
    free(r->arenas);
    free(r->batches);
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

int main(int argc, char **argv)
{
    struct run r = {0};
    enum workload_shape shape;
    char dir[] = "/tmp/daybook-gate-XXXXXX";
    if (argc != 2 || workload_shape_of(str_of(argv[1]), &shape) != ST_OK)
        return 64;
    open_run(&r, shape, dir);
    for (unsigned round = 0; round < ROUNDS; round++) {
        make_frames(&r, round);
        phase_decode(&r);
        phase_fold(&r);
        phase_merge(&r);
        generation_reset(r.g, generation_end(r.g));
    }
    phase_query(&r);
    const unsigned events = ROUNDS * ROUND_BATCHES * BATCH_EVENTS;
    printf("{\"decode\": %u, \"fold\": %u, \"merge\": %u, \"query\": %u}\n", events, events, events,
           QUESTIONS);
    close_run(&r, dir);
    return 0;
}
