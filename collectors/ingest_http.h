/* Ingest over HTTP: POST /v1/events, and the webhooks POST /hubspot/webhooks/{name} and
 * /github/webhooks/{name}; answered after the commit like any batch. */
#ifndef COLLECTORS_INGEST_HTTP_H
#define COLLECTORS_INGEST_HTTP_H

#include "collectors/webhook.h"
#include "engine/ingest/ingest.h"
#include "engine/net/http.h"

struct ingest_http; /* opaque, heap */

/* Who sends, and for whom: said by the head of the request. */
struct ingest_http_sender {
    struct str key_name; /* borrowed from the exchange, or longer */
    bool (*may_write)(const void *scope, uint64_t account); /* NULL: all */
    const void *scope;
    bool has_account, has_app; /* for events that name none */
    uint64_t account, app;
};

struct ingest_http_setup {
    struct http *http; /* borrowed until ingest_http_close, as is all of this */
    struct ingest *ingest;
    struct loop *loop;
    /* True: *out says who it is. Else the exchange has been refused and *x is NULL. */
    bool (*identify)(void *arg, struct exchange **x, struct ingest_http_sender *out);
    void *arg;
    const char *public_url; /* what senders of webhooks call this server; "": the Host they sent */
    const struct webhooks *webhooks;
};

/* Other senders from now on; the old ones may be freed. */
void ingest_http_webhooks(struct ingest_http *i, const struct webhooks *webhooks);

/* Put the routes on the server. Before the first submission to ingest. */
enum status ingest_http_open(const struct ingest_http_setup *setup,
                             struct ingest_http **out) MUST_CHECK;

/* After http_close and with ingest idle. NULL-safe. */
void ingest_http_close(struct ingest_http **i);

#endif
