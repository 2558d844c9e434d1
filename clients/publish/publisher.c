/* The calls of a publisher: arguments, blocking, and the open batch. What goes on between them and
 * the engine is pump.c. */
#include "clients/publish/publisher.h"

#include <time.h>

#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define ANSWER_TEXT_BYTES_MAX (16u << 20)
#define EVENT_ROOM_BYTES      (128u << 10)
#define QUEUE_SPARE           64u /* above the window: questions, and copies that are resent */

static enum daybook_status allocate(struct daybook_publisher *p, struct daybook_error *error)
{
    static const uint8_t head[BATCH_HEADER_BYTES] = {0};
    p->open = buf_of(p->batch_bytes_max + EVENT_ROOM_BYTES);
    p->spare = buf_of(EVENT_ROOM_BYTES);
    p->answer_text = buf_of(ANSWER_TEXT_BYTES_MAX);
    buf_put(&p->open, head, sizeof head);
    return p->open.bad ? fail(error, DAYBOOK_NO_MEMORY, "no memory for a publisher") : DAYBOOK_OK;
}

static void release(struct daybook_publisher *p)
{
    link_close(&p->link);
    outbox_close(&p->outbox);
    envelope_fini(&p->envelope);
    buf_fini(&p->open);
    buf_fini(&p->spare);
    buf_fini(&p->answer_text);
    free(p);
}

/* Take up what an earlier process left in the outbox. */
static void resume(struct daybook_publisher *p)
{
    struct outbox *o = &p->outbox;
    flow_begin(&p->flow, o->epoch, o->first, o->next, true);
    uint64_t end;
    uint64_t hole = outbox_hole(o, o->first, &end);
    if (hole < o->next)
        p->flow.fence = hole;
    if (outbox_is_on_disk(o) && o->spool.fence < p->flow.fence)
        p->flow.fence = o->spool.fence;
    p->stats.outbox_torn_bytes = o->spool.torn_bytes;
}

enum daybook_status daybook_publisher_open(const struct daybook_publisher_options *options,
                                           struct daybook_publisher **out,
                                           struct daybook_error *error)
{
    if (options == NULL || out == NULL)
        return fail(error, DAYBOOK_INVALID, "options and out must not be NULL");
    struct daybook_publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return fail(error, DAYBOOK_NO_MEMORY, "no memory for a publisher");
    p->outbox.spool = (struct spool){.dir_fd = -1, .lock_fd = -1, .next = {.fd = -1}};
    event_encoder_init(&p->encoder);
    struct outbox_config outbox = {0};
    enum daybook_status st = publisher_configure(p, options, &outbox, error);
    if (st == DAYBOOK_OK)
        st = allocate(p, error);
    if (st == DAYBOOK_OK) {
        st = outbox_open(&p->outbox, &outbox);
        if (st != DAYBOOK_OK)
            (void)fail(error, st, "%s", p->error.text);
    }
    if (st == DAYBOOK_OK) {
        resume(p);
        struct link_config link = {.endpoint = options->endpoint,
                                   .server_key = options->server_key,
                                   .public_key = options->public_key,
                                   .secret_key = options->secret_key,
                                   .context = options->zmq_context,
                                   .queue_max = (int)(p->flow.window + QUEUE_SPARE)};
        st = link_open(&p->link, &link, error);
    }
    if (st != DAYBOOK_OK) {
        release(p);
        return st;
    }
    *out = p;
    return DAYBOOK_OK;
}

static enum daybook_status usable(struct daybook_publisher *p)
{
    if (p == NULL)
        return DAYBOOK_INVALID;
    if (p->in_callback)
        return fail(&p->error, DAYBOOK_INVALID, "a callback must not call its publisher");
    return p->dead;
}

/* Milliseconds left until end_ms; negative means without end. */
static int64_t left_ms(int64_t end_ms)
{
    if (end_ms < 0)
        return -1;
    int64_t now_ms = pump_now_ms();
    return end_ms > now_ms ? end_ms - now_ms : 0;
}

static int64_t end_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : pump_now_ms() + timeout_ms;
}

