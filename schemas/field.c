/* The table behind schemas/field.h, expanded from event.def and nothing else. */
#include "schemas/field.h"

const struct field_row field_rows[F_N] = {
#define FIELD(group, name, key, type, required, min, max, text)                                    \
    {{key, sizeof(key) - 1}, text, min, max, GROUP_##group, FT_##type, required},
#include "schemas/event.def"
};

const char *const app_kind_names[] = {"marketplace", "private", "built-in", NULL};

static const char *const method_names[METHOD_N] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS", [METHOD_TRACE] = "TRACE", [METHOD_CONNECT] = "CONNECT",
};

struct field_slots field_slots_of(enum event_group group)
{
    struct field_slots to = {0};
    bool own_user = false;
    for (unsigned f = 0; f < F_N; f++) {
        if (field_rows[f].group != group)
            continue;
        CHECK(to.n < FIELD_SLOTS_MAX);
        to.field[to.n++] = (uint8_t)f;
        own_user |= str_eq(field_rows[f].key, STR("user"));
    }
    for (unsigned f = 0; f < F_N && field_rows[f].group == GROUP_COMMON; f++) {
        if (f == F_COMMON_USER && own_user)
            continue;
        CHECK(to.n < FIELD_SLOTS_MAX);
        to.field[to.n++] = (uint8_t)f;
    }
    return to;
}

bool field_app_required(enum event_kind kind)
{
    enum event_group group = event_group(kind);
    return group == GROUP_API || group == GROUP_RECORD || group == GROUP_APP ||
           group == GROUP_SYNC || group == GROUP_PERMISSION || group == GROUP_ACTION ||
           group == GROUP_CATALOG_APP;
}

const char *http_method_name(unsigned method)
{
    return method < METHOD_N ? method_names[method] : NULL;
}

enum http_method http_method_of(struct str s)
{
    for (unsigned m = METHOD_GET; m < METHOD_N; m++) {
        if (str_eq(s, str_of(method_names[m])))
            return (enum http_method)m;
    }
    return METHOD_NONE;
}
