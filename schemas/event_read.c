#include "schemas/event_read.h"

#include <endian.h>

#include "schemas/reference.h"

/* One event in the making. */
struct build {
    struct decode *d;
    const struct event_views *v;
    struct event *e;
    struct event_more *more; /* NULL until something needs it */
    uint64_t record_number;  /* for more, should it come to be */
};

static struct event_more *more_of(struct build *b)
{
    if (b->more == NULL)
        b->more = arena_alloc(b->d->arena, sizeof *b->more);
    return b->more;
}

/* Rows of event.def with the default limit follow the option; others are part of the contract. */
static uint64_t effective_max(const struct decode *d, const struct field_row *row)
{
    bool list = row->type == FT_STRINGS || row->type == FT_UINTS;
    uint64_t limit = list ? d->limits->scopes_max : d->limits->string_bytes_max;
    uint64_t usual = list ? frame_limits_default.scopes_max : frame_limits_default.string_bytes_max;
    if (row->type == FT_UINT)
        return row->max;
    return row->max == usual || row->max > limit ? limit : row->max;
}

static const char *describe_allowed(const struct decode *d, const struct field_row *row,
                                    char buf[static 160])
{
    unsigned long long min = row->min;
    unsigned long long max = effective_max(d, row);
    switch (row->type) {
    case FT_UINT:
        text_fmt(buf, 160, "an integer %llu..%llu", min, max);
        return buf;
    case FT_STRING:
        text_fmt(buf, 160, "a string of %llu..%llu bytes", min, max);
        return buf;
    case FT_OBJECT:
        text_fmt(buf, 160,
                 "a string of 1..%llu bytes without control characters, such as \"contacts\", "
                 "\"0-1\" or \"2-123\"",
                 max);
        return buf;
    case FT_RECORD:
        text_fmt(buf, 160, "an integer 0..9007199254740991 or a string of 1..%llu bytes", max);
        return buf;
    case FT_STRINGS:
        text_fmt(buf, 160, "a list of at most %llu strings of at most %u bytes", max,
                 d->limits->string_bytes_max);
        return buf;
    case FT_UINTS:
        text_fmt(buf, 160, "a list of at most %llu integers 0..9007199254740991", max);
        return buf;
    case FT_METHOD:
        return "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE or CONNECT";
    case FT_WAY:
        return "\"sent\" or \"received\"";
    case FT_BOOL:
        return "true or false";
    case FT_APP_KIND:
        return "\"marketplace\", \"private\" or \"built-in\"";
    case FT_N:
        break;
    }
    return "?";
}

static enum status invalid(struct build *b, enum field f, const struct view *v)
{
    char value[64];
    char allowed[160];
    const struct field_row *row = &field_rows[f];
    const char *words = describe_allowed(b->d, row, allowed);
    if (v->type == VIEW_NIL)
        return decode_fault(b->d, ST_INVALID, "%s is missing; allowed: %s", row->key.p, words);
    return decode_fault(b->d, ST_INVALID, "%s is %s; allowed: %s", row->key.p,
                        view_describe(v, value), words);
}

uint64_t record_hash_number(uint64_t number)
{
    uint64_t bytes = htole64(number);
    uint64_t h = hash64(&bytes, sizeof bytes);
    return h != 0 ? h : 1;
}

uint64_t record_hash_text(struct str text)
{
    uint64_t h = hash64(text.p, text.n);
    return h != 0 ? h : 1;
}

static enum status keep(struct build *b, struct str s, struct str *to)
{
    *to = decode_keep(b->d, s);
    return to->p != NULL ? ST_OK : ST_NO_MEMORY;
}

/* ---- where a value goes ---- */

static enum status put_number(struct build *b, enum field f, uint64_t n)
{
    struct event_more *more;
    if (str_eq(field_rows[f].key, STR("user"))) {
        b->e->user = n;
        b->e->has_user = 1;
    } else if (f == F_API_STATUS) {
        b->e->status = (uint16_t)n;
    } else if (f == F_API_COUNT || f == F_RECORD_COUNT) {
        b->e->count = (uint32_t)n;
    } else if (f == F_API_LATENCY || f == F_ACTION_BY) {
        more = more_of(b);
        if (more == NULL)
            return ST_NO_MEMORY;
        if (f == F_API_LATENCY)
            more->latency_ms = n;
        else
            more->by1 = n + 1;
    }
    return ST_OK;
}

