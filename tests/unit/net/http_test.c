/* The server against raw sockets: order, forms of requests and replies, streams, ends. */
#include "tests/unit/net/http_help.h"

/* ---- requests ---- */

static void test_one_after_the_other_on_one_connection(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    for (unsigned i = 1; i <= 3; i++) {
        fresh(p);
        say(p, "GET /hello HTTP/1.1\r\n" H);
        TURN_UNTIL(f, heard(p, "\r\n\r\nhello"));
        assert_non_null(strstr(p->got, "HTTP/1.1 200 OK\r\n"));
        assert_non_null(strstr(p->got, "Content-Length: 5\r\n"));
        assert_non_null(strstr(p->got, "nosniff"));
        assert_int_equal(f->calls, i);
    }
    assert_int_equal(counters(f).accepted, 1);
    assert_true(http_idle(f->http));
}

static void test_byte_by_byte(void **state)
{
    static const char text[] =
        "\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nwxyz";
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    for (size_t i = 0; text[i] != '\0'; i++) {
        assert_int_equal(send(p->fd, text + i, 1, MSG_NOSIGNAL), 1);
        loop_turn(f->loop, 1);
    }
    TURN_UNTIL(f, heard(p, "\r\n\r\nwxyz"));
}

/* In order, each with its own body, though all came in one piece. */
static void test_pipeline(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
           "GET /hello HTTP/1.1\r\n" H "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
           "two"
           "\r\nGET /none HTTP/1.1\r\n" H "GET /hello HTTP/1.1\r\nConnection: close\r\n" H);
    TURN_UNTIL(f, hung_up(p));
    const char *one = strstr(p->got, "\r\n\r\none"), *hello = strstr(p->got, "\r\n\r\nhello");
    const char *two = strstr(p->got, "\r\n\r\ntwo"), *none = strstr(p->got, "404 Not Found");
    assert_true(one != NULL && hello > one && two > hello && none > two);
    assert_non_null(strstr(none, "\r\n\r\nhello"));
}

/* What follows a request that is still being answered waits for it. */
static void test_pipeline_waits_for_the_answer(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "GET /later HTTP/1.1\r\n" H "GET /hello HTTP/1.1\r\n" H);
    TURN_UNTIL(f, f->held_n == 1);
    for (unsigned i = 0; i < 20; i++)
        loop_turn(f->loop, 1);
    assert_int_equal(f->calls, 0);
    assert_false(http_idle(f->http));
    struct http_reply r = {.status = 200, .type = "text/plain", .body = "late", .body_n = 4};
    http_reply(&f->held[0], &r);
    TURN_UNTIL(f, heard(p, "\r\n\r\nhello"));
    assert_non_null(strstr(p->got, "\r\n\r\nlate"));
}

static void test_head_has_no_body(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "HEAD /hello HTTP/1.1\r\n" H "GET /later HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(p, "\r\n\r\n") && f->held_n == 1);
    assert_non_null(strstr(p->got, "Content-Length: 5\r\n"));
    assert_null(strstr(p->got, "hello"));
}

static void test_continue(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    TURN_UNTIL(f, heard(p, "HTTP/1.1 100 Continue\r\n\r\n"));
    say(p, "body");
    TURN_UNTIL(f, heard(p, "\r\n\r\nbody"));
    assert_null(strstr(strstr(p->got, "200 OK"), "100 Continue"));
}

static void test_http_1_0(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    TURN_UNTIL(f, heard(p, "\r\n\r\nhello"));
    fresh(p);
    say(p, "GET /hello HTTP/1.0\r\n\r\n");
    TURN_UNTIL(f, hung_up(p));
    assert_non_null(strstr(p->got, "\r\n\r\nhello"));
}

