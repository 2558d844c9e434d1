/* The bucket of a value is its exponent and the five bits below its leading one. Values below 64
 * fall out of the same formula with a bucket each. */
#include "engine/base/metric.h"

#include <string.h>

#include "engine/base/check.h"

#define SUB_N (1u << METRIC_HIST_SUB_BITS)

static uint32_t bucket_of(uint64_t ns)
{
    if (ns < SUB_N)
        return (uint32_t)ns;
    uint32_t shift = 63 - METRIC_HIST_SUB_BITS - (uint32_t)__builtin_clzll(ns);
    return (shift << METRIC_HIST_SUB_BITS) + (uint32_t)(ns >> shift);
}

/* The highest value that falls into the bucket. */
static uint64_t bucket_high(uint32_t i)
{
    if (i < 2 * SUB_N)
        return i;
    uint32_t shift = (i >> METRIC_HIST_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(i - (shift << METRIC_HIST_SUB_BITS)) << shift;
    return low + ((UINT64_C(1) << shift) - 1);
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void metric_hist_add(struct metric_hist *h, uint64_t ns)
{
    h->n++;
    h->sum_ns = add_capped(h->sum_ns, ns);
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
    h->bucket[bucket_of(ns)]++;
}

uint64_t metric_hist_quantile(const struct metric_hist *h, uint32_t per_10000)
{
    CHECK(per_10000 <= 10000);
    if (h->n == 0)
        return 0;
    /* Nearest rank, ceil(n * q), at least 1; split so that the product cannot overflow. */
    uint64_t rank = h->n / 10000 * per_10000 + (h->n % 10000 * per_10000 + 9999) / 10000;
    rank = rank == 0 ? 1 : rank;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < METRIC_HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank) {
            uint64_t high = bucket_high(i);
            return high < h->max_ns ? high : h->max_ns;
        }
    }
    return h->max_ns;
}

uint64_t metric_hist_at_most(const struct metric_hist *h, uint64_t ns)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < METRIC_HIST_BUCKETS && bucket_high(i) <= ns; i++)
        n += h->bucket[i];
    return n;
}

uint64_t metric_hist_mean(const struct metric_hist *h)
{
    return h->n == 0 ? 0 : h->sum_ns / h->n;
}

void metric_hist_merge(struct metric_hist *into, const struct metric_hist *from)
{
    into->n += from->n;
    into->sum_ns = add_capped(into->sum_ns, from->sum_ns);
    into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
    for (uint32_t i = 0; i < METRIC_HIST_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
}

void metric_hist_reset(struct metric_hist *h)
{
    memset(h, 0, sizeof(*h));
}
