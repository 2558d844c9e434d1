/* Sockets in the loop, against real peers over tcp, ipc and inproc. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/net/zsock_internal.h"

#define PATIENCE_MS 10000 /* of a test that would otherwise hang */

struct fixture {
    struct loop *loop;
    struct znet *net;
    struct zsock *sock;
    struct zsock_options o;
    void *peers;  /* the peers' context: a different one, as in another process */
    void *at[16]; /* its sockets, open or NULL */

    /* What arrived. */
    unsigned messages, refused;
    struct zpeer last_from;
    char last[64];
    size_t last_n;
    bool echo;
    bool close_in_callback;
    struct zmsg kept;
    bool keep;
};

static void on_message(void *arg, const struct zpeer *from, struct zmsg *m)
{
    struct fixture *f = arg;
    f->last_from = *from;
    if (m == NULL) {
        f->refused++;
        if (f->echo)
            zsock_send(f->sock, from, (struct str){0}, "refused", 7);
        return;
    }
    f->messages++;
    f->last_n = m->bytes < sizeof(f->last) ? m->bytes : sizeof(f->last);
    memcpy(f->last, m->data, f->last_n);
    if (f->echo)
        zsock_send(f->sock, from, (struct str){0}, m->data, m->bytes);
    if (f->close_in_callback)
        zsock_close(&f->sock);
    if (f->keep)
        f->kept = *m;
    else
        zmsg_free(m);
}

static void open_sock(struct fixture *f, enum zsock_type type, const char *endpoint)
{
    char why[256] = "";
    f->o.type = type;
    f->o.endpoint = endpoint;
    if (zsock_open(f->net, &f->o, &f->sock, why) != ST_OK)
        fail_msg("%s", why);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->peers = zmq_ctx_new();
    f->o = (struct zsock_options){.message_bytes_max = 1 << 20,
                                  .receive_queue = 1000,
                                  .send_queue = 1000,
                                  .turn_messages_max = 64,
                                  .turn_bytes_max = 1 << 20,
                                  .on_message = on_message,
                                  .arg = f};
    return loop_new(&f->loop) == ST_OK && znet_new(f->loop, 1, 16, &f->net) == ST_OK ? 0 : -1;
}

static void hang_up(struct fixture *f, void *p)
{
    for (size_t i = 0; i < N_OF(f->at); i++)
        if (f->at[i] == p)
            f->at[i] = NULL;
    zmq_close(p);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < N_OF(f->at); i++)
        if (f->at[i] != NULL)
            zmq_close(f->at[i]); /* left by a test that failed */
    zmq_ctx_term(f->peers);
    znet_free(&f->net);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static void *peer(struct fixture *f, int type)
{
    void *p = zmq_socket(f->peers, type);
    int linger = 0, patience = PATIENCE_MS, yes = 1;
    size_t i = 0;
    while (f->at[i] != NULL)
        i++;
    CHECK(i < N_OF(f->at));
    f->at[i] = p;
    zmq_setsockopt(p, ZMQ_IPV6, &yes, sizeof(yes));
    zmq_setsockopt(p, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(p, ZMQ_RCVTIMEO, &patience, sizeof(patience));
    zmq_setsockopt(p, ZMQ_SNDTIMEO, &patience, sizeof(patience));
    assert_int_equal(zmq_connect(p, zsock_endpoint(f->sock)), 0);
    return p;
}

static void say(void *p, const char *text)
{
    assert_int_equal(zmq_send(p, text, strlen(text), 0), strlen(text));
}

/* Turn until the condition holds. */
#define TURN_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        int64_t until_ms = clock_now().mono_ms + PATIENCE_MS;                                      \
        while (!(condition)) {                                                                     \
            assert_true(clock_now().mono_ms < until_ms);                                           \
            loop_turn((f)->loop, 1);                                                               \
        }                                                                                          \
    } while (0)

static struct zsock_counters counters(const struct fixture *f)
{
    struct zsock_counters n;
    zsock_counters(f->sock, &n);
    return n;
}

