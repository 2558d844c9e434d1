/* The day's API calls against the limit: the row of `usage`, which may take several questions. */
#include "engine/edge/hubspot.h"

/* What clients steer by: they stop short of the limit on their own. */
static void reply(struct hubspot_job *job, const struct hubspot_usage *u)
{
    struct buf body = buf_of((size_t)4096);
    if (job->old_shape)
        hubspot_limit_put(u, &body);
    else
        hubspot_usage_put(u, &body);
    char limit[24], left[24];
    struct http_field fields[5] = {{STR("Cache-Control"), STR("no-store")}};
    struct http_reply r = {
        .status = 200, .type = "application/json", .body = body.p, .body_n = body.n, .fields_n = 1};
    if (u->has_limit) {
        uint64_t rest = u->limit > u->calls ? u->limit - u->calls : 0;
        size_t n = text_fmt(limit, sizeof(limit), "%llu", (unsigned long long)u->limit);
        fields[r.fields_n++] = (struct http_field){STR("X-HubSpot-RateLimit-Daily"), {limit, n}};
        n = text_fmt(left, sizeof(left), "%llu", (unsigned long long)rest);
        fields[r.fields_n++] =
            (struct http_field){STR("X-HubSpot-RateLimit-Daily-Remaining"), {left, n}};
    }
    if (body.bad)
        http_refuse(&job->x, ST_NO_MEMORY, (struct str){0});
    else
        api_reply(job->api, &job->x, &r, fields);
    buf_fini(&body);
    hubspot_job_free(job);
}

static void step(struct hubspot_job *job)
{
    struct http_api *api = job->api;
    struct query_result result;
    struct request row;
    struct buf query = buf_of(job->cursor.cap_max + 64);
    arena_reset(&api->arena);
    if (job->cursor.n > 0) {
        buf_put(&query, "cursor=", 7);
        buf_put(&query, job->cursor.p, job->cursor.n);
    }
    if (query.bad) {
        hubspot_job_refuse(job, ST_NO_MEMORY, (struct str){0});
        buf_fini(&query);
        return;
    }
    hubspot_ask(api, "usage", job->account, (struct str){(const char *)query.p, query.n}, &result);
    buf_fini(&query);
    struct str rest = result.data, line = {NULL, 0};
    if (result.status == ST_BAD_CURSOR && job->cursor.n > 0) {
        buf_reset(&job->cursor); /* midnight came between two questions: begin anew */
        hubspot_job_again(job);
    } else if (result.status != ST_OK) {
        hubspot_job_refuse(job, result.status, str_of(result.why));
    } else if (hubspot_line(&rest, &line)) {
        struct hubspot_usage u = {.collected_ms = result.as_of_ms, .stale = result.degraded};
        if (hubspot_row(line, &api->arena, &row)) {
            hubspot_usage_read(&row, &u);
            reply(job, &u);
        } else {
            hubspot_job_refuse(job, row.status, (struct str){0});
        }
    } else if (hubspot_keep_cursor(job, &result)) {
        hubspot_job_again(job);
    } else {
        hubspot_job_refuse(job, ST_NO_MEMORY, (struct str){0});
    }
}

static void get(struct hubspot *h, struct exchange *x, bool old_shape)
{
    struct http_identity who;
    struct str rest = http_request_of(x)->head.query, name, value;
    if (!hubspot_who(h, HTTP_MAY_QUERY, &x, &who))
        return;
    while (http_query_next(&rest, &name, &value))
        if (!str_eq(name, STR("hapikey"))) {
            http_refuse(&x, ST_BAD_PARAMETER,
                        STR("this takes no parameters but hapikey; the token names the account"));
            return;
        }
    struct hubspot_job *job = hubspot_job_new(h, x, &who, step);
    if (job == NULL)
        return;
    job->old_shape = old_shape;
    step(job);
}

void hubspot_usage_get(void *hubspot, struct exchange *x)
{
    get(hubspot, x, false);
}

void hubspot_limit_get(void *hubspot, struct exchange *x)
{
    get(hubspot, x, true);
}
