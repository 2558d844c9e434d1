/* What goes on inside the calls: answers in, timers, batches out. The flow decides, this file does.
 *
 * Order of one turn: answers, timers, the open batch's age, sending. When the caller watches the
 * descriptor, turns go on until the socket itself says that nothing is left, asked after the last
 * send or receive: its descriptor tells of each change only once. */
#include "clients/publish/publisher.h"

#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/crash_point.h"
#include "engine/base/clock.h"

#define NS_PER_MS         1000000u
#define LISTEN_EVERY      16u   /* batches published between looks for answers */
#define ANSWERS_A_TURN    4096u /* then the timers get their turn */
#define RENEW_RETRY_MS    1000
#define PROBE_BYTES_MAX   1024u
#define LOST_RANGES_BYTES (1u << 20)

int64_t pump_now_ms(void)
{
    return (int64_t)(clock_mono_ns() / NS_PER_MS);
}

static void report_ack(struct daybook_publisher *p, uint64_t seq, bool implied, bool refused)
{
    if (p->on_ack == NULL)
        return;
    const struct outbox_entry *e = outbox_entry(&p->outbox, seq);
    struct daybook_ack ack = {.epoch = p->flow.epoch,
                              .seq = seq,
                              .implied = implied,
                              .code = "ok",
                              .message = "",
                              .age_us = (clock_mono_ns() - e->born_ns) / 1000};
    if (!implied) {
        const struct answer *a = &p->answer;
        ack.refused = refused;
        ack.accepted = a->accepted;
        ack.duplicate = a->duplicate;
        ack.rejected = a->rejected;
        ack.code = *a->code != 0 ? a->code : "ok";
        ack.message = a->message;
        ack.rejections = a->rejections;
        ack.rejections_n = a->rejections_n;
    }
    p->in_callback = true;
    p->on_ack(p->context, &ack);
    p->in_callback = false;
}

static void report_lost(struct daybook_publisher *p, struct daybook_lost lost, uint64_t lost_end)
{
    lost.to_seq = lost_end - 1; /* one below from_seq when nothing is lost */
    if (lost_end > lost.from_seq)
        p->stats.batches_lost += lost_end - lost.from_seq;
    if (p->on_lost == NULL)
        return;
    p->in_callback = true;
    p->on_lost(p->context, &lost);
    p->in_callback = false;
}

static void settle(struct daybook_publisher *p, uint64_t through, bool refused, int64_t now_ms)
{
    for (uint64_t seq = p->flow.first; seq <= through; seq++) {
        if (seq < p->flow.send)
            p->flight_bytes -= outbox_entry(&p->outbox, seq)->bytes;
        report_ack(p, seq, seq < through, refused);
        p->stats.batches_acked += seq < through || !refused;
    }
    p->stats.batches_refused += refused;
    p->stats.events_accepted += p->answer.accepted;
    p->stats.events_duplicate += p->answer.duplicate;
    p->stats.events_rejected += p->answer.rejected;
    CRASH_POINT("outbox_before_drop");
    outbox_drop(&p->outbox, through);
    flow_settle(&p->flow, through, now_ms);
}

/* Ranges of holes from seq on, as pairs of numbers. */
static void list_holes(const struct outbox *o, uint64_t seq, struct buf *to)
{
    buf_reset(to);
    uint64_t end;
    while ((seq = outbox_hole(o, seq, &end)) < o->next) {
        buf_put(to, &seq, sizeof seq);
        buf_put(to, &end, sizeof end);
        seq = end;
    }
}

static void report_holes(struct daybook_publisher *p, struct daybook_lost lost,
                         const struct buf *holes)
{
    lost.why = DAYBOOK_LOST_IN_OUTBOX;
    uint64_t range[2];
    for (size_t at = 0; at + sizeof range <= holes->n; at += sizeof range) {
        memcpy(range, holes->p + at, sizeof range);
        lost.from_seq = range[0];
        report_lost(p, lost, range[1]);
    }
}

/* A failed renewal is tried again: the old epoch is still in force, and the engine will say again
 * what made us leave it. */
