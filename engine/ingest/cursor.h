/* Producer cursors: how far each producer has been counted, and the rule that makes once of many.
 *
 * A cursor belongs to (key name, producer). It moves in the transaction that stores the batch, so
 * there is no such thing as stored but not marked. */
#ifndef ENGINE_INGEST_CURSOR_H
#define ENGINE_INGEST_CURSOR_H

#include "engine/base/hash.h"
#include "engine/store/store.h"

#define PRODUCER_KEY_BYTES_MAX 256 /* a decoder lets through half of it */
#define KEY_NAME_BYTES_MAX     64

struct cursor {
    uint64_t epoch;
    uint64_t seq;          /* last one counted; 0: none of this epoch */
    struct hash128 digest; /* of that batch */
    int32_t used_day;      /* day received of that batch */
};

enum cursor_verdict {
    CURSOR_APPLY,
    CURSOR_DUPLICATE,
    CURSOR_CONFLICT, /* the last one again, with other content */
    CURSOR_GAP,      /* expected: cursor_expected */
    CURSOR_STALE,    /* a newer epoch has been seen */
};

/* Judge the batch (epoch, seq, digest) against c. Pure. A producer never seen is {0}. */
enum cursor_verdict cursor_judge(const struct cursor *c, uint64_t epoch, uint64_t seq,
                                 struct hash128 digest);

/* The sequence that would be applied next, in the producer's epoch. */
uint64_t cursor_expected(const struct cursor *c, uint64_t epoch);

/* False: never seen, *out is zero. */
bool cursor_get(struct txn *t, struct str key_name, struct str producer, struct cursor *out);

/* Store it. created: cursor_get said false; then the key's number of producers goes up. */
void cursor_put(struct txn *t, struct str key_name, struct str producer, const struct cursor *c,
                bool created);

/* How many producers the key has. */
uint64_t cursor_count(struct txn *t, struct str key_name);

/* Look at up to rows_max cursors after the one where the last sweep ended, and forget those unused
 * since before first_day. place: kept by the caller between sweeps, zeroed at first. */
struct cursor_place {
    uint8_t key[STORE_KEY_MAX];
    size_t key_n;
};
void cursor_sweep(struct txn *t, struct cursor_place *place, int32_t first_day, uint32_t rows_max);

#endif
