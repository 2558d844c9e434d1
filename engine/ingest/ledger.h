/* The ledger of promise 8: units accepted, by day of the event and shard of accounts.
 *
 * It is written in the transaction that accepts them and knows nothing of aggregators, generations
 * or checkpoints, so that an audit can hold the day tables against it. The writer keeps the days in
 * use in memory; after a failed commit it forgets them and reads them again. */
#ifndef ENGINE_INGEST_LEDGER_H
#define ENGINE_INGEST_LEDGER_H

#include "engine/ingest/ingest.h"

#define LEDGER_DAYS 32 /* of events that can be accepted at one time: 30, and tomorrow */

struct ledger {
    struct {
        int32_t day;
        bool loaded;
        bool changed; /* since the last store */
        struct ledger_day units;
    } slot[LEDGER_DAYS]; /* by day modulo LEDGER_DAYS */
};

/* What one batch added. */
struct ledger_sum {
    uint32_t accepted; /* events */
    uint32_t late;     /* of a day before received_day */
};

/* Count the accepted events (verdict 0) of a batch. Failure to read a day fails t. */
struct ledger_sum ledger_add(struct ledger *l, struct txn *t, const struct batch *b,
                             int32_t received_day);

void ledger_store(struct ledger *l, struct txn *t); /* write the days that changed */
void ledger_trim(struct txn *t, int32_t today);     /* drop rows of days that are long over */

/* The commit failed: what is in memory may not be what is stored. */
void ledger_forget(struct ledger *l);

#endif
