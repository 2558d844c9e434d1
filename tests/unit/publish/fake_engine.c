#include "tests/unit/publish/fake_engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "clients/publish/item.h"
#include "clients/publish/pack.h"
#include "engine/base/check.h"

#define TURN_MS 5

/* What is read from one frame. */
struct message {
    bool readable;
    bool json;
    bool has_seq, has_request;
    uint64_t epoch, seq, request;
    char producer[64];
    uint64_t events_n;
    uint64_t value; /* of the first event */
};

static void read_events(struct items *it, struct message *m)
{
    CHECK(items_next(it).type == ITEM_ARRAY);
    for (;;) {
        uint32_t depth = it->depth;
        struct item v = items_next(it);
        if (v.type == ITEM_END)
            return;
        CHECK(v.type != ITEM_BAD);
        if (m->events_n++ == 0)
            m->value = v.type == ITEM_INT ? v.number : FAKE_VALUES_MAX; /* a real event */
        while (it->depth > depth) /* an event of more than one item */
            CHECK(items_next(it).type != ITEM_BAD);
    }
}

static struct message read_message(const void *frame, size_t n, struct buf *text)
{
    struct message m = {0};
    struct items it;
    CHECK(items_start(&it, frame, n, text));
    m.json = it.json;
    if (items_next(&it).type != ITEM_MAP)
        return m;
    struct item key;
    while ((key = items_next(&it)).type == ITEM_TEXT) {
        if (strcmp(key.text, "events") == 0) {
            read_events(&it, &m);
            continue;
        }
        struct item v = items_next(&it);
        if (strcmp(key.text, "producer") == 0) {
            CHECK(v.type == ITEM_TEXT && v.text_n < sizeof m.producer);
            memcpy(m.producer, v.text, v.text_n + 1);
            continue;
        }
        CHECK(v.type == ITEM_INT);
        if (strcmp(key.text, "epoch") == 0)
            m.epoch = v.number;
        m.has_seq |= strcmp(key.text, "seq") == 0;
        m.has_request |= strcmp(key.text, "request") == 0;
        if (strcmp(key.text, "seq") == 0)
            m.seq = v.number;
        if (strcmp(key.text, "request") == 0)
            m.request = v.number;
    }
    m.readable = key.type == ITEM_END && items_next(&it).type == ITEM_DONE;
    return m;
}

/* An answer under construction: text in JSON, bytes in msgpack. */
struct reply {
    bool json;
    struct buf body;
    uint32_t pairs_n;
};

static void key(struct reply *r, const char *name)
{
    if (r->json) {
        if (r->pairs_n > 0)
            buf_put(&r->body, ", ", 2);
        buf_u8(&r->body, '"');
        buf_put(&r->body, name, strlen(name));
        buf_put(&r->body, "\": ", 3);
    } else {
        pack_str(&r->body, str_of(name));
    }
    r->pairs_n++;
}

static void number(struct reply *r, const char *name, uint64_t v)
{
    char digits[24];
    key(r, name);
    if (r->json)
        buf_put(&r->body, digits, text_fmt(digits, sizeof digits, "%llu", (unsigned long long)v));
    else
        pack_u64(&r->body, v);
}

static void truth(struct reply *r, const char *name, bool v)
{
    key(r, name);
    if (r->json)
        buf_put(&r->body, v ? "true" : "false", v ? 4 : 5);
    else
        pack_bool(&r->body, v);
}

static void text(struct reply *r, const char *name, const char *v)
{
    key(r, name);
    if (r->json) {
        buf_u8(&r->body, '"');
        buf_put(&r->body, v, strlen(v));
        buf_u8(&r->body, '"');
    } else {
        pack_str(&r->body, str_of(v));
    }
}

static void echo(struct reply *r, const struct message *m)
{
    if (!m->readable)
        return;
    text(r, "producer", m->producer);
    if (m->has_seq) {
        number(r, "epoch", m->epoch);
        number(r, "seq", m->seq);
    }
    if (m->has_request)
        number(r, "request", m->request);
}

static void refuse(struct reply *r, const struct message *m, const char *code, bool retry)
{
    truth(r, "ok", false);
    text(r, "code", code);
    text(r, "message", "as the test wants it");
    truth(r, "retry", retry);
    echo(r, m);
}

