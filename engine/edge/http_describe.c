/* What the API says about itself: OpenAPI, and the JSON Schemas of events, batches and views. */
#include "engine/edge/http_api_internal.h"

#include "schemas/json_schema.h"
#include "schemas/openapi.h"
#include "schemas/query_schema.h"

#define DESCRIPTION_BYTES_MAX ((size_t)4 << 20)

static void reply(struct http_api *api, struct exchange *x, const char *type)
{
    char tag[40];
    struct http_field fields[4];
    struct str text = {(const char *)api->answer.p, api->answer.n};
    if (api->answer.bad) {
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
        return;
    }
    form_tag(&text, 1, tag);
    fields[0] = (struct http_field){STR("ETag"), str_of(tag)};
    fields[1] = (struct http_field){STR("Cache-Control"), STR("no-cache")};
    struct http_reply r = {
        .status = 200, .type = type, .fields_n = 2, .body = text.p, .body_n = text.n};
    if (form_has_tag(http_field_of(x, "if-none-match"), tag))
        r = (struct http_reply){.status = 304, .fields_n = 2};
    api_reply(api, &x, &r, fields);
}

static void begin(struct http_api *api)
{
    buf_reset(&api->answer);
    api->answer.cap_max = DESCRIPTION_BYTES_MAX;
}

void openapi_get(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    begin(api);
    openapi_write(&api->answer);
    reply(api, x, "application/json");
}

void schema_get(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    char name[64];
    struct str wanted = http_request_of(x)->at[0];
    text_fmt(name, sizeof(name), "%.*s", (int)wanted.n, wanted.p);
    enum query_view_id view = query_view_find(wanted);
    begin(api);
    if (wanted.n < sizeof(name) && schema_write(name, &api->answer) == ST_OK) {
        reply(api, x, "application/schema+json");
    } else if (view < VIEW_N) {
        query_schema_write(view, &api->answer);
        reply(api, x, "application/schema+json");
    } else {
        http_refuse(&x, ST_NOT_FOUND,
                    STR("there is no such schema; there are event, batch, ack, refusal, and one of "
                        "each view's name"));
    }
}
