/* Every field of every kind, at its limits and with values of every wrong type, in both encodings.
 * The rows of event.def drive this test as they drive the decoder; what each field must come out as
 * is stated by hand below. */
#include "tests/unit/schemas/frame_help.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "schemas/event_read.h"

/* A kind that stands for its group. Of the removals, one that gives its key no meaning. */
static enum event_kind kind_of_group(enum event_group group)
{
    unsigned kind = group == GROUP_REMOVED ? EV_ACCOUNT_PLAN_REMOVED : 1;
    while (event_group(kind) != group)
        kind++;
    return (enum event_kind)kind;
}

/* A value that the row accepts. */
static const char *good_value(const struct field_row *row)
{
    switch (row->type) {
    case FT_UINT:
        return row->max == 599 ? "200" : "7";
    case FT_STRING:
    case FT_OBJECT:
    case FT_RECORD:
        return "\"7\"";
    case FT_METHOD:
        return "\"GET\"";
    case FT_WAY:
        return "\"sent\"";
    case FT_STRINGS:
        return "[\"a\",\"b\"]";
    case FT_UINTS:
        return "[1,2]";
    case FT_BOOL:
        return "true";
    case FT_APP_KIND:
        return "\"private\"";
    case FT_N:
        break;
    }
    return NULL;
}

/* An event of the kind with good values of its required fields; field f has `value` instead, or is
 * left out when value is NULL. Removals get a key, so that they have something to remove. */
static void put_event(struct buf *to, enum event_kind kind, enum field f, const char *value)
{
    struct field_slots slots = field_slots_of(event_group(kind));
    buf_fmt(to, "{\"type\":\"%s\",\"account\":1,\"app\":2,\"time\":3", event_type_name(kind));
    for (uint32_t i = 0; i < slots.n; i++) {
        const struct field_row *row = &field_rows[slots.field[i]];
        bool wanted = row->required || row->group == GROUP_REMOVED;
        if (slots.field[i] != f && wanted)
            buf_fmt(to, ",\"%s\":%s", row->key.p, good_value(row));
        if (slots.field[i] == f && value != NULL) {
            buf_fmt(to, ",\"%s\":", row->key.p);
            buf_put(to, value, strlen(value));
        }
    }
    buf_u8(to, '}');
}

static enum status verdict_of(struct help_twins *t, enum event_kind kind, enum field f,
                              const char *value)
{
    struct buf text = buf_of(1 << 20);
    put_event(&text, kind, f, value);
    struct str s = {(const char *)text.p, text.n};
    const char *why = help_twins_decode(t, s, &frame_limits_default);
    if (why != NULL)
        fail_msg("%.*s differs in msgpack: %s", (int)s.n, s.p, why);
    assert_int_equal(t->json.status, ST_OK);
    assert_int_equal(t->json.n, 1);
    buf_fini(&text);
    return (enum status)t->json.verdict[0];
}

static void expect(struct help_twins *t, enum event_kind kind, enum field f, const char *value,
                   enum status want)
{
    enum status got = verdict_of(t, kind, f, value);
    if (got == want) {
        /* A message names the field. */
        if (got != ST_OK)
            assert_non_null(strstr(t->json.rejects[0].message.p, field_rows[f].key.p));
        return;
    }
    fail_msg("%s %s = %.60s: %s, not %s", event_type_name(kind), field_rows[f].key.p,
             value != NULL ? value : "(left out)", status_wire(got), status_wire(want));
}

typedef void field_check(struct help_twins *t, enum event_kind kind, enum field f);

static void each_field(struct help_twins *t, field_check *check)
{
    for (unsigned g = GROUP_API; g < GROUP_COMMON; g++) {
        enum event_kind kind = kind_of_group((enum event_group)g);
        struct field_slots slots = field_slots_of((enum event_group)g);
        for (uint32_t i = 0; i < slots.n; i++)
            check(t, kind, (enum field)slots.field[i]);
    }
}

static void check_presence(struct help_twins *t, enum event_kind kind, enum field f)
{
    const struct field_row *row = &field_rows[f];
    bool needed = row->required;
    expect(t, kind, f, good_value(row), ST_OK);
    expect(t, kind, f, NULL, needed ? ST_INVALID : ST_OK);
    expect(t, kind, f, "null", needed ? ST_INVALID : ST_OK); /* null is absent */
}

static void test_required_fields(void **state)
{
    each_field(*state, check_presence);
}

