/* The rows of query.def as tables: which views there are, what they take and what they show.
 * Everything is constant and static; rows are named by their place (QUERY_RECORDS_APP is a place in
 * query_params, COL_RECORDS_DAY one in query_columns). */
#ifndef SCHEMAS_QUERY_TABLE_H
#define SCHEMAS_QUERY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/text.h"

enum query_view_id {
#define VIEW(id, name, right, shape, help) VIEW_##id,
#include "schemas/query.def"
    VIEW_N
};

enum query_right { RIGHT_QUERY, RIGHT_ADMIN };
enum query_shape { SHAPE_DAYS, SHAPE_INSTANTS, SHAPE_ROWS, SHAPE_OBJECT };

enum query_param_type {
    PARAM_UINT,
    PARAM_DAY,
    PARAM_TIME,
    PARAM_WORD,
    PARAM_KIND,
    PARAM_OBJECT,
    PARAM_CODE,
    PARAM_TEXT,
    PARAM_BOOL,
    PARAM_CURSOR
};

enum query_column_type {
    COLUMN_UINT,
    COLUMN_DAY,
    COLUMN_TIME,
    COLUMN_TEXT,
    COLUMN_BOOL,
    COLUMN_COUNTS,
    COLUMN_TABLES
};

enum query_role { ROLE_DIM, ROLE_OF, ROLE_FACT };

/* Places in query_params, over all views: QUERY_RECORDS_APP. PARAMS_OF_RECORDS is the first of the
 * view; the enumerator after it sets the count back, so that a VIEW row takes no place. */
enum query_param_id {
/* clang-format off: aligned with the next one it would be too long */
#define VIEW(id, name, right, shape, help) PARAMS_OF_##id, PARAMS_BEFORE_##id = PARAMS_OF_##id - 1,
/* clang-format on */
#define PARAM(view, id, name, type, need, many, min, max, allowed, def, help) QUERY_##view##_##id,
#include "schemas/query.def"
    QUERY_PARAMS_N
};

/* Places in query_columns, over all views: COL_RECORDS_DAY. */
enum query_column_id {
#define VIEW(id, name, right, shape, help)                                                         \
    COLUMNS_OF_##id, COLUMNS_BEFORE_##id = COLUMNS_OF_##id - 1,
#define COLUMN(view, id, name, type, role, nulls, help) COL_##view##_##id,
#include "schemas/query.def"
    QUERY_COLUMNS_N
};

struct query_param {
    const char *name;
    enum query_param_type type;
    bool required;
    bool many;           /* an array of values is taken too */
    uint64_t min, max;   /* numbers: of the value; text: bytes */
    const char *allowed; /* WORD: the words, separated by '|'; else "" */
    const char *def;     /* default as one would write it; "": none */
    const char *help;
};

struct query_column {
    const char *name;
    enum query_column_type type;
    enum query_role role;
    bool nullable;
    const char *help;
};

struct query_view {
    const char *name;
    enum query_right right;
    enum query_shape shape;
    const char *help;
    uint16_t param0;  /* its first row in query_params; they end where the next view's start */
    uint16_t column0; /* its first row in query_columns; likewise */
};

extern const struct query_param query_params[QUERY_PARAMS_N];
extern const struct query_column query_columns[QUERY_COLUMNS_N];
extern const struct query_view query_views[VIEW_N + 1]; /* the last row only ends the others */

static inline uint32_t query_params_end(enum query_view_id view)
{
    return query_views[view + 1].param0;
}
static inline uint32_t query_columns_end(enum query_view_id view)
{
    return query_views[view + 1].column0;
}

/* The view of that name; VIEW_N when there is none. */
enum query_view_id query_view_find(struct str name);

/* The place in query_params of the parameter of that name which `view` takes, its own or one that
 * every view (of rows) takes; QUERY_PARAMS_N when there is none. */
enum query_param_id query_param_find(enum query_view_id view, struct str name);

/* The known parameter or view name closest to `name`, or NULL when none is near. */
const char *query_param_nearest(enum query_view_id view, struct str name);
const char *query_view_nearest(struct str name);

/* Does the view take that parameter? */
bool query_param_of(enum query_view_id view, enum query_param_id param);

/* Walk the words of `allowed`: the first when at is *at == 0; empty at the end. */
struct str query_word_next(const char *allowed, size_t *at);

/* The place of word among the words of allowed; -1 when it is none. */
int query_word_find(const char *allowed, struct str word);

/* Names for people and schemas: "uint", "day", ... */
const char *query_param_type_name(enum query_param_type type);
const char *query_column_type_name(enum query_column_type type);
const char *query_shape_name(enum query_shape shape);

/* What a parameter may be, as one phrase ("0..9007199254740991", "created, updated or deleted"). */
size_t query_param_allowed(const struct query_param *p, char *buf, size_t cap);

/* The default as text, several words as "day, app"; empty when there is none. */
size_t query_param_default(const struct query_param *p, char *buf, size_t cap);

#endif
