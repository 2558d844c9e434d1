/* end_to_end --daemon=PATH [--dir=DIR] [--workload=w,w1m] [--seconds=60] [--parts=LIST]
 *
 * The whole measurement of bench/README.md: ceilings of the machine, then for each workload the
 * rate, its check, latencies, memory, sizes and the restart. JSON lines on stdout, a table on
 * stderr. parts: any of ceilings,rate,verify,paced,levels (needs rate),query,lone,size,publishers,
 * accounts (of w1m),restart; and soak, which only runs when it is named. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/report.h"
#include "bench/suite.h"
#include "engine/base/check.h"

#define EXIT_USAGE 64

struct options {
    const char *binary, *dir, *workloads, *parts;
    uint64_t seconds;
};

static bool wanted(const char *list, const char *part)
{
    if (!list)
        return true;
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcspn(at, ",") == strlen(part) && strncmp(at, part, strlen(part)) == 0)
            return true;
    }
    return false;
}

/* 80 % of the rates that the engine must reach. */
static uint64_t target_rate(enum workload_shape shape)
{
    return shape == WORKLOAD_W1M ? 1200000 : 4000000;
}

static enum status measure_running(struct bench *b, const struct options *o)
{
    enum status st = bench_open(b);
    if (st == ST_OK)
        b->publisher->record = true;
    if (st == ST_OK && wanted(o->parts, "rate"))
        st = suite_rate(b);
    if (st == ST_OK && wanted(o->parts, "verify"))
        st = suite_verify(b);
    if (st == ST_OK && wanted(o->parts, "paced"))
        st = suite_paced(b, target_rate(b->shape), "80 % of the goal");
    if (st == ST_OK && wanted(o->parts, "paced") && b->rate > 0)
        st = suite_paced(b, b->rate * 8 / 10, "80 % of the measured rate");
    static const struct {
        uint64_t percent;
        const char *what;
    } levels[] = {{10, "10 % of peak"}, {50, "50 % of peak"}, {90, "90 % of peak"}};
    for (size_t i = 0; i < N_OF(levels) && st == ST_OK; i++) {
        if (wanted(o->parts, "levels") && b->rate > 0)
            st = suite_paced(b, b->rate * levels[i].percent / 100, levels[i].what);
    }
    if (st == ST_OK && wanted(o->parts, "query"))
        st = suite_query_idle(b);
    if (st == ST_OK && wanted(o->parts, "query"))
        st = suite_query_loaded(b);
    if (st == ST_OK && wanted(o->parts, "lone"))
        st = suite_lone(b);
    if (st == ST_OK && o->parts && wanted(o->parts, "soak")) {
        b->publisher->record = false;
        st = suite_soak(b);
    }
    bench_close(b);
    return st;
}

static enum status measure(enum workload_shape shape, const struct options *o)
{
    struct bench b = {
        .shape = shape, .seconds = o->seconds, .daemon = {.binary = o->binary, .dir = o->dir}};
    enum status st = ST_OK;
    report_note("workload %s", workload_shape_name(shape));
    if (wanted(o->parts, "rate") || wanted(o->parts, "paced") || wanted(o->parts, "query") ||
        wanted(o->parts, "lone") || wanted(o->parts, "soak"))
        st = measure_running(&b, o);
    if (st == ST_OK && wanted(o->parts, "size"))
        st = suite_size(&b);
    if (st == ST_OK && wanted(o->parts, "publishers"))
        st = suite_publishers(&b);
    if (st == ST_OK && wanted(o->parts, "accounts") && shape == WORKLOAD_W1M)
        st = suite_accounts(&b);
    if (st == ST_OK && wanted(o->parts, "restart"))
        st = suite_restart(&b);
    if (st != ST_OK)
        report_note("workload %s: %s (log: %s/log)", workload_shape_name(shape),
                    status_row(st)->text, o->dir);
    return st;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"daemon", required_argument, NULL, 'd'},   {"dir", required_argument, NULL, 'D'},
        {"workload", required_argument, NULL, 'w'}, {"seconds", required_argument, NULL, 's'},
        {"parts", required_argument, NULL, 'p'},    {0}};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (c == 'd')
            o->binary = optarg;
        else if (c == 'D')
            o->dir = optarg;
        else if (c == 'w')
            o->workloads = optarg;
        else if (c == 'p')
            o->parts = optarg;
        else if (c != 's' || text_u64(str_of(optarg), &o->seconds) != ST_OK)
            return false;
    }
    return optind == argc && o->binary && o->seconds > 0;
}

int main(int argc, char **argv)
{
    struct options o = {.dir = "./bench-data", .workloads = "w,w1m", .seconds = 60};
    if (!read_options(argc, argv, &o)) {
        report_note("usage: end_to_end --daemon=PATH [--dir=DIR] [--workload=w,w1m,wr,life]\n"
                    "                  [--seconds=60] "
                    "[--parts=ceilings,rate,verify,paced,levels,query,lone,"
                    "size,publishers,accounts,restart,soak]");
        return EXIT_USAGE;
    }
    (void)mkdir(o.dir, 0700); /* may exist */
    enum status st = wanted(o.parts, "ceilings") ? suite_ceilings(o.dir) : ST_OK;
    for (unsigned s = 0; s < WORKLOAD_SHAPE_N && st == ST_OK; s++) {
        if (wanted(o.workloads, workload_shape_name((enum workload_shape)s)))
            st = measure((enum workload_shape)s, &o);
    }
    return st == ST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
