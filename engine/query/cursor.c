/* Sealing and opening cursors. */
#include "engine/query/cursor.h"

#include "engine/base/hash.h"

#define CURSOR_VERSION 1
#define HEAD_BYTES     9
#define CHECK_BYTES    4

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct str base64(const uint8_t *p, size_t n, struct arena *a)
{
    char *to = arena_alloc(a, (n + 2) / 3 * 4 + 1);
    if (!to)
        return (struct str){NULL, 0};
    size_t at = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i < 3 ? n - i : 3;
        uint32_t w = (uint32_t)p[i] << 16;
        w |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        w |= left > 2 ? p[i + 2] : 0;
        for (size_t k = 0; k <= left; k++)
            to[at++] = digits[w >> (18 - 6 * k) & 63];
    }
    return (struct str){to, at};
}

static int digit_of(char c)
{
    const char *at = c ? memchr(digits, c, 64) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* False when text is no base64url, or not the one text of its bytes (unused bits must be zero). */
static bool unbase64(struct str text, uint8_t *to, size_t *n)
{
    uint32_t w = 0;
    unsigned bits = 0;
    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        int d = digit_of(text.p[i]);
        if (d < 0)
            return false;
        w = (w << 6 | (uint32_t)d) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[(*n)++] = (uint8_t)(w >> bits);
        }
    }
    return bits < 6 && (w & ((1u << bits) - 1)) == 0;
}

static uint32_t check_of(const uint8_t *p, size_t n)
{
    return (uint32_t)hash64(p, n);
}

struct str cursor_seal(uint64_t question, const struct buf *payload, struct arena *a)
{
    size_t n = HEAD_BYTES + payload->n;
    uint8_t *raw = payload->bad ? NULL : arena_alloc(a, n + CHECK_BYTES);
    if (!raw)
        return (struct str){NULL, 0};
    raw[0] = CURSOR_VERSION;
    put_be(raw + 1, question, 8);
    if (payload->n)
        memcpy(raw + HEAD_BYTES, payload->p, payload->n);
    put_be(raw + n, check_of(raw, n), CHECK_BYTES);
    return base64(raw, n + CHECK_BYTES, a);
}

enum status cursor_open(struct str text, uint64_t question, struct arena *a, struct reader *payload,
                        char why[static 512])
{
    uint8_t *raw = arena_alloc(a, text.n + 1);
    if (!raw)
        return ST_NO_MEMORY;
    size_t n;
    bool whole = unbase64(text, raw, &n) && n >= HEAD_BYTES + CHECK_BYTES &&
                 raw[0] == CURSOR_VERSION &&
                 get_be(raw + n - CHECK_BYTES, CHECK_BYTES) == check_of(raw, n - CHECK_BYTES);
    if (!whole) {
        text_fmt(why, 512,
                 "cursor is none of this engine's; give the one of the answer before, unchanged");
        return ST_BAD_CURSOR;
    }
    if (get_be(raw + 1, 8) != question) {
        text_fmt(
            why, 512,
            "cursor belongs to another question; view, account and filters must stay the same");
        return ST_BAD_CURSOR;
    }
    *payload = reader_of(raw + HEAD_BYTES, n - HEAD_BYTES - CHECK_BYTES);
    return ST_OK;
}
