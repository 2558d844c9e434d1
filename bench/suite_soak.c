/* Hours at full rate: a line every ten seconds, so that a drift of commit times, file sizes or
 * memory shows. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/clock.h"

#define NS_PER_S UINT64_C(1000000000)
#define SLICE_S  10

static void report_slice(const struct bench *b, uint64_t second, double rate,
                         const struct engine_status *s)
{
    uint64_t resident = 0, anonymous = 0;
    daemon_memory(&b->daemon, &resident, &anonymous);
    double mib = 1048576, p99_ms = (double)histogram_quantile(&b->publisher->latency, .99) / 1e6;
    printf(
        "{\"bench\": \"soak\", \"workload\": \"%s\", \"second\": %llu, \"events_per_s\": %.0f, "
        "\"ack_p99_ms\": %.1f, \"commit_p50_us\": %llu, \"commit_p99_us\": %llu, "
        "\"merge_p99_us\": %llu, \"front_mib\": %.1f, \"days_mib\": %.1f, \"days_live_mib\": %.1f, "
        "\"anonymous_mib\": %.1f}\n",
        b->name, (unsigned long long)second, rate, p99_ms, (unsigned long long)s->commit_p50_us,
        (unsigned long long)s->commit_p99_us, (unsigned long long)s->merge_p99_us,
        (double)(s->file_bytes - s->days_file_bytes) / mib, (double)s->days_file_bytes / mib,
        (double)s->days_used_bytes / mib, (double)anonymous / mib);
    fflush(stdout);
    report_note(
        "  %6llu s  %6.2f M/s  ack p99 %7.1f ms  commit p50/p99 %llu/%llu us  merge p99 %llu ms  "
        "front "
        "%.0f  days %.0f (live %.0f)  memory %.0f MiB",
        (unsigned long long)second, rate / 1e6, p99_ms, (unsigned long long)s->commit_p50_us,
        (unsigned long long)s->commit_p99_us, (unsigned long long)(s->merge_p99_us / 1000),
        (double)(s->file_bytes - s->days_file_bytes) / mib, (double)s->days_file_bytes / mib,
        (double)s->days_used_bytes / mib, (double)anonymous / mib);
}

enum status suite_soak(struct bench *b)
{
    struct publisher *p = b->publisher;
    struct engine_status s;
    uint64_t start = clock_mono_ns();
    enum status st = ST_OK;
    while (st == ST_OK && clock_mono_ns() - start < b->seconds * NS_PER_S) {
        uint64_t slice = clock_mono_ns(), first = p->acked;
        p->latency = (struct histogram){0};
        st = publisher_run(p, UINT64_MAX, slice + SLICE_S * NS_PER_S, 0);
        if (st != ST_OK)
            report_note("publisher: %s", p->why);
        double seconds = (double)(clock_mono_ns() - slice) / 1e9;
        double events = (double)((p->acked - first) * workload_batch_events(b->workload));
        if (st == ST_OK)
            st = ask_status(&b->ask, &s);
        if (st == ST_OK)
            report_slice(b, (clock_mono_ns() - start) / NS_PER_S, events / seconds, &s);
    }
    return st;
}
