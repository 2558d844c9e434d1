/* Kinds and their names, object types, which way an event moved data, the slots of the compact
 * form. */
#include "schemas/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "schemas/field.h"

static void test_names_and_kinds_are_inverse(void **state)
{
    (void)state;
    unsigned n = 0;
    for (unsigned kind = 0; kind < 256; kind++) {
        const char *name = event_type_name(kind);
        assert_int_equal(name == NULL, event_group(kind) == GROUP_NONE);
        if (name == NULL)
            continue;
        n++;
        assert_int_equal(event_kind_of(str_of(name)), kind);
    }
    assert_int_equal(n, 39);
    assert_int_equal(event_kind_of(STR("")), EV_NONE);
    assert_int_equal(event_kind_of(STR("api.cal")), EV_NONE);
    assert_int_equal(event_kind_of(STR("api.calls")), EV_NONE);
    assert_int_equal(event_kind_of(STR("API.CALL")), EV_NONE);
    assert_string_equal(event_type_name(EV_PERMISSION_REAUTH), "permission.reauth_required");
    assert_int_equal(event_group(EV_ACCOUNT_PLAN_REMOVED), GROUP_REMOVED);
}

static void test_kind_numbers_are_never_reused(void **state)
{
    (void)state;
    /* The first element of the compact form: part of the contract. */
    static const struct {
        unsigned number;
        const char *name;
    } rows[] = {
        {1, "api.call"},
        {10, "record.created"},
        {11, "record.updated"},
        {12, "record.deleted"},
        {13, "record.merged"},
        {14, "record.restored"},
        {15, "record.associated"},
        {20, "app.installed"},
        {21, "app.uninstalled"},
        {22, "app.reinstalled"},
        {23, "app.connected"},
        {24, "app.disconnected"},
        {25, "app.reconnected"},
        {26, "app.expired"},
        {27, "app.error"},
        {28, "app.recovered"},
        {30, "sync.enabled"},
        {31, "sync.disabled"},
        {32, "sync.changed"},
        {40, "permission.granted"},
        {41, "permission.revoked"},
        {42, "permission.reauth_required"},
        {45, "action.reconnect"},
        {46, "action.disconnect"},
        {47, "action.reauthenticate"},
        {48, "action.install"},
        {49, "action.uninstall"},
        {50, "catalog.app"},
        {51, "catalog.app.removed"},
        {52, "catalog.academy"},
        {53, "catalog.academy.removed"},
        {54, "directory.user"},
        {55, "directory.user.removed"},
        {56, "directory.team"},
        {57, "directory.team.removed"},
        {58, "account.plan"},
        {59, "account.plan.removed"},
        {60, "account.settings"},
        {61, "account.settings.removed"},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        assert_string_equal(event_type_name(rows[i].number), rows[i].name);
}

static void test_object_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        object_type_id id; /* without the hash of class 2 */
        const char *canonical;
    } rows[] = {
        {"contacts", 1 << 2, "contacts"},
        {"0-1", 1 << 2, "contacts"},
        {"0-8", 8 << 2, "line_items"},
        {"line_items", 8 << 2, "line_items"},
        {"0-970", 970 << 2, "projects"},
        {"0-4", 4 << 2, "0-4"},
        {"0-0", 0, "0-0"},
        {"0-9007199254740991", (object_type_id)WIRE_INT_MAX << 2, "0-9007199254740991"},
        {"2-123", 123 << 2 | 1, "2-123"},
        {"2-1", 1 << 2 | 1, "2-1"},
        {"2-9007199254740991", (object_type_id)WIRE_INT_MAX << 2 | 1, "2-9007199254740991"},
        {"0-9007199254740992", 2, "0-9007199254740992"},
        {"0-01", 2, "0-01"},
        {"0-", 2, "0-"},
        {"1-7", 2, "1-7"},
        {"Contacts", 2, "Contacts"},
        {"p_my object", 2, "p_my object"},
        {"\xc3\xa9", 2, "\xc3\xa9"},
    };
    char buf[32];
    for (size_t i = 0; i < N_OF(rows); i++) {
        object_type_id id = 0;
        struct str text = str_of(rows[i].text);
        assert_int_equal(object_type_parse(text, &id), ST_OK);
        assert_int_equal(id & 3, rows[i].id & 3);
        if ((id & 3) != 2)
            assert_int_equal(id, rows[i].id);
        else
            assert_int_equal(id >> 2, hash64(text.p, text.n) & ((UINT64_C(1) << 59) - 1));
        struct str back = object_type_text(id, text, buf);
        assert_true(str_eq(back, str_of(rows[i].canonical)));
    }
}