static void begin_epoch(struct daybook_publisher *p, const struct flow_break *cut, int64_t now_ms)
{
    uint64_t old_epoch = p->flow.epoch;
    if (p->fixed_epoch) {
        p->dead =
            fail(&p->error, DAYBOOK_FENCED, "epoch %llu is no longer valid (batches from %llu on)",
                 (unsigned long long)old_epoch, (unsigned long long)cut->lost_from);
        return;
    }
    uint64_t wall_ms = (uint64_t)clock_now().wall_ms;
    uint64_t epoch = wall_ms > cut->epoch_min ? wall_ms : cut->epoch_min;
    struct buf holes = buf_of(LOST_RANGES_BYTES);
    enum daybook_status st;
    do { /* each time it finds a batch damaged, that batch becomes a hole */
        list_holes(&p->outbox, cut->keep_from, &holes);
        st = outbox_renew(&p->outbox, &p->envelope, epoch, cut->keep_from);
    } while (st == DAYBOOK_CORRUPT);
    if (st != DAYBOOK_OK) {
        p->flow.send = p->flow.first;
        p->flow.careful = true;
        p->flow.pause_until_ms = now_ms + RENEW_RETRY_MS;
    } else {
        flow_begin(&p->flow, epoch, 1, p->outbox.next, false);
        p->stats.epochs++;
        struct daybook_lost lost = {
            .why = cut->why, .epoch = old_epoch, .from_seq = cut->lost_from, .new_epoch = epoch};
        report_lost(p, lost, cut->lost_end);
        report_holes(p, lost, &holes);
    }
    p->flight_bytes = 0;
    buf_fini(&holes);
}

/* All before the fence is settled: what follows must leave this epoch. */
static void cross_fence(struct daybook_publisher *p, int64_t now_ms)
{
    if (p->flow.first != p->flow.fence || now_ms < p->flow.pause_until_ms || p->dead != DAYBOOK_OK)
        return;
    uint64_t first = p->flow.first;
    uint64_t end;
    if (outbox_hole(&p->outbox, first, &end) != first)
        end = first; /* nothing is missing, the numbers are worn */
    struct flow_break cut = {.why = DAYBOOK_LOST_IN_OUTBOX,
                             .lost_from = first,
                             .lost_end = end,
                             .keep_from = end,
                             .epoch_min = p->flow.epoch + 1};
    begin_epoch(p, &cut, now_ms);
}

static void judge(struct daybook_publisher *p, int64_t now_ms)
{
    struct flow_result r = flow_answer(&p->flow, &p->answer, now_ms);
    p->stats.gaps += r.gap;
    switch (r.verdict) {
    case FLOW_TAKEN:
    case FLOW_REFUSED:
        settle(p, r.through, r.verdict == FLOW_REFUSED, now_ms);
        break;
    case FLOW_WAIT:
        p->stats.busy++;
        (void)fail(&p->error, DAYBOOK_AGAIN, "the engine answers %s: %s", p->answer.code,
                   p->answer.message);
        p->stats.rewinds++;
        p->flight_bytes = 0;
        break;
    case FLOW_REWIND:
        p->stats.rewinds++;
        p->flight_bytes = 0;
        break;
    case FLOW_EPOCH:
        begin_epoch(p, &r.cut, now_ms);
        break;
    case FLOW_BAD:
        p->stats.bad_answers++;
        break;
    case FLOW_NOTHING:
    case FLOW_STALE:
        break;
    }
}

static enum daybook_status listen(struct daybook_publisher *p, int64_t now_ms, uint32_t *answers)
{
    zmq_msg_t msg;
    (void)zmq_msg_init(&msg); /* cannot fail */
    enum daybook_status st = DAYBOOK_OK;
    uint32_t n = 0;
    while (n < ANSWERS_A_TURN && p->dead == DAYBOOK_OK &&
           (st = link_receive(&p->link, &msg)) == DAYBOOK_OK) {
        n++;
        if (answer_read(zmq_msg_data(&msg), zmq_msg_size(&msg), &p->answer_text, &p->answer))
            judge(p, now_ms);
        else
            p->stats.bad_answers++;
    }
    (void)zmq_msg_close(&msg);
    p->unheard_n = 0;
    *answers += n;
    return st == DAYBOOK_NETWORK
               ? fail(&p->error, st, "receiving failed: %s", zmq_strerror(zmq_errno()))
               : DAYBOOK_OK;
}

