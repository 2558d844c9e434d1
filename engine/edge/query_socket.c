/* A question in, an answer out, in the same turn: so the answers to one peer come in the order of
 * its questions, and nothing is kept between turns. Ingest shares the loop: when questions have
 * taken their share of a turn, the rest of them wait in the socket for the next one. */
#include "engine/edge/query_socket.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/log.h"

#define OVERSIZE_FACTOR   4 /* over message_bytes_max by so much: the connection is cut */
#define TURN_MESSAGES_MAX 64
#define TURN_BYTES_MAX    (UINT64_C(4) << 20)
#define TURN_NS_MAX       UINT64_C(4000000) /* of questions; one may begin just below it */
#define SEND_QUEUE        1024              /* answers to one peer that does not read */
#define ARENA_BYTES_MAX   ((size_t)64 << 20)

struct query_socket {
    struct loop *loop;
    struct facts *facts;
    struct zsock *sock;
    uint64_t message_bytes_max;
    struct arena arena; /* of one request */
    struct buf answer;  /* reused */
    uint64_t spent_ns;  /* in this turn */
    bool resting;       /* until the end of this turn */
    struct metric_hist times;
};

/* ---- one question ---- */

static void refuse(struct query_socket *q, enum status code, const char *message)
{
    const struct request unread = {.encoding = ENCODING_JSON};
    query_refuse(&unread, code, str_of(message), &q->answer);
}

static void answer(struct query_socket *q, const void *frame, size_t bytes)
{
    struct query_result result;
    struct request r;
    arena_reset(&q->arena);
    request_decode(frame, bytes, &q->arena, &r);
    facts_answer(q->facts, &r, QUERY_ANSWER, &q->answer, &result);
}

static void respond(struct query_socket *q, const struct zmsg *m)
{
    char text[128];
    buf_reset(&q->answer);
    if (m == NULL) {
        refuse(q, ST_MALFORMED, "a message is one frame; this one had several");
    } else if (m->bytes > q->message_bytes_max) {
        text_fmt(text, sizeof(text), "the message has %zu bytes; at most %llu are allowed",
                 m->bytes, (unsigned long long)q->message_bytes_max);
        refuse(q, ST_TOO_LARGE, text);
    } else {
        answer(q, m->data, m->bytes);
    }
}

/* ---- turns ---- */

static void wake(void *arg)
{
    struct query_socket *q = arg;
    q->resting = false;
    q->spent_ns = 0;
    if (q->sock)
        zsock_pause(q->sock, false);
}

static void spend(struct query_socket *q, uint64_t ns)
{
    metric_hist_add(&q->times, ns);
    if (q->spent_ns == 0)
        loop_defer_free(q->loop, wake, q); /* the end of the turn gives a new share */
    q->spent_ns += ns + 1;
    if (q->spent_ns >= TURN_NS_MAX && !q->resting) {
        q->resting = true;
        zsock_pause(q->sock, true);
    }
}

static void on_message(void *arg, const struct zpeer *from, struct zmsg *m)
{
    struct query_socket *q = arg;
    const uint64_t start_ns = clock_mono_ns();
    respond(q, m);
    if (m)
        zmsg_free(m);
    if (q->answer.bad) /* the peer waits in vain and asks again */
        log_line(LOG_ERROR, "edge", "event=answer_dropped error=\"no memory\"");
    else
        zsock_send(q->sock, from, (struct str){0}, q->answer.p, q->answer.n);
    spend(q, clock_mono_ns() - start_ns);
}

/* ---- open and close ---- */

static void release(void *arg)
{
    struct query_socket *q = arg;
    arena_fini(&q->arena);
    buf_fini(&q->answer);
    free(q);
}

enum status query_socket_open(const struct query_socket_options *options, struct query_socket **out,
                              char why[static 256])
{
    struct query_socket *q = calloc(1, sizeof *q);
    if (!q) {
        text_fmt(why, 256, "out of memory");
        return ST_NO_MEMORY;
    }
    q->loop = options->loop;
    q->facts = options->facts;
    q->message_bytes_max = options->message_bytes_max;
    q->arena.max_bytes = ARENA_BYTES_MAX;
    q->answer = buf_of(ARENA_BYTES_MAX);
    const struct zsock_options sock = {
        .type = ZSOCK_ROUTER,
        .endpoint = options->endpoint,
        .message_bytes_max = options->message_bytes_max * OVERSIZE_FACTOR,
        .connections_max = options->connections_max,
        .receive_queue = options->receive_queue,
        .send_queue = SEND_QUEUE,
        .turn_messages_max = TURN_MESSAGES_MAX,
        .turn_bytes_max = TURN_BYTES_MAX,
        .on_message = on_message,
        .arg = q,
    };
    enum status st = zsock_open(options->net, &sock, &q->sock, why);
    if (st != ST_OK) {
        release(q);
        return st;
    }
    *out = q;
    return ST_OK;
}

/* The end of this turn may still have `wake` to run: q goes after it. */
void query_socket_close(struct query_socket **qp)
{
    struct query_socket *q = *qp;
    if (!q)
        return;
    *qp = NULL;
    zsock_close(&q->sock);
    loop_defer_free(q->loop, release, q);
}

const char *query_socket_endpoint(const struct query_socket *q)
{
    return zsock_endpoint(q->sock);
}

void query_socket_counters(const struct query_socket *q, struct zsock_counters *out)
{
    zsock_counters(q->sock, out);
}

const struct metric_hist *query_socket_times(const struct query_socket *q)
{
    return &q->times;
}
