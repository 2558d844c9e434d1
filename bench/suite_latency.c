#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/ceilings.h"
#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/clock.h"

#define IDLE_QUERIES    5000
#define LOADED_S        15
#define LOADED_PAUSE_US 4000
#define LONE_BATCHES    1000
#define WARM_UP         100
#define POPULAR         1000 /* accounts asked about */

/* The i-th question: 30 days of one app, half of them records and half API calls. */
static void question(const struct bench *b, unsigned i, char *to, size_t cap)
{
    uint64_t account = workload_account(b->workload, i / 2 % POPULAR);
    text_fmt(to, cap, "{\"view\": \"%s\", \"account\": %llu, \"app\": %llu}",
             i % 2 ? "records" : "api_usage", (unsigned long long)account,
             (unsigned long long)workload_app(account, i / 2 % WORKLOAD_APPS));
}

enum status suite_query_idle(struct bench *b)
{
    char text[256];
    struct histogram warm = {0}, *h = calloc(1, sizeof *h);
    enum status st = h ? ST_OK : ST_NO_MEMORY;
    for (unsigned i = 0; i < IDLE_QUERIES + WARM_UP && st == ST_OK; i++) {
        question(b, i, text, sizeof text);
        st = ask_timed(&b->ask, text, i < WARM_UP ? &warm : h);
    }
    if (st == ST_OK)
        report_latency("30-day view of one app, idle", b->name, h);
    free(h);
    return st;
}

struct asker {
    struct bench *bench;
    struct histogram latency;
    enum status st;
    atomic_bool stop;
};

static void *asker_main(void *arg)
{
    struct asker *k = arg;
    struct ask ask;
    char text[256];
    k->st = ask_open(&ask, k->bench->zmq, k->bench->daemon.query);
    for (unsigned i = 0; k->st == ST_OK && !atomic_load(&k->stop); i++) {
        question(k->bench, i, text, sizeof text);
        k->st = ask_timed(&ask, text, &k->latency);
        usleep(LOADED_PAUSE_US);
    }
    ask_close(&ask);
    return NULL;
}

enum status suite_query_loaded(struct bench *b)
{
    struct asker *k = calloc(1, sizeof *k);
    pthread_t thread;
    if (!k)
        return ST_NO_MEMORY;
    k->bench = b;
    enum status st = pthread_create(&thread, NULL, asker_main, k) == 0 ? ST_OK : ST_NO_MEMORY;
    if (st == ST_OK) {
        st = publisher_run(b->publisher, UINT64_MAX,
                           clock_mono_ns() + LOADED_S * UINT64_C(1000000000), 0);
        atomic_store(&k->stop, true);
        pthread_join(thread, NULL);
        st = st == ST_OK ? k->st : st;
    }
    if (st == ST_OK)
        report_latency("30-day view of one app, under full ingest", b->name, &k->latency);
    free(k);
    return st;
}

enum status suite_lone(struct bench *b)
{
    struct workload_options o = {.shape = b->shape,
                                 .seed = 2,
                                 .batch_events = 1,
                                 .producer = "lone",
                                 .epoch = (uint64_t)clock_now().wall_ms};
    struct workload *w = NULL;
    struct publisher *p = calloc(1, sizeof *p);
    struct histogram *sync = calloc(1, sizeof *sync), *trip = calloc(1, sizeof *trip);
    enum status st = p && sync && trip ? workload_new(&o, &w) : ST_NO_MEMORY;
    struct publisher_options po = {b->zmq, b->daemon.ingest, w, 1, 0};
    if (st == ST_OK)
        st = publisher_open(p, &po);
    if (st == ST_OK)
        st = publisher_run(p, WARM_UP, 0, 0);
    if (st == ST_OK) {
        p->latency = (struct histogram){0};
        st = publisher_run(p, WARM_UP + LONE_BATCHES, 0, 0);
    }
    if (st == ST_OK)
        st = ceiling_sync(b->daemon.dir, 4096, LONE_BATCHES, sync);
    if (st == ST_OK)
        st = ceiling_round_trip("tcp://127.0.0.1:*", 5000, trip);
    if (st == ST_OK) {
        double lone = (double)histogram_quantile(&p->latency, .5);
        double floor = (double)histogram_quantile(trip, .5),
               one = (double)histogram_quantile(sync, .5);
        report_latency("ack of a lone 1-event batch, idle", b->name, &p->latency);
        report("  = one round trip and so many fdatasyncs", b->name, (lone - floor) / one, "");
    }
    if (p)
        publisher_close(p);
    free(p);
    free(sync);
    free(trip);
    workload_free(&w);
    return st;
}
