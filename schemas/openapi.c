/* OpenAPI out of the tables. The JSON Schemas of the wire are taken in whole as components; their
 * references are turned to where they stand then. */
#include "schemas/openapi.h"

#include "engine/base/check.h"
#include "schemas/event.h"
#include "schemas/json_put.h"
#include "schemas/json_schema.h"
#include "schemas/query_schema.h"

#define SCHEMA_BYTES_MAX ((size_t)1 << 20)
#define REF_PROBLEM      "{\"$ref\": \"#/components/responses/Problem\"}"

/* ---- embedding ---- */

static bool begins(struct str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

/* A line of a schema, its references turned. */
static void put_line(struct json *j, const char *name, struct str line)
{
    static const char own[] = "\"#/$defs/";
    while (line.n > 0) {
        const char *at = memmem(line.p, line.n, own, sizeof(own) - 1);
        size_t n = at == NULL ? line.n : (size_t)(at - line.p);
        buf_put(j->to, line.p, n);
        if (at == NULL)
            return;
        json_put(j, "\"#/components/schemas/");
        json_put(j, name);
        json_put(j, "/$defs/");
        line = (struct str){at + sizeof(own) - 1, line.n - n - (sizeof(own) - 1)};
    }
}

/* The schema under its name, without what only a document of its own has. */
static void embed(struct json *j, const char *name, const struct buf *schema)
{
    struct str rest = {(const char *)schema->p, schema->n};
    bool first = true;
    json_key(j, name);
    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct str line = {rest.p, end == NULL ? rest.n : (size_t)(end - rest.p)};
        size_t taken = line.n + (end != NULL);
        rest = (struct str){rest.p + taken, rest.n - taken};
        if (line.n == 0 || begins(line, "  \"$schema\"") || begins(line, "  \"$id\""))
            continue;
        if (!first)
            json_put(j, "\n    ");
        first = false;
        put_line(j, name, line);
    }
}

static void put_wire_schemas(struct json *j)
{
    struct buf b = buf_of(SCHEMA_BYTES_MAX);
    for (size_t i = 0; schema_names[i] != NULL; i++) {
        buf_reset(&b);
        CHECK(schema_write(schema_names[i], &b) == ST_OK);
        embed(j, schema_names[i], &b);
    }
    for (enum query_view_id v = 0; v < VIEW_N; v++) {
        buf_reset(&b);
        query_schema_write(v, &b);
        embed(j, query_views[v].name, &b);
    }
    j->to->bad |= b.bad;
    buf_fini(&b);
}

/* ---- parameters ---- */

static void put_words(struct json *j, const char *allowed)
{
    size_t at = 0;
    bool first = true;
    json_key(j, "enum");
    json_put(j, "[");
    for (struct str w = query_word_next(allowed, &at); w.n > 0; w = query_word_next(allowed, &at)) {
        json_put(j, first ? "" : ", ");
        json_quote(j, w);
        first = false;
    }
    json_put(j, "]");
}

static void put_value(struct json *j, const struct query_param *p)
{
    switch (p->type) {
    case PARAM_UINT:
        json_pair(j, "type", "integer");
        json_number(j, "minimum", p->min);
        json_number(j, "maximum", p->max);
        break;
    case PARAM_DAY:
        json_pair(j, "type", "string");
        json_pair(j, "format", "date");
        break;
    case PARAM_TIME:
        json_raw(j, "anyOf",
                 "[{\"type\": \"integer\", \"minimum\": 0}, "
                 "{\"type\": \"string\", \"format\": \"date-time\"}]");
        break;
    case PARAM_WORD:
        json_pair(j, "type", "string");
        put_words(j, p->allowed);
        break;
    case PARAM_BOOL:
        json_pair(j, "type", "boolean");
        break;
    case PARAM_KIND:
    case PARAM_OBJECT:
    case PARAM_CODE:
    case PARAM_TEXT:
    case PARAM_CURSOR:
        json_pair(j, "type", "string");
        json_number(j, "minLength", p->min);
        json_number(j, "maxLength", p->max);
        break;
    }
}

