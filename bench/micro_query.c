/* Queries in process: what one question costs on a hot store, without sockets.
 *
 *   micro_query [ROUNDS]
 *
 * An ordinary account (5 apps, 30 days of calls and record events), the largest account that the
 * limits allow (10,000 apps, some with all of 30 days), and an account with 100,000 activity rows.
 * Half of today is still pending. Prints p50, p99 and the longest, in us; no page may hold the loop
 * for 5 ms. */
#include "aggregators/days_test.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/metric.h"
#include "engine/query/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TODAY    20780
#define NOW_MS   (TODAY * MS_PER_DAY + 43200000)

#define ORDINARY 7
#define LARGE    8
#define BUSY     9

struct bench {
    struct store *days;
    struct generation *g;
    uint64_t position;
    struct query_context context;
    struct arena arena;
    struct buf answer;
};

static void must(enum status st, const char *what)
{
    if (st == ST_OK)
        return;
    (void)fprintf(stderr, "micro_query: %s: %s\n", what, status_row(st)->text);
    exit(1);
}

static void fold(struct bench *b, struct event e)
{
    const uint8_t verdict = 0;
    generation_fold(b->g, &(struct fold){&e, &verdict, 1, b->position, NOW_MS});
    generation_advance(b->g, ++b->position);
}

static void fold_day(struct bench *b, uint64_t account, uint64_t app, int32_t day)
{
    const int64_t time_ms = day * MS_PER_DAY + (int64_t)(hash_mix(app) % 43200000);
    for (unsigned i = 0; i < 4; i++)
        fold(b, (struct event){.account = account,
                               .app = app,
                               .time_ms = time_ms + i * 1800000,
                               .count = 3,
                               .kind = EV_API_CALL,
                               .method = METHOD_GET,
                               .status = i ? 200 : 429});
    for (unsigned i = 0; i < 12; i++)
        fold(b, (struct event){.account = account,
                               .app = app,
                               .time_ms = time_ms,
                               .count = 1,
                               .object_type = (1 + i / 4) << 2,
                               .record_hash = hash_mix(i),
                               .kind = (EV_RECORD_CREATED + i % 4) & 255});
}

static void fold_all(struct bench *b, int32_t from, int32_t to)
{
    for (int32_t day = from; day <= to; day++) {
        for (uint64_t app = 1; app <= 5; app++)
            fold_day(b, ORDINARY, app, day);
        for (uint64_t app = 1; app <= 10000; app++)
            fold_day(b, LARGE, app, day);
        for (unsigned i = 0; i < 100000 / 30; i++)
            fold(b, (struct event){.account = BUSY,
                                   .app = 1 + i % 50,
                                   .time_ms = day * MS_PER_DAY + i * 12000,
                                   .user = i % 100,
                                   .has_user = 1,
                                   .count = 1,
                                   .kind = (EV_APP_INSTALLED + i % 9) & 255});
    }
}

static void merge(struct bench *b)
{
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000000};
    must(days_merge_whole(b->days, b->g, &limits, &stats), "cannot merge");
    generation_reset(b->g, generation_end(b->g));
}

static void ask(struct bench *b, const char *question)
{
    struct request r;
    b->context.gens[0] = b->g;
    b->context.gens_n = 1;
    arena_reset(&b->arena);
    request_decode(question, strlen(question), &b->arena, &r);
    query_answer(&b->context, &r, &b->answer);
    CHECK(!b->answer.bad);
}