enum daybook_status pump_probe(struct daybook_publisher *p, int64_t now_ms)
{
    struct buf b = buf_of(PROBE_BYTES_MAX);
    envelope_cursor(&p->envelope, p->flow.epoch, p->flow.probe_id + 1, &b);
    zmq_msg_t msg;
    if (b.bad || zmq_msg_init_size(&msg, b.n) != 0) {
        buf_fini(&b);
        return fail(&p->error, DAYBOOK_NO_MEMORY, "no memory to ask for the cursor");
    }
    memcpy(zmq_msg_data(&msg), b.p, b.n);
    buf_fini(&b);
    enum daybook_status st = link_send(&p->link, &msg);
    if (st == DAYBOOK_OK) {
        (void)flow_probed(&p->flow, now_ms);
        p->stats.probes++;
    } else {
        (void)zmq_msg_close(&msg);
        p->blocked = st == DAYBOOK_AGAIN;
    }
    return st;
}

static enum daybook_status run_timers(struct daybook_publisher *p, int64_t now_ms)
{
    enum daybook_status st = DAYBOOK_OK;
    switch (flow_timer(&p->flow, now_ms)) {
    case FLOW_PROBE:
        st = pump_probe(p, now_ms);
        break;
    case FLOW_RESEND:
        p->stats.rewinds++;
        p->flight_bytes = 0;
        break;
    case FLOW_IDLE:
        break;
    }
    return st == DAYBOOK_AGAIN ? DAYBOOK_OK : st;
}

static bool may_send(const struct daybook_publisher *p, int64_t now_ms)
{
    /* One batch may always be under way, however large. */
    return flow_may_send(&p->flow, now_ms) &&
           (p->flight_bytes < p->window_bytes_max || p->flow.send == p->flow.first);
}

/* Hand *msg, which is batch `send`, to the network. It is emptied in any case. */
static enum daybook_status send_message(struct daybook_publisher *p, zmq_msg_t *msg, int64_t now_ms)
{
    size_t n = zmq_msg_size(msg);
    enum daybook_status st = link_send(&p->link, msg);
    p->blocked = st == DAYBOOK_AGAIN;
    if (st == DAYBOOK_OK) {
        p->stats.batches_sent++;
        p->stats.batches_resent += p->flow.send < p->flow.sent_end;
        p->flight_bytes += n;
        flow_sent(&p->flow, now_ms);
    } else {
        (void)zmq_msg_close(msg);
        if (st == DAYBOOK_NETWORK)
            (void)fail(&p->error, st, "sending failed: %s", zmq_strerror(zmq_errno()));
    }
    return st;
}

static enum daybook_status send_waiting(struct daybook_publisher *p, int64_t now_ms)
{
    enum daybook_status st = DAYBOOK_OK;
    while (st == DAYBOOK_OK && may_send(p, now_ms)) {
        zmq_msg_t msg;
        st = outbox_message(&p->outbox, p->flow.send, &msg);
        if (st == DAYBOOK_CORRUPT) {
            p->flow.fence = p->flow.send; /* what is before it first */
            cross_fence(p, now_ms);
            st = DAYBOOK_OK;
        } else if (st == DAYBOOK_OK) {
            st = send_message(p, &msg, now_ms);
        }
    }
    return st == DAYBOOK_AGAIN ? DAYBOOK_OK : st;
}

static void seal_by_age(struct daybook_publisher *p, int64_t now_ms)
{
    if (p->open_n == 0 || p->linger_ms < 0 || now_ms - p->open_since_ms < p->linger_ms)
        return;
    enum daybook_status st = pump_seal(p);
    if (st != DAYBOOK_OK && st != DAYBOOK_AGAIN)
        p->fault = st;
}

enum daybook_status pump(struct daybook_publisher *p, uint32_t *answers)
{
    uint32_t n = 0;
    enum daybook_status st = p->dead;
    do {
        int64_t now_ms = pump_now_ms();
        if (st == DAYBOOK_OK)
            st = listen(p, now_ms, &n);
        if (st == DAYBOOK_OK)
            st = p->dead;
        p->blocked = false; /* what has to be sent now will say so again */
        if (st == DAYBOOK_OK) {
            cross_fence(p, now_ms);
            st = run_timers(p, now_ms);
        }
        if (st == DAYBOOK_OK) {
            seal_by_age(p, now_ms);
            st = send_waiting(p, now_ms);
        }
    } while (st == DAYBOOK_OK && p->fd_used && link_is_ready(&p->link, p->blocked));
    if (answers != NULL)
        *answers += n;
    return st;
}

