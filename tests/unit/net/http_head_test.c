/* Heads: what is a request, what is refused and as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/net/http_head.h"

/* From memory of its own, so that a read beyond the head is seen by the address sanitizer. */
static enum http_problem read_text(struct str text, struct http_head *out)
{
    static char *last;
    const char *why = NULL;
    free(last);
    last = malloc(text.n);
    assert_non_null(last);
    memcpy(last, text.p, text.n);
    enum http_problem p = http_head_read(last, text.n, out, &why);
    if (p != HTTP_FINE)
        assert_non_null(why);
    return p;
}

#define HOST "Host: a\r\n"
#define ROW(p, text)                                                                               \
    {                                                                                              \
        p, STR(text)                                                                               \
    }

static const struct {
    enum http_problem want;
    struct str text;
} rows[] = {
    ROW(HTTP_FINE, "GET / HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_FINE, "GET / HTTP/1.0\r\n\r\n"),
    ROW(HTTP_FINE, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_FINE, "GET http://a:1/x?y HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_FINE, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW(HTTP_FINE, "GET / HTTP/1.1\r\n" HOST "X: a\tb\xe4\r\n\r\n"),
    ROW(HTTP_FINE, "POST / HTTP/1.1\r\n" HOST "Content-Length: 007\r\n\r\n"),
    /* the request line */
    ROW(HTTP_MALFORMED, "GET /\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET / x HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET / http/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "G@T / HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET x HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET /#x HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET /\t HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET /\r HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "\r\n" HOST "\r\n"),
    ROW(HTTP_VERSION, "GET / HTTP/2.0\r\n" HOST "\r\n"),
    ROW(HTTP_VERSION, "GET / HTTP/1.2\r\n" HOST "\r\n"),
    ROW(HTTP_VERSION, "PRI * HTTP/2.0\r\n\r\n"),
    ROW(HTTP_NOT_IMPLEMENTED, "BREW / HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_NOT_IMPLEMENTED, "TRACE / HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_NOT_IMPLEMENTED, "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n"),
    ROW(HTTP_NOT_IMPLEMENTED, "get / HTTP/1.1\r\n" HOST "\r\n"),
    /* lines */
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\n" HOST "\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X a\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "X(: a\r\n\r\n"),
    /* who is asked */
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "host: b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    ROW(HTTP_MALFORMED, "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: a\r\n\r\n"),
    /* where it ends */
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "transfer-encoding:\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW(HTTP_MALFORMED,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"),
    ROW(HTTP_MALFORMED, "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n"),
    ROW(HTTP_EXPECTATION, "POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n"),
};

static void test_verdicts(void **state)
{
    struct http_head head;
    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        enum http_problem got = read_text(rows[i].text, &head);
        if (got != rows[i].want)
            fail_msg("row %zu: %d instead of %d: %s", i, (int)got, (int)rows[i].want,
                     rows[i].text.p);
    }
}

static void test_parts(void **state)
{
    struct http_head h;
    (void)state;
    assert_int_equal(read_text(STR("PUT /a%20b/c?x=1&y HTTP/1.1\r\nHOST: h\r\nX-One:  \ta b \t\r\n"
                                   "Content-Length: 12\r\nexpect: 100-Continue\r\n"
                                   "Connection: Upgrade, Close\r\n\r\n"),
                               &h),
                     HTTP_FINE);
    assert_int_equal(h.method, HTTP_PUT);
    assert_true(str_eq(h.path, STR("/a%20b/c")));
    assert_true(str_eq(h.query, STR("x=1&y")));
    assert_int_equal(h.body_bytes, 12);
    assert_true(h.expects);
    assert_false(h.keep_alive);
    assert_true(str_eq(http_head_field(&h, "x-one"), STR("a b")));
    assert_null(http_head_field(&h, "x-two").p);
    assert_int_equal(read_text(STR("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"), &h), HTTP_FINE);
    assert_true(str_eq(h.path, STR("/")));
    assert_true(h.keep_alive);
    assert_int_equal(read_text(STR("GET / HTTP/1.0\r\n\r\n"), &h), HTTP_FINE);
    assert_false(h.keep_alive);
    assert_int_equal(read_text(STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &h),
                     HTTP_FINE);
    assert_true(h.keep_alive);
}

