/* The envelope of an answer: its keys, the range and its bound, cursors and what they are bound to,
 * limits of rows and bytes, refusals, both encodings. */
#include "tests/unit/query/help.h"

static struct engine t;

static void fold(uint64_t account, uint64_t app, int32_t day, unsigned count)
{
    const struct event e = {.account = account,
                            .app = app,
                            .time_ms = day * MS_PER_DAY + 1000,
                            .kind = EV_RECORD_CREATED,
                            .object_type = 1 << 2,
                            .count = count};
    engine_fold(&t, &e, NULL);
}

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

static void test_nothing_yet(void **state)
{
    (void)state;
    json_t *a = ask_ok(&t, "{'view':'records','account':7}");
    assert_int_equal(int_of(a, "position"), 0);
    assert_int_equal(json_array_size(rows_of(a)), 0);
    json_decref(a);
}

static void test_envelope(void **state)
{
    (void)state;
    fold(7, 45, TODAY, 3);
    fold(7, 45, TODAY - 1, 2);
    json_t *a = ask(
        &t, "{'view':'records','account':7,'request':'r-1','from':'2026-11-22','to':'2026-11-23'}");
    json_t *want = json_pack(
        "{s:b,s:s,s:s,s:I,s:i,s:s,s:s,s:n,s:s,s:{s:[{s:s,s:i,s:s,s:s,s:i},{s:s,s:i,s:s,s:s,s:i}]}}",
        "ok", 1, "view", "records", "request", "r-1", "as_of", NOW_MS, "position", 1, "from",
        "2026-11-22", "to", "2026-11-23", "bound", "open_day", "2026-11-23", "data", "rows", "day",
        "2026-11-22", "app", 45, "object_type", "contacts", "action", "created", "count", 2, "day",
        "2026-11-23", "app", 45, "object_type", "contacts", "action", "created", "count", 3);
    if (!json_equal(a, want))
        fail_msg("%s", json_dumps(a, 0));
    /* The columns come in the order of the table. */
    char *row = json_dumps(json_array_get(rows_of(a), 0), 0);
    assert_int_equal(strncmp(row, "{\"day\": ", 8), 0);
    free(row);
    json_decref(want);
    json_decref(a);
    a = ask_ok(&t, "{'view':'records','account':7,'request':9007199254740991}");
    assert_int_equal(int_of(a, "request"), 9007199254740991);
    json_decref(a);
    a = ask(&t, "{'view':'records','request':5}");
    want = json_pack("{s:b,s:i,s:s,s:s,s:b}", "ok", 0, "request", 5, "code", "bad_parameter",
                     "message", "account is missing; it is an integer 0..9007199254740991", "retry",
                     0);
    assert_true(json_equal(a, want));
    json_decref(want);
    json_decref(a);
}

/* from, to and bound for what was asked; NULL: null. */
static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        int32_t floor; /* days before today */
        const char *asked, *from, *to, *bound;
    } rows[] = {
        {1000, "", "2026-10-25", "2026-11-23", "retention"},
        {29, "", "2026-10-25", "2026-11-23", "retention"},
        {28, "", "2026-10-26", "2026-11-23", "floor"},
        {0, "", "2026-11-23", "2026-11-23", "floor"},
        {-1, "", "2026-11-24", "2026-11-23", "floor"}, /* no day is visible yet */
        {1000, ",'from':'2026-10-25'", "2026-10-25", "2026-11-23", NULL},
        {1000, ",'from':'2026-10-24'", "2026-10-25", "2026-11-23", "retention"},
        {3, ",'from':'2026-11-01'", "2026-11-20", "2026-11-23", "floor"},
        {1000, ",'to':'2026-11-20'", "2026-10-25", "2026-11-20", "retention"},
        {1000, ",'from':'2026-11-20','to':'2026-12-24'", "2026-11-20", "2026-11-23", NULL},
        {1000, ",'from':'2026-11-24','to':'2026-11-30'", "2026-11-24", "2026-11-23", NULL},
        {1000, ",'from':'2020-01-01','to':'2020-01-31'", "2026-10-25", "2020-01-31", "retention"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        t.context.floor_day = TODAY - rows[i].floor;
        json_t *a = ask_ok(&t, "{'view':'records','account':7%s}", rows[i].asked);
        json_t *bound = json_object_get(a, "bound");
        if (strcmp(text_of(a, "from"), rows[i].from) != 0 ||
            strcmp(text_of(a, "to"), rows[i].to) != 0 || json_is_null(bound) != !rows[i].bound ||
            (rows[i].bound && strcmp(json_string_value(bound), rows[i].bound) != 0))
            fail_msg("row %zu: %s", i, json_dumps(a, 0));
        json_decref(a);
    }
    t.context.floor_day = TODAY - 1000;
    ask_refused(&t, "bad_parameter", "from is after to",
                "{'view':'records','account':7,'from':'2026-11-02','to':'2026-11-01'}");
    json_t *a =
        ask_ok(&t, "{'view':'activity','account':7,'from':'2026-11-22T12:00:00+02:00','to':%lld}",
               (long long)NOW_MS + 999999999);
    assert_int_equal(int_of(a, "from"), (TODAY - 1) * MS_PER_DAY + 36000000);
    assert_int_equal(int_of(a, "to"), NOW_MS + 300001);
    assert_true(json_is_null(json_object_get(a, "bound")));
    json_decref(a);
    a = ask_ok(&t, "{'view':'activity','account':7}");
    assert_int_equal(int_of(a, "from"), (TODAY - 29) * MS_PER_DAY);
    assert_string_equal(text_of(a, "bound"), "retention");
    json_decref(a);
    a = ask_ok(&t, "{'view':'apps','account':7}");
    assert_true(json_is_null(json_object_get(a, "from")));
    assert_true(json_is_null(json_object_get(a, "bound")));
    json_decref(a);
}

