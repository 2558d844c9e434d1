/* Stored values carry a checksum: crc(4, big-endian) = low half of XXH3 of what follows. A flipped
 * bit on the disk is then an error, never a wrong number. */
#ifndef AGGREGATORS_VALUE_H
#define AGGREGATORS_VALUE_H

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/store/store.h"

/* Empty b and leave room for the checksum. */
static inline void value_begin(struct buf *b)
{
    buf_reset(b);
    buf_be(b, 0, 4);
}

/* Fill the checksum in. Running out of memory is fatal here: what is merged is committed already.
 */
static inline void value_seal(struct buf *b)
{
    CHECK(!b->bad);
    (void)put_be(b->p, hash64(b->p + 4, b->n - 4), 4);
}

/* A reader behind the checksum. ST_CORRUPT when it does not match. */
static inline enum status value_open(struct span value, struct reader *out)
{
    struct reader r = reader_of(value.p, value.n);
    const uint64_t crc = read_be(&r, 4);
    if (r.bad || (uint32_t)hash64(r.p, reader_left(&r)) != crc)
        return ST_CORRUPT;
    *out = r;
    return ST_OK;
}

/* A moment, counted from another one. No event has one beyond WIRE_INT_MAX, so that what is added
 * to a time needs no thought of overflow: any other fails the reader. */
static inline int64_t read_time_from(struct reader *r, int64_t base_ms)
{
    const uint64_t more = read_varint(r), ms = (uint64_t)base_ms + more;
    if (more <= WIRE_INT_MAX && ms <= WIRE_INT_MAX)
        return (int64_t)ms;
    r->bad = true;
    return 0;
}

static inline int64_t read_time(struct reader *r)
{
    return read_time_from(r, 0);
}

/* The same, and it may lie before the other one: zigzag. */
static inline int64_t read_time_near(struct reader *r, int64_t base_ms)
{
    const uint64_t ms = (uint64_t)base_ms + (uint64_t)unzigzag(read_varint(r));
    if (ms <= WIRE_INT_MAX)
        return (int64_t)ms;
    r->bad = true;
    return 0;
}

#endif
