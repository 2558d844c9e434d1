/* The routes of the API. */
#include "engine/edge/http_api.h"

#include <stdlib.h>

#include "engine/edge/http_api_internal.h"
#include "engine/edge/hubspot.h"

#define ARENA_BYTES_MAX  ((size_t)16 << 20)
#define ANSWER_BYTES_MAX ((size_t)4 << 20) /* query_answer sets its own */

static const struct {
    enum http_verb method;
    const char *pattern;
    void (*fn)(void *api, struct exchange *x);
} routes[] = {
    {HTTP_GET, "/healthz", health_get},
    {HTTP_GET, "/readyz", ready_get},
    {HTTP_GET, "/metrics", metrics_get},
    {HTTP_GET, "/openapi.json", openapi_get},
    {HTTP_GET, "/v1/schemas/{name}", schema_get},
    {HTTP_GET, "/v1/{view}", query_get},
    {HTTP_GET, "/v1/accounts/{account}/{view}", query_get_of_account},
    {HTTP_GET, "/v1/accounts/{account}/activity/stream", activity_stream_get},
    {HTTP_POST, "/v1/query", query_post},
    {HTTP_POST, "/v1/accounts/{account}/actions", action_post},
};

enum status http_api_open(const struct http_api_setup *setup, struct http_api **out)
{
    struct http_api *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ST_NO_MEMORY;
    a->setup = *setup;
    a->reload_ok = true;
    a->arena.max_bytes = ARENA_BYTES_MAX;
    a->answer = buf_of(ANSWER_BYTES_MAX);
    a->packed = buf_of(ANSWER_BYTES_MAX);
    a->text = buf_of(setup->headers_bytes_max);
    enum status st = gzip_new(&a->gzip);
    if (st == ST_OK)
        st = activity_streams_new(a, &a->streams);
    if (st == ST_OK)
        st = hubspot_open(a, &a->hubspot);
    if (st != ST_OK) {
        http_api_close(&a);
        return st;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        http_route(setup->http, routes[i].method, routes[i].pattern, routes[i].fn, a);
    *out = a;
    return ST_OK;
}

void http_api_close(struct http_api **ap)
{
    struct http_api *a = *ap;
    if (a == NULL)
        return;
    *ap = NULL;
    hubspot_close(&a->hubspot);
    activity_streams_free(&a->streams);
    gzip_free(&a->gzip);
    arena_fini(&a->arena);
    buf_fini(&a->answer);
    buf_fini(&a->packed);
    buf_fini(&a->text);
    free(a);
}

void http_api_reloaded(struct http_api *a, bool ok)
{
    a->reload_ok = ok;
    if (ok)
        a->reload_ms = loop_clock(a->setup.loop)->wall_ms;
}
