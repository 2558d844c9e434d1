/* Acks and refusals (WIRE 2). An answer first says ok, then echoes what the question carried. */
#include "schemas/ack.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What is echoed: the question's own words, but the cursor's where that was asked for. */
struct echo {
    bool producer, epoch, seq, request;
};

static struct echo echo_of(const struct batch *b, const struct outcome *o)
{
    return (struct echo){
        .producer = b->producer.p != NULL,
        .epoch = b->epoch_given || o->cursor,
        .seq = b->seq_given || o->cursor,
        .request = b->request.type != TOKEN_NONE,
    };
}

static uint32_t echo_n(const struct echo *e)
{
    return (uint32_t)e->producer + e->epoch + e->seq + e->request;
}

static void put_echo(struct out *to, const struct batch *b, const struct outcome *o)
{
    struct echo e = echo_of(b, o);
    if (e.producer)
        out_pair_str(to, "producer", b->producer);
    if (e.epoch)
        out_pair_u64(to, "epoch", o->cursor ? o->epoch : b->epoch);
    if (e.seq)
        out_pair_u64(to, "seq", o->cursor ? o->seq : b->seq);
    if (e.request) {
        out_key(to, "request");
        out_token(to, &b->request);
    }
}

static void put_rejected(struct out *to, const struct batch *b)
{
    uint32_t n = min_u32(b->rejects_n, ACK_REJECTED_MAX);
    out_key(to, "rejected");
    out_array(to, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct reject *r = &b->rejects[i];
        out_map(to, 3);
        out_pair_u64(to, "index", r->index);
        out_pair_z(to, "code", status_wire(r->code));
        if (r->message.n != 0)
            out_pair_str(to, "message", r->message);
        else
            out_pair_z(to, "message", status_row(r->code)->text);
        out_end(to);
    }
    out_end(to);
}

static void put_ack(struct out *to, const struct batch *b, const struct outcome *o)
{
    struct echo e = echo_of(b, o);
    bool duplicate = o->status == ST_DUPLICATE;
    out_map(to, 5 + duplicate + echo_n(&e));
    out_pair_bool(to, "ok", true);
    put_echo(to, b, o);
    out_pair_u64(to, "accepted", o->accepted);
    out_pair_u64(to, "duplicate", o->duplicate);
    out_pair_u64(to, "rejected_n", o->rejected);
    if (duplicate) {
        out_key(to, "rejected");
        out_array(to, 0);
        out_end(to);
        out_pair_z(to, "code", status_wire(ST_DUPLICATE));
    } else {
        put_rejected(to, b);
    }
    out_end(to);
}

static void put_refusal(struct out *to, const struct batch *b, const struct outcome *o)
{
    struct echo e = echo_of(b, o);
    const struct status_row *row = status_row(o->status);
    out_map(to,
            4 + echo_n(&e) + o->has_expected_seq + o->has_current_epoch + (o->retry_after_ms != 0));
    out_pair_bool(to, "ok", false);
    put_echo(to, b, o);
    out_pair_z(to, "code", status_wire(o->status));
    if (o->message.n != 0)
        out_pair_str(to, "message", o->message);
    else
        out_pair_z(to, "message", row->text);
    out_pair_bool(to, "retry", row->retry);
    if (o->has_expected_seq)
        out_pair_u64(to, "expected_seq", o->expected_seq);
    if (o->has_current_epoch)
        out_pair_u64(to, "current_epoch", o->current_epoch);
    if (o->retry_after_ms != 0)
        out_pair_u64(to, "retry_after_ms", o->retry_after_ms);
    out_end(to);
}

void ack_encode(const struct batch *b, const struct outcome *o, struct buf *to)
{
    struct out out = out_to(b->encoding, to);
    if (o->status == ST_OK || o->status == ST_DUPLICATE)
        put_ack(&out, b, o);
    else
        put_refusal(&out, b, o);
}
