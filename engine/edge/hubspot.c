/* One turn, one question: an account of ten thousand apps takes some of them, and ingest shares the
 * loop. So requests that go on wait in a list, and the end of each turn does one step of the first.
 */
#include "engine/edge/hubspot.h"

#include <stdlib.h>
#include <sys/random.h>

#include "engine/base/check.h"
#include "engine/base/log.h"

#define CURSOR_BYTES_MAX ((size_t)1 << 20)
#define QUERY_BYTES_MAX  ((size_t)2 << 20)

struct hubspot {
    struct http_api *api;      /* borrowed */
    struct hubspot_job *first; /* wait for their turn */
    struct hubspot_job **last; /* where the next one is linked */
};

struct http_api *hubspot_api(const struct hubspot *h)
{
    return h->api;
}

/* ---- refusals ---- */

static void put_refusal(const struct http_trouble *t, struct buf *to)
{
    struct hubspot_refusal r = {.status = t->status,
                                .message = t->detail.n > 0 ? t->detail : str_of(t->title)};
    char id[37];
    if (getrandom(r.correlation, sizeof(r.correlation), GRND_NONBLOCK) < 0)
        memset(r.correlation, 0, sizeof(r.correlation)); /* early in the boot of a machine */
    log_line(LOG_DEBUG, "edge", "event=hubspot_refused correlation_id=%s status=%u code=%s",
             hubspot_uuid(r.correlation, id), t->status, t->code);
    hubspot_refusal_put(&r, to);
}

/* ---- jobs ---- */

struct hubspot_job *hubspot_job_new(struct hubspot *h, struct exchange *x,
                                    const struct http_identity *who,
                                    void (*step)(struct hubspot_job *job))
{
    struct hubspot_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
        return NULL;
    }
    *job = (struct hubspot_job){.hubspot = h,
                                .api = h->api,
                                .x = x,
                                .account = who->account,
                                .app = who->app,
                                .cursor = buf_of(CURSOR_BYTES_MAX),
                                .step = step};
    return job;
}

void hubspot_job_free(struct hubspot_job *job)
{
    CHECK(job->x == NULL);
    buf_fini(&job->cursor);
    free(job);
}

void hubspot_job_refuse(struct hubspot_job *job, enum status st, struct str detail)
{
    http_refuse(&job->x, st, detail);
    hubspot_job_free(job);
}

void hubspot_job_again(struct hubspot_job *job)
{
    struct hubspot *h = job->hubspot;
    job->next = NULL;
    *h->last = job;
    h->last = &job->next;
    loop_again(h->api->setup.loop);
}

static struct hubspot_job *take_first(struct hubspot *h)
{
    struct hubspot_job *job = h->first;
    h->first = job->next;
    if (h->first == NULL)
        h->last = &h->first;
    return job;
}

static void on_turn(void *arg)
{
    struct hubspot *h = arg;
    if (h->first == NULL)
        return;
    struct hubspot_job *job = take_first(h);
    if (http_gone(job->x))
        hubspot_job_refuse(job, ST_AGAIN, (struct str){0}); /* nobody waits for it any more */
    else
        job->step(job);
    if (h->first != NULL)
        loop_again(h->api->setup.loop);
}

/* ---- who ---- */

bool hubspot_who(struct hubspot *h, enum http_right right, struct exchange **x,
                 struct http_identity *out)
{
    struct str rest = http_request_of(*x)->head.query, name, value;
    if (!http_auth_check(h->api->setup.auth, right, x, out))
        return false;
    bool by_header = http_field_of(*x, "authorization").p != NULL;
    while (!by_header && !out->has_account && http_query_next(&rest, &name, &value))
        if (str_eq(name, STR("hapikey")))
            (void)http_auth_token(value, out);
    if (out->has_account)
        return true;
    http_refuse(x, ST_UNAUTHORIZED,
                STR("no account is named; allowed: Authorization: Bearer account-7, or "
                    "account-7-app-42 where an app is meant; or the parameter hapikey"));
    return false;
}

