/* Kinds of events: their names and groups from event.def, and which way they move data. */
#include "schemas/event.h"

static const uint8_t kind_groups[EV_KIND_MAX] = {
#define KIND(name, number, type, group) [number] = GROUP_##group,
#include "schemas/event.def"
};

static const struct str kind_names[EV_KIND_MAX] = {
#define KIND(name, number, type, group) [number] = {type, sizeof(type) - 1},
#include "schemas/event.def"
};

enum event_group event_group(unsigned kind)
{
    return kind < EV_KIND_MAX ? (enum event_group)kind_groups[kind] : GROUP_NONE;
}

bool event_is_activity(unsigned kind)
{
    enum event_group group = event_group(kind);
    return group == GROUP_APP || group == GROUP_SYNC || group == GROUP_PERMISSION ||
           group == GROUP_ACTION;
}

const char *event_type_name(unsigned kind)
{
    return kind < EV_KIND_MAX ? kind_names[kind].p : NULL;
}

enum event_kind event_kind_of(struct str type)
{
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        if (kind_names[kind].n == type.n && type.n != 0 &&
            memcmp(kind_names[kind].p, type.p, type.n) == 0)
            return (enum event_kind)kind;
    }
    return EV_NONE;
}

enum direction event_activity(const struct event *e)
{
    enum event_group group = event_group(e->kind);
    if (group != GROUP_API && group != GROUP_RECORD)
        return DIRECTION_NONE;
    if (group == GROUP_API && e->status >= 400)
        return DIRECTION_NONE;
    if (e->direction != DIRECTION_NONE)
        return (enum direction)e->direction;
    bool reads = group == GROUP_API && (e->method == METHOD_GET || e->method == METHOD_HEAD);
    return reads ? DIRECTION_RECEIVED : DIRECTION_SENT;
}
