/* The query socket over a real engine: stores, ingest, loop and ZeroMQ peers. Every question is
 * answered once, in order, in its encoding, with everything acknowledged before it. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <zmq.h>

#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/edge/query_socket.h"
#include "engine/ingest/tables.h"
#include "tests/unit/net/turn.h"

#define MESSAGE_MAX 20000

struct fixture {
    char dir[64];
    struct loop *loop;
    struct znet *net;
    struct store *front, *days;
    struct ingest *in;
    struct facts *facts;
    struct query_socket *socket;
    void *peers, *peer; /* a DEALER */
    unsigned acks;
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

static void count(const void *arg, struct zsock_counters *out)
{
    query_socket_counters(arg, out);
}

static void *connect_peer(struct fixture *f, int type)
{
    void *p = zmq_socket(f->peers, type);
    int linger = 0;
    assert_non_null(p);
    assert_int_equal(zmq_setsockopt(p, ZMQ_LINGER, &linger, sizeof(linger)), 0);
    assert_int_equal(zmq_connect(p, query_socket_endpoint(f->socket)), 0);
    return p;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    char why[256] = "";
    *state = f;
    text_fmt(f->dir, sizeof(f->dir), "%s/daybook.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(loop_new(&f->loop), ST_OK);
    assert_int_equal(znet_new(f->loop, 1, 8, &f->net), ST_OK);
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
    const struct facts_setup facts = {.loop = f->loop,
                                      .ingest = f->in,
                                      .front = f->front,
                                      .days = f->days,
                                      .floor_day = setup.options.floor_day};
    assert_int_equal(facts_new(&facts, &f->facts), ST_OK);
    const struct query_socket_options o = {.loop = f->loop,
                                           .net = f->net,
                                           .facts = f->facts,
                                           .endpoint = "tcp://127.0.0.1:*",
                                           .message_bytes_max = MESSAGE_MAX,
                                           .connections_max = 100,
                                           .receive_queue = 10000};
    if (query_socket_open(&o, &f->socket, why) != ST_OK)
        fail_msg("%s", why);
    facts_add_socket(f->facts, count, f->socket);
    f->peers = zmq_ctx_new();
    f->peer = connect_peer(f, ZMQ_DEALER);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    zmq_close(f->peer);
    zmq_ctx_term(f->peers);
    ingest_close(&f->in, false);
    query_socket_close(&f->socket);
    facts_free(&f->facts);
    znet_free(&f->net);
    loop_free(&f->loop);
    store_close(&f->front);
    store_close(&f->days);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static size_t receive(struct fixture *f, void *peer, char *to, size_t cap)
{
    int n = -1;
    TURN_UNTIL(f, (n = zmq_recv(peer, to, cap, ZMQ_DONTWAIT)) >= 0);
    assert_in_range(n, 1, cap);
    int more = 0;
    size_t size = sizeof(more);
    assert_int_equal(zmq_getsockopt(peer, ZMQ_RCVMORE, &more, &size), 0);
    assert_int_equal(more, 0);
    return (size_t)n;
}

static json_t *answer_of(struct fixture *f, void *peer)
{
    static char text[1 << 20];
    json_error_t error;
    const size_t n = receive(f, peer, text, sizeof text);
    json_t *a = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!a)
        fail_msg("%s: %.*s", error.text, (int)n, text);
    return a;
}

static json_t *ask(struct fixture *f, const char *question)
{
    assert_int_equal(zmq_send(f->peer, question, strlen(question), 0), strlen(question));
    return answer_of(f, f->peer);
}

static void on_ack(void *arg, const struct zpeer *to, const struct batch *b,
                   const struct outcome *o)
{
    struct fixture *f = arg;
    (void)to, (void)b;
    assert_int_equal(o->status, ST_OK);
    f->acks++;
}

/* Publish and wait for the acknowledgement. */
static void publish(struct fixture *f, const char *events)
{
    const struct ingest_source from = {.transport = INGEST_ZMQ};
    const struct ingest_reply reply = {on_ack, f, {.id_n = 0}};
    const unsigned before = f->acks;
    ingest_submit_bytes(f->in, &from, events, strlen(events), &reply);
    TURN_UNTIL(f, f->acks > before);
}

/* ---- tests ---- */

static void test_acknowledged_is_visible(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 20; i++) {
        char event[256];
        text_fmt(event, sizeof event,
                 "[{\"type\":\"record.created\",\"account\":7,\"app\":45,\"object_type\":"
                 "\"contacts\",\"time\":%lld}]",
                 (long long)clock_now().wall_ms);
        publish(f, event);
        json_t *a = ask(f, "{\"view\":\"records\",\"account\":7,\"group_by\":[]}");
        json_t *rows = json_object_get(json_object_get(a, "data"), "rows");
        assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "count")), i);
        assert_int_equal(json_integer_value(json_object_get(a, "position")), i);
        json_decref(a);
    }
}

