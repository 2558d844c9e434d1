/* A URL as a question. Everything is text there; question.c takes text for every type. A parameter
 * that may have several values takes them repeated or parted by commas (a comma inside a value is
 * written %2C); left empty, it is an empty array. */
#include "engine/edge/http_api_internal.h"

#include "engine/base/check.h"
#include "schemas/query_table.h"

struct url {
    struct arena *a;
    struct request *to;
    enum query_view_id view;
    struct param params[REQUEST_PARAMS_MAX];
    struct value *values[REQUEST_PARAMS_MAX]; /* behind params; room doubles */
    uint32_t room[REQUEST_PARAMS_MAX];
    uint32_t n;
};

static bool fail(struct url *u, enum status st, const char *why)
{
    if (u->to->status == ST_OK) {
        u->to->status = st;
        u->to->message = arena_str(u->a, str_of(why));
    }
    return false;
}

static bool unescape(struct url *u, struct str s, struct str *out)
{
    char *to = arena_alloc(u->a, s.n + 1);
    if (to == NULL)
        return fail(u, ST_NO_MEMORY, "");
    if (!http_unescape(s, true, to, &out->n))
        return fail(u, ST_BAD_PARAMETER,
                    "the query string has a bad escape, a NUL, or is no UTF-8");
    out->p = to;
    return true;
}

/* The parameter of that name, made if need be; NULL: too many. */
static struct param *param_of(struct url *u, struct str name, uint32_t *place)
{
    uint32_t i = 0;
    while (i < u->n && !str_eq(u->params[i].name, name))
        i++;
    if (i == REQUEST_PARAMS_MAX) {
        (void)fail(u, ST_TOO_LARGE, "there are over 64 parameters");
        return NULL;
    }
    if (i == u->n)
        u->params[u->n++] = (struct param){.name = name};
    *place = i;
    return &u->params[i];
}

static bool add_value(struct url *u, uint32_t i, struct str text)
{
    struct param *p = &u->params[i];
    if (p->values_n == REQUEST_VALUES_MAX)
        return fail(u, ST_TOO_LARGE, "a parameter has over 1,024 values");
    if (p->values_n == u->room[i]) {
        uint32_t room = u->room[i] == 0 ? 1 : 4 * u->room[i];
        struct value *grown = arena_alloc(u->a, room * sizeof(*grown));
        if (grown == NULL)
            return fail(u, ST_NO_MEMORY, "");
        if (p->values_n > 0)
            memcpy(grown, u->values[i], p->values_n * sizeof(*grown));
        u->values[i] = grown;
        u->room[i] = room;
    }
    u->values[i][p->values_n++] = (struct value){.type = VALUE_STR, .text = text};
    p->values = u->values[i];
    p->is_array |= p->values_n > 1;
    return true;
}

static bool takes_many(const struct url *u, struct str name)
{
    enum query_param_id id =
        u->view < VIEW_N ? query_param_find(u->view, name) : (enum query_param_id)QUERY_PARAMS_N;
    return id < QUERY_PARAMS_N && query_params[id].many;
}

static bool add_many(struct url *u, uint32_t i, struct str raw)
{
    u->params[i].is_array = true;
    while (raw.n > 0) {
        const char *comma = memchr(raw.p, ',', raw.n);
        struct str piece = {raw.p, comma == NULL ? raw.n : (size_t)(comma - raw.p)}, text;
        size_t taken = piece.n + (comma != NULL);
        raw = (struct str){raw.p + taken, raw.n - taken};
        if (!unescape(u, piece, &text) || !add_value(u, i, text))
            return false;
    }
    return true;
}

static bool add_pair(struct url *u, struct str raw_name, struct str raw_value)
{
    struct str name, value;
    uint32_t i;
    if (!unescape(u, raw_name, &name))
        return false;
    if (str_eq(name, STR("view")))
        return fail(u, ST_BAD_PARAMETER, "view stands in the path");
    if (param_of(u, name, &i) == NULL)
        return false;
    if (takes_many(u, name))
        return add_many(u, i, raw_value);
    return unescape(u, raw_value, &value) && add_value(u, i, value);
}

static bool add_fixed(struct url *u, const char *name, struct str value)
{
    uint32_t i;
    return value.p == NULL || (param_of(u, str_of(name), &i) != NULL && add_value(u, i, value));
}

void query_from_url(const struct query_path *path, struct str query, struct arena *a,
                    struct request *out)
{
    struct str name, value;
    *out = (struct request){.encoding = ENCODING_JSON};
    struct url *u = arena_alloc(a, sizeof(*u));
    if (u == NULL) {
        out->status = ST_NO_MEMORY;
        return;
    }
    u->a = a;
    u->to = out;
    u->view = query_view_find(path->view);
    bool ok = add_fixed(u, "view", path->view) && add_fixed(u, "account", path->account);
    uint32_t fixed_n = u->n;
    while (ok && http_query_next(&query, &name, &value))
        ok = add_pair(u, name, value);
    for (uint32_t i = 0; ok && i < fixed_n; i++)
        if (u->params[i].values_n != 1)
            ok = fail(u, ST_BAD_PARAMETER, "account stands in the path; leave it out of the query");
    out->params = u->params;
    out->params_n = ok ? u->n : 0;
}