static void check_types(struct help_twins *t, enum event_kind kind, enum field f)
{
    enum field_type type = field_rows[f].type;
    bool text = type == FT_STRING || type == FT_OBJECT || type == FT_RECORD;
    bool list = type == FT_STRINGS || type == FT_UINTS;
    bool number = type == FT_UINT || type == FT_RECORD;
    /* 200 is within the range of every integer field. */
    expect(t, kind, f, "200", number ? ST_OK : ST_INVALID);
    expect(t, kind, f, "\"200\"", text ? ST_OK : ST_INVALID);
    expect(t, kind, f, "true", type == FT_BOOL ? ST_OK : ST_INVALID);
    expect(t, kind, f, "false", type == FT_BOOL ? ST_OK : ST_INVALID);
    expect(t, kind, f, "200.0", ST_INVALID);
    expect(t, kind, f, "2e2", ST_INVALID);
    expect(t, kind, f, "-1", ST_INVALID);
    expect(t, kind, f, "-9223372036854775808", ST_INVALID);
    expect(t, kind, f, "9007199254740992", ST_INVALID);
    expect(t, kind, f, "9223372036854775807", ST_INVALID);
    expect(t, kind, f, "[]", list ? ST_OK : ST_INVALID);
    expect(t, kind, f, "{}", ST_INVALID);
    expect(t, kind, f, "{\"a\":[1,2]}", ST_INVALID);
    expect(t, kind, f, "[[1]]", ST_INVALID);
    expect(t, kind, f, "[\"a\",{}]", ST_INVALID);
    expect(t, kind, f, "[1.5]", ST_INVALID);
    expect(t, kind, f, "[null]", ST_INVALID);
}

static void test_types(void **state)
{
    each_field(*state, check_types);
}

/* A JSON string of n bytes. */
static const char *string_of(uint64_t n, char buf[static 600])
{
    assert_in_range(n, 0, 590);
    memset(buf, 'x', n + 2);
    buf[0] = '"';
    buf[n + 1] = '"';
    buf[n + 2] = '\0';
    return buf;
}

static void check_number_limits(struct help_twins *t, enum event_kind kind, enum field f)
{
    const struct field_row *row = &field_rows[f];
    if (row->type != FT_UINT)
        return;
    const struct {
        uint64_t value;
        enum status want;
    } rows[] = {
        {row->min, ST_OK}, {row->min + 1, ST_OK},      {row->max - 1, ST_OK},
        {row->max, ST_OK}, {row->max + 1, ST_INVALID}, {row->min - 1, ST_INVALID},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char text[32];
        text_fmt(text, sizeof text, "%" PRId64, (int64_t)rows[i].value);
        expect(t, kind, f, text, rows[i].want);
    }
}

static void check_string_limits(struct help_twins *t, enum event_kind kind, enum field f)
{
    const struct field_row *row = &field_rows[f];
    char text[600];
    if (row->type != FT_STRING && row->type != FT_OBJECT && row->type != FT_RECORD)
        return;
    uint64_t max = row->max;
    expect(t, kind, f, string_of(max - 1, text), ST_OK);
    expect(t, kind, f, string_of(max, text), ST_OK);
    expect(t, kind, f, string_of(max + 1, text), ST_INVALID);
    expect(t, kind, f, "\"\"", row->min == 0 ? ST_OK : ST_INVALID);
    expect(t, kind, f, "\"x\"", ST_OK);
    expect(t, kind, f, "\"\\u00e9\\\\\"", ST_OK);
}

static void check_list_limits(struct help_twins *t, enum event_kind kind, enum field f)
{
    const struct field_row *row = &field_rows[f];
    if (row->type != FT_STRINGS && row->type != FT_UINTS)
        return;
    for (uint64_t n = row->max - 1; n <= row->max + 1; n++) {
        struct buf list = buf_of(1 << 20);
        buf_u8(&list, '[');
        for (uint64_t i = 0; i < n; i++)
            buf_fmt(&list, "%s%s", i == 0 ? "" : ",", row->type == FT_STRINGS ? "\"s\"" : "5");
        buf_fmt(&list, "]");
        buf_u8(&list, 0);
        expect(t, kind, f, (const char *)list.p, n <= row->max ? ST_OK : ST_INVALID);
        buf_fini(&list);
    }
    for (uint64_t n = 255; n <= 257 && row->type == FT_STRINGS; n++) {
        char text[600];
        char item[600];
        text_fmt(text, sizeof text, "[\"a\",%s]", string_of(n, item));
        expect(t, kind, f, text, n <= 256 ? ST_OK : ST_INVALID);
    }
    expect(t, kind, f, "[9007199254740991]", row->type == FT_UINTS ? ST_OK : ST_INVALID);
    expect(t, kind, f, "[9007199254740992]", ST_INVALID);
    expect(t, kind, f, "[\"\"]", row->type == FT_STRINGS ? ST_OK : ST_INVALID);
}

