/* Parameters against the table: every type at its bounds, defaults, names, canonical form. */
#include "tests/unit/query/help.h"

#include "engine/query/question.h"

static struct arena arena;

static enum status read_one(const char *text, struct question *q, char why[static 512])
{
    char json[1024];
    struct request r;
    size_t n = text_fmt(json, sizeof json, "%s", text);
    for (size_t i = 0; i < n; i++)
        json[i] = json[i] == '\'' ? '"' : json[i];
    request_decode(json, n, &arena, &r);
    assert_int_equal(r.status, ST_OK);
    return question_read(&r, &arena, q, why);
}

static const struct {
    const char *question;
    enum status want;
    const char *words; /* that the refusal must hold */
} verdicts[] = {
    {"{'view':'records','account':7}", ST_OK, ""},
    {"{'view':'records','account':0}", ST_OK, ""},
    {"{'view':'records','account':9007199254740991}", ST_OK, ""},
    {"{'view':'records','account':'7'}", ST_OK, ""},
    {"{'view':'records','account':'07'}", ST_BAD_PARAMETER, "account is \"07\""},
    {"{'view':'records','account':'9007199254740992'}", ST_BAD_PARAMETER, "0..9007199254740991"},
    {"{'view':'records'}", ST_BAD_PARAMETER, "account is missing"},
    {"{'view':'records','account':null}", ST_BAD_PARAMETER, "account is missing"},
    {"{'view':'records','account':true}", ST_BAD_PARAMETER, "account is true"},
    {"{'view':'records','account':[7]}", ST_BAD_PARAMETER, "account is an array"},
    {"{'view':'records','account':7,'app':[1,2]}", ST_OK, ""},
    {"{'view':'records','account':7,'app':[]}", ST_BAD_PARAMETER, "app is an empty array"},
    {"{'view':'records','account':7,'app':null}", ST_OK, ""},
    {"{'view':'records','account':7,'group_by':[]}", ST_OK, ""},
    {"{'view':'records','account':7,'group_by':'apps'}", ST_BAD_PARAMETER,
     "group_by is \"apps\"; allowed: day, app, object_type or action"},
    {"{'view':'records','account':7,'action':['created','gone']}", ST_BAD_PARAMETER,
     "action is \"gone\"; allowed: created, updated, deleted, merged, restored or associated"},
    {"{'view':'records','account':7,'object_type':'2-123'}", ST_OK, ""},
    {"{'view':'records','account':7,'object_type':''}", ST_BAD_PARAMETER, "object_type is \"\""},
    {"{'view':'records','account':7,'object_type':3}", ST_BAD_PARAMETER, "object_type is 3"},
    {"{'view':'records','account':7,'from':'2026-11-23'}", ST_OK, ""},
    {"{'view':'records','account':7,'from':'2026-02-30'}", ST_BAD_PARAMETER, "UTC day"},
    {"{'view':'records','account':7,'from':20780}", ST_BAD_PARAMETER, "from is 20780"},
    {"{'view':'records','account':7,'fill':true}", ST_OK, ""},
    {"{'view':'records','account':7,'fill':'false'}", ST_OK, ""},
    {"{'view':'records','account':7,'fill':1}", ST_BAD_PARAMETER, "allowed: true or false"},
    {"{'view':'records','account':7,'limit':1}", ST_OK, ""},
    {"{'view':'records','account':7,'limit':0}", ST_BAD_PARAMETER, "1..100000"},
    {"{'view':'records','account':7,'limit':100001}", ST_BAD_PARAMETER, "limit is 100001"},
    {"{'view':'records','account':7,'viewer':3}", ST_OK, ""},
    {"{'view':'records','account':7,'viewer':'me'}", ST_BAD_PARAMETER, "viewer is \"me\""},
    {"{'view':'records','account':7,'aap':1}", ST_BAD_PARAMETER,
     "records takes no parameter \"aap\"; did you mean app? It takes view, viewer"},
    {"{'view':'records','account':7,'colour':1}", ST_BAD_PARAMETER, "it takes view, viewer"},
    {"{'view':'status','limit':1}", ST_BAD_PARAMETER, "status takes no parameter \"limit\""},
    {"{'view':'activity','account':7,'type':'app.installed'}", ST_OK, ""},
    {"{'view':'activity','account':7,'type':'api.call'}", ST_BAD_PARAMETER, "type is \"api.call\""},
    {"{'view':'activity','account':7,'from':1700000000000}", ST_OK, ""},
    {"{'view':'activity','account':7,'from':'2026-11-23T09:57:22+02:00'}", ST_OK, ""},
    {"{'view':'activity','account':7,'from':'yesterday'}", ST_BAD_PARAMETER,
     "from is \"yesterday\""},
    {"{'view':'rejected','code':'too_old'}", ST_OK, ""},
    {"{'view':'rejected','code':'tooold'}", ST_BAD_PARAMETER, "code is \"tooold\""},
    {"{'view':'connections','account':7}", ST_BAD_PARAMETER, "app is missing"},
    {"{'view':'connections','account':7,'app':0}", ST_BAD_PARAMETER, "app is 0"},
    {"{'account':7}", ST_BAD_PARAMETER, "view is missing; allowed: records, api_usage"},
    {"{'view':['records'],'account':7}", ST_BAD_PARAMETER, "view is an array; allowed: records"},
    {"{'view':7,'account':7}", ST_BAD_PARAMETER, "view is 7; allowed: records, api_usage"},
    {"{'view':null,'account':7}", ST_BAD_PARAMETER, "view is missing; allowed: records"},
    {"{'view':'records','account':7,'from':'2026-11-24','to':'2026-11-23'}", ST_BAD_PARAMETER,
     "from is after to, 2026-11-24 and 2026-11-23; allowed: from at or before to"},
    {"{'view':'activity','account':7,'from':9,'to':8}", ST_BAD_PARAMETER,
     "from is after to, 9 and 8"},
    {"{'view':'activity','account':7,'from':8,'to':8}", ST_OK, ""},
    {"{'view':'record','account':7}", ST_NOT_FOUND, "did you mean records?"},
    {"{'view':'','account':7}", ST_NOT_FOUND, "there is no view \"\""},
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OF(verdicts); i++) {
        struct question q;
        char why[512];
        arena_reset(&arena);
        const enum status st = read_one(verdicts[i].question, &q, why);
        if (st != verdicts[i].want || !strstr(why, verdicts[i].words))
            fail_msg("%s: %s, \"%s\"", verdicts[i].question, status_row(st)->name, why);
    }
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    char question[512], why[512], value[301];
    struct question q;
    arena_reset(&arena);
    for (unsigned i = 0; i < 300; i += 2) /* two-byte characters, so that a cut may split one */
        memcpy(value + i, "\xc3\xa4", 2);
    value[300] = 0;
    text_fmt(question, sizeof question, "{'view':'records','account':'x%s'}", value);
    assert_int_equal(read_one(question, &q, why), ST_BAD_PARAMETER);
    assert_true(text_is_utf8(why, strlen(why)));
    assert_non_null(strstr(why, "\"...; allowed: an integer"));
}

