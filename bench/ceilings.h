/* What this machine can do without an engine: the upper bounds that end-to-end figures are held
 * against, measured in the same run. */
#ifndef BENCH_CEILINGS_H
#define BENCH_CEILINGS_H

#include "bench/histogram.h"
#include "bench/workload.h"

/* Events a second through a DEALER and a ROUTER that answers every batch and does nothing else.
 * endpoint: "tcp://127.0.0.1:*" or "ipc:///path". */
enum status ceiling_transport(const char *endpoint, const struct workload *w, double seconds,
                              double *events_per_s) MUST_CHECK;

/* Round trips of 64 bytes, one at a time. */
enum status ceiling_round_trip(const char *endpoint, unsigned n, struct histogram *out) MUST_CHECK;

#define CEILING_ROUND 512 /* messages made ahead, outside the measured time: 6 MB */

/* Events a second decoded from memory and counted, `rounds` rounds of messages: into a table that
 * starts empty and grows (cold), and the same once more into the full table (hot). */
enum status ceiling_count(const struct workload *w, unsigned rounds, double *cold_per_s,
                          double *hot_per_s) MUST_CHECK;

/* Append `bytes` to a file in dir and fdatasync it, n times. */
enum status ceiling_sync(const char *dir, size_t bytes, unsigned n,
                         struct histogram *out) MUST_CHECK;

#endif
