#include <signal.h>
#include <stdlib.h>

#include "bench/model.h"
#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define SIZE_BATCHES 20000                 /* 10 million events */
#define JOURNAL_AIM  (UINT64_C(250) << 20) /* frames sent: no checkpoint may come in between */

/* Buckets: (account, app, day) of API calls and (account, app, day, type, action) of records. */
static uint64_t buckets_of(const struct model *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->cap; i++) {
        uint16_t what = m->rows[i].key.what;
        n += m->rows[i].n > 0 && what != MODEL_ERRORS && what != MODEL_LIMITED;
    }
    return n;
}

static enum status count_buckets(const struct bench *b, uint64_t *out)
{
    struct model m = {0};
    uint8_t *batch = malloc(workload_batch_bytes_max(b->workload));
    enum status st = batch ? ST_OK : ST_NO_MEMORY;
    for (uint64_t i = 0; i < b->publisher->made && st == ST_OK; i++)
        st = model_add(&m, batch, workload_batch(b->workload, i, b->publisher->made_ms[i], batch));
    *out = buckets_of(&m);
    model_fini(&m);
    free(batch);
    return st;
}

enum status suite_size(struct bench *b)
{
    struct engine_status s;
    uint64_t buckets = 1;
    enum status st = bench_open(b);
    if (st == ST_OK) {
        b->publisher->record = true;
        st = publisher_run(b->publisher, SIZE_BATCHES, 0, 0);
    }
    if (st == ST_OK)
        st = ask_until_covered(&b->ask, &s);
    if (st == ST_OK)
        st = count_buckets(b, &buckets);
    if (st == ST_OK) {
        report("buckets of 10 million events", b->name, (double)buckets, "");
        report("bytes per bucket, live pages of day buckets", b->name,
               (double)s.sheet_bytes / (double)buckets, "bytes");
        report("bytes per bucket, live pages of the store", b->name,
               (double)s.days_used_bytes / (double)buckets, "bytes");
        report("bytes per bucket, whole file", b->name, (double)s.days_file_bytes / (double)buckets,
               "bytes");
    }
    bench_close(b);
    return st;
}

enum status suite_restart(struct bench *b)
{
    struct engine_status before = {0}, after = {0};
    /* Nothing but its length shall end the journal. */
    const char *const flags[] = {"--checkpoint-ms=600000", "--pending-bytes=16GiB", NULL};
    for (unsigned i = 0; i < N_OF(flags); i++)
        b->daemon.flags[i] = flags[i];
    enum status st = bench_open(b);
    uint64_t batch_bytes = st == ST_OK ? workload_batch_bytes_max(b->workload) * 9 / 10 : 1;
    if (st == ST_OK)
        st = publisher_run(b->publisher, JOURNAL_AIM / batch_bytes, 0, 0);
    if (st == ST_OK)
        st = ask_status(&b->ask, &before);
    (void)daemon_end(&b->daemon, SIGKILL);
    ask_close(&b->ask);
    uint64_t start = clock_mono_ns();
    if (st == ST_OK)
        st = daemon_start(&b->daemon);
    if (st == ST_OK)
        st = ask_open(&b->ask, b->zmq, b->daemon.query);
    if (st == ST_OK)
        st = ask_status(&b->ask, &after);
    if (st == ST_OK) {
        report("journal at kill -9", b->name, (double)before.journal_bytes / 1048576, "MiB");
        report("restart after it, until ready", b->name, (double)b->daemon.start_ns / 1e9, "s");
        report("restart after it, until the first answer", b->name,
               (double)(clock_mono_ns() - start) / 1e9, "s");
        if (after.accepted != b->publisher->acked * workload_batch_events(b->workload)) {
            report_note("WRONG: %llu events after the restart", (unsigned long long)after.accepted);
            st = ST_INTERNAL;
        }
    }
    b->daemon.flags[0] = NULL;
    bench_close(b);
    return st;
}
