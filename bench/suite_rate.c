#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "bench/model.h"
#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define NS_PER_S        UINT64_C(1000000000)
#define CHECKPOINTS_MIN 10
#define MORE_S          10 /* added while there were too few checkpoints */
#define PACED_S         20

enum status bench_open(struct bench *b)
{
    struct workload_options o = {.shape = b->shape,
                                 .seed = 1,
                                 .batch_events = 500,
                                 .producer = "bench",
                                 .epoch = (uint64_t)clock_now().wall_ms};
    b->name = workload_shape_name(b->shape);
    b->publisher = calloc(1, sizeof *b->publisher);
    b->zmq = zmq_ctx_new();
    enum status st = b->publisher && b->zmq ? workload_new(&o, &b->workload) : ST_NO_MEMORY;
    daemon_wipe(&b->daemon);
    if (st == ST_OK)
        st = daemon_start(&b->daemon);
    if (st != ST_OK) {
        report_note("%s: %s (%s)", b->daemon.binary, status_row(st)->text, b->daemon.log_path);
        return st;
    }
    struct publisher_options p = {b->zmq, b->daemon.ingest, b->workload, PUBLISHER_WINDOW, 0};
    st = publisher_open(b->publisher, &p);
    return st == ST_OK ? ask_open(&b->ask, b->zmq, b->daemon.query) : st;
}

void bench_close(struct bench *b)
{
    ask_close(&b->ask);
    if (b->publisher)
        publisher_close(b->publisher);
    free(b->publisher);
    b->publisher = NULL;
    (void)daemon_end(&b->daemon, SIGTERM);
    workload_free(&b->workload);
    if (b->zmq)
        zmq_ctx_term(b->zmq);
    b->zmq = NULL;
}

static enum status publish(struct bench *b, uint64_t seconds, uint64_t rate)
{
    uint64_t stop = clock_mono_ns() + seconds * NS_PER_S;
    enum status st = publisher_run(b->publisher, UINT64_MAX, stop, rate);
    if (st != ST_OK)
        report_note("publisher: %s", b->publisher->why);
    return st;
}

static void report_engine(const struct bench *b, const struct engine_status *s)
{
    uint64_t resident = 0, anonymous = 0;
    daemon_memory(&b->daemon, &resident, &anonymous);
    report("memory without the mapped store", b->name, (double)anonymous / 1048576, "MiB");
    report("memory with the mapped store", b->name, (double)resident / 1048576, "MiB");
    report("files of both stores", b->name, (double)s->file_bytes / 1048576, "MiB");
    report("group commit p50", b->name, (double)s->commit_p50_us, "us");
    report("group commit p99", b->name, (double)s->commit_p99_us, "us");
    report("merge p50", b->name, (double)s->merge_p50_us, "us");
    report("merge p99", b->name, (double)s->merge_p99_us, "us");
}

enum status suite_rate(struct bench *b)
{
    struct publisher *p = b->publisher;
    struct engine_status before, after;
    enum status st = ask_status(&b->ask, &before);
    uint64_t start = clock_mono_ns(), first = p->acked;
    if (st == ST_OK)
        st = publish(b, b->seconds, 0);
    if (st == ST_OK)
        st = ask_status(&b->ask, &after);
    while (st == ST_OK && after.checkpoints - before.checkpoints < CHECKPOINTS_MIN) {
        st = publish(b, MORE_S, 0);
        if (st == ST_OK)
            st = ask_status(&b->ask, &after);
    }
    if (st == ST_OK)
        st = ask_until_covered(&b->ask, &after);
    if (st != ST_OK)
        return st;
    double seconds = (double)(clock_mono_ns() - start) / 1e9;
    uint64_t events = (p->acked - first) * workload_batch_events(b->workload);
    b->rate = (uint64_t)((double)events / seconds);
    report("END TO END, until a checkpoint covers it", b->name, (double)b->rate, "events/s");
    report("  over", b->name, seconds, "s");
    report("  events", b->name, (double)events, "events");
    report("  checkpoints", b->name, (double)(after.checkpoints - before.checkpoints), "");
    report("  batches refused as busy", b->name, (double)p->busy, "");
    report_latency("  ack latency, window of 1,024 full", b->name, &p->latency);
    report_engine(b, &after);
    if (after.accepted - before.accepted != events || after.duplicate != before.duplicate) {
        report_note("WRONG: accepted %llu of %llu events", (unsigned long long)after.accepted,
                    (unsigned long long)events);
        return ST_INTERNAL;
    }
    return ST_OK;
}

