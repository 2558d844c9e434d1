/* What publishers say: events, and batches in both encodings' one form for this test, JSON. */
#ifndef TESTS_SIM_WORKLOAD_H
#define TESTS_SIM_WORKLOAD_H

#include "tests/sim/model.h"

struct workload {
    uint64_t *seed;
    int64_t now_ms;    /* wall clock of the sender */
    int32_t first_day; /* no event is older, whatever */
    bool ids;          /* batches without a number: their events carry ids */
    uint32_t ids_used; /* so far; some are used again */
};

/* A batch of producer p. */
struct sim_batch *numbered_batch(struct workload *w, uint32_t p, uint64_t epoch, uint64_t seq);

/* One without a number: with ids, without, or no JSON at all. */
struct sim_batch *loose_batch(struct workload *w);

/* Same number, other content. */
struct sim_batch *forged_batch(struct workload *w, const struct sim_batch *of);

void batches_free(struct sim_batch **first);

extern const char *const signal_names[];

#endif
