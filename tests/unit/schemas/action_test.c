/* Requests that ask for something: what is taken, what is refused and how, and what they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "schemas/action.h"

static enum status read_text(const char *json, struct arena *a, struct action *out, char *why)
{
    struct request r;
    request_decode(json, strlen(json), a, &r);
    assert_int_equal(r.status, ST_OK);
    assert_true(action_is(&r));
    why[0] = '\0';
    return action_read(&r, out, why);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *says; /* parameter, value and what is allowed */
    } rows[] = {
        {"{\"action\":\"explode\",\"account\":1}",
         "action is \"explode\"; allowed: reconnect, disconnect, reauthenticate, install or "
         "uninstall"},
        {"{\"action\":null}",
         "action is missing; allowed: reconnect, disconnect, reauthenticate, install or uninstall"},
        {"{\"action\":\"install\",\"app\":1}",
         "account is missing; allowed: an integer 0..9007199254740991"},
        {"{\"action\":\"install\",\"account\":\"x\",\"app\":1}",
         "account is \"x\"; allowed: an integer 0..9007199254740991"},
        {"{\"action\":\"install\",\"account\":1,\"app\":0}",
         "app is 0; allowed: an integer 1..9007199254740991"},
        {"{\"action\":\"install\",\"account\":1,\"app\":[1]}",
         "app is a list; allowed: an integer 1..9007199254740991"},
        {"{\"action\":\"install\",\"account\":1,\"app\":1,\"user\":true,\"idempotency_key\":\"k\"}",
         "user is true; allowed: an integer 0..9007199254740991"},
        {"{\"action\":\"install\",\"account\":1,\"app\":1,\"idempotency_key\":\"k\"}",
         "user is missing; allowed: an integer 0..9007199254740991"},
        {"{\"action\":\"install\",\"account\":1,\"app\":1,\"user\":1}",
         "idempotency_key is missing; allowed: a string of 1..64 bytes"},
        {"{\"action\":\"install\",\"account\":1,\"app\":1,\"user\":1,\"idempotency_key\":\"\"}",
         "idempotency_key is \"\"; allowed: a string of 1..64 bytes"},
        {"{\"action\":\"install\",\"colour\":1}",
         "colour is no parameter of a request; allowed: action, account, app, user, viewer, "
         "reason, idempotency_key"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct arena a = {0};
        struct action out;
        char why[256];
        assert_int_equal(read_text(rows[i].json, &a, &out, why), ST_BAD_PARAMETER);
        assert_string_equal(why, rows[i].says);
        arena_fini(&a);
    }
}

static void test_it_becomes_an_event(void **state)
{
    (void)state;
    struct arena a = {0};
    struct action got;
    struct buf frame = buf_of(4096);
    struct batch b;
    char why[256];
    assert_int_equal(read_text("{\"action\":\"reauthenticate\",\"account\":\"7\",\"app\":45,"
                               "\"viewer\":9,\"reason\":\"please\",\"idempotency_key\":\"k-1\"}",
                               &a, &got, why),
                     ST_OK);
    action_event(&got, 1795427849842, &frame);
    frame_decode(frame.p, frame.n, &frame_limits_default, &a, &b);
    assert_int_equal(b.status, ST_OK);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.verdict[0], ST_OK);
    assert_int_equal(b.unknown_n, 0);
    assert_int_equal(b.ev->kind, EV_ACTION_REAUTHENTICATE);
    assert_int_equal(b.ev->account, 7);
    assert_int_equal(b.ev->app, 45);
    assert_int_equal(b.ev->user, 9);
    assert_int_equal(b.ev->time_ms, 1795427849842);
    assert_int_equal(b.ev->more->by1, 10);
    assert_true(str_eq(b.ev->more->reason, STR("please")));
    assert_true(str_eq(b.ev->more->code, STR("k-1")));
    buf_fini(&frame);
    arena_fini(&a);
}

/* Every parameter but the key is content; the key alone is identity. */
static void test_content_and_identity(void **state)
{
    (void)state;
    const struct action first = {
        .kind = EV_ACTION_INSTALL, .account = 1, .app = 2, .user = 3, .key = STR("k")};
    struct action other[8];
    for (size_t i = 0; i < N_OF(other); i++)
        other[i] = first;
    other[1].kind = EV_ACTION_UNINSTALL;
    other[2].account = 2;
    other[3].app = 1;
    other[4].user = 4;
    other[5].has_by = true;
    other[6].reason = STR("");
    other[7].reason = STR("r");
    for (size_t i = 0; i < N_OF(other); i++) {
        const struct hash128 a = action_content(&first), b = action_content(&other[i]);
        assert_int_equal(a.lo == b.lo && a.hi == b.hi, i == 0);
        assert_true(action_identity(&first).lo == action_identity(&other[i]).lo);
    }
    other[0].key = STR("l");
    assert_true(action_content(&first).lo == action_content(&other[0]).lo);
    assert_false(action_identity(&first).lo == action_identity(&other[0]).lo);
}

static void test_a_view_is_no_action(void **state)
{
    (void)state;
    struct arena a = {0};
    struct request r;
    request_decode("{\"view\":\"home\"}", 15, &a, &r);
    assert_false(action_is(&r));
    request_decode("{\"action\":", 10, &a, &r);
    assert_false(action_is(&r));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_it_becomes_an_event),
        cmocka_unit_test(test_content_and_identity),
        cmocka_unit_test(test_a_view_is_no_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
