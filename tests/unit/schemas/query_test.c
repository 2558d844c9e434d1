/* query.def and what is written from it: schemas/QUERIES.md must equal the table, and the JSON
 * Schemas must be JSON that names every parameter and column.
 *
 * To write the page anew: DAYBOOK_WRITE=1 ctest -R unit/schemas/query */
#include "schemas/query_schema.h"
#include "schemas/query_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/base/check.h"

#define PAGE "schemas/QUERIES.md"

static void say_param(struct buf *b, const struct query_param *p)
{
    char allowed[256], def[256];
    query_param_allowed(p, allowed, sizeof allowed);
    query_param_default(p, def, sizeof def);
    buf_fmt(b, "| `%s` | %s%s | %s | %s%s%s | %s |\n", p->name, query_param_type_name(p->type),
            p->many ? ", many" : "", allowed, p->required ? "required" : "",
            def[0] ? "default " : "", def, p->help);
}

static void say_params(struct buf *b, enum query_view_id view, bool own)
{
    bool any = false;
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        const bool of_view = i >= query_views[VIEW_RECORDS].param0;
        if (of_view != own || !query_param_of(view, (enum query_param_id)i))
            continue;
        if (!any)
            buf_fmt(b, "| parameter | type | allowed | | |\n|---|---|---|---|---|\n");
        any = true;
        say_param(b, &query_params[i]);
    }
    if (any)
        buf_fmt(b, "\n");
}

static void say_view(struct buf *b, enum query_view_id view)
{
    static const char *const roles[] = {
        [ROLE_DIM] = "dimension", [ROLE_OF] = "of the dimension", [ROLE_FACT] = ""};
    const struct query_view *v = &query_views[view];
    buf_fmt(b, "## `%s`\n\n%s.\nShape: %s. Right: %s.\n\n", v->name, v->help,
            query_shape_name(v->shape), v->right == RIGHT_ADMIN ? "admin" : "query");
    say_params(b, view, true);
    buf_fmt(b, "| column | type | | |\n|---|---|---|---|\n");
    for (unsigned i = v->column0; i < query_columns_end(view); i++) {
        const struct query_column *c = &query_columns[i];
        buf_fmt(b, "| `%s` | %s%s | %s | %s |\n", c->name, query_column_type_name(c->type),
                c->nullable ? " or null" : "", roles[c->role], c->help);
    }
    buf_fmt(b, "\n");
}

static void say_page(struct buf *b)
{
    buf_fmt(
        b,
        "# Queries\n\n"
        "Written from `query.def` by `tests/unit/schemas/query_test.c`, which fails when the two "
        "differ.\n"
        "The envelope of questions and answers is described in `README.md`.\n\n"
        "A parameter may also be given as text (`\"45\"`, `\"true\"`); null is as good as left "
        "out. *many*: a\n"
        "value or an array of values. Rows are sorted by their dimensions, from left to right.\n\n"
        "## Every view\n\n");
    say_params(b, VIEW_STATUS, false);
    buf_fmt(
        b,
        "Views of rows also take:\n\n| parameter | type | allowed | | |\n|---|---|---|---|---|\n");
    say_param(b, &query_params[QUERY_PAGED_LIMIT]);
    say_param(b, &query_params[QUERY_PAGED_CURSOR]);
    buf_fmt(b, "\n");
    for (unsigned v = 0; v < VIEW_N; v++)
        say_view(b, (enum query_view_id)v);
    b->n--; /* one line end is enough */
}

static void test_page(void **state)
{
    (void)state;
    struct buf want = buf_of(1 << 20), have = buf_of(1 << 20);
    say_page(&want);
    assert_false(want.bad);
    if (getenv("DAYBOOK_WRITE")) {
        FILE *f = fopen(PAGE, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(want.p, 1, want.n, f), want.n);
        assert_int_equal(fclose(f), 0);
    }
    FILE *f = fopen(PAGE, "r");
    assert_non_null(f);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_put(&have, chunk, n);
    assert_int_equal(fclose(f), 0);
    if (have.n != want.n || memcmp(have.p, want.p, want.n) != 0)
        fail_msg(
            PAGE
            " does not say what query.def says; run DAYBOOK_WRITE=1 ctest -R unit/schemas/query");
    buf_fini(&want);
    buf_fini(&have);
}

static json_t *at(json_t *o, const char *a, const char *b, const char *c)
{
    o = json_object_get(o, a);
    o = b ? json_object_get(o, b) : o;
    o = c ? json_object_get(o, c) : o;
    assert_non_null(o);
    return o;
}

static void test_schemas(void **state)
{
    (void)state;
    for (unsigned v = 0; v < VIEW_N; v++) {
        struct buf b = buf_of(1 << 20);
        json_error_t error;
        query_schema_write((enum query_view_id)v, &b);
        json_t *schema = json_loadb((const char *)b.p, b.n, JSON_REJECT_DUPLICATES, &error);
        if (!schema)
            fail_msg("%s, line %d: %s", query_views[v].name, error.line, error.text);
        assert_string_equal(json_string_value(at(schema, "title", NULL, NULL)),
                            query_views[v].name);
        json_t *params = at(at(schema, "$defs", "request", "properties"), "view", NULL, NULL);
        assert_string_equal(json_string_value(at(params, "const", NULL, NULL)),
                            query_views[v].name);
        params = at(schema, "$defs", "request", "properties");
        size_t params_n = 1; /* request */
        for (unsigned i = 0; i < QUERY_PARAMS_N; i++)
            if (query_param_of((enum query_view_id)v, (enum query_param_id)i)) {
                assert_non_null(json_object_get(params, query_params[i].name));
                params_n++;
            }
        assert_int_equal(json_object_size(params), params_n);
        json_t *data = at(at(schema, "$defs", "answer", "properties"), "data", "properties", NULL);
        if (query_views[v].shape != SHAPE_OBJECT)
            data = at(data, "rows", "items", "properties");
        assert_int_equal(json_object_size(data),
                         query_columns_end((enum query_view_id)v) - query_views[v].column0);
        json_decref(schema);
        buf_fini(&b);
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } rows[] = {{"acount", "account"},
                {"aap", "app"},
                {"object-type", "object_type"},
                {"colour", NULL},
                {"", NULL}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        const char *near = query_param_nearest(VIEW_RECORDS, str_of(rows[i].name));
        if (!rows[i].want)
            assert_null(near);
        else
            assert_string_equal(near, rows[i].want);
    }
    assert_string_equal(query_view_nearest(STR("activities")), "activity");
    assert_null(query_view_nearest(STR("weather")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