/* One try, then wait for answers and try again until end_ms. */
struct attempt {
    enum daybook_status (*run)(struct daybook_publisher *p, const struct attempt *a);
    struct str body;
    uint64_t *seq;
};

static enum daybook_status try_seal(struct daybook_publisher *p, const struct attempt *a)
{
    (void)a;
    return pump_seal(p);
}

static enum daybook_status try_take(struct daybook_publisher *p, const struct attempt *a)
{
    return pump_take(p, a->body, a->seq);
}

static enum daybook_status persist(struct daybook_publisher *p, const struct attempt *a,
                                   int64_t end_ms)
{
    enum daybook_status st = a->run(p, a);
    while (st == DAYBOOK_AGAIN) {
        st = pump(p, NULL);
        if (st != DAYBOOK_OK)
            return st;
        st = a->run(p, a);
        int64_t left = left_ms(end_ms);
        if (st != DAYBOOK_AGAIN || left == 0)
            break;
        enum daybook_status waited = pump_wait(p, left);
        if (waited == DAYBOOK_NETWORK)
            return fail(&p->error, waited, "waiting failed: %s", zmq_strerror(zmq_errno()));
    }
    return st;
}

static const struct attempt seal_attempt = {.run = try_seal};

/* An event that made the batch too large moves to the next one. */
static enum daybook_status move_on(struct daybook_publisher *p, size_t start, int64_t end_ms)
{
    buf_reset(&p->spare);
    buf_put(&p->spare, p->open.p + start, p->open.n - start);
    p->open.n = start;
    if (p->spare.bad)
        return fail(&p->error, DAYBOOK_NO_MEMORY, "no memory for an event");
    enum daybook_status st = persist(p, &seal_attempt, end_ms);
    if (st != DAYBOOK_OK)
        return st;
    buf_put(&p->open, p->spare.p, p->spare.n);
    return DAYBOOK_OK;
}

static bool is_full(const struct daybook_publisher *p)
{
    return p->open_n >= p->batch_events_max || p->open.n >= p->batch_bytes_max + BATCH_HEADER_BYTES;
}

/* Within one batch the bound on its age is exact to a call; the clock is read for its first event
 * and whenever an event has no time of its own. */
static enum daybook_status take_event(struct daybook_publisher *p,
                                      const struct daybook_event *event, int64_t end_ms)
{
    enum daybook_status st = DAYBOOK_OK;
    if (is_full(p))
        st = persist(p, &seal_attempt, end_ms);
    if (st != DAYBOOK_OK)
        return st;
    size_t start = p->open.n;
    int64_t wall_ms = event->time_ms == 0 ? clock_now().wall_ms : 0;
    st = event_encode(&p->encoder, event, wall_ms, &p->open, &p->error);
    if (st == DAYBOOK_OK && p->open_n > 0 && p->open.n > p->batch_bytes_max + BATCH_HEADER_BYTES)
        st = move_on(p, start, end_ms);
    if (st != DAYBOOK_OK)
        return st;
    if (p->open_n++ == 0)
        p->open_since_ms = pump_now_ms();
    /* From here on the event is taken; what fails now is told by the next call. */
    if (is_full(p) || (p->linger_ms >= 0 && p->open_n % 64 == 1 &&
                       pump_now_ms() - p->open_since_ms >= p->linger_ms))
        (void)pump_seal(p);
    return DAYBOOK_OK;
}

enum daybook_status daybook_publish(struct daybook_publisher *p, const struct daybook_event *event)
{
    enum daybook_status st = usable(p);
    if (st != DAYBOOK_OK)
        return st;
    if (event == NULL)
        return fail(&p->error, DAYBOOK_INVALID, "event must not be NULL");
    st = take_event(p, event, end_of(p->block_ms));
    return st == DAYBOOK_AGAIN
               ? fail(&p->error, DAYBOOK_TIMEOUT, "the outbox was full for %d ms", p->block_ms)
               : st;
}

