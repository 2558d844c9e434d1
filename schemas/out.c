/* One writer of answers for both encodings. Every string that leaves is valid UTF-8 without NUL,
 * whatever came in: a byte that breaks this is written as '?'. */
#include "schemas/out.h"

#include "engine/base/check.h"

struct out out_to(enum encoding encoding, struct buf *buf)
{
    return (struct out){.encoding = encoding, .buf = buf};
}

static bool is_json(const struct out *o)
{
    return o->encoding == ENCODING_JSON;
}

/* Account for one value about to be written, and write what stands before it. */
static void before_value(struct out *o)
{
    if (o->depth == 0)
        return;
    uint32_t at = o->depth - 1;
    if (o->level[at].map) {
        CHECK(o->level[at].after_key);
        o->level[at].after_key = false;
        return;
    }
    CHECK(o->level[at].left > 0);
    o->level[at].left--;
    if (is_json(o) && !o->level[at].first)
        buf_u8(o->buf, ',');
    o->level[at].first = false;
}

/* Heads of msgpack strings, arrays and maps: fix form below `fix_n`, then 8 (strings), 16, 32. */
static void pack_head(struct buf *b, uint32_t n, uint8_t fix, uint32_t fix_n)
{
    static const uint8_t wide[] = {0xda, 0xdc, 0xde};
    uint8_t code16 = wide[fix == 0xa0 ? 0 : fix == 0x90 ? 1 : 2];
    if (n < fix_n) {
        buf_u8(b, (uint8_t)(fix | n));
    } else if (fix == 0xa0 && n <= UINT8_MAX) {
        buf_u8(b, 0xd9);
        buf_u8(b, (uint8_t)n);
    } else if (n <= UINT16_MAX) {
        buf_u8(b, code16);
        buf_be(b, n, 2);
    } else {
        buf_u8(b, (uint8_t)(code16 + 1));
        buf_be(b, n, 4);
    }
}

static void open_level(struct out *o, uint32_t n, bool map)
{
    before_value(o);
    CHECK(o->depth < OUT_DEPTH_MAX);
    if (is_json(o))
        buf_u8(o->buf, map ? '{' : '[');
    else
        pack_head(o->buf, n, map ? 0x80 : 0x90, 16);
    o->level[o->depth].left = n;
    o->level[o->depth].map = map;
    o->level[o->depth].first = true;
    o->level[o->depth].after_key = false;
    o->depth++;
}

void out_map(struct out *o, uint32_t pairs_n)
{
    open_level(o, pairs_n, true);
}

void out_array(struct out *o, uint32_t items_n)
{
    open_level(o, items_n, false);
}

void out_end(struct out *o)
{
    CHECK(o->depth > 0);
    o->depth--;
    CHECK(o->level[o->depth].left == 0);
    CHECK(!o->level[o->depth].after_key);
    if (is_json(o))
        buf_u8(o->buf, o->level[o->depth].map ? '}' : ']');
}

static void put_json_byte(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char esc[6] = {'\\', 'u', '0', '0', 0, 0};
    switch (c) {
    case '"':
    case '\\':
        esc[1] = (char)c;
        buf_put(b, esc, 2);
        break;
    case '\n':
        buf_put(b, "\\n", 2);
        break;
    case '\r':
        buf_put(b, "\\r", 2);
        break;
    case '\t':
        buf_put(b, "\\t", 2);
        break;
    default:
        esc[4] = hex[c >> 4];
        esc[5] = hex[c & 15];
        buf_put(b, esc, 6);
        break;
    }
}

static bool json_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static void put_json(struct buf *b, struct str s, bool valid)
{
    buf_u8(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool broken = !valid && (c >= 0x80 || c == 0);
        if (json_plain(c) && !broken)
            continue;
        buf_put(b, s.p + from, i - from);
        if (broken)
            buf_u8(b, '?');
        else
            put_json_byte(b, c);
        from = i + 1;
    }
    buf_put(b, s.p + from, s.n - from);
    buf_u8(b, '"');
}

static void put_text(struct out *o, struct str s)
{
    bool valid = s.n == 0 || text_is_utf8(s.p, s.n);
    if (s.n == 0)
        s.p = "";
    if (is_json(o)) {
        put_json(o->buf, s, valid);
        return;
    }
    pack_head(o->buf, (uint32_t)s.n, 0xa0, 32);
    if (valid) {
        buf_put(o->buf, s.p, s.n);
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        buf_u8(o->buf, c >= 0x80 || c == 0 ? '?' : c);
    }
}

