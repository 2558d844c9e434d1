/* What was received and not accepted, by account and day received: promise 3 as an account sees it.
 *
 * Written in the transaction that judged it, like the counters, whose days are the sums of this
 * table. Account 0 stands for events whose account is not known, or outside the sender's scope:
 * nobody may put a count into the books of an account that it may not write. Writer thread only. */
#ifndef ENGINE_INGEST_FAULTS_H
#define ENGINE_INGEST_FAULTS_H

#include "engine/ingest/ingest.h"

#define FAULTS_KEY_MAX 13

struct fault {
    uint64_t account;
    int32_t day; /* received */
    uint32_t duplicate, rejected;
};

struct faults {
    struct fault *p, *sorted; /* owned; of this transaction, and room to sort them */
    uint32_t n, cap;
    uint32_t carried; /* the first of them, of a commit that failed: they stand */
    bool bad;         /* no memory: the transaction has to fail */
    /* sweep */
    uint8_t at[FAULTS_KEY_MAX];
    size_t at_n;
};

void faults_fini(struct faults *f);

void faults_begin(struct faults *f); /* of a transaction */
void faults_add(struct faults *f, const struct fault *one);

/* Add what was set aside to the table. first_day: of the rows that are kept; a few of those that
 * are over go. 0: none does. */
void faults_store(struct faults *f, struct txn *t, int32_t first_day);

/* The commit went well: all of it is stored; or failed: none of it was. */
void faults_done(struct faults *f);
void faults_undo(struct faults *f);

#endif
