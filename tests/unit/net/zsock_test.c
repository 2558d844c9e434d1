/* Sockets in the loop: shapes of messages, and that nothing stalls. */
#include "tests/unit/net/harness.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* ---- shapes of messages ---- */

static void test_peers_of_both_kinds(void **state)
{
    struct fixture *f = *state;
    char ipc[128];
    text_fmt(ipc, sizeof(ipc), "ipc:///tmp/daybook-test-%ld.sock", (long)getpid());
    const char *const endpoints[] = {"tcp://127.0.0.1:*", ipc, "tcp://[::1]:*"};
    f->echo = true;
    for (size_t i = 0; i < N_OF(endpoints); i++) {
        open_sock(f, ZSOCK_ROUTER, endpoints[i]);
        void *req = peer(f, ZMQ_REQ), *dealer = peer(f, ZMQ_DEALER);
        say(req, "a question");
        expect(f, req, "a question");
        assert_true(f->last_from.delimiter);
        say(dealer, "one");
        say(dealer, "two");
        expect(f, dealer, "one");
        assert_false(f->last_from.delimiter);
        expect(f, dealer, "two");

        /* A dealer that speaks as a REQ is answered as one. */
        zmq_send(dealer, "", 0, ZMQ_SNDMORE);
        say(dealer, "three");
        expect(f, dealer, "");
        expect(f, dealer, "three");

        assert_int_equal(counters(f).messages_in, 4);
        assert_int_equal(counters(f).messages_out, 4);
        assert_int_equal(counters(f).bytes_in, counters(f).bytes_out);
        hang_up(f, req);
        hang_up(f, dealer);
        zsock_close(&f->sock);
    }
    assert_int_equal(unlink(ipc + 6), 0); /* it stays; the next owner replaces it */
}

static void test_lengths(void **state)
{
    struct fixture *f = *state;
    static const size_t lengths[] = {0, 1, 28, 29, 30, 33, 34, 64, 8191, 8192, 8193, 1 << 20};
    char *out = malloc(1 << 20);
    memset(out, 'x', 1 << 20);
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    f->keep = true;
    for (size_t i = 0; i < N_OF(lengths); i++) {
        assert_int_equal(zmq_send(p, out, lengths[i], 0), lengths[i]);
        TURN_UNTIL(f, f->messages == i + 1);
        assert_int_equal(f->kept.bytes, lengths[i]);
        assert_memory_equal(f->kept.data, out, lengths[i]);
        struct zmsg moved = f->kept; /* by assignment: nothing in it points into itself */
        memset(&f->kept, 0xa5, sizeof(f->kept));
        assert_memory_equal(moved.data, out, lengths[i]);
        zmsg_free(&moved);
        zmsg_free(&moved);
    }
    free(out);
    hang_up(f, p);
}

static void test_several_frames_are_refused(void **state)
{
    struct fixture *f = *state;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *dealer = peer(f, ZMQ_DEALER), *req = peer(f, ZMQ_REQ);
    f->echo = true;
    zmq_send(dealer, "a", 1, ZMQ_SNDMORE);
    say(dealer, "b");
    say(dealer, "after");
    expect(f, dealer, "refused");
    expect(f, dealer, "after");
    zmq_send(req, "a", 1, ZMQ_SNDMORE);
    zmq_send(req, "b", 1, ZMQ_SNDMORE);
    say(req, "c");
    expect(f, req, "refused");

    /* Many frames: the budget ends inside the message. */
    for (int i = 0; i < 5000; i++)
        zmq_send(dealer, "frame", 5, ZMQ_SNDMORE);
    say(dealer, "last");
    say(dealer, "after");
    expect(f, dealer, "refused");
    expect(f, dealer, "after");
    assert_int_equal(counters(f).multi_frame, 3);
    assert_int_equal(f->refused, 3);
    assert_int_equal(f->messages, 2);
    hang_up(f, dealer);
    hang_up(f, req);
}