static struct str *string_place(struct event_more *more, enum field f)
{
    switch ((unsigned)f) {
    case F_COMMON_ID:
        return &more->id;
    case F_API_ENDPOINT:
    case F_API_PATH:
        return &more->endpoint;
    case F_APP_REASON:
    case F_ACTION_ACTION_REASON:
        return &more->reason;
    case F_APP_CODE:
    case F_ACTION_ACTION_CODE:
        return &more->code;
    case F_SYNC_SETTING:
        return &more->setting;
    case F_SYNC_FROM:
        return &more->from;
    case F_SYNC_TO:
        return &more->to;
    case F_PERMISSION_FEATURE:
        return &more->feature;
    default:
        return NULL; /* reference data is stored as a whole */
    }
}

static enum status put_string(struct build *b, enum field f, struct str s)
{
    struct event_more *more = more_of(b);
    if (more == NULL)
        return ST_NO_MEMORY;
    struct str *place = string_place(more, f);
    if (place == NULL || (f == F_API_PATH && place->p != NULL))
        return ST_OK; /* a route says more than a path */
    if (f == F_COMMON_ID) {
        b->e->has_id = 1;
        more->id_hash = hash128(s.p, s.n);
    }
    return keep(b, s, place);
}

static enum status put_object(struct build *b, enum field f, const struct view *v)
{
    if (v->type == VIEW_INT && b->v->compact) {
        b->e->object_type = v->number << 2;
        return ST_OK;
    }
    if (v->type != VIEW_STR || object_type_parse(v->text, &b->e->object_type) != ST_OK)
        return invalid(b, f, v);
    if ((b->e->object_type & 3) != 2)
        return ST_OK;
    struct event_more *more = more_of(b);
    return more != NULL ? keep(b, v->text, &more->object_name) : ST_NO_MEMORY;
}

static enum status put_record(struct build *b, enum field f, const struct view *v)
{
    uint64_t n = v->number;
    uint64_t max = effective_max(b->d, &field_rows[f]);
    if (v->type == VIEW_STR && v->text.n > 0 && v->text.n <= max) {
        if (text_u64(v->text, &n) != ST_OK || n > WIRE_INT_MAX) {
            b->e->record_hash = record_hash_text(v->text);
            struct event_more *more = more_of(b);
            return more != NULL ? keep(b, v->text, &more->record_text) : ST_NO_MEMORY;
        }
    } else if (v->type != VIEW_INT) {
        return invalid(b, f, v);
    }
    b->record_number = n;
    b->e->record_hash = record_hash_number(n);
    return ST_OK;
}

static enum status put_list(struct build *b, enum field f, const struct view *v)
{
    const struct field_row *row = &field_rows[f];
    bool strings = row->type == FT_STRINGS;
    if (v->type != VIEW_LIST || v->n < row->min || v->n > effective_max(b->d, row))
        return invalid(b, f, v);
    struct str *to = NULL;
    if (f == F_PERMISSION_SCOPES) {
        struct event_more *more = more_of(b);
        to = more != NULL ? arena_alloc(b->d->arena, (v->n + 1) * sizeof *to) : NULL;
        if (to == NULL)
            return ST_NO_MEMORY;
        more->list = to;
        more->list_n = v->n;
    }
    struct view_items items = view_items(b->d, v);
    for (struct view item; view_next(&items, &item);) {
        bool good = strings ? item.type == VIEW_STR && item.text.n <= b->d->limits->string_bytes_max
                            : item.type == VIEW_INT;
        if (!good) {
            char value[64];
            char allowed[160];
            return decode_fault(b->d, ST_INVALID, "%s holds %s; allowed: %s", row->key.p,
                                view_describe(&item, value), describe_allowed(b->d, row, allowed));
        }
        if (to != NULL && keep(b, item.text, to++) != ST_OK)
            return ST_NO_MEMORY;
    }
    return ST_OK;
}

static enum status put_method(struct build *b, enum field f, const struct view *v)
{
    unsigned method = METHOD_NONE;
    if (v->type == VIEW_STR)
        method = http_method_of(v->text);
    else if (v->type == VIEW_INT && b->v->compact && v->number < METHOD_N)
        method = (unsigned)v->number;
    if (method == METHOD_NONE)
        return invalid(b, f, v);
    b->e->method = method & 15;
    return ST_OK;
}

static enum status put_way(struct build *b, enum field f, const struct view *v)
{
    if (v->type == VIEW_STR && str_eq(v->text, STR("sent")))
        b->e->direction = DIRECTION_SENT;
    else if (v->type == VIEW_STR && str_eq(v->text, STR("received")))
        b->e->direction = DIRECTION_RECEIVED;
    else
        return invalid(b, f, v);
    return ST_OK;
}

