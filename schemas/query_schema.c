/* JSON Schemas of queries. The writer below indents: these are for people too. */
#include "schemas/query_schema.h"

#include "engine/base/check.h"
#include "schemas/event.h"

/* ---- a small writer of indented JSON ---- */

struct json {
    struct buf *to;
    unsigned depth;
    bool first;
};

static void put(struct json *j, const char *text)
{
    buf_put(j->to, text, strlen(text));
}

/* Text of the tables: ASCII without control characters. */
static void put_quoted(struct json *j, struct str s)
{
    put(j, "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            put(j, "\\");
        buf_put(j->to, s.p + i, 1);
    }
    put(j, "\"");
}

static void new_line(struct json *j)
{
    if (!j->first)
        put(j, ",");
    put(j, "\n");
    for (unsigned i = 0; i < j->depth; i++)
        put(j, "  ");
    j->first = false;
}

static void key(struct json *j, const char *name)
{
    new_line(j);
    put_quoted(j, str_of(name));
    put(j, ": ");
}

static void open(struct json *j, const char *name)
{
    if (name)
        key(j, name);
    put(j, "{");
    j->depth++;
    j->first = true;
}

static void shut(struct json *j)
{
    j->depth--;
    j->first = true;
    new_line(j);
    put(j, "}");
    j->first = false;
}

static void pair(struct json *j, const char *name, const char *text)
{
    key(j, name);
    put_quoted(j, str_of(text));
}

/* A pair whose value is JSON already. */
static void raw(struct json *j, const char *name, const char *json)
{
    key(j, name);
    put(j, json);
}

static void number(struct json *j, const char *name, uint64_t n)
{
    char text[24];
    text_fmt(text, sizeof(text), "%llu", (unsigned long long)n);
    raw(j, name, text);
}

/* ---- parameters ---- */

static void put_enum(struct json *j, const char *allowed)
{
    key(j, "enum");
    put(j, "[");
    size_t at = 0;
    bool first = true;
    for (struct str w = query_word_next(allowed, &at); w.n > 0; w = query_word_next(allowed, &at)) {
        put(j, first ? "" : ", ");
        put_quoted(j, w);
        first = false;
    }
    put(j, "]");
}

static void put_kinds(struct json *j)
{
    key(j, "enum");
    put(j, "[");
    bool first = true;
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        enum event_group g = event_group(kind);
        if (g != GROUP_APP && g != GROUP_SYNC && g != GROUP_PERMISSION)
            continue;
        put(j, first ? "" : ", ");
        put_quoted(j, str_of(event_type_name(kind)));
        first = false;
    }
    put(j, "]");
}

static void put_text_bounds(struct json *j, const struct query_param *p)
{
    pair(j, "type", "string");
    number(j, "minLength", p->min);
    number(j, "maxLength", p->max);
}

#define DAY_PATTERN "\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\""

/* The schema of one value, inside an open object. */
static void put_value(struct json *j, const struct query_param *p)
{
    switch (p->type) {
    case PARAM_UINT:
        raw(j, "type", "[\"integer\", \"string\"]");
        number(j, "minimum", p->min);
        number(j, "maximum", p->max);
        raw(j, "pattern", "\"^(0|[1-9][0-9]*)$\"");
        break;
    case PARAM_DAY:
        pair(j, "type", "string");
        raw(j, "pattern", DAY_PATTERN);
        break;
    case PARAM_TIME:
        raw(j, "type", "[\"integer\", \"string\"]");
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
        raw(j, "enum", "[true, false, \"true\", \"false\"]");
        break;
    }
}

/* A value, null (as if left out), or an array of values. */
static void put_param(struct json *j, const struct query_param *p)
{
    open(j, p->name);
    pair(j, "description", p->help);
    if (p->def[0]) {
        char text[256];
        query_param_default(p, text, sizeof(text));
        pair(j, "$comment", text);
    }
    key(j, "anyOf");
    put(j, "[");
    open(j, NULL);
    put_value(j, p);
    shut(j);
    put(j, ", {\"type\": \"null\"}");
    if (p->many) {
        put(j, ", ");
        open(j, NULL);
        pair(j, "type", "array");
        open(j, "items");
        put_value(j, p);
        shut(j);
        shut(j);
    }
    put(j, "]");
    shut(j);
}

static void put_required(struct json *j, enum query_view_id view)
{
    key(j, "required");
    put(j, "[");
    bool first = true;
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        if (!query_param_of(view, i) || !query_params[i].required)
            continue;
        put(j, first ? "" : ", ");
        put_quoted(j, str_of(query_params[i].name));
        first = false;
    }
    put(j, "]");
}

