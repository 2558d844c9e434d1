/* The tables of query.def and the look-ups in them. Views are few: a walk beats a hash here. */
#include "schemas/query_table.h"

#include "engine/base/check.h"

const struct query_param query_params[QUERY_PARAMS_N] = {
#define REQUIRED true
#define OPTIONAL false
#define ONE      false
#define MANY     true
#define PARAM(view, id, name, type, need, many, min, max, allowed, def, help)                      \
    [QUERY_##view##_##id] = {name, PARAM_##type, need, many, min, max, allowed, def, help},
#include "schemas/query.def"
#undef REQUIRED
#undef OPTIONAL
#undef ONE
#undef MANY
};

const struct query_column query_columns[QUERY_COLUMNS_N] = {
#define NEVER false
#define MAYBE true
#define COLUMN(view, id, name, type, role, nulls, help)                                            \
    [COL_##view##_##id] = {name, COLUMN_##type, ROLE_##role, nulls, help},
#include "schemas/query.def"
#undef NEVER
#undef MAYBE
};

const struct query_view query_views[VIEW_N + 1] = {
#define VIEW(id, name, right, shape, help)                                                         \
    [VIEW_##id] = {#name, RIGHT_##right, SHAPE_##shape, help, PARAMS_OF_##id, COLUMNS_OF_##id},
#include "schemas/query.def"
    [VIEW_N] = {"", RIGHT_QUERY, SHAPE_ROWS, "", QUERY_PARAMS_N, QUERY_COLUMNS_N},
};

/* Whose a parameter is. ANY and PAGED come before the first view. */
enum { VIEW_ANY = VIEW_N, VIEW_PAGED };

static const uint8_t param_view[QUERY_PARAMS_N] = {
#define PARAM(view, id, name, type, need, many, min, max, allowed, def, help)                      \
    [QUERY_##view##_##id] = VIEW_##view,
#include "schemas/query.def"
};

bool query_param_of(enum query_view_id view, enum query_param_id param)
{
    CHECK(view < VIEW_N && param < QUERY_PARAMS_N);
    unsigned of = param_view[param];
    return of == view || of == VIEW_ANY ||
           (of == VIEW_PAGED && query_views[view].shape != SHAPE_OBJECT);
}

enum query_view_id query_view_find(struct str name)
{
    unsigned i = 0;
    while (i < VIEW_N && !str_eq(name, str_of(query_views[i].name)))
        i++;
    return (enum query_view_id)i;
}

enum query_param_id query_param_find(enum query_view_id view, struct str name)
{
    unsigned i = 0;
    while (i < QUERY_PARAMS_N &&
           !(query_param_of(view, i) && str_eq(name, str_of(query_params[i].name))))
        i++;
    return (enum query_param_id)i;
}

/* A name is near when at most a third of it, and at least one letter, has to change. */
struct nearest {
    struct str name;
    const char *best;
    unsigned distance;
};

static struct nearest nearest_to(struct str name)
{
    return (struct nearest){name, NULL, (unsigned)(name.n > 64 ? 64 : name.n) / 3 + 2};
}

static void nearest_try(struct nearest *n, const char *candidate)
{
    unsigned d = text_distance(n->name, str_of(candidate));
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

const char *query_param_nearest(enum query_view_id view, struct str name)
{
    struct nearest n = nearest_to(name);
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++)
        if (query_param_of(view, i))
            nearest_try(&n, query_params[i].name);
    return n.best;
}

const char *query_view_nearest(struct str name)
{
    struct nearest n = nearest_to(name);
    for (unsigned i = 0; i < VIEW_N; i++)
        nearest_try(&n, query_views[i].name);
    return n.best;
}

struct str query_word_next(const char *allowed, size_t *at)
{
    const char *p = allowed + *at;
    size_t n = strcspn(p, "|");
    *at += n + (p[n] == '|');
    return (struct str){p, n};
}

int query_word_find(const char *allowed, struct str word)
{
    size_t at = 0;
    for (int i = 0;; i++) {
        struct str w = query_word_next(allowed, &at);
        if (w.n == 0)
            return -1;
        if (str_eq(w, word))
            return i;
    }
}

const char *query_param_type_name(enum query_param_type type)
{
    static const char *const names[] = {
        [PARAM_UINT] = "uint",    [PARAM_DAY] = "day",   [PARAM_TIME] = "time",
        [PARAM_WORD] = "word",    [PARAM_KIND] = "kind", [PARAM_CODE] = "code",
        [PARAM_TEXT] = "text",    [PARAM_BOOL] = "bool", [PARAM_OBJECT] = "object type",
        [PARAM_CURSOR] = "cursor"};
    CHECK((unsigned)type < N_OF(names));
    return names[type];
}

const char *query_column_type_name(enum query_column_type type)
{
    static const char *const names[] = {
        [COLUMN_UINT] = "uint",    [COLUMN_DAY] = "day",   [COLUMN_TIME] = "time",
        [COLUMN_TEXT] = "text",    [COLUMN_BOOL] = "bool", [COLUMN_COUNTS] = "counts",
        [COLUMN_TABLES] = "tables"};
    CHECK((unsigned)type < N_OF(names));
    return names[type];
}

const char *query_shape_name(enum query_shape shape)
{
    static const char *const names[] = {[SHAPE_DAYS] = "days",
                                        [SHAPE_INSTANTS] = "instants",
                                        [SHAPE_ROWS] = "rows",
                                        [SHAPE_OBJECT] = "object"};
    CHECK((unsigned)shape < N_OF(names));
    return names[shape];
}

/* "a, b or c" */
static size_t words_text(const char *allowed, const char *last, char *buf, size_t cap)
{
    size_t n = 0, at = 0;
    buf[0] = 0;
    struct str w = query_word_next(allowed, &at);
    while (w.n > 0) {
        struct str next = query_word_next(allowed, &at);
        const char *joint = n == 0 ? "" : next.n > 0 ? ", " : last;
        n += text_fmt(buf + n, cap - n, "%s%.*s", joint, (int)w.n, w.p);
        w = next;
    }
    return n;
}

size_t query_param_allowed(const struct query_param *p, char *buf, size_t cap)
{
    unsigned long long min = p->min, max = p->max;
    switch (p->type) {
    case PARAM_UINT:
        return text_fmt(buf, cap, "an integer %llu..%llu", min, max);
    case PARAM_DAY:
        return text_fmt(buf, cap, "a UTC day such as 2026-11-23");
    case PARAM_TIME:
        return text_fmt(buf, cap, "ms since 1970 or a time such as 2026-11-23T09:57:22Z");
    case PARAM_WORD:
        return words_text(p->allowed, " or ", buf, cap);
    case PARAM_KIND:
        return text_fmt(buf, cap,
                        "an app.*, sync.*, permission.* or action.* type such as app.installed");
    case PARAM_OBJECT:
        return text_fmt(buf, cap, "an object type such as contacts, 0-1 or 2-123");
    case PARAM_CODE:
        return text_fmt(buf, cap, "a code such as too_old");
    case PARAM_TEXT:
        return text_fmt(buf, cap, "text of %llu..%llu bytes", min, max);
    case PARAM_BOOL:
        return text_fmt(buf, cap, "true or false");
    case PARAM_CURSOR:
        return text_fmt(buf, cap, "the cursor of an earlier answer, unchanged");
    }
    CHECK(false);
    return 0;
}

size_t query_param_default(const struct query_param *p, char *buf, size_t cap)
{
    return words_text(p->def, ", ", buf, cap);
}
