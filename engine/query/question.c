/* Reading a question: every parameter is looked up in query.def, converted by its type and put into
 * canonical form. A fault names the parameter, what it was and what it may be. */
#include "engine/query/question.h"

#include "engine/base/check.h"
#include "schemas/event.h"

#define WHY_MAX 512

struct reading {
    struct arena *a;
    struct question *q;
    char *why; /* WHY_MAX bytes */
};

/* The value as it would be written, cut to what a message can bear. */
static void show(const struct value *v, char buf[static 96])
{
    switch (v->type) {
    case VALUE_NULL:
        text_fmt(buf, 96, "null");
        break;
    case VALUE_BOOL:
        text_fmt(buf, 96, "%s", v->number ? "true" : "false");
        break;
    case VALUE_INT:
        text_fmt(buf, 96, "%llu", (unsigned long long)v->number);
        break;
    case VALUE_STR: {
        size_t n = v->text.n > 64 ? 64 : v->text.n;
        while (n < v->text.n && n > 0 && ((uint8_t)v->text.p[n] & 0xc0) == 0x80)
            n--; /* not in the middle of a character */
        text_fmt(buf, 96, "\"%.*s\"%s", (int)n, v->text.p, n < v->text.n ? "..." : "");
        break;
    }
    }
}

static enum status refuse_value(struct reading *r, const struct query_param *p,
                                const struct value *v)
{
    char shown[96], allowed[256];
    show(v, shown);
    query_param_allowed(p, allowed, sizeof(allowed));
    text_fmt(r->why, WHY_MAX, "%s is %s; allowed: %s", p->name, shown, allowed);
    return ST_BAD_PARAMETER;
}

/* ---- one value by its type; false: not allowed ---- */

static bool read_uint(const struct value *v, uint64_t *out)
{
    if (v->type == VALUE_INT)
        *out = v->number;
    return v->type == VALUE_INT || (v->type == VALUE_STR && text_u64(v->text, out) == ST_OK);
}

static bool read_day(const struct value *v, uint64_t *out)
{
    int32_t day;
    if (v->type != VALUE_STR || day_parse(v->text, &day) != ST_OK)
        return false;
    *out = (uint64_t)(int64_t)day;
    return true;
}

static bool read_time(const struct value *v, uint64_t *out)
{
    int64_t ms;
    if (read_uint(v, out))
        return *out <= WIRE_INT_MAX;
    if (v->type != VALUE_STR || time_parse(v->text, &ms) != ST_OK)
        return false;
    *out = (uint64_t)ms;
    return true;
}

static bool read_bool(const struct value *v, uint64_t *out)
{
    if (v->type == VALUE_BOOL)
        *out = v->number;
    else if (v->type == VALUE_STR &&
             (str_eq(v->text, STR("true")) || str_eq(v->text, STR("false"))))
        *out = v->text.n == 4;
    else
        return false;
    return true;
}

static bool read_kind(struct str text, uint64_t *out)
{
    enum event_kind kind = event_kind_of(text);
    *out = kind;
    return event_is_activity(kind);
}

static bool read_code(struct str text, uint64_t *out)
{
    for (unsigned st = 1; st < ST_N; st++) {
        const char *wire = status_row((enum status)st)->wire;
        if (wire && str_eq(text, str_of(wire))) {
            *out = st;
            return true;
        }
    }
    return false;
}

static bool read_word(const char *allowed, struct str text, uint64_t *out)
{
    int place = query_word_find(allowed, text);
    *out = (uint64_t)(int64_t)place;
    return place >= 0;
}

static bool read_number(const struct query_param *p, const struct value *v, uint64_t *out)
{
    bool text = v->type == VALUE_STR;
    switch (p->type) {
    case PARAM_UINT:
        return read_uint(v, out) && *out >= p->min && *out <= p->max;
    case PARAM_DAY:
        return read_day(v, out);
    case PARAM_TIME:
        return read_time(v, out);
    case PARAM_BOOL:
        return read_bool(v, out);
    case PARAM_WORD:
        return text && read_word(p->allowed, v->text, out);
    case PARAM_KIND:
        return text && read_kind(v->text, out);
    case PARAM_OBJECT:
        return text && object_type_parse(v->text, out) == ST_OK;
    case PARAM_CODE:
        return text && read_code(v->text, out);
    case PARAM_TEXT:
    case PARAM_CURSOR:
        break;
    }
    CHECK(false);
    return false;
}

/* ---- one parameter ---- */

static bool is_text(const struct query_param *p)
{
    return p->type == PARAM_TEXT || p->type == PARAM_CURSOR;
}