/* A peer that shuts down its side once it has asked still gets its answer. */
static void test_half_closed(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "GET /hello HTTP/1.1\r\n" H);
    assert_int_equal(shutdown(p->fd, SHUT_WR), 0);
    TURN_UNTIL(f, hung_up(p));
    assert_non_null(strstr(p->got, "\r\n\r\nhello"));
}

static void test_routes(void **state)
{
    static const struct {
        const char *line, *want, *seen;
    } rows[] = {
        {"GET /a/x%20y", "204", "<x y>/a/{x}"},
        {"GET /a/1/b/2", "204", "<1><2>/a/{x}/b/{y}"},
        {"POST /a/fixed", "204", "/a/fixed"},
        {"GET /a/fixed", "405", NULL}, /* the narrowest pattern speaks for the path */
        {"GET /a/", "404", NULL},
        {"GET /a", "404", NULL},
        {"GET /a/1/", "404", NULL},
        {"GET /a/%ff", "400", NULL},
        {"GET /page/x/y", "204", "/page/*"},
        {"GET /page/", "204", "/page/*"},
        {"POST /page/x", "405", NULL},
        {"DELETE /slash/", "204", "/slash/"},
        {"DELETE /slash", "404", NULL},
        {"GET /", "404", NULL},
        {"GET //", "404", NULL},
    };
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    for (size_t i = 0; i < N_OF(rows); i++) {
        char text[128], want[32];
        f->seen[0] = '\0';
        fresh(p);
        text_fmt(text, sizeof(text), "%s HTTP/1.1\r\n" H, rows[i].line);
        text_fmt(want, sizeof(want), "HTTP/1.1 %s ", rows[i].want);
        say(p, text);
        TURN_UNTIL(f, heard(p, "\r\n\r\n") && http_idle(f->http));
        if (strstr(p->got, want) != p->got)
            fail_msg("%s: %s", rows[i].line, p->got);
        assert_string_equal(f->seen, rows[i].seen == NULL ? "" : rows[i].seen);
    }
    fresh(p);
    say(p, "PUT /echo HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(p, "405"));
    assert_non_null(strstr(p->got, "Allow: POST, OPTIONS\r\n"));
    fresh(p);
    say(p, "OPTIONS /hello HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(p, "204 No Content"));
    assert_non_null(strstr(p->got, "Allow: GET, HEAD, OPTIONS\r\n"));
}

/* ---- streams ---- */

static void test_stream(void **state)
{
    struct fixture *f = *state;
    f->o.streams_max = 1;
    serve(f);
    struct peer *p = dial(f), *q = dial(f);
    say(p, "GET /stream HTTP/1.1\r\n" H);
    TURN_UNTIL(f, f->stream != NULL);
    http_stream_put(f->stream, "data: 1\n\n", 9);
    TURN_UNTIL(f, heard(p, "data: 1\n\n"));
    assert_non_null(strstr(p->got, "Transfer-Encoding: chunked\r\n"));
    TURN_UNTIL(f, http_stream_unsent(f->stream) == 0);
    say(q, "GET /stream HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(q, "HTTP/1.1 503 "));
    http_stream_end(&f->stream);
    TURN_UNTIL(f, hung_up(p));
    assert_non_null(strstr(p->got, "0\r\n\r\n"));
    assert_int_equal(f->stream_closed, 0);
    assert_int_equal(counters(f).streams, 0);
}

static void test_stream_whose_peer_goes(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "GET /stream HTTP/1.1\r\n" H);
    TURN_UNTIL(f, f->stream != NULL && heard(p, "\r\n\r\n"));
    (void)close(p->fd);
    p->fd = -1;
    TURN_UNTIL(f, f->stream_closed == 1);
    TURN_UNTIL(f, counters(f).connections == 0);
    assert_int_equal(counters(f).streams, 0);
}

static void test_stop(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f), *q = dial(f);
    say(p, "GET /stream HTTP/1.1\r\n" H);
    TURN_UNTIL(f, f->stream != NULL);
    http_stop(f->http);
    assert_int_equal(f->stream_closed, 1);
    say(q, "GET /hello HTTP/1.1\r\n" H);
    TURN_UNTIL(f, hung_up(p) && hung_up(q));
    assert_non_null(strstr(q->got, "Connection: close\r\n"));
    assert_true(http_idle(f->http));
}

static void test_close_while_everything_is_open(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *a = dial(f), *b = dial(f), *c = dial(f), *d = dial(f), *e = dial(f);
    say(a, "GET /later HTTP/1.1\r\n" H);
    say(b, "GET /stream HTTP/1.1\r\n" H);
    say(c, "GET /big HTTP/1.1\r\n" H);
    say(d, "GET /hel");
    say(e, "BREW / HTTP/1.1\r\n" H);
    TURN_UNTIL(f, f->held_n == 1 && f->stream != NULL && heard(c, "200") && heard(e, "501"));
    http_close(&f->http); /* teardown answers the held one into the void */
    assert_int_equal(f->stream_closed, 1);
}

static void test_open_refuses_bad_addresses(void **state)
{
    struct fixture *f = *state;
    struct http *other = NULL;
    char why[256];
    serve(f);
    struct http_options o = f->o;
    o.listen = "nowhere";
    assert_int_equal(http_open(f->loop, &o, &other, why), ST_USAGE);
    o.listen = http_address(f->http);
    assert_int_equal(http_open(f->loop, &o, &other, why), ST_IO_ERROR);
    assert_non_null(strstr(why, "cannot listen"));
    assert_null(other);
}

static void test_addresses_of_both_kinds(void **state)
{
    static const struct {
        const char *listen, *address;
    } rows[] = {{"localhost:*", ":"}, {"127.0.0.1:0", "127.0.0.1:"}, {"[::1]:*", "[::1]:"}};
    struct fixture *f = *state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct http_options o = f->o;
        struct http *h = NULL;
        char why[256] = "";
        o.listen = rows[i].listen;
        if (http_open(f->loop, &o, &h, why) != ST_OK) {
            assert_int_equal(rows[i].listen[0], '['); /* a machine without IPv6 */
            continue;
        }
        assert_non_null(strstr(http_address(h), rows[i].address));
        assert_string_not_equal(strrchr(http_address(h), ':'), ":0");
        http_close(&h);
    }
}

