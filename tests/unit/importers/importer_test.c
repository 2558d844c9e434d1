/* What all formats share: the table, reasons, retiming, lines and numbers, and that nothing in the
 * input is fatal. */
#include "tests/unit/importers/harness.h"

#include <jansson.h>

#include "engine/base/check.h"
#include "tests/draw.h"

static void every_format_describes_itself(void **state)
{
    (void)state;
    size_t n = 0;
    for (; import_format_at(n) != NULL; n++) {
        const struct import_format *f = import_format_at(n);
        assert_ptr_equal(import_format_find(str_of(import_format_name(f))), f);
        assert_true(strlen(import_format_summary(f)) > 10);
        assert_true(strlen(import_format_help(f)) > 80);
    }
    assert_int_equal(n, 6);
    assert_null(import_format_find(STR("xml")));
    assert_null(import_format_find(STR("")));
}

static void reasons_have_distinct_names(void **state)
{
    (void)state;
    for (enum import_reason a = 1; a < IR_N; a++) {
        assert_true(strlen(import_reason_text(a)) > 0);
        for (enum import_reason b = 0; b < a; b++)
            assert_string_not_equal(import_reason_name(a), import_reason_name(b));
    }
}

static void empty_input_is_no_item(void **state)
{
    (void)state;
    struct import_options o = {.has_account = true, .has_app = true};
    static const char *const inputs[] = {"", "\n", "\n\n\r\n", "  \n"};
    static const char *const formats[] = {"ndjson", "cloudevents", "hubspot", "github"};
    for (size_t i = 0; i < N_OF(formats); i++)
        for (size_t k = 0; k < N_OF(inputs); k++) {
            char *text = render(formats[i], &o, NULL, str_of(inputs[k]));
            assert_string_equal(text, "");
            free(text);
        }
}

static const char two_calls[] =
    "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"time\":1000,\"method\":\"GET\",\"status\":"
    "200}\n"
    "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"time\":\"1970-01-01T00:00:05Z\","
    "\"method\":\"GET\",\"status\":200,\"x\":\"kept\"}\n";

static void times_are_moved(void **state)
{
    (void)state;
    struct import_options o = {0};
    struct retime r = {.shift_ms = 100000};
    char *text = render("ndjson", &o, &r, str_of(two_calls));
    assert_string_equal(text, "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"time\":101000,"
                              "\"method\":\"GET\",\"status\":200}\n"
                              "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"time\":105000,"
                              "\"method\":\"GET\",\"status\":200,\"x\":\"kept\"}\n");
    free(text);
}

static void options_fill_what_a_line_lacks(void **state)
{
    (void)state;
    struct import_options o = {
        .has_account = true, .account = 7, .has_app = true, .app = 8, .received_ms = 9};
    char *text =
        render("ndjson", &o, NULL,
               STR("{\"type\":\"x\"}\n{\"account\":1,\"app\":2,\"time\":3}\n{\"app\":null}\n"));
    assert_string_equal(text, "{\"type\":\"x\",\"account\":7,\"app\":8,\"time\":9}\n"
                              "{\"account\":1,\"app\":2,\"time\":3}\n"
                              "{\"app\":null,\"account\":7,\"time\":9}\n");
    free(text);
}

static void items_carry_their_own_time(void **state)
{
    (void)state;
    struct import_options o = {0};
    struct retime r = {.shift_ms = 100000};
    struct importer *im;
    struct import_fault fault;
    struct import_input in = {import_format_find(STR("ndjson")), &o, &r, two_calls,
                              sizeof two_calls - 1};
    assert_int_equal(importer_open(&in, &im, &fault), ST_OK);
    struct import_item item;
    assert_true(importer_next(im, &item));
    assert_true(item.has_time);
    assert_int_equal(item.time_ms, 1000);
    assert_int_equal(item.number, 1);
    assert_true(importer_next(im, &item));
    assert_int_equal(item.time_ms, 5000);
    assert_int_equal(item.line, 2);
    assert_int_equal(item.number, 2);
    assert_false(importer_next(im, &item));
    importer_free(&im);
    importer_free(&im);
}

static void a_time_cannot_be_moved_before_1970(void **state)
{
    (void)state;
    struct import_options o = {.has_account = true, .has_app = true};
    struct retime r = {.shift_ms = -2000000000000};
    char *text = render("combined", &o, &r,
                        STR("h - - [22/Apr/2009:18:52:51 +1200] \"GET / HTTP/1.1\" 200 1\n"));
    assert_string_equal(text, "!bad_time 1\n");
    free(text);
}

/* A line that could spoil the batch it travels in is held back; one that is only wrong travels, for
 * the engine to reject and keep. */