static void test_number_of_fields(void **state)
{
    char text[4096];
    (void)state;
    for (unsigned n = HTTP_FIELDS_MAX; n <= HTTP_FIELDS_MAX + 1; n++) {
        struct http_head h;
        size_t at = text_fmt(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
        for (unsigned i = 1; i < n; i++)
            at += text_fmt(text + at, sizeof(text) - at, "X%u: y\r\n", i);
        at += text_fmt(text + at, sizeof(text) - at, "\r\n");
        assert_int_equal(read_text((struct str){text, at}, &h),
                         n == HTTP_FIELDS_MAX ? HTTP_FINE : HTTP_HEADERS);
    }
}

/* However the bytes come, the end is found, and found at the same place. */
static void test_end_in_any_parts(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n";
    const size_t end = strlen("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        size_t found = 0, from = 0;
        for (size_t n = step; n < sizeof(text) && found == 0; n += step) {
            found = http_head_end(text, n, from);
            assert_false(http_head_broken(text, n, from));
            from = n;
        }
        if (from >= end)
            assert_int_equal(found, end);
    }
    assert_true(http_head_broken("\x16\x03\x01", 3, 0));
    assert_true(http_head_broken("GET / HTTP/1.1\nX", 16, 0));
    assert_true(http_head_broken("GET / HTTP/1.1\n", 15, 14));
    assert_false(http_head_broken("GET / HTTP/1.1\r\n", 16, 15));
    assert_true(http_head_broken("GE\0", 3, 2));
    assert_false(http_head_broken("", 0, 0));
}

static void expect_text(struct str s, bool plus, const char *want)
{
    char to[64];
    size_t n = 0;
    bool ok = http_unescape(s, plus, to, &n);
    assert_int_equal(ok, want != NULL);
    if (want != NULL)
        assert_true(str_eq((struct str){to, n}, str_of(want)));
}

static void test_unescape(void **state)
{
    (void)state;
    expect_text(STR("a%20b+c"), true, "a b c");
    expect_text(STR("a%20b+c"), false, "a b+c");
    expect_text(STR("%C5%82"), false, "\xc5\x82");
    expect_text(STR(""), false, "");
    expect_text(STR("%2f%2F"), false, "//");
    expect_text(STR("%"), false, NULL);
    expect_text(STR("%2"), false, NULL);
    expect_text(STR("%2g"), false, NULL);
    expect_text(STR("%00"), false, NULL);
    expect_text(STR("%ff"), false, NULL);
}

static void test_query(void **state)
{
    struct str rest = STR("a=1&&b&c==&=d&e=%26"), name, value;
    static const char *const want[] = {"a", "1", "b", "", "c", "=", "", "d", "e", "%26"};
    size_t i = 0;
    (void)state;
    while (http_query_next(&rest, &name, &value)) {
        assert_true(i + 2 <= N_OF(want));
        assert_true(str_eq(name, str_of(want[i++])));
        assert_true(str_eq(value, str_of(want[i++])));
    }
    assert_int_equal(i, N_OF(want));
}

static void test_tokens(void **state)
{
    (void)state;
    assert_true(http_has_token(STR("a, Close ,b"), "close"));
    assert_true(http_has_token(STR("close"), "close"));
    assert_false(http_has_token(STR("closed, a close"), "close"));
    assert_false(http_has_token(STR(""), "close"));
    assert_false(http_has_token((struct str){NULL, 0}, "close"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),         cmocka_unit_test(test_parts),
        cmocka_unit_test(test_number_of_fields), cmocka_unit_test(test_end_in_any_parts),
        cmocka_unit_test(test_unescape),         cmocka_unit_test(test_query),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
