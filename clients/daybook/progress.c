/* Progress bar: drawn at most ten times a second on a terminal, every five seconds elsewhere. */
#include "clients/daybook/progress.h"

#include <string.h>

#include "engine/base/clock.h"

#define NS_PER_S    UINT64_C(1000000000)
#define DRAW_TTY_NS (NS_PER_S / 10)
#define DRAW_LOG_NS (NS_PER_S * 5)
#define BAR_WIDTH   24

void progress_begin(struct progress *p, struct cli *cli, bool quiet, const char *what,
                    uint64_t total)
{
    *p = (struct progress){
        .to = quiet ? NULL : cli->err,
        .tty = cli->err_tty,
        .columns = cli->columns,
        .what = what,
        .total = total,
        .begin_ns = clock_mono_ns(),
    };
    p->drawn_ns = p->begin_ns;
}

const char *grouped(uint64_t v, char buf[static 32])
{
    char digits[24];
    size_t n = text_fmt(digits, sizeof digits, "%llu", (unsigned long long)v);
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            buf[to++] = ',';
        buf[to++] = digits[i];
    }
    buf[to] = '\0';
    return buf;
}

static size_t bar(uint64_t permille, char *to, size_t cap)
{
    char fill[BAR_WIDTH + 1];
    size_t full = (size_t)(permille * BAR_WIDTH / 1000);
    memset(fill, '.', BAR_WIDTH);
    memset(fill, '#', full);
    fill[BAR_WIDTH] = '\0';
    return text_fmt(to, cap, "[%s] %3u %%  ", fill, (unsigned)(permille / 10));
}

size_t progress_line(const struct progress *p, uint64_t at, uint64_t events, uint64_t elapsed_ns,
                     char to[static PROGRESS_LINE_MAX])

{
    const size_t cap = PROGRESS_LINE_MAX;
    char count[32], rate[32];
    uint64_t ms = elapsed_ns / 1000000 + 1;
    size_t n = text_fmt(to, cap, "%s  ", p->what);
    if (p->total > 0) {
        if (at > p->total)
            at = p->total;
        n += bar((uint64_t)((double)at / (double)p->total * 1000), to + n, cap - n);
    }
    n += text_fmt(to + n, cap - n, "%s events, %s/s", grouped(events, count),
                  grouped((uint64_t)((double)events * 1000 / (double)ms), rate));
    if (p->total > 0 && at > 0 && at < p->total && elapsed_ns > NS_PER_S) {
        uint64_t left_s = (uint64_t)((double)(p->total - at) * (double)ms / (double)at / 1000) + 1;
        n += text_fmt(to + n, cap - n, ", %llu:%02llu left", (unsigned long long)(left_s / 60),
                      (unsigned long long)(left_s % 60));
    }
    return n;
}

void progress_at(struct progress *p, uint64_t at, uint64_t events)
{
    if (p->to == NULL)
        return;
    uint64_t now_ns = clock_mono_ns();
    if (now_ns - p->drawn_ns < (p->tty ? DRAW_TTY_NS : DRAW_LOG_NS))
        return;
    p->drawn_ns = now_ns;
    char line[PROGRESS_LINE_MAX];
    (void)progress_line(p, at, events, now_ns - p->begin_ns, line);
    if (p->tty)
        (void)fprintf(p->to, "\r%.*s\033[K", (int)p->columns - 1, line);
    else
        (void)fprintf(p->to, "%s\n", line);
    (void)fflush(p->to);
    p->drawn = true;
}

void progress_end(struct progress *p)
{
    if (p->to != NULL && p->tty && p->drawn)
        (void)fprintf(p->to, "\r\033[K");
    p->drawn = false;
}
