/* TZif files (RFC 9636). A file lists instants at which the offset changes, and ends with a rule
 * for all the time after the last of them:
 *
 *   "TZif" version(1) zero(15) isutc_n(4) isstd_n(4) leap_n(4) time_n(4) type_n(4) char_n(4)
 *   time(4 or 8) * time_n  type(1) * time_n  (utoff(4) isdst(1) name(1)) * type_n
 *   name bytes * char_n  leap(8 or 12) * leap_n  isstd(1) * isstd_n  isutc(1) * isutc_n
 *
 * once with times of 4 bytes, passed over here, then once with times of 8 bytes, then
 * "\n" rule "\n", where the rule is a POSIX TZ text such as CET-1CEST,M3.5.0,M10.5.0/3 or empty.
 * All numbers are big-endian. Everything is checked against the file's end before it is used. */
#include "engine/base/zone.h"

#include "engine/base/bytes.h"
#include "engine/base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPES_MAX   256
#define TIMES_MAX   4096
#define OFFSET_MAX  (26 * 3600) /* RFC 9636: -25:59:59 .. 25:59:59 */
#define DAY_S       86400
#define RULE_HOURS  167                /* of the time of day in a rule */
#define RULE_S_MAX  (INT64_C(1) << 40) /* 36,800 years: beyond, a rule is not asked */
#define HEADER_SIZE 44

/* When in a year a rule's clock changes. */
struct change {
    enum { JULIAN, YEAR_DAY, MONTH_DAY } form;
    int32_t day;         /* JULIAN 1..365 without 29 February; YEAR_DAY 0..365; MONTH_DAY 0..6 */
    int32_t month, week; /* MONTH_DAY: 1..12; 1..5, 5 is the last */
    int32_t at_s;        /* local time of that day, before the change */
};

struct rule {
    bool known, dst;          /* known: there is a rule; dst: with two offsets */
    int32_t std_off, dst_off; /* s east of UTC */
    struct change start, end; /* of dst */
};

struct zone {
    struct rule rule;
    uint32_t times_n;
    int32_t first_off; /* before the first time */
    int64_t *at_s;     /* ascending; behind the struct */
    int32_t *off;      /* from at_s on; behind it */
};

/* ---- the rule's text ---- */

struct text {
    const char *p, *end;
    bool bad;
};

