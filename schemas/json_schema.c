#include "schemas/json_schema.h"

#include "schemas/ack.h"
#include "schemas/envelope.h"
#include "schemas/field.h"

const char *const schema_names[] = {"event", "batch", "ack", "refusal", NULL};

#define WIRE_INT "\"type\": \"integer\", \"minimum\": 0, \"maximum\": 9007199254740991"

/* ---- text ---- */

static void put_head(struct buf *to, const char *name, const char *title)
{
    buf_fmt(to, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n");
    buf_fmt(to, "  \"$id\": \"urn:daybook:schema:%s\",\n  \"title\": \"%s\",\n", name, title);
}

/* ", " between the items of a list. */
static void put_comma(struct buf *to, bool *first)
{
    if (!*first)
        buf_fmt(to, ", ");
    *first = false;
}

/* ---- one field ---- */

static const char *group_name(enum event_group group)
{
    static const char *const names[GROUP_N] = {
        [GROUP_API] = "api",
        [GROUP_RECORD] = "record",
        [GROUP_APP] = "app",
        [GROUP_SYNC] = "sync",
        [GROUP_PERMISSION] = "permission",
        [GROUP_ACTION] = "action",
        [GROUP_REMOVED] = "removed",
        [GROUP_CATALOG_APP] = "catalog_app",
        [GROUP_CATALOG_ACADEMY] = "catalog_academy",
        [GROUP_DIRECTORY_USER] = "directory_user",
        [GROUP_DIRECTORY_TEAM] = "directory_team",
        [GROUP_ACCOUNT_PLAN] = "account_plan",
        [GROUP_ACCOUNT_SETTINGS] = "account_settings",
        [GROUP_COMMON] = "common",
    };
    return names[group];
}

/* A value's type; an optional field may also be null, which means absent. */
static void put_type(struct buf *to, const char *type, bool required)
{
    if (required)
        buf_fmt(to, "\"type\": \"%s\"", type);
    else
        buf_fmt(to, "\"type\": [\"%s\", \"null\"]", type);
}

static void put_enum(struct buf *to, const char *const *names, bool required)
{
    buf_fmt(to, "\"enum\": [");
    for (size_t i = 0; names[i] != NULL; i++)
        buf_fmt(to, "%s\"%s\"", i == 0 ? "" : ", ", names[i]);
    buf_fmt(to, "%s]", required ? "" : ", null");
}

static void put_methods(struct buf *to)
{
    const char *names[METHOD_N];
    size_t n = 0;
    for (unsigned m = METHOD_GET; m < METHOD_N; m++)
        names[n++] = http_method_name(m);
    names[n] = NULL;
    put_enum(to, names, true);
}

static void put_list(struct buf *to, const struct field_row *row, bool strings)
{
    put_type(to, "array", row->required);
    buf_fmt(to, ", \"maxItems\": %llu, \"items\": {", (unsigned long long)row->max);
    if (strings)
        buf_fmt(to, "\"type\": \"string\", \"maxLength\": %u",
                frame_limits_default.string_bytes_max);
    else
        buf_fmt(to, WIRE_INT);
    buf_fmt(to, "}");
}

static void put_field(struct buf *to, const struct field_row *row)
{
    static const char *const ways[] = {"sent", "received", NULL};
    unsigned long long min = row->min;
    unsigned long long max = row->max;
    buf_fmt(to, "\"%s\": {\"description\": \"%s\", ", row->key.p, row->text);
    switch (row->type) {
    case FT_UINT:
        put_type(to, "integer", row->required);
        buf_fmt(to, ", \"minimum\": %llu, \"maximum\": %llu", min, max);
        break;
    case FT_STRING:
        put_type(to, "string", row->required);
        buf_fmt(to, ", \"minLength\": %llu, \"maxLength\": %llu", min, max);
        break;
    case FT_OBJECT:
        put_type(to, "string", row->required);
        buf_fmt(to, ", \"minLength\": 1, \"maxLength\": %llu, ", max);
        buf_fmt(to, "\"pattern\": \"^[^\\\\u0000-\\\\u001f\\\\u007f]*$\"");
        break;
    case FT_RECORD:
        buf_fmt(to, "\"type\": [\"integer\", \"string\", \"null\"], \"minimum\": 0, ");
        buf_fmt(to, "\"maximum\": 9007199254740991, \"minLength\": 1, \"maxLength\": %llu", max);
        break;
    case FT_METHOD:
        put_methods(to);
        break;
    case FT_WAY:
        put_enum(to, ways, row->required);
        break;
    case FT_APP_KIND:
        put_enum(to, app_kind_names, row->required);
        break;
    case FT_STRINGS:
    case FT_UINTS:
        put_list(to, row, row->type == FT_STRINGS);
        break;
    case FT_BOOL:
        put_type(to, "boolean", row->required);
        break;
    case FT_N:
        CHECK(!"reached");
    }
    buf_fmt(to, "}");
}

/* ---- groups ---- */

static bool group_needs_app(enum event_group group)
{
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        if (event_group(kind) == group)
            return field_app_required((enum event_kind)kind);
    }
    return false;
}

