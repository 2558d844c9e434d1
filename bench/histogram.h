/* Latencies in ns, kept to 3 % in 32 steps an octave; no allocation, any number of samples. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   32 /* a power of two */
#define HISTOGRAM_BUCKETS (60 * HISTOGRAM_STEPS)

struct histogram {
    uint64_t n[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max_ns;
};

static inline unsigned histogram_bucket(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned octave = 58u - (unsigned)__builtin_clzll(ns); /* 0 for 32..63 */
    return (octave + 1) * HISTOGRAM_STEPS + (unsigned)(ns >> octave) - HISTOGRAM_STEPS;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    h->n[histogram_bucket(ns)]++;
    h->total++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

/* The latency that a share q (0..1) of the samples does not exceed, in ns; 0 when empty. */
static inline uint64_t histogram_quantile(const struct histogram *h, double q)
{
    uint64_t rank = (uint64_t)(q * (double)h->total), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->n[i];
        if (seen > rank || (seen == h->total && seen > 0)) {
            unsigned octave = i / HISTOGRAM_STEPS;
            uint64_t low =
                octave == 0 ? i : (uint64_t)(HISTOGRAM_STEPS + i % HISTOGRAM_STEPS) << (octave - 1);
            return low < h->max_ns ? low : h->max_ns;
        }
    }
    return 0;
}

#endif