static void test_pull_and_xpub(void **state)
{
    struct fixture *f = *state;
    open_sock(f, ZSOCK_PULL, "tcp://127.0.0.1:*");
    void *push = peer(f, ZMQ_PUSH);
    say(push, "thrown");
    TURN_UNTIL(f, f->messages == 1);
    assert_memory_equal(f->last, "thrown", 6);
    assert_int_equal(f->last_from.id_n, 0);
    zmq_send(push, "", 0, ZMQ_SNDMORE); /* no delimiters on this kind of socket */
    say(push, "x");
    TURN_UNTIL(f, f->refused == 1);
    hang_up(f, push);
    zsock_close(&f->sock);

    open_sock(f, ZSOCK_XPUB, "tcp://127.0.0.1:*");
    void *sub = peer(f, ZMQ_SUB);
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "activity.7.", 11);
    TURN_UNTIL(f, f->messages == 2);
    assert_memory_equal(f->last, "\001activity.7.", 12);
    zsock_send(f->sock, NULL, STR("activity.8."), "not mine", 8);
    zsock_send(f->sock, NULL, STR("activity.7."), "mine", 4);
    expect(f, sub, "activity.7.");
    expect(f, sub, "mine");
    hang_up(f, sub);
}

/* ---- Z1: nothing stalls ---- */

#define BURSTS    400
#define BURST_MAX 300

struct burst_peer {
    struct fixture *f;
    int type;
    uint64_t seed;
    unsigned failures;
    unsigned sent;
};

