/* What people and programs see: rows as table and CSV, objects as text, progress, tallies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/daybook/progress.h"
#include "clients/daybook/rows.h"
#include "clients/daybook/tally.h"
#include "clients/daybook/tree.h"
#include "engine/base/check.h"

struct paper {
    char *text;
    size_t n;
    FILE *to;
};

static FILE *paper_begin(struct paper *p)
{
    *p = (struct paper){0};
    p->to = open_memstream(&p->text, &p->n);
    assert_non_null(p->to);
    return p->to;
}

static void paper_is(struct paper *p, const char *want)
{
    assert_int_equal(fclose(p->to), 0);
    assert_string_equal(p->text, want);
    free(p->text);
}

static json_t *json_of(const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(v);
    return v;
}

static const struct rows_style table = {.form = ROWS_TABLE},
                               csv = {.form = ROWS_CSV, .header = true},
                               more_csv = {.form = ROWS_CSV}, lines = {.form = ROWS_NDJSON};

static const char activity[] =
    "[{\"time\":1795500000000,\"position\":7,\"type\":\"app.installed\",\"app\":42,\"user\":null,"
    "\"reason\":\"a, \\\"b\\\"\",\"code\":null},"
    "{\"time\":0,\"position\":12345,\"type\":\"sync.enabled\",\"app\":1,\"user\":9,"
    "\"reason\":null,\"code\":null}]";

static void rows_as_a_table(void **state)
{
    (void)state;
    struct paper p;
    struct rows_columns c;
    json_t *rows = json_of(activity);
    rows_columns(query_view_find(STR("activity")), rows, &c);
    assert_int_equal(c.n, 7);
    rows_columns_drop_empty(&c, rows);
    assert_int_equal(c.n, 6);
    assert_true(rows_write(paper_begin(&p), &table, &c, rows));
    paper_is(&p, "time                 position type          app user reason\n"
                 "2026-11-24T06:00:00Z        7 app.installed  42      a, \"b\"\n"
                 "1970-01-01T00:00:00Z    12345 sync.enabled    1    9 \n");
    json_decref(rows);
}

static void a_narrow_table_cuts_long_text_only(void **state)
{
    (void)state;
    struct paper p;
    struct rows_columns c;
    struct rows_style narrow = {.form = ROWS_TABLE, .width = 40};
    json_t *rows = json_of("[{\"number\":7,\"code\":\"unknown_type\",\"transport\":\"zmq\","
                           "\"message\":\"type is something that nobody has ever heard of\"}]");
    rows_columns(query_view_find(STR("rejected")), rows, &c);
    assert_true(rows_write(paper_begin(&p), &narrow, &c, rows));
    assert_int_equal(fclose(p.to), 0);
    assert_non_null(strstr(p.text, "unknown_type"));
    assert_non_null(strstr(p.text, "zmq"));
    assert_null(strstr(p.text, "heard of"));
    assert_true(strlen(p.text) <= 2 * 41);
    free(p.text);
    json_decref(rows);
}

static void rows_as_csv_keep_the_wire_values(void **state)
{
    (void)state;
    struct paper p;
    struct rows_columns c;
    json_t *rows = json_of(activity);
    rows_columns(query_view_find(STR("activity")), rows, &c);
    FILE *to = paper_begin(&p);
    assert_true(rows_write(to, &csv, &c, rows));
    json_t *one = json_of("[{\"time\":5,\"position\":1,\"type\":\"x\\ny\",\"app\":true}]");
    assert_true(rows_write(to, &more_csv, &c, one));
    paper_is(&p, "time,position,type,app,user,reason,code\r\n"
                 "1795500000000,7,app.installed,42,,\"a, \"\"b\"\"\",\r\n"
                 "0,12345,sync.enabled,1,9,,\r\n"
                 "5,1,\"x\ny\",true,,,\r\n");
    json_decref(one);
    json_decref(rows);
}

static void rows_as_lines(void **state)
{
    (void)state;
    struct paper p;
    struct rows_columns c = {0};
    json_t *rows = json_of("[{\"a\":1},{\"a\":null}]");
    assert_true(rows_write(paper_begin(&p), &lines, &c, rows));
    paper_is(&p, "{\"a\":1}\n{\"a\":null}\n");
    json_decref(rows);
}

static void columns_are_picked_by_name(void **state)
{
    (void)state;
    struct rows_columns c;
    struct str unknown;
    json_t *rows = json_of(activity);
    rows_columns(query_view_find(STR("activity")), rows, &c);
    assert_true(rows_columns_pick(&c, "app,time", &unknown));
    assert_int_equal(c.n, 2);
    assert_string_equal(c.at[0].name, "app");
    assert_int_equal(c.at[1].type, COLUMN_TIME);
    assert_false(rows_columns_pick(&c, "app,tim", &unknown));
    assert_true(str_eq(unknown, STR("tim")));
    json_decref(rows);
}

static void columns_without_rows_are_those_of_the_view(void **state)
{
    (void)state;
    struct rows_columns c;
    json_t *none = json_array();
    rows_columns(query_view_find(STR("api_usage")), none, &c);
    assert_true(c.n >= 5);
    assert_string_equal(c.at[0].name, "day");
    json_decref(none);
}

static void an_object_as_text(void **state)
{
    (void)state;
    struct paper p;
    json_t *o =
        json_of("{\"version\":\"1\",\"uptime_ms\":93784000,\"file_bytes\":1536,\"busy\":false,"
                "\"none\":null,\"rejected\":{\"too_old\":3,\"\":1},\"empty\":{},"
                "\"days\":[{\"day\":\"2026-11-24\",\"n\":5}],\"nothing\":[]}");
    assert_true(tree_write(paper_begin(&p), VIEW_STATUS, o));
    paper_is(&p, "version               1\n"
                 "uptime_ms             1 d 2 h\n"
                 "file_bytes            1.5 KiB\n"
                 "busy                  no\n"
                 "none                  -\n"
                 "rejected              too_old 3, (others) 1\n"
                 "empty                 none\n"
                 "\ndays\n"
                 "day        n\n"
                 "2026-11-24 5\n");
    json_decref(o);
}

static void numbers_are_grouped(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(grouped(0, buf), "0");
    assert_string_equal(grouped(999, buf), "999");
    assert_string_equal(grouped(1000, buf), "1,000");
    assert_string_equal(grouped(UINT64_MAX, buf), "18,446,744,073,709,551,615");
}

static void progress_tells_rate_and_time_left(void **state)
{
    (void)state;
    char line[PROGRESS_LINE_MAX];
    struct progress p = {.what = "import x", .total = 1000};
    (void)progress_line(&p, 250, 5000, UINT64_C(10000000000), line);
    assert_string_equal(
        line, "import x  [######..................]  25 %  5,000 events, 499/s, 0:31 left");
    (void)progress_line(&p, 0, 0, 1, line);
    assert_string_equal(line, "import x  [........................]   0 %  0 events, 0/s");
    (void)progress_line(&p, 2000, 5000, UINT64_C(10000000000), line);
    assert_string_equal(line, "import x  [########################] 100 %  5,000 events, 499/s");
    p.total = 0;
    (void)progress_line(&p, 0, 7, UINT64_C(1000000000), line);
    assert_string_equal(line, "import x  7 events, 6/s");
}

static void answers_are_tallied(void **state)
{
    (void)state;
    struct tally t = {0};
    uint64_t at[] = {11, 12, 13};
    struct daybook_rejection r[] = {{1, "too_old", "old"}, {2, "invalid", "bad"}};
    struct daybook_ack ack = {.accepted = 1, .rejected = 2, .rejections = r, .rejections_n = 2};
    tally_ack(&t, &ack, 3, at);
    ack.rejected = 5; /* three more than are listed */
    tally_ack(&t, &ack, 3, at);
    tally_ack(&t, &(struct daybook_ack){.refused = true, .code = "too_large", .message = "m"}, 3,
              at);
    tally_ack(&t, &(struct daybook_ack){.implied = true}, 3, at);
    tally_ack(&t, &(struct daybook_ack){.duplicate = 3}, 3, NULL);
    assert_int_equal(t.accepted, 2);
    assert_int_equal(t.duplicate, 3);
    assert_int_equal(t.rejected, 2 + 5 + 3);
    assert_int_equal(t.unanswered, 3);
    assert_int_equal(t.rejected_by[0].line, 12);
    assert_string_equal(t.rejected_by[0].example, "old");
    json_t *by = tally_rejected_json(&t);
    char *text = json_dumps(by, JSON_COMPACT);
    assert_string_equal(text, "{\"too_old\":2,\"invalid\":2,\"not_listed\":3,\"too_large\":3}");
    free(text);
    json_decref(by);
}

