/* The few forms of msgpack that events and envelopes need. */
#include "clients/publish/pack.h"

void pack_nil(struct buf *b)
{
    buf_u8(b, 0xc0);
}

void pack_bool(struct buf *b, bool v)
{
    buf_u8(b, v ? 0xc3 : 0xc2);
}

void pack_u64(struct buf *b, uint64_t v)
{
    if (v < 0x80) {
        buf_u8(b, (uint8_t)v);
        return;
    }
    uint8_t tag = v <= UINT8_MAX ? 0xcc : v <= UINT16_MAX ? 0xcd : v <= UINT32_MAX ? 0xce : 0xcf;
    buf_u8(b, tag);
    buf_be(b, v, 1u << (tag - 0xcc));
}

/* A length that does not fit the short form follows tag in 2 or 4 bytes. */
static void pack_length(struct buf *b, uint32_t n, uint8_t tag16)
{
    bool wide = n > UINT16_MAX;
    buf_u8(b, (uint8_t)(tag16 + wide));
    buf_be(b, n, wide ? 4 : 2);
}

void pack_str(struct buf *b, struct str s)
{
    if (s.n > UINT32_MAX) {
        b->bad = true;
        return;
    }
    if (s.n < 32) {
        buf_u8(b, (uint8_t)(0xa0 | s.n));
    } else if (s.n <= UINT8_MAX) {
        buf_u8(b, 0xd9);
        buf_u8(b, (uint8_t)s.n);
    } else {
        pack_length(b, (uint32_t)s.n, 0xda);
    }
    buf_put(b, s.p, s.n);
}

void pack_array(struct buf *b, uint32_t n)
{
    if (n < 16)
        buf_u8(b, (uint8_t)(0x90 | n));
    else
        pack_length(b, n, 0xdc);
}

void pack_map(struct buf *b, uint32_t n)
{
    if (n < 16)
        buf_u8(b, (uint8_t)(0x80 | n));
    else
        pack_length(b, n, 0xde);
}