/* Bursts of random size; each is answered completely before the next. */
static void *send_bursts(void *arg)
{
    struct burst_peer *b = arg;
    void *p = zmq_socket(b->f->peers, b->type);
    int linger = 0, patience = PATIENCE_MS;
    char out[200], in[200];
    zmq_setsockopt(p, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(p, ZMQ_RCVTIMEO, &patience, sizeof(patience));
    zmq_connect(p, zsock_endpoint(b->f->sock));
    for (unsigned i = 0; i < BURSTS && b->failures == 0; i++) {
        uint64_t n = b->type == ZMQ_REQ ? 1 : 1 + draw(&b->seed, BURST_MAX);
        for (uint64_t k = 0; k < n; k++) {
            size_t bytes = 1 + draw(&b->seed, sizeof(out));
            memset(out, (int)(k + bytes), bytes);
            if (zmq_send(p, out, bytes, 0) < 0)
                b->failures++;
            b->sent++;
            if (b->type != ZMQ_REQ)
                continue;
            if (zmq_recv(p, in, sizeof(in), 0) != (int)bytes || memcmp(in, out, bytes) != 0)
                b->failures++;
        }
        for (uint64_t k = 0; b->type != ZMQ_REQ && k < n; k++)
            if (zmq_recv(p, in, sizeof(in), 0) < 0)
                b->failures++;
    }
    zmq_close(p);
    return NULL;
}

/* Answers go out at once or at the end of the turn, as it comes. */
struct late_answers {
    struct fixture *f;
    uint64_t seed;
    struct zpeer to[4096];
    struct zmsg m[4096];
    size_t n;
    unsigned turns; /* that began by waiting */
    int64_t longest_wait_ms;
};

static void on_burst(void *arg, const struct zpeer *from, struct zmsg *m)
{
    struct late_answers *a = arg;
    a->f->messages++;
    if (draw(&a->seed, 3) == 0 || a->n == N_OF(a->to)) {
        zsock_send(a->f->sock, from, (struct str){0}, m->data, m->bytes);
        zmsg_free(m);
        return;
    }
    a->to[a->n] = *from;
    a->m[a->n++] = *m;
}

static void answer_late(void *arg)
{
    struct late_answers *a = arg;
    for (size_t i = 0; i < a->n; i++) {
        zsock_send(a->f->sock, &a->to[i], (struct str){0}, a->m[i].data, a->m[i].bytes);
        zmsg_free(&a->m[i]);
    }
    a->n = 0;
    if (loop_waited_ms(a->f->loop) > a->longest_wait_ms)
        a->longest_wait_ms = loop_waited_ms(a->f->loop);
}

static void on_alarm(int signo)
{
    (void)signo;
}

/* A signal a millisecond interrupts the loop's calls, not those of the peers. */
static void interrupt_this_thread(bool on)
{
    const struct timeval ms = {.tv_usec = on ? 1000 : 0};
    const struct itimerval every = {ms, ms};
    struct sigaction quiet = {.sa_handler = on_alarm}; /* without SA_RESTART */
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigaction(SIGALRM, &quiet, NULL);
    pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &alarm, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static void test_bursts_do_not_stall(void **state)
{
    struct fixture *f = *state;
    struct late_answers *a = calloc(1, sizeof(*a));
    struct burst_peer peers[4] = {{f, ZMQ_DEALER, 1, 0, 0},
                                  {f, ZMQ_DEALER, 2, 0, 0},
                                  {f, ZMQ_REQ, 3, 0, 0},
                                  {f, ZMQ_DEALER, 4, 0, 0}};
    pthread_t threads[N_OF(peers)];
    a->f = f;
    f->o.on_message = on_burst;
    f->o.arg = a;
    f->o.turn_messages_max = 7; /* so that the budget ends inside bursts */
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    loop_hook(f->loop, answer_late, a);
    interrupt_this_thread(false);
    for (size_t i = 0; i < N_OF(peers); i++)
        pthread_create(&threads[i], NULL, send_bursts, &peers[i]);
    interrupt_this_thread(true);
    unsigned sent = 0;
    for (size_t i = 0; i < N_OF(peers); i++) {
        while (pthread_tryjoin_np(threads[i], NULL) != 0)
            loop_turn(f->loop, 5000);
        assert_int_equal(peers[i].failures, 0);
        sent += peers[i].sent;
    }
    interrupt_this_thread(false);
    assert_true(sent > 3 * BURSTS);
    assert_int_equal(counters(f).messages_in, sent);
    assert_int_equal(counters(f).messages_out, sent);
    assert_int_equal(counters(f).missed_edges, 0);
    free(a);
}

/* The budget ends with messages left over, for which no fd will ever fire. */
static void test_left_over_messages_need_no_edge(void **state)
{
    struct fixture *f = *state;
    f->o.turn_messages_max = 1;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    for (int i = 0; i < 100; i++)
        say(p, "m");
    TURN_UNTIL(f, f->messages == 1);
    poll(NULL, 0, 50); /* let all of them arrive: they all belong to one edge */
    int64_t from_ms = clock_now().mono_ms;
    for (int turn = 0; turn < 99; turn++)
        loop_turn(f->loop, 5000);
    assert_int_equal(f->messages, 100);
    assert_true(clock_now().mono_ms - from_ms < 900);
    assert_int_equal(counters(f).missed_edges, 0);
    hang_up(f, p);
}

static void test_bytes_budget(void **state)
{
    struct fixture *f = *state;
    static const char big[1000];
    f->o.turn_bytes_max = 2500;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    for (int i = 0; i < 9; i++)
        zmq_send(p, big, sizeof(big), 0);
    unsigned before, most = 0;
    do {
        before = f->messages;
        loop_turn(f->loop, 50);
        if (f->messages - before > most)
            most = f->messages - before;
    } while (f->messages < 9);
    assert_true(most <= 3);
    hang_up(f, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ZSOCK_TEST(test_peers_of_both_kinds),
        ZSOCK_TEST(test_lengths),
        ZSOCK_TEST(test_several_frames_are_refused),
        ZSOCK_TEST(test_pull_and_xpub),
        ZSOCK_TEST(test_bursts_do_not_stall),
        ZSOCK_TEST(test_left_over_messages_need_no_edge),
        ZSOCK_TEST(test_bytes_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
