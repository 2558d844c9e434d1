/* The outbox's directory: a queue of segment files of one epoch, oldest first, and a lock.
 *
 *   lock                               flock, held while open
 *   <epoch>-<first_seq>.seg            records first_seq.. until the next file's first_seq
 *   <epoch>-<first_seq>.new            a new epoch being prepared; worth nothing until renamed
 *   *.bad                              a file whose header is damaged, kept for people
 *
 * Of several epochs the highest is in force; lower ones are what a crash left of a renewal and are
 * deleted. A segment is deleted when all of it is acknowledged; the last one always stays, for its
 * numbers.
 *
 * Fence: where the tail of the old content does not check out, or a power cut may have taken
 * unsynced batches that the engine has seen, the numbers that follow are not safe to use again. A
 * new segment then begins with the flag FENCED, and batches from there on must be renumbered into a
 * new epoch before they are sent. */
#ifndef CLIENTS_PUBLISH_SPOOL_H
#define CLIENTS_PUBLISH_SPOOL_H

#include "clients/publish/segment.h"

struct spool_config {
    const char *path;
    struct str producer;
    enum daybook_sync sync;
    uint64_t segment_bytes;   /* rotate at this size */
    uint64_t frame_bytes_max; /* longer records are damage */
    uint64_t epoch;           /* of a new outbox */
};

struct spool {
    struct spool_config config; /* path and producer are not used after open */
    uint64_t producer_hash, boot_hash;
    int dir_fd;
    int lock_fd;
    struct segment *segments; /* owned; oldest first, the last is written to */
    size_t segments_n;
    bool failed;         /* a sync failed: nothing is written any more */
    uint64_t fence;      /* first number that must not be sent in this epoch; UINT64_MAX: none */
    uint64_t torn_bytes; /* at the tail, found at open */
    uint64_t syncs;
    struct segment next; /* the epoch that is being prepared; fd -1: none */
};

/* Called for every record, in order of seq. Its frame stands at `offset` of its segment. */
struct spool_visitor {
    enum daybook_status (*visit)(void *context, uint64_t seq, uint64_t offset,
                                 uint32_t frame_bytes);
    void *context;
};

/* Open or create the directory, lock it, and visit what it holds. INVALID (another producer's),
 * LOCKED, IO, CORRUPT (a newer format), NO_MEMORY. On failure *s is closed. */
enum daybook_status spool_open(struct spool *s, const struct spool_config *config,
                               const struct spool_visitor *visitor, struct daybook_error *error);

static inline struct segment *spool_last(const struct spool *s)
{
    return &s->segments[s->segments_n - 1];
}

/* Append frame under seq, durable as the sync policy says; *offset is where it stands. IO: not
 * taken; the outbox goes on unless a sync failed. */
enum daybook_status spool_append(struct spool *s, uint64_t seq, struct str frame, uint64_t *offset,
                                 struct daybook_error *error);

/* Read the frame of seq at offset into *to. CORRUPT when it no longer checks out. */
enum daybook_status spool_read(const struct spool *s, uint64_t seq, uint64_t offset, struct buf *to,
                               struct daybook_error *error);

/* Delete segments that hold only numbers below first_seq. */
void spool_drop(struct spool *s, uint64_t first_seq);

/* Move to a new epoch: begin, add what is kept (numbered from 1), then end, which is one rename.
 * A failure of begin or add leaves the old epoch in force; one of end is reported, too. */
enum daybook_status spool_renew_begin(struct spool *s, uint64_t epoch, struct daybook_error *error);
enum daybook_status spool_renew_add(struct spool *s, uint64_t seq, struct str frame,
                                    uint64_t *offset, struct daybook_error *error);
enum daybook_status spool_renew_end(struct spool *s, struct daybook_error *error);
void spool_renew_cancel(struct spool *s);

/* Close. When everything is acknowledged (`idle`), an empty segment remains for the numbers, so
 * that the next open resends nothing. */
void spool_close(struct spool *s, bool idle);

#endif
