/* Who may ask over HTTP: hosts and tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/edge/http_auth.h"

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool ours;
    } rows[] = {
        {"127.0.0.1", true},
        {"127.0.0.1:7700", true},
        {"10.1.2.3:80", true},
        {"[::1]:7700", true},
        {"localhost", true},
        {"localhost:7700", true},
        {"app.localhost", true},
        {"box", true},
        {"", true},
        {"day.example.com", true},
        {"DAY.example.com:443", true},
        {"example.com", false},
        {"127.0.0.1.example.com", false},
        {"localhost.example.com:7700", false},
        {"day.example.com.evil.org", false},
        {"evil.org:127", false},
        {"notlocalhost.", false},
    };
    struct http_auth a;
    (void)state;
    http_auth_init(&a, "https://Day.Example.com:8443/path");
    assert_string_equal(a.host, "day.example.com");
    for (size_t i = 0; i < N_OF(rows); i++)
        if (http_auth_host(&a, str_of(rows[i].host)) != rows[i].ours)
            fail_msg("%s", rows[i].host);
    http_auth_init(&a, "");
    assert_false(http_auth_host(&a, STR("day.example.com")));
}

static void test_tokens(void **state)
{
    static const char *const bad[] = {"",
                                      "account-",
                                      "account-x",
                                      "account-1-",
                                      "account-1-app",
                                      "account-1-app-",
                                      "account-1-app-x",
                                      "account-01",
                                      "account-9007199254740992",
                                      "account-1-app-2-",
                                      "pat-na1-1",
                                      "Account-1"};
    struct http_identity who = {0};
    (void)state;
    assert_true(http_auth_token(STR("account-123"), &who));
    assert_true(who.has_account && !who.has_app);
    assert_int_equal(who.account, 123);
    assert_true(http_auth_token(STR("account-9007199254740991-app-45"), &who));
    assert_true(who.has_account && who.has_app);
    assert_int_equal(who.account, WIRE_INT_MAX);
    assert_int_equal(who.app, 45);
    for (size_t i = 0; i < N_OF(bad); i++)
        if (http_auth_token(str_of(bad[i]), &who))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hosts), cmocka_unit_test(test_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
