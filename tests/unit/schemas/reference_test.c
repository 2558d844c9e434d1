/* Events with more than numbers: what hangs off `more`, and the key and fields of reference data.
 */
#include "tests/unit/schemas/frame_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "schemas/event_read.h"

static const struct event *decode(struct help_twins *t, const char *text)
{
    const char *why = help_twins_decode(t, str_of(text), &frame_limits_default);
    if (why != NULL)
        fail_msg("%s differs in msgpack: %s", text, why);
    assert_int_equal(t->json.status, ST_OK);
    assert_int_equal(t->json.n, 1);
    if (t->json.verdict[0] != ST_OK)
        fail_msg("%s: %s", text, t->json.rejects[0].message.p);
    return &t->json.ev[0];
}

#define HEAD ",\"account\":1,\"app\":2,\"time\":3,"

static void expect_text(struct str got, const char *want)
{
    assert_true(str_eq(got, str_of(want)));
}

static void test_texts_of_events(void **state)
{
    const struct event *e = decode(
        *state, "{\"type\":\"api.call\"" HEAD "\"method\":\"PUT\",\"status\":201,\"path\":\"/p\","
                "\"endpoint\":\"/e\",\"latency_ms\":12,\"id\":\"i\",\"user\":0,\"direction\":"
                "\"received\",\"count\":9}");
    expect_text(e->more->endpoint, "/e"); /* a route says more than a path */
    expect_text(e->more->id, "i");
    assert_int_equal(e->more->id_hash.lo, hash128("i", 1).lo);
    assert_int_equal(e->more->id_hash.hi, hash128("i", 1).hi);
    assert_int_equal(e->more->latency_ms, 12);
    assert_int_equal(e->has_id, 1);
    assert_int_equal(e->has_user, 1);
    assert_int_equal(e->user, 0);
    assert_int_equal(e->direction, DIRECTION_RECEIVED);
    assert_int_equal(e->count, 9);
    e = decode(*state, "{\"type\":\"api.call\"" HEAD "\"method\":\"PUT\",\"status\":201,\"path\":"
                       "\"/p\"}");
    expect_text(e->more->endpoint, "/p");
    assert_int_equal(e->has_user, 0);
    assert_int_equal(e->has_id, 0);

    e = decode(*state, "{\"type\":\"app.error\"" HEAD "\"user\":5,\"reason\":\"\",\"code\":\"c\"}");
    assert_non_null(e->more->reason.p);
    assert_int_equal(e->more->reason.n, 0);
    expect_text(e->more->code, "c");
    assert_int_equal(e->user, 5);
    e = decode(*state, "{\"type\":\"sync.changed\"" HEAD "\"user\":5,\"setting\":\"s\",\"from\":"
                       "\"a\",\"to\":\"b\"}");
    expect_text(e->more->setting, "s");
    expect_text(e->more->from, "a");
    expect_text(e->more->to, "b");
    e = decode(*state, "{\"type\":\"permission.revoked\"" HEAD "\"scopes\":[\"x\",\"\",\"y\"],"
                       "\"feature\":\"f\"}");
    assert_int_equal(e->more->list_n, 3);
    expect_text(e->more->list[0], "x");
    expect_text(e->more->list[1], "");
    expect_text(e->more->list[2], "y");
    expect_text(e->more->feature, "f");
    e = decode(*state, "{\"type\":\"app.connected\"" HEAD "\"user\":5}");
    assert_null(e->more);
}

