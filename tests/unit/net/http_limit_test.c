/* The server against peers that ask for too much: what may be smuggled, sizes, times, connections.
 */
#include "tests/unit/net/http_help.h"

/* ---- refusals ---- */

static void refused(struct fixture *f, const char *text, const char *want)
{
    struct peer *p = dial(f);
    unsigned calls = f->calls;
    say(p, text);
    TURN_UNTIL(f, hung_up(p));
    if (strstr(p->got, want) != p->got)
        fail_msg("%.40s: %s", text, p->got);
    assert_non_null(strstr(p->got, "Content-Type: application/problem+json\r\n"));
    assert_null(strstr(p->got + 1, "HTTP/1.1 200"));
    assert_int_equal(f->calls, calls);
}

static void test_smuggling(void **state)
{
    static const char *const bodies[] = {
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n",
        "Transfer-Encoding:\tchunked\r\n\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "Content-Length: 4,4\r\n\r\nabcd",
        "Content-Length: 0x4\r\n\r\nabcd",
    };
    struct fixture *f = *state;
    serve(f);
    for (size_t i = 0; i < N_OF(bodies); i++) {
        char text[512];
        text_fmt(text, sizeof(text),
                 "POST /echo HTTP/1.1\r\nHost: a\r\n%sGET /hello HTTP/1.1\r\n" H, bodies[i]);
        refused(f, text, "HTTP/1.1 400 ");
    }
    /* a bad one behind a good one on the same connection */
    struct peer *p = dial(f);
    say(p, "GET /hello HTTP/1.1\r\n" H "GET /hello HTTP/1.1\nHost: a\n\nGET /hello HTTP/1.1\r\n" H);
    TURN_UNTIL(f, hung_up(p));
    assert_non_null(strstr(p->got, "\r\n\r\nhelloHTTP/1.1 400 "));
    assert_int_equal(f->calls, 1);
}