/* The next message of p, turning meanwhile. */
static void expect(struct fixture *f, void *p, const char *want)
{
    char got[64] = "";
    int n = -1;
    TURN_UNTIL(f, (n = zmq_recv(p, got, sizeof(got) - 1, ZMQ_DONTWAIT)) >= 0);
    assert_int_equal(n, strlen(want));
    assert_string_equal(got, want);
}

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

static uint64_t rnd(uint64_t *seed, uint64_t below)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(*seed) % below;
}

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
        uint64_t n = b->type == ZMQ_REQ ? 1 : 1 + rnd(&b->seed, BURST_MAX);
        for (uint64_t k = 0; k < n; k++) {
            size_t bytes = 1 + rnd(&b->seed, sizeof(out));
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
    if (rnd(&a->seed, 3) == 0 || a->n == N_OF(a->to)) {
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
    for (size_t i = 0; i < N_OF(peers); i++)
        pthread_create(&threads[i], NULL, send_bursts, &peers[i]);
    unsigned sent = 0;
    for (size_t i = 0; i < N_OF(peers); i++) {
        while (pthread_tryjoin_np(threads[i], NULL) != 0)
            loop_turn(f->loop, 5000);
        assert_int_equal(peers[i].failures, 0);
        sent += peers[i].sent;
    }
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

/* ---- back pressure and peers that leave ---- */

static void test_pause_and_resume(void **state)
{
    struct fixture *f = *state;
    f->o.receive_queue = 2;
    f->echo = true;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    say(p, "first");
    expect(f, p, "first");
    zsock_pause(f->sock, true);
    for (int i = 0; i < 500; i++)
        say(p, "later");
    for (int i = 0; i < 20; i++)
        loop_turn(f->loop, 5);
    assert_int_equal(f->messages, 1);
    assert_int_equal(loop_waited_ms(f->loop) > 0, true); /* and the loop does not spin */
    zsock_pause(f->sock, false);
    for (int i = 0; i < 500; i++)
        expect(f, p, "later");
    assert_int_equal(counters(f).missed_edges, 0);
    hang_up(f, p);
}

static void test_peer_that_is_gone(void **state)
{
    struct fixture *f = *state;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    say(p, "hello");
    TURN_UNTIL(f, f->messages == 1);
    struct zpeer to = f->last_from;
    assert_int_equal(counters(f).connections, 1);
    hang_up(f, p);
    TURN_UNTIL(f, counters(f).connections == 0);
    TURN_UNTIL(f,
               (zsock_send(f->sock, &to, (struct str){0}, "late", 4), counters(f).unroutable > 0));
    struct zpeer stranger = {.id = "nobody", .id_n = 6};
    uint64_t before = counters(f).unroutable;
    zsock_send(f->sock, &stranger, (struct str){0}, "?", 1);
    assert_int_equal(counters(f).unroutable, before + 1);
}

static void test_peer_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    static const char big[60000];
    f->o.send_queue = 4;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = zmq_socket(f->peers, ZMQ_DEALER), *other = NULL;
    int queue = 1, linger = 0;
    zmq_setsockopt(p, ZMQ_RCVHWM, &queue, sizeof(queue));
    zmq_setsockopt(p, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(zmq_connect(p, zsock_endpoint(f->sock)), 0);
    say(p, "hello");
    TURN_UNTIL(f, f->messages == 1);
    struct zpeer deaf = f->last_from;
    for (int i = 0; i < 2000 && counters(f).queue_full == 0; i++) {
        zsock_send(f->sock, &deaf, (struct str){0}, big, sizeof(big));
        loop_turn(f->loop, 0);
    }
    assert_true(counters(f).queue_full > 0);
    other = peer(f, ZMQ_DEALER);
    f->echo = true;
    say(other, "others go on");
    expect(f, other, "others go on");
    zmq_close(p);
    hang_up(f, other);
}

static void test_connections_are_counted(void **state)
{
    struct fixture *f = *state;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    f->echo = true;
    for (int round = 0; round < 20; round++) {
        void *p[10];
        for (size_t i = 0; i < N_OF(p); i++)
            p[i] = peer(f, ZMQ_DEALER);
        for (size_t i = 0; i < N_OF(p); i++) {
            say(p[i], "x");
            expect(f, p[i], "x");
        }
        assert_int_equal(counters(f).connections, N_OF(p));
        for (size_t i = 0; i < N_OF(p); i++)
            hang_up(f, p[i]);
        TURN_UNTIL(f, counters(f).connections == 0);
    }
}

static void test_close_in_own_callback(void **state)
{
    struct fixture *f = *state;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    f->close_in_callback = true;
    f->echo = true;
    say(p, "one");
    say(p, "two");
    TURN_UNTIL(f, f->messages == 1);
    assert_null(f->sock);
    loop_turn(f->loop, 0);
    assert_int_equal(f->messages, 1); /* nothing after the close */
    hang_up(f, p);
}

/* ---- what the open net sends ---- */

static int raw_connect(const char *endpoint)
{
    struct str port = str_of(strrchr(endpoint, ':') + 1);
    uint64_t number = 0;
    assert_int_equal(text_u64(port, &number), ST_OK);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)number),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void test_garbage_does_no_harm(void **state)
{
    struct fixture *f = *state;
    static const char *const said[] = {
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL",
        "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01\xff\xff\xff\xff\xff\xff\xff\xff",
        "help\r\n",
        "\x01\x00",
    };
    uint64_t seed = 1;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *good = peer(f, ZMQ_DEALER);
    f->echo = true;
    for (unsigned i = 0; i < 200; i++) {
        uint8_t junk[600];
        size_t n = rnd(&seed, sizeof(junk));
        for (size_t k = 0; k < n; k++)
            junk[k] = (uint8_t)rnd(&seed, 256);
        if (i % 2 == 0 && n > 10) /* past the signature */
            memcpy(junk, "\xff\0\0\0\0\0\0\0\x01\x7f", 10);
        int fd = raw_connect(zsock_endpoint(f->sock));
        const char *text = i < N_OF(said) ? said[i] : NULL;
        (void)!send(fd, text != NULL ? text : (char *)junk, text != NULL ? strlen(text) : n,
                    MSG_NOSIGNAL);
        loop_turn(f->loop, 0);
        close(fd);
        if (i % 10 == 0) {
            say(good, "still there");
            expect(f, good, "still there");
        }
    }
    TURN_UNTIL(f, counters(f).connections == 1);
    hang_up(f, good);
}

static void test_oversized_message_drops_its_peer(void **state)
{
    struct fixture *f = *state;
    char *big = calloc(1, (1 << 20) + 1);
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *bad = peer(f, ZMQ_DEALER), *good = peer(f, ZMQ_DEALER);
    int never = -1;
    zmq_setsockopt(bad, ZMQ_RECONNECT_IVL, &never, sizeof(never));
    say(bad, "small");
    TURN_UNTIL(f, f->messages == 1);
    assert_int_equal(zmq_send(bad, big, (1 << 20) + 1, 0), (1 << 20) + 1);
    f->echo = true;
    say(good, "go on");
    expect(f, good, "go on");
    TURN_UNTIL(f, counters(f).connections == 1);
    assert_int_equal(f->messages, 2);
    free(big);
    hang_up(f, bad);
    hang_up(f, good);
}

static void test_connection_limit(void **state)
{
    struct fixture *f = *state;
    int fd[12];
    f->o.connections_max = 5;
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    for (size_t i = 0; i < N_OF(fd); i++)
        fd[i] = raw_connect(zsock_endpoint(f->sock));
    TURN_UNTIL(f, counters(f).refused == N_OF(fd) - 5 && counters(f).connections == 5);
    for (size_t i = 0; i < N_OF(fd); i++)
        close(fd[i]);
    TURN_UNTIL(f, counters(f).connections == 0);
    f->echo = true;
    void *p = peer(f, ZMQ_DEALER);
    say(p, "room again");
    expect(f, p, "room again");
    hang_up(f, p);
}

/* No files left: waiting connections are turned away instead of making libzmq spin. */
static void test_out_of_files(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, low;
    int fd[20];
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    loop_turn(f->loop, 0);
    struct str port = str_of(strrchr(zsock_endpoint(f->sock), ':') + 1);
    uint64_t number = 0;
    assert_int_equal(text_u64(port, &number), ST_OK);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)number),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < N_OF(fd); i++)
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)fd[N_OF(fd) - 1] + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (size_t i = 0; i < N_OF(fd); i++)
        assert_int_equal(connect(fd[i], (struct sockaddr *)&a, sizeof(a)), 0);
    TURN_UNTIL(f, counters(f).refused == N_OF(fd));
    assert_true(counters(f).accept_failed > 0);
    for (int i = 0; i < 20; i++)
        loop_turn(f->loop, 5);
    uint64_t failed = counters(f).accept_failed;
    loop_turn(f->loop, 50);
    assert_int_equal(counters(f).accept_failed, failed); /* nothing spins */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (size_t i = 0; i < N_OF(fd); i++)
        close(fd[i]);
    f->echo = true;
    void *p = peer(f, ZMQ_DEALER);
    say(p, "files again");
    expect(f, p, "files again");
    hang_up(f, p);
}