static void only_frames_that_can_travel_do(void **state)
{
    (void)state;
    struct import_options o = {0};
    static const struct {
        const char *line, *want;
    } rows[] = {
        {"{\"type\":\"nonsense\"}", "{\"type\":\"nonsense\"}\n"},
        {"{}", "{}\n"},
        {"{\"type\":\"api.call\",\"type\":\"api.call\"}", "!not_json 1\n"},
        {"{\"x\":[[[[[[[[[[1]]]]]]]]]]}", "!malformed 1\n"},
        {"{\"x\":\"a\\u0000b\"}", "!not_json 1\n"},
        {"{\"x\":\"\xff\"}", "!not_utf8 1\n"},
        {"[1]", "!not_object 1\n"},
        {"7", "!not_object 1\n"},
        {"{\"x\":1} {\"y\":2}", "!not_json 1\n"},
        {"{\"x\":", "!not_json 1\n"},
        {"nonsense", "!not_json 1\n"},
        {"\xef\xbb\xbf{}", "!not_json 1\n"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char *text = render("ndjson", &o, NULL, str_of(rows[i].line));
        if (strcmp(text, rows[i].want) != 0)
            fail_msg("%s: %s, wanted %s", rows[i].line, text, rows[i].want);
        free(text);
    }
}

static void long_lines_are_left_out(void **state)
{
    (void)state;
    struct import_options o = {.has_account = true, .has_app = true};
    size_t n = IMPORT_LINE_BYTES_MAX + 100;
    char *input = malloc(n);
    memset(input, 'x', n);
    memcpy(input + n - 12, "\n{\"x\":\"y\"}  ", 12);
    char *text = render("ndjson", &o, NULL, (struct str){input, n});
    assert_string_equal(text, "!too_long 1\n{\"x\":\"y\",\"account\":0,\"app\":0}\n");
    free(text);
    text = render("combined", &o, NULL, (struct str){input, n});
    assert_string_equal(text, "!too_long 1\n!no_time 2\n");
    free(text);
    free(input);
}

static void one_bad_value_costs_itself(void **state)
{
    (void)state;
    struct import_options o = {.has_account = true, .has_app = true};
    char *text = render("hubspot", &o, NULL,
                        STR("[{\"subscriptionType\":\"x\"},\n"
                            "  {\"subscriptionType\":\"x\",,},\n"
                            "  {\"subscriptionType\":\"x\"}\n"
                            "]\n"
                            "{\"subscriptionType\":\"contact.creation\",\"objectId\":5,"
                            "\"occurredAt\":9,\"portalId\":3}\n"
                            "[7, {\"eventType\":\"x.y\"}]\n"));
    static const char first[] = "!not_json 1\n{\"type\":\"record.created\"";
    static const char last[] = "}\n!not_object 6\n!no_counterpart 6\n";
    assert_memory_equal(text, first, sizeof first - 1);
    assert_string_equal(text + strlen(text) - (sizeof last - 1), last);
    free(text);
}

static void the_same_bytes_give_the_same_events(void **state)
{
    (void)state;
    struct import_options o = {.has_account = true, .account = 1, .has_app = true, .app = 2};
    static const char input[] =
        "[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000,"
        "\"subscriptionType\":\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,"
        "\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":54321}]";
    char *a = render("hubspot", &o, NULL, str_of(input));
    char *b = render("hubspot", &o, NULL, str_of(input));
    assert_string_equal(a, b);
    free(a);
    free(b);
}

/* Any bytes, and any cut or flip of good input, end in items: never a crash, never an endless walk.
 * Every event that comes out is JSON. */
static void no_input_is_fatal(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"type\":\"record.created\",\"account\":1,\"app\":2,\"time\":5,\"object_type\":\"0-1\"}"
        "\n",
        "{\"specversion\":\"1.0\",\"type\":\"api.call\",\"source\":\"/accounts/7/apps/8\","
        "\"id\":\"a\",\"time\":\"2026-01-01T00:00:00Z\",\"data\":{\"method\":\"GET\","
        "\"status\":200}}",
        "[{\"subscriptionType\":\"contact.merge\",\"portalId\":1,\"objectId\":2,\"occurredAt\":3,"
        "\"changeSource\":\"INTEGRATION\",\"sourceId\":\"77\",\"newObjectId\":9}]",
        "[{\"name\":\"issues\",\"examples\":[{\"action\":\"opened\",\"issue\":{\"id\":5,"
        "\"created_at\":\"2020-01-01T00:00:00Z\"},\"installation\":{\"id\":3},\"sender\":{\"id\":4}"
        "}]}]",
        "h - - [22/Apr/2009:18:52:51 +1200] \"GET /a?b HTTP/1.1\" 200 1 \"-\" \"x\" \"-\"\n",
        "time,count,\"status\"\n2015/01/01 01:00:00,2,\"200\"\n",
    };
    struct import_options o = {.has_account = true, .account = 1, .has_app = true, .app = 2};
    uint64_t x = 20261123;
    for (unsigned round = 0; round < 20000; round++) {
        size_t f = round % 6;
        char input[400];
        size_t n = strlen(seeds[f]);
        memcpy(input, seeds[f], n);
        for (uint64_t flips = draw(&x, 4); flips > 0; flips--)
            input[draw(&x, n)] = (char)draw(&x, 256);
        if (draw(&x, 3) == 0)
            n = draw(&x, n + 1);
        char *copy = malloc(n > 0 ? n : 1); /* so that a checker sees a read beyond the end */
        memcpy(copy, input, n);
        struct importer *im;
        struct import_fault fault;
        struct import_input in = {import_format_at(f), &o, NULL, copy, n};
        if (importer_open(&in, &im, &fault) == ST_OK) {
            struct import_item item;
            unsigned items = 0;
            while (importer_next(im, &item)) {
                assert_true(++items <= n);
                if (item.reason != IR_NONE)
                    continue;
                json_t *event = json_loadb(item.json.p, item.json.n, 0, NULL);
                assert_non_null(event);
                json_decref(event);
            }
            importer_free(&im);
        } else {
            assert_true(strlen(fault.text) > 0);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_describes_itself),
        cmocka_unit_test(reasons_have_distinct_names),
        cmocka_unit_test(empty_input_is_no_item),
        cmocka_unit_test(times_are_moved),
        cmocka_unit_test(options_fill_what_a_line_lacks),
        cmocka_unit_test(items_carry_their_own_time),
        cmocka_unit_test(a_time_cannot_be_moved_before_1970),
        cmocka_unit_test(only_frames_that_can_travel_do),
        cmocka_unit_test(long_lines_are_left_out),
        cmocka_unit_test(one_bad_value_costs_itself),
        cmocka_unit_test(the_same_bytes_give_the_same_events),
        cmocka_unit_test(no_input_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
