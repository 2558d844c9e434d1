/* HubSpot's own API over our views, for clients that speak it already: paths, parameters, answers
 * and refusals in its shapes, every number by the question that everybody else asks. Internal to
 * this folder. */
#ifndef ENGINE_EDGE_HUBSPOT_H
#define ENGINE_EDGE_HUBSPOT_H

#include "engine/edge/http_api_internal.h"
#include "engine/edge/hubspot_shape.h"

/* ---- hubspot.c: those that take several turns, and what all have in common ---- */

struct hubspot; /* opaque, heap */

/* Put the routes on the server. */
enum status hubspot_open(struct http_api *api, struct hubspot **out) MUST_CHECK;
void hubspot_close(struct hubspot **h); /* after http_close; NULL-safe */

/* A request that is asked about in several turns. Owned by whoever has it: the list of those that
 * wait for a turn, ingest, or the step that runs. */
struct hubspot_job {
    struct hubspot_job *next; /* in the list */
    struct hubspot *hubspot;
    struct http_api *api;
    struct exchange *x;
    uint64_t account, app;
    bool old_shape;    /* usage: as the limit API has it */
    bool any;          /* uninstall: a connection stood */
    struct buf cursor; /* owned; where the next page begins; n == 0: at the start */
    void (*step)(struct hubspot_job *job); /* in a turn of its own; takes the job */
};

/* NULL: no memory, and x has been refused. */
struct hubspot_job *hubspot_job_new(struct hubspot *h, struct exchange *x,
                                    const struct http_identity *who,
                                    void (*step)(struct hubspot_job *job));
void hubspot_job_again(struct hubspot_job *job); /* its step in the next turn */
void hubspot_job_free(struct hubspot_job *job);  /* when x has been answered */
void hubspot_job_refuse(struct hubspot_job *job, enum status st, struct str detail); /* and free */

/* Who asks: a bearer token or the parameter hapikey that names an account. False: x has been
 * refused. */
bool hubspot_who(struct hubspot *h, enum http_right right, struct exchange **x,
                 struct http_identity *out);

/* The view `view` of the account, asked with a query string of ours. The answer lives in api's
 * arena and answer until the next question; rows: NDJSON. */
void hubspot_ask(struct http_api *api, const char *view, uint64_t account, struct str query,
                 struct query_result *out);

/* Keep the cursor of an answer for the next page. False: there is none, or no memory (bad). */
bool hubspot_keep_cursor(struct hubspot_job *job, const struct query_result *r);

/* A body that is whole; bad: refused for want of memory. Beside it stand the daily limit and what
 * is left of it, where there is one: clients read them from every reply and slow down by them. */
void hubspot_reply(struct http_api *api, struct exchange *x, const struct buf *body,
                   const struct hubspot_usage *u);

/* hubspot_usage.c: one question about the usage of the account, from a cursor on (n == 0: from the
 * start). True: *out is all of it. Else *result says why not. */
bool hubspot_usage_ask(struct http_api *api, uint64_t account, struct str cursor,
                       struct query_result *result, struct hubspot_usage *out);

/* ---- the paths ---- */

void hubspot_usage_get(void *hubspot, struct exchange *x);      /* hubspot_usage.c */
void hubspot_limit_get(void *hubspot, struct exchange *x);      /* the same */
void hubspot_audit_get(void *hubspot, struct exchange *x);      /* hubspot_activity.c */
void hubspot_security_get(void *hubspot, struct exchange *x);   /* the same */
void hubspot_events_get(void *hubspot, struct exchange *x);     /* the same */
void hubspot_install_delete(void *hubspot, struct exchange *x); /* hubspot_uninstall.c */

/* The API's state: what a handler was registered with. */
struct http_api *hubspot_api(const struct hubspot *h);

#endif
