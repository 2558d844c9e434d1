/* A recorded stream: frames with the time they were received, as written by daybookd's record_to
 * and by `daybook generate`, and read by `daybook replay`.
 *
 *   "DAYBOOKR"  8 bytes
 *   version     4 bytes, big-endian: 1
 *   then any number of
 *     received  8 bytes, big-endian: ms since 1970 UTC
 *     length    4 bytes, big-endian
 *     frame     length bytes: one ingest frame, JSON or msgpack, as it came
 *
 * A stream may end inside a record (the writer died): what is complete counts. Streams may be
 * joined by leaving out the later ones' first 12 bytes. */
#ifndef SCHEMAS_RECORDING_H
#define SCHEMAS_RECORDING_H

#include <stdint.h>
#include <string.h>

#include "engine/base/bytes.h"

#define RECORDING_MAGIC      "DAYBOOKR"
#define RECORDING_VERSION    1
#define RECORDING_HEAD_BYTES 12 /* of the stream */
#define RECORD_HEAD_BYTES    12 /* of each frame */

static inline void recording_head(uint8_t head[RECORDING_HEAD_BYTES])
{
    memcpy(head, RECORDING_MAGIC, 8);
    memset(head + 8, 0, 3);
    head[11] = RECORDING_VERSION;
}

static inline void record_head(uint8_t head[RECORD_HEAD_BYTES], int64_t received_ms, uint32_t bytes)
{
    (void)put_be(put_be(head, (uint64_t)received_ms, 8), bytes, 4);
}

static inline void record_head_read(const uint8_t head[RECORD_HEAD_BYTES], int64_t *received_ms,
                                    uint32_t *bytes)
{
    *received_ms = (int64_t)get_be(head, 8);
    *bytes = (uint32_t)get_be(head + 8, 4);
}

#endif
