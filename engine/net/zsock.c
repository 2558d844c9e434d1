/* Sockets: drained by turns, answered in the same thread.
 *
 * The one idea: the fd of a ZeroMQ socket tells only that something changed since the last look, so
 * it is trusted for nothing but waking the loop. Every turn drains every socket within its budget,
 * and before each wait ZMQ_EVENTS is read again, after the last send and receive of the turn. */
#include "engine/net/zsock.h"

#include "engine/net/zsock_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/check.h"

STATIC_CHECK(sizeof(((struct zmsg *)0)->space) >= sizeof(zmq_msg_t));

/* A wait that only the loop's heartbeat of one second can have ended. */
#define SAFETY_NET_MS 900

#define SOCKETS_MAX   20000

/* ---- messages ---- */

static zmq_msg_t *frame_of(struct zmsg *m)
{
    return (zmq_msg_t *)(void *)m->space;
}

void zmsg_free(struct zmsg *m)
{
    if (m->data != NULL)
        zmq_msg_close(frame_of(m)); /* fails only on what is not a message */
    *m = (struct zmsg){0};
}

static void free_bytes(void *p, void *hint)
{
    (void)hint;
    free(p);
}

/* libzmq keeps short frames inside zmq_msg_t itself; a zmsg is moved by assignment, so those bytes
 * go to the heap. */
static void settle(struct zmsg *m)
{
    zmq_msg_t *f = frame_of(m);
    m->bytes = zmq_msg_size(f);
    m->data = zmq_msg_data(f);
    uintptr_t at = (uintptr_t)m->data, self = (uintptr_t)m;
    if (at < self || at >= self + sizeof(*m))
        return;
    void *copy = malloc(m->bytes > 0 ? m->bytes : 1);
    CHECK(copy != NULL); /* as libzmq does */
    memcpy(copy, m->data, m->bytes);
    zmq_msg_close(f);
    CHECK(zmq_msg_init_data(f, copy, m->bytes, free_bytes, NULL) == 0);
    m->data = copy;
}

/* ---- receiving ---- */

static int events_of(const struct zsock *s)
{
    int events = 0;
    size_t n = sizeof(events);
    while (zmq_getsockopt(s->socket, ZMQ_EVENTS, &events, &n) != 0 && errno == EINTR)
        ;
    return events;
}

/* All frames of the message are in: hand it over. */
static void deliver(struct zsock *s)
{
    struct zmsg m = s->payload;
    unsigned payloads_n = s->payloads_n;
    s->payload = (struct zmsg){0};
    s->payloads_n = 0;
    s->frames_n = 0;
    s->n.messages_in++;
    if (payloads_n == 1) {
        s->o.on_message(s->o.arg, &s->from, &m);
        return;
    }
    zmsg_free(&m);
    s->n.multi_frame++;
    s->o.on_message(s->o.arg, &s->from, NULL);
}

/* One frame of: [routing id] on a ROUTER, [empty] from a REQ peer, then the payload. */
static void take_frame(struct zsock *s, struct zmsg *f)
{
    bool more = zmq_msg_more(frame_of(f)) != 0;
    size_t bytes = zmq_msg_size(frame_of(f));
    unsigned at = s->frames_n++;

    if (at == 0)
        s->from.delimiter = false;
    if (at == 0 && s->o.type == ZSOCK_ROUTER) {
        CHECK(bytes <= sizeof(s->from.id)); /* by the protocol */
        memcpy(s->from.id, zmq_msg_data(frame_of(f)), bytes);
        s->from.id_n = (uint8_t)bytes;
    } else if (at == 1 && s->o.type == ZSOCK_ROUTER && bytes == 0 && more) {
        s->from.delimiter = true;
    } else if (s->payloads_n++ == 0) {
        s->payload = *f;
        settle(&s->payload);
        s->n.bytes_in += bytes;
        f = NULL;
    }
    if (f != NULL)
        zmq_msg_close(frame_of(f));
    if (!more)
        deliver(s);
}

