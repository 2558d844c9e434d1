/* A publisher that follows the wire and nothing else: one DEALER, a window of numbered batches in
 * flight, answers matched by order, a rewind when the engine asks for one. Keeps no batches: a
 * batch is generated again from its number and the time it was first sent at. */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include <stdatomic.h>

#include "bench/histogram.h"
#include "bench/workload.h"

#define PUBLISHER_WINDOW 1024 /* batches in flight */

struct publisher_options {
    void *zmq; /* context, borrowed */
    const char *endpoint;
    const struct workload *workload; /* borrowed; must have a producer */
    uint32_t window;                 /* at most PUBLISHER_WINDOW */
    int64_t now_ms;                  /* time that batches are made at; 0: the clock */
};

struct publisher {
    struct publisher_options options;
    void *socket;
    uint8_t *scratch;  /* one batch; owned */
    uint64_t next;     /* number of the batch to send next */
    uint64_t acked;    /* batches below are answered for good */
    uint64_t sent_n;   /* messages sent, resent ones included */
    uint64_t answer_n; /* answers received */
    uint64_t ignore;   /* refusals of messages below this ordinal belong to an earlier rewind */
    uint64_t wait_until_ns;                 /* after `busy` */
    uint64_t asked_ns[PUBLISHER_WINDOW];    /* when batch i was due first, by i % window */
    int64_t now_ms[PUBLISHER_WINDOW];       /* the time batch i was made at */
    uint64_t made;                          /* batches generated so far: now_ms is set below */
    uint64_t ordinal_of[PUBLISHER_WINDOW];  /* batch of message m, by m % window */
    struct histogram latency;               /* first due -> acknowledged */
    uint64_t accepted, duplicate, rejected; /* events, as acknowledged */
    uint64_t busy, rewinds;
    uint64_t last_ack_ns;
    atomic_uint_fast64_t events_acked; /* for watchers in other threads */
    int64_t *made_ms;                  /* one per batch when `record`; owned */
    size_t made_cap;
    bool record;   /* keep made_ms, to make the same batches again for a check */
    char why[256]; /* a refusal that ended the run */
};

/* ST_IO_ERROR when the socket cannot be had (why says what). */
enum status publisher_open(struct publisher *p, const struct publisher_options *o) MUST_CHECK;
void publisher_close(struct publisher *p);

/* Publish until batch number `until` is acknowledged, or no batch is begun after stop_ns (0: no
 * end) and everything begun is acknowledged. rate: events a second, 0 = as fast as the window
 * allows. ST_CONFLICT, ST_INTERNAL ...: the engine refused for good (why has its message);
 * ST_AGAIN: nothing was answered for 30 s. */
enum status publisher_run(struct publisher *p, uint64_t until, uint64_t stop_ns,
                          uint64_t rate) MUST_CHECK;

#endif