static void put_query_param(struct json *j, const struct query_param *p)
{
    char text[512], def[128];
    size_t n = text_fmt(text, sizeof(text), "%s", p->help);
    if (p->def[0] != '\0') {
        query_param_default(p, def, sizeof(def));
        text_fmt(text + n, sizeof(text) - n, "; default: %s", def);
    }
    json_open_item(j);
    json_pair(j, "name", p->name);
    json_pair(j, "in", "query");
    json_pair(j, "description", text);
    json_raw(j, "required", p->required ? "true" : "false");
    if (p->many) {
        json_pair(j, "style", "form");
        json_raw(j, "explode", "false");
    }
    json_open(j, "schema");
    if (p->many) {
        json_pair(j, "type", "array");
        json_open(j, "items");
        put_value(j, p);
        json_shut(j);
    } else {
        put_value(j, p);
    }
    json_shut(j);
    json_shut(j);
}

/* An item of a list. */
static void put_ref(struct json *j, const char *component)
{
    json_next(j);
    json_put(j, "{\"$ref\": \"#/components/");
    json_put(j, component);
    json_put(j, "\"}");
}

static void put_params(struct json *j, enum query_view_id view, bool of_account)
{
    json_open_list(j, "parameters");
    if (of_account)
        put_ref(j, "parameters/account");
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        const struct query_param *p = &query_params[i];
        bool account = strcmp(p->name, "account") == 0;
        if (!query_param_of(view, i) || i == QUERY_ANY_VIEW || (account && of_account))
            continue;
        put_query_param(j, p);
    }
    put_ref(j, "parameters/IfNoneMatch");
    json_shut_list(j);
}

/* ---- responses ---- */

static void put_problems(struct json *j, const char *const *statuses)
{
    for (size_t i = 0; statuses[i] != NULL; i++)
        json_raw(j, statuses[i], REF_PROBLEM);
    json_raw(j, "default", REF_PROBLEM);
}

static void put_rows_headers(struct json *j)
{
    static const char *const names[] = {"ETag",         "Link",       "Daybook-As-Of",
                                        "Daybook-From", "Daybook-To", "Daybook-Position",
                                        "Daybook-Bound"};
    static const char *const refs[] = {"ETag", "Link", "AsOf", "From", "To", "Position", "Bound"};
    json_open(j, "headers");
    for (size_t i = 0; i < N_OF(names); i++) {
        char ref[96];
        text_fmt(ref, sizeof(ref), "{\"$ref\": \"#/components/headers/%s\"}", refs[i]);
        json_raw(j, names[i], ref);
    }
    json_shut(j);
}

static void put_view_content(struct json *j, enum query_view_id view)
{
    char ref[160];
    bool object = query_views[view].shape == SHAPE_OBJECT;
    text_fmt(ref, sizeof(ref), "{\"schema\": {\"$ref\": \"#/components/schemas/%s/$defs/answer\"}}",
             query_views[view].name);
    json_open(j, "content");
    json_raw(j, "application/json", ref);
    json_raw(j, "application/x-ndjson", "{\"schema\": {\"type\": \"string\"}}");
    if (!object)
        json_raw(j, "text/csv", "{\"schema\": {\"type\": \"string\"}}");
    json_shut(j);
}

static void put_view(struct json *j, enum query_view_id view, bool of_account)
{
    static const char *const problems[] = {"400", "403", "406", NULL};
    const char *name = query_views[view].name;
    char text[160];
    text_fmt(text, sizeof(text), of_account ? "/v1/accounts/{account}/%s" : "/v1/%s", name);
    json_open(j, text);
    json_open(j, "get");
    text_fmt(text, sizeof(text), "%s%s", of_account ? "account_" : "", name);
    json_pair(j, "operationId", text);
    json_pair(j, "summary", query_views[view].help);
    json_raw(j, "tags", "[\"views\"]");
    put_params(j, view, of_account);
    json_open(j, "responses");
    json_open(j, "200");
    json_pair(j, "description", "The answer: rows of one page, or one object.");
    put_rows_headers(j);
    put_view_content(j, view);
    json_shut(j);
    json_raw(j, "304", "{\"$ref\": \"#/components/responses/NotModified\"}");
    put_problems(j, problems);
    json_shut(j);
    json_shut(j);
    json_shut(j);
}

