/* The ZeroMQ collectors: ROUTER ingest, acknowledged, and PULL ingest, fire and forget (WIRE 1). */
#ifndef COLLECTORS_COLLECT_ZMQ_H
#define COLLECTORS_COLLECT_ZMQ_H

#include "engine/ingest/ingest.h"
#include "engine/net/zsock.h"

struct collect_zmq; /* opaque, heap */

struct collect_zmq_options {
    enum zsock_type type; /* ZSOCK_ROUTER or ZSOCK_PULL */
    const char *endpoint;
    uint64_t message_bytes_max; /* larger ones are answered too_large */
    uint32_t connections_max;
    uint32_t receive_queue; /* messages per peer */
};

/* Bind and collect into in. net and in are borrowed until collect_zmq_close. */
enum status collect_zmq_open(struct znet *net, struct ingest *in,
                             const struct collect_zmq_options *options, struct collect_zmq **out,
                             char why[static 256]) MUST_CHECK;
void collect_zmq_close(struct collect_zmq **c); /* ingest must be idle; NULL-safe */

const char *collect_zmq_endpoint(const struct collect_zmq *c); /* as bound */
void collect_zmq_counters(const struct collect_zmq *c, struct zsock_counters *out);

#endif
