/* POST /v1/accounts/{account}/actions: what `action` asks for on the query socket, by the same
 * function. The path says the account, and a header may carry the key; the answer is that of the
 * socket, a refusal a problem. */
#include <stdlib.h>

#include "engine/edge/action.h"
#include "engine/edge/http_api_internal.h"

#define MORE_PARAMS 2 /* of the path and of the header */

struct pending {
    struct exchange *x;
    bool packed;
};

static void on_done(void *arg, enum status status, struct str message, const struct buf *answer)
{
    struct pending *p = arg;

    if (answer->bad) {
        http_refuse(&p->x, ST_NO_MEMORY, (struct str){0});
    } else if (status != ST_OK) {
        http_refuse(&p->x, status, message);
    } else {
        struct http_reply reply = {.status = 200,
                                   .type = p->packed ? "application/msgpack" : "application/json",
                                   .body = answer->p,
                                   .body_n = answer->n};

        http_reply(&p->x, &reply);
    }
    free(p);
}

/* A text as a parameter, where the body has none of that name. False: it has. */
static bool add(struct request *r, struct param *params, struct value *value, const char *name,
                struct str text)
{
    if (request_param(r, name) != NULL)
        return false;
    *value = (struct value){.type = VALUE_STR, .text = text};
    params[r->params_n++] = (struct param){.name = str_of(name), .values = value, .values_n = 1};
    return true;
}

/* What the path and the header say goes to the other parameters. why: of a refusal. */
static enum status complete(struct http_api *api, const struct exchange *x, struct request *r,
                            const char **why)
{
    struct str key = http_field_of(x, "idempotency-key");
    struct param *params = arena_alloc(&api->arena, (r->params_n + MORE_PARAMS) * sizeof(*params));
    struct value *values = arena_alloc(&api->arena, MORE_PARAMS * sizeof(*values));

    *why = "";
    if (params == NULL || values == NULL)
        return ST_NO_MEMORY;
    if (r->params_n > 0)
        memcpy(params, r->params, r->params_n * sizeof(*params));
    r->params = params;
    *why = "account stands in the path; leave it out of the body";
    if (!add(r, params, &values[0], "account", http_request_of(x)->at[0]))
        return ST_BAD_PARAMETER;
    *why = "the key stands in Idempotency-Key or in the body, not in both";
    if (key.p != NULL && !add(r, params, &values[1], "idempotency_key", key))
        return ST_BAD_PARAMETER;
    *why = "view is no parameter of a request";
    return request_param(r, "view") == NULL ? ST_OK : ST_BAD_PARAMETER;
}

static void submit(struct http_api *api, struct exchange **x, const struct request *r,
                   const struct http_identity *who)
{
    char text[256] = "";
    struct pending *p = calloc(1, sizeof(*p));
    struct query_context context;
    const struct action_asker asker = {
        .from = {.transport = INGEST_HTTP, .key_name = who->key_name},
        .context = &context,
        .fn = on_done,
        .arg = p,
    };
    enum status st;

    facts_context(api->setup.facts, &context);
    st = p != NULL ? action_submit(api->setup.ingest, r, &asker, text) : ST_NO_MEMORY;

    if (st == ST_OK) {
        p->x = *x; /* on_done comes after this */
        p->packed = r->encoding == ENCODING_MSGPACK;
        *x = NULL;
        return;
    }
    free(p);
    http_refuse(x, st, str_of(text));
}

void action_post(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    struct http_identity who;
    struct request r;
    const char *why;

    if (!http_auth_check(api->setup.auth, HTTP_MAY_PUBLISH, &x, &who))
        return;
    if (!api_body_request(api, &x, &r))
        return;
    enum status st = r.status;
    if (st != ST_OK) {
        http_refuse(&x, st, r.message);
        return;
    }
    st = complete(api, x, &r, &why);
    if (st != ST_OK)
        http_refuse(&x, st, str_of(why));
    else
        submit(api, &x, &r, &who);
}
