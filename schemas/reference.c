#include "schemas/reference.h"

#include "schemas/out.h"

/* The value of a field, or NULL when absent. */
static const struct view *value_of(const struct event_views *v, enum field f)
{
    for (uint32_t i = 0; i < v->slots->n; i++) {
        if (v->slots->field[i] == f)
            return v->slot[i].type == VIEW_NIL ? NULL : &v->slot[i];
    }
    return NULL;
}

static enum status decimal_key(struct decode *d, uint64_t n, struct str *out)
{
    char text[24];
    size_t len = text_fmt(text, sizeof text, "%llu", (unsigned long long)n);
    *out = arena_str(d->arena, (struct str){text, len});
    return out->p != NULL ? ST_OK : ST_NO_MEMORY;
}

static enum status text_key(struct decode *d, struct str text, struct str *out)
{
    *out = arena_str(d->arena, text);
    return out->p != NULL ? ST_OK : ST_NO_MEMORY;
}

/* The key of a removal that is about something numbered. */
static enum status removed_number(struct decode *d, const struct view *key, bool given, uint64_t n,
                                  struct str *out)
{
    uint64_t number = n;
    if (key != NULL && (text_u64(key->text, &number) != ST_OK || number > WIRE_INT_MAX)) {
        char text[64];
        return decode_fault(d, ST_INVALID,
                            "key is %s; allowed: the decimal id of the removed entry",
                            view_describe(key, text));
    }
    if (key == NULL && !given)
        return decode_fault(d, ST_INVALID, "key is missing; it says which entry is removed");
    return decimal_key(d, number, out);
}

static enum status removed_key(struct decode *d, const struct event_views *v, const struct event *e,
                               struct str *out)
{
    const struct view *key = value_of(v, F_REMOVED_KEY);
    if (v->kind == EV_CATALOG_APP_REMOVED)
        return removed_number(d, key, v->app.type != VIEW_NIL, e->app, out);
    if (v->kind == EV_ACCOUNT_SETTINGS_REMOVED && e->has_user)
        return decimal_key(d, e->user, out);
    if (v->kind == EV_DIRECTORY_USER_REMOVED)
        return removed_number(d, key, e->has_user, e->user, out);
    if (v->kind == EV_DIRECTORY_TEAM_REMOVED)
        return removed_number(d, key, false, 0, out);
    if (v->kind != EV_CATALOG_ACADEMY_REMOVED)
        return text_key(d, STR(""), out);
    if (key == NULL)
        return decode_fault(d, ST_INVALID, "key is missing; it says which entry is removed");
    return text_key(d, key->text, out);
}

static enum status entry_key(struct decode *d, const struct event_views *v, const struct event *e,
                             struct str *out)
{
    enum event_group group = event_group(v->kind);
    if (group == GROUP_REMOVED)
        return removed_key(d, v, e, out);
    if (group == GROUP_CATALOG_APP)
        return decimal_key(d, e->app, out);
    if (group == GROUP_CATALOG_ACADEMY)
        return text_key(d, value_of(v, F_CATALOG_ACADEMY_ACADEMY_KEY)->text, out);
    if (group == GROUP_DIRECTORY_USER)
        return decimal_key(d, e->user, out);
    if (group == GROUP_DIRECTORY_TEAM)
        return decimal_key(d, value_of(v, F_DIRECTORY_TEAM_TEAM)->number, out);
    if (group == GROUP_ACCOUNT_SETTINGS) /* whose word counts is known when it is asked for */
        return decimal_key(d, e->user, out);
    return text_key(d, STR(""), out); /* the account has one plan */
}

static void put_value(struct decode *d, struct out *to, const struct view *v)
{
    if (v->type == VIEW_STR) {
        out_str(to, v->text);
    } else if (v->type == VIEW_BOOL) {
        out_bool(to, v->number != 0);
    } else if (v->type == VIEW_LIST) {
        out_array(to, v->n);
        struct view_items items = view_items(d, v);
        for (struct view item; view_next(&items, &item);)
            put_value(d, to, &item);
        out_end(to);
    } else {
        out_u64(to, v->number);
    }
}

static bool own_field(const struct event_views *v, uint32_t i)
{
    return v->slot[i].type != VIEW_NIL && field_rows[v->slots->field[i]].group != GROUP_COMMON;
}

enum status reference_read(struct decode *d, const struct event_views *v, const struct event *e,
                           struct event_more *more)
{
    enum status st = entry_key(d, v, e, &more->reference_key);
    if (st != ST_OK)
        return st;
    uint32_t present = 0;
    for (uint32_t i = 0; i < v->slots->n; i++)
        present += own_field(v, i);
    /* The canonical form is hardly longer than what it was read from. */
    struct buf buf = buf_of((size_t)d->limits->event_bytes_max * 2 + 4096);
    struct out to = out_to(ENCODING_MSGPACK, &buf);
    out_map(&to, present);
    for (uint32_t i = 0; i < v->slots->n; i++) {
        if (!own_field(v, i))
            continue;
        out_key(&to, field_rows[v->slots->field[i]].key.p);
        put_value(d, &to, &v->slot[i]);
    }
    out_end(&to);
    st = ST_NO_MEMORY;
    if (!buf.bad) {
        more->reference_fields = arena_str(d->arena, (struct str){(const char *)buf.p, buf.n});
        if (more->reference_fields.p != NULL)
            st = ST_OK;
    }
    buf_fini(&buf);
    return st;
}
