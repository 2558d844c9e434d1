/* The counters of promise 3: what was received and what became of it.
 *
 * received = accepted + duplicate + sum(rejected) at every moment. They are changed by the writer
 * only, stored with the commit, and taken back when it fails. A plain value, copied by assignment.
 */
#ifndef ENGINE_INGEST_COUNTERS_H
#define ENGINE_INGEST_COUNTERS_H

#include "engine/ingest/ingest.h"

struct counters {
    struct ingest_counters total;
    uint32_t days_n;
    struct ingest_day days[INGEST_DAYS_MAX]; /* ascending day received */
    /* what counters_store has to write */
    bool changed;
    bool unknown_changed;
    bool days_changed[INGEST_DAYS_MAX];
};

/* What became of the events of one batch. */
struct tally {
    int32_t day; /* received */
    enum ingest_transport transport;
    uint32_t accepted, duplicate, late;
    uint32_t rejected[ST_N];
};

void counters_batch(struct counters *c,
                    const struct tally *t);                  /* a batch whose events were judged */
void counters_refused(struct counters *c, enum status code); /* a batch that was refused whole */
void counters_push_lost(struct counters *c, uint64_t events);

/* A field that no kind knows. */
void counters_unknown(struct counters *c, struct str name, uint64_t n);

/* Read what was stored last; all zero in a new environment. Corruption fails t. */
void counters_load(struct txn *t, struct counters *out);

/* Write what has changed since the last store. */
void counters_store(struct txn *t, struct counters *c);

#endif