static void put_views(struct json *j)
{
    for (enum query_view_id v = 0; v < VIEW_N; v++) {
        enum query_param_id id = query_param_find(v, STR("account"));
        bool has = id < QUERY_PARAMS_N;
        if (!has || !query_params[id].required)
            put_view(j, v, false);
        if (has)
            put_view(j, v, true);
    }
}

/* ---- the other paths ---- */

/* What stands in every path that is no view. */
static const struct {
    const char *path, *method, *json;
} paths[] = {
#define P(path, method, json) {path, method, json},
#include "schemas/openapi_path.def"
#undef P
#define P(path, method, json) {path, method, json},
#include "schemas/openapi_hubspot.def"
};

static void put_ingest(struct json *j)
{
    static const char answer[] =
        "{\"description\": \"Refused: nothing of it was counted, unless the body of the answer "
        "says so.\", \"content\": {\"application/json\": {\"schema\": {\"$ref\": "
        "\"#/components/schemas/refusal\"}}, \"application/problem+json\": {\"schema\": {\"$ref\": "
        "\"#/components/schemas/Problem\"}}}}";
    static const char *const refusals[] = {"400", "409", "413", "422", "503", "507"};
    json_open(j, "/v1/events");
    json_open(j, "post");
    json_pair(j, "operationId", "publish");
    json_pair(j, "summary", "A batch of events, answered after its commit");
    json_raw(j, "tags", "[\"events\"]");
    json_raw(j, "parameters",
             "[{\"$ref\": \"#/components/parameters/IdempotencyKey\"}, {\"name\": \"account\", "
             "\"in\": \"query\", \"description\": \"for events that name none (NDJSON, "
             "CloudEvents)\", \"schema\": {\"type\": \"integer\", \"minimum\": 0}}, {\"name\": "
             "\"app\", \"in\": \"query\", \"description\": \"likewise\", \"schema\": {\"type\": "
             "\"integer\", \"minimum\": 0}}]");
    json_open(j, "requestBody");
    json_raw(j, "required", "true");
    json_open(j, "content");
    json_raw(j, "application/json",
             "{\"schema\": {\"$ref\": \"#/components/schemas/batch\"}, \"example\": [{\"type\": "
             "\"api.call\", \"account\": 7, \"app\": 42, \"time\": 1795428000000, \"method\": "
             "\"GET\", \"status\": 200}]}");
    json_raw(j, "application/msgpack",
             "{\"schema\": {\"type\": \"string\", \"format\": "
             "\"binary\"}}");
    json_raw(j, "application/x-ndjson", "{\"schema\": {\"type\": \"string\"}}");
    json_raw(j, "application/cloudevents+json",
             "{\"schema\": {\"$ref\": \"#/components/schemas/CloudEvent\"}}");
    json_raw(j, "application/cloudevents-batch+json",
             "{\"schema\": {\"type\": \"array\", \"items\": {\"$ref\": "
             "\"#/components/schemas/CloudEvent\"}}}");
    json_shut(j);
    json_shut(j);
    json_open(j, "responses");
    json_raw(j, "200",
             "{\"description\": \"Durable: what was accepted, known already, or rejected.\", "
             "\"content\": {\"application/json\": {\"schema\": {\"$ref\": "
             "\"#/components/schemas/ack\"}}, \"application/msgpack\": {\"schema\": {\"type\": "
             "\"string\", \"format\": \"binary\"}}}}");
    for (size_t i = 0; i < N_OF(refusals); i++)
        json_raw(j, refusals[i], answer);
    json_raw(j, "403", REF_PROBLEM);
    json_raw(j, "415", REF_PROBLEM);
    json_raw(j, "default", REF_PROBLEM);
    json_shut(j);
    json_shut(j);
    json_shut(j);
}