static void test_object_types_that_are_refused(void **state)
{
    (void)state;
    char long_name[65];
    object_type_id id = 77;
    memset(long_name, 'x', sizeof long_name);
    assert_int_equal(object_type_parse((struct str){long_name, 63}, &id), ST_OK);
    assert_int_equal(object_type_parse((struct str){long_name, 64}, &id), ST_OK);
    id = 77;
    assert_int_equal(object_type_parse((struct str){long_name, 65}, &id), ST_INVALID);
    assert_int_equal(object_type_parse(STR(""), &id), ST_INVALID);
    assert_int_equal(object_type_parse(STR("a\nb"), &id), ST_INVALID);
    assert_int_equal(object_type_parse(STR("a\x7f"), &id), ST_INVALID);
    assert_int_equal(object_type_parse(STR("\xff"), &id), ST_INVALID);
    assert_int_equal(id, 77);
}

static void test_text_of_a_name_that_was_lost(void **state)
{
    (void)state;
    char buf[32];
    struct str text = object_type_text(UINT64_C(0xabc) << 2 | 2, (struct str){0}, buf);
    assert_true(str_eq(text, STR("#abc")));
    text = object_type_text(UINT64_MAX & ~UINT64_C(1), (struct str){0}, buf);
    assert_true(str_eq(text, STR("#3fffffffffffffff")));
}

static void test_every_standard_type_has_one_name(void **state)
{
    (void)state;
    static const unsigned ids[] = {1,   2,   3,   5,   7,   8,   14,  18,  19,  27, 46,
                                   47,  48,  49,  53,  54,  69,  74,  84,  85,  86, 101,
                                   115, 116, 123, 136, 142, 162, 410, 420, 421, 970};
    char buf[32];
    for (size_t i = 0; i < N_OF(ids); i++) {
        struct str name = object_type_text((object_type_id)ids[i] << 2, (struct str){0}, buf);
        object_type_id id;
        assert_true(name.p[0] >= 'a' && name.p[0] <= 'z');
        assert_int_equal(object_type_parse(name, &id), ST_OK);
        assert_int_equal(id, ids[i] << 2);
    }
}

