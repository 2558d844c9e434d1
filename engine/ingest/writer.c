/* One group, one transaction: judge every submission, append what was accepted to the log,
 * store what was counted, trim, commit. A failed commit undoes all of it in memory too. */
#include "engine/ingest/writer.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/crash_point.h"
#include "engine/base/log.h"
#include "engine/ingest/judge.h"
#include "engine/ingest/tables.h"
#include "engine/log/log.h"
#include "engine/net/worker.h"

/* Trimmed blocks of a commit: twice the appended ones and some more (engine/log/README.md). */
#define TRIM_BLOCKS 4

static const uint8_t meta_format[1] = {'f'};
static const uint8_t meta_clock[1] = {'c'};

struct writer {
    struct store *front;
    struct worker *worker;
    struct judge judge;
};

/* ---- rows of meta ---- */

static void clock_store(struct txn *t, const struct clock_mark *mark)
{
    struct buf b = buf_of(64);

    buf_be(&b, (uint64_t)mark->wall_ms, 8);
    buf_be(&b, (uint64_t)mark->boot_ms, 8);
    buf_put(&b, mark->boot_id, sizeof(mark->boot_id));
    if (b.bad)
        txn_fail(t, ST_NO_MEMORY);
    else
        txn_put(t, FRONT_META, meta_clock, sizeof(meta_clock), b.p, b.n);
    buf_fini(&b);
}

static bool clock_load(struct txn *t, struct clock_mark *out)
{
    struct span val;
    struct reader r;
    const uint8_t *id;

    if (!txn_get(t, FRONT_META, meta_clock, sizeof(meta_clock), &val))
        return false;
    r = reader_of(val.p, val.n);
    out->wall_ms = (int64_t)read_be(&r, 8);
    out->boot_ms = (int64_t)read_be(&r, 8);
    id = read_span(&r, sizeof(out->boot_id));
    if (r.bad || (uint64_t)out->wall_ms > WIRE_INT_MAX || (uint64_t)out->boot_ms > WIRE_INT_MAX) {
        txn_fail(t, ST_CORRUPT);
        return false;
    }
    memcpy(out->boot_id, id, sizeof(out->boot_id));
    return true;
}

/* ---- one group ---- */

static uint32_t stored_n(const struct group *g)
{
    uint32_t n = 0;

    for (const struct slot *s = g->first; s != NULL; s = s->next)
        n += s->stored;
    return n;
}

/* Returns how many blocks of the log that took. */
static uint32_t append(struct txn *t, struct group *g, struct log_range *range)
{
    uint32_t n = stored_n(g), i = 0, blocks;
    struct log_entry *entries;

    if (n == 0)
        return 0;
    entries = arena_alloc(&g->arena, n * sizeof(*entries));
    if (entries == NULL) {
        txn_fail(t, ST_NO_MEMORY);
        return 0;
    }
    for (struct slot *s = g->first; s != NULL; s = s->next) {
        if (!s->stored)
            continue;
        entries[i++] = (struct log_entry){
            .received_ms = s->received_ms,
            .n = s->batch.n,
            .faults_n = s->batch.n - s->outcome.accepted,
            .verdict = s->batch.verdict,
            .frame = s->frame,
        };
    }
    blocks = log_append(t, FRONT_JOURNAL, range, entries, n);
    i = 0;
    for (struct slot *s = g->first; s != NULL; s = s->next)
        if (s->stored)
            s->position = entries[i++].position;
    return blocks;
}

/* After a commit failed for want of room: deleting is what makes some. */
static void trim_alone(struct writer *w, uint64_t below)
{
    struct log_range range;
    struct txn t;
    enum status st;

    txn_begin(w->front, true, &t);
    if (log_range(&t, FRONT_JOURNAL, &range))
        (void)log_trim(&t, FRONT_JOURNAL, &range, below, TRIM_BLOCKS);
    st = txn_commit(&t);
    if (st != ST_OK)
        log_line(LOG_WARN, "ingest", "event=trim_failed status=%s", status_row(st)->name);
}