static void drain(struct zsock *s)
{
    uint64_t messages_end = s->n.messages_in + s->o.turn_messages_max;
    uint64_t bytes_end = s->n.bytes_in + s->o.turn_bytes_max;
    /* Frames of one message beyond the first few cost time but no budget of messages: bound them.
     */
    uint64_t frames = 4 * (uint64_t)s->o.turn_messages_max;

    while (!s->closed && !s->paused && frames-- > 0 && s->n.messages_in < messages_end &&
           s->n.bytes_in < bytes_end) {
        struct zmsg f;
        int n;
        zmq_msg_init(frame_of(&f));
        do
            n = zmq_msg_recv(frame_of(&f), s->socket, ZMQ_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return;
        take_frame(s, &f);
    }
}

/* Count what the fd should have told. Asked in this order a message that arrives in between is
 * taken for a missed one; that window is a fraction of a microsecond in an idle second. */
static void check_edge(struct zsock *s)
{
    struct pollfd p = {.events = POLLIN};
    size_t n = sizeof(p.fd);
    if (s->woken || s->paused || loop_waited_ms(s->net->loop) < SAFETY_NET_MS)
        return;
    if (zmq_getsockopt(s->socket, ZMQ_FD, &p.fd, &n) == 0 && poll(&p, 1, 0) == 0 &&
        (events_of(s) & ZMQ_POLLIN) != 0)
        s->n.missed_edges++;
}

/* ---- in the loop ---- */

static void bind_to_thread(struct znet *z)
{
    if (!z->bound_to_thread)
        z->thread = pthread_self();
    z->bound_to_thread = true;
    CHECK(pthread_equal(z->thread, pthread_self()));
}

static void on_wake(void *arg)
{
    struct zsock *s = arg;
    s->woken = true;
}

static bool ready(void *arg)
{
    struct zsock *s = arg;
    return (events_of(s) & ZMQ_POLLIN) != 0 && !s->paused;
}

static void release(void *p)
{
    free(p);
}

static void run(void *arg)
{
    struct zsock *s = arg;
    bind_to_thread(s->net);
    s->running = true;
    check_edge(s);
    zmonitor_run(s);
    drain(s);
    s->running = false;
    s->woken = false;
    if (s->closed) {
        struct zsock *dying = s;
        s->closed = false;
        zsock_close(&dying);
    }
}

void zsock_pause(struct zsock *s, bool paused)
{
    s->paused = paused;
    s->woken = true;
}

/* ---- sending ---- */

static int send_frame(struct zsock *s, const void *p, size_t n, int more)
{
    int rc;
    do
        rc = zmq_send(s->socket, p, n, ZMQ_DONTWAIT | more);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? errno : 0;
}

/* A subscriber that is full holds up nobody: it is told of first, to be counted, and then passed
 * over. Both frames of a message meet the same fate, for a queue counts whole messages. */
static int send_topic(struct zsock *s, struct str topic)
{
    int on = 1, off = 0;
    int rc = send_frame(s, topic.p, topic.n, ZMQ_SNDMORE);
    if (rc != EAGAIN)
        return rc;
    s->n.queue_full++;
    if (zmq_setsockopt(s->socket, ZMQ_XPUB_NODROP, &off, sizeof(off)) != 0)
        return errno;
    rc = send_frame(s, topic.p, topic.n, ZMQ_SNDMORE);
    return zmq_setsockopt(s->socket, ZMQ_XPUB_NODROP, &on, sizeof(on)) == 0 ? rc : errno;
}

void zsock_send(struct zsock *s, const struct zpeer *to, struct str topic, const void *p,
                size_t bytes)
{
    int rc;
    bind_to_thread(s->net);
    if (s->socket == NULL || s->closed)
        return;
    s->woken = true;
    if (s->o.type == ZSOCK_ROUTER) {
        CHECK(to != NULL && to->id_n > 0);
        rc = send_frame(s, to->id, to->id_n, ZMQ_SNDMORE);
        if (rc == 0 && to->delimiter)
            rc = send_frame(s, "", 0, ZMQ_SNDMORE);
    } else {
        CHECK(s->o.type == ZSOCK_XPUB && to == NULL);
        rc = send_topic(s, topic);
    }
    if (rc == 0)
        rc = send_frame(s, p, bytes, 0);
    if (rc == 0) {
        s->n.messages_out++;
        s->n.bytes_out += bytes;
    } else if (rc == EAGAIN) {
        s->n.queue_full++;
    } else {
        s->n.unroutable++;
    }
}

void zsock_counters(const struct zsock *s, struct zsock_counters *out)
{
    *out = s->n;
}

const char *zsock_endpoint(const struct zsock *s)
{
    return s->endpoint;
}

/* ---- open and close ---- */

static enum status join_loop(struct zsock *s)
{
    int fd;
    size_t n = sizeof(fd);
    enum status st = zmonitor_start(s);
    if (st != ST_OK)
        return st;
    if (zmq_getsockopt(s->socket, ZMQ_FD, &fd, &n) != 0)
        return zsock_status(errno);
    st = loop_watch(s->net->loop, fd, on_wake, s, &s->watch);
    if (st == ST_OK)
        st = loop_source(s->net->loop, ready, run, s, &s->source);
    return st;
}

static enum status open_socket(struct zsock *s, const char *endpoint, char *why)
{
    static const int types[] = {
        [ZSOCK_ROUTER] = ZMQ_ROUTER, [ZSOCK_PULL] = ZMQ_PULL, [ZSOCK_XPUB] = ZMQ_XPUB};
    size_t n = sizeof(s->endpoint);

    s->socket = zmq_socket(s->net->context, types[s->o.type]);
    enum status st = s->socket == NULL ? zsock_status(errno) : zsock_configure(s, endpoint);
    if (st == ST_OK)
        st = join_loop(s);
    if (st == ST_OK && zmq_bind(s->socket, endpoint) != 0)
        st = zsock_status(errno);
    if (st != ST_OK) {
        text_fmt(why, 256, "cannot listen on %s: %s%s", endpoint, zmq_strerror(errno),
                 st == ST_USAGE ? " (expected tcp://ADDRESS:PORT or ipc://PATH)" : "");
    } else if (zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->endpoint, &n) != 0) {
        text_fmt(s->endpoint, sizeof(s->endpoint), "%s", endpoint); /* longer than any address */
    }
    return st;
}

