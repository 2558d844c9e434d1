/* From a frame to a batch: what both encodings share. The readers of each encoding stand in
 * frame_msgpack.c and frame_json.c; the fields of an event are read in event_read.c, for both. */
#include "schemas/frame.h"

#include "schemas/frame_in.h"
#include "schemas/json_in.h"

const struct frame_limits frame_limits_default = {
    .batch_events_max = 10000,
    .event_bytes_max = 64 * 1024,
    .string_bytes_max = 256,
    .depth_max = 8,
    .scopes_max = 256,
};

enum encoding frame_sniff(const void *frame, size_t bytes)
{
    const char *p = frame;
    bool json = bytes != 0 && (*p == '{' || *p == '[' || json_is_space(*p));
    return json ? ENCODING_JSON : ENCODING_MSGPACK;
}

static void begin(struct decode *d, const void *frame, size_t bytes)
{
    *d->batch = (struct batch){.encoding = frame_sniff(frame, bytes)};
    d->encoding = d->batch->encoding;
    d->frame = frame;
    d->bytes = bytes;
}

static void read_envelope(struct decode *d)
{
    if (d->encoding == ENCODING_JSON)
        peek_json(d);
    else
        peek_msgpack(d);
}

/* A frame that cannot be read may still have an envelope that can, and then its seq is consumed. */
static void salvage_envelope(struct decode *d)
{
    struct batch *b = d->batch;
    struct str message = b->message;
    *b = (struct batch){.encoding = d->encoding};
    read_envelope(d);
    b->status = ST_MALFORMED;
    b->message = message;
}

void frame_decode(const void *frame, size_t bytes, const struct frame_limits *limits,
                  struct arena *a, struct batch *out)
{
    struct decode d = {.limits = limits, .arena = a, .batch = out};
    begin(&d, frame, bytes);
    if (d.encoding == ENCODING_JSON)
        frame_json(&d);
    else
        frame_msgpack(&d);
    if (out->status == ST_OK)
        return;
    if (out->status == ST_MALFORMED)
        salvage_envelope(&d);
    out->n = 0;
    out->ev = NULL;
    out->verdict = NULL;
    out->rejects = NULL;
    out->rejects_n = 0;
    out->rejects_cap = 0;
    out->unknown_n = 0;
}

void frame_peek(const void *frame, size_t bytes, const struct frame_limits *limits, struct arena *a,
                struct batch *out)
{
    struct decode d = {.limits = limits, .arena = a, .batch = out};
    begin(&d, frame, bytes);
    read_envelope(&d);
}

bool batch_begin(struct decode *d, uint64_t n)
{
    struct batch *b = d->batch;
    if (b->status != ST_OK)
        return false;
    if (n > d->limits->batch_events_max) {
        decode_say(d, "%llu events in a batch; allowed: at most %u", (unsigned long long)n,
                   d->limits->batch_events_max);
        decode_refuse(d, ST_TOO_LARGE, d->why);
        return false;
    }
    b->n = (uint32_t)n;
    if (n == 0)
        return true;
    b->ev = arena_alloc(d->arena, n * sizeof *b->ev);
    b->verdict = arena_alloc(d->arena, n);
    if (b->ev != NULL && b->verdict != NULL)
        return true;
    decode_refuse(d, ST_NO_MEMORY, STR("no memory for the events"));
    return false;
}

void batch_verdict(struct decode *d, uint32_t i, enum status st)
{
    if (st == ST_OK)
        return;
    struct str message = {0};
    if (st != ST_NO_MEMORY)
        message = arena_str(d->arena, d->why);
    if (message.p == NULL || !batch_reject(d->batch, d->arena, i, st, message))
        decode_refuse(d, ST_NO_MEMORY, STR("no memory for the events"));
}

void batch_no_envelope(struct decode *d)
{
    *d->batch = (struct batch){.encoding = d->encoding};
}

/* Where index i stands, or would stand, in the ascending list. */
static uint32_t reject_place(const struct batch *b, uint32_t i)
{
    uint32_t low = 0;
    uint32_t high = b->rejects_n;
    if (high == 0 || b->rejects[high - 1].index < i)
        return high;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (b->rejects[mid].index < i)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool batch_reject(struct batch *b, struct arena *a, uint32_t i, enum status code,
                  struct str message)
{
    CHECK(i < b->n);
    CHECK(code != ST_OK);
    if (b->verdict[i] != ST_OK)
        return true;
    if (b->rejects_n == b->rejects_cap) {
        uint32_t cap = b->rejects_cap == 0 ? 16 : b->rejects_cap * 2;
        struct reject *more = arena_alloc(a, cap * sizeof *more);
        if (more == NULL)
            return false;
        if (b->rejects_n != 0)
            memcpy(more, b->rejects, b->rejects_n * sizeof *more);
        b->rejects = more;
        b->rejects_cap = cap;
    }
    uint32_t at = reject_place(b, i);
    memmove(&b->rejects[at + 1], &b->rejects[at], (b->rejects_n - at) * sizeof *b->rejects);
    b->rejects[at] = (struct reject){i, code, message};
    b->rejects_n++;
    b->verdict[i] = (uint8_t)code;
    return true;
}

enum status event_too_large(struct decode *d, size_t bytes)
{
    if (bytes == 0)
        return decode_fault(d, ST_TOO_LARGE, "the event is too large; allowed: at most %u bytes",
                            d->limits->event_bytes_max);
    return decode_fault(d, ST_TOO_LARGE, "the event has %zu bytes; allowed: at most %u", bytes,
                        d->limits->event_bytes_max);
}

enum status event_too_many_fields(struct decode *d)
{
    return decode_fault(d, ST_TOO_LARGE, "the event has too many fields; allowed: at most %d",
                        EVENT_PAIRS_MAX);
}

enum status event_wrong_shape(struct decode *d, const struct view *v)
{
    char text[64];
    return decode_fault(
        d, ST_INVALID, "an event is %s; allowed: a map with type (in msgpack also a compact array)",
        view_describe(v, text));
}

void envelope_refuse_key(struct decode *d, struct str key)
{
    char text[64];
    struct view v = {.type = VIEW_STR, .text = key};
    decode_say(d,
               "unknown key %s of an envelope; allowed: producer, epoch, seq, events, "
               "request (and a map with type is an event)",
               view_describe(&v, text));
    decode_refuse(d, ST_INVALID, d->why);
}

void envelope_refuse_events(struct decode *d, const struct view *v)
{
    char text[64];
    decode_say(d, "events is %s; allowed: a list of events", view_describe(v, text));
    decode_refuse(d, ST_INVALID, d->why);
}

void envelope_refuse_missing(struct decode *d)
{
    decode_refuse(d, ST_INVALID,
                  STR("events is missing; a map without type is an envelope and has a list of "
                      "events"));
}