/* ---- questions ---- */

void hubspot_ask(struct http_api *api, const char *view, uint64_t account, struct str query,
                 struct query_result *out)
{
    char text[24];
    struct request r;
    size_t n = text_fmt(text, sizeof(text), "%llu", (unsigned long long)account);
    const struct query_path path = {str_of(view), {text, n}};
    query_from_url(&path, query, &api->arena, &r);
    facts_answer(api->setup.facts, &r, QUERY_LINES, &api->answer, out);
}

bool hubspot_keep_cursor(struct hubspot_job *job, const struct query_result *r)
{
    buf_reset(&job->cursor);
    if (r->cursor.p != NULL)
        buf_put(&job->cursor, r->cursor.p, r->cursor.n);
    return r->cursor.p != NULL && !job->cursor.bad;
}

void hubspot_reply(struct http_api *api, struct exchange *x, const struct buf *body,
                   const struct hubspot_usage *u)
{
    char limit[24], left[24];
    struct http_field fields[5] = {{STR("Cache-Control"), STR("no-store")}};
    struct http_reply r = {.status = 200,
                           .type = "application/json",
                           .body = body->p,
                           .body_n = body->n,
                           .fields_n = 1};
    if (body->bad) {
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
        return;
    }
    if (u->has_limit) {
        uint64_t rest = u->limit > u->calls ? u->limit - u->calls : 0;
        size_t n = text_fmt(limit, sizeof(limit), "%llu", (unsigned long long)u->limit);
        fields[r.fields_n++] = (struct http_field){STR("X-HubSpot-RateLimit-Daily"), {limit, n}};
        n = text_fmt(left, sizeof(left), "%llu", (unsigned long long)rest);
        fields[r.fields_n++] =
            (struct http_field){STR("X-HubSpot-RateLimit-Daily-Remaining"), {left, n}};
    }
    api_reply(api, &x, &r, fields);
}

/* ---- open and close ---- */

enum status hubspot_open(struct http_api *api, struct hubspot **out)
{
    static const struct {
        enum http_verb method;
        const char *pattern;
        void (*fn)(void *hubspot, struct exchange *x);
    } routes[] = {
        {HTTP_GET, "/account-info/v3/api-usage/daily/private-apps", hubspot_usage_get},
        {HTTP_GET, "/account-info/v3/activity/audit-logs", hubspot_audit_get},
        {HTTP_GET, "/account-info/v3/activity/security", hubspot_security_get},
        {HTTP_GET, "/integrations/v1/limit/daily", hubspot_limit_get},
        {HTTP_DELETE, "/appinstalls/v3/external-install", hubspot_install_delete},
        {HTTP_GET, "/events/v3/events/", hubspot_events_get},
        {HTTP_GET, "/events/v3/events", hubspot_events_get}, /* @hubspot/api-client, sometimes */
    };
    static const struct http_manner manners[] = {
        {"/account-info/", "application/json", "Bearer", put_refusal},
        {"/integrations/", "application/json", "Bearer", put_refusal},
        {"/appinstalls/", "application/json", "Bearer", put_refusal},
        {"/events/", "application/json", "Bearer", put_refusal},
    };
    struct hubspot *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return ST_NO_MEMORY;
    h->api = api;
    h->last = &h->first;
    for (size_t i = 0; i < N_OF(routes); i++)
        http_route(api->setup.http, routes[i].method, routes[i].pattern, routes[i].fn, h);
    for (size_t i = 0; i < N_OF(manners); i++)
        http_refuse_in(api->setup.http, &manners[i]);
    loop_hook(api->setup.loop, on_turn, h);
    *out = h;
    return ST_OK;
}

void hubspot_close(struct hubspot **hp)
{
    struct hubspot *h = *hp;
    if (h == NULL)
        return;
    *hp = NULL;
    while (h->first != NULL)
        hubspot_job_refuse(take_first(h), ST_SHUTTING_DOWN, (struct str){0});
    free(h);
}