/* One of all views' requests, or answers. */
static void put_any_view(struct json *j, const char *part)
{
    json_open(j, "schema");
    json_open_list(j, "anyOf");
    for (enum query_view_id v = 0; v < VIEW_N; v++) {
        char ref[160];
        text_fmt(ref, sizeof(ref), "{\"$ref\": \"#/components/schemas/%s/$defs/%s\"}",
                 query_views[v].name, part);
        json_next(j);
        json_put(j, ref);
    }
    json_shut_list(j);
    json_shut(j);
}

static void put_query(struct json *j)
{
    static const char *const problems[] = {"400", "403", "404", "406", "415", NULL};
    static const char binary[] = "{\"schema\": {\"type\": \"string\", \"format\": \"binary\"}}";
    static const char text[] = "{\"schema\": {\"type\": \"string\"}}";
    json_open(j, "/v1/query");
    json_open(j, "post");
    json_pair(j, "operationId", "query");
    json_pair(j, "summary", "A question as the query socket takes it");
    json_raw(j, "tags", "[\"views\"]");
    json_open(j, "requestBody");
    json_raw(j, "required", "true");
    json_open(j, "content");
    json_open(j, "application/json");
    put_any_view(j, "request");
    json_raw(j, "example", "{\"view\": \"status\"}");
    json_shut(j);
    json_raw(j, "application/msgpack", binary);
    json_shut(j);
    json_shut(j);
    json_open(j, "responses");
    json_open(j, "200");
    json_pair(j, "description",
              "The answer, in the encoding of the question; rows alone when they are accepted so.");
    json_open(j, "content");
    json_open(j, "application/json");
    put_any_view(j, "answer");
    json_shut(j);
    json_raw(j, "application/msgpack", binary);
    json_raw(j, "application/x-ndjson", text);
    json_raw(j, "text/csv", text);
    json_shut(j);
    json_shut(j);
    put_problems(j, problems);
    json_shut(j);
    json_shut(j);
    json_shut(j);
}

static void put_paths(struct json *j)
{
    json_open(j, "paths");
    for (size_t i = 0; i < N_OF(paths); i++) {
        json_open(j, paths[i].path);
        json_raw(j, paths[i].method, paths[i].json);
        json_shut(j);
    }
    put_ingest(j);
    put_query(j);
    put_views(j);
    json_shut(j);
}

/* ---- components ---- */

static void put_codes(struct json *j)
{
    bool first = true;
    json_key(j, "enum");
    json_put(j, "[");
#define PUT_CODE(code)                                                                             \
    if ((code) != NULL) {                                                                          \
        json_put(j, first ? "" : ", ");                                                            \
        json_quote(j, str_of((code) != NULL ? (code) : ""));                                       \
        first = false;                                                                             \
    }
    for (unsigned st = 0; st < ST_N; st++)
        if (st != ST_OK && st != ST_DUPLICATE)
            PUT_CODE(status_row((enum status)st)->wire)
    static const char *const others[] = {
#define P(name, code, http, retry, title) code,
#include "schemas/http_problem.def"
#undef P
    };
    for (size_t i = 0; i < N_OF(others); i++) {
        bool known = false;
        for (unsigned st = 0; st < ST_N; st++) {
            const char *wire = status_row((enum status)st)->wire;
            known |= wire != NULL && strcmp(wire, others[i]) == 0;
        }
        if (!known)
            PUT_CODE(others[i])
    }
#undef PUT_CODE
    json_put(j, "]");
}