static void reject(struct reply *r)
{
    key(r, "rejected");
    if (r->json) {
        static const char row[] =
            "[{\"index\": 0, \"code\": \"too_old\", \"message\": \"a \\u00e4\"}]";
        buf_put(&r->body, row, sizeof row - 1);
        return;
    }
    pack_array(&r->body, 1);
    pack_map(&r->body, 3);
    pack_str(&r->body, STR("index"));
    pack_u64(&r->body, 0);
    pack_str(&r->body, STR("code"));
    pack_str(&r->body, STR("too_old"));
    pack_str(&r->body, STR("message"));
    pack_str(&r->body, STR("a \xc3\xa4"));
}

static void acknowledge(struct reply *r, const struct message *m, bool duplicate, bool rejected)
{
    truth(r, "ok", true);
    number(r, "accepted", duplicate || rejected ? 0 : m->events_n);
    number(r, "duplicate", duplicate ? m->events_n : 0);
    number(r, "rejected_n", rejected ? 1 : 0);
    if (rejected) {
        reject(r);
    } else {
        key(r, "rejected");
        if (r->json)
            buf_put(&r->body, "[]", 2);
        else
            pack_array(&r->body, 0);
    }
    if (duplicate)
        text(r, "code", "duplicate");
    echo(r, m);
}

static bool times(_Atomic uint64_t *n)
{
    if (atomic_load(n) == 0)
        return false;
    atomic_fetch_sub(n, 1);
    return true;
}

static void apply(struct fake_engine *f, const struct message *m, const void *frame, size_t n)
{
    f->epoch = m->epoch;
    f->seq = m->seq;
    if (m->seq == f->refuse_seq)
        return;
    f->applied_n++;
    f->events_n += m->events_n;
    if (m->value < FAKE_VALUES_MAX)
        f->seen[m->value]++;
    if (f->on_batch != NULL)
        f->on_batch(f->context, frame, n);
}

static void gap(struct fake_engine *f, struct reply *r, const struct message *m, uint64_t expected)
{
    f->gap_n++;
    refuse(r, m, "gap", true);
    number(r, "expected_seq", expected);
}

/* Faults that are asked for by number and leave the cursor where it was. */
static bool fault(struct fake_engine *f, const struct message *m, struct reply *r)
{
    if (m->seq == f->busy_seq && times(&f->busy_times)) {
        f->busy_n++;
        refuse(r, m, "busy", true);
        number(r, "expected_seq", m->seq);
        if (f->busy_after_ms != 0)
            number(r, "retry_after_ms", f->busy_after_ms);
        return true;
    }
    if (m->seq == f->deny_seq && times(&f->deny_times)) {
        refuse(r, m, "unauthorized", false);
        number(r, "expected_seq", m->seq);
        return true;
    }
    if (m->seq == f->unnamed_seq) {
        struct message unnamed = {0};
        refuse(r, &unnamed, "malformed", false);
        return true;
    }
    return false;
}

/* WIRE 2, sentence by sentence. */
static void judge(struct fake_engine *f, const struct message *m, const void *frame, size_t n,
                  struct reply *r)
{
    if (!m->has_seq) {
        f->probe_n++;
        truth(r, "ok", true);
        number(r, "epoch", f->epoch);
        number(r, "seq", f->seq);
        echo(r, m);
    } else if (m->epoch < f->epoch) {
        refuse(r, m, "stale_epoch", false);
        number(r, "current_epoch", f->epoch);
    } else if (m->epoch > f->epoch && m->seq != 1) {
        gap(f, r, m, 1);
    } else if (m->epoch == f->epoch && m->seq <= f->seq) {
        f->duplicate_n++;
        acknowledge(r, m, true, false);
    } else if (m->epoch == f->epoch && m->seq > f->seq + 1) {
        gap(f, r, m, f->seq + 1);
    } else if (!fault(f, m, r)) {
        apply(f, m, frame, n);
        if (m->seq == f->refuse_seq)
            refuse(r, m, "invalid", false);
        else
            acknowledge(r, m, false, m->seq == f->reject_seq);
    }
}