/* What is over is hidden from the first millisecond of the day on, whatever is still stored. */
static void test_midnight(void **state)
{
    (void)state;
    fold(8, 1, TODAY - 29, 5);
    const int64_t midnight = (TODAY + 1) * MS_PER_DAY;
    for (int before = 1; before >= 0; before--) {
        t.context.now_ms = midnight - before;
        json_t *a = ask_ok(&t, "{'view':'records','account':8}");
        assert_int_equal(json_array_size(rows_of(a)), before);
        assert_int_equal(int_of(a, "as_of"), midnight - before);
        json_decref(a);
    }
    t.context.now_ms = NOW_MS;
}

static void test_degraded(void **state)
{
    (void)state;
    json_t *a = ask_ok(&t, "{'view':'records','account':7}");
    assert_null(json_object_get(a, "degraded"));
    json_decref(a);
    t.context.degraded = true;
    a = ask_ok(&t, "{'view':'records','account':7}");
    assert_true(json_is_true(json_object_get(a, "degraded")));
    json_decref(a);
    t.context.degraded = false;
}

static void test_position_counts_pending(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t before = t.position;
        fold(9, 1, TODAY, 1);
        json_t *a = ask_ok(&t, "{'view':'records','account':9}");
        assert_int_equal(int_of(a, "position"), before);
        assert_int_equal(int_of(json_array_get(rows_of(a), 0), "count"), i + 1);
        json_decref(a);
        engine_merge(&t);
    }
}

static char *cursor_of(const char *question)
{
    json_t *a = ask_ok(&t, "%s", question);
    char *cursor = strdup(text_of(a, "cursor"));
    json_decref(a);
    return cursor;
}