static bool eat(struct text *t, char c)
{
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int32_t number(struct text *t, int32_t min, int32_t max)
{
    int32_t v = 0;
    const char *from = t->p;
    while (t->p < t->end && is_digit(*t->p) && v <= max)
        v = v * 10 + (*t->p++ - '0');
    if (t->p == from || v < min || v > max)
        t->bad = true;
    return v;
}

static void name(struct text *t)
{
    const char *from = t->p;
    const bool quoted = eat(t, '<');
    while (t->p < t->end && (is_letter(*t->p) || (quoted && *t->p != '>' && *t->p != '\n')))
        t->p++;
    if (t->p == from || (quoted && !eat(t, '>')))
        t->bad = true;
}

/* [+-]hh[:mm[:ss]] in s */
static int32_t clock_time(struct text *t, int32_t hours_max)
{
    const bool minus = eat(t, '-');
    if (!minus)
        (void)eat(t, '+');
    int32_t s = number(t, 0, hours_max) * 3600;
    if (eat(t, ':')) {
        s += number(t, 0, 59) * 60;
        if (eat(t, ':'))
            s += number(t, 0, 59);
    }
    return minus ? -s : s;
}

static void change(struct text *t, struct change *c)
{
    if (!eat(t, ','))
        t->bad = true;
    if (eat(t, 'M')) {
        c->form = MONTH_DAY;
        c->month = number(t, 1, 12);
        t->bad |= !eat(t, '.');
        c->week = number(t, 1, 5);
        t->bad |= !eat(t, '.');
        c->day = number(t, 0, 6);
    } else if (eat(t, 'J')) {
        c->form = JULIAN;
        c->day = number(t, 1, 365);
    } else {
        c->form = YEAR_DAY;
        c->day = number(t, 0, 365);
    }
    c->at_s = eat(t, '/') ? clock_time(t, RULE_HOURS) : 2 * 3600;
}

/* std offset [dst [offset] , start , end]; offsets are west of UTC. */
static bool read_rule(struct str s, struct rule *r)
{
    struct text t = {s.p, s.p + s.n, false};
    *r = (struct rule){.known = s.n > 0};
    if (!r->known)
        return true;
    name(&t);
    r->std_off = -clock_time(&t, 24);
    r->dst = !t.bad && t.p < t.end;
    if (r->dst) {
        name(&t);
        r->dst_off = r->std_off + 3600;
        if (t.p < t.end && *t.p != ',')
            r->dst_off = -clock_time(&t, 24);
        change(&t, &r->start);
        change(&t, &r->end);
    }
    return !t.bad && t.p == t.end;
}

/* ---- what a rule says ---- */

/* Days from the start of the year. */
static int32_t day_of_change(const struct change *c, int32_t year)
{
    const int32_t first = day_from_civil((struct civil){year, 1, 1});
    const bool leap = day_from_civil((struct civil){year + 1, 1, 1}) - first == 366;
    if (c->form == YEAR_DAY)
        return c->day;
    if (c->form == JULIAN)
        return c->day - 1 + (leap && c->day > 59);
    const int32_t month = day_from_civil((struct civil){year, (uint32_t)c->month, 1});
    const int32_t next = c->month == 12
                             ? first + 365 + leap
                             : day_from_civil((struct civil){year, (uint32_t)c->month + 1, 1});
    const int32_t weekday = (int32_t)(((int64_t)month % 7 + 11) % 7); /* 1970-01-01: Thursday */
    int32_t day = month + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
    while (day >= next)
        day -= 7;
    return day - first;
}

static int64_t change_s(const struct change *c, int32_t year, int32_t off_before)
{
    const int64_t first = day_from_civil((struct civil){year, 1, 1});
    return (first + day_of_change(c, year)) * DAY_S + c->at_s - off_before;
}

/* What holds from a moment on, and up to when. */
struct span_of_time {
    int32_t off;
    int64_t until_s; /* INT64_MAX: for ever */
};

/* The latest change at or before s decides; the earliest after s ends it. The changes of two years
 * around are looked at, since a time of day may reach a week out of its year. */
static struct span_of_time ask_rule(const struct rule *r, int64_t s)
{
    struct span_of_time found = {r->std_off, INT64_MAX};
    if (!r->dst || s > RULE_S_MAX || s < -RULE_S_MAX)
        return found;
    const int32_t year = civil_from_day((int32_t)(s / DAY_S)).year;
    int64_t latest = INT64_MIN;
    for (int32_t y = year - 2; y <= year + 2; y++) {
        const struct {
            int64_t at;
            int32_t off;
        } changes[2] = {{change_s(&r->start, y, r->std_off), r->dst_off},
                        {change_s(&r->end, y, r->dst_off), r->std_off}};
        for (unsigned i = 0; i < 2; i++) {
            if (changes[i].at <= s && changes[i].at >= latest) {
                latest = changes[i].at;
                found.off = changes[i].off;
            }
            if (changes[i].at > s && changes[i].at < found.until_s)
                found.until_s = changes[i].at;
        }
    }
    return found;
}

static struct span_of_time ask(const struct zone *z, int64_t s)
{
    uint32_t low = 0, high = z->times_n; /* the times at or before s are [0, low) */
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (z->at_s[mid] <= s)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < z->times_n)
        return (struct span_of_time){low ? z->off[low - 1] : z->first_off, z->at_s[low]};
    if (z->rule.known)
        return ask_rule(&z->rule, s);
    return (struct span_of_time){low ? z->off[low - 1] : z->first_off, INT64_MAX};
}

/* ---- the file ---- */

struct head {
    uint8_t version;
    uint32_t isutc_n, isstd_n, leap_n, time_n, type_n, char_n;
};

static bool read_head(struct reader *r, struct head *h)
{
    const uint8_t *magic = read_span(r, 4);
    h->version = read_u8(r);
    (void)read_span(r, 15);
    uint32_t *const counts[] = {&h->isutc_n, &h->isstd_n, &h->leap_n,
                                &h->time_n,  &h->type_n,  &h->char_n};
    for (size_t i = 0; i < N_OF(counts); i++)
        *counts[i] = (uint32_t)read_be(r, 4);
    return !r->bad && memcmp(magic, "TZif", 4) == 0;
}

static bool within(const struct head *h)
{
    const uint32_t n = ZONE_FILE_BYTES_MAX;
    return h->time_n <= TIMES_MAX && h->type_n >= 1 && h->type_n <= TYPES_MAX && h->char_n <= n &&
           h->isutc_n <= TYPES_MAX && h->isstd_n <= TYPES_MAX && h->leap_n <= TIMES_MAX;
}

static void pass_body(struct reader *r, const struct head *h, size_t time_bytes)
{
    (void)read_span(r, h->time_n * (time_bytes + 1) + h->type_n * 6 + h->char_n +
                           h->leap_n * (time_bytes + 4) + h->isstd_n + h->isutc_n);
}

static bool read_types(struct reader *r, uint32_t n, int32_t offs[static TYPES_MAX])
{
    for (uint32_t i = 0; i < n; i++) {
        offs[i] = (int32_t)(uint32_t)read_be(r, 4);
        if (offs[i] < -OFFSET_MAX || offs[i] > OFFSET_MAX)
            return false;
        (void)read_span(r, 2);
    }
    return !r->bad;
}

