/* JSON Schemas of queries. */
#include "schemas/query_schema.h"

#include "engine/base/check.h"
#include "schemas/event.h"
#include "schemas/json_put.h"

/* ---- parameters ---- */

static void put_enum(struct json *j, const char *allowed)
{
    json_key(j, "enum");
    json_put(j, "[");
    size_t at = 0;
    bool first = true;
    for (struct str w = query_word_next(allowed, &at); w.n > 0; w = query_word_next(allowed, &at)) {
        json_put(j, first ? "" : ", ");
        json_quote(j, w);
        first = false;
    }
    json_put(j, "]");
}

static void put_kinds(struct json *j)
{
    json_key(j, "enum");
    json_put(j, "[");
    bool first = true;
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        if (!event_is_activity(kind))
            continue;
        json_put(j, first ? "" : ", ");
        json_quote(j, str_of(event_type_name(kind)));
        first = false;
    }
    json_put(j, "]");
}

static void put_text_bounds(struct json *j, const struct query_param *p)
{
    json_pair(j, "type", "string");
    json_number(j, "minLength", p->min);
    json_number(j, "maxLength", p->max);
}

#define DAY_PATTERN "\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\""

/* The schema of one value, inside an open object. */
static void put_value(struct json *j, const struct query_param *p)
{
    switch (p->type) {
    case PARAM_UINT:
        json_raw(j, "type", "[\"integer\", \"string\"]");
        json_number(j, "minimum", p->min);
        json_number(j, "maximum", p->max);
        json_raw(j, "pattern", "\"^(0|[1-9][0-9]*)$\"");
        break;
    case PARAM_DAY:
        json_pair(j, "type", "string");
        json_raw(j, "pattern", DAY_PATTERN);
        break;
    case PARAM_TIME:
        json_raw(j, "type", "[\"integer\", \"string\"]");
        break;
    case PARAM_WORD:
        put_enum(j, p->allowed);
        break;
    case PARAM_KIND:
        put_kinds(j);
        break;
    case PARAM_OBJECT:
    case PARAM_CODE:
    case PARAM_TEXT:
    case PARAM_CURSOR:
        put_text_bounds(j, p);
        break;
    case PARAM_BOOL:
        json_raw(j, "enum", "[true, false, \"true\", \"false\"]");
        break;
    }
}

/* A value, null (as if left out), or an array of values. */
static void put_param(struct json *j, const struct query_param *p)
{
    json_open(j, p->name);
    json_pair(j, "description", p->help);
    if (p->def[0]) {
        char text[256];
        query_param_default(p, text, sizeof(text));
        json_pair(j, "$comment", text);
    }
    json_key(j, "anyOf");
    json_put(j, "[");
    json_open(j, NULL);
    put_value(j, p);
    json_shut(j);
    json_put(j, ", {\"type\": \"null\"}");
    if (p->many) {
        json_put(j, ", ");
        json_open(j, NULL);
        json_pair(j, "type", "array");
        json_open(j, "items");
        put_value(j, p);
        json_shut(j);
        json_shut(j);
    }
    json_put(j, "]");
    json_shut(j);
}

static void put_required(struct json *j, enum query_view_id view)
{
    json_key(j, "required");
    json_put(j, "[");
    bool first = true;
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        if (!query_param_of(view, i) || !query_params[i].required)
            continue;
        json_put(j, first ? "" : ", ");
        json_quote(j, str_of(query_params[i].name));
        first = false;
    }
    json_put(j, "]");
}

static void put_request(struct json *j, enum query_view_id view)
{
    json_open(j, "request");
    json_pair(j, "type", "object");
    put_required(j, view);
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    json_open(j, "request");
    json_pair(j, "description", "opaque, echoed in the answer");
    json_raw(j, "type", "[\"integer\", \"string\"]");
    json_raw(j, "maxLength", "64");
    json_shut(j);
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        if (i == QUERY_ANY_VIEW) {
            json_open(j, "view");
            json_pair(j, "const", query_views[view].name);
            json_shut(j);
        } else if (query_param_of(view, i)) {
            put_param(j, &query_params[i]);
        }
    }
    json_shut(j);
    json_shut(j);
}

/* ---- columns ---- */

static const char *column_type(const struct query_column *c)
{
    switch (c->type) {
    case COLUMN_UINT:
    case COLUMN_TIME:
        return c->nullable ? "[\"integer\", \"null\"]" : "\"integer\"";
    case COLUMN_DAY:
    case COLUMN_TEXT:
        return c->nullable ? "[\"string\", \"null\"]" : "\"string\"";
    case COLUMN_BOOL:
        return c->nullable ? "[\"boolean\", \"null\"]" : "\"boolean\"";
    case COLUMN_COUNTS:
        return "\"object\"";
    case COLUMN_TABLES:
        return "\"array\"";
    }
    CHECK(false);
    return "";
}