static void test_activity(void **state)
{
    (void)state;
    enum { NONE = DIRECTION_NONE, SENT = DIRECTION_SENT, RECEIVED = DIRECTION_RECEIVED };
    static const struct {
        unsigned kind, method, status, given, want;
    } rows[] = {
        {EV_API_CALL, METHOD_GET, 200, NONE, RECEIVED},
        {EV_API_CALL, METHOD_HEAD, 204, NONE, RECEIVED},
        {EV_API_CALL, METHOD_POST, 201, NONE, SENT},
        {EV_API_CALL, METHOD_PUT, 200, NONE, SENT},
        {EV_API_CALL, METHOD_PATCH, 200, NONE, SENT},
        {EV_API_CALL, METHOD_DELETE, 204, NONE, SENT},
        {EV_API_CALL, METHOD_OPTIONS, 200, NONE, SENT},
        {EV_API_CALL, METHOD_GET, 399, NONE, RECEIVED},
        {EV_API_CALL, METHOD_GET, 400, NONE, NONE},
        {EV_API_CALL, METHOD_POST, 429, NONE, NONE},
        {EV_API_CALL, METHOD_POST, 500, SENT, NONE},
        {EV_API_CALL, METHOD_GET, 200, SENT, SENT},
        {EV_API_CALL, METHOD_POST, 200, RECEIVED, RECEIVED},
        {EV_RECORD_CREATED, 0, 0, NONE, SENT},
        {EV_RECORD_ASSOCIATED, 0, 0, NONE, SENT},
        {EV_RECORD_UPDATED, 0, 0, RECEIVED, RECEIVED},
        {EV_APP_INSTALLED, 0, 0, SENT, NONE},
        {EV_SYNC_CHANGED, 0, 0, NONE, NONE},
        {EV_CATALOG_APP, 0, 0, SENT, NONE},
        {EV_NONE, 0, 0, SENT, NONE},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct event e = {.kind = rows[i].kind & 255,
                          .method = rows[i].method & 15,
                          .status = (uint16_t)rows[i].status,
                          .direction = rows[i].given & 3};
        assert_int_equal(event_activity(&e), rows[i].want);
    }
}

static void test_methods(void **state)
{
    (void)state;
    for (unsigned m = METHOD_GET; m < METHOD_N; m++)
        assert_int_equal(http_method_of(str_of(http_method_name(m))), m);
    assert_null(http_method_name(METHOD_NONE));
    assert_null(http_method_name(METHOD_N));
    assert_int_equal(http_method_of(STR("get")), METHOD_NONE);
    assert_int_equal(http_method_of(STR("")), METHOD_NONE);
    assert_int_equal(http_method_of(STR("PURGE")), METHOD_NONE);
    assert_int_equal(METHOD_GET, 1); /* part of the compact form */
    assert_int_equal(METHOD_CONNECT, 9);
}

static void test_slots(void **state)
{
    (void)state;
    static const struct {
        enum event_group group;
        const char *keys; /* in compact order */
    } rows[] = {
        {GROUP_API, "method status count endpoint path latency_ms id user direction "},
        {GROUP_RECORD, "object_type record count id user direction "},
        {GROUP_APP, "user reason code id direction "},
        {GROUP_SYNC, "user setting from to id direction "},
        {GROUP_PERMISSION, "scopes feature id user direction "},
        {GROUP_ACTION, "user by reason code id direction "},
        {GROUP_REMOVED, "key id user direction "},
        {GROUP_CATALOG_APP,
         "name developer kind user_level multi_account shows_status required_scopes "
         "optional_scopes marketplace_url settings_url icon_url id user direction "},
        {GROUP_CATALOG_ACADEMY, "key title link language topic apps id user direction "},
        {GROUP_DIRECTORY_USER, "user name email role super_admin teams deactivated id direction "},
        {GROUP_DIRECTORY_TEAM, "team name id user direction "},
        {GROUP_ACCOUNT_PLAN, "tier daily_limit ten_seconds_limit reset_zone id user direction "},
        {GROUP_ACCOUNT_SETTINGS, "beta user id direction "},
    };
    STATIC_CHECK(N_OF(rows) == GROUP_COMMON - GROUP_API);
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct field_slots slots = field_slots_of(rows[i].group);
        char keys[512] = "";
        size_t at = 0;
        for (uint32_t s = 0; s < slots.n; s++)
            at += text_fmt(keys + at, sizeof keys - at, "%s ", field_rows[slots.field[s]].key.p);
        assert_string_equal(keys, rows[i].keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_kinds_are_inverse),
        cmocka_unit_test(test_kind_numbers_are_never_reused),
        cmocka_unit_test(test_object_types),
        cmocka_unit_test(test_object_types_that_are_refused),
        cmocka_unit_test(test_text_of_a_name_that_was_lost),
        cmocka_unit_test(test_every_standard_type_has_one_name),
        cmocka_unit_test(test_activity),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