static bool is_app_kind(const struct view *v)
{
    if (v->type != VIEW_STR)
        return false;
    for (const char *const *name = app_kind_names; *name != NULL; name++) {
        if (str_eq(v->text, str_of(*name)))
            return true;
    }
    return false;
}

static enum status put_field(struct build *b, enum field f, const struct view *v)
{
    const struct field_row *row = &field_rows[f];
    switch (row->type) {
    case FT_UINT:
        if (v->type != VIEW_INT || v->number < row->min || v->number > row->max)
            return invalid(b, f, v);
        return put_number(b, f, v->number);
    case FT_STRING:
        if (v->type != VIEW_STR || v->text.n < row->min || v->text.n > effective_max(b->d, row))
            return invalid(b, f, v);
        return put_string(b, f, v->text);
    case FT_METHOD:
        return put_method(b, f, v);
    case FT_OBJECT:
        return put_object(b, f, v);
    case FT_RECORD:
        return put_record(b, f, v);
    case FT_WAY:
        return put_way(b, f, v);
    case FT_STRINGS:
    case FT_UINTS:
        return put_list(b, f, v);
    case FT_BOOL:
        return v->type == VIEW_BOOL ? ST_OK : invalid(b, f, v);
    case FT_APP_KIND:
        return is_app_kind(v) ? ST_OK : invalid(b, f, v);
    case FT_N:
        break;
    }
    CHECK(!"reached");
    return ST_INTERNAL;
}

/* ---- the four leading values ---- */

static enum status put_id(struct build *b, const char *key, const struct view *v, uint64_t *to)
{
    char text[64];
    if (v->type == VIEW_INT) {
        *to = v->number;
        return ST_OK;
    }
    return decode_fault(b->d, ST_INVALID, "%s is %s; allowed: an integer 0..9007199254740991", key,
                        v->type == VIEW_NIL ? "missing" : view_describe(v, text));
}

static enum status put_time(struct build *b, const struct view *v)
{
    char text[64];
    int64_t ms;
    if (v->type == VIEW_INT) {
        b->e->time_ms = (int64_t)v->number;
        return ST_OK;
    }
    if (v->type == VIEW_STR && time_parse(v->text, &ms) == ST_OK && ms >= 0) {
        b->e->time_ms = ms;
        return ST_OK;
    }
    return decode_fault(b->d, ST_INVALID,
                        "time is %s; allowed: milliseconds since 1970 UTC as an integer, or RFC "
                        "3339 with an offset such as \"2026-11-23T09:57:22.401Z\"",
                        v->type == VIEW_NIL ? "missing" : view_describe(v, text));
}

static enum status put_head(struct build *b)
{
    bool app = b->v->app.type != VIEW_NIL || field_app_required(b->v->kind);
    if (b->v->app.type == VIEW_INT)
        b->e->app = b->v->app.number; /* known even when the account is not */
    enum status st = put_id(b, "account", &b->v->account, &b->e->account);
    if (st == ST_OK && app)
        st = put_id(b, "app", &b->v->app, &b->e->app);
    return st != ST_OK ? st : put_time(b, &b->v->time);
}

static enum status build_event(struct build *b)
{
    const struct event_views *v = b->v;
    b->e->kind = (uint8_t)v->kind;
    enum status st = put_head(b);
    for (uint32_t i = 0; st == ST_OK && i < v->slots->n; i++) {
        enum field f = (enum field)v->slots->field[i];
        if (v->slot[i].type != VIEW_NIL)
            st = put_field(b, f, &v->slot[i]);
        else if (field_rows[f].required)
            st = invalid(b, f, &v->slot[i]);
    }
    return st;
}

enum status event_from_views(struct event_reader *r, const struct event_views *v, struct event *e)
{
    struct build b = {.d = r->d, .v = v, .e = e};
    enum event_group group = event_group(v->kind);
    *e = (struct event){.count = 1};
    enum status st = build_event(&b);
    if (st == ST_OK && group >= GROUP_REMOVED) {
        struct event_more *more = more_of(&b);
        st = more != NULL ? reference_read(r->d, v, e, more) : ST_NO_MEMORY;
    }
    if (st != ST_OK) {
        *e = (struct event){.account = e->account, .app = e->app};
        return st;
    }
    if (b.more != NULL)
        b.more->record_number = b.record_number;
    e->more = b.more;
    return ST_OK;
}

const struct field_slots *event_reader_slots(struct event_reader *r, enum event_kind kind)
{
    enum event_group group = event_group(kind);
    if (r->slots[group].n == 0)
        r->slots[group] = field_slots_of(group);
    return &r->slots[group];
}

