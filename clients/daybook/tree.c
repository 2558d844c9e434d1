/* An object as people read it. Which members are instants, query.def says; what else one is follows
 * from its name's ending and its type: that way a member the engine gains later is shown without a
 * change here. */
#include "clients/daybook/tree.h"

#include <string.h>

#include "clients/daybook/rows.h"
#include "engine/base/check.h"

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t k = strlen(end);
    return n >= k && strcmp(name + n - k, end) == 0;
}

static void bytes_text(json_int_t v, char *buf, size_t cap)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double x = (double)v;
    size_t u = 0;
    while (x >= 1024 && u + 1 < sizeof units / sizeof units[0]) {
        x /= 1024;
        u++;
    }
    text_fmt(buf, cap, u == 0 ? "%.0f %s" : "%.1f %s", x, units[u]);
}

static void duration_text(json_int_t ms, char *buf, size_t cap)
{
    long long s = (long long)ms / 1000;
    if (s >= 86400)
        text_fmt(buf, cap, "%lld d %lld h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        text_fmt(buf, cap, "%lld h %lld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        text_fmt(buf, cap, "%lld min %lld s", s / 60, s % 60);
    else
        text_fmt(buf, cap, "%lld.%03lld s", s, (long long)ms % 1000);
}

/* The column of that name; COLUMN_TEXT: there is none. */
static enum query_column_type column_type(enum query_view_id view, const char *name)
{
    if (view < VIEW_N)
        for (uint32_t i = query_views[view].column0; i < query_columns_end(view); i++)
            if (strcmp(query_columns[i].name, name) == 0)
                return query_columns[i].type;
    return COLUMN_TEXT;
}

/* Whose rows a table in an object of a view is; VIEW_N: no view's. */
static enum query_view_id view_of_table(enum query_view_id view, const char *name)
{
    static const struct {
        const char *name;
        enum query_view_id view;
    } blocks[] = {
        {"health", VIEW_ATTENTION}, {"log", VIEW_ACTIVITY}, {"records", VIEW_DISTINCT_RECORDS}};
    for (size_t i = 0; view == VIEW_APP && i < N_OF(blocks); i++)
        if (strcmp(blocks[i].name, name) == 0)
            return blocks[i].view;
    return view == VIEW_APP || view == VIEW_HOME ? query_view_find(str_of(name)) : VIEW_N;
}

static void value_text(enum query_view_id view, const char *name, const json_t *value, char *buf,
                       size_t cap)
{
    const enum query_column_type type = column_type(view, name);
    if (json_is_integer(value) && type == COLUMN_TIME)
        (void)rows_cell(value, type, buf, cap);
    else if (json_is_integer(value) && ends_with(name, "bytes"))
        bytes_text(json_integer_value(value), buf, cap);
    else if (json_is_integer(value) && ends_with(name, "_ms"))
        duration_text(json_integer_value(value), buf, cap);
    else
        (void)rows_cell(value, COLUMN_TEXT, buf, cap);
}

static void write_map(FILE *to, const char *name, const json_t *map)
{
    const char *key;
    json_t *value;
    (void)fprintf(to, "%-22s", name);
    if (json_object_size(map) == 0)
        (void)fputs("none", to);
    bool first = true;
    json_object_foreach((json_t *)map, key, value)
    {
        char buf[256];
        value_text(VIEW_N, key, value, buf, sizeof buf);
        (void)fprintf(to, "%s%s %s", first ? "" : ", ", key[0] != '\0' ? key : "(others)", buf);
        first = false;
    }
    (void)fputc('\n', to);
}

static bool write_rows(FILE *to, enum query_view_id view, const char *name, const json_t *rows)
{
    struct rows_columns columns;
    rows_columns(view_of_table(view, name), rows, &columns);
    (void)fprintf(to, "\n%s\n", name);
    return rows_write(to, &(struct rows_style){.form = ROWS_TABLE}, &columns, rows);
}

bool tree_write(FILE *to, enum query_view_id view, const json_t *data)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)data, key, value)
    {
        char buf[512];
        if (json_is_array(value))
            continue;
        if (json_is_object(value)) {
            write_map(to, key, value);
            continue;
        }
        value_text(view, key, value, buf, sizeof buf);
        (void)fprintf(to, "%-22s%s\n", key, buf[0] != '\0' ? buf : "-");
    }
    bool ok = true;
    json_object_foreach((json_t *)data, key, value)
    {
        if (json_is_array(value) && json_array_size(value) > 0)
            ok = write_rows(to, view, key, value) && ok;
    }
    return ok && ferror(to) == 0;
}
