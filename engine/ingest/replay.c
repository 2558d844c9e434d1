/* Frames are decoded straight from the mapped log and judged by their stored verdicts alone; the
 * limits of this decoding are wider than any option allows, so that no option changes what was
 * accepted. */
#include "engine/ingest/replay.h"

#include "engine/base/clock.h"
#include "engine/ingest/tables.h"
#include "engine/log/log.h"

static const struct frame_limits replay_limits = {
    .batch_events_max = 1 << 24,
    .event_bytes_max = 1 << 30,
    .string_bytes_max = 1 << 20,
    .depth_max = 64,
    .scopes_max = 1 << 16,
};

struct replay {
    struct checkpoint *checkpoint;
    struct arena arena; /* reset per batch */
    struct replay_stats stats;
};

/* Fold one entry. False: it cannot be what was once accepted. */
static bool fold_entry(struct replay *r, const struct log_entry *e)
{
    struct batch b;

    arena_reset(&r->arena);
    frame_decode(e->frame.p, e->frame.n, &replay_limits, &r->arena, &b);
    if (b.status != ST_OK || b.n != e->n)
        return false;
    for (uint32_t i = 0; e->faults_n == 0 && i < b.n; i++)
        if (b.verdict[i] != 0)
            return false;
    if (e->faults_n > 0) {
        uint8_t *decoded = b.verdict, *stored = arena_alloc(&r->arena, e->n);

        if (stored == NULL || !log_verdicts(e, stored))
            return false;
        for (uint32_t i = 0; i < b.n; i++)
            if (stored[i] == 0 && decoded[i] != 0)
                return false;
        b.verdict = stored;
    }
    checkpoint_fold(r->checkpoint, &b, e->position, e->received_ms, clock_mono_ns() / 1000000);
    r->stats.batches++;
    r->stats.events += e->n;
    r->stats.bytes += e->frame.n;
    r->checkpoint->log_bytes += e->frame.n;
    return true;
}

static enum status read_tail(struct replay *r, struct log_reader *reader, char why[static 256])
{
    struct checkpoint *c = r->checkpoint;
    struct log_entry e;
    enum status st = ST_OK;

    while (st == ST_OK && log_next(reader, &e)) {
        if (!fold_entry(r, &e)) {
            text_fmt(why, 256, "the log's batch at position %llu cannot be decoded again",
                     (unsigned long long)e.position);
            return ST_CORRUPT;
        }
        if (c->merge_end != 0 && generation_end(c->active) >= c->merge_end) {
            c->merge_end = 0;
            st = checkpoint_freeze_now(c);
        } else if (c->merge_end == 0 && checkpoint_is_half_full(c)) {
            st = checkpoint_freeze_now(c);
        }
    }
    if (st == ST_OK && c->merge_end != 0) {
        text_fmt(why, 256,
                 "a merge into the day tables was cut short at position %llu, but the log ends "
                 "before it: it is not the log they were made from",
                 (unsigned long long)c->merge_end);
        return ST_CORRUPT;
    }
    if (st != ST_OK)
        text_fmt(why, 256, "the day tables cannot be written: %s", status_row(st)->text);
    return st;
}

/* Do the two environments belong together? */
static bool fits(const struct log_range *range, uint64_t covered, char why[static 256])
{
    if (covered > range->end)
        text_fmt(why, 256,
                 "the day tables cover positions up to %llu, but the log ends at %llu: it is "
                 "not the log they were made from",
                 (unsigned long long)covered, (unsigned long long)range->end);
    else if (covered < range->first && range->first > LOG_FIRST)
        text_fmt(why, 256,
                 "the day tables cover positions up to %llu, but the log begins at %llu: they "
                 "are older than the log",
                 (unsigned long long)covered, (unsigned long long)range->first);
    else
        return true;
    return false;
}

/* The tail was counted from 0; the log counts from its very first byte. */
static void shift_log_bytes(struct checkpoint *c, uint64_t by)
{
    c->log_bytes += by;
    c->active_log_bytes += by;
    c->covered_log_bytes += by;
}

enum status replay(struct store *front, struct checkpoint *c, struct replay_stats *out,
                   char why[static 256])
{
    struct replay r = {.checkpoint = c};
    struct log_range range = {0};
    uint64_t from = c->covered < LOG_FIRST ? LOG_FIRST : c->covered;
    struct log_reader reader;
    uint64_t begin_ns = clock_mono_ns();
    struct txn t;
    enum status st = ST_OK;

    txn_begin(front, false, &t);
    if (log_range(&t, FRONT_JOURNAL, &range) && !fits(&range, c->covered, why)) {
        txn_abort(&t);
        return ST_CORRUPT;
    }
    log_read(&t, FRONT_JOURNAL, from, &reader);
    st = read_tail(&r, &reader, why);
    if (st == ST_OK && t.status != ST_OK) {
        st = t.status;
        text_fmt(why, 256, "%s", reader.why[0] != '\0' ? reader.why : status_row(st)->text);
    }
    log_read_end(&reader);
    txn_abort(&t);
    arena_fini(&r.arena);
    shift_log_bytes(c, range.bytes - c->log_bytes);
    r.stats.ns = clock_mono_ns() - begin_ns;
    *out = r.stats;
    return st;
}
