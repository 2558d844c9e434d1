/* A days environment in a temporary folder, with its generations, for tests of aggregators. */
#ifndef TESTS_UNIT_AGGREGATORS_DAYS_HELP_H
#define TESTS_UNIT_AGGREGATORS_DAYS_HELP_H

#include "aggregators/signals.h"
#include "aggregators/tables.h"
#include "aggregators/view.h"
#include "aggregators/view_apps.h"
#include "engine/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TODAY 20780

struct fixture {
    char dir[64];
    struct store *store;
    struct generation *frozen, *active;
    struct signals *signals; /* frozen; NULL: none */
    struct signals_merge signals_merge;
    uint64_t position;
    uint64_t commit_bytes; /* of a merge; 0: the default */
};

void days_setup(struct fixture *f);
void days_teardown(struct fixture *f);
void days_freeze(struct fixture *f);

/* Freezes if need be; the signals too. */
struct merge_stats days_merge_now(struct fixture *f, uint32_t activity_max);

/* The same, but it may fail on the way; frozen signals are merged a slice at a time, at most
 * `slices` times. */
enum status days_merge_try(struct fixture *f, const struct days_limits *limits, unsigned slices,
                           struct merge_stats *out);
void days_view(struct fixture *f, struct view *v);
void days_fold(struct fixture *f, const struct event *ev, const uint8_t *verdict, uint32_t n);

/* A signal of app 3 and user 7. */
struct event signal_at(uint64_t account, unsigned kind, int64_t time_ms);

extern uint64_t test_seed;
uint64_t test_rnd(uint64_t below);

#endif
