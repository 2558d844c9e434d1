/* The day's API calls against the limit: the row of `usage`, which may take several questions. */
#include "engine/edge/hubspot.h"

bool hubspot_usage_ask(struct http_api *api, uint64_t account, struct str cursor,
                       struct query_result *result, struct hubspot_usage *out)
{
    struct buf query = buf_of(cursor.n + 16);
    struct request row;
    struct str line;
    if (cursor.n > 0) {
        buf_put(&query, "cursor=", 7);
        buf_put(&query, cursor.p, cursor.n);
    }
    hubspot_ask(api, "usage", account, (struct str){(const char *)query.p, query.n}, result);
    if (query.bad)
        result->status = ST_NO_MEMORY;
    buf_fini(&query);
    struct str rest = result->data;
    *out = (struct hubspot_usage){.collected_ms = result->as_of_ms, .stale = result->degraded};
    if (result->status != ST_OK || !hubspot_line(&rest, &line))
        return false;
    if (!hubspot_row(line, &api->arena, &row)) {
        result->status = row.status;
        return false;
    }
    hubspot_usage_read(&row, out);
    return true;
}

static void reply(struct hubspot_job *job, const struct hubspot_usage *u)
{
    struct buf body = buf_of((size_t)4096);
    if (job->old_shape)
        hubspot_limit_put(u, &body);
    else
        hubspot_usage_put(u, &body);
    hubspot_reply(job->api, job->x, &body, u);
    job->x = NULL;
    buf_fini(&body);
    hubspot_job_free(job);
}

static void step(struct hubspot_job *job)
{
    struct query_result result;
    struct hubspot_usage u;
    struct str cursor = {(const char *)job->cursor.p, job->cursor.n};
    arena_reset(&job->api->arena);
    if (hubspot_usage_ask(job->api, job->account, cursor, &result, &u)) {
        reply(job, &u);
    } else if (result.status == ST_BAD_CURSOR && cursor.n > 0) {
        buf_reset(&job->cursor); /* midnight came between two questions: begin anew */
        hubspot_job_again(job);
    } else if (result.status != ST_OK) {
        hubspot_job_refuse(job, result.status, str_of(result.why));
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
