/* Publishers, and the network between them and the engine: batches are lost, late, doubled and out
 * of order; answers too. A producer does what WIRE asks of it, and no more. */
#include <stdlib.h>

#include "engine/base/check.h"
#include "tests/sim/life.h"
#include "tests/sim/sim_time.h"
#include "tests/sim/workload.h"

#define ACK_TIMEOUT_MS 1500
#define WINDOW         8

static int64_t now_ms(void)
{
    return sim_time.now.mono_ms;
}

static int64_t delay_ms(struct life *l)
{
    if (!l->calm && draw(&l->seed, 1000) < l->profile.late)
        return (int64_t)draw(&l->seed, (uint64_t)l->profile.late_ms);
    return 1 + (int64_t)draw(&l->seed, 5);
}

static void put_on_net(struct life *l, struct sim_batch *b)
{
    bool lost = !l->calm && draw(&l->seed, 1000) < l->profile.lose;
    bool twice = !l->calm && draw(&l->seed, 1000) < l->profile.twice;

    for (int i = 0; i < (lost ? 0 : twice ? 2 : 1) && l->net_n < NET_MAX; i++)
        l->net[l->net_n++] = (struct delivery){b, now_ms() + delay_ms(l)};
}

static struct workload workload(struct life *l, bool ids)
{
    return (struct workload){
        .seed = &l->seed,
        .now_ms = sim_time.now.wall_ms - l->bad_ms, /* the sender's clock is right */
        .first_day = l->model.first_day,
        .ids = ids,
        .ids_used = l->ids_used,
    };
}

static struct sim_batch *keep(struct life *l, struct sim_batch *b, const struct workload *w)
{
    l->ids_used = w->ids_used;
    b->next = l->batches;
    l->batches = b;
    l->made_n++;
    return b;
}

/* ---- producers ---- */

static void new_epoch(struct life *l, struct producer *p)
{
    uint64_t epoch = (uint64_t)(sim_time.now.wall_ms - l->bad_ms);

    *p = (struct producer){.epoch = epoch > p->epoch ? epoch : p->epoch + 1};
    trace(l, "producer %u begins epoch %llu", (unsigned)(p - l->producer),
          (unsigned long long)p->epoch);
}

static void make(struct life *l, struct producer *p)
{
    if (l->calm || l->made_n >= l->profile.batches || p->made - p->acked >= BOX)
        return;
    struct workload w = workload(l, false);
    struct sim_batch *b =
        keep(l, numbered_batch(&w, (uint32_t)(p - l->producer), p->epoch, p->made + 1), &w);
    p->box[++p->made % BOX] = b;
}

static void send(struct life *l, struct producer *p)
{
    if (now_ms() < p->wait_ms)
        return;
    if (p->acked < p->sent && now_ms() - p->sent_ms > ACK_TIMEOUT_MS)
        p->sent = p->acked;
    while (p->sent < p->made && p->sent - p->acked < WINDOW) {
        put_on_net(l, p->box[++p->sent % BOX]);
        p->sent_ms = now_ms();
        if (one_in(&l->seed, 4))
            break;
    }
}

static void producer_step(struct life *l, struct producer *p)
{
    if (now_ms() < p->wake_ms)
        return;
    p->wake_ms = now_ms() + 1 + (int64_t)draw(&l->seed, 60);
    if (p->epoch == 0 || (!l->calm && odds(l, l->profile.zombie)))
        new_epoch(l, p);
    if (one_in(&l->seed, 3))
        make(l, p);
    send(l, p);
    if (!l->calm && p->acked > 0 && odds(l, l->profile.forge)) {
        const struct sim_batch *last = p->box[p->acked % BOX];
        struct workload w = workload(l, false);
        if (last != NULL && last->seq == p->acked)
            put_on_net(l, keep(l, forged_batch(&w, last), &w));
    }
}

/* ---- batches without a number ---- */

static void loose_step(struct life *l)
{
    for (unsigned i = 0; i < LOOSE; i++) {
        if (l->loose[i].batch == NULL) {
            if (l->calm || l->made_n >= l->profile.batches || !one_in(&l->seed, 60))
                continue;
            struct workload w = workload(l, !one_in(&l->seed, 4));
            l->loose[i].batch = keep(l, loose_batch(&w), &w);
            l->loose[i].send_ms = 0;
        }
        if (now_ms() < l->loose[i].send_ms)
            continue;
        struct sim_batch *b = l->loose[i].batch;
        put_on_net(l, b);
        l->loose[i].send_ms = now_ms() + 300 + (int64_t)draw(&l->seed, 2000);
        if (!b->retried) /* told once, whatever becomes of it */
            l->loose[i].batch = NULL;
    }
}