/* Insert into ascending numbers unless it is there; returns how many there are. Sorting by
 * insertion is fine for lists as short as a request can carry; they mostly come sorted. */
static uint32_t insert(uint64_t *numbers, uint32_t n, uint64_t number)
{
    uint32_t at = n;
    while (at > 0 && numbers[at - 1] > number)
        at--;
    if (at > 0 && numbers[at - 1] == number)
        return n;
    memmove(numbers + at + 1, numbers + at, (n - at) * sizeof *numbers);
    numbers[at] = number;
    return n + 1;
}

static enum status read_texts(struct reading *r, const struct query_param *p,
                              const struct param *given, struct values *to)
{
    struct str *texts = arena_alloc(r->a, (given->values_n + 1) * sizeof *texts);
    if (!texts)
        return ST_NO_MEMORY;
    for (uint32_t i = 0; i < given->values_n; i++) {
        const struct value *v = &given->values[i];
        if (v->type != VALUE_STR || v->text.n < p->min || v->text.n > p->max)
            return refuse_value(r, p, v);
        texts[i] = v->text;
    }
    to->texts = texts;
    to->n = given->values_n;
    return ST_OK;
}

static enum status read_numbers(struct reading *r, const struct query_param *p,
                                const struct param *given, struct values *to)
{
    uint64_t *numbers = arena_alloc(r->a, (given->values_n + 1) * sizeof *numbers);
    if (!numbers)
        return ST_NO_MEMORY;
    for (uint32_t i = 0; i < given->values_n; i++) {
        uint64_t number = 0;
        if (!read_number(p, &given->values[i], &number))
            return refuse_value(r, p, &given->values[i]);
        to->n = insert(numbers, to->n, number);
    }
    to->numbers = numbers;
    return ST_OK;
}

static bool may_be_empty(const struct query_param *p)
{
    return strcmp(p->name, "group_by") == 0; /* no dimension at all: one row of totals */
}

static enum status read_param(struct reading *r, enum query_param_id id, const struct param *given)
{
    const struct query_param *p = &query_params[id];
    struct values *to = &r->q->v[id];
    if (given->is_array && !p->many) {
        text_fmt(r->why, WHY_MAX, "%s is an array; allowed: one value", p->name);
        return ST_BAD_PARAMETER;
    }
    if (given->values_n == 0 && !may_be_empty(p)) {
        text_fmt(r->why, WHY_MAX, "%s is an empty array; leave it out to mean all", p->name);
        return ST_BAD_PARAMETER;
    }
    if (!given->is_array && given->values[0].type == VALUE_NULL)
        return ST_OK; /* as if left out */
    to->given = true;
    return is_text(p) ? read_texts(r, p, given, to) : read_numbers(r, p, given, to);
}

static enum status refuse_name(struct reading *r, struct str name)
{
    const char *near = query_param_nearest(r->q->view, name);
    const char *view = query_views[r->q->view].name;
    int cut = (int)(name.n > 64 ? 64 : name.n);
    size_t n = text_fmt(r->why, WHY_MAX, "%s takes no parameter \"%.*s\"", view, cut, name.p);
    if (near)
        n += text_fmt(r->why + n, WHY_MAX - n, "; did you mean %s?", near);
    n += text_fmt(r->why + n, WHY_MAX - n, near ? " It takes" : "; it takes");
    for (unsigned i = 0, first = 1; i < QUERY_PARAMS_N; i++) {
        if (!query_param_of(r->q->view, i))
            continue;
        n += text_fmt(r->why + n, WHY_MAX - n, "%s %s", first ? "" : ",", query_params[i].name);
        first = 0;
    }
    return ST_BAD_PARAMETER;
}

/* ---- defaults ---- */

/* Fill in p's default, written as the words of a value separated by '|'. */
static enum status read_default(struct reading *r, enum query_param_id id)
{
    const struct query_param *p = &query_params[id];
    struct value values[16] = {{0}};
    struct param given = {.name = str_of(p->name), .is_array = p->many, .values = values};
    size_t at = 0;
    for (struct str w = query_word_next(p->def, &at); w.n > 0; w = query_word_next(p->def, &at)) {
        CHECK(given.values_n < N_OF(values));
        values[given.values_n++] = (struct value){.type = VALUE_STR, .text = w};
    }
    enum status st = read_param(r, id, &given);
    CHECK(st != ST_BAD_PARAMETER);
    r->q->v[id].given = false;
    return st;
}

