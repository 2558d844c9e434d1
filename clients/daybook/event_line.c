#include "clients/daybook/event_line.h"

#include "schemas/out.h"

static const char *method_name(unsigned method)
{
    static const char *const names[METHOD_N] = {"",      "GET",    "HEAD",    "POST",  "PUT",
                                                "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};
    CHECK(method < METHOD_N);
    return names[method];
}

/* Members of a map whose number of pairs must be known first: written twice, once to be counted. */
struct members {
    struct out *o; /* NULL: only count */
    uint32_t n;
};

static void put_u64(struct members *m, const char *key, uint64_t v)
{
    m->n++;
    if (m->o != NULL)
        out_pair_u64(m->o, key, v);
}

static void put_str(struct members *m, const char *key, struct str s)
{
    if (s.n == 0)
        return;
    m->n++;
    if (m->o != NULL)
        out_pair_str(m->o, key, s);
}

static void put_scopes(struct members *m, const struct event_more *more)
{
    if (more->list_n == 0)
        return;
    m->n++;
    if (m->o == NULL)
        return;
    out_key(m->o, "scopes");
    out_array(m->o, more->list_n);
    for (uint32_t i = 0; i < more->list_n; i++)
        out_str(m->o, more->list[i]);
    out_end(m->o);
}

static void put_more(struct members *m, const struct event_more *more)
{
    put_str(m, "id", more->id);
    put_str(m, "record", more->record_text);
    put_str(m, "endpoint", more->endpoint);
    put_str(m, "reason", more->reason);
    put_str(m, "code", more->code);
    put_str(m, "setting", more->setting);
    put_str(m, "from", more->from);
    put_str(m, "to", more->to);
    put_str(m, "feature", more->feature);
    put_scopes(m, more);
}

static void put_members(struct members *m, const struct event *e)
{
    static const struct event_more none;
    const struct event_more *more = e->more != NULL ? e->more : &none;
    enum event_group group = event_group(e->kind);
    char object[32];
    put_str(m, "type", str_of(event_type_name(e->kind)));
    put_u64(m, "account", e->account);
    put_u64(m, "app", e->app);
    put_u64(m, "time", (uint64_t)e->time_ms);
    if (e->has_user)
        put_u64(m, "user", e->user);
    if (e->direction != DIRECTION_NONE)
        put_str(m, "direction", e->direction == DIRECTION_SENT ? STR("sent") : STR("received"));
    if (group == GROUP_API) {
        put_str(m, "method", str_of(method_name(e->method)));
        put_u64(m, "status", e->status);
    }
    if (group == GROUP_RECORD) {
        put_str(m, "object_type", object_type_text(e->object_type, more->object_name, object));
        if (e->record_hash != 0 && more->record_text.n == 0)
            put_u64(m, "record", more->record_number);
    }
    if (e->count > 1)
        put_u64(m, "count", e->count);
    put_more(m, more);
}

void event_line(const struct event *e, struct buf *to)
{
    struct members count = {0};
    put_members(&count, e);
    struct out o = out_to(ENCODING_JSON, to);
    out_map(&o, count.n);
    struct members write = {.o = &o};
    put_members(&write, e);
    out_end(&o);
}
