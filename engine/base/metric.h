/* A latency histogram: fixed memory, no allocation, no float, merges by addition.
 *
 * Log-linear: each power of two is split into 32 equal buckets, so a bucket is at most 1/32 of its
 * lowest value wide; values below 64 have a bucket each. A quantile is reported as the highest
 * value of its bucket (never above the largest recorded one): with t the exact nearest-rank
 * quantile, t <= reported <= t + t / 32. 1,920 buckets cover all of uint64_t in 15 KiB. Not
 * thread-safe: one owner, or merge copies. */
#ifndef ENGINE_BASE_METRIC_H
#define ENGINE_BASE_METRIC_H

#include <stdint.h>

#define METRIC_HIST_SUB_BITS 5
#define METRIC_HIST_BUCKETS  ((64 - METRIC_HIST_SUB_BITS + 1) << METRIC_HIST_SUB_BITS)

/* Zero-initialised is empty. */
struct metric_hist {
    uint64_t n;      /* values recorded */
    uint64_t sum_ns; /* exact; stays at UINT64_MAX once over it */
    uint64_t max_ns; /* exact */
    uint64_t bucket[METRIC_HIST_BUCKETS];
};

void metric_hist_add(struct metric_hist *h, uint64_t ns);

/* The value at or below which `per_10000` / 10,000 of the recorded ones lie: 5000 is the median,
 * 9900 p99, 10000 the maximum. per_10000 is at most 10000. 0 when nothing was recorded.
 * Cost: one pass over the buckets. */
uint64_t metric_hist_quantile(const struct metric_hist *h, uint32_t per_10000);

/* How many of the recorded values are known to be at or below ns: those whose bucket ends there or
 * before. Cost: one pass over the buckets. */
uint64_t metric_hist_at_most(const struct metric_hist *h, uint64_t ns);

/* The mean, rounded down; 0 when nothing was recorded. */
uint64_t metric_hist_mean(const struct metric_hist *h);

/* Add all of `from` to `into`: the same as having recorded both streams in one. */
void metric_hist_merge(struct metric_hist *into, const struct metric_hist *from);

void metric_hist_reset(struct metric_hist *h);

#endif