void publish_step(struct life *l)
{
    for (unsigned i = 0; i < PRODUCERS; i++)
        producer_step(l, &l->producer[i]);
    loose_step(l);
    for (uint32_t i = 0; i < l->replies_n;) {
        struct reply r = l->replies[i];
        if (r.due_ms > now_ms()) {
            i++;
            continue;
        }
        l->replies[i] = l->replies[--l->replies_n];
        struct producer *p = &l->producer[r.batch->producer];
        if (!r.batch->numbered || r.batch->forged || r.batch->epoch != p->epoch)
            continue;
        if (r.status == ST_GAP) {
            if (r.expected_seq > p->made + 1)
                violate(l, "expects seq %llu of %llu made", (unsigned long long)r.expected_seq,
                        (unsigned long long)p->made);
            if (r.expected_seq > p->acked + 1)
                p->acked = r.expected_seq - 1;
            p->sent = p->acked;
        } else if (status_row(r.status)->retry && r.status != ST_OK) {
            p->sent = p->acked;
            p->wait_ms = now_ms() + (r.retry_after_ms > 0 ? r.retry_after_ms : 100);
        } else if (r.batch->seq > p->acked) {
            p->acked = r.batch->seq;
        }
        if (p->sent < p->acked)
            p->sent = p->acked;
    }
}

void publish_reply(struct life *l, struct sim_batch *b, const struct outcome *o)
{
    bool done = o->status == ST_OK || o->status == ST_DUPLICATE || !status_row(o->status)->retry;

    if (o->status == ST_GAP)
        done = false;
    for (unsigned i = 0; i < LOOSE && done && !b->numbered; i++)
        if (l->loose[i].batch == b)
            l->loose[i].batch = NULL;
    if ((!l->calm && draw(&l->seed, 1000) < l->profile.lose) || l->replies_n == NET_MAX)
        return;
    b->acked |= o->status == ST_OK || o->status == ST_DUPLICATE;
    l->replies[l->replies_n++] = (struct reply){
        .batch = b,
        .due_ms = now_ms() + delay_ms(l),
        .status = o->status,
        .expected_seq = o->has_expected_seq ? o->expected_seq : 0,
        .retry_after_ms = o->retry_after_ms,
    };
}

static bool is_unsure(const struct life *l, const struct sim_batch *b)
{
    int64_t wall_ms = sim_time.now.wall_ms;
    bool unsure = model_unsure(&l->model, b, wall_ms);

    for (uint32_t i = 0; i < l->queue_n && !unsure; i++)
        unsure = model_unsure_after(&l->model, b, wall_ms, &l->queue[i]);
    return unsure;
}

/* When neither answer would be wrong, the network loses it, and whoever sent it gives it up. */
static void give_up(struct life *l, const struct sim_batch *b)
{
    struct producer *p = &l->producer[b->producer];

    for (unsigned i = 0; i < LOOSE; i++)
        if (l->loose[i].batch == b)
            l->loose[i].batch = NULL;
    if (b->numbered && b->epoch == p->epoch && b->seq > p->acked)
        new_epoch(l, p);
}

void publish_deliver(struct life *l)
{
    for (uint32_t i = 0; i < l->net_n;) {
        struct delivery d = l->net[i];
        if (d.due_ms > now_ms() || !ingest_may_read(l->ingest, INGEST_ZMQ)) {
            i++;
            continue;
        }
        l->net[i] = l->net[--l->net_n];
        if (is_unsure(l, d.batch)) {
            give_up(l, d.batch);
            continue;
        }
        trace(l, "deliver producer %u epoch %llu seq %llu", d.batch->producer,
              (unsigned long long)d.batch->epoch, (unsigned long long)d.batch->seq);
        engine_submit(l, d.batch);
    }
}

bool publish_is_done(const struct life *l)
{
    for (unsigned i = 0; i < PRODUCERS; i++)
        if (l->producer[i].acked < l->producer[i].made)
            return false;
    for (unsigned i = 0; i < LOOSE; i++)
        if (l->loose[i].batch != NULL)
            return false;
    return true;
}
