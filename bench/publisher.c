/* The answer to message m is the m-th answer, so a refusal can be told from the echo of an earlier
 * one by counting: after a rewind, refusals of messages sent before it are expected and ignored. */
#include "bench/publisher.h"

#include <errno.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"

#define SILENCE_NS UINT64_C(30000000000)
#define SEND_BURST 8 /* batches sent between two looks at the answers */

struct answer {
    bool ok;
    char code[32];
    char message[160];
    uint64_t seq, accepted, duplicate, rejected, expected_seq, retry_after_ms;
};

enum status publisher_open(struct publisher *p, const struct publisher_options *o)
{
    *p = (struct publisher){.options = *o};
    CHECK(o->window >= 1 && o->window <= PUBLISHER_WINDOW);
    p->scratch = malloc(workload_batch_bytes_max(o->workload));
    if (!p->scratch)
        return ST_NO_MEMORY;
    p->socket = zmq_socket(o->zmq, ZMQ_DEALER);
    int unlimited = 0, linger = 0;
    if (!p->socket || zmq_setsockopt(p->socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited) != 0 ||
        zmq_setsockopt(p->socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited) != 0 ||
        zmq_setsockopt(p->socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_connect(p->socket, o->endpoint) != 0) {
        text_fmt(p->why, sizeof p->why, "%s: %s", o->endpoint, zmq_strerror(errno));
        publisher_close(p);
        return ST_IO_ERROR;
    }
    return ST_OK;
}

void publisher_close(struct publisher *p)
{
    if (p->socket)
        zmq_close(p->socket);
    p->socket = NULL;
    free(p->made_ms);
    p->made_ms = NULL;
    free(p->scratch);
    p->scratch = NULL;
}

/* ---- answers ---- */

static void text_of(const msgpack_object *v, char *to, size_t cap)
{
    if (v->type == MSGPACK_OBJECT_STR)
        text_fmt(to, cap, "%.*s", (int)v->via.str.size, v->via.str.ptr);
}

static void answer_field(struct answer *a, const msgpack_object_kv *kv)
{
    static const struct {
        const char *key;
        size_t at;
    } numbers[] = {{"seq", offsetof(struct answer, seq)},
                   {"accepted", offsetof(struct answer, accepted)},
                   {"duplicate", offsetof(struct answer, duplicate)},
                   {"rejected_n", offsetof(struct answer, rejected)},
                   {"expected_seq", offsetof(struct answer, expected_seq)},
                   {"retry_after_ms", offsetof(struct answer, retry_after_ms)}};
    if (kv->key.type != MSGPACK_OBJECT_STR)
        return;
    struct str key = {kv->key.via.str.ptr, kv->key.via.str.size};
    if (str_eq(key, STR("ok")))
        a->ok = kv->val.type == MSGPACK_OBJECT_BOOLEAN && kv->val.via.boolean;
    else if (str_eq(key, STR("code")))
        text_of(&kv->val, a->code, sizeof a->code);
    else if (str_eq(key, STR("message")))
        text_of(&kv->val, a->message, sizeof a->message);
    for (size_t i = 0; i < N_OF(numbers); i++) {
        if (str_eq(key, str_of(numbers[i].key)) && kv->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER)
            memcpy((char *)a + numbers[i].at, &kv->val.via.u64, sizeof(uint64_t));
    }
}

static bool answer_decode(const void *frame, size_t n, struct answer *a)
{
    *a = (struct answer){0};
    msgpack_unpacked u;
    msgpack_unpacked_init(&u);
    size_t at = 0;
    bool is_map = msgpack_unpack_next(&u, frame, n, &at) == MSGPACK_UNPACK_SUCCESS &&
                  u.data.type == MSGPACK_OBJECT_MAP;
    for (uint32_t i = 0; is_map && i < u.data.via.map.size; i++)
        answer_field(a, &u.data.via.map.ptr[i]);
    msgpack_unpacked_destroy(&u);
    return is_map;
}

static void on_ack(struct publisher *p, const struct answer *a, uint64_t batch, uint64_t now_ns)
{
    p->accepted += a->accepted;
    p->duplicate += a->duplicate;
    p->rejected += a->rejected;
    if (batch < p->acked)
        return; /* sent again after a rewind that turned out not to be needed */
    p->acked = batch + 1;
    p->last_ack_ns = now_ns;
    histogram_add(&p->latency, now_ns - p->asked_ns[batch % p->options.window]);
    atomic_fetch_add_explicit(&p->events_acked, workload_batch_events(p->options.workload),
                              memory_order_relaxed);
}

static enum status on_answer(struct publisher *p, const struct answer *a, uint64_t now_ns)
{
    uint64_t message = p->answer_n++;
    if (a->ok) {
        on_ack(p, a, p->ordinal_of[message % p->options.window], now_ns);
        return ST_OK;
    }
    bool again = strcmp(a->code, "busy") == 0 || strcmp(a->code, "storage_full") == 0 ||
                 strcmp(a->code, "gap") == 0;
    if (!again) {
        text_fmt(p->why, sizeof p->why, "refused with %s: %s", a->code, a->message);
        return ST_CONFLICT;
    }
    p->busy += strcmp(a->code, "gap") != 0;
    if (message < p->ignore)
        return ST_OK;
    p->ignore = p->sent_n;
    p->rewinds++;
    p->next = p->ordinal_of[message % p->options.window];
    if (strcmp(a->code, "gap") == 0 && a->expected_seq > 0)
        p->next = a->expected_seq - 1;
    if (p->next > p->made || p->next < p->acked) {
        text_fmt(p->why, sizeof p->why, "asked for batch %llu, has %llu to %llu",
                 (unsigned long long)p->next, (unsigned long long)p->acked,
                 (unsigned long long)p->made);
        return ST_INTERNAL;
    }
    p->wait_until_ns = now_ns + a->retry_after_ms * 1000000;
    return ST_OK;
}

/* Take every answer that is there; *got counts them. */
static enum status drain(struct publisher *p, unsigned *got)
{
    for (;;) {
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, p->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&msg);
            return errno == EAGAIN || errno == EINTR ? ST_OK : ST_IO_ERROR;
        }
        struct answer a;
        bool ok = answer_decode(zmq_msg_data(&msg), zmq_msg_size(&msg), &a);
        zmq_msg_close(&msg);
        if (!ok) {
            text_fmt(p->why, sizeof p->why, "an answer is not a map");
            return ST_MALFORMED;
        }
        ++*got;
        enum status st = on_answer(p, &a, clock_mono_ns());
        if (st != ST_OK)
            return st;
    }
}

