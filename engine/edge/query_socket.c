/* A question in, an answer out, in the same turn: so the answers to one peer come in the order of
 * its questions, and nothing is kept between turns. A request is answered when it is durable, turns
 * later: what its peer sends meanwhile waits behind it. Ingest shares the loop: when questions have
 * taken their share of a turn, the rest of them wait in the socket for the next one. */
#include "engine/edge/query_socket.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/edge/action.h"

#define OVERSIZE_FACTOR   4 /* over message_bytes_max by so much: the connection is cut */
#define TURN_MESSAGES_MAX 64
#define TURN_BYTES_MAX    (UINT64_C(4) << 20)
#define TURN_NS_MAX       UINT64_C(4000000) /* of questions; one may begin just below it */
#define SEND_QUEUE        1024              /* answers to one peer that does not read */
#define ARENA_BYTES_MAX   ((size_t)64 << 20)
#define ACTIONS_MAX       256 /* requests on their way; one more is answered busy */
#define HELD_MAX          256 /* messages that wait behind a request; then the socket rests */

/* A request that is not answered yet. */
struct asked {
    struct query_socket *q;
    struct asked *next;
    struct zpeer peer;
};

/* A message of a peer whose request is not answered yet. */
struct held {
    struct held *next;
    struct zpeer peer;
    struct zmsg m;
    bool several; /* frames: there is no m */
};

struct query_socket {
    struct loop *loop;
    struct facts *facts;
    struct ingest *ingest; /* NULL: questions only */
    struct zsock *sock;
    uint64_t message_bytes_max;
    struct arena arena; /* of one request */
    struct buf answer;  /* reused */
    uint64_t spent_ns;  /* in this turn */
    bool resting;       /* until the end of this turn */
    struct asked *asked;
    uint32_t asked_n;
    struct held *held, **held_last; /* in the order of arrival */
    uint32_t held_n;
    struct metric_hist times;
};

/* ---- one question ---- */

static void refuse(struct query_socket *q, enum status code, const char *message)
{
    const struct request unread = {.encoding = ENCODING_JSON};
    query_refuse(&unread, code, str_of(message), &q->answer);
}

/* False: it is on its way, and will be answered later. */
static bool ask(struct query_socket *q, const struct zpeer *from, const struct request *r);

static bool answer(struct query_socket *q, const struct zpeer *from, const struct zmsg *m)
{
    struct query_result result;
    struct request r;
    arena_reset(&q->arena);
    request_decode(m->data, m->bytes, &q->arena, &r);
    if (q->ingest && action_is(&r))
        return ask(q, from, &r);
    facts_answer(q->facts, &r, QUERY_ANSWER, &q->answer, &result);
    return true;
}

static bool respond(struct query_socket *q, const struct zpeer *from, const struct zmsg *m)
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
        return answer(q, from, m);
    }
    return true;
}

/* ---- turns ---- */

static void pause_or_read(struct query_socket *q)
{
    if (q->sock)
        zsock_pause(q->sock, q->resting || q->held_n >= HELD_MAX);
}

static void wake(void *arg)
{
    struct query_socket *q = arg;
    q->resting = false;
    q->spent_ns = 0;
    pause_or_read(q);
}

static void spend(struct query_socket *q, uint64_t ns)
{
    metric_hist_add(&q->times, ns);
    if (q->spent_ns == 0)
        loop_defer_free(q->loop, wake, q); /* the end of the turn gives a new share */
    q->spent_ns += ns + 1;
    if (q->spent_ns >= TURN_NS_MAX && !q->resting) {
        q->resting = true;
        pause_or_read(q);
    }
}

static void send(struct query_socket *q, const struct zpeer *to, const struct buf *text)
{
    if (text->bad) /* the peer waits in vain and asks again */
        log_line(LOG_ERROR, "edge", "event=answer_dropped error=\"no memory\"");
    else if (q->sock)
        zsock_send(q->sock, to, (struct str){0}, text->p, text->n);
}

/* m is freed. */
static void take(struct query_socket *q, const struct zpeer *from, struct zmsg *m)
{
    const uint64_t start_ns = clock_mono_ns();
    const bool answered = respond(q, from, m);
    if (m)
        zmsg_free(m);
    if (answered)
        send(q, from, &q->answer);
    spend(q, clock_mono_ns() - start_ns);
}

/* ---- requests ---- */

static bool is_peer(const struct zpeer *a, const struct zpeer *b)
{
    return a->id_n == b->id_n && memcmp(a->id, b->id, a->id_n) == 0;
}

static bool has_asked(const struct query_socket *q, const struct zpeer *peer)
{
    const struct asked *a = q->asked;
    while (a && !is_peer(&a->peer, peer))
        a = a->next;
    return a != NULL;
}

static void hold(struct query_socket *q, const struct zpeer *from, struct zmsg *m)
{
    struct held *h = calloc(1, sizeof *h);
    CHECK(h != NULL); /* as libzmq does */
    h->peer = *from;
    h->several = m == NULL;
    if (m) {
        h->m = *m;
        *m = (struct zmsg){0};
    }
    *q->held_last = h;
    q->held_last = &h->next;
    q->held_n++;
    pause_or_read(q);
}

/* The first held message of a peer, out of the list; NULL: there is none. */
static struct held *unhold(struct query_socket *q, const struct zpeer *peer)
{
    struct held **at = &q->held, *h;
    while (*at && !is_peer(&(*at)->peer, peer))
        at = &(*at)->next;
    h = *at;
    if (!h)
        return NULL;
    *at = h->next;
    if (!h->next)
        q->held_last = at;
    q->held_n--;
    pause_or_read(q);
    return h;
}

static void on_done(void *arg, enum status status, struct str message, const struct buf *text)
{
    struct asked *a = arg, **at = &a->q->asked;
    struct query_socket *q = a->q;
    const struct zpeer peer = a->peer;
    struct held *h;
    (void)status; /* the text says it, and why */
    (void)message;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    q->asked_n--;
    free(a);
    send(q, &peer, text);
    while (!has_asked(q, &peer) && (h = unhold(q, &peer)) != NULL) {
        take(q, &peer, h->several ? NULL : &h->m);
        free(h);
    }
}

static bool ask(struct query_socket *q, const struct zpeer *from, const struct request *r)
{
    char why[256] = "";
    struct asked *a = q->asked_n < ACTIONS_MAX ? calloc(1, sizeof *a) : NULL;
    enum status st = ST_BUSY;
    if (a) {
        *a = (struct asked){q, q->asked, *from};
        struct query_context context;
        facts_context(q->facts, &context);
        const struct action_asker asker = {
            .from = {.transport = INGEST_ZMQ}, .context = &context, .fn = on_done, .arg = a};
        st = action_submit(q->ingest, r, &asker, why);
    }
    if (st != ST_OK) {
        free(a);
        query_refuse(r, st, str_of(why), &q->answer);
        return true;
    }
    q->asked = a;
    q->asked_n++;
    return false;
}

static void on_message(void *arg, const struct zpeer *from, struct zmsg *m)
{
    struct query_socket *q = arg;
    if (has_asked(q, from))
        hold(q, from, m);
    else
        take(q, from, m);
}

/* ---- open and close ---- */

static void release(void *arg)
{
    struct query_socket *q = arg;
    for (struct asked *a = q->asked, *next; a; a = next) {
        next = a->next;
        free(a);
    }
    for (struct held *h = q->held, *next; h; h = next) {
        next = h->next;
        zmsg_free(&h->m);
        free(h);
    }
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
    q->ingest = options->ingest;
    q->held_last = &q->held;
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
