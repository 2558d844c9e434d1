/* The activity log: every lifecycle, sync, permission and action event of an account, for 30 days.
 *
 * Entries are ordered by (time, position) and packed into blocks of about ACTIVITY_BLOCK bytes:
 *
 * Key    ordered(account) . time_ms(8, big-endian) . ordered(position)    of the block's first
 * entry Value  crc(4) . head . entries head     n, last time - first time, min position, max
 * position - min position   varints kinds(8)  bit per kind number        ┐ apps(8)   bit per hash
 * of an app     ├ so that a filter skips blocks unread users(8)  bit per hash of a user     ┘ entry
 * time - (time before it; the key's), zigzag(position - (position before it; the key's)),
 *            zigzag(received - time), app, user + 1 (0: none), kind, detail length, detail
 *   detail   tag, length, bytes of each string (enum detail_tag)
 *
 * One packed row is written where four index rows would be, and a page of answers is a walk over
 * neighbours: the cost of a page does not depend on how deep it lies.
 *
 * activity_account: ordered(account) -> rows kept, rows trimmed (varints). */
#ifndef AGGREGATORS_ACTIVITY_H
#define AGGREGATORS_ACTIVITY_H

#include "aggregators/pending.h"
#include "aggregators/view.h"

#define ACTIVITY_BLOCK   1900
#define ACTIVITY_KEY_MAX 26

enum detail_tag {
    DETAIL_REASON = 1,
    DETAIL_CODE,
    DETAIL_SETTING,
    DETAIL_FROM,
    DETAIL_TO,
    DETAIL_FEATURE,
    DETAIL_SCOPE, /* repeated */
    DETAIL_BY,    /* decimal digits */
};

/* One entry, as packed and unpacked. */
struct entry {
    int64_t time_ms;
    uint64_t position;
    int64_t received_ms;
    uint64_t app;
    uint64_t user1; /* user + 1; 0: none */
    uint8_t kind;
    struct str detail; /* borrowed */
};

/* A growing list of entries; owned. */
struct entries {
    struct entry *p;
    uint32_t n, cap;
};

struct entry *entries_more(struct entries *e); /* aborts without memory */

struct block_head {
    uint64_t account;
    uint64_t n;
    int64_t first_ms, last_ms;
    uint64_t first_position; /* of the key */
    uint64_t min_position, max_position;
    uint64_t kinds, apps, users;
};

size_t activity_key(uint8_t key[static ACTIVITY_KEY_MAX], uint64_t account, int64_t time_ms,
                    uint64_t position);
size_t activity_prefix(uint8_t key[static ACTIVITY_KEY_MAX], uint64_t account);

/* Read key and head; entries then stands on the first entry. check: verify the crc. */
enum status block_open(struct span key, struct span value, bool check, struct block_head *head,
                       struct reader *entries) MUST_CHECK;

/* Append the entries of an opened block. Their details borrow from the value. */
enum status block_read(const struct block_head *head, struct reader *r,
                       struct entries *to) MUST_CHECK;

/* Pack e[0..n) from *at on until the block is full; moves *at. Writes the whole value. */
void block_write(const struct entry *e, uint32_t n, uint32_t *at, struct buf *value);

uint64_t block_bit(uint64_t id); /* one of 64 bits */

struct entry entry_of_signal(const struct signals *of, const struct signal *s);

static inline bool entry_before(const struct entry *a, const struct entry *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->position < b->position;
}

void entries_sort(struct entries *e); /* the oldest first, by entry_before */

/* Scratch of a merge; its buffers belong to whoever set it up. */
struct merge;
struct activity_writer {
    struct merge *m;
    struct cur cur;
    struct entries run; /* new entries of one account, ascending */
    struct entries all; /* a stored block joined with its share of run */
    struct buf copy;    /* of the stored block: writing ends the borrowed value */
    struct buf value;
};

/* Put the entries of an account, ascending in time, into its log. */
void activity_merge(struct activity_writer *w, uint64_t account, const struct entries *fresh);

/* Kept and trimmed rows of an account. */
void activity_counts(struct txn *t, uint64_t account, uint64_t *kept, uint64_t *trimmed);
void activity_counts_put(struct txn *t, uint64_t account, uint64_t kept, uint64_t trimmed);

#endif
