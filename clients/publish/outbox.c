/* A ring of entries over either home of the frames. Entries are small, so a million waiting batches
 * cost some 100 MB on top of the disk; the caller bounds their number. */
#include "clients/publish/outbox.h"

#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define RING_MIN          64u
#define SEGMENTS_AIM      64u /* of a full outbox */
#define SEGMENT_BYTES_MIN (4u << 20)
#define HOLES_MAX         (1u << 20) /* numbers missing in one place; more is no outbox of ours */

static void entry_release(struct outbox_entry *e)
{
    if (e->held)
        (void)zmq_msg_close(&e->msg); /* fails only for a message that is not valid */
    *e = (struct outbox_entry){0};
}

/* Nothing can be sent under this number any more. */
static void entry_spoil(struct outbox *o, struct outbox_entry *e)
{
    o->bytes -= e->bytes;
    e->bytes = 0;
}

static void entry_move(struct outbox_entry *to, struct outbox_entry *from)
{
    *to = *from;
    if (from->held) {
        (void)zmq_msg_init(&to->msg);
        (void)zmq_msg_move(&to->msg, &from->msg); /* both are valid */
        (void)zmq_msg_close(&from->msg);
    }
    *from = (struct outbox_entry){0};
}

/* Room for one entry more. */
static bool ring_room(struct outbox *o)
{
    if (o->next - o->first < o->cap)
        return true;
    uint64_t cap = o->cap == 0 ? RING_MIN : o->cap * 2;
    struct outbox_entry *ring = calloc(cap, sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint64_t seq = o->first; seq < o->next; seq++)
        entry_move(&ring[seq & (cap - 1)], outbox_entry(o, seq));
    free(o->ring);
    o->ring = ring;
    o->cap = cap;
    return true;
}

/* A record found on disk. Numbers that are skipped become holes. */
static enum daybook_status take_record(void *context, uint64_t seq, uint64_t offset,
                                       uint32_t frame_bytes)
{
    struct outbox *o = context;
    if (o->next == o->first)
        o->first = o->next = seq;
    if (seq - o->next > HOLES_MAX)
        return DAYBOOK_CORRUPT;
    while (o->next <= seq) {
        if (!ring_room(o))
            return DAYBOOK_NO_MEMORY;
        *outbox_entry(o, o->next++) = (struct outbox_entry){.born_ns = clock_mono_ns()};
    }
    struct outbox_entry *e = outbox_entry(o, seq);
    e->offset = offset;
    e->bytes = frame_bytes;
    o->bytes += frame_bytes;
    return DAYBOOK_OK;
}

/* Numbers between the last record and the end of the last segment are holes as well. */
static enum daybook_status load(struct outbox *o, const struct outbox_config *config)
{
    uint64_t segment_bytes = config->bytes_max / SEGMENTS_AIM;
    struct spool_config spool = {
        .path = config->path,
        .producer = config->producer,
        .sync = config->sync,
        .segment_bytes = segment_bytes > SEGMENT_BYTES_MIN ? segment_bytes : SEGMENT_BYTES_MIN,
        .frame_bytes_max = config->frame_bytes_max,
        .epoch = config->epoch};
    const struct spool_visitor visitor = {take_record, o};
    enum daybook_status st = spool_open(&o->spool, &spool, &visitor, config->error);
    if (st != DAYBOOK_OK)
        return st;
    const struct segment *last = spool_last(&o->spool);
    o->epoch = last->header.epoch;
    if (o->next == o->first)
        o->first = o->next = last->end_seq;
    if (last->end_seq == o->next)
        return DAYBOOK_OK;
    st = take_record(o, last->end_seq, 0, 0); /* a hole */
    o->next--;
    return st == DAYBOOK_OK ? st : fail(o->error, st, "outbox: cannot place %s", last->name);
}