enum status zsock_open(struct znet *z, const struct zsock_options *options, struct zsock **out,
                       char why[static 256])
{
    CHECK(options->on_message != NULL);
    CHECK(options->turn_messages_max > 0 && options->turn_bytes_max > 0);
    CHECK(options->receive_queue > 0 && options->send_queue > 0);
    struct zsock *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        text_fmt(why, 256, "out of memory");
        return ST_NO_MEMORY;
    }
    s->net = z;
    s->o = *options;
    s->o.endpoint = NULL;
    s->next = z->first;
    z->first = s;
    enum status st = open_socket(s, options->endpoint, why);
    if (st == ST_OK)
        *out = s;
    else
        zsock_close(&s);
    return st;
}

static void unlink_sock(struct zsock *s)
{
    struct zsock **at = &s->net->first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
}

void zsock_close(struct zsock **sp)
{
    struct zsock *s = *sp;
    if (s == NULL)
        return;
    *sp = NULL;
    if (s->running) { /* from its own on_message: run finishes it */
        s->closed = true;
        return;
    }
    source_free(&s->source);
    loop_unwatch(&s->watch);
    if (s->socket != NULL) {
        zmonitor_stop(s);
        zmsg_free(&s->payload);
        zmq_close(s->socket);
    }
    unlink_sock(s);
    loop_defer_free(s->net->loop, release, s);
}

/* ---- the context ---- */

enum status znet_new(struct loop *l, unsigned io_threads, uint32_t sockets_max, struct znet **out)
{
    struct znet *z = calloc(1, sizeof(*z));
    if (z == NULL)
        return ST_NO_MEMORY;
    /* Each socket has a monitor with two ends. */
    int sockets = (int)(3 * (sockets_max < SOCKETS_MAX ? sockets_max : SOCKETS_MAX) + 1);
    z->loop = l;
    z->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    z->context = zmq_ctx_new();
    if (z->context == NULL || z->spare_fd < 0 ||
        zmq_ctx_set(z->context, ZMQ_IO_THREADS, (int)io_threads) != 0 ||
        zmq_ctx_set(z->context, ZMQ_MAX_SOCKETS, sockets) != 0) {
        enum status st = zsock_status(errno);
        znet_free(&z);
        return st;
    }
    *out = z;
    return ST_OK;
}

void znet_free(struct znet **zp)
{
    struct znet *z = *zp;
    if (z == NULL)
        return;
    *zp = NULL;
    while (z->first != NULL) {
        struct zsock *s = z->first;
        zsock_close(&s);
    }
    if (z->context != NULL)
        while (zmq_ctx_term(z->context) != 0 && errno == EINTR)
            ;
    if (z->spare_fd >= 0)
        close(z->spare_fd);
    free(z);
}
