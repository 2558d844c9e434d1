/* Publisher options: defaults, bounds, and sentences that name what is wrong. */
#include "clients/publish/publisher.h"

#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define KIB              UINT64_C(1024)
#define MIB              (KIB * KIB)
#define PRODUCER_MAX     128u
#define FRAME_ROOM_BYTES 64u /* of a batch, besides events and prefix */

struct number_option {
    const char *name;
    uint64_t given; /* 0: the default */
    uint64_t def, min, max;
    uint64_t *to;
};

static enum daybook_status take_number(const struct number_option *o, struct daybook_error *error)
{
    uint64_t v = o->given != 0 ? o->given : o->def;
    if (v < o->min || v > o->max)
        return fail(error, DAYBOOK_INVALID, "%s is %llu, %llu..%llu are allowed (0: %llu)", o->name,
                    (unsigned long long)v, (unsigned long long)o->min, (unsigned long long)o->max,
                    (unsigned long long)o->def);
    *o->to = v;
    return DAYBOOK_OK;
}

static bool is_printable(const char *z)
{
    while (*z != 0 && (unsigned char)*z >= 0x20 && *z != 0x7f)
        z++;
    return *z == 0;
}

static enum daybook_status check_texts(const struct daybook_publisher_options *o,
                                       struct daybook_error *error)
{
    if (o->endpoint == NULL)
        return fail(error, DAYBOOK_INVALID, "endpoint is missing (tcp://HOST:PORT)");
    size_t n = o->producer != NULL ? strlen(o->producer) : 0;
    if (n == 0 || n > PRODUCER_MAX || !text_is_utf8(o->producer, n) || !is_printable(o->producer))
        return fail(error, DAYBOOK_INVALID,
                    "producer must be 1..%u bytes of UTF-8 without control characters",
                    PRODUCER_MAX);
    if (o->outbox != NULL && *o->outbox == 0)
        return fail(error, DAYBOOK_INVALID,
                    "outbox is empty: give a directory, or NULL for memory");
    if ((unsigned)o->sync > DAYBOOK_SYNC_RELAXED)
        return fail(error, DAYBOOK_INVALID, "sync is %d, 0 and 1 are allowed", (int)o->sync);
    return DAYBOOK_OK;
}

static enum daybook_status check_times(const struct daybook_publisher_options *o,
                                       struct daybook_error *error)
{
    if (o->probe_ms < 0 || o->ack_timeout_ms < 0 || o->block_ms < 0)
        return fail(error, DAYBOOK_INVALID,
                    "probe_ms, ack_timeout_ms and block_ms must not be negative (0: default)");
    if (o->epoch > WIRE_INT_MAX || o->first_seq > WIRE_INT_MAX)
        return fail(error, DAYBOOK_INVALID, "epoch and first_seq are at most 2^53-1");
    if (o->epoch == 0 && o->first_seq > 1)
        return fail(error, DAYBOOK_INVALID, "first_seq needs an epoch");
    if (o->epoch != 0 && o->outbox != NULL)
        return fail(error, DAYBOOK_INVALID, "an epoch of one's own needs an outbox in memory");
    return DAYBOOK_OK;
}

/* Numbers with bounds, through 64-bit places, because the settings have several widths. */
static enum daybook_status take_numbers(struct daybook_publisher *p,
                                        const struct daybook_publisher_options *o,
                                        struct outbox_config *outbox, struct daybook_error *error)
{
    uint64_t events, bytes, window;
    uint64_t outbox_def = o->outbox != NULL ? KIB * MIB : 64 * MIB;
    const struct number_option rows[] = {
        {"batch_events_max", o->batch_events_max, 500, 1, 10000, &events},
        {"batch_bytes_max", o->batch_bytes_max, 64 * KIB, KIB, 64 * MIB, &bytes},
        {"window", o->window, 1024, 1, 65536, &window},
        {"window_bytes_max", o->window_bytes_max, 64 * MIB, 64 * KIB, UINT64_MAX,
         &p->window_bytes_max},
        {"outbox_bytes_max", o->outbox_bytes_max, outbox_def, 64 * KIB, UINT64_MAX,
         &outbox->bytes_max},
        {"outbox_batches_max", o->outbox_batches_max, 1000000, 1, 16777216, &outbox->batches_max},
        {"message_bytes_max", o->message_bytes_max, MIB, KIB, 64 * MIB, &p->message_bytes_max}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        enum daybook_status st = take_number(&rows[i], error);
        if (st != DAYBOOK_OK)
            return st;
    }
    uint64_t around = p->envelope.prefix[0].n + FRAME_ROOM_BYTES;
    if (bytes + around > p->message_bytes_max && o->batch_bytes_max != 0)
        return fail(error, DAYBOOK_INVALID,
                    "batch_bytes_max is %llu, too much for message_bytes_max %llu",
                    (unsigned long long)bytes, (unsigned long long)p->message_bytes_max);
    if (p->message_bytes_max <= around)
        return fail(error, DAYBOOK_INVALID, "message_bytes_max is %llu, the envelope alone is %llu",
                    (unsigned long long)p->message_bytes_max, (unsigned long long)around);
    if (bytes + around > p->message_bytes_max)
        bytes = p->message_bytes_max - around;
    p->batch_events_max = (uint32_t)events;
    p->batch_bytes_max = (uint32_t)bytes;
    p->flow.window = (uint32_t)window;
    return DAYBOOK_OK;
}

enum daybook_status publisher_configure(struct daybook_publisher *p,
                                        const struct daybook_publisher_options *o,
                                        struct outbox_config *outbox, struct daybook_error *error)
{
    enum daybook_status st = check_texts(o, error);
    if (st == DAYBOOK_OK)
        st = check_times(o, error);
    if (st != DAYBOOK_OK)
        return st;
    if (!envelope_init(&p->envelope, str_of(o->producer)))
        return fail(error, DAYBOOK_NO_MEMORY, "no memory for a publisher");
    st = take_numbers(p, o, outbox, error);
    if (st != DAYBOOK_OK)
        return st;
    p->linger_ms = o->linger_ms != 0 ? o->linger_ms : 10;
    p->block_ms = o->block_ms != 0 ? o->block_ms : -1;
    p->flow.probe_ms = o->probe_ms != 0 ? o->probe_ms : 1000;
    p->flow.ack_timeout_ms = o->ack_timeout_ms != 0 ? o->ack_timeout_ms : 10000;
    p->fixed_epoch = o->epoch != 0;
    p->context = o->context;
    p->on_ack = o->on_ack;
    p->on_lost = o->on_lost;
    outbox->path = o->outbox;
    outbox->producer = str_of(o->producer);
    outbox->sync = o->sync;
    outbox->frame_bytes_max = p->message_bytes_max;
    outbox->epoch = o->epoch != 0 ? o->epoch : (uint64_t)clock_now().wall_ms;
    outbox->first_seq = o->first_seq != 0 ? o->first_seq : 1;
    outbox->error = &p->error;
    return DAYBOOK_OK;
}