static void put_own_schemas(struct json *j)
{
    json_open(j, "Problem");
    json_pair(j, "description", "RFC 9457, with the code and whether a retry may help.");
    json_pair(j, "type", "object");
    json_raw(j, "required", "[\"type\", \"title\", \"status\", \"code\", \"retry\"]");
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    json_raw(j, "type", "{\"type\": \"string\", \"format\": \"uri\"}");
    json_raw(j, "title", "{\"type\": \"string\"}");
    json_raw(j, "status", "{\"type\": \"integer\"}");
    json_raw(j, "detail", "{\"type\": \"string\"}");
    json_open(j, "code");
    json_pair(j, "type", "string");
    put_codes(j);
    json_shut(j);
    json_raw(j, "retry", "{\"type\": \"boolean\"}");
    json_raw(j, "retry_after_ms", "{\"type\": \"integer\"}");
    json_shut(j);
    json_shut(j);
    json_raw(
        j, "Ready",
        "{\"type\": \"object\", \"required\": [\"ready\", \"reasons\"], "
        "\"additionalProperties\": false, \"properties\": {\"ready\": {\"type\": \"boolean\"}, "
        "\"reasons\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"required\": "
        "[\"code\", \"message\"], \"additionalProperties\": false, \"properties\": {\"code\": "
        "{\"type\": \"string\"}, \"message\": {\"type\": \"string\"}}}}}}");
    json_raw(
        j, "CloudEvent",
        "{\"type\": \"object\", \"required\": [\"specversion\", \"type\", \"source\", "
        "\"id\"], \"properties\": {\"specversion\": {\"const\": \"1.0\"}, \"type\": {\"type\": "
        "\"string\"}, \"source\": {\"type\": \"string\"}, \"id\": {\"type\": \"string\"}, "
        "\"time\": {\"type\": \"string\", \"format\": \"date-time\"}, \"data\": {\"type\": "
        "\"object\"}}}");
}

/* Requests, as schemas/action.def has them. */
static void put_action_schemas(struct json *j)
{
    static const char words[] = "\"reconnect\", \"disconnect\", \"reauthenticate\", \"install\", "
                                "\"uninstall\"";
    static const char common[] =
        "\"app\": {\"type\": \"integer\", \"minimum\": 1}, \"user\": {\"type\": \"integer\", "
        "\"minimum\": 0}, \"idempotency_key\": {\"type\": \"string\", \"minLength\": 1, "
        "\"maxLength\": 64}, \"request\": {\"type\": [\"string\", \"integer\"]}";
    char text[1024];
    text_fmt(
        text, sizeof(text),
        "{\"type\": \"object\", \"required\": [\"action\", \"app\"], \"anyOf\": [{\"required\": "
        "[\"user\"]}, {\"required\": [\"viewer\"]}], \"additionalProperties\": false, "
        "\"properties\": {\"action\": {\"enum\": [%s]}, \"viewer\": {\"type\": \"integer\", "
        "\"minimum\": 0}, \"reason\": {\"type\": \"string\", \"maxLength\": 256}, %s}}",
        words, common);
    json_raw(j, "Action", text);
    text_fmt(
        text, sizeof(text),
        "{\"type\": \"object\", \"required\": [\"ok\", \"action\", \"account\", \"app\", \"user\", "
        "\"idempotency_key\"], \"additionalProperties\": false, \"properties\": {\"ok\": "
        "{\"const\": true}, \"action\": {\"enum\": [%s]}, \"account\": {\"type\": "
        "\"integer\", \"minimum\": 0}, \"by\": {\"type\": \"integer\"}, %s}}",
        words, common);
    json_raw(j, "ActionTaken", text);
}

static void put_hubspot_schemas(struct json *j)
{
    static const struct {
        const char *name, *json;
    } schemas[] = {
#define S(name, json) {name, json},
#include "schemas/openapi_hubspot.def"
    };
    for (size_t i = 0; i < N_OF(schemas); i++)
        json_raw(j, schemas[i].name, schemas[i].json);
}

