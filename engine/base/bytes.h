/* Bytes in and out with a sticky fault, checked once at the end; length arithmetic lives here only.
 *
 * Numbers: varint = LEB128, 7 bits a byte, low bits first, at most 10 bytes.
 *          ordered = one byte n (0..8), then n big-endian bytes without leading zero: memcmp order
 *          is numeric order. 0 -> 00, 255 -> 01 ff, 256 -> 02 01 00. */
#ifndef ENGINE_BASE_BYTES_H
#define ENGINE_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"

/* A reader over borrowed bytes. After the first short read `bad` is set, reads return 0. */
struct reader {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static inline struct reader reader_of(const void *p, size_t n)
{
    /* NULL has no end one past it, not even with nothing in between. */
    return (struct reader){p, n > 0 ? (const uint8_t *)p + n : p, false};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

uint64_t read_varint_slow(struct reader *r);

static inline uint64_t read_varint(struct reader *r)
{
    if (__builtin_expect(r->p < r->end && r->p[0] < 0x80, 1))
        return *r->p++;
    return read_varint_slow(r);
}

uint8_t read_u8(struct reader *r);
uint64_t read_be(struct reader *r, unsigned bytes_n); /* 1..8 big-endian bytes */
uint64_t read_ordered(struct reader *r);
struct str read_str(struct reader *r);                /* varint length, then bytes; borrowed */
const uint8_t *read_span(struct reader *r, size_t n); /* n bytes; NULL and bad when short */

/* A growing buffer with a ceiling. Over the ceiling or out of memory `bad` is set and later writes
 * are dropped. Owned: buf_fini frees. Zero-initialised with cap_max set is a valid empty buffer. */
struct buf {
    uint8_t *p;
    size_t n;       /* bytes written */
    size_t cap;     /* bytes allocated */
    size_t cap_max; /* ceiling in bytes */
    bool bad;
};

static inline struct buf buf_of(size_t cap_max)
{
    return (struct buf){.cap_max = cap_max};
}

void buf_fini(struct buf *b);               /* frees, empties; NULL-safe */
static inline void buf_reset(struct buf *b) /* keeps the memory */
{
    b->n = 0;
    b->bad = false;
}
void buf_reset_lean(struct buf *b);        /* gives the memory back when most of it lay idle */
bool buf_room(struct buf *b, size_t more); /* make room for `more` bytes; false: bad is set */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_be(struct buf *b, uint64_t v, unsigned bytes_n);
void buf_varint(struct buf *b, uint64_t v);
void buf_ordered(struct buf *b, uint64_t v);
void buf_str(struct buf *b, struct str s); /* varint length, then bytes */
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Raw forms for hot loops: the caller has made room (10 and 9 bytes). Return the new end. */
static inline uint64_t zigzag(int64_t v) /* small for small numbers of either sign */
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1 ^ (UINT64_C(0) - (v & 1)));
}

static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}
uint8_t *put_ordered(uint8_t *p, uint64_t v);

/* The low bytes_n (1..8) bytes of v, big-endian; where that is a constant, one move. */
static inline uint8_t *put_be(uint8_t *p, uint64_t v, unsigned bytes_n)
{
    v = htobe64(v << (64 - 8 * bytes_n));
    memcpy(p, &v, bytes_n);
    return p + bytes_n;
}
static inline uint64_t get_be(const uint8_t *p, unsigned bytes_n)
{
    uint64_t v = 0;
    memcpy(&v, p, bytes_n);
    return be64toh(v) >> (64 - 8 * bytes_n);
}

#endif
