/* An HTTP/1.1 server in the loop, on libevent's evhttp.
 *
 * evhttp sees a request only when its head has been checked and its body is there; everything
 * before that is bounded: bytes of head and body, connections in all and per address, and the time
 * from the first byte to the last. A request that is fine becomes an exchange and is handed to the
 * function of its route, at most a few ms of them per turn, so that ingest keeps its share of the
 * loop. A handler answers at once, later (ingest: after the commit), or with a stream. */
#ifndef ENGINE_NET_HTTP_H
#define ENGINE_NET_HTTP_H

#include "engine/base/bytes.h"
#include "engine/base/metric.h"
#include "engine/base/status.h"
#include "engine/net/http_head.h"
#include "engine/net/loop.h"

struct http;     /* opaque, heap */
struct exchange; /* one request and its reply; opaque, heap */

struct http_options {
    const char *listen; /* "127.0.0.1:7700", "[::1]:*", "*:7700" */
    uint32_t headers_bytes_max;
    uint64_t body_bytes_max;
    uint32_t connections_max; /* one more: the one that has been idle or incomplete longest goes */
    uint32_t connections_per_address_max; /* 0: no limit */
    uint32_t request_ms;                  /* first byte to last byte of a request */
    uint32_t idle_ms;                     /* between requests */
    uint32_t answer_ms;                   /* for the peer to take a reply */
    uint64_t buffer_bytes_max;            /* all bodies that arrive, and all replies unsent */
    uint32_t streams_max;
};

extern const struct http_options http_options_default;

/* Bind and serve. why: one sentence on failure (ST_USAGE: bad address; ST_IO_ERROR: not bound). */
enum status http_open(struct loop *l, const struct http_options *options, struct http **out,
                      char why[static 256]) MUST_CHECK;

/* Cuts what is open. Exchanges that handlers still hold stay valid and answer into the void. */
void http_close(struct http **h);

const char *http_address(const struct http *h); /* as bound: "127.0.0.1:7700" */

/* From now on each reply ends its connection and streams are ended. */
void http_stop(struct http *h);
bool http_idle(const struct http *h); /* no request is being answered, no reply is unsent */

/* ---- routes ---- */

/* Call fn for requests of that method whose path fits the pattern: segments stand for themselves,
 * "{name}" for any one segment, and a final "*" for the rest of the path. The fit with the fewest
 * placeholders wins. HEAD goes to the GET route, OPTIONS is answered, other methods of a known path
 * are refused with Allow. pattern and arg are borrowed for the server's life. */
void http_route(struct http *h, enum http_verb method, const char *pattern,
                void (*fn)(void *arg, struct exchange *x), void *arg);

/* ---- the request ---- */

struct http_request {
    struct http_head head; /* method, path, query, fields: all borrowed from the exchange */
    struct str body;
    struct str at[4]; /* what the placeholders of the pattern stand for, unescaped */
    uint32_t at_n;
    const char *peer;  /* address without port */
    const char *route; /* the pattern */
    int64_t begin_ns;  /* of clock_mono_ns, when it was complete */
};

const struct http_request *http_request_of(const struct exchange *x);

static inline struct str http_field_of(const struct exchange *x, const char *lower)
{
    return http_head_field(&http_request_of(x)->head, lower);
}

/* The peer has gone: a reply would reach nobody. */
bool http_gone(const struct exchange *x);

/* ---- the reply: each exchange is answered exactly once, by one of these ---- */

struct http_reply {
    unsigned status;
    const char *type;                /* Content-Type; NULL: there is no body */
    const struct http_field *fields; /* more fields; values without CR and LF */
    uint32_t fields_n;
    const void *body; /* copied */
    size_t body_n;
};

/* Takes the exchange. */
void http_reply(struct exchange **x, const struct http_reply *reply);

/* problem+json (RFC 9457). */
struct http_trouble {
    const char *code;  /* "bad_parameter" */
    const char *title; /* one phrase for all of its kind */
    struct str detail; /* one sentence about this one; may be empty */
    unsigned status;
    bool retry;
    uint32_t retry_after_ms; /* 0: not said */
    const char *allow;       /* of 405; NULL otherwise */
};

void http_trouble(struct exchange **x, const struct http_trouble *t);

/* Refusals in another form, for paths that clients of somebody else's API ask. All of it is
 * constant; at most HTTP_MANNERS_MAX of them. */
struct http_manner {
    const char *prefix;                                        /* of the paths: "/events/" */
    const char *type;                                          /* Content-Type of the body */
    const char *scheme;                                        /* WWW-Authenticate of a 401 */
    void (*put)(const struct http_trouble *t, struct buf *to); /* the body */
};

#define HTTP_MANNERS_MAX 8

void http_refuse_in(struct http *h, const struct http_manner *manner); /* borrowed */

/* A code of status.def, or one of http_problem.def. detail may be empty. */
void http_refuse(struct exchange **x, enum status st, struct str detail);
void http_refuse_as(struct exchange **x, enum http_problem p, struct str detail);

/* A reply without an end. on_close(arg): the peer has gone or the server stops; x is not to be used
 * any more. False: there are streams_max already, and x has been refused. */
bool http_stream(struct exchange **x, const struct http_reply *head, void (*on_close)(void *arg),
                 void *arg);
size_t http_stream_unsent(const struct exchange *x); /* bytes that the peer has not taken yet */
void http_stream_put(struct exchange *x, const void *p, size_t n);
void http_stream_end(struct exchange **x); /* on_close is not called */

/* ---- numbers ---- */

#define HTTP_ROUTE_CODES_MAX 24

struct http_route_counters {
    enum http_verb method;
    const char *route; /* pattern; "" for requests that fit none or were refused before */
    uint32_t codes_n;
    struct {
        uint16_t status;
        uint64_t n;
    } codes[HTTP_ROUTE_CODES_MAX];
};

struct http_counters {
    uint64_t connections;   /* open now */
    uint64_t accepted;      /* ever */
    uint64_t evicted;       /* cut to make room for a new one */
    uint64_t refused;       /* not served: at a limit of connections */
    uint64_t accept_failed; /* for want of open files mostly */
    uint64_t timed_out;     /* requests and replies cut for their time */
    uint64_t requests;      /* handed to handlers */
    uint64_t streams;       /* open now */
    uint64_t buffered;      /* bytes of bodies and unsent replies */
};

void http_counters(const struct http *h, struct http_counters *out);

/* Route i; false beyond the last. */
bool http_route_counters(const struct http *h, uint32_t i, struct http_route_counters *out);

/* From a complete request to the end of its handler's reply call. */
const struct metric_hist *http_times(const struct http *h);

#endif
