/* A DEALER socket to the engine. libzmq connects and reconnects by itself; its descriptor is
 * edge-triggered, so readiness is always read from the socket after the last send or receive. */
#ifndef CLIENTS_PUBLISH_LINK_H
#define CLIENTS_PUBLISH_LINK_H

#include <zmq.h>

#include "clients/publish/daybook.h"

struct link {
    void *context;
    void *socket;
    bool own_context;
};

struct link_config {
    const char *endpoint;
    const char *server_key, *public_key, *secret_key;
    void *context; /* borrowed; NULL: one of its own */
    int queue_max; /* messages that wait in libzmq, each way */
};

enum daybook_status link_open(struct link *l, const struct link_config *config,
                              struct daybook_error *error);
void link_close(struct link *l); /* what is queued is dropped */

/* OK: *msg has gone (it is empty now); AGAIN: the queue is full; NETWORK. */
enum daybook_status link_send(struct link *l, zmq_msg_t *msg);

/* OK: *msg (initialised) holds a whole message; messages of several frames are dropped. AGAIN. */
enum daybook_status link_receive(struct link *l, zmq_msg_t *msg);

/* Is there something to receive, or (when `sending`) room to send? */
bool link_is_ready(struct link *l, bool sending);

/* Wait for that, at most wait_ms (negative: without end). TIMEOUT; AGAIN: a signal came. */
enum daybook_status link_wait(struct link *l, bool sending, int64_t wait_ms);

int link_fd(const struct link *l);

#endif
