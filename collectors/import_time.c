/* Instants as recordings write them. Every form is rewritten to RFC 3339 and read by the one strict
 * parser in base, so that impossible dates and offsets are refused in one place. */
#include "collectors/import_format.h"

#define TEXT_MAX 40 /* longest form: 35 bytes with nine digits of fraction and an offset */

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static enum status epoch_time(struct str s, int64_t *out_ms)
{
    uint64_t v;
    if (s.n > 16 || text_u64(s, &v) != ST_OK)
        return ST_INVALID;
    *out_ms = (int64_t)(s.n <= 11 ? v * 1000 : v);
    return ST_OK;
}

/* The part behind the seconds or minutes: nothing (UTC), "Z", "+0200", "+02:00". */
static size_t offset_text(struct str tail, char *to)
{
    if (tail.n == 0)
        return text_fmt(to, TEXT_MAX, "Z");
    if (tail.n == 5 && (tail.p[0] == '+' || tail.p[0] == '-'))
        return text_fmt(to, TEXT_MAX, "%.3s:%.2s", tail.p, tail.p + 3);
    return text_fmt(to, TEXT_MAX, "%.*s", (int)tail.n, tail.p);
}

enum status import_time(struct str s, int64_t *out_ms)
{
    if (all_digits(s))
        return epoch_time(s, out_ms);
    if (s.n < 10 || s.n > TEXT_MAX - 5)
        return ST_INVALID;
    char t[TEXT_MAX * 2];
    if (s.n == 10) {
        text_fmt(t, sizeof t, "%.10sT00:00:00Z", s.p);
    } else {
        if (s.p[10] != ' ' && s.p[10] != 'T' && s.p[10] != 't')
            return ST_INVALID;
        struct str clock = {s.p + 11, s.n - 11};
        size_t clock_n = 0;
        while (clock_n < clock.n && memchr("0123456789:.", clock.p[clock_n], 12) != NULL)
            clock_n++;
        struct str tail = {clock.p + clock_n, clock.n - clock_n};
        if (tail.n > 1 && tail.p[0] == ' ') /* "13:00:00 +02:00" */
            tail = (struct str){tail.p + 1, tail.n - 1};
        char offset[TEXT_MAX];
        offset_text(tail, offset);
        text_fmt(t, sizeof t, "%.10sT%.*s%s%s", s.p, (int)clock_n, clock.p,
                 clock_n == 5 ? ":00" : "", offset);
    }
    for (unsigned i = 4; i <= 7; i += 3)
        if (t[i] == '/')
            t[i] = '-';
    return time_parse(str_of(t), out_ms);
}

enum status import_log_time(struct str s, int64_t *out_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    /* 0123456789012345678901234567890
     * 22/Apr/2009:18:52:51 +1200 */
    if (s.n != 26 || s.p[2] != '/' || s.p[6] != '/' || s.p[11] != ':' || s.p[20] != ' ')
        return ST_INVALID;
    unsigned month = 0;
    while (month < 12 && memcmp(months + 3 * (size_t)month, s.p + 3, 3) != 0)
        month++;
    if (month == 12)
        return ST_INVALID;
    char t[TEXT_MAX];
    text_fmt(t, sizeof t, "%.4s-%02u-%.2sT%.8s%.3s:%.2s", s.p + 7, month + 1, s.p, s.p + 12,
             s.p + 21, s.p + 24);
    return time_parse(str_of(t), out_ms);
}
