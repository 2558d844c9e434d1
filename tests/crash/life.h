/* What an engine is fed in the crash tests, and what it must hold after any number of batches: the
 * model is worked out beside it, one state after each submission. */
#ifndef TESTS_CRASH_LIFE_H
#define TESTS_CRASH_LIFE_H

#include "tests/draw.h"
#include "tests/unit/ingest/ingest_help.h"

#define LIFE_PRODUCERS 3
#define LIFE_ACCOUNTS  8
#define LIFE_DAYS      10 /* compared, today the last of them; older ones are there to be purged */
#define LIFE_IDS       400

struct life_state {
    uint64_t received, accepted, duplicate, rejected;
    uint64_t activities; /* entries of the activity log */
    uint64_t calls[LIFE_ACCOUNTS][LIFE_DAYS], records[LIFE_ACCOUNTS][LIFE_DAYS];
};

struct life_batch {
    struct life *life; /* for the answer */
    uint32_t number;   /* in the order of submission, from 0 */
    uint32_t copy_of;  /* itself, or the earlier one that it repeats */
    char *frame;       /* owned */
    bool numbered;
    bool acked; /* answered with success */
    bool answered;
    struct outcome outcome; /* without its message */
};

struct life {
    struct life_batch *batch;
    struct life_state *state; /* batches_n + 1 of them: state[k] is after the first k */
    uint32_t batches_n;
    int32_t today;
    uint32_t answers; /* in order: batch[answers] is the next to be answered, unless `any_order` */
};

struct life_shape {
    uint64_t seed;
    uint32_t batches_n, events_max;
    bool repeats; /* batches and ids come twice */
};

void life_new(struct life *l, const struct life_shape *shape);
void life_free(struct life *l);

/* Submit and mark in the disk's record: sort LIFE_SUBMITTED, later LIFE_ACKED. */
enum { LIFE_SUBMITTED, LIFE_ACKED };
void life_send(struct engine *e, struct life_batch *b);

/* Open stores, loop and ingest below e->scratch.dir; after a failure all is closed again. */
enum status life_start(struct engine *e, char why[static 256]);

/* Does e hold exactly `want`? Else false, and why. counters: those of received events, too. */
bool life_compare(struct engine *e, const struct life *l, const struct life_state *want,
                  bool counters, char why[static 256]);

/* The audit of the day tables of a stopped engine, and as many activities as wanted. */
bool life_audit(struct engine *e, const struct life_state *want, char why[static 256]);

/* A directory for many small stores: memory, when there is some. Sets TMPDIR. */
void life_use_memory(void);

#endif
