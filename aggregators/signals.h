/* Signals: lifecycle, sync, permission and action events on their way to the activity log and to
 * the connections.
 *
 * A signal touches a page of its own in two large tables, so merging few of them at a time writes
 * a page or two for each. They are therefore kept in memory over many checkpoints. A checkpoint
 * only writes them down as they came, in the table `waiting`, so that the log may be trimmed; when
 * there are many, or little else to do, they are frozen and merged account by account, in slices
 * between the checkpoints.
 *
 *   fold ──▶ signals (memory: what views read) ──── merge, now and then ──▶ activity, connection,
 *       └──▶ packed ── each checkpoint ──▶ waiting ── read back at a start        scope
 *
 * Row of `waiting`: position of its first signal (8, big-endian) -> crc(4), then per signal
 * position, received_ms, zigzag(received_ms - time_ms), account, app, user + 1 (0: none), kind,
 * length of the detail, detail (activity.h). Numbers are varints. */
#ifndef AGGREGATORS_SIGNALS_H
#define AGGREGATORS_SIGNALS_H

#include "aggregators/days.h"

struct signals; /* opaque, heap */

/* begin: the first log position they will hold. Aborts when there is no memory at all. */
struct signals *signals_new(uint64_t begin);
void signals_free(struct signals **s);                    /* NULL-safe */
void signals_reset(struct signals *s, uint64_t begin);    /* empty, keeping twice what was used */
void signals_begin_at(struct signals *s, uint64_t begin); /* of empty ones */
uint64_t signals_end(const struct signals *s);            /* first position they do not hold */
uint32_t signals_count(const struct signals *s);
size_t signals_bytes(const struct signals *s);

/* older: frozen and being merged, read by every view of s besides; NULL: there are none. Borrowed
 * until the next call. */
void signals_follow(struct signals *s, const struct signals *older);

/* At a start: the waiting signals of a merge that was cut short (else none) and all others. Both
 * empty; they get their positions. */
enum status signals_load(struct store *days, struct signals *merging,
                         struct signals *others) MUST_CHECK;

/* A merge under way: zero but for `of`. */
struct signals_merge {
    const struct signals *of; /* borrowed; frozen, and all of it is waiting */
    uint32_t *order;          /* owned: accounts, ascending */
    uint32_t next;            /* place in order */
};
void signals_merge_fini(struct signals_merge *s);

/* Merge the next accounts, about `max` signals of them. It commits in parts as days_merge does;
 * the last removes the signals from `waiting`. After a failure the next
 * call goes on from the last commit. */
enum status days_merge_signals(struct store *days, struct signals_merge *s,
                               const struct days_limits *limits, uint32_t max,
                               struct merge_stats *out) MUST_CHECK;

#endif
