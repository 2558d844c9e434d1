/* Requests: the outermost map of a frame as parameters. What a parameter means is for its query. */
#include "schemas/request.h"

#include "schemas/envelope.h"
#include "schemas/json_in.h"
#include "schemas/msgpack_in.h"

static enum status take_value(struct decode *d, struct str name, const struct view *v,
                              struct value *to)
{
    char text[64];
    struct view n = {.type = VIEW_STR, .text = name};
    char name_text[64];
    switch (v->type) {
    case VIEW_NIL:
        *to = (struct value){.type = VALUE_NULL};
        return ST_OK;
    case VIEW_BOOL:
        *to = (struct value){.type = VALUE_BOOL, .number = v->number};
        return ST_OK;
    case VIEW_INT:
        *to = (struct value){.type = VALUE_INT, .number = v->number};
        return ST_OK;
    case VIEW_STR:
        *to = (struct value){.type = VALUE_STR, .text = decode_keep(d, v->text)};
        return to->text.p != NULL ? ST_OK : ST_NO_MEMORY;
    case VIEW_RANGE:
    case VIEW_FLOAT:
    case VIEW_LIST:
    case VIEW_MAP:
        break;
    }
    return decode_fault(d, ST_BAD_PARAMETER,
                        "%s is %s; allowed: null, true, false, a string, an integer "
                        "0..9007199254740991, or a list of these",
                        view_describe(&n, name_text), view_describe(v, text));
}

static enum status take_list(struct decode *d, struct str name, const struct view *list,
                             struct param *to)
{
    if (list->n > REQUEST_VALUES_MAX)
        return decode_fault(d, ST_TOO_LARGE, "%u values in a parameter; allowed: at most %d",
                            list->n, REQUEST_VALUES_MAX);
    struct value *values = arena_alloc(d->arena, (list->n + 1) * sizeof *values);
    if (values == NULL)
        return ST_NO_MEMORY;
    to->is_array = true;
    to->values = values;
    struct view_items items = view_items(d, list);
    for (struct view item; view_next(&items, &item);) {
        enum status st = take_value(d, name, &item, &values[to->values_n]);
        if (st != ST_OK)
            return st;
        to->values_n++;
    }
    return ST_OK;
}

static enum status take_param(struct decode *d, const struct pair *pair, struct param *to)
{
    to->name = decode_keep(d, pair->key);
    if (to->name.p == NULL)
        return ST_NO_MEMORY;
    if (pair->value.type == VIEW_LIST)
        return take_list(d, pair->key, &pair->value, to);
    struct value *value = arena_alloc(d->arena, sizeof *value);
    if (value == NULL)
        return ST_NO_MEMORY;
    to->values = value;
    to->values_n = 1;
    return take_value(d, pair->key, &pair->value, value);
}

/* All pairs; the token is taken even when something else is at fault, so that it can be echoed. */
static enum status take_pairs(struct decode *d, const struct pair *pairs, uint32_t n,
                              struct request *out)
{
    struct param *params = arena_alloc(d->arena, (n + 1) * sizeof *params);
    if (params == NULL)
        return ST_NO_MEMORY;
    out->params = params;
    enum status first = ST_OK;
    struct str why = {0};
    for (uint32_t i = 0; i < n; i++) {
        enum status st;
        if (str_eq(pairs[i].key, STR("request"))) {
            st = token_take(d, &pairs[i].value, &out->request);
            st = st == ST_INVALID ? ST_BAD_PARAMETER : st;
        } else {
            st = take_param(d, &pairs[i], &params[out->params_n++]);
        }
        if (st == ST_OK || first != ST_OK)
            continue;
        first = st;
        why = arena_str(d->arena, d->why);
    }
    d->why = why;
    return first;
}

static enum status too_many(struct decode *d, size_t n)
{
    return decode_fault(d, ST_TOO_LARGE, "%zu parameters; allowed: at most %d", n,
                        REQUEST_PARAMS_MAX);
}

static enum status not_a_map(struct decode *d)
{
    return decode_fault(d, ST_MALFORMED, "a request is a map of parameters");
}

static enum status msgpack_walk(struct decode *d, struct mp *m, struct request *out)
{
    struct pair pairs[REQUEST_PARAMS_MAX];
    struct view top = {0};
    if (m->why != NULL || !mp_head(m, &top))
        return ST_MALFORMED;
    if (top.type != VIEW_MAP) {
        m->why = "a request is a map of parameters";
        return ST_MALFORMED;
    }
    bool many = top.n > REQUEST_PARAMS_MAX;
    if (many ? !mp_descend(m, &top, 1) : !mp_pairs(m, top.n, 1, pairs))
        return ST_MALFORMED;
    if (m->p != m->end) {
        m->why = "something follows the value";
        return ST_MALFORMED;
    }
    return many ? too_many(d, top.n) : take_pairs(d, pairs, top.n, out);
}

static enum status read_msgpack(struct decode *d, struct request *out)
{
    struct mp m = mp_of(d->frame, d->bytes, d->limits);
    enum status st = msgpack_walk(d, &m, out);
    if (st == ST_MALFORMED) {
        decode_say(d, "%s, near byte %zu of the frame", m.why != NULL ? m.why : "not msgpack",
                   (size_t)(m.p - m.base));
        st = m.no_memory ? ST_NO_MEMORY : st;
    }
    mp_fini(&m);
    return st;
}

static enum status read_json(struct decode *d, struct request *out)
{
    struct pair pairs[EVENT_PAIRS_MAX];
    struct json_scan scan;
    json_t *top;
    if (!json_scan(d, &scan))
        return ST_NO_MEMORY;
    if (scan.fault != NULL)
        return decode_fault(d, ST_MALFORMED, "%s", scan.fault);
    enum status st = json_frame_load(d, &top);
    if (st != ST_OK)
        return st;
    if (!json_is_object(top))
        st = not_a_map(d);
    else if (json_object_size(top) > REQUEST_PARAMS_MAX)
        st = too_many(d, json_object_size(top));
    else
        st = take_pairs(d, pairs, json_pairs(top, pairs), out);
    json_decref(top);
    return st;
}

void request_decode(const void *frame, size_t bytes, struct arena *a, struct request *out)
{
    *out = (struct request){.encoding = frame_sniff(frame, bytes)};
    struct decode d = {.limits = &frame_limits_default,
                       .arena = a,
                       .encoding = out->encoding,
                       .frame = frame,
                       .bytes = bytes};
    out->status = out->encoding == ENCODING_JSON ? read_json(&d, out) : read_msgpack(&d, out);
    if (out->status == ST_OK)
        return;
    out->params = NULL;
    out->params_n = 0;
    out->message = arena_str(a, d.why);
    if (out->message.p == NULL)
        out->message = (struct str){0};
}

const struct param *request_param(const struct request *r, const char *name)
{
    for (uint32_t i = 0; i < r->params_n; i++) {
        if (str_eq(r->params[i].name, str_of(name)))
            return &r->params[i];
    }
    return NULL;
}
