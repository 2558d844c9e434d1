#include "schemas/envelope.h"

enum envelope_key envelope_key_of(struct str key)
{
    if (str_eq(key, STR("producer")))
        return ENVELOPE_PRODUCER;
    if (str_eq(key, STR("epoch")))
        return ENVELOPE_EPOCH;
    if (str_eq(key, STR("seq")))
        return ENVELOPE_SEQ;
    if (str_eq(key, STR("events")))
        return ENVELOPE_EVENTS;
    if (str_eq(key, STR("request")))
        return ENVELOPE_REQUEST;
    return ENVELOPE_OTHER;
}

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

static enum status take_producer(struct decode *d, const struct view *v)
{
    char text[64];
    if (v->type != VIEW_STR || v->text.n == 0 || v->text.n > PRODUCER_BYTES_MAX ||
        !printable(v->text))
        return decode_fault(d, ST_INVALID,
                            "producer is %s; allowed: a string of 1..%d bytes without control "
                            "characters",
                            view_describe(v, text), PRODUCER_BYTES_MAX);
    d->batch->producer = decode_keep(d, v->text);
    return d->batch->producer.p != NULL ? ST_OK : ST_NO_MEMORY;
}

enum status token_take(struct decode *d, const struct view *v, struct token *out)
{
    char text[64];
    if (v->type == VIEW_INT) {
        *out = (struct token){.type = TOKEN_INT, .number = v->number};
        return ST_OK;
    }
    if (v->type != VIEW_STR || v->text.n > TOKEN_BYTES_MAX)
        return decode_fault(d, ST_INVALID,
                            "request is %s; allowed: a string of at most %d bytes, or an integer "
                            "0..9007199254740991",
                            view_describe(v, text), TOKEN_BYTES_MAX);
    struct str kept = decode_keep(d, v->text);
    if (kept.p == NULL)
        return ST_NO_MEMORY;
    *out = (struct token){.type = TOKEN_STR, .text = kept};
    return ST_OK;
}

static enum status take_number(struct decode *d, const char *key, const struct view *v,
                               uint64_t min)
{
    char text[64];
    if (v->type == VIEW_INT && v->number >= min)
        return ST_OK;
    return decode_fault(d, ST_INVALID, "%s is %s; allowed: an integer %llu..9007199254740991", key,
                        view_describe(v, text), (unsigned long long)min);
}

enum status envelope_take(struct decode *d, enum envelope_key key, const struct view *v)
{
    struct batch *b = d->batch;
    enum status st;
    switch (key) {
    case ENVELOPE_PRODUCER:
        return take_producer(d, v);
    case ENVELOPE_EPOCH:
        st = take_number(d, "epoch", v, 0);
        if (st == ST_OK) {
            b->epoch = v->number;
            b->epoch_given = true;
        }
        return st;
    case ENVELOPE_SEQ:
        st = take_number(d, "seq", v, 1);
        if (st == ST_OK) {
            b->seq = v->number;
            b->seq_given = true;
        }
        return st;
    case ENVELOPE_REQUEST:
        return token_take(d, v, &b->request);
    case ENVELOPE_EVENTS:
    case ENVELOPE_OTHER:
        break;
    }
    CHECK(!"reached");
    return ST_INTERNAL;
}

void envelope_peek(struct decode *d, enum envelope_key key, const struct view *v)
{
    if (envelope_take(d, key, v) != ST_OK)
        d->why = (struct str){0};
}

void envelope_number(struct decode *d)
{
    struct batch *b = d->batch;
    b->has_seq = b->seq_given && b->epoch_given && b->producer.p != NULL;
}

enum status envelope_finish(struct decode *d)
{
    struct batch *b = d->batch;
    envelope_number(d);
    if (b->seq_given && !b->has_seq)
        return decode_fault(d, ST_INVALID, "seq needs a valid %s beside it",
                            b->producer.p == NULL ? "producer" : "epoch");
    return ST_OK;
}