static const char *const questions[] = {
    "{\"view\":\"records\",\"account\":7,\"app\":3}",
    "{\"view\":\"records\",\"account\":7,\"app\":3,\"group_by\":\"day\"}",
    "{\"view\":\"records\",\"account\":7,\"app\":3,\"group_by\":\"day\",\"fill\":true}",
    "{\"view\":\"api_usage\",\"account\":7,\"app\":3}",
    "{\"view\":\"api_usage\",\"account\":7,\"slot\":\"quarter\"}",
    "{\"view\":\"distinct_records\",\"account\":7,\"app\":3,\"group_by\":[\"day\",\"action\"]}",
    "{\"view\":\"distinct_records\",\"account\":7,\"app\":3,\"total\":\"range\",\"group_by\":"
    "\"action\"}",
    "{\"view\":\"apps\",\"account\":7}",
    "{\"view\":\"records\",\"account\":8}",
    "{\"view\":\"records\",\"account\":8,\"app\":5000}",
    "{\"view\":\"records\",\"account\":8,\"group_by\":\"day\"}",
    "{\"view\":\"records\",\"account\":8,\"group_by\":\"app\"}",
    "{\"view\":\"records\",\"account\":8,\"group_by\":[]}",
    "{\"view\":\"api_usage\",\"account\":8}",
    "{\"view\":\"api_usage\",\"account\":8,\"group_by\":\"app\"}",
    "{\"view\":\"distinct_records\",\"account\":8}",
    "{\"view\":\"apps\",\"account\":8}",
    "{\"view\":\"apps\",\"account\":8,\"app\":5000}",
    "{\"view\":\"activity\",\"account\":9}",
    "{\"view\":\"activity\",\"account\":9,\"limit\":50}",
    "{\"view\":\"activity\",\"account\":9,\"app\":7,\"user\":56}",
    "{\"view\":\"activity\",\"account\":9,\"user\":5,\"app\":1}",
    "{\"view\":\"activity\",\"account\":9,\"order\":\"arrival\",\"limit\":50}",
    "{\"view\":\"connections\",\"account\":9,\"app\":7}",
    "{\"view\":\"usage\",\"account\":7}",
    "{\"view\":\"usage_alerts\",\"account\":7}",
    "{\"view\":\"record_alerts\",\"account\":7}",
    "{\"view\":\"usage\",\"account\":8}",
    "{\"view\":\"usage_alerts\",\"account\":8}",
    "{\"view\":\"record_alerts\",\"account\":8}",
    "{\"view\":\"api_usage\",\"account\":8,\"zone\":\"Asia/Kathmandu\",\"from\":\"2026-11-22\"}",
    "{\"view\":\"schema\"}",
    "{\"view\":\"conservation\"}",
};

static void measure(struct bench *b, const char *question, unsigned rounds)
{
    static struct metric_hist h;
    metric_hist_reset(&h);
    ask(b, question);
    for (unsigned i = 0; i < rounds; i++) {
        const uint64_t start = clock_mono_ns();
        ask(b, question);
        metric_hist_add(&h, clock_mono_ns() - start);
    }
    printf("%8.1f %8.1f %8.1f us %8zu bytes  %s\n", (double)metric_hist_quantile(&h, 5000) / 1e3,
           (double)metric_hist_quantile(&h, 9900) / 1e3, (double)h.max_ns / 1e3, b->answer.n,
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

int main(int argc, char **argv)
{
    struct bench b = {.answer = buf_of(0)};
    char dir[] = "/tmp/daybook-micro-query-XXXXXX", why[256];
    uint64_t rounds = 200;
    if (argc > 1 && text_u64(str_of(argv[1]), &rounds) != ST_OK)
        return 64;
    if (!mkdtemp(dir))
        return 74;
    const struct store_options o = {
        .dir = dir, .tables = days_table_names, .tables_n = DAYS_TABLES_N, .map_bytes = 4ull << 30};
    must(store_open(&o, &b.days, why), "cannot open a store");
    must(days_prepare(b.days, &b.position, why), "cannot prepare it");
    b.g = generation_new(b.position);
    for (int32_t day = TODAY - 29; day < TODAY; day++) {
        fold_all(&b, day, day);
        merge(&b);
    }
    fold_all(&b, TODAY, TODAY);
    merge(&b);
    fold_all(&b, TODAY, TODAY);
    b.context = (struct query_context){.days = b.days, .now_ms = NOW_MS, .floor_day = TODAY - 1000};
    must(query_new(&b.context.query), "no memory");
    printf("     p50      p99  longest\n");
    for (size_t i = 0; i < N_OF(questions); i++)
        measure(&b, questions[i], (unsigned)rounds);
    query_free(&b.context.query);
    generation_free(&b.g);
    arena_fini(&b.arena);
    buf_fini(&b.answer);
    store_close(&b.days);
    remove_dir(dir);
    return 0;
}
