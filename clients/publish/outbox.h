/* The batches that are not acknowledged yet, by number: in memory, or on disk with an index in
 * memory. */
#ifndef CLIENTS_PUBLISH_OUTBOX_H
#define CLIENTS_PUBLISH_OUTBOX_H

#include <zmq.h>

#include "clients/publish/envelope.h"
#include "clients/publish/spool.h"

struct outbox_entry {
    zmq_msg_t msg;    /* in memory: the frame, shared with what libzmq still has to send */
    uint64_t born_ns; /* monotonic: when it came in, in this process */
    uint64_t offset;  /* on disk: its record in its segment */
    uint32_t bytes;   /* of the frame; 0: a hole, nothing can be sent under this number */
    bool held;        /* msg is valid */
};

struct outbox {
    struct outbox_entry *ring; /* owned; entry of seq is ring[seq & (cap - 1)] */
    uint64_t cap;              /* a power of two */
    uint64_t epoch;
    uint64_t first, next; /* numbers held: first..next-1 */
    uint64_t bytes;       /* sum of frames */
    uint64_t bytes_max;
    uint64_t batches_max;
    struct spool spool; /* dir_fd < 0: in memory */
    struct buf scratch;
    struct daybook_error *error; /* borrowed: where failures are told */
};

struct outbox_config {
    const char *path; /* NULL: in memory */
    struct str producer;
    enum daybook_sync sync;
    uint64_t bytes_max, batches_max;
    uint64_t frame_bytes_max;
    uint64_t epoch, first_seq; /* of a new outbox */
    struct daybook_error *error;
};

enum daybook_status outbox_open(struct outbox *o, const struct outbox_config *config);
void outbox_close(struct outbox *o);

static inline bool outbox_is_on_disk(const struct outbox *o)
{
    return o->spool.dir_fd >= 0;
}

static inline struct outbox_entry *outbox_entry(const struct outbox *o, uint64_t seq)
{
    return &o->ring[seq & (o->cap - 1)];
}

/* Is there room for a frame of so many bytes? */
bool outbox_has_room(const struct outbox *o, uint64_t frame_bytes);

/* Take the frame in *msg as number `next`. *msg stays the caller's, to send or to close. */
enum daybook_status outbox_append(struct outbox *o, zmq_msg_t *msg, uint64_t now_ns);

/* Make *msg (not initialised) the frame of seq, to be sent. CORRUPT: it no longer checks out and is
 * a hole from now on. */
enum daybook_status outbox_message(struct outbox *o, uint64_t seq, zmq_msg_t *msg);

/* Forget everything up to and including `through`. */
void outbox_drop(struct outbox *o, uint64_t through);

/* The holes at or after seq: their first number (`next` when there is none) and one above. */
uint64_t outbox_hole(const struct outbox *o, uint64_t seq, uint64_t *end);

/* Move what is kept, from keep_from on and without holes, to a new epoch, numbered from 1. On
 * failure the old epoch is in force. */
enum daybook_status outbox_renew(struct outbox *o, const struct envelope *env, uint64_t epoch,
                                 uint64_t keep_from);

#endif