static void put_required(struct buf *to, enum event_group group, const struct field_slots *slots)
{
    bool first = true;
    buf_fmt(to, "\"required\": [");
    if (group_needs_app(group)) {
        put_comma(to, &first);
        buf_fmt(to, "\"app\"");
    }
    for (uint32_t i = 0; i < slots->n; i++) {
        const struct field_row *row = &field_rows[slots->field[i]];
        if (!row->required)
            continue;
        put_comma(to, &first);
        buf_fmt(to, "\"%s\"", row->key.p);
    }
    buf_fmt(to, "]");
}

/* What a removal needs to say which entry it is about depends on its kind. */
static void put_removed_rules(struct buf *to)
{
    static const struct {
        const char *type, *instead; /* NULL: nothing can stand for key */
        bool decimal;
    } rows[] = {
        {"catalog.app.removed", "app", true},
        {"directory.user.removed", "user", true},
        {"directory.team.removed", NULL, true},
        {"catalog.academy.removed", NULL, false},
    };
    buf_fmt(to, ",\n      \"allOf\": [");
    for (size_t i = 0; i < N_OF(rows); i++) {
        buf_fmt(to, "%s\n        {\"if\": {\"properties\": {\"type\": {\"const\": \"%s\"}}},",
                i == 0 ? "" : ",", rows[i].type);
        buf_fmt(to,
                " \"then\": {\"anyOf\": [{\"required\": [\"key\"], \"properties\": {\"key\": {");
        buf_fmt(to, "\"type\": \"string\"%s}}}",
                rows[i].decimal ? ", \"pattern\": \"^(0|[1-9][0-9]{0,15})$\"" : "");
        if (rows[i].instead != NULL) {
            buf_fmt(to,
                    ", {\"required\": [\"%s\"], \"properties\": {\"key\": {\"type\": \"null\"}, ",
                    rows[i].instead);
            buf_fmt(to, "\"%s\": {\"type\": \"integer\"}}}", rows[i].instead);
        }
        buf_fmt(to, "]}}");
    }
    buf_fmt(to, "\n      ]");
}

static void put_group(struct buf *to, enum event_group group)
{
    struct field_slots slots = field_slots_of(group);
    buf_fmt(to, "    \"%s\": {\n      ", group_name(group));
    put_required(to, group, &slots);
    buf_fmt(to, ",\n      \"properties\": {");
    for (uint32_t i = 0; i < slots.n; i++) {
        buf_fmt(to, "%s\n        ", i == 0 ? "" : ",");
        put_field(to, &field_rows[slots.field[i]]);
    }
    buf_fmt(to, "\n      }");
    if (group == GROUP_REMOVED)
        put_removed_rules(to);
    buf_fmt(to, "\n    }");
}

static void put_groups(struct buf *to)
{
    for (unsigned g = GROUP_API; g < GROUP_COMMON; g++) {
        buf_fmt(to, "%s", g == GROUP_API ? "" : ",\n");
        put_group(to, (enum event_group)g);
    }
}

