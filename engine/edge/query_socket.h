/* The query socket: ROUTER 7703, one frame a question or request, one frame an answer (WIRE 1, 4).
 */
#ifndef ENGINE_EDGE_QUERY_SOCKET_H
#define ENGINE_EDGE_QUERY_SOCKET_H

#include "engine/edge/facts.h"
#include "engine/net/zsock.h"

struct query_socket; /* opaque, heap */

struct query_socket_options {
    struct loop *loop; /* these four are borrowed until query_socket_close */
    struct znet *net;
    struct facts *facts;
    struct ingest *ingest; /* NULL: no requests are taken, only questions */
    const char *endpoint;
    uint64_t message_bytes_max; /* larger questions are answered too_large */
    uint32_t connections_max;
    uint32_t receive_queue; /* messages per peer */
};

/* Bind and answer. */
enum status query_socket_open(const struct query_socket_options *options, struct query_socket **out,
                              char why[static 256]) MUST_CHECK;
void query_socket_close(struct query_socket **q); /* NULL-safe */

const char *query_socket_endpoint(const struct query_socket *q); /* as bound */
void query_socket_counters(const struct query_socket *q, struct zsock_counters *out);

/* Time to answer a question: decoding, scanning, encoding, sending. */
const struct metric_hist *query_socket_times(const struct query_socket *q);

#endif