void out_key(struct out *o, const char *key)
{
    CHECK(o->depth > 0);
    uint32_t at = o->depth - 1;
    CHECK(o->level[at].map);
    CHECK(!o->level[at].after_key);
    CHECK(o->level[at].left > 0);
    o->level[at].left--;
    if (is_json(o) && !o->level[at].first)
        buf_u8(o->buf, ',');
    o->level[at].first = false;
    o->level[at].after_key = true;
    put_text(o, str_of(key));
    if (is_json(o))
        buf_u8(o->buf, ':');
}

static void put_decimal(struct buf *b, uint64_t v, bool minus)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    if (minus)
        digits[--at] = '-';
    buf_put(b, digits + at, sizeof digits - at);
}

static void pack_u64(struct buf *b, uint64_t v)
{
    if (v < 0x80) {
        buf_u8(b, (uint8_t)v);
    } else if (v <= UINT8_MAX) {
        buf_u8(b, 0xcc);
        buf_u8(b, (uint8_t)v);
    } else if (v <= UINT16_MAX) {
        buf_u8(b, 0xcd);
        buf_be(b, v, 2);
    } else if (v <= UINT32_MAX) {
        buf_u8(b, 0xce);
        buf_be(b, v, 4);
    } else {
        buf_u8(b, 0xcf);
        buf_be(b, v, 8);
    }
}

static void pack_negative(struct buf *b, int64_t v)
{
    if (v >= -32) {
        buf_u8(b, (uint8_t)v);
    } else if (v >= INT8_MIN) {
        buf_u8(b, 0xd0);
        buf_u8(b, (uint8_t)v);
    } else if (v >= INT16_MIN) {
        buf_u8(b, 0xd1);
        buf_be(b, (uint64_t)v & UINT16_MAX, 2);
    } else if (v >= INT32_MIN) {
        buf_u8(b, 0xd2);
        buf_be(b, (uint64_t)v & UINT32_MAX, 4);
    } else {
        buf_u8(b, 0xd3);
        buf_be(b, (uint64_t)v, 8);
    }
}

void out_u64(struct out *o, uint64_t v)
{
    before_value(o);
    if (is_json(o))
        put_decimal(o->buf, v, false);
    else
        pack_u64(o->buf, v);
}

void out_i64(struct out *o, int64_t v)
{
    if (v >= 0) {
        out_u64(o, (uint64_t)v);
        return;
    }
    before_value(o);
    if (is_json(o))
        put_decimal(o->buf, -(uint64_t)v, true);
    else
        pack_negative(o->buf, v);
}

void out_str(struct out *o, struct str s)
{
    before_value(o);
    put_text(o, s);
}

void out_z(struct out *o, const char *s)
{
    if (s == NULL)
        out_null(o);
    else
        out_str(o, str_of(s));
}

void out_bool(struct out *o, bool v)
{
    before_value(o);
    if (is_json(o))
        buf_put(o->buf, v ? "true" : "false", v ? 4 : 5);
    else
        buf_u8(o->buf, v ? 0xc3 : 0xc2);
}

void out_null(struct out *o)
{
    before_value(o);
    if (is_json(o))
        buf_put(o->buf, "null", 4);
    else
        buf_u8(o->buf, 0xc0);
}

void out_token(struct out *o, const struct token *t)
{
    switch (t->type) {
    case TOKEN_INT:
        out_u64(o, t->number);
        break;
    case TOKEN_STR:
        out_str(o, t->text);
        break;
    case TOKEN_NONE:
        out_null(o);
        break;
    }
}

void out_raw(struct out *o, const void *p, size_t n, uint32_t items_n)
{
    if (items_n == 0)
        return;
    before_value(o);
    buf_put(o->buf, p, n);
    if (o->depth > 0 && !o->level[o->depth - 1].map) {
        CHECK(o->level[o->depth - 1].left >= items_n - 1);
        o->level[o->depth - 1].left -= items_n - 1;
    }
}

void out_pair_u64(struct out *o, const char *key, uint64_t v)
{
    out_key(o, key);
    out_u64(o, v);
}

void out_pair_i64(struct out *o, const char *key, int64_t v)
{
    out_key(o, key);
    out_i64(o, v);
}

void out_pair_str(struct out *o, const char *key, struct str s)
{
    out_key(o, key);
    out_str(o, s);
}

void out_pair_z(struct out *o, const char *key, const char *s)
{
    out_key(o, key);
    out_z(o, s);
}

void out_pair_bool(struct out *o, const char *key, bool v)
{
    out_key(o, key);
    out_bool(o, v);
}

void out_pair_null(struct out *o, const char *key)
{
    out_key(o, key);
    out_null(o);
}
