/* How the rate moves with what surrounds the engine: the transport, the number of publishers, the
 * number of accounts. Each figure has a daemon of its own with fresh data. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define PUBLISHERS_MAX 16
#define SPREAD_S       8 /* of each figure */

struct load {
    pthread_t thread;
    struct workload *workload;
    struct publisher *publisher;
    char producer[24];
    uint64_t stop_ns;
    enum status st;
};

static void *load_main(void *arg)
{
    struct load *l = arg;
    l->st = publisher_run(l->publisher, UINT64_MAX, l->stop_ns, 0);
    return NULL;
}

static enum status load_open(struct load *l, const struct bench *b, unsigned i, uint32_t accounts)
{
    text_fmt(l->producer, sizeof l->producer, "bench-%u", i);
    const struct workload_options o = {.shape = b->shape,
                                       .seed = 100 + i,
                                       .batch_events = 500,
                                       .producer = l->producer,
                                       .epoch = (uint64_t)clock_now().wall_ms,
                                       .accounts = accounts};
    l->publisher = calloc(1, sizeof *l->publisher);
    enum status st = l->publisher ? workload_new(&o, &l->workload) : ST_NO_MEMORY;
    const struct publisher_options p = {.zmq = b->zmq,
                                        .endpoint = b->daemon.ingest,
                                        .workload = l->workload,
                                        .window = PUBLISHER_WINDOW};
    return st == ST_OK ? publisher_open(l->publisher, &p) : st;
}

static void load_close(struct load *l)
{
    if (l->publisher)
        publisher_close(l->publisher);
    free(l->publisher);
    workload_free(&l->workload);
}

/* Run n publishers for SPREAD_S and wait until all of it is covered. */
static enum status run_loads(struct bench *b, struct load *loads, unsigned n, uint64_t *events,
                             double *seconds)
{
    struct engine_status s;
    const uint64_t start = clock_mono_ns();
    enum status st = ST_OK;
    unsigned started = 0;
    for (; started < n && st == ST_OK; started++) {
        loads[started].stop_ns = start + SPREAD_S * UINT64_C(1000000000);
        if (pthread_create(&loads[started].thread, NULL, load_main, &loads[started]) != 0) {
            st = ST_NO_MEMORY;
            break;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(loads[i].thread, NULL);
        st = st == ST_OK ? loads[i].st : st;
        *events += loads[i].publisher->acked * workload_batch_events(loads[i].workload);
    }
    if (st == ST_OK)
        st = ask_until_covered(&b->ask, &s);
    *seconds = (double)(clock_mono_ns() - start) / 1e9;
    if (st == ST_OK && s.accepted != *events) {
        report_note("WRONG: accepted %llu of %llu events", (unsigned long long)s.accepted,
                    (unsigned long long)*events);
        st = ST_INTERNAL;
    }
    return st;
}

static void report_run(const struct bench *b, const char *what, uint64_t events, double seconds)
{
    char text[128];
    const double n = (double)events;
    text_fmt(text, sizeof text, "%s: rate", what);
    report(text, b->name, n / seconds, "events/s");
    text_fmt(text, sizeof text, "%s: bytes written", what);
    report(text, b->name, (double)daemon_written(&b->daemon) / n, "bytes/event");
    text_fmt(text, sizeof text, "%s: engine's processor time", what);
    report(text, b->name, daemon_cpu_s(&b->daemon) * 1e9 / n, "ns/event");
}

/* Latencies of all publishers together. */
static void report_acks(const struct bench *b, const char *what, const struct load *loads,
                        unsigned n)
{
    char text[128];
    static struct histogram all;
    all = (struct histogram){0};
    for (unsigned i = 0; i < n; i++) {
        const struct histogram *h = &loads[i].publisher->latency;
        for (unsigned k = 0; k < HISTOGRAM_BUCKETS; k++)
            all.n[k] += h->n[k];
        all.total += h->total;
        all.max_ns = h->max_ns > all.max_ns ? h->max_ns : all.max_ns;
    }
    text_fmt(text, sizeof text, "%s: ack latency, windows full", what);
    report_latency(text, b->name, &all);
}

static enum status one(struct bench *b, const char *what, unsigned n, uint32_t accounts)
{
    struct load loads[PUBLISHERS_MAX] = {0};
    uint64_t events = 0;
    double seconds = 1;
    CHECK(n <= PUBLISHERS_MAX);
    enum status st = bench_open(b);
    for (unsigned i = 0; i < n && st == ST_OK; i++)
        st = load_open(&loads[i], b, i, accounts);
    if (st == ST_OK)
        st = run_loads(b, loads, n, &events, &seconds);
    if (st == ST_OK) {
        report_run(b, what, events, seconds);
        report_acks(b, what, loads, n);
    }
    for (unsigned i = 0; i < n; i++)
        load_close(&loads[i]);
    bench_close(b);
    return st;
}

enum status suite_publishers(struct bench *b)
{
    static const unsigned counts[] = {1, 4, 16};
    char ipc[600], what[64];
    enum status st = ST_OK;
    text_fmt(ipc, sizeof ipc, "ipc://%s/ingest.sock", b->daemon.dir);
    for (unsigned t = 0; t < 2; t++) {
        b->daemon.listen = t == 0 ? NULL : ipc;
        for (size_t i = 0; i < N_OF(counts) && st == ST_OK; i++) {
            text_fmt(what, sizeof what, "%s, publishers: %u", t == 0 ? "tcp" : "ipc", counts[i]);
            st = one(b, what, counts[i], 0);
        }
    }
    b->daemon.listen = NULL;
    return st;
}

enum status suite_accounts(struct bench *b)
{
    static const uint32_t counts[] = {10000, 100000, 1000000, 10000000};
    char what[64];
    enum status st = ST_OK;
    for (size_t i = 0; i < N_OF(counts) && st == ST_OK; i++) {
        text_fmt(what, sizeof what, "accounts: %u", counts[i]);
        st = one(b, what, 1, counts[i]);
    }
    return st;
}
