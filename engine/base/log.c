/* One line per call, built in a stack buffer and written with one write(2), so that lines of
 * several threads do not mix. In JSON each key=value of the message becomes a member; words without
 * '=' belong to the value before them ("error=Connection refused"). */
#include "engine/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/text.h"

#define LOG_MESSAGE_MAX 1024
#define LOG_LINE_MAX    8192

static const char *const level_name[] = {"error", "warn", "info", "debug"};

static atomic_int log_level_now = LOG_INFO;
static atomic_bool log_json_now = false;

void log_setup(enum log_level level, bool json)
{
    CHECK((unsigned)level < N_OF(level_name));
    atomic_store(&log_level_now, (int)level);
    atomic_store(&log_json_now, json);
}

struct line {
    char p[LOG_LINE_MAX];
    size_t n; /* at most sizeof(p) - 8, which leaves room for the end */
};

static void line_put(struct line *l, const char *p, size_t n)
{
    size_t room = sizeof(l->p) - 8 - l->n;
    n = n < room ? n : room;
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void line_puts(struct line *l, const char *z)
{
    line_put(l, z, strlen(z));
}

/* Length of a message byte sequence that may be printed as it is; 0: escape one byte. */
static size_t plain_run(const char *p, size_t n)
{
    uint8_t c = (uint8_t)p[0];
    if (c >= 0x20 && c < 0x7f)
        return 1;
    bool c1_control = c == 0xc2 && n > 1 && (uint8_t)p[1] < 0xa0;
    for (size_t k = 2; c >= 0x80 && !c1_control && k <= 4 && k <= n; k++) {
        if (text_is_utf8(p, k))
            return k;
    }
    return 0;
}

/* Control characters (C0, DEL, C1) and bytes that are not UTF-8 become \u00xx, so a peer's text can
 * neither start a line of its own nor drive a terminal. */
static void line_escaped(struct line *l, struct str s, bool json)
{
    for (size_t i = 0; i < s.n;) {
        size_t run = plain_run(s.p + i, s.n - i);
        if (run == 0) {
            char esc[8];
            size_t n = text_fmt(esc, sizeof(esc), "\\u%04x", (unsigned)(uint8_t)s.p[i]);
            line_put(l, esc, n);
            i++;
            continue;
        }
        if (json && (s.p[i] == '"' || s.p[i] == '\\'))
            line_puts(l, "\\");
        line_put(l, s.p + i, run);
        i += run;
    }
}

static void line_member(struct line *l, struct str key, struct str value)
{
    line_puts(l, ",\"");
    line_escaped(l, key, true);
    line_puts(l, "\":\"");
    line_escaped(l, value, true);
    line_puts(l, "\"");
}

/* Length of a key ([a-z0-9_.]+ and '=') at p, without the '='; 0: none. */
static size_t key_length(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && ((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '_' ||
                     p[i] == '.'))
        i++;
    return i < n && p[i] == '=' ? i : 0;
}

/* Where the first key at or after `at` begins; the message's length if there is none. */
static size_t next_key(struct str msg, size_t at)
{
    while (at < msg.n) {
        bool word_starts = at == 0 || msg.p[at - 1] == ' ';
        if (word_starts && key_length(msg.p + at, msg.n - at) != 0)
            return at;
        at++;
    }
    return msg.n;
}

/* The bytes between two keys, without the space before the second. */
static struct str between(struct str msg, size_t from, size_t to)
{
    while (to > from && msg.p[to - 1] == ' ')
        to--;
    return (struct str){msg.p + from, to - from};
}

static void line_members(struct line *l, struct str msg)
{
    size_t at = next_key(msg, 0);
    if (at > 0)
        line_member(l, STR("message"), between(msg, 0, at));
    while (at < msg.n) {
        size_t k = key_length(msg.p + at, msg.n - at);
        size_t next = next_key(msg, at + k + 1);
        line_member(l, (struct str){msg.p + at, k}, between(msg, at + k + 1, next));
        at = next;
    }
}

static void line_write(const struct line *l)
{
    size_t at = 0;
    while (at < l->n) {
        ssize_t n = write(STDERR_FILENO, l->p + at, l->n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nowhere left to complain */
        at += (size_t)n;
    }
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
    if ((int)level > atomic_load(&log_level_now))
        return;
    CHECK((unsigned)level < N_OF(level_name));
    int errno_kept = errno;
    bool json = atomic_load(&log_json_now);
    char msg[LOG_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(msg, sizeof(msg), fmt, args);
    va_end(args);
    struct str text = {msg, n < 0 ? 0 : (size_t)n < sizeof(msg) ? (size_t)n : sizeof(msg) - 1};
    char when[25];
    time_format(clock_now().wall_ms, when);

    struct line l = {.n = 0};
    if (json) {
        line_puts(&l, "{\"time\":\"");
        line_puts(&l, when);
        line_puts(&l, "\",\"level\":\"");
        line_puts(&l, level_name[level]);
        line_puts(&l, "\"");
        line_member(&l, STR("area"), str_of(area));
        line_members(&l, text);
        line_puts(&l, "}\n");
    } else {
        line_puts(&l, when);
        line_puts(&l, " ");
        line_puts(&l, level_name[level]);
        line_puts(&l, " ");
        line_puts(&l, area);
        line_puts(&l, " ");
        line_escaped(&l, text, false);
        line_puts(&l, "\n");
    }
    line_write(&l);
    errno = errno_kept;
}
