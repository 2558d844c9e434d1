/* The id window: an event that carries an id is counted once within it, whoever sends it.
 *
 * One row per id, added in the transaction that stores the event; forgotten by a round-robin sweep
 * that keeps pace with what is added. Bounded in bytes: when full, new ids are refused. */
#ifndef ENGINE_INGEST_ID_WINDOW_H
#define ENGINE_INGEST_ID_WINDOW_H

#include "engine/base/hash.h"
#include "engine/store/store.h"

struct id_window {
    /* set at open */
    uint64_t bytes_max;
    uint32_t hours;
    /* changes per transaction */
    int64_t room;         /* rows that may be added in this transaction */
    uint32_t added;       /* in this transaction */
    uint8_t sweep_at[16]; /* where the next sweep begins */
};

/* At the start of a transaction: how much room is left. Returns the number of rows. */
uint64_t id_window_begin(struct id_window *w, struct txn *t);

/* ST_OK: new, and remembered. ST_DUPLICATE: seen within the window. ST_DEDUPE_FULL: new, but there
 * is no room. received_ms is the time of the batch. */
enum status id_window_add(struct id_window *w, struct txn *t, uint64_t account, struct hash128 id,
                          int64_t received_ms) MUST_CHECK;

/* Is it remembered? */
bool id_window_has(struct txn *t, uint64_t account, struct hash128 id, int64_t received_ms);

/* Before the commit: look at twice as many rows as were added (at least 16) and forget the expired.
 */
void id_window_sweep(struct id_window *w, struct txn *t, int64_t now_ms);

#endif
