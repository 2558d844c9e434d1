/* Query strings as parameters of a question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/edge/http_api_internal.h"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct request read_url(const char *view, const char *account, const char *query)
{
    struct request r;
    const struct query_path path = {str_of(view), account ? str_of(account) : (struct str){0}};
    query_from_url(&path, str_of(query), &arena, &r);
    return r;
}

/* "name=a|b " for each, values in order; an array in brackets. */
static void expect(const struct request *r, const char *want)
{
    char have[1024];
    size_t n = 0;
    have[0] = '\0';
    assert_int_equal(r->status, ST_OK);
    for (uint32_t i = 0; i < r->params_n; i++) {
        const struct param *p = &r->params[i];
        n += text_fmt(have + n, sizeof(have) - n, "%.*s=%s", (int)p->name.n, p->name.p,
                      p->is_array ? "[" : "");
        for (uint32_t k = 0; k < p->values_n; k++)
            n += text_fmt(have + n, sizeof(have) - n, "%s%.*s", k ? "|" : "",
                          (int)p->values[k].text.n, p->values[k].text.p);
        n += text_fmt(have + n, sizeof(have) - n, "%s ", p->is_array ? "]" : "");
    }
    assert_string_equal(have, want);
}

static void test_forms(void **state)
{
    static const struct {
        const char *view, *account, *query, *want;
    } rows[] = {
        {"status", NULL, "", "view=status "},
        {"apps", "7", "", "view=apps account=7 "},
        {"apps", "7", "app=1", "view=apps account=7 app=[1] "},
        {"apps", "7", "app=1,2&app=3", "view=apps account=7 app=[1|2|3] "},
        {"apps", "7", "app=1%2C2", "view=apps account=7 app=[1,2] "},
        {"records", "7", "group_by=", "view=records account=7 group_by=[] "},
        {"records", "7", "group_by", "view=records account=7 group_by=[] "},
        {"records", "7", "from=a,b", "view=records account=7 from=a,b "},
        {"records", "7", "from=a&from=b", "view=records account=7 from=[a|b] "},
        {"records", "7", "a+b=c%20d+e&&", "view=records account=7 a b=c d e "},
        {"nothing", NULL, "app=1,2", "view=nothing app=1,2 "},
        {"rejected", NULL, "account=1,2", "view=rejected account=[1|2] "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct request r = read_url(rows[i].view, rows[i].account, rows[i].query);
        expect(&r, rows[i].want);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *query;
        enum status want;
    } rows[] = {
        {"view=apps", ST_BAD_PARAMETER}, {"account=8", ST_BAD_PARAMETER},
        {"app=%", ST_BAD_PARAMETER},     {"app=%f", ST_BAD_PARAMETER},
        {"%ff=1", ST_BAD_PARAMETER},     {"app=1&app=%00", ST_BAD_PARAMETER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct request r = read_url("apps", "7", rows[i].query);
        if (r.status != rows[i].want)
            fail_msg("%s", rows[i].query);
        assert_int_equal(r.params_n, 0);
        assert_true(r.message.n > 0);
    }
}

static void test_limits(void **state)
{
    static char query[64 * 1024];
    size_t n = 0;
    (void)state;
    for (unsigned i = 0; i < REQUEST_VALUES_MAX; i++)
        n += text_fmt(query + n, sizeof(query) - n, "app=%u&", i);
    struct request r = read_url("apps", "7", query);
    assert_int_equal(r.status, ST_OK);
    assert_int_equal(r.params[2].values_n, REQUEST_VALUES_MAX);
    assert_true(str_eq(r.params[2].values[1000].text, STR("1000")));
    (void)text_fmt(query + n, sizeof(query) - n, "app=1");
    assert_int_equal(read_url("apps", "7", query).status, ST_TOO_LARGE);
    n = 0;
    for (unsigned i = 0; i < REQUEST_PARAMS_MAX - 1; i++)
        n += text_fmt(query + n, sizeof(query) - n, "p%u=1&", i);
    assert_int_equal(read_url("apps", "7", query).status, ST_TOO_LARGE);
    assert_int_equal(read_url("apps", NULL, query).status, ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