/* ---- batches ---- */

static enum status remember(struct publisher *p, uint64_t batch, int64_t now_ms)
{
    if (batch >= p->made_cap) {
        size_t cap = p->made_cap ? p->made_cap * 2 : 65536;
        int64_t *grown = realloc(p->made_ms, cap * sizeof *grown);
        if (!grown)
            return ST_NO_MEMORY;
        p->made_ms = grown;
        p->made_cap = cap;
    }
    p->made_ms[batch] = now_ms;
    return ST_OK;
}

static enum status send_next(struct publisher *p, uint64_t due_ns)
{
    uint64_t slot = p->next % p->options.window;
    enum status st = ST_OK;
    if (p->next == p->made) {
        p->now_ms[slot] = p->options.now_ms ? p->options.now_ms : clock_now().wall_ms;
        p->asked_ns[slot] = due_ns;
        if (p->record)
            st = remember(p, p->next, p->now_ms[slot]);
        p->made++;
    }
    zmq_msg_t msg;
    size_t n = workload_batch(p->options.workload, p->next, p->now_ms[slot], p->scratch);
    if (st != ST_OK || zmq_msg_init_size(&msg, n) != 0)
        return ST_NO_MEMORY;
    memcpy(zmq_msg_data(&msg), p->scratch, n);
    if (zmq_msg_send(&msg, p->socket, 0) < 0) {
        zmq_msg_close(&msg);
        return ST_IO_ERROR;
    }
    p->ordinal_of[p->sent_n++ % p->options.window] = p->next++;
    return ST_OK;
}

/* Due time of the next batch at `rate`; start_ns and first belong to this run. */
static uint64_t due(const struct publisher *p, uint64_t start_ns, uint64_t first, uint64_t rate)
{
    if (rate == 0 || p->next < p->made)
        return 0;
    uint64_t events = (p->next - first) * workload_batch_events(p->options.workload);
    return start_ns + (uint64_t)((double)events * 1e9 / (double)rate);
}

/* Send what the window, the rate and the end of the run allow, at most SEND_BURST batches. */
static enum status send_some(struct publisher *p, const uint64_t run[3], uint64_t until,
                             uint64_t stop_ns)
{
    for (unsigned i = 0; i < SEND_BURST; i++) {
        uint64_t now = clock_mono_ns();
        bool ended = p->next == p->made && (p->next >= until || (stop_ns > 0 && now >= stop_ns));
        uint64_t at = due(p, run[0], run[1], run[2]);
        if (ended || p->sent_n - p->answer_n >= p->options.window ||
            p->next - p->acked >= p->options.window || now < p->wait_until_ns || now < at)
            return ST_OK;
        enum status st = send_next(p, at > 0 ? at : now);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status publisher_run(struct publisher *p, uint64_t until, uint64_t stop_ns, uint64_t rate)
{
    const uint64_t run[3] = {clock_mono_ns(), p->made, rate};
    uint64_t heard_ns = run[0];
    enum status st = ST_OK;
    while (st == ST_OK) {
        uint64_t sent = p->sent_n;
        st = send_some(p, run, until, stop_ns);
        unsigned got = 0;
        if (st == ST_OK)
            st = drain(p, &got);
        uint64_t now = clock_mono_ns();
        bool ended = p->made >= until || (stop_ns > 0 && now >= stop_ns);
        if (st != ST_OK || (ended && p->acked == p->made && p->answer_n == p->sent_n))
            break;
        if (got > 0 || p->answer_n == p->sent_n)
            heard_ns = now;
        if (now - heard_ns > SILENCE_NS) {
            text_fmt(p->why, sizeof p->why, "no answer for 30 s");
            return ST_AGAIN;
        }
        if (got == 0 && p->sent_n == sent) {
            zmq_pollitem_t item = {.socket = p->socket, .events = ZMQ_POLLIN};
            zmq_poll(&item, 1, 1);
        }
    }
    return st;
}
