/* Rows of answers on paper. A program gets the values as the wire has them; only the table for
 * people turns instants into dates. */
#include "clients/daybook/rows.h"

#include <libsmartcols.h>
#include <string.h>

#include "engine/base/check.h"

#define LONG_TEXT 30 /* bytes */

static enum query_column_type guess(const json_t *value)
{
    return json_is_integer(value)   ? COLUMN_UINT
           : json_is_boolean(value) ? COLUMN_BOOL
                                    : COLUMN_TEXT;
}

void rows_columns(enum query_view_id view, const json_t *rows, struct rows_columns *out)
{
    *out = (struct rows_columns){0};
    const json_t *first = json_array_get(rows, 0);
    if (view < VIEW_N) {
        const struct query_view *v = &query_views[view];
        for (uint32_t i = 0; v->column0 + i < v[1].column0 && out->n < N_OF(out->at); i++) {
            const struct query_column *c = &query_columns[v->column0 + i];
            if (first == NULL || json_object_get(first, c->name) != NULL)
                out->at[out->n++] = (struct rows_column){c->name, c->type};
        }
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)first, key, value)
    {
        if (out->n < N_OF(out->at))
            out->at[out->n++] = (struct rows_column){key, guess(value)};
    }
}

bool rows_columns_pick(struct rows_columns *c, const char *names, struct str *unknown)
{
    struct rows_columns picked = {0};
    for (const char *p = names;; p++) {
        struct str name = {p, strcspn(p, ",")};
        size_t i = 0;
        while (i < c->n && !str_eq(name, str_of(c->at[i].name)))
            i++;
        if (i == c->n) {
            *unknown = name;
            return false;
        }
        if (picked.n < N_OF(picked.at))
            picked.at[picked.n++] = c->at[i];
        p += name.n;
        if (*p == '\0')
            break;
    }
    *c = picked;
    return true;
}

void rows_columns_drop_empty(struct rows_columns *c, const json_t *rows)
{
    size_t kept = 0;
    for (size_t k = 0; k < c->n; k++) {
        bool any = json_array_size(rows) == 0;
        for (size_t i = 0; i < json_array_size(rows) && !any; i++) {
            const json_t *v = json_object_get(json_array_get(rows, i), c->at[k].name);
            any = v != NULL && !json_is_null(v);
        }
        if (any)
            c->at[kept++] = c->at[k];
    }
    c->n = kept;
}

static const char *instant(json_int_t ms, char *buf, size_t cap)
{
    char text[25];
    time_format(ms, text);
    text_fmt(buf, cap, "%.19sZ", text);
    return buf;
}

const char *rows_cell(const json_t *value, enum query_column_type type, char *buf, size_t cap)
{
    buf[0] = '\0';
    switch (json_typeof(value)) {
    case JSON_STRING:
        text_fmt(buf, cap, "%s", json_string_value(value));
        break;
    case JSON_INTEGER:
        if (type == COLUMN_TIME)
            return instant(json_integer_value(value), buf, cap);
        text_fmt(buf, cap, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_TRUE:
        text_fmt(buf, cap, "yes");
        break;
    case JSON_FALSE:
        text_fmt(buf, cap, "no");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        (void)json_dumpb(value, buf, cap - 1, JSON_COMPACT);
        buf[cap - 1] = '\0';
        break;
    case JSON_REAL:
        text_fmt(buf, cap, "%g", json_real_value(value));
        break;
    case JSON_NULL:
        break;
    }
    return buf;
}

static const char *cell(const json_t *row, const struct rows_column *c, char *buf, size_t cap)
{
    const json_t *value = json_object_get(row, c->name);
    if (value == NULL) {
        buf[0] = '\0';
        return buf;
    }
    return rows_cell(value, c->type, buf, cap);
}

/* Only text that is really long may be cut, or a narrow terminal would cut everything a little. */
static bool is_long(const struct rows_column *c, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *v = json_object_get(json_array_get(rows, i), c->name);
        if (json_is_string(v) && json_string_length(v) > LONG_TEXT)
            return true;
    }
    return false;
}

static bool write_table(FILE *to, const struct rows_columns *columns, const json_t *rows,
                        unsigned width)
{
    struct libscols_table *table = scols_new_table();
    if (table == NULL)
        return false;
    bool ok = scols_table_set_stream(table, to) == 0;
    if (width > 0) {
        (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
        (void)scols_table_set_termwidth(table, width);
    } else {
        (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    }
    for (size_t i = 0; i < columns->n && ok; i++) {
        const struct rows_column *c = &columns->at[i];
        int flags = c->type == COLUMN_UINT ? SCOLS_FL_RIGHT : 0;
        double share = 0; /* of the width: a hint for columns that may be cut */
        if (width > 0 && is_long(c, rows)) {
            flags |= SCOLS_FL_TRUNC;
            share = strcmp(c->name, "message") == 0 ? 0.5 : 0.1;
        }
        ok = scols_table_new_column(table, c->name, share, flags) != NULL;
    }
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        struct libscols_line *line = ok ? scols_table_new_line(table, NULL) : NULL;
        ok = line != NULL;
        for (size_t k = 0; k < columns->n && ok; k++) {
            char buf[1024];
            const char *text = cell(row, &columns->at[k], buf, sizeof buf);
            ok = scols_line_set_data(line, k, text) == 0;
        }
        if (!ok)
            break;
    }
    ok = ok && scols_print_table(table) == 0;
    scols_unref_table(table);
    return ok;
}

void rows_csv_field(FILE *to, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL && text[0] != ' ') {
        (void)fputs(text, to);
        return;
    }
    (void)fputc('"', to);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"')
            (void)fputc('"', to);
        (void)fputc(*p, to);
    }
    (void)fputc('"', to);
}

static void write_csv(FILE *to, const struct rows_columns *columns, const json_t *rows, bool header)
{
    for (size_t i = 0; header && i < columns->n; i++)
        (void)fprintf(to, "%s%s", i > 0 ? "," : "", columns->at[i].name);
    if (header)
        (void)fputs("\r\n", to);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        for (size_t k = 0; k < columns->n; k++) {
            char buf[1024];
            const json_t *value = json_object_get(row, columns->at[k].name);
            if (k > 0)
                (void)fputc(',', to);
            if (json_is_boolean(value))
                (void)fputs(json_is_true(value) ? "true" : "false", to);
            else if (value != NULL) /* instants stay ms, as the wire has them */
                rows_csv_field(to, rows_cell(value, COLUMN_UINT, buf, sizeof buf));
        }
        (void)fputs("\r\n", to);
    }
}

static void write_ndjson(FILE *to, const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        (void)json_dumpf(row, to, JSON_COMPACT);
        (void)fputc('\n', to);
    }
}

bool rows_write(FILE *to, const struct rows_style *style, const struct rows_columns *columns,
                const json_t *rows)
{
    bool ok = true;
    switch (style->form) {
    case ROWS_TABLE:
        ok = json_array_size(rows) == 0 || write_table(to, columns, rows, style->width);
        break;
    case ROWS_CSV:
        write_csv(to, columns, rows, style->header);
        break;
    case ROWS_NDJSON:
        write_ndjson(to, rows);
        break;
    }
    return ok && ferror(to) == 0;
}