enum daybook_status daybook_try_publish(struct daybook_publisher *p,
                                        const struct daybook_event *event)
{
    enum daybook_status st = usable(p);
    if (st != DAYBOOK_OK)
        return st;
    if (event == NULL)
        return fail(&p->error, DAYBOOK_INVALID, "event must not be NULL");
    return take_event(p, event, 0);
}

/* An array in either encoding, by its first byte (in JSON: but for white space). */
static bool is_array(const uint8_t *p, size_t n)
{
    if (n > 0 && ((*p & 0xf0) == 0x90 || *p == 0xdc || *p == 0xdd))
        return true;
    while (n > 0 && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
        n--;
    }
    return n > 0 && *p == '[';
}

static enum daybook_status take_raw(struct daybook_publisher *p, struct str body, uint64_t *seq,
                                    int64_t end_ms)
{
    enum daybook_status st = usable(p);
    if (st != DAYBOOK_OK)
        return st;
    if (body.p == NULL || !is_array((const uint8_t *)body.p, body.n))
        return fail(&p->error, DAYBOOK_INVALID, "raw events must be a msgpack or JSON array");
    uint64_t number = 0;
    const struct attempt attempt = {.run = try_take, .body = body, .seq = &number};
    if (p->open_n > 0)
        st = persist(p, &seal_attempt, end_ms);
    if (st == DAYBOOK_OK)
        st = persist(p, &attempt, end_ms);
    if (st == DAYBOOK_OK && seq != NULL)
        *seq = number;
    return st;
}

enum daybook_status daybook_publish_raw(struct daybook_publisher *p, const void *bytes, size_t n,
                                        uint64_t *seq)
{
    int64_t end_ms = p != NULL && p->block_ms >= 0 ? end_of(p->block_ms) : -1;
    enum daybook_status st = take_raw(p, (struct str){bytes, n}, seq, end_ms);
    return st == DAYBOOK_AGAIN
               ? fail(&p->error, DAYBOOK_TIMEOUT, "the outbox was full for %d ms", p->block_ms)
               : st;
}

enum daybook_status daybook_try_publish_raw(struct daybook_publisher *p, const void *bytes,
                                            size_t n, uint64_t *seq)
{
    return take_raw(p, (struct str){bytes, n}, seq, 0);
}

enum daybook_status daybook_seal(struct daybook_publisher *p)
{
    enum daybook_status st = usable(p);
    return st == DAYBOOK_OK ? persist(p, &seal_attempt, 0) : st;
}

enum daybook_status daybook_poll(struct daybook_publisher *p, int timeout_ms)
{
    enum daybook_status st = usable(p);
    if (st != DAYBOOK_OK)
        return st;
    int64_t end_ms = end_of(timeout_ms);
    for (;;) {
        uint32_t answers = 0;
        st = pump(p, &answers);
        if (st == DAYBOOK_OK && p->fault != DAYBOOK_OK) {
            st = p->fault;
            p->fault = DAYBOOK_OK;
        }
        int64_t left = left_ms(end_ms);
        if (st != DAYBOOK_OK || answers > 0)
            return st;
        if (left == 0)
            return DAYBOOK_AGAIN;
        st = pump_wait(p, left);
        if (st == DAYBOOK_AGAIN)
            return st; /* a signal: its receiver may want to act */
        if (st == DAYBOOK_NETWORK)
            return fail(&p->error, st, "waiting failed: %s", zmq_strerror(zmq_errno()));
    }
}

enum daybook_status daybook_flush(struct daybook_publisher *p, int timeout_ms)
{
    enum daybook_status st = usable(p);
    int64_t end_ms = end_of(timeout_ms);
    if (st == DAYBOOK_OK)
        st = persist(p, &seal_attempt, end_ms);
    while (st == DAYBOOK_OK && p->flow.first < p->flow.next) {
        int64_t left = left_ms(end_ms);
        st = daybook_poll(p, left > INT32_MAX ? INT32_MAX : (int)left);
        if (st == DAYBOOK_AGAIN && left != 0)
            st = DAYBOOK_OK;
    }
    return st == DAYBOOK_AGAIN
               ? fail(&p->error, DAYBOOK_TIMEOUT, "%llu batches were not acknowledged in time",
                      (unsigned long long)(p->flow.next - p->flow.first))
               : st;
}

