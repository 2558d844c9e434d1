/* A generation: the pending state between two checkpoints, folded by the loop from committed
 * batches and merged whole into the day tables by the checkpoint.
 *
 * Folding is deterministic: it reads the events and `received_ms`, never a clock. While active, one
 * thread owns it. Once frozen it never changes: the checkpoint thread and queries read it at once.
 */
#ifndef AGGREGATORS_GENERATION_H
#define AGGREGATORS_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "schemas/event.h"

struct generation; /* opaque, heap */
struct signals;    /* signals.h */

/* begin: the first log position it will hold. Aborts when there is no memory at all. */
struct generation *generation_new(uint64_t begin);
void generation_free(struct generation **g);

/* Empty it for reuse, keeping about twice the memory that it used: touching fresh memory costs more
 * than folding into it. Any thread, once nobody reads it. */
void generation_reset(struct generation *g, uint64_t begin);

/* Say where one begins that is empty, and has no signals of its own. */
void generation_begin_at(struct generation *g, uint64_t begin);

/* One committed batch on its way into the pending state. */
struct fold {
    const struct event *ev; /* borrowed for the call */
    const uint8_t *verdict; /* enum status of each event; 0: accepted */
    uint32_t n;
    uint64_t position; /* of ev[0] */
    int64_t received_ms;
};

/* Fold the accepted events of a batch. The caller folds batches in log order, each once. Cost:
 * about 50 ns an event. */
void generation_fold(struct generation *g, const struct fold *f);

/* The batch took positions up to `end` (exclusive), folded events or not. */
void generation_advance(struct generation *g, uint64_t end);

uint64_t generation_begin(const struct generation *g);
uint64_t generation_end(const struct generation *g); /* first position it does not hold */
size_t generation_bytes(const struct generation *g); /* memory in use, but for its signals */

/* Signals outlive a generation: they are merged once in many checkpoints (signals.h), and the next
 * generation goes on with those that the last one had. Take, then give to one that begins where
 * they end. */
struct signals *generation_take_signals(struct generation *g);
void generation_give_signals(struct generation *g, struct signals *s);

/* What folding one event that meets a new account, app and cell adds, besides its own strings: for
 * budgeting what is still in flight. */
#define GENERATION_EVENT_BYTES 148

#endif