static void put_components(struct json *j)
{
    json_open(j, "components");
    json_open(j, "securitySchemes");
    json_raw(j, "bearer", "{\"type\": \"http\", \"scheme\": \"bearer\"}");
    json_raw(j, "hapikey", "{\"type\": \"apiKey\", \"name\": \"hapikey\", \"in\": \"query\"}");
    json_shut(j);
    json_open(j, "parameters");
    json_raw(j, "account",
             "{\"name\": \"account\", \"in\": \"path\", \"required\": true, \"schema\": {\"type\": "
             "\"integer\", \"minimum\": 0, \"maximum\": 9007199254740991}}");
    json_raw(j, "IfNoneMatch",
             "{\"name\": \"If-None-Match\", \"in\": \"header\", \"description\": \"ETag of an "
             "earlier answer: 304 when its rows are the same\", \"schema\": {\"type\": "
             "\"string\"}}");
    json_raw(j, "IdempotencyKey",
             "{\"name\": \"Idempotency-Key\", \"in\": \"header\", \"description\": \"identity of "
             "the batch: sent again with the same body it is counted once, with another body it is "
             "a conflict; remembered as long as event ids\", \"schema\": {\"type\": \"string\", "
             "\"minLength\": 1, \"maxLength\": 255}}");
    json_shut(j);
    json_open(j, "headers");
    static const struct {
        const char *name, *text;
    } headers[] = {
        {"ETag", "tag of the rows, whenever they were asked for"},
        {"Link", "the next page, as rel next; absent on the last one"},
        {"AsOf", "time of the answer, ms since 1970 UTC"},
        {"Position", "last log position that the answer includes"},
        {"From", "begin of the range that was answered"},
        {"To", "its end"},
        {"Bound", "what cut the range: retention or floor"},
    };
    for (size_t i = 0; i < N_OF(headers); i++) {
        json_open(j, headers[i].name);
        json_pair(j, "description", headers[i].text);
        json_raw(j, "schema", "{\"type\": \"string\"}");
        json_shut(j);
    }
    json_shut(j);
    json_open(j, "responses");
    json_raw(j, "NotModified", "{\"description\": \"The rows are those of the tag.\"}");
    json_raw(j, "Problem",
             "{\"description\": \"A refusal.\", \"content\": {\"application/problem+json\": "
             "{\"schema\": {\"$ref\": \"#/components/schemas/Problem\"}}}}");
    json_raw(j, "HubSpotError",
             "{\"description\": \"A refusal, as HubSpot words it.\", \"content\": "
             "{\"application/json\": {\"schema\": {\"$ref\": "
             "\"#/components/schemas/HubSpotError\"}}}}");
    json_shut(j);
    json_open(j, "schemas");
    put_own_schemas(j);
    put_action_schemas(j);
    put_hubspot_schemas(j);
    put_wire_schemas(j);
    json_shut(j);
    json_shut(j);
}

void openapi_write(struct buf *to)
{
    struct json j = {.to = to, .first = true};
    json_open(&j, NULL);
    json_pair(&j, "openapi", "3.1.0");
    json_open(&j, "info");
    json_pair(&j, "title", "Daybook");
    json_pair(&j, "version", DAYBOOK_VERSION);
    json_pair(&j, "summary", "What the apps connected to CRM accounts do.");
    json_pair(&j, "description",
              "Every view is asked with GET; rows come as JSON, NDJSON or CSV by Accept, page by "
              "page by Link. Refusals are problem+json. Parameters that take several values take "
              "them repeated or parted by commas.");
    json_raw(&j, "license", "{\"name\": \"Apache-2.0\", \"identifier\": \"Apache-2.0\"}");
    json_shut(&j);
    json_raw(&j, "servers", "[{\"url\": \"http://127.0.0.1:7700\"}]");
    json_raw(&j, "security", "[{}, {\"bearer\": []}]");
    json_raw(&j, "tags",
             "[{\"name\": \"views\", \"description\": \"What is known\"}, {\"name\": \"events\", "
             "\"description\": \"What happens\"}, {\"name\": \"hubspot\", \"description\": "
             "\"HubSpot's own API\"}, {\"name\": \"operation\", \"description\": \"How "
             "the engine is\"}]");
    put_paths(&j);
    put_components(&j);
    json_shut(&j);
    json_put(&j, "\n");
}