static void test_limits(void **state)
{
    each_field(*state, check_number_limits);
    each_field(*state, check_string_limits);
    each_field(*state, check_list_limits);
}

static void test_words(void **state)
{
    static const char *const methods[] = {"\"GET\"",   "\"HEAD\"",    "\"POST\"",
                                          "\"PUT\"",   "\"PATCH\"",   "\"DELETE\"",
                                          "\"TRACE\"", "\"OPTIONS\"", "\"CONNECT\""};
    for (size_t i = 0; i < N_OF(methods); i++)
        expect(*state, EV_API_CALL, F_API_METHOD, methods[i], ST_OK);
    static const char *const no_methods[] = {"\"get\"", "\"Get\"", "\"\"", "\"GET \"", "1", "0"};
    for (size_t i = 0; i < N_OF(no_methods); i++)
        expect(*state, EV_API_CALL, F_API_METHOD, no_methods[i], ST_INVALID);
    expect(*state, EV_API_CALL, F_COMMON_DIRECTION, "\"received\"", ST_OK);
    expect(*state, EV_API_CALL, F_COMMON_DIRECTION, "\"Sent\"", ST_INVALID);
    expect(*state, EV_API_CALL, F_COMMON_DIRECTION, "1", ST_INVALID);
    expect(*state, EV_CATALOG_APP, F_CATALOG_APP_APP_KIND, "\"marketplace\"", ST_OK);
    expect(*state, EV_CATALOG_APP, F_CATALOG_APP_APP_KIND, "\"built-in\"", ST_OK);
    expect(*state, EV_CATALOG_APP, F_CATALOG_APP_APP_KIND, "\"Private\"", ST_INVALID);
    expect(*state, EV_RECORD_CREATED, F_RECORD_OBJECT_TYPE, "\"a\\u0001\"", ST_INVALID);
    expect(*state, EV_RECORD_CREATED, F_RECORD_OBJECT_TYPE, "1", ST_INVALID);
}

/* ---- the four leading fields ---- */

/* The frame "<before><value><after>", which holds one event. */
static const struct batch *one(struct help_twins *t, const char *before, const char *value,
                               const char *after)
{
    char text[512];
    text_fmt(text, sizeof text, "%s%s%s", before, value, after);
    const char *why = help_twins_decode(t, str_of(text), &frame_limits_default);
    if (why != NULL)
        fail_msg("%s differs in msgpack: %s", text, why);
    assert_int_equal(t->json.status, ST_OK);
    return &t->json;
}

static void test_account_app_and_time(void **state)
{
    static const struct {
        const char *value;
        bool good; /* as account or app */
    } rows[] = {{"0", true},      {"1", true},     {"9007199254740991", true},
                {"-1", false},    {"1.0", false},  {"9007199254740992", false},
                {"\"7\"", false}, {"null", false}, {"[]", false},
                {"{}", false},    {"true", false}};
#define RECORD "[{\"type\":\"record.created\",\"object_type\":\"0-1\",\"time\":1"
    static const char *const forms[] = {RECORD ",\"app\":5,\"account\":",
                                        RECORD ",\"account\":6,\"app\":"};
#undef RECORD
    for (size_t f = 0; f < N_OF(forms); f++) {
        for (size_t i = 0; i < N_OF(rows); i++) {
            const struct batch *b = one(*state, forms[f], rows[i].value, "}]");
            assert_int_equal(b->verdict[0], rows[i].good ? ST_OK : ST_INVALID);
            /* What can be read of the two is reported also when the other is bad. */
            if (f == 0)
                assert_int_equal(b->ev[0].app, 5);
            else
                assert_int_equal(b->ev[0].account, 6);
        }
    }
}