enum daybook_status outbox_open(struct outbox *o, const struct outbox_config *config)
{
    *o = (struct outbox){.epoch = config->epoch,
                         .first = config->first_seq,
                         .next = config->first_seq,
                         .bytes_max = config->bytes_max,
                         .batches_max = config->batches_max,
                         .spool = {.dir_fd = -1, .lock_fd = -1, .next = {.fd = -1}},
                         .scratch = buf_of(config->frame_bytes_max),
                         .error = config->error};
    if (config->path == NULL)
        return DAYBOOK_OK;
    enum daybook_status st = load(o, config);
    if (st != DAYBOOK_OK)
        outbox_close(o);
    return st;
}

void outbox_close(struct outbox *o)
{
    bool idle = o->first == o->next;
    for (uint64_t seq = o->first; seq < o->next; seq++)
        entry_release(outbox_entry(o, seq));
    free(o->ring);
    if (outbox_is_on_disk(o))
        spool_close(&o->spool, idle);
    buf_fini(&o->scratch);
    *o = (struct outbox){.spool = {.dir_fd = -1, .lock_fd = -1, .next = {.fd = -1}}};
}

bool outbox_has_room(const struct outbox *o, uint64_t frame_bytes)
{
    return o->next - o->first < o->batches_max && o->bytes < o->bytes_max &&
           frame_bytes <= o->bytes_max - o->bytes;
}

enum daybook_status outbox_append(struct outbox *o, zmq_msg_t *msg, uint64_t now_ns)
{
    if (!ring_room(o))
        return fail(o->error, DAYBOOK_NO_MEMORY, "outbox: no memory for another batch");
    size_t n = zmq_msg_size(msg);
    struct outbox_entry e = {.born_ns = now_ns, .bytes = (uint32_t)n};
    if (outbox_is_on_disk(o)) {
        struct str frame = {zmq_msg_data(msg), n};
        enum daybook_status st = spool_append(&o->spool, o->next, frame, &e.offset, o->error);
        if (st != DAYBOOK_OK)
            return st;
        *outbox_entry(o, o->next) = e;
    } else {
        struct outbox_entry *to = outbox_entry(o, o->next);
        *to = e;
        (void)zmq_msg_init(&to->msg);
        (void)zmq_msg_copy(&to->msg, msg); /* counts references; both are valid */
        to->held = true;
    }
    o->bytes += n;
    o->next++;
    return DAYBOOK_OK;
}

enum daybook_status outbox_message(struct outbox *o, uint64_t seq, zmq_msg_t *msg)
{
    struct outbox_entry *e = outbox_entry(o, seq);
    CHECK(e->bytes > 0);
    if (e->held) {
        (void)zmq_msg_init(msg);
        (void)zmq_msg_copy(msg, &e->msg); /* counts references; both are valid */
        return DAYBOOK_OK;
    }
    enum daybook_status st = spool_read(&o->spool, seq, e->offset, &o->scratch, o->error);
    if (st == DAYBOOK_OK && o->scratch.n != e->bytes)
        st = fail(o->error, DAYBOOK_CORRUPT, "outbox: batch %llu has changed its length",
                  (unsigned long long)seq);
    if (st == DAYBOOK_CORRUPT)
        entry_spoil(o, e);
    if (st != DAYBOOK_OK)
        return st;
    if (zmq_msg_init_size(msg, o->scratch.n) != 0)
        return fail(o->error, DAYBOOK_NO_MEMORY, "outbox: no memory for a batch to send");
    memcpy(zmq_msg_data(msg), o->scratch.p, o->scratch.n);
    return DAYBOOK_OK;
}

void outbox_drop(struct outbox *o, uint64_t through)
{
    for (; o->first <= through && o->first < o->next; o->first++) {
        struct outbox_entry *e = outbox_entry(o, o->first);
        o->bytes -= e->bytes;
        entry_release(e);
    }
    if (outbox_is_on_disk(o))
        spool_drop(&o->spool, o->first);
}