static void test_bad_endpoints(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *endpoint;
        enum status want;
    } rows[] = {
        {"tcp://127.0.0.1", ST_USAGE},       {"tcp://127.0.0.1:99999", ST_USAGE},
        {"carrier-pigeon://x", ST_USAGE},    {"tcp://192.0.2.1:7701", ST_IO_ERROR},
        {"ipc:///no/such/dir", ST_IO_ERROR}, {"", ST_USAGE},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char why[256] = "";
        f->o.type = ZSOCK_ROUTER;
        f->o.endpoint = rows[i].endpoint;
        enum status got = zsock_open(f->net, &f->o, &f->sock, why);
        if (got != rows[i].want)
            fail_msg("%s: %s: %s", rows[i].endpoint, status_row(got)->name, why);
        assert_non_null(strstr(why, rows[i].endpoint));
        assert_null(f->sock);
    }
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    struct zsock *second = NULL;
    char why[256] = "";
    f->o.endpoint = zsock_endpoint(f->sock);
    assert_int_equal(zsock_open(f->net, &f->o, &second, why), ST_IO_ERROR);
    assert_non_null(strstr(why, "in use"));
}

/* Leaving with answers that nobody fetches takes no longer than the linger. */
static void test_leaving_is_bounded(void **state)
{
    struct fixture *f = *state;
    static const char big[60000];
    open_sock(f, ZSOCK_ROUTER, "tcp://127.0.0.1:*");
    void *p = peer(f, ZMQ_DEALER);
    say(p, "hello");
    TURN_UNTIL(f, f->messages == 1);
    for (int i = 0; i < 900; i++)
        zsock_send(f->sock, &f->last_from, (struct str){0}, big, sizeof(big));
    int64_t from_ms = clock_now().mono_ms;
    znet_free(&f->net);
    assert_true(clock_now().mono_ms - from_ms < 5000);
    hang_up(f, p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_peers_of_both_kinds),
        T(test_lengths),
        T(test_several_frames_are_refused),
        T(test_pull_and_xpub),
        T(test_bursts_do_not_stall),
        T(test_left_over_messages_need_no_edge),
        T(test_bytes_budget),
        T(test_pause_and_resume),
        T(test_peer_that_is_gone),
        T(test_peer_that_does_not_read),
        T(test_connections_are_counted),
        T(test_close_in_own_callback),
        T(test_garbage_does_no_harm),
        T(test_oversized_message_drops_its_peer),
        T(test_connection_limit),
        T(test_out_of_files),
        T(test_bad_endpoints),
        T(test_leaving_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