static void codes_beyond_the_table_are_gathered(void **state)
{
    (void)state;
    struct tally t = {0};
    for (unsigned i = 0; i < 100; i++) {
        char code[16];
        text_fmt(code, sizeof code, "c%u", i);
        struct daybook_rejection r = {0, code, ""};
        tally_ack(&t, &(struct daybook_ack){.rejected = 1, .rejections = &r, .rejections_n = 1}, 1,
                  NULL);
    }
    assert_int_equal(t.rejected, 100);
    assert_int_equal(t.rejected_by[TALLY_REASONS_MAX - 1].n, 100 - (TALLY_REASONS_MAX - 1));
    assert_string_equal(t.rejected_by[TALLY_REASONS_MAX - 1].code, "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_as_a_table),
        cmocka_unit_test(a_narrow_table_cuts_long_text_only),
        cmocka_unit_test(rows_as_csv_keep_the_wire_values),
        cmocka_unit_test(rows_as_lines),
        cmocka_unit_test(columns_are_picked_by_name),
        cmocka_unit_test(columns_without_rows_are_those_of_the_view),
        cmocka_unit_test(an_object_as_text),
        cmocka_unit_test(numbers_are_grouped),
        cmocka_unit_test(progress_tells_rate_and_time_left),
        cmocka_unit_test(answers_are_tallied),
        cmocka_unit_test(codes_beyond_the_table_are_gathered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