/* "type" as an enum of the kinds of a group, or of all when group is GROUP_NONE. */
static void put_types(struct buf *to, enum event_group group)
{
    bool first = true;
    buf_fmt(to, "\"type\": {\"enum\": [");
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        if (event_type_name(kind) == NULL || (group != GROUP_NONE && event_group(kind) != group))
            continue;
        put_comma(to, &first);
        buf_fmt(to, "\"%s\"", event_type_name(kind));
    }
    buf_fmt(to, "]}");
}

/* ---- the four schemas ---- */

/* The keywords of an event, without braces. */
static void put_event(struct buf *to)
{
    buf_fmt(to, "\"type\": \"object\", \"maxProperties\": 256,\n");
    buf_fmt(to, "  \"required\": [\"type\", \"account\", \"time\"],\n  \"properties\": {\n    ");
    put_types(to, GROUP_NONE);
    buf_fmt(to, ",\n    \"account\": {" WIRE_INT "},\n");
    buf_fmt(to, "    \"app\": {\"description\": \"0: no app, a person's own change\", ");
    buf_fmt(to,
            "\"type\": [\"integer\", \"null\"], \"minimum\": 0, \"maximum\": 9007199254740991},\n");
    buf_fmt(to, "    \"time\": {\"description\": \"ms since 1970 UTC, or RFC 3339 with offset\", ");
    buf_fmt(to,
            "\"type\": [\"integer\", \"string\"], \"minimum\": 0, \"maximum\": 9007199254740991, ");
    buf_fmt(to, "\"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}");
    buf_fmt(to, "([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$\"}\n  },\n  \"allOf\": [");
    for (unsigned g = GROUP_API; g < GROUP_COMMON; g++) {
        buf_fmt(to, "%s\n    {\"if\": {\"properties\": {", g == GROUP_API ? "" : ",");
        put_types(to, (enum event_group)g);
        buf_fmt(to, "}},\n     \"then\": {");
        if (group_needs_app((enum event_group)g))
            buf_fmt(to, "\"properties\": {\"app\": {\"type\": \"integer\"}}, ");
        buf_fmt(to, "\"$ref\": \"#/$defs/%s\"}}", group_name((enum event_group)g));
    }
    buf_fmt(to, "\n  ]");
}

static void put_event_schema(struct buf *to)
{
    put_head(to, "event", "A Daybook event in its map form");
    buf_fmt(to, "  ");
    put_event(to);
    buf_fmt(to, ",\n  \"$defs\": {\n");
    put_groups(to);
    buf_fmt(to, "\n  }\n}\n");
}

static void put_token(struct buf *to)
{
    buf_fmt(to, "{\"type\": [\"integer\", \"string\"], \"minimum\": 0, ");
    buf_fmt(to, "\"maximum\": 9007199254740991, \"maxLength\": %d}", TOKEN_BYTES_MAX);
}

