/* The table of rejected events: what was not accepted, and why; bounded, the oldest go first. */
#ifndef ENGINE_INGEST_REJECTED_H
#define ENGINE_INGEST_REJECTED_H

#include "engine/ingest/ingest.h"

#define REJECTED_RAW_MAX        256 /* bytes of the event or frame that are kept */
#define REJECTED_MESSAGE_MAX    256
#define REJECTED_PER_COMMIT_MAX 1024 /* rows; what is over is counted, not kept */
#define REJECTED_TRIM_ROWS_MAX                                                                     \
    2048 /* deleted per commit, so a smaller bound is reached in steps                             \
          */

struct rejected {
    uint32_t rows_max; /* set at open */
    bool loaded;       /* next is known */
    uint64_t next;     /* number of the next row */
    uint32_t added;    /* in this transaction */
};

/* Keep one. r->number is set here. */
void rejected_add(struct rejected *table, struct txn *t, const struct ingest_rejected *r);

/* Before the commit: drop the oldest beyond the bound. Returns the number of rows kept. */
uint64_t rejected_trim(struct rejected *table, struct txn *t);

/* The transaction is over: the count of a commit begins anew; failed: numbers are read again. */
void rejected_end(struct rejected *table, bool failed);

#endif
