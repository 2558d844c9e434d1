/* A ZeroMQ socket of the loop, as its files see it. */
#ifndef ENGINE_NET_ZSOCK_INTERNAL_H
#define ENGINE_NET_ZSOCK_INTERNAL_H

#include <pthread.h>
#include <zmq.h>

#include "engine/net/internal.h"
#include "engine/net/zsock.h"

#define ENDPOINT_BYTES 256

struct znet {
    struct loop *loop;    /* borrowed */
    void *context;        /* owned */
    struct zsock *first;  /* open sockets */
    unsigned opened_n;    /* ever; numbers the monitors */
    int spare_fd;         /* given up when no file can be opened; -1 meanwhile */
    bool shedding;        /* it was given up, for a connection that has not been reported yet */
    bool bound_to_thread; /* thread is valid */
    pthread_t thread;     /* the only one that touches sockets */
};

/* Reads a socket's life from libzmq's monitor: counts connections, and closes those over the limit.
 */
struct zmonitor {
    void *socket;        /* owned; NULL when there is none */
    struct watch *watch; /* owned */
    bool woken;          /* its fd fired */
};

struct zsock {
    struct znet *net;
    struct zsock *next;
    void *socket;          /* owned; NULL when closed */
    struct watch *watch;   /* owned; only wakes the loop */
    struct source *source; /* owned */
    struct zmonitor monitor;
    struct zsock_options o; /* endpoint is not kept */
    char endpoint[ENDPOINT_BYTES];

    /* The message being received; whole messages arrive, but the budget may end inside one. */
    struct zpeer from;
    struct zmsg payload; /* its first payload frame, unless freed */
    unsigned frames_n;   /* frames seen, the routing id included */
    unsigned payloads_n; /* payload frames seen */

    bool running; /* inside run: close later */
    bool closed;
    bool paused;
    bool woken; /* something other than the safety net looked at it in this turn */
    struct zsock_counters n;
};

/* Errors of libzmq as statuses: the one place that knows them. */
enum status zsock_status(int error) MUST_CHECK;

/* Set on the socket before it binds. */
enum status zsock_configure(struct zsock *s, const char *endpoint) MUST_CHECK;

enum status zmonitor_start(struct zsock *s) MUST_CHECK;
void zmonitor_run(struct zsock *s);
void zmonitor_stop(struct zsock *s);

#endif