static void test_time(void **state)
{
    static const struct {
        const char *value;
        int64_t want; /* -1: invalid */
    } rows[] = {
        {"0", 0},
        {"1763891842401", INT64_C(1763891842401)},
        {"9007199254740991", INT64_C(9007199254740991)},
        {"9007199254740992", -1},
        {"-1", -1},
        {"1.5", -1},
        {"null", -1},
        {"true", -1},
        {"[]", -1},
        {"\"2025-11-23T09:57:22.401Z\"", INT64_C(1763891842401)},
        {"\"2025-11-23T11:57:22.401+02:00\"", INT64_C(1763891842401)},
        {"\"2025-11-23T04:57:22.4019-05:00\"", INT64_C(1763891842401)},
        {"\"1970-01-01T00:00:00Z\"", 0},
        {"\"1969-12-31T23:59:59.999Z\"", -1},
        {"\"1970-01-01T00:59:59+01:00\"", -1},
        {"\"2025-11-23\"", -1},
        {"\"2025-11-23T09:57:22.401\"", -1},
        {"\"2025-02-29T00:00:00Z\"", -1},
        {"\"1763891842401\"", -1},
        {"\"\"", -1},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct batch *b =
            one(*state,
                "[{\"type\":\"record.created\",\"object_type\":\"0-1\",\"account\":1,\"app\":2,"
                "\"time\":",
                rows[i].value, "}]");
        assert_int_equal(b->verdict[0], rows[i].want >= 0 ? ST_OK : ST_INVALID);
        if (rows[i].want >= 0)
            assert_int_equal(b->ev[0].time_ms, rows[i].want);
        else
            assert_non_null(strstr(b->rejects[0].message.p, "time is "));
    }
}

static void test_app_may_be_left_out_of_data_about_the_account(void **state)
{
    for (unsigned kind = 1; kind < EV_KIND_MAX; kind++) {
        if (event_type_name(kind) == NULL)
            continue;
        struct buf text = buf_of(1 << 16);
        put_event(&text, (enum event_kind)kind, F_N, NULL);
        buf_u8(&text, 0);
        char *app = strstr((char *)text.p, ",\"app\":2");
        assert_non_null(app);
        memmove(app, app + 8, strlen(app + 8) + 1);
        const struct batch *b = one(*state, "", (const char *)text.p, "");
        bool about_account = kind >= EV_CATALOG_ACADEMY || kind == EV_CATALOG_APP_REMOVED;
        assert_int_equal(b->verdict[0], about_account ? ST_OK : ST_INVALID);
        buf_fini(&text);
    }
}

static void test_messages_teach(void **state)
{
    static const struct {
        const char *fields, *message;
    } rows[] = {
        {"\"method\":\"GET\",\"status\":99", "status is 99; allowed: an integer 100..599"},
        {"\"method\":\"GET\"", "status is missing; allowed: an integer 100..599"},
        {"\"method\":\"get\",\"status\":200",
         "method is \"get\"; allowed: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE or "
         "CONNECT"},
        {"\"method\":\"GET\",\"status\":200,\"count\":0",
         "count is 0; allowed: an integer 1..1000000000"},
        {"\"method\":\"GET\",\"status\":200,\"count\":1.5",
         "count is a float; allowed: an integer 1..1000000000"},
        {"\"method\":\"GET\",\"status\":200,\"id\":\"\"",
         "id is \"\"; allowed: a string of 1..64 bytes"},
        {"\"method\":\"GET\",\"status\":200,\"user\":[]",
         "user is a list; allowed: an integer 0..9007199254740991"},
        {"\"method\":\"0123456789012345678901234567890123456789012345\xc3\xa9\xc3\xa9\xc3\xa9\"",
         "method is \"0123456789012345678901234567890123456789012345\xc3\xa9...\"; allowed: GET, "
         "HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE or CONNECT"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct batch *b =
            one(*state, "[{\"type\":\"api.call\",\"account\":1,\"app\":2,\"time\":3,",
                rows[i].fields, "}]");
        assert_int_equal(b->verdict[0], ST_INVALID);
        assert_string_equal(b->rejects[0].message.p, rows[i].message);
        struct help_twins *t = *state;
        assert_string_equal(t->msgpack.rejects[0].message.p, rows[i].message);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_twins_setup, help_twins_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_required_fields),
        TEST(test_types),
        TEST(test_limits),
        TEST(test_words),
        TEST(test_account_app_and_time),
        TEST(test_time),
        TEST(test_app_may_be_left_out_of_data_about_the_account),
        TEST(test_messages_teach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
