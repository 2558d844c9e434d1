/* Questions to a hot store in process, without sockets: what micro_query and micro_views share. */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include "engine/query/query.h"

#define TODAY  20780
#define NOW_MS (TODAY * MS_PER_DAY + 43200000)

struct micro {
    struct store *days;
    struct generation *g;
    uint64_t position;
    struct query_context context;
    struct arena arena;
    struct buf answer;
};

struct micro_plan {
    const char *name;
    void (*fill)(struct micro *m); /* fold, and merge what is to be on the disk */
    const char *const *questions;
    size_t questions_n;
};

void must(enum status st, const char *what);      /* or exit */
void micro_fold(struct micro *m, struct event e); /* count 0 is 1 */
void micro_merge(struct micro *m);

/* Fill, ask each question argv[1] times (200) and print p50, p99 and the longest, in us; what main
 * returns. */
int micro_run(const struct micro_plan *plan, int argc, char **argv);

#endif
