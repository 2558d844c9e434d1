/* One question, one answer. Answers to one peer come in the order of its questions, so the next
 * message is the answer; after a timeout the socket is replaced, or the late answer would be taken
 * for that of the next question. */
#include "clients/publish/answer.h"
#include "clients/publish/link.h"
#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define QUEUE_MAX          64
#define ANSWER_BYTES_MAX   (64u << 20)
#define QUESTION_BYTES_MAX (1u << 20)
#define KEY_BYTES          41
#define NS_PER_MS          1000000u

struct daybook_query {
    char *endpoint; /* owned */
    char keys[3][KEY_BYTES];
    bool has_keys;
    void *context; /* borrowed; NULL: the link's own */
    struct link link;
    struct buf answer; /* the last one and a NUL */
    struct buf text;
    struct buf question;
    struct daybook_error error;
};

static enum daybook_status connect_link(struct daybook_query *q)
{
    struct link_config config = {.endpoint = q->endpoint,
                                 .server_key = q->has_keys ? q->keys[0] : NULL,
                                 .public_key = q->has_keys ? q->keys[1] : NULL,
                                 .secret_key = q->has_keys ? q->keys[2] : NULL,
                                 .context = q->context,
                                 .queue_max = QUEUE_MAX};
    return link_open(&q->link, &config, &q->error);
}

static enum daybook_status copy_options(struct daybook_query *q,
                                        const struct daybook_query_options *o)
{
    const char *keys[3] = {o->server_key, o->public_key, o->secret_key};
    if (o->endpoint == NULL)
        return fail(&q->error, DAYBOOK_INVALID, "endpoint is missing (tcp://HOST:PORT)");
    q->context = o->zmq_context;
    q->endpoint = strdup(o->endpoint);
    if (q->endpoint == NULL)
        return fail(&q->error, DAYBOOK_NO_MEMORY, "no memory for a query");
    for (int i = 0; i < 3; i++) {
        q->has_keys |= keys[i] != NULL;
        if (keys[i] != NULL) /* a wrong length is found by the link */
            (void)text_fmt(q->keys[i], KEY_BYTES, "%s", keys[i]);
    }
    return DAYBOOK_OK;
}

enum daybook_status daybook_query_open(const struct daybook_query_options *options,
                                       struct daybook_query **out, struct daybook_error *error)
{
    if (options == NULL || out == NULL)
        return fail(error, DAYBOOK_INVALID, "options and out must not be NULL");
    struct daybook_query *q = calloc(1, sizeof *q);
    if (q == NULL)
        return fail(error, DAYBOOK_NO_MEMORY, "no memory for a query");
    q->answer = buf_of(ANSWER_BYTES_MAX);
    q->text = buf_of(ANSWER_BYTES_MAX);
    q->question = buf_of(QUESTION_BYTES_MAX);
    enum daybook_status st = copy_options(q, options);
    if (st == DAYBOOK_OK)
        st = connect_link(q);
    if (st != DAYBOOK_OK) {
        (void)fail(error, st, "%s", q->error.text);
        daybook_query_close(&q);
        return st;
    }
    *out = q;
    return DAYBOOK_OK;
}

void daybook_query_close(struct daybook_query **q)
{
    if (q == NULL || *q == NULL)
        return;
    link_close(&(*q)->link);
    buf_fini(&(*q)->answer);
    buf_fini(&(*q)->text);
    buf_fini(&(*q)->question);
    free((*q)->endpoint);
    free(*q);
    *q = NULL;
}

static enum daybook_status network_fault(struct daybook_query *q, const char *what)
{
    return fail(&q->error, DAYBOOK_NETWORK, "%s failed: %s", what, zmq_strerror(zmq_errno()));
}

static enum daybook_status send_question(struct daybook_query *q, const void *request, size_t n)
{
    if (q->link.socket == NULL) {
        enum daybook_status st = connect_link(q); /* an earlier one failed */
        if (st != DAYBOOK_OK)
            return st;
    }
    zmq_msg_t msg;
    if (zmq_msg_init_size(&msg, n) != 0)
        return fail(&q->error, DAYBOOK_NO_MEMORY, "no memory for a request of %zu bytes", n);
    memcpy(zmq_msg_data(&msg), request, n);
    enum daybook_status st = link_send(&q->link, &msg);
    if (st == DAYBOOK_OK)
        return st;
    (void)zmq_msg_close(&msg);
    return network_fault(q, "sending");
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_mono_ns() / NS_PER_MS);
}

/* OK: *msg holds the answer. */
static enum daybook_status await(struct daybook_query *q, zmq_msg_t *msg, int timeout_ms)
{
    int64_t end_ms = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    for (;;) {
        enum daybook_status st = link_receive(&q->link, msg);
        if (st == DAYBOOK_OK)
            return st;
        if (st == DAYBOOK_NETWORK)
            return network_fault(q, "receiving");
        int64_t left = end_ms < 0 ? -1 : end_ms - now_ms();
        if (end_ms >= 0 && left <= 0)
            return fail(&q->error, DAYBOOK_TIMEOUT, "no answer from %s within %d ms", q->endpoint,
                        timeout_ms);
        if (link_wait(&q->link, false, left) == DAYBOOK_NETWORK)
            return network_fault(q, "waiting");
    }
}

