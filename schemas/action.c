/* Everything about an action but what becomes of it. */
#include "schemas/action.h"

#include "engine/base/check.h"

enum action_type { ACTION_UINT, ACTION_TEXT, ACTION_WORD };
enum action_need { ACTION_OPTIONAL, ACTION_REQUIRED };

static const struct row {
    const char *name;
    enum action_type type;
    bool required;
    uint64_t min, max;
} rows[ACTION_PARAMS_N] = {
#define ACTION_PARAM(id, name, type, need, min, max, help)                                         \
    {name, ACTION_##type, ACTION_##need == ACTION_REQUIRED, min, max},
#include "schemas/action.def"
};

static const struct {
    const char *word;
    enum event_kind kind;
} actions[] = {
#define ACTION(id, word, help) {word, EV_ACTION_##id},
#include "schemas/action.def"
};

/* ---- reading ---- */

bool action_is(const struct request *r)
{
    /* A query may have a filter of that name. */
    return r->status == ST_OK && request_param(r, rows[ACTION_ACTION].name) != NULL &&
           request_param(r, "view") == NULL;
}

static void say_allowed(const struct row *row, char to[static 128])
{
    size_t at = 0;

    switch (row->type) {
    case ACTION_UINT:
        text_fmt(to, 128, "an integer %llu..%llu", (unsigned long long)row->min,
                 (unsigned long long)row->max);
        break;
    case ACTION_TEXT:
        text_fmt(to, 128, "a string of %llu..%llu bytes", (unsigned long long)row->min,
                 (unsigned long long)row->max);
        break;
    case ACTION_WORD:
        for (size_t i = 0; i < N_OF(actions); i++)
            at += text_fmt(to + at, 128 - at, "%s%s",
                           i == 0                  ? ""
                           : i + 1 < N_OF(actions) ? ", "
                                                   : " or ",
                           actions[i].word);
        break;
    }
}

static void say_value(const struct param *p, char to[static 64])
{
    const struct value *v = p != NULL ? p->values : NULL;

    if (p != NULL && p->is_array)
        text_fmt(to, 64, "a list");
    else if (v == NULL || v->type == VALUE_NULL)
        text_fmt(to, 64, "missing");
    else if (v->type == VALUE_BOOL)
        text_fmt(to, 64, "%s", v->number != 0 ? "true" : "false");
    else if (v->type == VALUE_INT)
        text_fmt(to, 64, "%llu", (unsigned long long)v->number);
    else if (v->text.n > 40)
        text_fmt(to, 64, "a string of %zu bytes", v->text.n);
    else
        text_fmt(to, 64, "\"%.*s\"", (int)v->text.n, v->text.p);
}

static enum status refuse(const struct row *row, const struct param *p, char why[static 256])
{
    char value[64], allowed[128];

    say_value(p, value);
    say_allowed(row, allowed);
    text_fmt(why, 256, "%s is %s; allowed: %s", row->name, value, allowed);
    return ST_BAD_PARAMETER;
}

static const struct row *row_of(struct str name)
{
    for (size_t i = 0; i < N_OF(rows); i++)
        if (str_eq(name, str_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

static enum status refuse_name(struct str name, char why[static 256])
{
    size_t at = text_fmt(why, 256, "%.*s is no parameter of a request; allowed:",
                         (int)(name.n < 64 ? name.n : 64), name.p);

    for (size_t i = 0; i < N_OF(rows); i++)
        at += text_fmt(why + at, 256 - at, "%s %s", i > 0 ? "," : "", rows[i].name);
    return ST_BAD_PARAMETER;
}

static bool value_ok(const struct row *row, const struct value *v, uint64_t *number)
{
    *number = v->number;
    if (row->type == ACTION_UINT && v->type == VALUE_STR && text_u64(v->text, number) != ST_OK)
        return false;
    if (row->type == ACTION_UINT)
        return (v->type == VALUE_STR || v->type == VALUE_INT) && *number >= row->min &&
               *number <= row->max;
    if (v->type != VALUE_STR)
        return false;
    if (row->type == ACTION_TEXT)
        return v->text.n >= row->min && v->text.n <= row->max;
    for (size_t i = 0; i < N_OF(actions); i++) {
        *number = actions[i].kind;
        if (str_eq(v->text, str_of(actions[i].word)))
            return true;
    }
    return false;
}

/* The values by their rows; given[i] is NULL where none is. */
static enum status read_all(const struct request *r, const struct value *given[ACTION_PARAMS_N],
                            uint64_t numbers[ACTION_PARAMS_N], char why[static 256])
{
    for (uint32_t i = 0; i < r->params_n; i++)
        if (row_of(r->params[i].name) == NULL)
            return refuse_name(r->params[i].name, why);
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct param *p = request_param(r, rows[i].name);
        bool none = p == NULL || (!p->is_array && p->values->type == VALUE_NULL);

        given[i] = none ? NULL : p->values;
        if (none ? rows[i].required : p->is_array || !value_ok(&rows[i], p->values, &numbers[i]))
            return refuse(&rows[i], p, why);
    }
    return ST_OK;
}

enum status action_read(const struct request *r, struct action *out, char why[static 256])
{
    const struct value *given[ACTION_PARAMS_N] = {NULL};
    uint64_t n[ACTION_PARAMS_N] = {0};
    enum status st = read_all(r, given, n, why);

    if (st != ST_OK)
        return st;
    if (given[ACTION_USER] == NULL && given[ACTION_VIEWER] == NULL)
        return refuse(&rows[ACTION_USER], NULL, why);
    *out = (struct action){
        .kind = (enum event_kind)n[ACTION_ACTION],
        .account = n[ACTION_ACCOUNT],
        .app = n[ACTION_APP],
        .user = given[ACTION_USER] != NULL ? n[ACTION_USER] : n[ACTION_VIEWER],
        .has_by = given[ACTION_VIEWER] != NULL,
        .by = n[ACTION_VIEWER],
        .key = given[ACTION_KEY]->text,
    };
    if (given[ACTION_REASON] != NULL)
        out->reason = given[ACTION_REASON]->text;
    return ST_OK;
}

/* ---- what it becomes ---- */

void action_event(const struct action *a, int64_t time_ms, struct buf *to)
{
    struct out o = out_to(ENCODING_MSGPACK, to);

    out_map(&o, 6 + a->has_by + (a->reason.p != NULL));
    out_pair_z(&o, "type", event_type_name(a->kind));
    out_pair_u64(&o, "account", a->account);
    out_pair_u64(&o, "app", a->app);
    out_pair_i64(&o, "time", time_ms);
    out_pair_u64(&o, "user", a->user);
    if (a->has_by)
        out_pair_u64(&o, "by", a->by);
    if (a->reason.p != NULL)
        out_pair_str(&o, "reason", a->reason);
    out_pair_str(&o, "code", a->key);
    out_end(&o);
}

struct hash128 action_identity(const struct action *a)
{
    return hash128(a->key.p, a->key.n);
}

/* All but the time: a repeated request is later than the first. */
struct hash128 action_content(const struct action *a)
{
    struct hash128 reason = hash128(a->reason.p != NULL ? a->reason.p : "", a->reason.n);
    const uint64_t words[] = {a->kind,   a->account, a->app,
                              a->user,   a->has_by,  a->by,
                              reason.lo, reason.hi,  a->reason.p != NULL};

    return hash128(words, sizeof(words));
}

void action_answer(const struct action *a, enum encoding encoding, const struct token *request,
                   struct buf *to)
{
    struct out o = out_to(encoding, to);
    bool echo = request->type != TOKEN_NONE;

    out_map(&o, 6 + echo + a->has_by);
    out_pair_bool(&o, "ok", true);
    if (echo) {
        out_key(&o, "request");
        out_token(&o, request);
    }
    for (size_t i = 0; i < N_OF(actions); i++)
        if (actions[i].kind == a->kind)
            out_pair_z(&o, "action", actions[i].word);
    out_pair_u64(&o, "account", a->account);
    out_pair_u64(&o, "app", a->app);
    out_pair_u64(&o, "user", a->user);
    if (a->has_by)
        out_pair_u64(&o, "by", a->by);
    out_pair_str(&o, "idempotency_key", a->key);
    out_end(&o);
}