/* The epoch of an outbox in memory is its creation time: the next one must not be made within the
 * same millisecond. */
static void outlive_epoch(uint64_t epoch)
{
    const struct timespec moment = {.tv_nsec = 100000};
    while ((uint64_t)clock_now().wall_ms == epoch)
        (void)nanosleep(&moment, NULL); /* cut short by a signal, it is tried again */
}

enum daybook_status daybook_publisher_close(struct daybook_publisher **p, int timeout_ms)
{
    if (p == NULL || *p == NULL)
        return DAYBOOK_OK;
    struct daybook_publisher *x = *p;
    if (x->in_callback)
        return DAYBOOK_INVALID;
    enum daybook_status st = x->dead != DAYBOOK_OK ? x->dead : daybook_flush(x, timeout_ms);
    if (st == DAYBOOK_TIMEOUT && x->open_n > 0)
        st = DAYBOOK_AGAIN; /* even the outbox did not take it */
    if (!outbox_is_on_disk(&x->outbox) && !x->fixed_epoch)
        outlive_epoch(x->outbox.epoch);
    release(x);
    *p = NULL;
    return st;
}

int daybook_publisher_fd(struct daybook_publisher *p)
{
    if (p == NULL)
        return -1;
    p->fd_used = true;
    return link_fd(&p->link);
}

int daybook_publisher_wait_ms(struct daybook_publisher *p)
{
    if (p == NULL)
        return -1;
    /* The descriptor may have told of what came in before: ask the socket itself. */
    if (link_is_ready(&p->link, p->blocked))
        return 0;
    int64_t due_ms = pump_due_ms(p);
    return due_ms > INT32_MAX ? INT32_MAX : (int)due_ms;
}

enum daybook_status daybook_publisher_cursor(struct daybook_publisher *p, int timeout_ms,
                                             uint64_t *epoch, uint64_t *seq)
{
    enum daybook_status st = usable(p);
    if (st == DAYBOOK_OK && (epoch == NULL || seq == NULL))
        st = fail(&p->error, DAYBOOK_INVALID, "epoch and seq must not be NULL");
    if (st == DAYBOOK_OK)
        st = pump_probe(p, pump_now_ms());
    uint64_t id = p != NULL ? p->flow.probe_id : 0;
    int64_t end_ms = end_of(timeout_ms);
    while (st == DAYBOOK_OK && p->flow.probe_out) {
        int64_t left = left_ms(end_ms);
        st = daybook_poll(p, left > INT32_MAX ? INT32_MAX : (int)left);
        if (st == DAYBOOK_AGAIN)
            st = left == 0 ? DAYBOOK_TIMEOUT : DAYBOOK_OK;
    }
    if (st != DAYBOOK_OK)
        return st;
    if (p->flow.probe_id != id || !p->flow.cursor_known)
        return fail(&p->error, DAYBOOK_AGAIN, "the engine did not tell the cursor: %s",
                    p->answer.message != NULL ? p->answer.message : "");
    *epoch = p->flow.cursor_epoch;
    *seq = p->flow.cursor_seq;
    return DAYBOOK_OK;
}

const char *daybook_publisher_error(const struct daybook_publisher *p)
{
    return p != NULL ? p->error.text : daybook_status_text(DAYBOOK_INVALID);
}

void daybook_publisher_stats(const struct daybook_publisher *p, struct daybook_publisher_stats *out)
{
    if (p == NULL || out == NULL)
        return;
    *out = p->stats;
    out->epoch = p->flow.epoch;
    out->first_seq = p->flow.first;
    out->next_seq = p->flow.next;
    out->outbox_batches = p->flow.next - p->flow.first;
    out->outbox_bytes = p->outbox.bytes;
    out->in_flight = p->flow.send - p->flow.first;
    out->open_events = p->open_n;
    out->outbox_syncs = p->outbox.spool.syncs;
}
