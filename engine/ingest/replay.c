/* Frames are decoded straight from the mapped log and judged by their stored verdicts alone; the
 * limits of this decoding are wider than any option allows, so that no option changes what was
 * accepted. One thread reads and decodes the next piece while this one folds the last. */
#include "engine/ingest/replay.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/ingest/tables.h"
#include "engine/log/log.h"
#include "engine/net/worker.h"

/* A piece is some batches of the log: half a megabyte of events, so that both stay in the cache. */
#define PIECE_BATCHES 16
#define PIECE_EVENTS  8192
#define PIECES_N      2

static const struct frame_limits replay_limits = {
    .batch_events_max = 1 << 24,
    .event_bytes_max = 1 << 30,
    .string_bytes_max = 1 << 20,
    .depth_max = 64,
    .scopes_max = 1 << 16,
};

struct piece {
    struct arena arena;
    struct {
        struct log_entry entry;
        struct batch batch; /* in the arena; its texts are in the log */
    } of[PIECE_BATCHES];
    uint32_t n;
    bool last;          /* nothing comes after it */
    enum status status; /* of the batch behind them: why it is no part of this */
    uint64_t failed_at; /* its position */
};

struct replay {
    struct checkpoint *checkpoint;
    struct replay_stats stats;
};

/* ---- the reading thread ---- */

/* ST_CORRUPT: it cannot be what was once accepted. */
static enum status decode(struct arena *arena, const struct log_entry *e, struct batch *b)
{
    frame_decode(e->frame.p, e->frame.n, &replay_limits, arena, b);
    if (b->status == ST_NO_MEMORY)
        return ST_NO_MEMORY;
    if (b->status != ST_OK || b->n != e->n)
        return ST_CORRUPT;
    for (uint32_t i = 0; e->faults_n == 0 && i < b->n; i++)
        if (b->verdict[i] != 0)
            return ST_CORRUPT;
    if (e->faults_n > 0) {
        uint8_t *decoded = b->verdict, *stored = arena_alloc(arena, e->n);

        if (stored == NULL)
            return ST_NO_MEMORY;
        if (!log_verdicts(e, stored))
            return ST_CORRUPT;
        for (uint32_t i = 0; i < b->n; i++)
            if (stored[i] == 0 && decoded[i] != 0)
                return ST_CORRUPT;
        b->verdict = stored;
    }
    return ST_OK;
}

static void read_piece(void *arg, void *letter)
{
    struct log_reader *reader = arg;
    struct piece *p = letter;
    uint32_t events = 0;

    arena_reset(&p->arena);
    for (p->n = 0; p->n < PIECE_BATCHES && events < PIECE_EVENTS; p->n++) {
        struct log_entry *e = &p->of[p->n].entry;

        if (!log_next(reader, e)) {
            p->last = true;
            return;
        }
        p->status = decode(&p->arena, e, &p->of[p->n].batch);
        if (p->status != ST_OK) {
            p->failed_at = e->position;
            p->last = true;
            return;
        }
        events += e->n;
    }
}

/* ---- folding ---- */

static enum status fold_piece(struct replay *r, const struct piece *p)
{
    struct checkpoint *c = r->checkpoint;
    enum status st = ST_OK;

    for (uint32_t i = 0; i < p->n && st == ST_OK; i++) {
        const struct log_entry *e = &p->of[i].entry;

        checkpoint_fold(c, &p->of[i].batch, e->position, e->received_ms, clock_mono_ns() / 1000000);
        c->log_bytes += e->frame.n;
        r->stats.batches++;
        r->stats.events += e->n;
        r->stats.bytes += e->frame.n;
        if (c->merge_end != 0 && generation_end(c->active) >= c->merge_end) {
            c->merge_end = 0;
            st = checkpoint_freeze_now(c);
        } else if (c->merge_end == 0 && checkpoint_is_half_full(c)) {
            st = checkpoint_freeze_now(c);
        }
    }
    return st;
}

static enum status fold_pieces(struct replay *r, struct piece *pieces, struct log_reader *reader,
                               char why[static 256])
{
    struct worker *w = NULL;
    enum status st = worker_new(read_piece, reader, &w);
    bool last = false;

    for (unsigned i = 0; i < PIECES_N && st == ST_OK; i++)
        worker_put(w, &pieces[i]);
    while (st == ST_OK && !last) {
        struct piece *p = worker_wait(w);

        st = fold_piece(r, p);
        last = p->last;
        if (st == ST_OK && p->status != ST_OK) {
            text_fmt(why, 256, "the log's batch at position %llu cannot be decoded again",
                     (unsigned long long)p->failed_at);
            st = p->status;
        } else if (st == ST_OK && !last) {
            worker_put(w, p);
        }
    }
    worker_free(&w); /* with it the last look at the reader */
    return st;
}

static enum status read_tail(struct replay *r, struct log_reader *reader, char why[static 256])
{
    struct checkpoint *c = r->checkpoint;
    struct piece *pieces = calloc(PIECES_N, sizeof(*pieces));
    enum status st = pieces != NULL ? fold_pieces(r, pieces, reader, why) : ST_NO_MEMORY;

    for (unsigned i = 0; i < PIECES_N && pieces != NULL; i++)
        arena_fini(&pieces[i].arena);
    free(pieces);
    if (st == ST_OK && c->merge_end != 0) {
        text_fmt(why, 256,
                 "a merge into the day tables was cut short at position %llu, but the log ends "
                 "before it: it is not the log they were made from",
                 (unsigned long long)c->merge_end);
        return ST_CORRUPT;
    }
    if (st != ST_OK && why[0] == '\0')
        text_fmt(why, 256, "the log's tail cannot be folded: %s", status_row(st)->text);
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
    shift_log_bytes(c, range.bytes - c->log_bytes);
    r.stats.ns = clock_mono_ns() - begin_ns;
    *out = r.stats;
    return st;
}