/* Thousands of questions in flight, dear and cheap ones, take many turns; answers keep the order.
 */
static void test_order(void **state)
{
    struct fixture *f = *state;
    char question[128];
    for (unsigned i = 0; i < 3000; i++) {
        text_fmt(question, sizeof question, "{\"view\":\"%s\",\"request\":%u}",
                 i % 7   ? "schema"
                 : i % 2 ? "status"
                         : "none",
                 i);
        assert_int_equal(zmq_send(f->peer, question, strlen(question), 0), strlen(question));
    }
    for (unsigned i = 0; i < 3000; i++) {
        json_t *a = answer_of(f, f->peer);
        assert_int_equal(json_integer_value(json_object_get(a, "request")), i);
        assert_int_equal(json_is_true(json_object_get(a, "ok")), i % 7 || i % 2);
        json_decref(a);
    }
    assert_int_equal(query_socket_times(f->socket)->n, 3000);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static char large[MESSAGE_MAX + 1];
    json_t *a;

    assert_int_equal(zmq_send(f->peer, "{}", 2, ZMQ_SNDMORE), 2);
    assert_int_equal(zmq_send(f->peer, "{}", 2, 0), 2);
    a = answer_of(f, f->peer);
    assert_string_equal(json_string_value(json_object_get(a, "code")), "malformed");
    assert_non_null(strstr(json_string_value(json_object_get(a, "message")), "one frame"));
    json_decref(a);

    memset(large, ' ', sizeof large);
    assert_int_equal(zmq_send(f->peer, large, sizeof large, 0), sizeof large);
    a = answer_of(f, f->peer);
    assert_string_equal(json_string_value(json_object_get(a, "code")), "too_large");
    json_decref(a);

    a = ask(f, "{\"view\":\"records\",\"request\":\"x\"}");
    assert_string_equal(json_string_value(json_object_get(a, "code")), "bad_parameter");
    assert_string_equal(json_string_value(json_object_get(a, "request")), "x");
    json_decref(a);

    a = ask(f, "{\"view\":");
    assert_string_equal(json_string_value(json_object_get(a, "code")), "malformed");
    json_decref(a);
}

static void test_encodings_and_req(void **state)
{
    struct fixture *f = *state;
    char text[65536];
    assert_int_equal(zmq_send(f->peer, "\x82\xa4view\xa6schema\xa5limit\x01", 20, 0), 20);
    assert_true(receive(f, f->peer, text, sizeof text) > 20);
    assert_int_equal((uint8_t)text[0], 0x89); /* a map of 9: there is a cursor */

    void *req = connect_peer(f, ZMQ_REQ);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(zmq_send(req, "{\"view\":\"schema\",\"limit\":2}", 27, 0), 27);
        json_t *a = answer_of(f, req);
        assert_true(json_is_true(json_object_get(a, "ok")));
        json_decref(a);
    }
    zmq_close(req);
}

static void test_status_and_rejected(void **state)
{
    struct fixture *f = *state;
    publish(f, "[{\"type\":\"record.created\",\"account\":7,\"app\":45,\"object_type\":"
               "\"contacts\",\"time\":1,\"colour\":2},"
               "{\"type\":\"nothing\",\"account\":8,\"app\":9,\"time\":1}]");
    json_t *a = ask(f, "{\"view\":\"status\"}");
    json_t *data = json_object_get(a, "data");
    assert_int_equal(json_integer_value(json_object_get(data, "received")), 2);
    assert_int_equal(json_integer_value(json_object_get(data, "accepted")), 0);
    json_t *rejected = json_object_get(data, "rejected");
    assert_int_equal(json_integer_value(json_object_get(rejected, "too_old")) +
                         json_integer_value(json_object_get(rejected, "before_floor")) +
                         json_integer_value(json_object_get(rejected, "unknown_type")),
                     2);
    assert_int_equal(json_array_size(json_object_get(data, "stores")), 2);
    assert_int_equal(json_array_size(json_object_get(data, "tables")),
                     (int)FRONT_TABLES_N + (int)DAYS_TABLES_N);
    assert_int_equal(json_integer_value(json_object_get(data, "connections")), 1);
    assert_true(json_is_false(json_object_get(data, "degraded")));
    assert_string_equal(json_string_value(json_object_get(data, "version")), DAYBOOK_VERSION);
    json_decref(a);

    a = ask(f, "{\"view\":\"rejected\",\"account\":8}");
    json_t *rows = json_object_get(json_object_get(a, "data"), "rows");
    assert_int_equal(json_array_size(rows), 1);
    json_t *row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_object_get(row, "code")), "unknown_type");
    assert_string_equal(json_string_value(json_object_get(row, "transport")), "zmq");
    assert_true(json_is_string(json_object_get(row, "raw")));
    json_decref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_acknowledged_is_visible, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encodings_and_req, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_and_rejected, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
