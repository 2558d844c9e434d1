/* Figures as JSON lines on stdout for programs, and as a table on stderr for people. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/histogram.h"

/* One figure: {"bench": what, "workload": of, "value": v, "unit": unit}. */
void report(const char *what, const char *of, double v, const char *unit);

/* p50, p99, p99.9 and the maximum in microseconds, in one line. */
void report_latency(const char *what, const char *of, const struct histogram *h);

/* A line for people only. */
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