static enum daybook_status keep_answer(struct daybook_query *q, zmq_msg_t *msg,
                                       struct daybook_answer *out)
{
    struct answer a;
    buf_reset(&q->answer);
    buf_put(&q->answer, zmq_msg_data(msg), zmq_msg_size(msg));
    buf_u8(&q->answer, 0);
    if (q->answer.bad)
        return fail(&q->error, DAYBOOK_NO_MEMORY, "no memory for an answer of %zu bytes",
                    zmq_msg_size(msg));
    size_t n = q->answer.n - 1;
    if (!answer_read(q->answer.p, n, &q->text, &a))
        return fail(&q->error, DAYBOOK_CORRUPT, "an answer of %zu bytes cannot be read", n);
    *out = (struct daybook_answer){.bytes = (const char *)q->answer.p, .n = n};
    if (a.ok)
        return DAYBOOK_OK;
    return fail(&q->error, DAYBOOK_REFUSED, "%s: %s", a.code, a.message);
}

enum daybook_status daybook_query(struct daybook_query *q, const void *request, size_t n,
                                  int timeout_ms, struct daybook_answer *answer)
{
    if (q == NULL)
        return DAYBOOK_INVALID;
    q->error.text[0] = 0;
    if (request == NULL || n == 0 || answer == NULL)
        return fail(&q->error, DAYBOOK_INVALID, "request and answer must not be empty");
    enum daybook_status st = send_question(q, request, n);
    if (st != DAYBOOK_OK)
        return st;
    zmq_msg_t msg;
    (void)zmq_msg_init(&msg); /* cannot fail */
    st = await(q, &msg, timeout_ms);
    if (st == DAYBOOK_OK)
        st = keep_answer(q, &msg, answer);
    (void)zmq_msg_close(&msg);
    if (st == DAYBOOK_TIMEOUT || st == DAYBOOK_NETWORK)
        link_close(&q->link); /* the next question gets a new one */
    return st;
}

static void put_text(struct buf *b, const char *z)
{
    static const char hex[] = "0123456789abcdef";
    buf_u8(b, '"');
    for (; *z != 0; z++) {
        uint8_t c = (uint8_t)*z;
        if (c < 0x20) {
            buf_put(b, "\\u00", 4);
            buf_u8(b, (uint8_t)hex[c >> 4]);
            buf_u8(b, (uint8_t)hex[c & 15]);
            continue;
        }
        if (c == '"' || c == '\\')
            buf_u8(b, '\\');
        buf_u8(b, c);
    }
    buf_u8(b, '"');
}

static void put_value(struct buf *b, const struct daybook_param *p)
{
    char digits[24];
    if (p->text != NULL) {
        put_text(b, p->text);
        return;
    }
    size_t n = text_fmt(digits, sizeof digits, "%llu", (unsigned long long)p->number);
    buf_put(b, digits, n);
}

static bool same_name(const struct daybook_param *a, const struct daybook_param *b)
{
    return a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0;
}

/* The value of p, or an array of it and its neighbours of the same name; where the next one is. */
static const struct daybook_param *put_param(struct buf *b, const struct daybook_param *p)
{
    buf_u8(b, ',');
    put_text(b, p->name);
    buf_u8(b, ':');
    bool array = same_name(p, p + 1);
    if (array)
        buf_u8(b, '[');
    put_value(b, p);
    for (; same_name(p, p + 1); p++) {
        buf_u8(b, ',');
        put_value(b, p + 1);
    }
    if (array)
        buf_u8(b, ']');
    return p + 1;
}

enum daybook_status daybook_query_view(struct daybook_query *q, const char *view,
                                       const struct daybook_param *params, int timeout_ms,
                                       struct daybook_answer *answer)
{
    if (q == NULL)
        return DAYBOOK_INVALID;
    if (view == NULL)
        return fail(&q->error, DAYBOOK_INVALID, "view must not be NULL");
    struct buf *b = &q->question;
    buf_reset(b);
    buf_put(b, "{\"view\":", 8);
    put_text(b, view);
    while (params != NULL && params->name != NULL)
        params = put_param(b, params);
    buf_u8(b, '}');
    if (b->bad)
        return fail(&q->error, DAYBOOK_TOO_LARGE, "the request is over %u bytes",
                    QUESTION_BYTES_MAX);
    return daybook_query(q, b->p, b->n, timeout_ms, answer);
}

const char *daybook_query_error(const struct daybook_query *q)
{
    return q != NULL ? q->error.text : daybook_status_text(DAYBOOK_INVALID);
}