static void test_garbage(void **state)
{
    struct fixture *f = *state;
    serve(f);
    refused(f, "\x16\x03\x01\x02", "HTTP/1.1 400 ");
    refused(f, "GET / HTTP/1.1\n", "HTTP/1.1 400 ");
    refused(f, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 ");
    refused(f, "BREW / HTTP/1.1\r\n" H, "HTTP/1.1 501 ");
    refused(f, "POST /echo HTTP/1.1\r\nExpect: tea\r\n" H, "HTTP/1.1 417 ");
}

static void test_head_limit(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    f->o.headers_bytes_max = 512;
    serve(f);
    size_t fixed = strlen("GET /hello HTTP/1.1\r\nX: \r\n" H);
    for (int over = 0; over <= 1; over++) {
        struct peer *p = dial(f);
        char fill[600];
        memset(fill, 'x', sizeof(fill));
        text_fmt(text, sizeof(text), "GET /hello HTTP/1.1\r\nX: %.*s\r\n" H,
                 (int)(512 - fixed) + over, fill);
        say(p, text);
        TURN_UNTIL(f, heard(p, "\r\n\r\n"));
        assert_non_null(strstr(p->got, over ? "HTTP/1.1 431 " : "HTTP/1.1 200 "));
    }
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET /", 5);
    text[sizeof(text) - 1] = '\0';
    refused(f, text, "HTTP/1.1 414 ");
    memcpy(text, "GET / HTTP/1.1\r\nX:", 18);
    refused(f, text, "HTTP/1.1 431 ");
}

/* The refusal is read although the peer goes on sending its body. */
static void test_body_limit(void **state)
{
    struct fixture *f = *state;
    f->o.body_bytes_max = 1000;
    serve(f);
    struct peer *p = dial(f);
    char body[1001] = "", text[128];
    memset(body, 'b', 1000);
    say(p, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    say(p, body);
    TURN_UNTIL(f, heard(p, "bbb"));
    fresh(p);
    text_fmt(text, sizeof(text), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    say(p, text);
    for (unsigned i = 0; i < 50; i++) {
        say(p, body);
        loop_turn(f->loop, 0);
    }
    TURN_UNTIL(f, heard(p, "\r\n\r\n{"));
    assert_non_null(strstr(p->got, "HTTP/1.1 413 "));
    assert_int_equal(shutdown(p->fd, SHUT_WR), 0);
    TURN_UNTIL(f, counters(f).connections == 0);
    refused(f,
            "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            "Content-Length: 999999999999999999\r\n\r\n",
            "HTTP/1.1 413 ");
}

static void test_bodies_in_flight_are_bounded(void **state)
{
    struct fixture *f = *state;
    f->o.buffer_bytes_max = 1500;
    f->o.body_bytes_max = 1000;
    serve(f);
    struct peer *p = dial(f);
    say(p, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    TURN_UNTIL(f, counters(f).buffered == 1000);
    refused(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "HTTP/1.1 503 ");
    assert_int_equal(shutdown(p->fd, SHUT_WR), 0);
    TURN_UNTIL(f, hung_up(p) && counters(f).buffered == 0);
}

/* ---- times ---- */

static void test_slow_requests_are_cut(void **state)
{
    static const char *const begun[] = {"GET /hello HTTP/1.1\r\nX: ",
                                        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                                        "\r\n"};
    struct fixture *f = *state;
    f->o.request_ms = 300;
    serve(f);
    for (size_t i = 0; i < N_OF(begun); i++) {
        struct peer *p = dial(f);
        int64_t start_ms = clock_now().mono_ms;
        say(p, begun[i]);
        while (!heard(p, "HTTP/1.1 408 ")) { /* a drip keeps nothing alive */
            (void)send(p->fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
            for (unsigned k = 0; k < 40; k++)
                loop_turn(f->loop, 1);
            assert_true(clock_now().mono_ms - start_ms < PATIENCE_MS);
            if (i == 1 && clock_now().mono_ms - start_ms > 150)
                break; /* nine bytes would be the whole body */
        }
        TURN_UNTIL(f, heard(p, "HTTP/1.1 408 ") && hung_up(p));
        assert_true(clock_now().mono_ms - start_ms >= 300);
    }
    struct peer *silent = dial(f);
    TURN_UNTIL(f, hung_up(silent));
    assert_int_equal(silent->n, 0);
}

static void test_slow_readers_are_cut(void **state)
{
    struct fixture *f = *state;
    f->o.answer_ms = 300;
    serve(f);
    struct peer *p = dial(f);
    int small = 4096;
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    say(p, "GET /big HTTP/1.1\r\n" H);
    TURN_UNTIL(f, counters(f).buffered > 3 << 20);
    TURN_UNTIL(f, counters(f).connections == 0);
    assert_int_equal(counters(f).timed_out, 1);
    assert_int_equal(counters(f).buffered, 0);
}

static void test_unsent_replies_are_bounded(void **state)
{
    struct fixture *f = *state;
    f->o.buffer_bytes_max = 4 << 20;
    serve(f);
    struct peer *slow = dial(f), *other = dial(f);
    say(slow, "GET /big HTTP/1.1\r\n" H);
    TURN_UNTIL(f, counters(f).buffered > 3 << 20);
    say(other, "GET /big HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(other, "HTTP/1.1 503 "));
    assert_non_null(strstr(other->got, "Retry-After: 1\r\n"));
}

/* ---- connections ---- */

static void test_the_idlest_makes_room(void **state)
{
    struct fixture *f = *state;
    f->o.connections_max = 4;
    serve(f);
    struct peer *p[5];
    for (unsigned i = 0; i < 4; i++) {
        p[i] = dial(f);
        TURN_UNTIL(f, counters(f).accepted == i + 1);
    }
    say(p[0], "GET /later HTTP/1.1\r\n" H); /* busy: it stays */
    TURN_UNTIL(f, f->held_n == 1);
    p[4] = dial(f);
    TURN_UNTIL(f, hung_up(p[1]));
    assert_int_equal(counters(f).evicted, 1);
    say(p[4], "GET /hello HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(p[4], "hello"));
    assert_false(hung_up(p[0]));
    assert_false(hung_up(p[2]));
}

static void test_all_busy_is_refused(void **state)
{
    struct fixture *f = *state;
    f->o.connections_max = 2;
    serve(f);
    for (unsigned i = 0; i < 2; i++) {
        struct peer *p = dial(f);
        say(p, "GET /later HTTP/1.1\r\n" H);
        TURN_UNTIL(f, f->held_n == i + 1);
    }
    struct peer *late = dial(f);
    TURN_UNTIL(f, hung_up(late));
    assert_non_null(strstr(late->got, "HTTP/1.1 503 "));
    assert_int_equal(counters(f).refused, 1);
}

static void test_limit_per_address(void **state)
{
    struct fixture *f = *state;
    f->o.connections_per_address_max = 2;
    serve(f);
    struct peer *a = dial(f), *b = dial(f);
    TURN_UNTIL(f, counters(f).accepted == 2);
    struct peer *c = dial(f);
    TURN_UNTIL(f, hung_up(c));
    assert_false(hung_up(a));
    assert_false(hung_up(b));
}

/* Without a file left the connections that wait are shed or served later; nothing spins or dies. */
static void test_no_files_left(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, tight;
    serve(f);
    struct peer *p[4];
    for (unsigned i = 0; i < 4; i++)
        p[i] = dial(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = (struct rlimit){(rlim_t)p[3]->fd + 1, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    TURN_UNTIL(f, counters(f).accept_failed > 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    struct peer *q = dial(f);
    say(q, "GET /hello HTTP/1.1\r\n" H);
    TURN_UNTIL(f, heard(q, "hello"));
}

static void test_peer_gone_before_the_answer(void **state)
{
    struct fixture *f = *state;
    serve(f);
    struct peer *p = dial(f);
    say(p, "GET /later HTTP/1.1\r\n" H);
    TURN_UNTIL(f, f->held_n == 1);
    struct linger now = {1, 0};
    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    (void)close(p->fd);
    p->fd = -1;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = "late", .body_n = 4};
    http_reply(&f->held[0], &r);
    TURN_UNTIL(f, counters(f).connections == 0);
    assert_true(http_idle(f->http));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_smuggling),
        T(test_garbage),
        T(test_head_limit),
        T(test_body_limit),
        T(test_bodies_in_flight_are_bounded),
        T(test_slow_requests_are_cut),
        T(test_slow_readers_are_cut),
        T(test_unsent_replies_are_bounded),
        T(test_the_idlest_makes_room),
        T(test_all_busy_is_refused),
        T(test_limit_per_address),
        T(test_no_files_left),
        T(test_peer_gone_before_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