static void put_columns(struct json *j, enum query_view_id view)
{
    bool first = true;
    json_pair(j, "type", "object");
    json_key(j, "required");
    json_put(j, "[");
    for (unsigned i = query_views[view].column0; i < query_columns_end(view); i++) {
        if (query_columns[i].role != ROLE_FACT)
            continue;
        json_put(j, first ? "" : ", ");
        json_quote(j, str_of(query_columns[i].name));
        first = false;
    }
    json_put(j, "]");
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    for (unsigned i = query_views[view].column0; i < query_columns_end(view); i++) {
        const struct query_column *c = &query_columns[i];
        json_open(j, c->name);
        json_pair(j, "description", c->help);
        json_raw(j, "type", column_type(c));
        if (c->type == COLUMN_DAY)
            json_raw(j, "pattern", DAY_PATTERN);
        if (c->type == COLUMN_COUNTS)
            json_raw(j, "additionalProperties", "{\"type\": \"integer\"}");
        if (c->type == COLUMN_TABLES)
            json_raw(j, "items", "{\"type\": \"object\"}");
        json_shut(j);
    }
    json_shut(j);
}

static void put_data(struct json *j, enum query_view_id view)
{
    json_open(j, "data");
    if (query_views[view].shape == SHAPE_OBJECT) {
        put_columns(j, view);
        json_shut(j);
        return;
    }
    json_pair(j, "type", "object");
    json_raw(j, "required", "[\"rows\"]");
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    json_open(j, "rows");
    json_pair(j, "type", "array");
    json_open(j, "items");
    put_columns(j, view);
    json_shut(j);
    json_shut(j);
    json_shut(j);
    json_shut(j);
}

static void put_typed(struct json *j, const char *name, const char *json)
{
    json_open(j, name);
    json_raw(j, "type", json);
    json_shut(j);
}

/* What was received on the days of the range. */
static void put_received(struct json *j)
{
    json_open(j, "received");
    json_pair(j, "type", "object");
    json_raw(j, "required", "[\"late\", \"duplicate\", \"rejected\"]");
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    put_typed(j, "late", "\"integer\"");
    put_typed(j, "duplicate", "\"integer\"");
    put_typed(j, "rejected", "\"integer\"");
    json_shut(j);
    json_shut(j);
}

static void put_answer(struct json *j, enum query_view_id view)
{
    static const char *const ranges[] = {[SHAPE_DAYS] = "\"string\"",
                                         [SHAPE_INSTANTS] = "\"integer\"",
                                         [SHAPE_ROWS] = "\"null\"",
                                         [SHAPE_OBJECT] = "[\"string\", \"null\"]"};
    const char *range = ranges[query_views[view].shape];
    json_open(j, "answer");
    json_pair(j, "type", "object");
    json_raw(j, "required",
             "[\"ok\", \"view\", \"as_of\", \"position\", \"from\", \"to\", \"bound\", "
             "\"open_day\", \"data\"]");
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    json_open(j, "ok");
    json_raw(j, "const", "true");
    json_shut(j);
    json_open(j, "view");
    json_pair(j, "const", query_views[view].name);
    json_shut(j);
    put_typed(j, "request", "[\"integer\", \"string\"]");
    put_typed(j, "as_of", "\"integer\"");
    put_typed(j, "position", "\"integer\"");
    put_typed(j, "from", range);
    put_typed(j, "to", range);
    json_open(j, "bound");
    json_raw(j, "enum", "[\"retention\", \"floor\", null]");
    json_shut(j);
    put_typed(j, "open_day", "[\"string\", \"null\"]");
    put_received(j);
    json_open(j, "degraded");
    json_raw(j, "const", "true");
    json_shut(j);
    put_data(j, view);
    put_typed(j, "cursor", "\"string\"");
    json_shut(j);
    json_shut(j);
}

static void put_refusal(struct json *j)
{
    json_open(j, "refusal");
    json_pair(j, "type", "object");
    json_raw(j, "required", "[\"ok\", \"code\", \"message\", \"retry\"]");
    json_raw(j, "additionalProperties", "false");
    json_open(j, "properties");
    json_open(j, "ok");
    json_raw(j, "const", "false");
    json_shut(j);
    put_typed(j, "request", "[\"integer\", \"string\"]");
    put_typed(j, "code", "\"string\"");
    put_typed(j, "message", "\"string\"");
    put_typed(j, "retry", "\"boolean\"");
    json_shut(j);
    json_shut(j);
}

void query_schema_write(enum query_view_id view, struct buf *to)
{
    CHECK(view < VIEW_N);
    struct json j = {.to = to, .first = true};
    char id[96];
    text_fmt(id, sizeof(id), "urn:daybook:query:%s:1", query_views[view].name);
    json_open(&j, NULL);
    json_pair(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_pair(&j, "$id", id);
    json_pair(&j, "title", query_views[view].name);
    json_pair(&j, "description", query_views[view].help);
    json_open(&j, "$defs");
    put_request(&j, view);
    put_answer(&j, view);
    put_refusal(&j);
    json_shut(&j);
    json_shut(&j);
    json_put(&j, "\n");
}
