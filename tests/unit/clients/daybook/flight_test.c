/* A window of frames against a scripted engine on a real socket: what is refused for now is sent
 * again in its old order, what is refused for good is told, silence ends in a time-out. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "clients/daybook/flight.h"
#include "engine/base/check.h"

#define FRAMES_MAX 4096

/* Answers frame texts "0", "1", ...; `busy_n` of the frames from `busy_from` on are refused for
 * now, `final` for good, and from `silent_from` on nothing is answered. */
struct engine {
    void *context, *socket;
    char endpoint[64];
    pthread_t thread;
    unsigned busy_from, busy_n, silent_from;
    int final;
    unsigned seen[FRAMES_MAX]; /* numbers in the order of their final answers */
    unsigned seen_n, received;
};

static const char *answer_for(struct engine *e, unsigned number, unsigned *busy_left)
{
    if (*busy_left > 0 && e->received > e->busy_from) {
        --*busy_left;
        return "{\"ok\":false,\"code\":\"busy\",\"message\":\"m\",\"retry\":true,\"retry_after_"
               "ms\":1}";
    }
    e->seen[e->seen_n++] = number;
    if ((int)number == e->final)
        return "{\"ok\":false,\"code\":\"malformed\",\"message\":\"m\",\"retry\":false}";
    return "{\"ok\":true,\"accepted\":1,\"duplicate\":0,\"rejected_n\":0,\"rejected\":[]}";
}

static void *serve(void *arg)
{
    struct engine *e = arg;
    unsigned busy_left = e->busy_n;
    for (;;) {
        char id[16], text[32];
        int id_n = zmq_recv(e->socket, id, sizeof id, 0);
        int n = zmq_recv(e->socket, text, sizeof text - 1, 0);
        if (id_n < 0 || n < 0)
            return NULL;
        text[n] = '\0';
        if (strcmp(text, "stop") == 0)
            return NULL;
        uint64_t number = 0;
        CHECK(text_u64(str_of(text), &number) == ST_OK);
        e->received++;
        if (e->silent_from > 0 && e->received > e->silent_from)
            continue;
        const char *answer = answer_for(e, (unsigned)number, &busy_left);
        (void)zmq_send(e->socket, id, (size_t)id_n, ZMQ_SNDMORE);
        (void)zmq_send(e->socket, answer, strlen(answer), 0);
    }
}

static void engine_start(struct engine *e)
{
    size_t n = sizeof e->endpoint;
    e->context = zmq_ctx_new();
    e->socket = zmq_socket(e->context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(e->socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(e->socket, ZMQ_LAST_ENDPOINT, e->endpoint, &n), 0);
    assert_int_equal(pthread_create(&e->thread, NULL, serve, e), 0);
}

static void engine_stop(struct engine *e)
{
    void *peer = zmq_socket(e->context, ZMQ_DEALER);
    assert_int_equal(zmq_connect(peer, e->endpoint), 0);
    assert_int_equal(zmq_send(peer, "stop", 4, 0), 4);
    assert_int_equal(pthread_join(e->thread, NULL), 0);
    (void)zmq_close(peer);
    (void)zmq_close(e->socket);
    (void)zmq_ctx_term(e->context);
}

struct told {
    unsigned ok, refused;
    uint64_t resent;
};

static void on_answer(void *context, uint64_t tag, const struct answer *a)
{
    struct told *t = context;
    (void)tag;
    t->ok += a->ok;
    t->refused += !a->ok;
}

static int send_frames(struct flight *f, unsigned n)
{
    int code = 0;
    for (unsigned i = 0; i < n && code == 0; i++) {
        char text[16];
        size_t k = text_fmt(text, sizeof text, "%u", i);
        code = flight_send(f, text, k, i);
    }
    return code == 0 ? flight_finish(f) : code;
}

static int fly(struct engine *e, uint32_t window, unsigned n, int timeout_ms, struct told *told)
{
    static const int never = 0;
    FILE *quiet = fopen("/dev/null", "we");
    struct cli cli = {.out = quiet, .err = quiet, .stop = &never};
    struct flight f;
    int code = flight_open(&f, &cli, e->endpoint, window, timeout_ms);
    f.context = told;
    f.on_answer = on_answer;
    if (code == 0)
        code = send_frames(&f, n);
    told->resent = f.resent;
    flight_close(&f);
    (void)fclose(quiet);
    return code;
}

static void in_order(const struct engine *e, unsigned n)
{
    assert_int_equal(e->seen_n, n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(e->seen[i], i);
}

static void frames_are_answered_in_order(void **state)
{
    (void)state;
    static const uint32_t windows[] = {1, 2, 7, 256};
    for (size_t i = 0; i < N_OF(windows); i++) {
        struct engine e = {.final = -1};
        struct told told = {0};
        engine_start(&e);
        assert_int_equal(fly(&e, windows[i], 1000, 10000, &told), 0);
        engine_stop(&e);
        in_order(&e, 1000);
        assert_int_equal(told.ok, 1000);
        assert_int_equal(told.resent, 0);
    }
}

/* Once something is refused, everything behind it in the window is refused, too: as an engine does
 * whose publisher must rewind. The order of what it takes stays. */
static void refused_frames_go_again_in_their_order(void **state)
{
    (void)state;
    struct engine e = {.final = -1, .busy_from = 10, .busy_n = 16};
    struct told told = {0};
    engine_start(&e);
    assert_int_equal(fly(&e, 16, 64, 10000, &told), 0);
    engine_stop(&e);
    assert_int_equal(e.seen_n, 64);
    assert_int_equal(told.ok, 64);
    assert_int_equal(told.refused, 0);
    assert_true(told.resent >= 16);
    bool seen[64] = {false};
    for (unsigned i = 0; i < 64; i++)
        seen[e.seen[i]] = true;
    for (unsigned i = 0; i < 64; i++)
        assert_true(seen[i]);
}

static void a_final_refusal_is_told_once(void **state)
{
    (void)state;
    struct engine e = {.final = 5};
    struct told told = {0};
    engine_start(&e);
    assert_int_equal(fly(&e, 4, 20, 10000, &told), 0);
    engine_stop(&e);
    in_order(&e, 20);
    assert_int_equal(told.ok, 19);
    assert_int_equal(told.refused, 1);
    assert_int_equal(told.resent, 0);
}

static void silence_ends_in_a_time_out(void **state)
{
    (void)state;
    struct engine e = {.final = -1, .silent_from = 3};
    struct told told = {0};
    engine_start(&e);
    assert_int_equal(fly(&e, 4, 20, 150, &told), EX_UNAVAILABLE);
    engine_stop(&e);
    assert_int_equal(told.ok, 3);
}

static void an_engine_that_stays_busy_ends_in_a_time_out(void **state)
{
    (void)state;
    struct engine e = {.final = -1, .busy_n = 1000000};
    struct told told = {0};
    engine_start(&e);
    assert_int_equal(fly(&e, 4, 4, 150, &told), EX_UNAVAILABLE);
    engine_stop(&e);
    assert_int_equal(told.ok, 0);
    assert_true(told.resent > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_answered_in_order),
        cmocka_unit_test(refused_frames_go_again_in_their_order),
        cmocka_unit_test(a_final_refusal_is_told_once),
        cmocka_unit_test(silence_ends_in_a_time_out),
        cmocka_unit_test(an_engine_that_stays_busy_ends_in_a_time_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