static void test_canonical(void **state)
{
    (void)state;
    struct question a, b;
    char why[512];
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"{'view':'records','account':7,'app':[3,1,2,1]}",
         "{'app':[1,2,3],'account':'7','view':'records'}", true},
        {"{'view':'records','account':7}",
         "{'view':'records','account':7,'fill':false,'group_by':['action','day','app','object_type'"
         "]}",
         true},
        {"{'view':'records','account':7,'app':1}",
         "{'view':'records','account':7,'app':[1],'limit':3}", true},
        {"{'view':'records','account':7,'object_type':'contacts'}",
         "{'view':'records','account':7,'object_type':'0-1'}", true},
        {"{'view':'records','account':7}", "{'view':'records','account':8}", false},
        {"{'view':'records','account':7}", "{'view':'api_usage','account':7}", false},
        {"{'view':'records','account':7}", "{'view':'records','account':7,'app':1}", false},
        {"{'view':'records','account':7,'group_by':[]}", "{'view':'records','account':7}", false},
        {"{'view':'records','account':7,'from':'2026-11-01'}",
         "{'view':'records','account':7,'to':'2026-11-01'}", false},
        {"{'view':'schema','name':['a','bc']}", "{'view':'schema','name':['ab','c']}", false},
        {"{'view':'schema','viewer':1}", "{'view':'schema','viewer':2}", false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        arena_reset(&arena);
        assert_int_equal(read_one(rows[i].a, &a, why), ST_OK);
        assert_int_equal(read_one(rows[i].b, &b, why), ST_OK);
        if ((question_hash(&a) == question_hash(&b)) != rows[i].same)
            fail_msg("%s / %s", rows[i].a, rows[i].b);
    }
    assert_int_equal(read_one("{'view':'records','account':7,'app':[3,1,2,1]}", &a, why), ST_OK);
    assert_int_equal(a.v[QUERY_RECORDS_APP].n, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(a.v[QUERY_RECORDS_APP].numbers[i], i + 1);
}

/* The table itself: names are unique within a view, defaults are allowed values, group_by names the
 * dimensions in the order of the columns. */
static void test_table(void **state)
{
    (void)state;
    for (unsigned v = 0; v < VIEW_N; v++) {
        char question[256], why[512];
        struct question q;
        assert_int_equal(query_view_find(str_of(query_views[v].name)), v);
        assert_true(query_views[v].column0 < query_columns_end((enum query_view_id)v));
        for (unsigned i = 0; i < QUERY_PARAMS_N; i++)
            if (query_param_of((enum query_view_id)v, (enum query_param_id)i))
                assert_int_equal(
                    query_param_find((enum query_view_id)v, str_of(query_params[i].name)), i);
        arena_reset(&arena);
        text_fmt(question, sizeof question, "{'view':'%s'%s%s}", query_views[v].name,
                 query_param_find((enum query_view_id)v, STR("account")) < QUERY_PARAMS_N
                     ? ",'account':1"
                     : "",
                 v == VIEW_CONNECTIONS || v == VIEW_APP || v == VIEW_PERMISSIONS ? ",'app':1" : "");
        assert_int_equal(read_one(question, &q, why), ST_OK);
        const enum query_param_id by = query_param_find((enum query_view_id)v, STR("group_by"));
        if (by == QUERY_PARAMS_N)
            continue;
        size_t at = 0;
        for (unsigned c = query_views[v].column0; c < query_columns_end((enum query_view_id)v);
             c++) {
            if (query_columns[c].role != ROLE_DIM)
                continue;
            const struct str word = query_word_next(query_params[by].allowed, &at);
            assert_true(str_eq(word, str_of(query_columns[c].name)));
        }
        assert_int_equal(query_word_next(query_params[by].allowed, &at).n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_table),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