static void answer(struct fake_engine *f, void *socket, zmq_msg_t *peer, zmq_msg_t *frame,
                   struct buf *scratch)
{
    const void *bytes = zmq_msg_data(frame);
    size_t n = zmq_msg_size(frame);
    f->messages_n++;
    if (f->deaf)
        return;
    struct message m = read_message(bytes, n, scratch);
    if (m.has_seq && m.seq != 0 && m.seq == f->lose_seq) {
        f->lose_seq = 0;
        return;
    }
    struct reply r = {.json = m.json, .body = buf_of(1 << 20)};
    if (m.readable) {
        judge(f, &m, bytes, n, &r);
    } else {
        f->unreadable_n++;
        refuse(&r, &m, "malformed", false);
    }
    struct buf whole = buf_of(1 << 20);
    if (r.json) {
        buf_u8(&whole, '{');
        buf_put(&whole, r.body.p, r.body.n);
        buf_u8(&whole, '}');
    } else {
        pack_map(&whole, r.pairs_n);
        buf_put(&whole, r.body.p, r.body.n);
    }
    if (!f->mute) {
        (void)zmq_msg_send(peer, socket, ZMQ_SNDMORE);
        (void)zmq_send(socket, whole.p, whole.n, 0);
    }
    buf_fini(&r.body);
    buf_fini(&whole);
}

/* One message from the socket, if there is one. */
static bool turn(struct fake_engine *f, void *socket, struct buf *scratch)
{
    zmq_msg_t peer, frame;
    (void)zmq_msg_init(&peer);
    (void)zmq_msg_init(&frame);
    bool got = zmq_msg_recv(&peer, socket, ZMQ_DONTWAIT) >= 0;
    if (got) {
        CHECK(zmq_msg_more(&peer));
        CHECK(zmq_msg_recv(&frame, socket, 0) >= 0);
        CHECK(!zmq_msg_more(&frame));
        answer(f, socket, &peer, &frame, scratch);
    }
    (void)zmq_msg_close(&peer);
    (void)zmq_msg_close(&frame);
    return got;
}

/* A restarted engine may have to wait until the port of the one before is free. */
static void *bound_socket(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    int none = 0;
    CHECK(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) == 0);
    /* A full ROUTER drops answers in silence: only `mute` may do that here. */
    CHECK(zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none) == 0);
    while (zmq_bind(socket, endpoint) != 0)
        CHECK(zmq_errno() == EADDRINUSE);
    return socket;
}

struct start {
    struct fake_engine *f;
    void *context;
    void *socket;
};

static void *run(void *argument)
{
    struct start start = *(struct start *)argument;
    struct fake_engine *f = start.f;
    free(argument);
    struct buf scratch = buf_of(64 << 20);
    sigset_t all;
    (void)sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0); /* signals are for the publisher */
    while (!f->stop) {
        zmq_pollitem_t item = {.socket = start.socket, .events = ZMQ_POLLIN};
        (void)zmq_poll(&item, f->halted ? 0 : 1, TURN_MS);
        while (!f->stop && !f->halted && turn(f, start.socket, &scratch))
            ;
    }
    buf_fini(&scratch);
    (void)zmq_close(start.socket);
    (void)zmq_ctx_term(start.context);
    return NULL;
}

void fake_engine_resume(struct fake_engine *f)
{
    struct start *start = calloc(1, sizeof *start);
    CHECK(start != NULL);
    start->f = f;
    start->context = zmq_ctx_new();
    bool fresh = f->endpoint[0] == 0;
    start->socket = bound_socket(start->context, fresh ? "tcp://127.0.0.1:*" : f->endpoint);
    size_t n = sizeof f->endpoint;
    if (fresh)
        CHECK(zmq_getsockopt(start->socket, ZMQ_LAST_ENDPOINT, f->endpoint, &n) == 0);
    f->stop = false;
    CHECK(pthread_create(&f->thread, NULL, run, start) == 0);
    f->running = true;
}

void fake_engine_start(struct fake_engine *f)
{
    memset(f, 0, sizeof *f);
    f->seen = calloc(FAKE_VALUES_MAX, 1);
    CHECK(f->seen != NULL);
    fake_engine_resume(f);
}

void fake_engine_halt(struct fake_engine *f)
{
    if (!f->running)
        return;
    f->stop = true;
    CHECK(pthread_join(f->thread, NULL) == 0);
    f->running = false;
}

void fake_engine_free(struct fake_engine *f)
{
    fake_engine_halt(f);
    free(f->seen);
}

uint64_t fake_engine_wrong(const struct fake_engine *f, uint64_t from, uint64_t end)
{
    uint64_t wrong_n = 0;
    for (uint64_t v = from; v < end; v++)
        wrong_n += f->seen[v] != 1;
    return wrong_n;
}