static void put_request(struct json *j, enum query_view_id view)
{
    open(j, "request");
    pair(j, "type", "object");
    put_required(j, view);
    raw(j, "additionalProperties", "false");
    open(j, "properties");
    open(j, "request");
    pair(j, "description", "opaque, echoed in the answer");
    raw(j, "type", "[\"integer\", \"string\"]");
    raw(j, "maxLength", "64");
    shut(j);
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        if (i == QUERY_ANY_VIEW) {
            open(j, "view");
            pair(j, "const", query_views[view].name);
            shut(j);
        } else if (query_param_of(view, i)) {
            put_param(j, &query_params[i]);
        }
    }
    shut(j);
    shut(j);
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
    pair(j, "type", "object");
    key(j, "required");
    put(j, "[");
    for (unsigned i = query_views[view].column0; i < query_columns_end(view); i++) {
        if (query_columns[i].role != ROLE_FACT)
            continue;
        put(j, first ? "" : ", ");
        put_quoted(j, str_of(query_columns[i].name));
        first = false;
    }
    put(j, "]");
    raw(j, "additionalProperties", "false");
    open(j, "properties");
    for (unsigned i = query_views[view].column0; i < query_columns_end(view); i++) {
        const struct query_column *c = &query_columns[i];
        open(j, c->name);
        pair(j, "description", c->help);
        raw(j, "type", column_type(c));
        if (c->type == COLUMN_DAY)
            raw(j, "pattern", DAY_PATTERN);
        if (c->type == COLUMN_COUNTS)
            raw(j, "additionalProperties", "{\"type\": \"integer\"}");
        if (c->type == COLUMN_TABLES)
            raw(j, "items", "{\"type\": \"object\"}");
        shut(j);
    }
    shut(j);
}

static void put_data(struct json *j, enum query_view_id view)
{
    open(j, "data");
    if (query_views[view].shape == SHAPE_OBJECT) {
        put_columns(j, view);
        shut(j);
        return;
    }
    pair(j, "type", "object");
    raw(j, "required", "[\"rows\"]");
    raw(j, "additionalProperties", "false");
    open(j, "properties");
    open(j, "rows");
    pair(j, "type", "array");
    open(j, "items");
    put_columns(j, view);
    shut(j);
    shut(j);
    shut(j);
    shut(j);
}

static void put_typed(struct json *j, const char *name, const char *json)
{
    open(j, name);
    raw(j, "type", json);
    shut(j);
}

static void put_answer(struct json *j, enum query_view_id view)
{
    static const char *const ranges[] = {[SHAPE_DAYS] = "\"string\"",
                                         [SHAPE_INSTANTS] = "\"integer\"",
                                         [SHAPE_ROWS] = "\"null\"",
                                         [SHAPE_OBJECT] = "\"null\""};
    const char *range = ranges[query_views[view].shape];
    open(j, "answer");
    pair(j, "type", "object");
    raw(j, "required",
        "[\"ok\", \"view\", \"as_of\", \"position\", \"from\", \"to\", \"bound\", \"data\"]");
    raw(j, "additionalProperties", "false");
    open(j, "properties");
    open(j, "ok");
    raw(j, "const", "true");
    shut(j);
    open(j, "view");
    pair(j, "const", query_views[view].name);
    shut(j);
    put_typed(j, "request", "[\"integer\", \"string\"]");
    put_typed(j, "as_of", "\"integer\"");
    put_typed(j, "position", "\"integer\"");
    put_typed(j, "from", range);
    put_typed(j, "to", range);
    open(j, "bound");
    raw(j, "enum", "[\"retention\", \"floor\", null]");
    shut(j);
    open(j, "degraded");
    raw(j, "const", "true");
    shut(j);
    put_data(j, view);
    put_typed(j, "cursor", "\"string\"");
    shut(j);
    shut(j);
}

static void put_refusal(struct json *j)
{
    open(j, "refusal");
    pair(j, "type", "object");
    raw(j, "required", "[\"ok\", \"code\", \"message\", \"retry\"]");
    raw(j, "additionalProperties", "false");
    open(j, "properties");
    open(j, "ok");
    raw(j, "const", "false");
    shut(j);
    put_typed(j, "request", "[\"integer\", \"string\"]");
    put_typed(j, "code", "\"string\"");
    put_typed(j, "message", "\"string\"");
    put_typed(j, "retry", "\"boolean\"");
    shut(j);
    shut(j);
}

void query_schema_write(enum query_view_id view, struct buf *to)
{
    CHECK(view < VIEW_N);
    struct json j = {.to = to, .first = true};
    char id[96];
    text_fmt(id, sizeof(id), "urn:daybook:query:%s:1", query_views[view].name);
    open(&j, NULL);
    pair(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pair(&j, "$id", id);
    pair(&j, "title", query_views[view].name);
    pair(&j, "description", query_views[view].help);
    open(&j, "$defs");
    put_request(&j, view);
    put_answer(&j, view);
    put_refusal(&j);
    shut(&j);
    shut(&j);
    put(&j, "\n");
}
