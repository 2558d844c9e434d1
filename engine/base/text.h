/* Text: borrowed slices, UTF-8, numbers, and calendar time without libc's locale and TZ traps. */
#ifndef ENGINE_BASE_TEXT_H
#define ENGINE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/status.h"

/* A borrowed slice of bytes; p may be NULL when n is 0. Lifetime: that of what it points into. */
struct str {
    const char *p;
    size_t n; /* bytes */
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

static inline struct str str_of(const char *z)
{
    return (struct str){z, strlen(z)};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The largest integer on the wire: 2^53 - 1, exact in every JSON reader. */
#define WIRE_INT_MAX ((UINT64_C(1) << 53) - 1)

/* Valid UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool text_is_utf8(const char *p, size_t n);

/* Decimal digits only, no sign, no leading zero but "0" itself; at most UINT64_MAX.
 * ST_INVALID otherwise. */
enum status text_u64(struct str s, uint64_t *out) MUST_CHECK;

/* Bounded printf; always terminates. Returns the length written (cut to cap - 1). */
size_t text_fmt(char *buf, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Levenshtein distance for "did you mean", both at most 64 bytes (longer: 64). */
unsigned text_distance(struct str a, struct str b);

/* ---- calendar: proleptic Gregorian, UTC (Howard Hinnant's civil algorithms) ---- */

#define MS_PER_DAY INT64_C(86400000)

/* UTC day number of an instant: days since 1970-01-01, floor division. */
static inline int32_t day_of_ms(int64_t ms)
{
    int64_t day = ms / MS_PER_DAY;
    return (int32_t)(ms % MS_PER_DAY < 0 ? day - 1 : day);
}

struct civil {
    int32_t year;
    uint32_t month; /* 1..12 */
    uint32_t day;   /* 1..31 */
};

int32_t day_from_civil(struct civil c);
struct civil civil_from_day(int32_t day);

/* "2026-11-23" <-> day number. Strict; ST_INVALID for impossible dates. buf holds 11 bytes. */
enum status day_parse(struct str s, int32_t *out) MUST_CHECK;
const char *day_format(int32_t day, char buf[static 11]);

/* RFC 3339 with offset ("2026-11-23T09:57:22.401Z", "+02:00"; second 60 reads as 59.999; fractions
 * beyond ms are cut) <-> ms since 1970 UTC. buf holds 25 bytes; formats with ms and Z. */
enum status time_parse(struct str s, int64_t *out_ms) MUST_CHECK;
const char *time_format(int64_t ms, char buf[static 25]);

#endif
