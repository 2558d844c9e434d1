/* An app takes itself out: an app.uninstalled event for each of its connections that stands, a page
 * of them in a batch, each acknowledged before the next. An app of which nothing is known was
 * installed before anybody told us: one event then, of user 0. Asked again, nothing is left to do
 * and the answer is the same. */
#include "engine/edge/hubspot.h"
#include "schemas/out.h"

#define STANDING        "state=connected,disconnected,expired,error,reauth&limit=1000"
#define BATCH_BYTES_MAX ((size_t)1 << 20)

static void put_event(struct out *o, const struct hubspot_job *job, uint64_t user, int64_t now_ms)
{
    out_map(o, 7);
    out_pair_z(o, "type", "app.uninstalled");
    out_pair_u64(o, "account", job->account);
    out_pair_u64(o, "app", job->app);
    out_pair_u64(o, "user", user);
    out_pair_i64(o, "time", now_ms);
    out_pair_z(o, "reason", "the app was uninstalled through the API");
    out_pair_z(o, "code", "external_install");
    out_end(o);
}

static void done(struct hubspot_job *job)
{
    http_reply(&job->x, &(struct http_reply){.status = 204});
    hubspot_job_free(job);
}

static void on_judged(void *arg, const struct zpeer *to, const struct batch *b,
                      const struct outcome *o)
{
    struct hubspot_job *job = arg;
    (void)to;
    if (o->status != ST_OK)
        hubspot_job_refuse(job, o->status, o->message);
    else if (b->rejects_n > 0)
        hubspot_job_refuse(job, b->rejects[0].code, b->rejects[0].message);
    else if (job->cursor.n > 0)
        hubspot_job_again(job);
    else
        done(job);
}

static void submit(struct hubspot_job *job, struct buf *batch)
{
    const struct ingest_source source = {.transport = INGEST_HTTP};
    const struct ingest_reply reply = {.fn = on_judged, .arg = job};
    if (batch->bad)
        hubspot_job_refuse(job, ST_NO_MEMORY, (struct str){0});
    else
        ingest_submit_bytes(job->api->setup.ingest, &source, batch->p, batch->n, &reply);
}

/* Was it uninstalled already? */
static bool was_uninstalled(struct hubspot_job *job, struct str app)
{
    char query[64];
    struct query_result r;
    size_t n = text_fmt(query, sizeof(query), "%.*sstate=uninstalled&limit=1", (int)app.n, app.p);
    hubspot_ask(job->api, "connections", job->account, (struct str){query, n}, &r);
    return r.status == ST_OK && r.rows_n > 0;
}

/* One event for each row that names a user; how many. */
static uint32_t put_batch(struct hubspot_job *job, const struct query_result *r, struct buf *batch)
{
    int64_t now_ms = loop_clock(job->api->setup.loop)->wall_ms;
    struct out o = out_to(ENCODING_JSON, batch);
    struct str rest = r->data, line;
    struct request row;
    uint32_t n = 0;
    uint64_t user;
    while (hubspot_line(&rest, &line)) {
        if (!hubspot_row(line, &job->api->arena, &row) || !hubspot_number(&row, "user", &user))
            continue;
        buf_u8(batch, n++ == 0 ? '[' : ',');
        o = out_to(ENCODING_JSON, batch);
        put_event(&o, job, user, now_ms);
    }
    if (n > 0)
        buf_u8(batch, ']');
    return n;
}

static void put_unknown(struct hubspot_job *job, struct buf *batch)
{
    struct out o = out_to(ENCODING_JSON, batch);
    put_event(&o, job, 0, loop_clock(job->api->setup.loop)->wall_ms);
}

static void step(struct hubspot_job *job)
{
    struct http_api *api = job->api;
    struct buf query = buf_of(job->cursor.cap_max + 256), batch = buf_of(BATCH_BYTES_MAX);
    char app[32];
    struct query_result r;
    size_t n = text_fmt(app, sizeof(app), "app=%llu&", (unsigned long long)job->app);
    arena_reset(&api->arena);
    buf_put(&query, app, n);
    buf_put(&query, STANDING, sizeof(STANDING) - 1);
    if (job->cursor.n > 0) {
        buf_put(&query, "&cursor=", 8);
        buf_put(&query, job->cursor.p, job->cursor.n);
    }
    hubspot_ask(api, "connections", job->account, (struct str){(const char *)query.p, query.n}, &r);
    bool ok = r.status == ST_OK && !query.bad;
    bool more = ok && hubspot_keep_cursor(job, &r);
    uint32_t found = ok ? put_batch(job, &r, &batch) : 0;
    job->any |= found > 0;
    if (!ok)
        hubspot_job_refuse(job, r.status, str_of(r.why));
    else if (found > 0)
        submit(job, &batch);
    else if (more)
        hubspot_job_again(job);
    else if (job->any || was_uninstalled(job, (struct str){app, n}))
        done(job);
    else {
        put_unknown(job, &batch);
        submit(job, &batch);
    }
    buf_fini(&query);
    buf_fini(&batch);
}

void hubspot_install_delete(void *hubspot, struct exchange *x)
{
    struct http_identity who;
    if (!hubspot_who(hubspot, HTTP_MAY_PUBLISH, &x, &who))
        return;
    if (!who.has_app || who.app == 0) {
        http_refuse(&x, ST_FORBIDDEN,
                    STR("the token names no app; allowed: account-7-app-42, the app that is to be "
                        "uninstalled"));
        return;
    }
    if (http_request_of(x)->head.query.n > 0) {
        http_refuse(&x, ST_BAD_PARAMETER,
                    STR("this takes no parameters; the token names the account and the app"));
        return;
    }
    struct hubspot_job *job = hubspot_job_new(hubspot, x, &who, step);
    if (job != NULL)
        step(job);
}