static void write_group(void *arg, void *letter)
{
    struct writer *w = arg;
    struct group *g = letter;
    uint64_t begin_ns = clock_mono_ns();
    struct log_range range;
    uint32_t blocks;
    struct txn t;

    txn_begin(w->front, true, &t);
    judge_begin(&w->judge, &t, g);
    for (struct slot *s = g->first; s != NULL; s = s->next)
        judge_slot(&w->judge, &t, g, s);
    (void)log_range(&t, FRONT_JOURNAL, &range); /* t says the same */
    blocks = append(&t, g, &range);
    judge_end(&w->judge, &t, g, g->now_ms);
    if (g->clock_known)
        clock_store(&t, &g->mark);
    if (log_trim(&t, FRONT_JOURNAL, &range, g->trim_below, 2 * blocks + TRIM_BLOCKS) > 0)
        CRASH_POINT("front_trimmed");
    g->end = range.end;
    g->log_first = range.first;
    g->log_bytes = range.bytes;
    CRASH_POINT("front_before_commit");
    g->status = txn_commit(&t);
    if (g->status == ST_OK) {
        CRASH_POINT("front_after_commit");
        judge_done(&w->judge);
    } else {
        /* A peer learns two causes: no room, or no disk; both are worth another try. */
        judge_undo(&w->judge, g, g->status == ST_STORAGE_FULL ? ST_STORAGE_FULL : ST_IO_ERROR);
        if (g->status == ST_STORAGE_FULL)
            trim_alone(w, g->trim_below);
    }
    g->counters = w->judge.counters;
    g->commit_ns = clock_mono_ns() - begin_ns;
}

/* ---- open ---- */

/* An older store lacks what was not accepted by account, and says so from now on. */
static void take_over(struct txn *t)
{
    static const uint8_t partly = FRONT_META_FAULTS_PARTLY;
    uint8_t now[10];

    txn_put(t, FRONT_META, &partly, 1, now, (size_t)(put_varint(now, 1) - now));
    txn_put(t, FRONT_META, meta_format, sizeof(meta_format), now,
            (size_t)(put_varint(now, FRONT_FORMAT) - now));
}

static enum status format_check(struct txn *t, char why[static 256])
{
    struct span val;
    struct reader r;
    uint64_t format;
    uint8_t now[10];

    if (!txn_get(t, FRONT_META, meta_format, sizeof(meta_format), &val)) {
        txn_put(t, FRONT_META, meta_format, sizeof(meta_format), now,
                (size_t)(put_varint(now, FRONT_FORMAT) - now));
        return ST_OK;
    }
    r = reader_of(val.p, val.n);
    format = read_varint(&r);
    if (!r.bad && format == FRONT_FORMAT)
        return ST_OK;
    if (!r.bad && format > 0 && format < FRONT_FORMAT) {
        take_over(t);
        return ST_OK;
    }
    text_fmt(why, 256,
             "the front store has format %llu; this version knows %u and leaves it untouched",
             (unsigned long long)format, FRONT_FORMAT);
    return r.bad ? ST_CORRUPT : ST_OTHER_FORMAT;
}

static enum status load(struct writer *w, struct writer_found *found, char why[static 256])
{
    struct log_range range = {0};
    struct txn t;
    enum status st;

    *found = (struct writer_found){0};
    txn_begin(w->front, true, &t);
    st = format_check(&t, why);
    if (st != ST_OK) {
        txn_abort(&t);
        return st;
    }
    found->has_mark = clock_load(&t, &found->mark);
    (void)log_range(&t, FRONT_JOURNAL, &range); /* t says the same */
    judge_load(&w->judge, &t);
    st = txn_commit(&t);
    if (st != ST_OK)
        text_fmt(why, 256, "the front store cannot be used: %s", status_row(st)->text);
    found->log_first = range.first;
    found->log_end = range.end;
    found->log_bytes = range.bytes;
    found->counters = w->judge.counters;
    return st;
}

enum status writer_open(const struct writer_start *with, struct writer **out,
                        struct writer_found *found, char why[static 256])
{
    const struct ingest_options *o = &with->options;
    struct writer *w = calloc(1, sizeof(*w));
    enum status st;

    if (w == NULL)
        return ST_NO_MEMORY;
    w->front = with->front;
    w->judge.producers_max = o->producers_max;
    w->judge.idle_days = o->producer_idle_days;
    w->judge.ids = (struct id_window){.bytes_max = o->id_window_bytes, .hours = o->id_window_hours};
    w->judge.rejected.rows_max = o->rejected_max;
    st = load(w, found, why);
    if (st == ST_OK) {
        st = worker_new(write_group, w, &w->worker);
        if (st != ST_OK)
            text_fmt(why, 256, "cannot start the front writer: %s", status_row(st)->text);
    }
    if (st != ST_OK)
        writer_close(&w);
    else
        *out = w;
    return st;
}

void writer_close(struct writer **wp)
{
    struct writer *w = *wp;

    if (w == NULL)
        return;
    worker_free(&w->worker);
    faults_fini(&w->judge.faults);
    free(w);
    *wp = NULL;
}

void writer_put(struct writer *w, struct group *g)
{
    worker_put(w->worker, g);
}

struct group *writer_take(struct writer *w)
{
    return worker_take(w->worker);
}

int writer_fd(const struct writer *w)
{
    return worker_fd(w->worker);
}