int64_t pump_due_ms(const struct daybook_publisher *p)
{
    int64_t now_ms = pump_now_ms();
    int64_t due_ms = flow_wait_ms(&p->flow, now_ms);
    if (p->open_n > 0 && p->linger_ms >= 0 && p->fault == DAYBOOK_OK) {
        int64_t left_ms = p->open_since_ms + p->linger_ms - now_ms;
        /* Over its age and still open: the outbox is full, and only an answer can help. */
        if (left_ms > 0 && (due_ms < 0 || left_ms < due_ms))
            due_ms = left_ms;
    }
    return due_ms;
}

enum daybook_status pump_wait(struct daybook_publisher *p, int64_t wait_ms)
{
    int64_t due_ms = pump_due_ms(p);
    if (due_ms >= 0 && (wait_ms < 0 || due_ms < wait_ms))
        wait_ms = due_ms;
    return link_wait(&p->link, p->blocked, wait_ms);
}

/* Sent at once when nothing waits before it, without another copy. */
static enum daybook_status pass_on(struct daybook_publisher *p, zmq_msg_t *msg, uint64_t seq)
{
    int64_t now_ms = pump_now_ms();
    enum daybook_status st = DAYBOOK_OK;
    if (p->flow.send == seq && may_send(p, now_ms))
        st = send_message(p, msg, now_ms);
    else
        (void)zmq_msg_close(msg);
    if (st == DAYBOOK_AGAIN)
        st = DAYBOOK_OK; /* it is in the outbox, that is what counts */
    p->unheard_n++;
    if (st == DAYBOOK_OK && (p->fd_used || p->unheard_n >= LISTEN_EVERY))
        st = pump(p, NULL);
    return st;
}

enum daybook_status pump_take(struct daybook_publisher *p, struct str body, uint64_t *seq)
{
    if (p->dead != DAYBOOK_OK)
        return p->dead;
    bool json = envelope_is_json(body.p, body.n);
    size_t bytes = envelope_frame_bytes(&p->envelope, json, body.n);
    if (bytes > p->message_bytes_max || bytes > p->outbox.bytes_max)
        return fail(&p->error, DAYBOOK_TOO_LARGE,
                    "a batch of %zu bytes in its envelope; message_bytes_max is %llu", bytes,
                    (unsigned long long)p->message_bytes_max);
    if (!outbox_has_room(&p->outbox, bytes))
        return DAYBOOK_AGAIN;
    zmq_msg_t msg;
    if (zmq_msg_init_size(&msg, bytes) != 0)
        return fail(&p->error, DAYBOOK_NO_MEMORY, "no memory for a batch of %zu bytes", bytes);
    uint64_t number = p->flow.next;
    envelope_write(&p->envelope, body, p->flow.epoch, number, zmq_msg_data(&msg));
    enum daybook_status st = outbox_append(&p->outbox, &msg, clock_mono_ns());
    if (st != DAYBOOK_OK) {
        (void)zmq_msg_close(&msg);
        return st;
    }
    CRASH_POINT("outbox_before_send");
    p->flow.next++;
    *seq = number;
    /* It is taken, so failures of the network are told by the next poll. */
    if (pass_on(p, &msg, number) != DAYBOOK_OK && p->fault == DAYBOOK_OK)
        p->fault = p->dead != DAYBOOK_OK ? p->dead : DAYBOOK_NETWORK;
    return DAYBOOK_OK;
}

enum daybook_status pump_seal(struct daybook_publisher *p)
{
    if (p->open_n == 0)
        return DAYBOOK_OK;
    uint8_t *head = p->open.p;
    head[0] = 0xdd;
    for (int i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(p->open_n >> (24 - 8 * i));
    uint64_t seq;
    /* Emptied first, because taking may run the pump, which would seal it again. */
    uint32_t n = p->open_n;
    p->open_n = 0;
    enum daybook_status st = pump_take(p, (struct str){(const char *)p->open.p, p->open.n}, &seq);
    if (st != DAYBOOK_OK)
        p->open_n = n;
    else
        p->open.n = BATCH_HEADER_BYTES;
    return st;
}
