/* Questions and answers: matched by order, and never after a timeout. */
#include "clients/publish/daybook.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <zmq.h>

#define MINUTE_MS 60000

/* A ROUTER that keeps each question until it is told to answer. */
struct desk {
    void *context;
    void *socket;
    char endpoint[64];
    char question[512];
    zmq_msg_t peer;
};

static void desk_open(struct desk *d)
{
    size_t n = sizeof d->endpoint;
    d->context = zmq_ctx_new();
    d->socket = zmq_socket(d->context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(d->socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(d->socket, ZMQ_LAST_ENDPOINT, d->endpoint, &n), 0);
}

static void desk_close(struct desk *d)
{
    int linger = 0;
    (void)zmq_setsockopt(d->socket, ZMQ_LINGER, &linger, sizeof linger);
    (void)zmq_close(d->socket);
    (void)zmq_ctx_term(d->context);
}

static void desk_receive(struct desk *d)
{
    (void)zmq_msg_init(&d->peer);
    CHECK(zmq_msg_recv(&d->peer, d->socket, 0) >= 0);
    int n = zmq_recv(d->socket, d->question, sizeof d->question - 1, 0);
    CHECK(n >= 0 && n < (int)sizeof d->question);
    d->question[n] = 0;
}

static void desk_answer(struct desk *d, const void *bytes, size_t n)
{
    CHECK(zmq_msg_send(&d->peer, d->socket, ZMQ_SNDMORE) >= 0);
    CHECK(zmq_send(d->socket, bytes, n, 0) >= 0);
}

struct job {
    struct desk *desk;
    const void *bytes;
    size_t n;
};

static void *serve_one(void *context)
{
    struct job *job = context;
    desk_receive(job->desk);
    desk_answer(job->desk, job->bytes, job->n);
    return NULL;
}

/* Ask while a thread answers. */
static enum daybook_status ask(struct desk *d, struct daybook_query *q, struct str answer,
                               struct daybook_answer *out)
{
    pthread_t thread;
    struct job job = {d, answer.p, answer.n};
    static const struct daybook_param params[] = {{.name = "account", .number = 123},
                                                  {.name = "app", .number = 1},
                                                  {.name = "app", .number = 2},
                                                  {.name = "from", .text = "a\"\\\n"},
                                                  {.name = NULL}};
    assert_int_equal(pthread_create(&thread, NULL, serve_one, &job), 0);
    enum daybook_status st = daybook_query_view(q, "records", params, MINUTE_MS, out);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return st;
}

static struct daybook_query *open_query(const struct desk *d)
{
    struct daybook_query *q = NULL;
    const struct daybook_query_options options = {.endpoint = d->endpoint};
    assert_int_equal(daybook_query_open(&options, &q, NULL), DAYBOOK_OK);
    return q;
}

static void view(void **state)
{
    (void)state;
    struct desk d;
    struct daybook_answer a;
    desk_open(&d);
    struct daybook_query *q = open_query(&d);
    struct str good = STR("{\"ok\": true, \"data\": {\"rows\": []}}");
    assert_int_equal(ask(&d, q, good, &a), DAYBOOK_OK);
    assert_string_equal(d.question, "{\"view\":\"records\",\"account\":123,\"app\":[1,2],"
                                    "\"from\":\"a\\\"\\\\\\u000a\"}");
    assert_int_equal(a.n, good.n);
    assert_string_equal(a.bytes, good.p);
    assert_string_equal(daybook_query_error(q), "");
    struct str bad = STR("{\"ok\": false, \"code\": \"not_found\", \"message\": \"no account\"}");
    assert_int_equal(ask(&d, q, bad, &a), DAYBOOK_REFUSED);
    assert_string_equal(a.bytes, bad.p);
    assert_string_equal(daybook_query_error(q), "not_found: no account");
    assert_int_equal(ask(&d, q, STR("\x82\xa2ok\xc3\xa1x\x01"), &a), DAYBOOK_OK);
    assert_int_equal(a.n, 8);
    assert_int_equal(ask(&d, q, STR("nonsense"), &a), DAYBOOK_CORRUPT);
    daybook_query_close(&q);
    assert_null(q);
    desk_close(&d);
}

/* The answer to the first question comes after its time: it must not become the second's. */
static void late_answer_is_nobodys(void **state)
{
    (void)state;
    struct desk d;
    struct daybook_answer a;
    desk_open(&d);
    struct daybook_query *q = open_query(&d);
    assert_int_equal(daybook_query(q, "{}", 2, 50, &a), DAYBOOK_TIMEOUT);
    assert_non_null(strstr(daybook_query_error(q), d.endpoint));
    desk_receive(&d);
    struct str late = STR("{\"ok\": true, \"late\": 1}");
    (void)zmq_msg_send(&d.peer, d.socket, ZMQ_SNDMORE); /* to a peer that may be gone */
    (void)zmq_send(d.socket, late.p, late.n, 0);
    struct str prompt = STR("{\"ok\": true, \"late\": 0}");
    assert_int_equal(ask(&d, q, prompt, &a), DAYBOOK_OK);
    assert_string_equal(a.bytes, prompt.p);
    daybook_query_close(&q);
    desk_close(&d);
}

/* The keys reach libzmq: with the right ones there is an answer, with another none. */
static void keys(void **state)
{
    (void)state;
    if (zmq_has("curve") == 0)
        skip();
    struct desk d;
    struct daybook_answer a;
    char server[2][41], client[2][41], other[2][41];
    assert_int_equal(zmq_curve_keypair(server[0], server[1]), 0);
    assert_int_equal(zmq_curve_keypair(client[0], client[1]), 0);
    assert_int_equal(zmq_curve_keypair(other[0], other[1]), 0);
    int yes = 1;
    size_t n = sizeof d.endpoint;
    d.context = zmq_ctx_new();
    d.socket = zmq_socket(d.context, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(d.socket, ZMQ_CURVE_SERVER, &yes, sizeof yes), 0);
    assert_int_equal(zmq_setsockopt(d.socket, ZMQ_CURVE_SECRETKEY, server[1], 41), 0);
    assert_int_equal(zmq_bind(d.socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(d.socket, ZMQ_LAST_ENDPOINT, d.endpoint, &n), 0);
    struct daybook_query *q = NULL;
    struct daybook_query_options options = {.endpoint = d.endpoint,
                                            .server_key = server[0],
                                            .public_key = client[0],
                                            .secret_key = client[1]};
    assert_int_equal(daybook_query_open(&options, &q, NULL), DAYBOOK_OK);
    assert_int_equal(ask(&d, q, STR("{\"ok\": true}"), &a), DAYBOOK_OK);
    daybook_query_close(&q);
    options.server_key = other[0];
    assert_int_equal(daybook_query_open(&options, &q, NULL), DAYBOOK_OK);
    assert_int_equal(daybook_query(q, "{}", 2, 100, &a), DAYBOOK_TIMEOUT);
    daybook_query_close(&q);
    options.secret_key = NULL;
    assert_int_equal(daybook_query_open(&options, &q, NULL), DAYBOOK_INVALID);
    desk_close(&d);
}

static void wrong_arguments(void **state)
{
    (void)state;
    struct daybook_query *q = NULL;
    struct daybook_error error;
    struct daybook_answer a;
    struct daybook_query_options options = {0};
    assert_int_equal(daybook_query_open(NULL, &q, &error), DAYBOOK_INVALID);
    assert_int_equal(daybook_query_open(&options, &q, &error), DAYBOOK_INVALID);
    assert_non_null(strstr(error.text, "endpoint is missing"));
    options.endpoint = "nowhere";
    assert_int_equal(daybook_query_open(&options, &q, &error), DAYBOOK_NETWORK);
    assert_non_null(strstr(error.text, "nowhere"));
    options.endpoint = "tcp://127.0.0.1:1";
    options.server_key = "short";
    assert_int_equal(daybook_query_open(&options, &q, &error), DAYBOOK_INVALID);
    assert_non_null(strstr(error.text, "server_key must be 40"));
    assert_null(q);
    options.server_key = NULL;
    assert_int_equal(daybook_query_open(&options, &q, &error), DAYBOOK_OK);
    assert_int_equal(daybook_query(q, NULL, 0, 0, &a), DAYBOOK_INVALID);
    assert_int_equal(daybook_query_view(q, NULL, NULL, 0, &a), DAYBOOK_INVALID);
    assert_int_equal(daybook_query_view(q, "apps", NULL, 0, &a), DAYBOOK_TIMEOUT);
    assert_int_equal(daybook_query(q, "{}", 2, 0, &a), DAYBOOK_TIMEOUT);
    daybook_query_close(&q);
    daybook_query_close(&q);
    daybook_query_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view),
        cmocka_unit_test(late_answer_is_nobodys),
        cmocka_unit_test(keys),
        cmocka_unit_test(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
