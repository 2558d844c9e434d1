/* Late events: those of a day before the one on which they were received, by account and day
 * received.
 *
 * Key    day(2, big-endian) . ordered(first account of the chunk)
 *        A day is a list of accounts, cut into chunks of about LATE_CHUNK bytes; the first one
 *        begins at account 0.
 * Value  crc(4)                          (aggregators/value.h)
 *        end                             first log position that the chunk does not count
 *        then per account, ascending:
 *          account - (account before it; the key's for the first), events
 *        All numbers are varints.
 *
 * `end` is what makes merging twice harmless: a chunk takes nothing of a generation that it
 * covers.
 *
 * Example (day 20780, account 7 with 3 late events, up to position 900):
 *        key    51 2c  00
 *        value  crc  84 07  07 03
 */
#ifndef AGGREGATORS_LATE_H
#define AGGREGATORS_LATE_H

#include "aggregators/view.h"
#include "engine/base/bytes.h"

#define LATE_CHUNK   1900 /* bytes: two values of this size fit a page of LMDB */
#define LATE_KEY_MAX 11

/* A chunk while it is read. */
struct late_reader {
    int32_t day;
    uint64_t account; /* of the last entry; at first, the chunk's first account */
    uint64_t end;
    struct reader r;
};

enum status late_open(struct span key, struct span value, struct late_reader *out) MUST_CHECK;

/* The next account and its events; false at the end or when the bytes are bad (l->r.bad). */
bool late_next(struct late_reader *l, uint64_t *events);

/* Accepted events of the account that were late, by the day on which they were received: from..to,
 * both inclusive. About half a microsecond a day. */
uint64_t view_late(struct view *v, uint64_t account, int32_t from, int32_t to);

/* What the tables alone say of an account on a day: its events, and the first log position that
 * they do not count. */
uint64_t late_stored(struct txn *t, uint64_t account, int32_t day, uint64_t *end);

#endif
