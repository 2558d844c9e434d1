/* The server against raw sockets: limits, times, order, ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/net/http.h"

#define PATIENCE_MS 20000
#define PEERS_MAX   64

struct peer {
    int fd; /* -1: none */
    bool closed;
    size_t n;
    char got[1 << 16];
};

struct fixture {
    struct loop *loop;
    struct http_options o;
    struct http *http;
    struct peer *peers[PEERS_MAX];
    unsigned peers_n;

    struct exchange *held[8]; /* by the handler of /later */
    unsigned held_n;
    struct exchange *stream;
    unsigned stream_closed;
    unsigned calls;
    char seen[256];
};

/* ---- handlers ---- */

static void on_hello(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    f->calls++;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = "hello", .body_n = 5};
    http_reply(&x, &r);
}

static void on_echo(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    struct str body = http_request_of(x)->body;
    f->calls++;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = body.p, .body_n = body.n};
    http_reply(&x, &r);
}

static void on_at(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    const struct http_request *q = http_request_of(x);
    size_t n = 0;
    for (uint32_t i = 0; i < q->at_n; i++)
        n += text_fmt(f->seen + n, sizeof(f->seen) - n, "<%.*s>", (int)q->at[i].n, q->at[i].p);
    text_fmt(f->seen + n, sizeof(f->seen) - n, "%s", q->route);
    struct http_reply r = {.status = 204};
    http_reply(&x, &r);
}

static void on_later(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    CHECK(f->held_n < N_OF(f->held));
    f->held[f->held_n++] = x;
}

static void on_big(void *arg, struct exchange *x)
{
    static const size_t n = (size_t)3 << 20;
    char *body = calloc(1, n);
    (void)arg;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = body, .body_n = n};
    http_reply(&x, &r);
    free(body);
}

static void on_stream_close(void *arg)
{
    struct fixture *f = arg;
    f->stream = NULL;
    f->stream_closed++;
}

static void on_stream(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    struct http_reply r = {.status = 200, .type = "text/event-stream"};
    if (http_stream(&x, &r, on_stream_close, f))
        f->stream = x;
}

/* ---- fixture ---- */

static void serve(struct fixture *f)
{
    char why[256] = "";
    if (http_open(f->loop, &f->o, &f->http, why) != ST_OK)
        fail_msg("%s", why);
    http_route(f->http, HTTP_GET, "/hello", on_hello, f);
    http_route(f->http, HTTP_POST, "/echo", on_echo, f);
    http_route(f->http, HTTP_GET, "/big", on_big, f);
    http_route(f->http, HTTP_GET, "/later", on_later, f);
    http_route(f->http, HTTP_POST, "/later", on_later, f);
    http_route(f->http, HTTP_GET, "/stream", on_stream, f);
    http_route(f->http, HTTP_GET, "/a/{x}", on_at, f);
    http_route(f->http, HTTP_GET, "/a/{x}/b/{y}", on_at, f);
    http_route(f->http, HTTP_POST, "/a/fixed", on_at, f);
    http_route(f->http, HTTP_GET, "/page/*", on_at, f);
    http_route(f->http, HTTP_DELETE, "/slash/", on_at, f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->o = http_options_default;
    f->o.listen = "127.0.0.1:*";
    return loop_new(&f->loop) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_close(&f->http);
    for (unsigned i = 0; i < f->held_n; i++)
        if (f->held[i] != NULL)
            http_refuse(&f->held[i], ST_SHUTTING_DOWN, STR(""));
    loop_turn(f->loop, 0);
    loop_free(&f->loop);
    for (unsigned i = 0; i < f->peers_n; i++) {
        if (f->peers[i]->fd >= 0)
            (void)close(f->peers[i]->fd);
        free(f->peers[i]);
    }
    free(f);
    return 0;
}

static struct peer *dial(struct fixture *f)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t port = 0;
    const char *colon = strrchr(http_address(f->http), ':');
    assert_int_equal(text_u64(str_of(colon + 1), &port), ST_OK);
    a.sin_port = htons((uint16_t)port);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    CHECK(f->peers_n < PEERS_MAX);
    f->peers[f->peers_n++] = p;
    return p;
}

static void say(struct peer *p, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(p->fd, text, n, MSG_NOSIGNAL), n);
}

static void listen_to(struct peer *p)
{
    ssize_t n = recv(p->fd, p->got + p->n, sizeof(p->got) - 1 - p->n, MSG_DONTWAIT);
    if (n > 0)
        p->n += (size_t)n;
    p->closed |= n == 0 || (n < 0 && errno != EAGAIN);
    p->got[p->n] = '\0';
}

#define TURN_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        int64_t until_ms = clock_now().mono_ms + PATIENCE_MS;                                      \
        while (!(condition)) {                                                                     \
            assert_true(clock_now().mono_ms < until_ms);                                           \
            loop_turn((f)->loop, 1);                                                               \
        }                                                                                          \
    } while (0)

static bool heard(struct peer *p, const char *text)
{
    listen_to(p);
    return strstr(p->got, text) != NULL;
}

static bool hung_up(struct peer *p)
{
    listen_to(p);
    return p->closed;
}

/* Forget what was heard. */
static void fresh(struct peer *p)
{
    p->n = 0;
    p->got[0] = '\0';
}

static struct http_counters counters(const struct fixture *f)
{
    struct http_counters n;
    http_counters(f->http, &n);
    return n;
}

#define H "Host: a\r\n\r\n"

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
    static const char text[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nwxyz";
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        T(test_stream),
        T(test_stream_whose_peer_goes),
        T(test_stop),
        T(test_close_while_everything_is_open),
        T(test_open_refuses_bad_addresses),
        T(test_counts_by_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
