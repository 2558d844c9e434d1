/* Readers and buffers. Each function either does its whole work or sets `bad` and does nothing, so
 * that a parser is a straight line of reads and one check at its end. All arithmetic on lengths of
 * untrusted input lives here and compares before it adds. */
#include "engine/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/base/check.h"

#define VARINT_BYTES_MAX 10
#define BUF_CAP_MIN      256
#define BUF_KEEP         ((size_t)1 << 20) /* not worth giving back */

static void reader_fail(struct reader *r)
{
    r->bad = true;
    r->p = r->end; /* every later read is short, too */
}

/* The tenth byte may hold one bit only: 9 * 7 = 63. */
uint64_t read_varint_slow(struct reader *r)
{
    uint64_t v = 0;
    const uint8_t *p = r->p;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && p < r->end; i++) {
        uint8_t c = *p++;
        if (i == VARINT_BYTES_MAX - 1 && c > 1)
            break;
        v |= (uint64_t)(c & 0x7f) << (7 * i);
        if (c < 0x80) {
            r->p = p;
            return v;
        }
    }
    reader_fail(r);
    return 0;
}

const uint8_t *read_span(struct reader *r, size_t n)
{
    if (r->bad || n > reader_left(r)) {
        reader_fail(r);
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

uint8_t read_u8(struct reader *r)
{
    const uint8_t *p = read_span(r, 1);
    return p != NULL ? *p : 0;
}

uint64_t read_be(struct reader *r, unsigned bytes_n)
{
    CHECK(bytes_n >= 1 && bytes_n <= 8);
    const uint8_t *p = read_span(r, bytes_n);
    return p != NULL ? get_be(p, bytes_n) : 0;
}

/* A leading zero would give one number two keys, so it is a fault. */
uint64_t read_ordered(struct reader *r)
{
    unsigned n = read_u8(r);
    if (n == 0)
        return 0;
    if (n > 8 || reader_left(r) < n || r->p[0] == 0) {
        reader_fail(r);
        return 0;
    }
    return read_be(r, n);
}

struct str read_str(struct reader *r)
{
    uint64_t n = read_varint(r);
    if (n > reader_left(r)) {
        reader_fail(r);
        return (struct str){NULL, 0};
    }
    const uint8_t *p = read_span(r, (size_t)n);
    return (struct str){(const char *)p, p != NULL ? (size_t)n : 0};
}

void buf_fini(struct buf *b)
{
    if (b == NULL)
        return;
    free(b->p);
    *b = (struct buf){.cap_max = b->cap_max};
}

void buf_reset_lean(struct buf *b)
{
    if (b->cap > BUF_KEEP && b->n < b->cap / 4)
        buf_fini(b);
    buf_reset(b);
}

bool buf_room(struct buf *b, size_t more)
{
    if (b->bad)
        return false;
    if (more <= b->cap - b->n)
        return true;
    if (b->n > b->cap_max || more > b->cap_max - b->n) {
        b->bad = true;
        return false;
    }
    size_t need = b->n + more;
    size_t cap = b->cap < BUF_CAP_MIN ? BUF_CAP_MIN : b->cap;
    while (cap < need)
        cap = cap > b->cap_max / 2 ? b->cap_max : cap * 2;
    if (cap > b->cap_max)
        cap = b->cap_max;
    uint8_t *p = realloc(b->p, cap);
    if (p == NULL) {
        b->bad = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !buf_room(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_u8(struct buf *b, uint8_t v)
{
    if (!buf_room(b, 1))
        return;
    b->p[b->n++] = v;
}

/* The low bytes_n bytes of v. A value that does not fit is a fault of the caller. */
void buf_be(struct buf *b, uint64_t v, unsigned bytes_n)
{
    CHECK(bytes_n >= 1 && bytes_n <= 8);
    CHECK(bytes_n == 8 || v >> (8 * bytes_n) == 0);
    if (!buf_room(b, bytes_n))
        return;
    (void)put_be(b->p + b->n, v, bytes_n);
    b->n += bytes_n;
}

/* Through a small array: near the ceiling only the bytes really needed must fit. */
void buf_varint(struct buf *b, uint64_t v)
{
    uint8_t tmp[VARINT_BYTES_MAX];
    buf_put(b, tmp, (size_t)(put_varint(tmp, v) - tmp));
}

void buf_ordered(struct buf *b, uint64_t v)
{
    uint8_t tmp[9];
    buf_put(b, tmp, (size_t)(put_ordered(tmp, v) - tmp));
}

void buf_str(struct buf *b, struct str s)
{
    buf_varint(b, s.n);
    buf_put(b, s.p, s.n);
}

uint8_t *put_ordered(uint8_t *p, uint64_t v)
{
    unsigned n = v == 0 ? 0 : (71 - (unsigned)__builtin_clzll(v)) / 8;
    *p++ = (uint8_t)n;
    for (unsigned i = n; i-- > 0;)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
    char text[256]; /* enough for nearly all; what is longer is printed again where it belongs */
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    CHECK(n >= 0);
    if ((size_t)n < sizeof(text)) {
        buf_put(b, text, (size_t)n);
    } else if (buf_room(b, (size_t)n + 1)) {
        va_start(args, fmt);
        (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, args);
        va_end(args);
        b->n += (size_t)n;
    }
}
