/* The answers to a batch (WIRE 2): ack and refusal. */
#ifndef SCHEMAS_ACK_H
#define SCHEMAS_ACK_H

#include "schemas/frame.h"
#include "schemas/out.h"

/* What ingest decided about one batch; either an ack (status ST_OK or ST_DUPLICATE) or a refusal.
 */
struct outcome {
    enum status status;
    struct str message;  /* refusals: one sentence */
    uint32_t accepted;   /* events */
    uint32_t duplicate;  /* events */
    uint32_t rejected;   /* events */
    bool cursor;         /* an envelope that only asked for the cursor: epoch and seq answer it */
    uint64_t epoch, seq; /* of the cursor, when `cursor` */
    bool has_expected_seq;
    uint64_t expected_seq; /* GAP; also refusals that leave the cursor where it was */
    bool has_current_epoch;
    uint64_t current_epoch;  /* STALE_EPOCH */
    uint32_t retry_after_ms; /* 0: absent */
};

#define ACK_REJECTED_MAX 100 /* rejections listed in one ack */

/* Encode the answer to b: echoes producer, epoch, seq and request as b carried them. */
void ack_encode(const struct batch *b, const struct outcome *o, struct buf *to);

#endif
