/* For tests and benchmarks: all of a generation into the tables, without an engine around. */
#ifndef AGGREGATORS_DAYS_TEST_H
#define AGGREGATORS_DAYS_TEST_H

#include "aggregators/signals.h"

/* Merge a generation, then the signals that it has. */
static inline enum status days_merge_whole(struct store *days, struct generation *g,
                                           const struct days_limits *limits,
                                           struct merge_stats *out)
{
    struct signals *s = generation_take_signals(g);
    struct signals_merge merge = {.of = s};
    struct merge_stats of_signals = {0};
    enum status st = days_merge(days, g, limits, out);

    if (st == ST_OK)
        st = days_merge_signals(days, &merge, limits, UINT32_MAX, &of_signals);
    out->activities = of_signals.activities;
    out->trimmed = of_signals.trimmed;
    signals_merge_fini(&merge);
    generation_give_signals(g, s);
    return st;
}

#endif