/* The body with times of 8 bytes, into z. */
static bool read_body(struct reader *r, const struct head *h, struct zone *z)
{
    int32_t offs[TYPES_MAX];
    z->times_n = h->time_n;
    for (uint32_t i = 0; i < h->time_n; i++) {
        z->at_s[i] = (int64_t)read_be(r, 8);
        if (i && z->at_s[i] <= z->at_s[i - 1])
            return false;
    }
    const uint8_t *types = read_span(r, h->time_n);
    if (r->bad || !read_types(r, h->type_n, offs))
        return false;
    z->first_off = offs[0];
    for (uint32_t i = 0; i < h->time_n; i++) {
        if (types[i] >= h->type_n)
            return false;
        z->off[i] = offs[types[i]];
    }
    pass_body(r, &(struct head){.char_n = h->char_n, .isstd_n = h->isstd_n, .isutc_n = h->isutc_n},
              8);
    return !r->bad;
}

static bool read_footer(struct reader *r, struct rule *rule)
{
    const size_t n = reader_left(r);
    if (n < 2 || r->p[0] != '\n' || r->p[n - 1] != '\n')
        return false;
    return read_rule((struct str){(const char *)r->p + 1, n - 2}, rule);
}

static struct zone *zone_new(uint32_t times_n)
{
    struct zone *z = calloc(1, sizeof *z + times_n * (sizeof *z->at_s + sizeof *z->off));
    if (!z)
        return NULL;
    z->at_s = (int64_t *)(z + 1);
    z->off = (int32_t *)(z->at_s + times_n);
    return z;
}

enum status zone_parse(const void *bytes, size_t n, struct zone **out)
{
    struct reader r = reader_of(bytes, n);
    struct head h;
    if (n > ZONE_FILE_BYTES_MAX || !read_head(&r, &h) || h.version < '2' || !within(&h))
        return ST_INVALID;
    pass_body(&r, &h, 4);
    /* Leap seconds would make a day longer than the sum of its parts; no zone of UTC has them. */
    if (!read_head(&r, &h) || h.version < '2' || !within(&h) || h.leap_n)
        return ST_INVALID;
    struct zone *z = zone_new(h.time_n);
    if (!z)
        return ST_NO_MEMORY;
    if (!read_body(&r, &h, z) || !read_footer(&r, &z->rule)) {
        zone_free(&z);
        return ST_INVALID;
    }
    *out = z;
    return ST_OK;
}

void zone_free(struct zone **z)
{
    free(*z);
    *z = NULL;
}

bool zone_name_ok(struct str s)
{
    if (s.n == 0 || s.n > ZONE_NAME_MAX || s.p[0] < 'A' || s.p[0] > 'Z')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool first = i == 0 || s.p[i - 1] == '/';
        const bool inner = c != 0 && strchr("+-_./", c);
        if (!is_letter(c) && !is_digit(c) && (!inner || first))
            return false;
    }
    return s.p[s.n - 1] != '/';
}

static enum status read_file(const char *path, uint8_t *to, size_t *n)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? ST_NOT_FOUND : ST_IO_ERROR;
    struct stat st;
    enum status status = ST_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        status = ST_NOT_FOUND;
    *n = 0;
    while (status == ST_OK && *n <= ZONE_FILE_BYTES_MAX) {
        const ssize_t got = read(fd, to + *n, ZONE_FILE_BYTES_MAX + 1 - *n);
        if (got < 0 && errno != EINTR)
            status = ST_IO_ERROR;
        if (got == 0)
            break;
        *n += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd); /* nothing was written */
    return status;
}

enum status zone_read(const char *dir, struct str zone, struct zone **out)
{
    char path[512];
    size_t n;
    if (!zone_name_ok(zone))
        return ST_NOT_FOUND;
    const size_t path_n =
        text_fmt(path, sizeof path, "%s/%.*s", dir ? dir : ZONE_DIR, (int)zone.n, zone.p);
    if (path_n + 1 >= sizeof path)
        return ST_NOT_FOUND;
    uint8_t *bytes = malloc(ZONE_FILE_BYTES_MAX + 1);
    if (!bytes)
        return ST_NO_MEMORY;
    enum status st = read_file(path, bytes, &n);
    if (st == ST_OK)
        st = zone_parse(bytes, n, out);
    free(bytes);
    return st == ST_INVALID ? ST_NOT_FOUND : st;
}

/* ---- questions ---- */

static int64_t second_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

int32_t zone_offset_s(const struct zone *z, int64_t ms)
{
    return ask(z, second_of(ms)).off;
}

int64_t zone_day_start_ms(const struct zone *z, int32_t day)
{
    const int64_t midnight = (int64_t)day * DAY_S;
    int64_t s = midnight - OFFSET_MAX; /* never after it, whatever the offset */
    for (;;) {
        const struct span_of_time now = ask(z, s);
        const int64_t here = midnight - now.off > s ? midnight - now.off : s;
        if (here < now.until_s)
            return here * 1000;
        s = now.until_s;
    }
}

int32_t zone_day(const struct zone *z, int64_t ms)
{
    int32_t day = day_of_ms(ms + zone_offset_s(z, ms) * INT64_C(1000));
    /* The clock may have been set back over midnight: the day that had begun goes on. */
    while (zone_day_start_ms(z, day + 1) <= ms)
        day++;
    return day;
}
