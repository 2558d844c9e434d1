/* The JSON API over HTTP: every view of query.def, a stream of activities, health, metrics and the
 * description of all this. The server belongs to main, which has others put routes on it too. */
#ifndef ENGINE_EDGE_HTTP_API_H
#define ENGINE_EDGE_HTTP_API_H

#include "engine/edge/facts.h"
#include "engine/edge/http_auth.h"
#include "engine/net/http.h"

struct http_api; /* opaque, heap */

struct http_api_setup {
    struct loop *loop; /* borrowed until http_api_close, as is all of this */
    struct http *http;
    struct ingest *ingest;
    struct facts *facts;
    const struct http_auth *auth;
    uint32_t headers_bytes_max; /* of the server: a link must fit into a request */
};

/* Put the routes on the server. Before the first submission to ingest. */
enum status http_api_open(const struct http_api_setup *setup, struct http_api **out) MUST_CHECK;

/* After http_close. NULL-safe. */
void http_api_close(struct http_api **a);

/* The configuration was read anew, or could not be: for the metrics. */
void http_api_reloaded(struct http_api *a, bool ok);

#endif
