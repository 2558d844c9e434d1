/* The HTTP server as its files see it.
 *
 * A connection's life:
 *
 *   FRESH --> HEAD --head fine--> BODY --all there--> HANDLING --reply--> SENDING --sent--> FRESH
 *               |                  |                     '--stream--> STREAM --end--^
 *               '---- fault -------'----> HANDLING (of the refusal)
 *   any --closed by evhttp--> LINGER (bytes may still come that nobody wants) or DEAD --> freed
 *
 * In FRESH, HEAD and BODY evhttp has seen nothing of the request: the gate holds its bytes back. */
#ifndef ENGINE_NET_HTTP_INTERNAL_H
#define ENGINE_NET_HTTP_INTERNAL_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "engine/net/http.h"
#include "engine/net/internal.h"

#define HTTP_ROUTES_MAX 64
#define HTTP_PEER_BYTES 48

enum conn_state {
    CONN_FRESH,    /* accepted, or its reply has been sent: evhttp is about to read */
    CONN_HEAD,     /* the gate collects a head */
    CONN_BODY,     /* the gate collects the body */
    CONN_HANDLING, /* its exchange waits for a handler, or a handler has it */
    CONN_STREAM,
    CONN_SENDING, /* the reply is being taken by the peer */
    CONN_LINGER,  /* evhttp is done with it; what still comes is thrown away */
    CONN_DEAD,    /* to be freed at the end of the turn */
};

struct conn {
    struct http *h;
    struct conn *prev, *next;           /* all */
    struct conn *older, *newer;         /* those that wait for the peer, by since_ms */
    struct conn *next_due;              /* to be looked at, at the end of the turn */
    bool due;                           /* in that list */
    bool waiting;                       /* in the list of those that wait */
    bool known;                         /* its peer's address has been held against the limits */
    bool refused;                       /* over a limit: closed as soon as evhttp has it */
    bool served;                        /* has had a reply */
    bool doomed;                        /* to be cut at the end of the turn */
    bool linger;                        /* the peer may still be sending */
    enum conn_state state;              /* changed by conn_enter only */
    int64_t since_ms;                   /* monotonic: in this state */
    int64_t begin_ms;                   /* monotonic: first byte of the request; 0: none yet */
    struct bufferevent *bev;            /* a reference of ours */
    struct evbuffer_cb_entry *input_cb; /* ours on its input */
    struct evhttp_connection *evcon;    /* evhttp's; NULL when it has closed it */
    bufferevent_data_cb evhttp_read;    /* evhttp's callbacks while the gate stands in for them */
    bufferevent_data_cb evhttp_write;
    bufferevent_event_cb evhttp_event;
    struct evbuffer *held; /* what came behind the request; NULL: nothing yet */
    size_t scanned;        /* bytes of the head already looked at */
    size_t head_n, body_n; /* of the request, once its head has been read */
    size_t charged;        /* its part of http.buffered */
    size_t drained;        /* bytes thrown away */
    struct exchange *x;    /* from HANDLING on, until it is answered */
    char peer[HTTP_PEER_BYTES];
};

struct route {
    enum http_verb method;
    const char *pattern;
    void (*fn)(void *arg, struct exchange *x);
    void *arg;
    struct http_route_counters counters;
};

struct exchange {
    struct http *h;
    struct conn *conn;            /* NULL: the peer has gone */
    struct evhttp_request *req;   /* evhttp's side of it; NULL before and after */
    struct exchange *prev, *next; /* in the queue, while queued */
    bool queued;
    struct route *route; /* found by the router; NULL: none */
    struct http_request request;
    enum http_problem fault; /* refused before any handler saw it */
    const char *fault_why;
    void (*on_close)(void *arg); /* of a stream */
    void *on_close_arg;
    char peer[HTTP_PEER_BYTES]; /* behind request.peer */
    char unescaped[1024];       /* behind request.at */
    char text[];                /* head and body, as received */
};

struct http {
    struct loop *loop; /* borrowed */
    struct http_options o;
    struct evhttp *evhttp;           /* owned */
    struct evconnlistener *listener; /* evhttp's */
    struct event *accept_again;      /* owned; after a failed accept */
    struct source *source;           /* owned */
    struct event *sweep;             /* owned; every SWEEP_MS */
    int spare_fd;                    /* given up to shed a connection when files run out */
    char address[HTTP_PEER_BYTES + 8];
    bool stopping;
    bool closed;                   /* but for exchanges that handlers have */
    struct conn *conns;            /* all */
    struct conn *oldest, *newest;  /* those that wait for the peer */
    struct conn *due;              /* to be looked at, at the end of the turn */
    struct conn *feeding;          /* whose request evhttp is being given */
    struct exchange *first, *last; /* queue of complete requests */
    uint64_t exchanges;            /* not answered yet */
    uint64_t sending;              /* connections with unsent replies */
    uint64_t lingering;            /* connections that are over, but for what still comes */
    struct route routes[HTTP_ROUTES_MAX];
    uint32_t routes_n;
    const struct http_manner *manners[HTTP_MANNERS_MAX]; /* constant */
    uint32_t manners_n;
    struct http_route_counters unrouted;
    struct http_counters n;
    struct metric_hist times;
};

/* http_conn.c: the life of connections */
struct bufferevent *conn_new(struct event_base *base, void *h); /* evhttp's bevcb */
void conn_turn(struct http *h);                                 /* look at those that are due */
void conn_sweep(struct http *h);                                /* cut what is over its time */
void conn_enter(struct conn *c, enum conn_state state);
void conn_charge(struct conn *c, size_t bytes); /* instead of what it had */
void conn_cut(struct conn *c);                  /* through evhttp, at once */
void conn_doom(struct conn *c);                 /* cut at the end of the turn */
void conn_adopted(struct conn *c);              /* evhttp has it: c->evcon */
void conn_free_all(struct http *h);             /* after evhttp has been freed */

/* http_gate.c: what evhttp gets to see */
void gate_stand(struct conn *c); /* in front of evhttp's callbacks */
void gate_look(struct conn *c);  /* is the request complete? */
void gate_fault(struct conn *c, enum http_problem p, const char *why);

/* http_exchange.c: requests and replies */
struct exchange *exchange_new(struct conn *c, size_t head_n, size_t body_n);
void exchange_free(struct exchange *x);
void exchange_begin(struct evhttp_request *req, void *h); /* evhttp's gencb */
void exchange_lost(struct exchange *x);                   /* its connection goes */
void exchange_turn(struct http *h);                       /* hand out what is queued */

/* http_route.c */
void route_run(struct exchange *x);
void route_count(struct exchange *x, unsigned status);

#endif