static void put_producer(struct buf *to)
{
    buf_fmt(to, "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": %d, ", PRODUCER_BYTES_MAX);
    buf_fmt(to, "\"pattern\": \"^[^\\\\u0000-\\\\u001f\\\\u007f]*$\"}");
}

static void put_batch_schema(struct buf *to)
{
    put_head(to, "batch", "A Daybook batch: an event, a list of events, or an envelope");
    buf_fmt(to, "  \"anyOf\": [\n    {\"$ref\": \"#/$defs/event\"},\n");
    buf_fmt(to,
            "    {\"$ref\": \"#/$defs/events\"},\n    {\"$ref\": \"#/$defs/envelope\"}\n  ],\n");
    buf_fmt(to, "  \"$defs\": {\n    \"events\": {\"type\": \"array\", \"maxItems\": %u, ",
            frame_limits_default.batch_events_max);
    buf_fmt(to, "\"items\": {\"$ref\": \"#/$defs/event\"}},\n");
    buf_fmt(to, "    \"envelope\": {\"type\": \"object\", \"additionalProperties\": false, ");
    buf_fmt(to, "\"required\": [\"events\"],\n      ");
    buf_fmt(to, "\"dependentRequired\": {\"seq\": [\"producer\", \"epoch\"]},\n      ");
    buf_fmt(to, "\"properties\": {\n        \"producer\": ");
    put_producer(to);
    buf_fmt(to, ",\n        \"epoch\": {" WIRE_INT "},\n        \"seq\": {");
    buf_fmt(to, "\"type\": \"integer\", \"minimum\": 1, \"maximum\": 9007199254740991},\n");
    buf_fmt(to, "        \"events\": {\"$ref\": \"#/$defs/events\"},\n        \"request\": ");
    put_token(to);
    buf_fmt(to, "\n      }},\n    \"event\": {");
    put_event(to);
    buf_fmt(to, "},\n");
    put_groups(to);
    buf_fmt(to, "\n  }\n}\n");
}

static void put_codes(struct buf *to, bool all)
{
    bool first = true;
    buf_fmt(to, "{\"enum\": [");
    for (unsigned st = 0; st < ST_N; st++) {
        const char *wire = status_row((enum status)st)->wire;
        if (wire == NULL || (!all && (st == ST_OK || st == ST_DUPLICATE)))
            continue;
        put_comma(to, &first);
        buf_fmt(to, "\"%s\"", wire);
    }
    buf_fmt(to, "]}");
}

/* What every answer echoes. */
static void put_echo(struct buf *to)
{
    buf_fmt(to, "    \"producer\": ");
    put_producer(to);
    buf_fmt(to,
            ",\n    \"epoch\": {" WIRE_INT "},\n    \"seq\": {" WIRE_INT "},\n    \"request\": ");
    put_token(to);
}

static void put_ack_schema(struct buf *to)
{
    put_head(to, "ack", "The answer to a batch that was taken");
    buf_fmt(to,
            "  \"type\": \"object\", \"additionalProperties\": false,\n  \"required\": [\"ok\", ");
    buf_fmt(to,
            "\"accepted\", \"duplicate\", \"rejected_n\", \"rejected\"],\n  \"properties\": {\n");
    buf_fmt(to, "    \"ok\": {\"const\": true},\n");
    put_echo(to);
    buf_fmt(to, ",\n    \"accepted\": {" WIRE_INT "},\n    \"duplicate\": {" WIRE_INT "},\n");
    buf_fmt(to, "    \"rejected_n\": {" WIRE_INT "},\n");
    buf_fmt(to, "    \"rejected\": {\"type\": \"array\", \"maxItems\": %d, \"items\": {",
            ACK_REJECTED_MAX);
    buf_fmt(to, "\"type\": \"object\", \"additionalProperties\": false, ");
    buf_fmt(to, "\"required\": [\"index\", \"code\", \"message\"], \"properties\": {");
    buf_fmt(to, "\"index\": {" WIRE_INT "}, \"message\": {\"type\": \"string\"}, \"code\": ");
    put_codes(to, true);
    buf_fmt(to, "}}},\n    \"code\": {\"const\": \"duplicate\"}\n  }\n}\n");
}

static void put_refusal_schema(struct buf *to)
{
    put_head(to, "refusal", "The answer to a message that was not taken");
    buf_fmt(to, "  \"type\": \"object\", \"additionalProperties\": false,\n");
    buf_fmt(to,
            "  \"required\": [\"ok\", \"code\", \"message\", \"retry\"],\n  \"properties\": {\n");
    buf_fmt(to, "    \"ok\": {\"const\": false},\n");
    put_echo(to);
    buf_fmt(to, ",\n    \"code\": ");
    put_codes(to, false);
    buf_fmt(
        to,
        ",\n    \"message\": {\"type\": \"string\"},\n    \"retry\": {\"type\": \"boolean\"},\n");
    buf_fmt(to, "    \"expected_seq\": {" WIRE_INT "},\n    \"current_epoch\": {" WIRE_INT "},\n");
    buf_fmt(to, "    \"retry_after_ms\": {" WIRE_INT "}\n  }\n}\n");
}

enum status schema_write(const char *name, struct buf *to)
{
    static void (*const writers[])(struct buf *) = {put_event_schema, put_batch_schema,
                                                    put_ack_schema, put_refusal_schema};
    STATIC_CHECK(N_OF(writers) == N_OF(schema_names) - 1);
    for (size_t i = 0; i < N_OF(writers); i++) {
        if (!str_eq(str_of(schema_names[i]), str_of(name)))
            continue;
        writers[i](to);
        return ST_OK;
    }
    return ST_NOT_FOUND;
}