/* ---- the map form ---- */

#define UNKNOWN_NAME_BYTES_MAX 64

static uint32_t unknown_row(const struct batch *b, struct str name)
{
    uint32_t i = 0;
    while (i < b->unknown_n && !str_eq(b->unknown[i].name, name))
        i++;
    return i;
}

static enum status count_unknown(struct decode *d, struct str name)
{
    struct batch *b = d->batch;
    if (name.n > UNKNOWN_NAME_BYTES_MAX)
        name = STR("");
    uint32_t i = unknown_row(b, name);
    if (i == b->unknown_n && i >= N_OF(b->unknown) - 1) {
        name = STR(""); /* the last row is for the rest */
        i = unknown_row(b, name);
    }
    if (i == b->unknown_n) {
        struct str kept = name.n != 0 ? decode_keep(d, name) : STR("");
        if (kept.p == NULL)
            return ST_NO_MEMORY;
        b->unknown[i].name = kept;
        b->unknown[i].n = 0;
        b->unknown_n++;
    }
    b->unknown[i].n++;
    return ST_OK;
}

/* The slot of a key, trying `hint` first: publishers keep one order. */
static uint32_t slot_of(const struct field_slots *slots, struct str key, uint32_t hint)
{
    for (uint32_t i = 0, at = hint; i < slots->n; i++, at++) {
        if (at >= slots->n)
            at = 0;
        if (str_eq(field_rows[slots->field[at]].key, key))
            return at;
    }
    return slots->n;
}

/* The type that was probably meant, or "api.call" as an example. The search costs some 20 us, so it
 * is made for the first few faults of a frame only. */
static const char *nearest_type(const struct batch *b, struct str type)
{
    const char *best = event_type_name(EV_API_CALL);
    unsigned best_distance = 5; /* farther off is no typing error */
    if (b->rejects_n >= 8 || type.n > 40)
        return best;
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        const char *name = event_type_name(kind);
        unsigned distance = name != NULL ? text_distance(type, str_of(name)) : best_distance;
        if (distance >= best_distance)
            continue;
        best = name;
        best_distance = distance;
    }
    return best;
}

static enum status kind_of_pairs(struct event_reader *r, const struct pair *pairs, uint32_t n,
                                 enum event_kind *kind)
{
    char text[64];
    for (uint32_t i = 0; i < n; i++) {
        if (!str_eq(pairs[i].key, STR("type")))
            continue;
        const struct view *v = &pairs[i].value;
        *kind = v->type == VIEW_STR ? event_kind_of(v->text) : EV_NONE;
        if (*kind != EV_NONE)
            return ST_OK;
        return decode_fault(r->d, ST_UNKNOWN_TYPE,
                            "type is %s; allowed: a known type such as \"%s\"",
                            view_describe(v, text), nearest_type(r->d->batch, v->text));
    }
    return decode_fault(r->d, ST_UNKNOWN_TYPE,
                        "type is missing; allowed: a known type such as \"api.call\"");
}

/* Account and app of an event whose other fields mean nothing. */
static void read_scope(const struct pair *pairs, uint32_t n, struct event *e)
{
    *e = (struct event){0};
    for (uint32_t i = 0; i < n; i++) {
        if (pairs[i].value.type != VIEW_INT)
            continue;
        if (str_eq(pairs[i].key, STR("account")))
            e->account = pairs[i].value.number;
        else if (str_eq(pairs[i].key, STR("app")))
            e->app = pairs[i].value.number;
    }
}

enum status event_from_pairs(struct event_reader *r, const struct pair *pairs, uint32_t n,
                             struct event *e)
{
    struct event_views v = {0};
    enum status st = kind_of_pairs(r, pairs, n, &v.kind);
    if (st != ST_OK) {
        read_scope(pairs, n, e);
        return st;
    }
    v.slots = event_reader_slots(r, v.kind);
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct str key = pairs[i].key;
        uint32_t slot = slot_of(v.slots, key, next);
        if (slot < v.slots->n) {
            v.slot[slot] = pairs[i].value;
            next = slot + 1;
        } else if (str_eq(key, STR("account"))) {
            v.account = pairs[i].value;
        } else if (str_eq(key, STR("app"))) {
            v.app = pairs[i].value;
        } else if (str_eq(key, STR("time"))) {
            v.time = pairs[i].value;
        } else if (!str_eq(key, STR("type"))) {
            if (count_unknown(r->d, key) != ST_OK)
                return ST_NO_MEMORY;
        }
    }
    return event_from_views(r, &v, e);
}
