/* Peers that wait, leave, do not read, or are no peers at all. */
#include "tests/unit/net/harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

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
        size_t n = draw(&seed, sizeof(junk));
        for (size_t k = 0; k < n; k++)
            junk[k] = (uint8_t)draw(&seed, 256);
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
    const struct CMUnitTest tests[] = {
        ZSOCK_TEST(test_pause_and_resume),
        ZSOCK_TEST(test_peer_that_is_gone),
        ZSOCK_TEST(test_peer_that_does_not_read),
        ZSOCK_TEST(test_connections_are_counted),
        ZSOCK_TEST(test_close_in_own_callback),
        ZSOCK_TEST(test_garbage_does_no_harm),
        ZSOCK_TEST(test_oversized_message_drops_its_peer),
        ZSOCK_TEST(test_connection_limit),
        ZSOCK_TEST(test_out_of_files),
        ZSOCK_TEST(test_bad_endpoints),
        ZSOCK_TEST(test_leaving_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
