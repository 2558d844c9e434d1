#include "bench/ceilings.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "bench/publisher.h"
#include "engine/base/clock.h"

/* {"ok": true, "seq": n, "accepted": 500} */
static const uint8_t ack_head[] = "\x83\xa2ok\xc3\xa8"
                                  "accepted\xcd\x01\xf4\xa3seq\xcf";
#define ACK_BYTES (sizeof ack_head - 1 + 8)

struct sink {
    void *socket; /* ROUTER, bound; the thread's from its start to its end */
    bool echo;    /* send back what came instead of an ack */
};

/* Answer everything until an empty message comes. */
static void *sink_main(void *arg)
{
    struct sink *s = arg;
    uint64_t seq = 0;
    for (;;) {
        zmq_msg_t id, body, answer;
        zmq_msg_init(&id);
        zmq_msg_init(&body);
        if (zmq_msg_recv(&id, s->socket, 0) < 0 || zmq_msg_recv(&body, s->socket, 0) < 0 ||
            zmq_msg_size(&body) == 0) {
            zmq_msg_close(&id);
            zmq_msg_close(&body);
            return NULL;
        }
        uint64_t be = __builtin_bswap64(++seq);
        zmq_msg_init(&answer);
        if (s->echo) {
            zmq_msg_move(&answer, &body);
        } else {
            zmq_msg_init_size(&answer, ACK_BYTES);
            memcpy(zmq_msg_data(&answer), ack_head, sizeof ack_head - 1);
            memcpy((uint8_t *)zmq_msg_data(&answer) + sizeof ack_head - 1, &be, 8);
        }
        zmq_msg_close(&body);
        zmq_msg_send(&id, s->socket, ZMQ_SNDMORE);
        zmq_msg_send(&answer, s->socket, 0);
    }
}

/* Bind a ROUTER and name where; NULL on failure. */
static void *bind_sink(void *zmq, const char *endpoint, char where[static 256])
{
    void *s = zmq_socket(zmq, ZMQ_ROUTER);
    int none = 0;
    size_t n = 256;
    if (s && zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none) == 0 &&
        zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none) == 0 &&
        zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none) == 0 && zmq_bind(s, endpoint) == 0 &&
        zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, where, &n) == 0)
        return s;
    if (s)
        zmq_close(s);
    return NULL;
}

/* A context each for the two ends, as two processes would have. */
struct pair {
    void *near, *far;
    struct sink sink;
    pthread_t thread;
    bool runs;
    char where[256];
};

static enum status pair_open(struct pair *p, const char *endpoint, bool echo)
{
    *p = (struct pair){.near = zmq_ctx_new(), .far = zmq_ctx_new(), .sink.echo = echo};
    p->sink.socket = bind_sink(p->far, endpoint, p->where);
    p->runs = p->sink.socket && pthread_create(&p->thread, NULL, sink_main, &p->sink) == 0;
    return p->runs ? ST_OK : ST_IO_ERROR;
}

/* `socket`: the near end, closed here; the sink stops at its empty message. */
static void pair_close(struct pair *p, void **socket)
{
    if (*socket && p->runs) {
        zmq_send(*socket, "", 0, 0);
        pthread_join(p->thread, NULL);
    }
    if (*socket)
        zmq_close(*socket);
    *socket = NULL;
    if (p->sink.socket)
        zmq_close(p->sink.socket);
    zmq_ctx_term(p->near);
    zmq_ctx_term(p->far);
}

enum status ceiling_transport(const char *endpoint, const struct workload *w, double seconds,
                              double *events_per_s)
{
    struct pair pair;
    struct publisher *p = calloc(1, sizeof *p);
    enum status st = p ? pair_open(&pair, endpoint, false) : ST_NO_MEMORY;
    if (!p)
        return st;
    struct publisher_options o = {pair.near, pair.where, w, PUBLISHER_WINDOW, 0};
    if (st == ST_OK)
        st = publisher_open(p, &o);
    uint64_t start = clock_mono_ns();
    if (st == ST_OK)
        st = publisher_run(p, UINT64_MAX, start + (uint64_t)(seconds * 1e9), 0);
    if (st == ST_OK)
        *events_per_s =
            (double)(p->acked * workload_batch_events(w)) * 1e9 / (double)(p->last_ack_ns - start);
    pair_close(&pair, &p->socket);
    publisher_close(p);
    free(p);
    return st;
}

enum status ceiling_round_trip(const char *endpoint, unsigned n, struct histogram *out)
{
    struct pair pair;
    enum status st = pair_open(&pair, endpoint, true);
    void *s = zmq_socket(pair.near, ZMQ_DEALER);
    int none = 0;
    if (st == ST_OK && (!s || zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none) != 0 ||
                        zmq_connect(s, pair.where) != 0))
        st = ST_IO_ERROR;
    char bytes[64] = {1};
    for (unsigned i = 0; i < n && st == ST_OK; i++) {
        uint64_t start = clock_mono_ns();
        if (zmq_send(s, bytes, sizeof bytes, 0) < 0 || zmq_recv(s, bytes, sizeof bytes, 0) < 0)
            st = ST_IO_ERROR;
        else if (i >= n / 10) /* the first tenth warms up */
            histogram_add(out, clock_mono_ns() - start);
    }
    pair_close(&pair, &s);
    return st;
}

enum status ceiling_sync(const char *dir, size_t bytes, unsigned n, struct histogram *out)
{
    char path[512];
    text_fmt(path, sizeof path, "%s/sync-XXXXXX", dir);
    int fd = mkstemp(path);
    if (fd < 0)
        return ST_IO_ERROR;
    (void)unlink(path); /* the file goes with fd */
    char *block = malloc(bytes);
    enum status st = block ? ST_OK : ST_NO_MEMORY;
    for (unsigned i = 0; i < n && st == ST_OK; i++) {
        memset(block, (int)i, bytes);
        uint64_t start = clock_mono_ns();
        if (pwrite(fd, block, bytes, (off_t)(i * bytes)) != (ssize_t)bytes || fdatasync(fd) != 0)
            st = ST_IO_ERROR;
        else
            histogram_add(out, clock_mono_ns() - start);
    }
    free(block);
    close(fd);
    return st;
}
