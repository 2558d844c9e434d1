/* Moving a recording in time. The cuts are kept as a sorted list of (instant, sum cut so far), so
 * that mapping one time is a binary search and never depends on the order of the input. */
#include "collectors/retime.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

#define TIMES_MAX ((size_t)64 << 20) /* events of one recording whose silences can be cut */

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum status retime_add(struct retime *r, int64_t time_ms)
{
    if (!r->any || time_ms < r->oldest_ms)
        r->oldest_ms = time_ms;
    if (!r->any || time_ms > r->newest_ms)
        r->newest_ms = time_ms;
    r->any = true;
    if (r->max_gap_ms == 0)
        return ST_OK;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 1024;
        if (cap > TIMES_MAX)
            return ST_TOO_LARGE;
        int64_t *times = realloc(r->times, cap * sizeof *times);
        if (times == NULL)
            return ST_NO_MEMORY;
        r->times = times;
        r->cap = cap;
    }
    r->times[r->n++] = time_ms;
    return ST_OK;
}

enum status retime_close(struct retime *r)
{
    CHECK(r->cuts == NULL);
    if (r->n == 0)
        return ST_OK;
    qsort(r->times, r->n, sizeof *r->times, by_time);
    size_t cuts_n = 0;
    for (size_t i = 1; i < r->n; i++)
        cuts_n += r->times[i] - r->times[i - 1] > r->max_gap_ms;
    if (cuts_n > 0) {
        r->cuts = calloc(cuts_n, sizeof *r->cuts);
        if (r->cuts == NULL)
            return ST_NO_MEMORY;
        int64_t sum = 0;
        for (size_t i = 1; i < r->n; i++) {
            int64_t gap = r->times[i] - r->times[i - 1];
            if (gap > r->max_gap_ms) {
                sum += gap - r->max_gap_ms;
                r->cuts[r->cuts_n++] = (struct retime_cut){r->times[i], sum};
            }
        }
    }
    free(r->times);
    r->times = NULL;
    r->n = r->cap = 0;
    return ST_OK;
}

static int64_t without_silence(const struct retime *r, int64_t time_ms)
{
    size_t lo = 0;
    size_t hi = r->cuts_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->cuts[mid].from_ms <= time_ms)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo == 0 ? time_ms : time_ms - r->cuts[lo - 1].cut_ms;
}

int64_t retime_shift_to(const struct retime *r, int64_t now_ms)
{
    return r->any ? now_ms - without_silence(r, r->newest_ms) : 0;
}

int64_t retime_map(const struct retime *r, int64_t time_ms)
{
    return without_silence(r, time_ms) + r->shift_ms;
}

void retime_fini(struct retime *r)
{
    free(r->times);
    free(r->cuts);
    *r = (struct retime){0};
}
