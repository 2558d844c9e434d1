#include "bench/micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aggregators/days_test.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/metric.h"

void must(enum status st, const char *what)
{
    if (st == ST_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, status_row(st)->text);
    exit(1);
}

void micro_fold(struct micro *m, struct event e)
{
    const uint8_t verdict = 0;
    if (e.count == 0)
        e.count = 1;
    generation_fold(m->g, &(struct fold){&e, &verdict, 1, m->position, NOW_MS});
    generation_advance(m->g, ++m->position);
}

void micro_merge(struct micro *m)
{
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000000};
    must(days_merge_whole(m->days, m->g, &limits, &stats), "cannot merge");
    generation_reset(m->g, generation_end(m->g));
}

static void ask(struct micro *m, const char *question)
{
    struct request r;
    m->context.gens[0] = m->g;
    m->context.gens_n = 1;
    arena_reset(&m->arena);
    request_decode(question, strlen(question), &m->arena, &r);
    query_answer(&m->context, &r, &m->answer);
    CHECK(!m->answer.bad);
}

static void measure(struct micro *m, const char *question, unsigned rounds)
{
    static struct metric_hist h;
    metric_hist_reset(&h);
    ask(m, question);
    if (m->answer.n < 20 || memcmp(m->answer.p, "{\"ok\":true", 10) != 0)
        printf("refused: %.*s\n", (int)m->answer.n, (const char *)m->answer.p);
    for (unsigned i = 0; i < rounds; i++) {
        const uint64_t start = clock_mono_ns();
        ask(m, question);
        metric_hist_add(&h, clock_mono_ns() - start);
    }
    printf("%8.1f %8.1f %8.1f us %8zu bytes  %s\n", (double)metric_hist_quantile(&h, 5000) / 1e3,
           (double)metric_hist_quantile(&h, 9900) / 1e3, (double)h.max_ns / 1e3, m->answer.n,
           question);
}

static void remove_dir(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    char path[96];
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

int micro_run(const struct micro_plan *plan, int argc, char **argv)
{
    struct micro m = {.answer = buf_of(0)};
    char dir[64], why[256];
    uint64_t rounds = 200;
    if (argc > 1 && text_u64(str_of(argv[1]), &rounds) != ST_OK)
        return 64;
    text_fmt(dir, sizeof dir, "/tmp/daybook-%s-XXXXXX", plan->name);
    if (!mkdtemp(dir))
        return 74;
    const struct store_options o = {
        .dir = dir, .tables = days_table_names, .tables_n = DAYS_TABLES_N, .map_bytes = 4ull << 30};
    must(store_open(&o, &m.days, why), "cannot open a store");
    must(days_prepare(m.days, &m.position, why), "cannot prepare it");
    m.g = generation_new(m.position);
    plan->fill(&m);
    m.context = (struct query_context){
        .days = m.days, .now_ms = NOW_MS, .floor_day = TODAY - 1000, .popularity = true};
    must(query_new(&m.context.query), "no memory");
    printf("     p50      p99  longest\n");
    for (size_t i = 0; i < plan->questions_n; i++)
        measure(&m, plan->questions[i], (unsigned)rounds);
    query_free(&m.context.query);
    generation_free(&m.g);
    arena_fini(&m.arena);
    buf_fini(&m.answer);
    store_close(&m.days);
    remove_dir(dir);
    return 0;
}
