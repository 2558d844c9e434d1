/* The two ZeroMQ collectors over real sockets and real stores: every message is answered once, in
 * order, in the encoding of its question; PUSH messages never. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "aggregators/tables.h"
#include "collectors/collect_zmq.h"
#include "engine/base/check.h"
#include "engine/ingest/tables.h"
#include "engine/store/store_test.h"
#include "tests/unit/net/turn.h"

#define MESSAGE_MAX 20000

struct fixture {
    char dir[64];
    struct loop *loop;
    struct znet *net;
    struct store *front, *days;
    struct ingest *in;
    struct collect_zmq *router, *pull;
    void *peers, *at[8];
    char text[65536]; /* of the last answer */
};

/* ---- fixture ---- */

static struct store *open_store(const struct fixture *f, const char *name,
                                const char *const *tables, unsigned tables_n)
{
    char dir[128], why[256] = "";
    struct store *s = NULL;
    text_fmt(dir, sizeof(dir), "%s/%s", f->dir, name);
    struct store_options o = {
        .dir = dir, .tables = tables, .tables_n = tables_n, .map_bytes = 64 << 20};
    if (store_open(&o, &s, why) != ST_OK)
        fail_msg("%s", why);
    return s;
}

static struct collect_zmq *open_collector(const struct fixture *f, enum zsock_type type)
{
    char why[256] = "";
    struct collect_zmq *c = NULL;
    struct collect_zmq_options o = {.type = type,
                                    .endpoint = "tcp://127.0.0.1:*",
                                    .message_bytes_max = MESSAGE_MAX,
                                    .connections_max = 100,
                                    .receive_queue = 100};
    if (collect_zmq_open(f->net, f->in, &o, &c, why) != ST_OK)
        fail_msg("%s", why);
    return c;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    char why[256] = "";
    *state = f;
    text_fmt(f->dir, sizeof(f->dir), "%s/daybook.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(f->dir) == NULL || loop_new(&f->loop) != ST_OK ||
        znet_new(f->loop, 1, 8, &f->net) != ST_OK)
        return -1;
    f->front = open_store(f, "front", front_table_names, FRONT_TABLES_N);
    f->days = open_store(f, "days", days_table_names, DAYS_TABLES_N);
    struct ingest_setup setup = {.loop = f->loop,
                                 .front = f->front,
                                 .days = f->days,
                                 .now = clock_now(),
                                 .options = ingest_options_default};
    setup.options.pending_bytes = 8 << 20;
    if (ingest_open(&setup, &f->in, why) != ST_OK)
        fail_msg("%s", why);
    f->router = open_collector(f, ZSOCK_ROUTER);
    f->pull = open_collector(f, ZSOCK_PULL);
    f->peers = zmq_ctx_new();
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
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
            zmq_close(f->at[i]);
    zmq_ctx_term(f->peers);
    ingest_close(&f->in, false);
    collect_zmq_close(&f->router);
    collect_zmq_close(&f->pull);
    znet_free(&f->net);
    loop_free(&f->loop);
    store_close(&f->front);
    store_close(&f->days);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void *peer(struct fixture *f, int type)
{
    const struct collect_zmq *to = type == ZMQ_PUSH ? f->pull : f->router;
    void *p = zmq_socket(f->peers, type);
    int linger = 0;
    size_t i = 0;
    while (f->at[i] != NULL)
        i++;
    f->at[i] = p;
    zmq_setsockopt(p, ZMQ_LINGER, &linger, sizeof(linger));
    assert_int_equal(zmq_connect(p, collect_zmq_endpoint(to)), 0);
    return p;
}

static void say(void *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(void *p, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    assert_int_equal(zmq_send(p, text, (size_t)n, 0), n);
}

/* The next answer, as text. */
static const char *answer(struct fixture *f, void *p)
{
    int n = -1;
    TURN_UNTIL(f, (n = zmq_recv(p, f->text, sizeof(f->text) - 1, ZMQ_DONTWAIT)) >= 0);
    f->text[n] = '\0';
    return f->text;
}

static void expect(struct fixture *f, void *p, const char *part)
{
    if (strstr(answer(f, p), part) == NULL)
        fail_msg("expected %s in %s", part, f->text);
}

static long long now_ms(void)
{
    return clock_now().wall_ms;
}

#define EVENT                                                                                      \
    "{\"type\":\"record.created\",\"account\":7,\"app\":3,\"object_type\":\"deals\",\"time\":%"    \
    "lld}"

static struct ingest_counters counted(const struct fixture *f)
{
    static struct ingest_status s; /* large */
    ingest_status(f->in, &s);
    return s.counters;
}

/* ---- tests ---- */

static void test_answers_in_kind(void **state)
{
    struct fixture *f = *state;
    void *dealer = peer(f, ZMQ_DEALER), *req = peer(f, ZMQ_REQ);
    say(dealer, EVENT, now_ms());
    expect(f, dealer, "\"ok\":true");
    say(req, "[" EVENT "," EVENT "]", now_ms(), now_ms());
    expect(f, req, "\"accepted\":2");

    /* msgpack: {"type": "record.created", "account": 7, "app": 3, "object_type": "deals",
     * "time": 8 bytes} */
    uint8_t m[128] = "\x85\xa4type\xaerecord.created\xa7"
                     "account\x07\xa3"
                     "app\x03\xabobject_type\xa5"
                     "deals\xa4time\xcf";
    size_t n = strlen((char *)m);
    for (int shift = 56; shift >= 0; shift -= 8)
        m[n++] = (uint8_t)((uint64_t)now_ms() >> shift);
    assert_int_equal(zmq_send(dealer, m, n, 0), n);
    const char *a = answer(f, dealer);
    assert_int_equal((uint8_t)a[0] & 0xf0, 0x80); /* a msgpack map */
    assert_int_equal(memcmp(a + 1, "\xa2ok\xc3", 4), 0);
    assert_int_equal(counted(f).accepted, 4);
}

static void test_bad_messages_are_answered_in_their_place(void **state)
{
    struct fixture *f = *state;
    void *p = peer(f, ZMQ_DEALER);
    for (int i = 1; i <= 90; i++) {
        say(p, "{\"producer\":\"p\",\"epoch\":5,\"seq\":%d,\"events\":[" EVENT "]}", i, now_ms());
        if (i % 3 == 0) {
            zmq_send(p, "two", 3, ZMQ_SNDMORE);
            say(p, "frames");
        } else if (i % 3 == 1) {
            say(p, "{\"not\":");
        }
    }
    for (int i = 1; i <= 90; i++) {
        char seq[32];
        text_fmt(seq, sizeof(seq), "\"seq\":%d,\"accepted\":1", i);
        expect(f, p, seq);
        if (i % 3 != 2)
            expect(f, p, "\"code\":\"malformed\"");
        if (i % 3 == 0)
            assert_non_null(strstr(f->text, "one frame"));
    }
    assert_int_equal(counted(f).accepted, 90);
    assert_int_equal(counted(f).rejected[ST_MALFORMED], 60);
}

static void test_req_peer_learns_about_frames(void **state)
{
    struct fixture *f = *state;
    void *req = peer(f, ZMQ_REQ);
    zmq_send(req, "a", 1, ZMQ_SNDMORE);
    say(req, "b");
    expect(f, req, "\"code\":\"malformed\"");
    say(req, EVENT, now_ms());
    expect(f, req, "\"accepted\":1");
}

static void test_message_limit(void **state)
{
    struct fixture *f = *state;
    static char big[4 * MESSAGE_MAX + 1];
    void *p = peer(f, ZMQ_DEALER), *other = peer(f, ZMQ_DEALER);
    memset(big, ' ', sizeof(big));
    assert_int_equal(zmq_send(p, big, MESSAGE_MAX, 0), MESSAGE_MAX);
    expect(f, p, "\"code\":\"malformed\"");
    assert_int_equal(zmq_send(p, big, MESSAGE_MAX + 1, 0), MESSAGE_MAX + 1);
    expect(f, p, "\"code\":\"too_large\"");
    assert_non_null(strstr(f->text, "20001 bytes; at most 20000"));
    assert_int_equal(zmq_send(p, big, 4 * MESSAGE_MAX, 0), 4 * MESSAGE_MAX);
    expect(f, p, "\"code\":\"too_large\"");

    /* Beyond that the connection is cut; the others do not notice. */
    int never = -1;
    zmq_setsockopt(p, ZMQ_RECONNECT_IVL, &never, sizeof(never));
    assert_int_equal(zmq_send(p, big, sizeof(big), 0), sizeof(big));
    say(other, EVENT, now_ms());
    expect(f, other, "\"accepted\":1");
    struct zsock_counters n;
    TURN_UNTIL(f, (collect_zmq_counters(f->router, &n), n.connections == 1));
}

static void test_refused_when_the_disk_is_full(void **state)
{
    struct fixture *f = *state;
    void *p = peer(f, ZMQ_DEALER);
    store_test_fail_commit(f->front, 1, ENOSPC);
    say(p, "{\"producer\":\"p\",\"epoch\":5,\"seq\":1,\"events\":[" EVENT "]}", now_ms());
    expect(f, p, "\"code\":\"storage_full\"");
    assert_non_null(strstr(f->text, "\"retry\":true"));
    say(p, "{\"producer\":\"p\",\"epoch\":5,\"seq\":1,\"events\":[" EVENT "]}", now_ms());
    expect(f, p, "\"seq\":1,\"accepted\":1");
    assert_int_equal(counted(f).accepted, 1);
}

static void test_peer_leaves_before_its_answer(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        void *p = peer(f, ZMQ_DEALER);
        struct zsock_counters n;
        say(p, EVENT, now_ms());
        collect_zmq_counters(f->router, &n);
        uint64_t before = n.messages_in;
        TURN_UNTIL(f, (collect_zmq_counters(f->router, &n), n.messages_in > before));
        hang_up(f, p);
    }
    TURN_UNTIL(f, ingest_idle(f->in));
    assert_int_equal(counted(f).accepted, 20);
}

static void test_push(void **state)
{
    struct fixture *f = *state;
    void *p = peer(f, ZMQ_PUSH);
    say(p, EVENT, now_ms());
    say(p, "[" EVENT "," EVENT "]", now_ms(), now_ms());
    say(p, "{\"producer\":\"p\",\"epoch\":5,\"seq\":1,\"events\":[" EVENT "]}", now_ms());
    say(p, "no json");
    zmq_send(p, "two", 3, ZMQ_SNDMORE);
    say(p, "frames");
    TURN_UNTIL(f, counted(f).received >= 5 && ingest_idle(f->in));
    struct ingest_counters n = counted(f);
    assert_int_equal(n.accepted, 3);
    assert_int_equal(n.rejected[ST_MALFORMED], 2);
    assert_int_equal(n.batches_refused[ST_INVALID], 1); /* the numbered one */
    assert_int_equal(n.received, 5);
    struct zsock_counters z;
    collect_zmq_counters(f->pull, &z);
    assert_int_equal(z.messages_out, 0);
}

static void test_push_lost(void **state)
{
    struct fixture *f = *state;
    void *p = peer(f, ZMQ_PUSH);
    say(p, EVENT, now_ms());
    TURN_UNTIL(f, counted(f).accepted == 1);
    store_test_fail_commit(f->front, 1, ENOSPC);
    say(p, "[" EVENT "," EVENT "]", now_ms(), now_ms());
    TURN_UNTIL(f, counted(f).push_lost == 2);
    say(p, EVENT, now_ms());
    TURN_UNTIL(f, counted(f).accepted == 2);
    assert_int_equal(counted(f).received, 2);
}

/* A disk that failed for good: PUSH peers are not read any more, and lose nothing. */
static void test_push_is_held_back(void **state)
{
    struct fixture *f = *state;
    void *push = peer(f, ZMQ_PUSH), *dealer = peer(f, ZMQ_DEALER);
    struct zsock_counters n;
    store_test_fail_commit(f->front, 1, EIO);
    say(dealer, EVENT, now_ms());
    expect(f, dealer, "\"code\":\"io_error\"");
    for (int i = 0; i < 5; i++)
        say(push, EVENT, now_ms());
    say(dealer, EVENT, now_ms()); /* whoever can be answered still is */
    expect(f, dealer, "\"code\":\"io_error\"");
    for (int i = 0; i < 20; i++)
        loop_turn(f->loop, 5);
    collect_zmq_counters(f->pull, &n);
    assert_int_equal(n.messages_in, 0);
    assert_int_equal(counted(f).push_lost, 0);
}

static void test_stopping(void **state)
{
    struct fixture *f = *state;
    void *p = peer(f, ZMQ_DEALER);
    say(p, EVENT, now_ms());
    expect(f, p, "\"accepted\":1");
    ingest_stop(f->in);
    say(p, EVENT, now_ms());
    expect(f, p, "\"code\":\"shutting_down\"");
    TURN_UNTIL(f, ingest_idle(f->in));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_answers_in_kind),
        T(test_bad_messages_are_answered_in_their_place),
        T(test_req_peer_learns_about_frames),
        T(test_message_limit),
        T(test_refused_when_the_disk_is_full),
        T(test_peer_leaves_before_its_answer),
        T(test_push),
        T(test_push_lost),
        T(test_push_is_held_back),
        T(test_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
