/* The API as its files see it. */
#ifndef ENGINE_EDGE_HTTP_API_INTERNAL_H
#define ENGINE_EDGE_HTTP_API_INTERNAL_H

#include "engine/edge/http_api.h"
#include "engine/edge/http_form.h"

struct activity_streams;
struct hubspot;

struct http_api {
    struct http_api_setup setup;
    struct gzip *gzip;                /* owned */
    struct activity_streams *streams; /* owned */
    struct hubspot *hubspot;          /* owned */
    struct arena arena;               /* of one request */
    struct buf answer;                /* reused */
    struct buf packed;                /* reused */
    struct buf text;                  /* reused, for links and the like */
    bool reload_ok;
    int64_t reload_ms; /* wall; 0: never */
};

/* http_query.c: a query string as parameters of a question.
 *
 * view and account (p == NULL: none) come from the path. The request's memory is a's. When it
 * cannot be read its status says so. */
struct query_path {
    struct str view;
    struct str account;
};
void query_from_url(const struct query_path *path, struct str query, struct arena *a,
                    struct request *out);

/* GET /v1/{view}, GET /v1/accounts/{account}/{view}, POST /v1/query */
void query_get(void *api, struct exchange *x);
void query_get_of_account(void *api, struct exchange *x);
void query_post(void *api, struct exchange *x);

/* A body that may be packed when the peer takes it so. fields: room for two more. */
void api_reply(struct http_api *api, struct exchange **x, struct http_reply *r,
               struct http_field *fields);

/* The body of a POST, in the encoding that Content-Type says; its status may say that it cannot be
 * read. False: refused. Its memory is the api's arena. */
bool api_body_request(struct http_api *api, struct exchange **x, struct request *out);

/* http_action.c: POST /v1/accounts/{account}/actions */
void action_post(void *api, struct exchange *x);

/* http_activity.c: GET /v1/accounts/{account}/activity/stream */
enum status activity_streams_new(struct http_api *api, struct activity_streams **out) MUST_CHECK;
void activity_streams_free(struct activity_streams **s); /* NULL-safe */
void activity_stream_get(void *api, struct exchange *x);

/* http_health.c: /healthz, /readyz */
void health_get(void *api, struct exchange *x);
void ready_get(void *api, struct exchange *x);

/* http_metrics.c: /metrics */
void metrics_get(void *api, struct exchange *x);

/* http_describe.c: /openapi.json, /v1/schemas/{name} */
void openapi_get(void *api, struct exchange *x);
void schema_get(void *api, struct exchange *x);

#endif