enum status suite_paced(struct bench *b, uint64_t rate, const char *what)
{
    b->publisher->latency = (struct histogram){0};
    uint64_t start = clock_mono_ns(), first = b->publisher->acked;
    enum status st = publish(b, PACED_S, rate);
    if (st != ST_OK)
        return st;
    double seconds = (double)(b->publisher->last_ack_ns - start) / 1e9;
    uint64_t events = (b->publisher->acked - first) * workload_batch_events(b->workload);
    char text[96];
    text_fmt(text, sizeof text, "ack latency at %s (%.2f M events/s)", what,
             (double)events / seconds / 1e6);
    report_latency(text, b->name, &b->publisher->latency);
    return ST_OK;
}

/* ---- check ---- */

/* Sum of a column over the rows of an answer. */
static uint64_t sum(const json_t *answer, const char *column)
{
    uint64_t n = 0;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(json_object_get(answer, "data"), "rows"), i, row) n +=
        (uint64_t)json_integer_value(json_object_get(row, column));
    return n;
}

static enum status compare(struct bench *b, const char *question, const char *column,
                           uint64_t wanted)
{
    json_t *answer = NULL;
    enum status st = ask_json(&b->ask, question, &answer);
    if (st != ST_OK)
        return st;
    uint64_t have = sum(answer, column);
    json_decref(answer);
    if (have == wanted)
        return ST_OK;
    report_note("WRONG: %s: %s is %llu, the model has %llu", question, column,
                (unsigned long long)have, (unsigned long long)wanted);
    return ST_INTERNAL;
}

static enum status compare_account(struct bench *b, const struct model *m, uint64_t account)
{
    static const struct {
        const char *column;
        uint16_t what;
    } columns[] = {{"calls", MODEL_CALLS}, {"errors", MODEL_ERRORS}, {"limited", MODEL_LIMITED}};
    static const char *const actions[] = {"created", "updated", "deleted", "merged"};
    char question[256];
    enum status st = ST_OK;
    struct model_key k = {.account = account, .day = INT32_MIN};
    for (size_t i = 0; i < N_OF(columns) && st == ST_OK; i++) {
        text_fmt(question, sizeof question,
                 "{\"view\": \"api_usage\", \"account\": %llu, \"kind\": \"all\", \"group_by\": "
                 "\"app\"}",
                 (unsigned long long)account);
        k.what = columns[i].what;
        st = compare(b, question, columns[i].column, model_sum(m, &k));
    }
    for (uint16_t i = 0; i < N_OF(actions) && st == ST_OK; i++) {
        text_fmt(
            question, sizeof question,
            "{\"view\": \"records\", \"account\": %llu, \"action\": \"%s\", \"group_by\": \"app\"}",
            (unsigned long long)account, actions[i]);
        k.what = (uint16_t)(10 + i);
        st = compare(b, question, "count", model_sum(m, &k));
    }
    return st;
}

enum status suite_verify(struct bench *b)
{
    const uint64_t every = workload_accounts(b->workload) / 40 + 1;
    struct model m = {.account_one_in = every};
    uint8_t *batch = malloc(workload_batch_bytes_max(b->workload));
    enum status st = batch ? ST_OK : ST_NO_MEMORY;
    CHECK(b->publisher->record);
    for (uint64_t i = 0; i < b->publisher->made && st == ST_OK; i++) {
        size_t n = workload_batch(b->workload, i, b->publisher->made_ms[i], batch);
        st = model_add(&m, batch, n);
    }
    unsigned accounts = 0;
    for (uint64_t a = every; a <= workload_accounts(b->workload) && st == ST_OK;
         a += every, accounts++)
        st = compare_account(b, &m, a);
    if (st == ST_OK)
        report_note("  checked: %u accounts agree with the slow counter over %llu events", accounts,
                    (unsigned long long)m.events);
    model_fini(&m);
    free(batch);
    return st;
}
