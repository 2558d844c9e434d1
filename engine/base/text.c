/* Slices, UTF-8, numbers and near misses. All of it is independent of the locale. */
#include "engine/base/text.h"

#include <stdarg.h>
#include <stdio.h>

#define DISTANCE_MAX 64

#define WORD_LOW     UINT64_C(0x0101010101010101)
#define WORD_HIGH    UINT64_C(0x8080808080808080)

/* Eight bytes that are all ASCII and none of them NUL. `(w - 1) & ~w` has a high bit where a byte
 * is zero; a borrow can only add false alarms above a real zero, never hide one. */
static bool word_is_plain(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return ((w | ((w - WORD_LOW) & ~w)) & WORD_HIGH) == 0;
}

static bool is_tail(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the valid sequence at p, 0 if there is none. The range of the second byte carries the
 * rules: e0 needs a0.. (overlong), ed ends at 9f (surrogates), f0 needs 90.., f4 ends at 8f. */
static size_t utf8_step(const uint8_t *p, size_t left)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return c != 0;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    size_t n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    if (n > 2 && !is_tail(p[2]))
        return 0;
    if (n > 3 && !is_tail(p[3]))
        return 0;
    return n;
}

bool text_is_utf8(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t at = 0;
    while (at < n) {
        if (n - at >= 8 && word_is_plain(p + at)) {
            at += 8;
            continue;
        }
        size_t step = utf8_step(p + at, n - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

enum status text_u64(struct str s, uint64_t *out)
{
    if (s.n == 0 || s.n > 20 || (s.n > 1 && s.p[0] == '0'))
        return ST_INVALID;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(uint8_t)s.p[i] - '0';
        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return ST_INVALID;
        v = v * 10 + digit;
    }
    *out = v;
    return ST_OK;
}

size_t text_fmt(char *buf, size_t cap, const char *fmt, ...)
{
    if (cap == 0)
        return 0;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(buf, cap, fmt, args);
    va_end(args);
    if (n < 0) { /* an encoding error of libc: no text is better than half of one */
        buf[0] = '\0';
        return 0;
    }
    return (size_t)n < cap ? (size_t)n : cap - 1;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* One row of the classic table at a time; `diagonal` is the cell up and to the left. */
unsigned text_distance(struct str a, struct str b)
{
    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX)
        return DISTANCE_MAX;
    unsigned row[DISTANCE_MAX + 1];
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned swap = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, swap);
        }
    }
    return row[b.n];
}