static void test_counts_by_route(void **state)
{
    struct fixture *f = *state;
    struct http_route_counters c;
    serve(f);
    struct peer *p = dial(f);
    say(p, "GET /hello HTTP/1.1\r\n" H "GET /hello HTTP/1.1\r\n" H "GET /no HTTP/1.1\r\n" H
           "BREW / HTTP/1.1\r\n" H);
    TURN_UNTIL(f, hung_up(p));
    assert_true(http_route_counters(f->http, 0, &c));
    assert_string_equal(c.route, "/hello");
    assert_int_equal(c.codes_n, 1);
    assert_int_equal(c.codes[0].status, 200);
    assert_int_equal(c.codes[0].n, 2);
    uint32_t i = 0;
    while (http_route_counters(f->http, i + 1, &c))
        i++;
    assert_true(http_route_counters(f->http, i, &c));
    assert_string_equal(c.route, "");
    assert_int_equal(c.codes_n, 2); /* 404 and 501 */
    assert_int_equal(http_times(f->http)->n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_one_after_the_other_on_one_connection),
        T(test_byte_by_byte),
        T(test_pipeline),
        T(test_pipeline_waits_for_the_answer),
        T(test_head_has_no_body),
        T(test_continue),
        T(test_http_1_0),
        T(test_half_closed),
        T(test_routes),
        T(test_stream),
        T(test_stream_whose_peer_goes),
        T(test_stop),
        T(test_close_while_everything_is_open),
        T(test_open_refuses_bad_addresses),
        T(test_addresses_of_both_kinds),
        T(test_counts_by_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
