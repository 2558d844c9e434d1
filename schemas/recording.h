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
    for (unsigned i = 0; i < 8; i++)
        head[i] = (uint8_t)((uint64_t)received_ms >> (56 - 8 * i));
    for (unsigned i = 0; i < 4; i++)
        head[8 + i] = (uint8_t)(bytes >> (24 - 8 * i));
}

static inline void record_head_read(const uint8_t head[RECORD_HEAD_BYTES], int64_t *received_ms,
                                    uint32_t *bytes)
{
    uint64_t ms = 0;

    *bytes = 0;
    for (unsigned i = 0; i < 8; i++)
        ms = ms << 8 | head[i];
    for (unsigned i = 0; i < 4; i++)
        *bytes = *bytes << 8 | head[8 + i];
    *received_ms = (int64_t)ms;
}

#endif
