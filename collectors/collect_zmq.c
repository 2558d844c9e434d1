/* A frame in, an answer out; everything between is ingest's. A message over the limit is read and
 * refused rather than dropped, up to a size where libzmq cuts the connection. */
#include "collectors/collect_zmq.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/log.h"

#define OVERSIZE_FACTOR   4  /* over message_bytes_max by so much: the connection is cut */
#define TURN_MESSAGES_MAX 64 /* some ms of work: a commit waits for the end of a turn */
#define TURN_BYTES_MAX    (UINT64_C(512) << 10)
#define SEND_QUEUE        4096 /* answers to one peer; more than any publisher's window */
#define ANSWER_BYTES_MAX  (1 << 20)

struct collect_zmq {
    struct ingest *in;
    struct zsock *sock;
    struct ingest_source source;
    uint64_t message_bytes_max;
    struct buf answer; /* reused */
};

static void on_answer(void *arg, const struct zpeer *to, const struct batch *b,
                      const struct outcome *o)
{
    struct collect_zmq *c = arg;

    buf_reset(&c->answer);
    ack_encode(b, o, &c->answer);
    if (c->answer.bad) {
        /* The peer sends again and is answered then. */
        log_line(LOG_ERROR, "collectors", "event=answer_dropped error=\"no memory\"");
        return;
    }
    zsock_send(c->sock, to, (struct str){0}, c->answer.p, c->answer.n);
}

static void on_message(void *arg, const struct zpeer *from, struct zmsg *m)
{
    struct collect_zmq *c = arg;
    struct ingest_reply reply = {.to = *from};
    char text[128];

    if (c->source.transport != INGEST_PUSH)
        reply = (struct ingest_reply){on_answer, c, *from};
    if (m == NULL) {
        ingest_refuse(c->in, &c->source, ST_MALFORMED,
                      "a message is one frame; this one had several", &reply);
    } else if (m->bytes > c->message_bytes_max) {
        text_fmt(text, sizeof(text), "the message has %zu bytes; at most %llu are allowed",
                 m->bytes, (unsigned long long)c->message_bytes_max);
        zmsg_free(m);
        ingest_refuse(c->in, &c->source, ST_TOO_LARGE, text, &reply);
    } else {
        ingest_submit(c->in, &c->source, m, &reply);
    }
}

static void on_pause(void *arg, bool paused)
{
    struct collect_zmq *c = arg;

    zsock_pause(c->sock, paused);
}

enum status collect_zmq_open(struct znet *net, struct ingest *in,
                             const struct collect_zmq_options *options, struct collect_zmq **out,
                             char why[static 256])
{
    struct collect_zmq *c = calloc(1, sizeof(*c));
    struct zsock_options sock;
    enum status st;

    if (c == NULL)
        return ST_NO_MEMORY;
    c->in = in;
    c->source.transport = options->type == ZSOCK_PULL ? INGEST_PUSH : INGEST_ZMQ;
    c->message_bytes_max = options->message_bytes_max;
    c->answer = buf_of(ANSWER_BYTES_MAX);
    sock = (struct zsock_options){
        .type = options->type,
        .endpoint = options->endpoint,
        .message_bytes_max = options->message_bytes_max * OVERSIZE_FACTOR,
        .connections_max = options->connections_max,
        .receive_queue = options->receive_queue,
        .send_queue = SEND_QUEUE,
        .turn_messages_max = TURN_MESSAGES_MAX,
        .turn_bytes_max = TURN_BYTES_MAX,
        .on_message = on_message,
        .arg = c,
    };
    st = zsock_open(net, &sock, &c->sock, why);
    if (st != ST_OK) {
        collect_zmq_close(&c);
        return st;
    }
    ingest_on_pause(in, c->source.transport, on_pause, c);
    *out = c;
    return ST_OK;
}

void collect_zmq_close(struct collect_zmq **cp)
{
    struct collect_zmq *c = *cp;

    if (c == NULL)
        return;
    zsock_close(&c->sock);
    buf_fini(&c->answer);
    free(c);
    *cp = NULL;
}

const char *collect_zmq_endpoint(const struct collect_zmq *c)
{
    return zsock_endpoint(c->sock);
}

void collect_zmq_counters(const struct collect_zmq *c, struct zsock_counters *out)
{
    zsock_counters(c->sock, out);
}
