/* Judge one submission inside the transaction that stores it: sequence, identity, limits.
 *
 * Nothing here is speculative: it sees what the submissions before it in the same transaction did,
 * and when the commit fails judge_undo makes as if none of it had been. Writer thread only. */
#ifndef ENGINE_INGEST_JUDGE_H
#define ENGINE_INGEST_JUDGE_H

#include "engine/ingest/cursor.h"
#include "engine/ingest/faults.h"
#include "engine/ingest/group.h"
#include "engine/ingest/id_window.h"
#include "engine/ingest/ledger.h"
#include "engine/ingest/rejected.h"

struct judge {
    uint32_t producers_max; /* set at open */
    uint32_t idle_days;
    /* changes per transaction */
    struct id_window ids;
    struct rejected rejected;
    struct cursor_place swept;
    struct counters counters;
    struct counters before; /* as of the last commit */
    struct ledger ledger;
    struct faults faults;
};

/* Read what was stored last. */
void judge_load(struct judge *j, struct txn *t);

/* A transaction begins. */
void judge_begin(struct judge *j, struct txn *t, struct group *g);

/* Decide about s, whatever it is: its outcome, whether it is to be stored, what is counted. */
void judge_slot(struct judge *j, struct txn *t, struct group *g, struct slot *s);

/* Everything is judged: write what was counted, forget what is over. */
void judge_end(struct judge *j, struct txn *t, struct group *g, int64_t now_ms);

/* The commit went well, or failed: then every submission that was judged is refused with `why`. */
void judge_done(struct judge *j);
void judge_undo(struct judge *j, struct group *g, enum status why);

#endif