uint64_t outbox_hole(const struct outbox *o, uint64_t seq, uint64_t *end)
{
    while (seq < o->next && outbox_entry(o, seq)->bytes > 0)
        seq++;
    *end = seq;
    while (*end < o->next && outbox_entry(o, *end)->bytes == 0)
        (*end)++;
    return seq;
}

/* The frame of seq under the next number of `to`; *msg is not initialised. */
static enum daybook_status renumbered(struct outbox *o, const struct envelope *env, uint64_t seq,
                                      const struct outbox *to, zmq_msg_t *msg)
{
    zmq_msg_t old;
    enum daybook_status st = outbox_message(o, seq, &old);
    if (st != DAYBOOK_OK)
        return st;
    size_t n = zmq_msg_size(&old);
    /* The old bytes may still be on their way out, so they are never written to. */
    if (zmq_msg_init_size(msg, n) != 0) {
        (void)zmq_msg_close(&old);
        return fail(o->error, DAYBOOK_NO_MEMORY, "outbox: no memory to renumber a batch");
    }
    memcpy(zmq_msg_data(msg), zmq_msg_data(&old), n);
    (void)zmq_msg_close(&old);
    if (envelope_renumber(env, zmq_msg_data(msg), n, to->epoch, to->next))
        return DAYBOOK_OK;
    (void)zmq_msg_close(msg);
    entry_spoil(o, outbox_entry(o, seq));
    return fail(o->error, DAYBOOK_CORRUPT, "outbox: batch %llu is not one of this producer",
                (unsigned long long)seq);
}

static enum daybook_status renew_one(struct outbox *o, const struct envelope *env,
                                     struct outbox *to, uint64_t seq)
{
    zmq_msg_t msg;
    enum daybook_status st = renumbered(o, env, seq, to, &msg);
    if (st != DAYBOOK_OK)
        return st;
    struct outbox_entry e = {.born_ns = outbox_entry(o, seq)->born_ns,
                             .bytes = (uint32_t)zmq_msg_size(&msg)};
    if (!ring_room(to))
        st = fail(o->error, DAYBOOK_NO_MEMORY, "outbox: no memory to renumber");
    if (st == DAYBOOK_OK && outbox_is_on_disk(o)) {
        struct str frame = {zmq_msg_data(&msg), e.bytes};
        st = spool_renew_add(&o->spool, to->next, frame, &e.offset, o->error);
    }
    if (st == DAYBOOK_OK) {
        struct outbox_entry *at = outbox_entry(to, to->next++);
        *at = e;
        to->bytes += e.bytes;
        if (!outbox_is_on_disk(o)) {
            (void)zmq_msg_init(&at->msg);
            (void)zmq_msg_move(&at->msg, &msg);
            at->held = true;
        }
    }
    (void)zmq_msg_close(&msg);
    return st;
}

static void drop_ring(struct outbox *o)
{
    for (uint64_t seq = o->first; seq < o->next; seq++)
        entry_release(outbox_entry(o, seq));
    free(o->ring);
}

enum daybook_status outbox_renew(struct outbox *o, const struct envelope *env, uint64_t epoch,
                                 uint64_t keep_from)
{
    struct outbox to = {.epoch = epoch, .first = 1, .next = 1};
    enum daybook_status st = DAYBOOK_OK;
    if (outbox_is_on_disk(o))
        st = spool_renew_begin(&o->spool, epoch, o->error);
    for (uint64_t seq = keep_from; seq < o->next && st == DAYBOOK_OK; seq++)
        if (outbox_entry(o, seq)->bytes > 0)
            st = renew_one(o, env, &to, seq);
    if (st == DAYBOOK_OK && outbox_is_on_disk(o))
        st = spool_renew_end(&o->spool, o->error);
    if (st != DAYBOOK_OK) {
        spool_renew_cancel(&o->spool);
        drop_ring(&to);
        return st;
    }
    drop_ring(o);
    o->ring = to.ring;
    o->cap = to.cap;
    o->epoch = epoch;
    o->first = 1;
    o->next = to.next;
    o->bytes = to.bytes;
    return DAYBOOK_OK;
}
