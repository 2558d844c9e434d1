/* From a frame to a slot of the open group: decode, or refuse without decoding. */
#include "engine/ingest/admit.h"
#include "engine/ingest/cursor.h"
#include "engine/ingest/digest.h"
#include "engine/ingest/state.h"

#include "engine/base/check.h"

#define RETRY_MS_MIN 50
/* Within a turn the budgets are looked at after so many events: they are exceeded by no more than
 * these and one batch. */
#define CHECK_EVENTS 8192
#define RETRY_MS_MAX 5000

/* Room comes when the running merge is done, which takes about as long as the last one. Told the
 * whole of it, who was refused late in one merge would come back late in the next. */
static uint32_t retry_after_ms(const struct ingest *in)
{
    const struct checkpoint *c = &in->checkpoint;
    int64_t ms = (int64_t)(c->last_merge_ns / 1000000);

    if (c->merge_mono_ms != 0)
        ms -= loop_clock(in->loop)->mono_ms - c->merge_mono_ms;
    if (ms < RETRY_MS_MIN)
        return RETRY_MS_MIN;
    return ms > RETRY_MS_MAX ? RETRY_MS_MAX : (uint32_t)ms;
}

static struct slot *slot_new(struct ingest *in, const struct ingest_source *from, struct zmsg *m,
                             struct str frame, const struct ingest_reply *reply)
{
    struct slot *s = group_add(in->open, m, frame);

    CHECK(s != NULL); /* not a KiB left */
    CHECK(from->transport < INGEST_TRANSPORT_N);
    CHECK(from->key_name.n <= KEY_NAME_BYTES_MAX);
    s->reply = *reply;
    s->transport = from->transport;
    s->received_ms = loop_clock(in->loop)->wall_ms;
    s->begin_ns = clock_mono_ns();
    s->has_identity = from->has_identity;
    s->identity = from->identity;
    s->content = from->content;
    if (from->key_name.n > 0) {
        s->key_name = arena_str(&in->open->arena, from->key_name);
        CHECK(s->key_name.p != NULL);
    }
    return s;
}

static void refuse_standing(struct ingest *in, struct slot *s, enum status why)
{
    frame_peek(s->frame.p, s->frame.n, &in->options.limits, &in->open->arena, &s->batch);
    slot_refuse(s, why, (struct str){0});
    if (why == ST_BUSY)
        s->outcome.retry_after_ms = retry_after_ms(in);
}

/* What no look-up is needed for. True: the writer is to judge the rest. */
static bool envelope_ok(struct slot *s)
{
    const struct batch *b = &s->batch;

    if (s->transport == INGEST_PUSH && (b->seq_given || b->epoch_given)) {
        slot_refuse(s, ST_INVALID,
                    STR("a numbered envelope needs an answer; send it to the acknowledged socket"));
        return false;
    }
    return true;
}

static void decode(struct ingest *in, const struct ingest_source *from, struct slot *s)
{
    struct group *g = in->open;
    const struct admit_rules rules = {from, in->options.floor_day, in->census};

    frame_decode(s->frame.p, s->frame.n, &in->options.limits, &g->arena, &s->batch);
    if (!envelope_ok(s))
        return;
    s->judge = true;
    if (s->batch.has_seq)
        s->digest = batch_digest(s->frame, &s->batch, &g->arena);
    if (s->batch.status == ST_OK)
        admit_events(g, s, &rules);
    g->events += s->batch.n;
}

static void submit(struct ingest *in, const struct ingest_source *from, struct slot *s)
{
    enum status standing = ingest_standing(in);

    for (uint32_t i = 0; i < in->on_frame_n; i++)
        in->on_frame[i].fn(in->on_frame[i].arg, s->received_ms, s->frame.p, s->frame.n);
    if (standing != ST_OK)
        refuse_standing(in, s, standing);
    else
        decode(in, from, s);
    if (in->open->bytes >= in->options.group_bytes_max ||
        in->open->events - in->events_checked >= CHECK_EVENTS) {
        in->events_checked = in->open->events;
        ingest_pressure(in);
    }
}

void ingest_submit(struct ingest *in, const struct ingest_source *from, struct zmsg *m,
                   const struct ingest_reply *reply)
{
    submit(in, from, slot_new(in, from, m, (struct str){0}, reply));
}

void ingest_submit_bytes(struct ingest *in, const struct ingest_source *from, const void *p,
                         size_t n, const struct ingest_reply *reply)
{
    submit(in, from, slot_new(in, from, NULL, (struct str){p, n}, reply));
}

void ingest_refuse(struct ingest *in, const struct ingest_source *from, enum status code,
                   const char *message, const struct ingest_reply *reply)
{
    struct slot *s = slot_new(in, from, NULL, STR(""), reply);

    s->batch = (struct batch){.encoding = ENCODING_JSON, .status = code};
    slot_refuse(s, code, arena_str(&in->open->arena, str_of(message)));
}
