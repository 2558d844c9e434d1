#include "engine/query/rhythm.h"

#include "engine/base/check.h"

#define WEEK 7

uint64_t rhythm_median(uint64_t *values, uint32_t n)
{
    CHECK(n > 0);
    for (uint32_t i = 1; i < n; i++) { /* at most 31: insertion is the fastest sort */
        const uint64_t v = values[i];
        uint32_t k = i;
        for (; k > 0 && values[k - 1] > v; k--)
            values[k] = values[k - 1];
        values[k] = v;
    }
    return values[(n - 1) / 2];
}

static uint64_t times(uint64_t v, uint64_t k)
{
    return v > UINT64_MAX / k ? UINT64_MAX : v * k;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

void rhythm_of(const uint64_t *days, uint32_t n, bool last_open, struct rhythm *out)
{
    uint64_t values[RHYTHM_DAYS_MAX];
    CHECK(n <= RHYTHM_DAYS_MAX);
    *out = (struct rhythm){.days = days, .closed_end = n - (last_open && n > 0), .end = n};
    while (out->first < n && days[out->first] == 0)
        out->first++;
    if (out->closed_end < out->first + RHYTHM_CLOSED_MIN)
        return;
    const uint32_t closed_n = out->closed_end - out->first;
    for (uint32_t i = 0; i < closed_n; i++)
        values[i] = days[out->first + i];
    out->known = true;
    out->median = rhythm_median(values, closed_n);
    for (uint32_t i = 0; i < closed_n; i++)
        values[i] = distance(days[out->first + i], out->median);
    out->spread = rhythm_median(values, closed_n);
    if (out->spread < out->median / 10)
        out->spread = out->median / 10;
    if (out->spread < 1)
        out->spread = 1;
}

/* The median of the other closed days of the same weekday; false: fewer than two. */
static bool weekday_median(const struct rhythm *r, uint32_t i, uint64_t *out)
{
    uint64_t values[RHYTHM_DAYS_MAX];
    uint32_t n = 0;
    for (uint32_t k = r->first + (i - r->first) % WEEK; k < r->closed_end; k += WEEK)
        if (k != i)
            values[n++] = r->days[k];
    if (n < 2)
        return false;
    *out = rhythm_median(values, n);
    return true;
}

enum rhythm_verdict rhythm_judge(const struct rhythm *r, uint32_t i, uint64_t *expected)
{
    const uint64_t x = r->days[i];
    *expected = r->median;
    if (!r->known || i < r->first || distance(x, r->median) <= times(r->spread, RHYTHM_SPREADS))
        return RHYTHM_USUAL;
    uint64_t weekday;
    const bool weekly = weekday_median(r, i, &weekday);
    if (weekly)
        *expected = weekday;
    if (x > r->median)
        return x >= RHYTHM_COUNT_MIN && (!weekly || x > times(weekday, 2)) ? RHYTHM_HIGH
                                                                           : RHYTHM_USUAL;
    return i < r->closed_end && r->median >= RHYTHM_COUNT_MIN && (!weekly || times(x, 2) < weekday)
               ? RHYTHM_LOW
               : RHYTHM_USUAL;
}