static void test_records(void **state)
{
    static const struct {
        const char *value;
        uint64_t number; /* UINT64_MAX: a text */
        const char *text;
    } rows[] = {
        {"0", 0, NULL},
        {"\"0\"", 0, NULL},
        {"106651134132", 106651134132, NULL},
        {"\"106651134132\"", 106651134132, NULL},
        {"\"9007199254740991\"", WIRE_INT_MAX, NULL},
        {"\"9007199254740992\"", UINT64_MAX, "9007199254740992"},
        {"\"007\"", UINT64_MAX, "007"},
        {"\"-1\"", UINT64_MAX, "-1"},
        {"\"1 \"", UINT64_MAX, "1 "},
        {"\"a@b.c\"", UINT64_MAX, "a@b.c"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char text[256];
        text_fmt(text, sizeof text,
                 "{\"type\":\"record.merged\"" HEAD "\"object_type\":\"0-1\",\"id\":\"i\","
                 "\"record\":%s}",
                 rows[i].value);
        const struct event *e = decode(*state, text);
        if (rows[i].text != NULL) {
            expect_text(e->more->record_text, rows[i].text);
            assert_int_equal(e->record_hash, record_hash_text(str_of(rows[i].text)));
        } else {
            assert_null(e->more->record_text.p);
            assert_int_equal(e->more->record_number, rows[i].number);
            assert_int_equal(e->record_hash, record_hash_number(rows[i].number));
        }
        assert_int_not_equal(e->record_hash, 0);
    }
    const struct event *e =
        decode(*state, "{\"type\":\"record.merged\"" HEAD "\"object_type\":\"deal\"}");
    assert_int_equal(e->record_hash, 0);
    assert_int_equal(e->object_type & 3, 2);
    expect_text(e->more->object_name, "deal");
}

/* Stored hashes are part of the format. */
static void test_record_hashes_never_change(void **state)
{
    (void)state;
    static const uint8_t seven[8] = {7};
    assert_int_equal(record_hash_number(7), hash64(seven, 8));
    assert_int_equal(record_hash_text(STR("a@b.c")), hash64("a@b.c", 5));
}

static void test_reference_data(void **state)
{
    static const struct {
        const char *text, *key, *fields;
    } rows[] = {
        {"{\"type\":\"catalog.app\"" HEAD "\"kind\":\"private\",\"name\":\"n\",\"icon_url\":\"u\","
         "\"user_level\":true,\"multi_account\":false,\"required_scopes\":[\"a\",\"b\"],\"id\":"
         "\"i\",\"user\":4,\"other\":1}",
         "2",
         "{\"name\":\"n\",\"kind\":\"private\",\"user_level\":true,\"multi_account\":false,"
         "\"required_scopes\":[\"a\",\"b\"],\"icon_url\":\"u\"}"},
        {"{\"type\":\"catalog.academy\"" HEAD "\"key\":\"k\",\"title\":\"t\",\"link\":\"l\","
         "\"apps\":[300,2]}",
         "k", "{\"key\":\"k\",\"title\":\"t\",\"link\":\"l\",\"apps\":[300,2]}"},
        {"{\"type\":\"directory.user\"" HEAD "\"user\":77,\"name\":\"\xc3\xa9\",\"super_admin\":"
         "true,\"teams\":[],\"email\":null}",
         "77", "{\"user\":77,\"name\":\"\xc3\xa9\",\"super_admin\":true,\"teams\":[]}"},
        {"{\"type\":\"directory.team\"" HEAD "\"name\":\"n\",\"team\":9007199254740991}",
         "9007199254740991", "{\"team\":9007199254740991,\"name\":\"n\"}"},
        {"{\"type\":\"account.plan\",\"account\":1,\"time\":3,\"tier\":\"pro\",\"daily_limit\":"
         "625000,\"reset_zone\":\"Europe/Berlin\"}",
         "", "{\"tier\":\"pro\",\"daily_limit\":625000,\"reset_zone\":\"Europe/Berlin\"}"},
        {"{\"type\":\"account.settings\"" HEAD "\"user\":5,\"beta\":false}", "5",
         "{\"beta\":false,\"user\":5}"},
        {"{\"type\":\"catalog.app.removed\"" HEAD "\"id\":\"i\"}", "2", "{}"},
        {"{\"type\":\"catalog.app.removed\"" HEAD "\"key\":\"55\"}", "55", "{\"key\":\"55\"}"},
        {"{\"type\":\"catalog.app.removed\",\"account\":1,\"time\":3,\"key\":\"0\"}", "0",
         "{\"key\":\"0\"}"},
        {"{\"type\":\"catalog.academy.removed\"" HEAD "\"key\":\"k\"}", "k", "{\"key\":\"k\"}"},
        {"{\"type\":\"directory.user.removed\"" HEAD "\"user\":6}", "6", "{}"},
        {"{\"type\":\"directory.user.removed\"" HEAD "\"user\":6,\"key\":\"7\"}", "7",
         "{\"key\":\"7\"}"},
        {"{\"type\":\"directory.team.removed\"" HEAD "\"key\":\"8\"}", "8", "{\"key\":\"8\"}"},
        {"{\"type\":\"account.plan.removed\"" HEAD "\"id\":\"i\"}", "", "{}"},
        {"{\"type\":\"account.settings.removed\"" HEAD "\"user\":5}", "5", "{}"},
        {"{\"type\":\"account.settings.removed\"" HEAD "\"key\":\"x\"}", "", "{\"key\":\"x\"}"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct buf fields = buf_of(1 << 12);
        const struct event *e = decode(*state, rows[i].text);
        assert_non_null(e->more->reference_key.p);
        expect_text(e->more->reference_key, rows[i].key);
        assert_true(help_json_of(e->more->reference_fields, &fields));
        buf_u8(&fields, 0);
        assert_string_equal((const char *)fields.p, rows[i].fields);
        buf_fini(&fields);
    }
}

static void test_removals_that_say_not_what(void **state)
{
    static const char *const rows[] = {
        "{\"type\":\"catalog.app.removed\",\"account\":1,\"time\":3}",
        "{\"type\":\"catalog.app.removed\"" HEAD "\"key\":\"x\"}",
        "{\"type\":\"catalog.app.removed\"" HEAD "\"key\":\"9007199254740992\"}",
        "{\"type\":\"catalog.academy.removed\"" HEAD "\"user\":1}",
        "{\"type\":\"directory.user.removed\"" HEAD "\"id\":\"i\"}",
        "{\"type\":\"directory.user.removed\"" HEAD "\"key\":\"07\",\"user\":7}",
        "{\"type\":\"directory.team.removed\"" HEAD "\"user\":1}",
    };
    struct help_twins *t = *state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        assert_null(help_twins_decode(t, str_of(rows[i]), &frame_limits_default));
        assert_int_equal(t->json.verdict[0], ST_INVALID);
        assert_non_null(strstr(t->json.rejects[0].message.p, "key is "));
    }
}

/* The largest entry that an event may carry is stored whole. */
static void test_large_reference_data(void **state)
{
    struct buf text = buf_of(1 << 20);
    static const char head[] = "{\"type\":\"catalog.app\"" HEAD
                               "\"name\":\"n\",\"kind\":\"private\",\"required_scopes\":[";
    buf_put(&text, head, sizeof head - 1);
    for (int i = 0; i < 250; i++) {
        buf_put(&text, i == 0 ? "\"" : ",\"", i == 0 ? 1 : 2);
        for (int k = 0; k < 250; k++)
            buf_u8(&text, 'x');
        buf_u8(&text, '"');
    }
    buf_put(&text, "]}", 3);
    const struct event *e = decode(*state, (const char *)text.p);
    assert_in_range(e->more->reference_fields.n, 250 * 250, 64 * 1024);
    buf_fini(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_twins_setup, help_twins_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_texts_of_events),
        TEST(test_records),
        TEST(test_record_hashes_never_change),
        TEST(test_reference_data),
        TEST(test_removals_that_say_not_what),
        TEST(test_large_reference_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