static enum status read_rest(struct reading *r)
{
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        const struct query_param *p = &query_params[i];
        if (!query_param_of(r->q->view, i) || r->q->v[i].given)
            continue;
        if (p->required) {
            char allowed[256];
            query_param_allowed(p, allowed, sizeof(allowed));
            text_fmt(r->why, WHY_MAX, "%s is missing; it is %s", p->name, allowed);
            return ST_BAD_PARAMETER;
        }
        enum status st = p->def[0] ? read_default(r, i) : ST_OK;
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- the whole ---- */

/* from is not after to, where both are given. */
static enum status check_order(struct reading *r)
{
    const enum query_param_id from = query_param_find(r->q->view, STR("from"));
    const enum query_param_id to = query_param_find(r->q->view, STR("to"));
    if (from == QUERY_PARAMS_N || to == QUERY_PARAMS_N || !r->q->v[from].n || !r->q->v[to].n)
        return ST_OK;
    const int64_t first = (int64_t)r->q->v[from].numbers[0], last = (int64_t)r->q->v[to].numbers[0];
    if (first <= last)
        return ST_OK;
    char a[25], b[25];
    if (query_params[from].type == PARAM_DAY) {
        day_format((int32_t)first, a);
        day_format((int32_t)last, b);
    } else {
        text_fmt(a, sizeof a, "%lld", (long long)first);
        text_fmt(b, sizeof b, "%lld", (long long)last);
    }
    text_fmt(r->why, WHY_MAX, "from is after to, %s and %s; allowed: from at or before to", a, b);
    return ST_BAD_PARAMETER;
}

static enum status read_view(struct reading *r, const struct request *request)
{
    const struct param *p = request_param(request, "view");
    bool named = p && !p->is_array && p->values_n == 1 && p->values[0].type == VALUE_STR;
    struct str name = named ? p->values[0].text : STR("");
    r->q->view = query_view_find(name);
    if (r->q->view < VIEW_N)
        return ST_OK;
    size_t n = 0;
    char shown[96];
    if (!p || p->is_array || p->values[0].type == VALUE_NULL)
        n = text_fmt(r->why, WHY_MAX,
                     "view is %s; allowed:", p && p->is_array ? "an array" : "missing");
    else if (!named) {
        show(&p->values[0], shown);
        n = text_fmt(r->why, WHY_MAX, "view is %s; allowed:", shown);
    } else
        n = text_fmt(r->why, WHY_MAX,
                     "there is no view \"%.*s\"; allowed:", (int)(name.n > 64 ? 64 : name.n),
                     name.p);
    for (unsigned i = 0; i < VIEW_N; i++)
        n += text_fmt(r->why + n, WHY_MAX - n, "%s %s", i ? "," : "", query_views[i].name);
    const char *near = named ? query_view_nearest(name) : NULL;
    if (near)
        text_fmt(r->why + n, WHY_MAX - n, "; did you mean %s?", near);
    return named ? ST_NOT_FOUND : ST_BAD_PARAMETER;
}

enum status question_read(const struct request *request, struct arena *a, struct question *out,
                          char why[static 512])
{
    *out = (struct question){0};
    struct reading r = {a, out, why};
    why[0] = 0;
    enum status st = read_view(&r, request);
    for (uint32_t i = 0; st == ST_OK && i < request->params_n; i++) {
        enum query_param_id id = query_param_find(out->view, request->params[i].name);
        st = id == QUERY_PARAMS_N ? refuse_name(&r, request->params[i].name)
                                  : read_param(&r, id, &request->params[i]);
    }
    st = st == ST_OK ? read_rest(&r) : st;
    return st == ST_OK ? check_order(&r) : st;
}

/* ---- hash ---- */

static uint64_t hash_more(uint64_t h, const void *p, size_t n)
{
    return hash_mix(h * 31 + (n ? hash64(p, n) : 1));
}

uint64_t question_hash(const struct question *q)
{
    const char *view = query_views[q->view].name;
    uint64_t h = hash64(view, strlen(view));
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        const struct values *v = &q->v[i];
        if (i == QUERY_PAGED_LIMIT || i == QUERY_PAGED_CURSOR || (v->n == 0 && !v->given))
            continue;
        h = hash_more(h, query_params[i].name, strlen(query_params[i].name));
        h = hash_mix(h + v->n);
        if (v->numbers)
            h = hash_more(h, v->numbers, v->n * sizeof *v->numbers);
        for (uint32_t k = 0; v->texts && k < v->n; k++)
            h = hash_more(h, v->texts[k].p, v->texts[k].n);
    }
    return h;
}
