/* The envelope around a batch: {"producer": .., "epoch": .., "seq": .., "events": [..]}.
 *
 * Epoch and sequence always take the same room (9 bytes in msgpack, 16 digits or spaces in JSON),
 * so that a frame can be numbered after its events were written, and renumbered in place. */
#ifndef CLIENTS_PUBLISH_ENVELOPE_H
#define CLIENTS_PUBLISH_ENVELOPE_H

#include "engine/base/bytes.h"

struct envelope {
    struct buf prefix[2]; /* owned: msgpack, JSON; all bytes before the events, numbers zero */
    size_t epoch_at[2];   /* where the numbers stand in it */
    size_t seq_at[2];
};

/* producer: 1..128 bytes of UTF-8. false: no memory. */
bool envelope_init(struct envelope *env, struct str producer);
void envelope_fini(struct envelope *env);

/* JSON as the wire sniffs it: the first byte is '{', '[' or white space. */
bool envelope_is_json(const void *body, size_t n);

/* Bytes of the frame around n bytes of events. */
size_t envelope_frame_bytes(const struct envelope *env, bool json, size_t n);

/* Write the frame around body[0..n) to `to`, which has envelope_frame_bytes of room. */
void envelope_write(const struct envelope *env, struct str body, uint64_t epoch, uint64_t seq,
                    uint8_t *to);

/* Put other numbers into a frame; false: it is not a frame of this envelope. */
bool envelope_renumber(const struct envelope *env, uint8_t *frame, size_t n, uint64_t epoch,
                       uint64_t seq);

/* Append the question for the cursor, answered with the same request number. */
void envelope_cursor(const struct envelope *env, uint64_t epoch, uint64_t request, struct buf *to);

#endif