static void test_cursor_is_bound(void **state)
{
    (void)state;
    for (uint64_t app = 1; app < 10; app++)
        fold(10, app, TODAY, 1);
    char *cursor = cursor_of("{'view':'records','account':10,'limit':4,'app':[1,2,3,4,5,6]}");
    static const struct {
        const char *question;
        const char *code; /* NULL: answered */
    } rows[] = {
        {"{'view':'records','account':10,'limit':4,'app':[1,2,3,4,5,6],'cursor':'%s'}", NULL},
        {"{'view':'records','account':'10','limit':9,'app':[6,5,4,3,2,1],'cursor':'%s'}", NULL},
        {"{'view':'records','account':11,'limit':4,'app':[1,2,3,4,5,6],'cursor':'%s'}",
         "bad_cursor"},
        {"{'view':'records','account':10,'limit':4,'app':[1,2,3,4,5],'cursor':'%s'}", "bad_cursor"},
        {"{'view':'records','account':10,'limit':4,'cursor':'%s'}", "bad_cursor"},
        {"{'view':'records','account':10,'app':[1,2,3,4,5,6],'from':'2026-11-23','cursor':'%s'}",
         "bad_cursor"},
        {"{'view':'api_usage','account':10,'app':[1,2,3,4,5,6],'cursor':'%s'}", "bad_cursor"},
        {"{'view':'records','account':10,'limit':4,'app':[1,2,3,4,5,6],'cursor':'%sA'}",
         "bad_cursor"},
        {"{'view':'records','account':10,'limit':4,'app':[1,2,3,4,5,6],'cursor':'x%s'}",
         "bad_cursor"},
        {"{'view':'records','account':10,'app':[1,2,3,4,5,6],'cursor':['%s']}", "bad_parameter"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char question[1024], expected[16];
        text_fmt(expected, sizeof expected, "%s", rows[i].code ? rows[i].code : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        text_fmt(question, sizeof question, rows[i].question, cursor);
#pragma GCC diagnostic pop
        json_t *a = ask(&t, "%s", question);
        const char *code = json_string_value(json_object_get(a, "code"));
        if (strcmp(code ? code : "", expected) != 0)
            fail_msg("%s: %s", question, json_dumps(a, 0));
        if (!code)
            assert_int_equal(int_of(json_array_get(rows_of(a), 0), "app"), 5);
        json_decref(a);
    }
    free(cursor);
}

/* An exact page ends without a cursor; one row more brings one. */
static void test_exact_pages(void **state)
{
    (void)state;
    for (unsigned limit = 1; limit < 12; limit++) {
        char question[128];
        unsigned pages;
        text_fmt(question, sizeof question, "{'view':'records','account':10,'limit':%u", limit);
        json_t *rows = ask_all(&t, question, &pages);
        assert_int_equal(json_array_size(rows), 9);
        assert_int_equal(pages, (9 + limit - 1) / limit);
        json_decref(rows);
    }
}

static void test_limits_of_an_answer(void **state)
{
    (void)state;
    for (uint64_t app = 1; app <= 3000; app++)
        fold(11, app, TODAY - (int32_t)(app % 3), 1);
    unsigned pages;
    json_t *rows = ask_all(&t, "{'view':'records','account':11", &pages);
    assert_int_equal(json_array_size(rows), 3000);
    assert_int_equal(pages, 3); /* of 1,000 rows */
    json_decref(rows);
    t.context.page_rows_max = 700;
    rows = ask_all(&t, "{'view':'records','account':11,'limit':100000", &pages);
    assert_int_equal(json_array_size(rows), 3000);
    assert_int_equal(pages, 5);
    json_decref(rows);
    t.context.page_rows_max = 0;
    t.context.answer_bytes_max = 65536;
    rows = ask_all(&t, "{'view':'records','account':11", &pages);
    assert_int_equal(json_array_size(rows), 3000);
    assert_true(pages > 3);
    json_decref(rows);
    json_t *a = ask_ok(&t, "{'view':'records','account':11}");
    assert_true(t.answer.n <= 65536);
    assert_non_null(json_object_get(a, "cursor"));
    json_decref(a);
    t.context.answer_bytes_max = 0;
}

static void test_unreadable(void **state)
{
    (void)state;
    static const struct {
        const char *frame;
        size_t n;
        const char *code;
    } rows[] = {
        {"", 0, "malformed"},
        {"{", 1, "malformed"},
        {"[1]", 3, "malformed"},
        {"{\"view\":\"status\",\"view\":\"status\"}", 33, "malformed"},
        {"{\"view\":1.5}", 12, "bad_parameter"},
        {"{\"request\":[1],\"view\":\"status\"}", 31, "bad_parameter"},
        {"\xc1", 1, "malformed"},
        {"\x81\xa4view", 6, "malformed"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct request r;
        arena_reset(&t.arena);
        request_decode(rows[i].frame, rows[i].n, &t.arena, &r);
        query_answer(&t.context, &r, &t.answer);
        assert_false(t.answer.bad);
        /* The code stands as text in both encodings. */
        assert_non_null(memmem(t.answer.p, t.answer.n, rows[i].code, strlen(rows[i].code)));
    }
}

/* ---- status ---- */

static void fake_status(void *arg, struct query_status *out)
{
    (void)arg;
    out->version = "1.2.3";
    out->started_ms = NOW_MS - 5000;
    out->uptime_ms = 5000;
    out->received = 10;
    out->accepted = 7;
    out->duplicate = 1;
    out->rejected[out->rejected_n++] = (struct query_count){"too_old", 2};
    out->unknown_fields[out->unknown_fields_n++] = (struct query_count){"colour", 3};
    out->days[out->days_n++] = (struct query_day){TODAY, 10, 7, 1, 2, 0};
    out->stores[out->stores_n++] = (struct query_store){"days", 1, 2, 3, 4, 5};
    out->tables[out->tables_n++] = (struct query_table_size){"days", "sheet", 1, 2, 3, 4};
    out->last_checkpoint_ms = NOW_MS - 250;
}

static void test_status(void **state)
{
    (void)state;
    t.source.status = fake_status;
    json_t *a = ask_ok(&t, "{'view':'status','viewer':1}");
    json_t *data = json_object_get(a, "data");
    assert_string_equal(text_of(data, "version"), "1.2.3");
    assert_int_equal(int_of(data, "uptime_ms"), 5000);
    assert_int_equal(int_of(data, "checkpoint_age_ms"), 250);
    assert_int_equal(int_of(json_object_get(data, "rejected"), "too_old"), 2);
    assert_int_equal(int_of(json_object_get(data, "unknown_fields"), "colour"), 3);
    assert_string_equal(text_of(json_array_get(json_object_get(data, "days"), 0), "day"),
                        "2026-11-23");
    assert_string_equal(text_of(json_array_get(json_object_get(data, "tables"), 0), "table"),
                        "sheet");
    assert_string_equal(text_of(data, "first_visible_day"), "2026-10-25");
    json_decref(a);
    engine_merge(&t);
    a = ask_ok(&t, "{'view':'status'}");
    assert_string_equal(text_of(json_object_get(a, "data"), "oldest_day"), "2026-10-25");
    assert_string_equal(text_of(json_object_get(a, "data"), "newest_day"), "2026-11-23");
    json_decref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_yet),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_midnight),
        cmocka_unit_test(test_degraded),
        cmocka_unit_test(test_position_counts_pending),
        cmocka_unit_test(test_cursor_is_bound),
        cmocka_unit_test(test_exact_pages),
        cmocka_unit_test(test_limits_of_an_answer),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
