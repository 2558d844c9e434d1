/* The forms of an answer: the same rows as lines, as a table and as events, and what a result says
 * beside them. */
#include "tests/unit/query/help.h"

#include "engine/base/check.h"
#include "schemas/event.h"

static struct engine t;

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

static struct query_result result;

/* Ask in a form; the text is terminated and borrowed until the next question. */
static const char *ask_as(enum query_form form, const char *question)
{
    struct request r;
    char text[512];
    size_t n = text_fmt(text, sizeof(text), "%s", question);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    arena_reset(&t.arena);
    t.context.gens_n = 0;
    t.context.gens[t.context.gens_n++] = t.active;
    request_decode(text, n, &t.arena, &r);
    query_answer_as(&t.context, &r, form, &t.answer, &result);
    if (result.status != ST_OK)
        return NULL;
    struct str whole = arena_str(&t.arena, result.text);
    return whole.p;
}

static void fold(uint64_t user, const char *reason, uint64_t app)
{
    struct event_more more = {.reason = reason ? str_of(reason) : (struct str){NULL, 0}};
    const struct event e = {.kind = EV_APP_ERROR,
                            .account = 1,
                            .app = app,
                            .user = user,
                            .has_user = true,
                            .count = 1,
                            .time_ms = NOW_MS - 1000 + (int64_t)user};
    engine_fold(&t, &e, &more);
}

static const char *lines_of(const char *text, unsigned *n)
{
    *n = 0;
    for (const char *p = text; *p != '\0'; p++)
        *n += *p == '\n';
    return text;
}

static void test_lines_are_the_rows(void **state)
{
    unsigned n;
    (void)state;
    for (uint64_t u = 1; u <= 5; u++)
        fold(u, "why", 10);
    json_t *answer = ask_ok(&t, "{'view': 'activity', 'account': 1}");
    const char *text = lines_of(ask_as(QUERY_LINES, "{'view': 'activity', 'account': 1}"), &n);
    assert_int_equal(n, 5);
    assert_int_equal(result.rows_n, 5);
    for (unsigned i = 0; i < n; i++) {
        json_t *row = json_loadb(text, strcspn(text, "\n"), 0, NULL);
        assert_true(json_equal(row, json_array_get(rows_of(answer), i)));
        json_decref(row);
        text = strchr(text, '\n') + 1;
    }
    assert_string_equal(text, "");
    json_decref(answer);
}

static void test_cells(void **state)
{
    static const struct {
        const char *reason, *cell;
    } rows[] = {{NULL, ",,"},
                {"plain", ",plain,"},
                {"a,b", ",\"a,b\","},
                {"say \"x\"", ",\"say \"\"x\"\"\","},
                {"two\nlines", ",\"two\nlines\","},
                {" pad", ",\" pad\","},
                {"\xc5\x82", ",\xc5\x82,"}};
    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++)
        fold(i + 1, rows[i].reason, i + 1);
    for (size_t i = 0; i < N_OF(rows); i++) {
        char question[128];
        text_fmt(question, sizeof(question), "{'view': 'activity', 'account': 1, 'app': %u}",
                 (unsigned)i + 1);
        const char *text = ask_as(QUERY_CSV, question);
        assert_non_null(text);
        assert_int_equal(strncmp(text, "time,position,type,app,user,reason,code,", 40), 0);
        const char *row = strstr(text, "\r\n") + 2;
        char want[64];
        text_fmt(want, sizeof(want), "app.error,%u,%u%s", (unsigned)i + 1, (unsigned)i + 1,
                 rows[i].cell);
        if (strstr(row, want) == NULL)
            fail_msg("%s: %s", want, row);
        assert_int_equal(strcmp(row + strlen(row) - 2, "\r\n"), 0);
    }
}

static void test_a_table_has_the_columns_wanted(void **state)
{
    (void)state;
    const struct event e = {.kind = EV_RECORD_CREATED,
                            .account = 1,
                            .app = 3,
                            .object_type = 1,
                            .count = 2,
                            .time_ms = NOW_MS};
    engine_fold(&t, &e, NULL);
    assert_string_equal(ask_as(QUERY_CSV, "{'view': 'records', 'account': 1, 'group_by': ['app']}"),
                        "app,count\r\n3,2\r\n");
    assert_string_equal(ask_as(QUERY_CSV, "{'view': 'records', 'account': 1, 'group_by': []}"),
                        "count\r\n2\r\n");
    assert_string_equal(ask_as(QUERY_CSV, "{'view': 'records', 'account': 2, 'group_by': ['day']}"),
                        "day,count\r\n");
}

static void test_events_carry_their_position(void **state)
{
    char want[32];
    (void)state;
    fold(1, "line\nend", 10);
    fold(2, NULL, 10);
    const char *text =
        ask_as(QUERY_EVENTS, "{'view': 'activity', 'account': 1, 'order': 'arrival'}");
    assert_int_equal(strncmp(text, "data: {", 7), 0);
    for (unsigned i = 0; i < 2; i++) {
        text_fmt(want, sizeof(want), "\nid: %llu\n\n", (unsigned long long)t.twin[i].position);
        text = strstr(text, want);
        assert_non_null(text);
        text += strlen(want);
    }
    assert_string_equal(text, "");
}

static void test_result(void **state)
{
    (void)state;
    for (uint64_t u = 1; u <= 5; u++)
        fold(u, "why", 10);
    for (enum query_form form = QUERY_ANSWER; form <= QUERY_EVENTS; form++) {
        assert_non_null(ask_as(form, "{'view': 'activity', 'account': 1, 'limit': 2}"));
        assert_int_equal(result.view, VIEW_ACTIVITY);
        assert_int_equal(result.rows_n, 2);
        assert_int_equal(result.as_of_ms, NOW_MS);
        assert_int_equal(result.position, t.twin[4].position);
        assert_string_equal(result.bound, "retention");
        assert_true(result.cursor.n > 10);
        for (size_t i = 0; i < result.cursor.n; i++) {
            char c = result.cursor.p[i];
            assert_true(c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'z'));
        }
    }
    json_t *answer = ask_ok(&t, "{'view': 'activity', 'account': 1, 'limit': 2}");
    (void)ask_as(QUERY_ANSWER, "{'view': 'activity', 'account': 1, 'limit': 2}");
    assert_true(str_eq(result.cursor, str_of(text_of(answer, "cursor"))));
    assert_non_null(memmem(result.text.p, result.text.n, result.data.p, result.data.n));
    json_decref(answer);
    (void)ask_as(QUERY_LINES, "{'view': 'records', 'account': 1, 'to': '2026-11-20'}");
    assert_string_equal(result.to, "2026-11-20");
    assert_null(result.cursor.p);
    assert_int_equal(result.text.n, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_null(ask_as(QUERY_CSV, "{'view': 'status'}"));
    assert_int_equal(result.status, ST_BAD_PARAMETER);
    assert_non_null(strstr(result.why, "no CSV"));
    assert_null(ask_as(QUERY_LINES, "{'view': 'recrods'}"));
    assert_int_equal(result.status, ST_NOT_FOUND);
    assert_int_equal(result.view, VIEW_N);
    assert_non_null(strstr(result.why, "did you mean records"));
    assert_null(ask_as(QUERY_LINES, "{"));
    assert_int_equal(result.status, ST_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_the_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_table_has_the_columns_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_carry_their_position, setup, teardown),
        cmocka_unit_test_setup_teardown(test_result, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
