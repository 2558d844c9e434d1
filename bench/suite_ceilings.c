#include <stdio.h>
#include <unistd.h>

#include "bench/ceilings.h"
#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/check.h"

#define COUNT_ROUNDS 40 /* 10 million events */

static enum status transport(const char *dir, const struct workload *w, const char *name)
{
    char ipc[512];
    text_fmt(ipc, sizeof ipc, "ipc://%s/ceiling.sock", dir);
    const struct {
        const char *what, *endpoint;
    } rows[] = {{"ceiling: dealer/router, ack a batch, tcp", "tcp://127.0.0.1:*"},
                {"ceiling: dealer/router, ack a batch, ipc", ipc}};
    enum status st = ST_OK;
    for (size_t i = 0; i < N_OF(rows) && st == ST_OK; i++) {
        double rate = 0;
        st = ceiling_transport(rows[i].endpoint, w, 4, &rate);
        if (st == ST_OK)
            report(rows[i].what, name, rate, "events/s");
    }
    return st;
}

static enum status of_shape(const char *dir, enum workload_shape shape)
{
    struct workload_options o = {
        .shape = shape, .seed = 1, .batch_events = 500, .producer = "ceiling", .epoch = 1};
    struct workload *w = NULL;
    enum status st = workload_new(&o, &w);
    double cold = 0, hot = 0;
    if (st == ST_OK && shape == WORKLOAD_W)
        st = transport(dir, w, workload_shape_name(shape));
    if (st == ST_OK)
        st = ceiling_count(w, COUNT_ROUNDS, &cold, &hot);
    if (st == ST_OK) {
        report("ceiling: decode and count, growing table", workload_shape_name(shape), cold,
               "events/s");
        report("ceiling: decode and count, table in place", workload_shape_name(shape), hot,
               "events/s");
    }
    workload_free(&w);
    return st;
}

enum status suite_ceilings(const char *dir)
{
    static const struct {
        const char *what;
        size_t bytes;
        unsigned n;
    } syncs[] = {{"ceiling: append 4 KiB + fdatasync", 4096, 2000},
                 {"ceiling: append 1 MiB + fdatasync", 1u << 20, 200}};
    enum status st = of_shape(dir, WORKLOAD_W);
    if (st == ST_OK)
        st = of_shape(dir, WORKLOAD_W1M);
    for (size_t i = 0; i < N_OF(syncs) && st == ST_OK; i++) {
        static struct histogram h;
        h = (struct histogram){0};
        st = ceiling_sync(dir, syncs[i].bytes, syncs[i].n, &h);
        if (st == ST_OK)
            report_latency(syncs[i].what, "-", &h);
    }
    struct histogram trip = {0};
    if (st == ST_OK)
        st = ceiling_round_trip("tcp://127.0.0.1:*", 20000, &trip);
    if (st == ST_OK)
        report_latency("ceiling: dealer/router round trip 64 B, tcp", "-", &trip);
    return st;
}
