/* Groups of measurements that the programs of this folder share. Each reports its own figures;
 * ST_OK: measured and, where there is something to check, right. */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "bench/ask.h"
#include "bench/daemon.h"
#include "bench/publisher.h"

/* Ceilings of this machine; `dir`: on the disk whose sync is measured. */
enum status suite_ceilings(const char *dir) MUST_CHECK;

/* One workload against one daemon. */
struct bench {
    enum workload_shape shape;
    const char *name;    /* of the shape */
    uint64_t seconds;    /* of the full-rate run, at least */
    uint64_t paced_rate; /* events a second of the paced run; 0: 80 % of what was measured */
    struct daemon daemon;
    void *zmq;
    struct workload *workload;
    struct publisher *publisher; /* heap; one producer for the daemon's whole life */
    struct ask ask;
    uint64_t rate; /* measured by suite_rate */
};

/* Start the daemon with fresh data and connect; `why` is reported on failure. */
enum status bench_open(struct bench *b) MUST_CHECK;
void bench_close(struct bench *b);

/* Flat out for b->seconds and 10 checkpoints: events / time until a checkpoint covers the last. */
enum status suite_rate(struct bench *b) MUST_CHECK;

/* Hold sampled accounts against the slow counter. Needs publisher->record from the start. */
enum status suite_verify(struct bench *b) MUST_CHECK;

/* Ack latency at a steady rate. */
enum status suite_paced(struct bench *b, uint64_t rate, const char *what) MUST_CHECK;

/* 30-day views of one app: on an idle engine, and while it is flooded. */
enum status suite_query_idle(struct bench *b) MUST_CHECK;
enum status suite_query_loaded(struct bench *b) MUST_CHECK;

/* Batches of one event, one at a time, on an idle engine. */
enum status suite_lone(struct bench *b) MUST_CHECK;

/* Bytes per bucket after 10 million events; time to ready after kill -9 with a full journal. Both
 * start daemons of their own with fresh data. */
enum status suite_size(struct bench *b) MUST_CHECK;
enum status suite_restart(struct bench *b) MUST_CHECK;

/* The rate over tcp and ipc with 1, 4 and 16 publishers; and with 10,000 to 10,000,000 accounts. */
enum status suite_publishers(struct bench *b) MUST_CHECK;
enum status suite_accounts(struct bench *b) MUST_CHECK;

/* b->seconds at full rate, a line every ten seconds. */
enum status suite_soak(struct bench *b) MUST_CHECK;

#endif
