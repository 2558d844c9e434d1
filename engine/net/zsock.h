/* ZeroMQ sockets in the loop. The only file that knows ZMQ_FD's edge-triggered rules: a socket is
 * drained within a budget each turn and its ZMQ_EVENTS are read again after the last send or recv.
 *
 * Options set on every socket: MAXMSGSIZE, RCVHWM/SNDHWM, ROUTER_MANDATORY, HEARTBEAT_*,
 * HANDSHAKE_IVL, TCP_KEEPALIVE, LINGER 1000, BACKLOG 4096, IPV6 by address. */
#ifndef ENGINE_NET_ZSOCK_H
#define ENGINE_NET_ZSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/base/text.h"
#include "engine/net/loop.h"

struct znet; /* the ZeroMQ context and its sockets; opaque, heap */

/* All calls but zmsg_free are for one thread, the loop's. sockets_max: of this process, not of
 * peers; each connection of a peer is one open file. */
enum status znet_new(struct loop *l, unsigned io_threads, uint32_t sockets_max,
                     struct znet **out) MUST_CHECK;
void znet_free(struct znet **z); /* closes what is open; bounded by LINGER */

enum zsock_type { ZSOCK_ROUTER, ZSOCK_PULL, ZSOCK_XPUB };

/* Where a reply goes. Copyable; stays valid after the peer has gone (then sends are counted as
 * unroutable). delimiter: the peer is a REQ whose empty frame is mirrored. */
struct zpeer {
    uint8_t id[255]; /* routing id: 5 bytes when libzmq assigned it, any when the peer chose one */
    uint8_t id_n;    /* 0 on PULL sockets */
    bool delimiter;
};

/* One received message: a frame that stays where libzmq received it until zmsg_free. Movable by
 * assignment and between threads (one owner at a time). */
struct zmsg {
    uint8_t space[64]; /* zmq_msg_t */
    const void *data;
    size_t bytes;
};
void zmsg_free(struct zmsg *m); /* safe on a freed or zeroed one */

struct zsock; /* opaque, heap */

struct zsock_options {
    enum zsock_type type;
    const char *endpoint; /* "tcp://127.0.0.1:7701", "ipc://..."; port * picks one */
    /* Of one frame. libzmq drops the connection of a peer that sends more: to answer a large
     * message instead, allow it here and judge it in on_message. */
    uint64_t message_bytes_max;
    uint32_t connections_max; /* more are closed at once; 0: as many as there are open files */
    uint32_t receive_queue;   /* messages per peer (RCVHWM) */
    uint32_t send_queue;
    uint32_t turn_messages_max; /* drained per turn */
    uint64_t turn_bytes_max;
    /* One message. m is the callee's from now on. Called in the loop. Messages of more than one
     * payload frame come with m == NULL (to be refused; they were drained and dropped). */
    void (*on_message)(void *arg, const struct zpeer *from, struct zmsg *m);
    void *arg;
};

/* why: one sentence for people, set on failure (ST_IO_ERROR: cannot bind; ST_USAGE: bad endpoint).
 */
enum status zsock_open(struct znet *z, const struct zsock_options *options, struct zsock **out,
                       char why[static 256]) MUST_CHECK;
void zsock_close(struct zsock **s);
const char *zsock_endpoint(const struct zsock *s); /* as bound, with the real port */

/* Stop and resume reading: back pressure by the peers' high-water marks. */
void zsock_pause(struct zsock *s, bool paused);

/* Send one message to a peer of a ROUTER, or on an XPUB with to == NULL and topic frame first.
 * Copies. A peer that is gone or whose queue is full is counted, never blocks; on an XPUB
 * queue_full counts messages that some subscriber did not get. */
void zsock_send(struct zsock *s, const struct zpeer *to, struct str topic, const void *p,
                size_t bytes);

struct zsock_counters {
    uint64_t messages_in, bytes_in, messages_out, bytes_out;
    uint64_t unroutable;    /* replies to peers that were gone */
    uint64_t queue_full;    /* replies dropped at the peer's high-water mark */
    uint64_t multi_frame;   /* messages refused for having several frames */
    uint64_t missed_edges;  /* found ready by the 1 s safety net; must stay 0 */
    uint64_t connections;   /* open now */
    uint64_t refused;       /* connections closed at connections_max or for want of open files */
    uint64_t accept_failed; /* how often accepting failed, for want of open files mostly */
};
void zsock_counters(const struct zsock *s, struct zsock_counters *out);

#endif
