/* Each __wrap_x is called in place of x by the files that do not define x, and x is __real_x. */
#include "tests/sim/plant.h"

#include "engine/base/check.h"
#include "engine/ingest/checkpoint.h"
#include "engine/ingest/judge.h"
#include "engine/ingest/replay.h"
#include "engine/ingest/tables.h"
#include "engine/ingest/writer.h"
#include "engine/log/log.h"
#include "tests/sim/wrap.h"

enum plant plant_now;

const char *const plant_names[PLANTS] = {
    [PLANT_NONE] = "none",
    [PLANT_LOST_SYNC] = "lost_sync",
    [PLANT_ACK_BEFORE_COMMIT] = "ack_before_commit",
    [PLANT_FAILED_COMMIT_IGNORED] = "failed_commit_ignored",
    [PLANT_CURSOR_NOT_STORED] = "cursor_not_stored",
    [PLANT_CURSOR_OF_ALL_EPOCHS] = "cursor_of_all_epochs",
    [PLANT_DOUBLE_FOLD] = "double_fold_on_replay",
    [PLANT_EARLY_TRIM] = "journal_trimmed_too_early",
    [PLANT_MERGE_FORGETS] = "merge_progress_not_stored",
    [PLANT_PURGE_EARLY] = "purge_one_day_early",
    [PLANT_IDS_FORGOTTEN] = "ids_forgotten_on_restart",
    [PLANT_DUPLICATE_ACCEPTED] = "duplicate_counted_accepted",
    [PLANT_CLOCK_BELIEVED] = "clock_gate_ignored",
    [PLANT_UNDO_MISSING] = "counters_not_undone",
    [PLANT_FROZEN_UNSEEN] = "frozen_generation_unseen",
};

/* ---- transactions ---- */

static struct txn held; /* answered as committed, and not yet committed; store is NULL: none */

WRAP(void, txn_begin, struct store *s, bool writes, struct txn *out);
WRAP(enum status, txn_commit, struct txn *t);
WRAP(void, store_close, struct store **s);

static void let_go(void)
{
    struct txn t = held;

    held.store = NULL;
    if (t.store != NULL && __real_txn_commit(&t) != ST_OK)
        return; /* too late to tell anybody: that is the bug */
}

void __wrap_txn_begin(struct store *s, bool writes, struct txn *out)
{
    if (held.store == s && writes)
        let_go();
    __real_txn_begin(s, writes, out);
}

void __wrap_store_close(struct store **s)
{
    if (*s != NULL && held.store == *s) {
        txn_abort(&held);
        held.store = NULL;
    }
    __real_store_close(s);
}

static struct store *front; /* of the engine that runs */

enum status __wrap_txn_commit(struct txn *t)
{
    const bool writes = t->writes && t->store == front;

    if (plant_now == PLANT_ACK_BEFORE_COMMIT && writes && t->status == ST_OK && t->handle != NULL) {
        held = *t;
        t->handle = NULL;
        return ST_OK;
    }
    enum status st = __real_txn_commit(t);
    return plant_now == PLANT_FAILED_COMMIT_IGNORED && writes ? ST_OK : st;
}

/* ---- ingest ---- */

WRAP(enum status, writer_open, const struct writer_start *start, struct writer **out,
     struct writer_found *found, char why[static 256])
{
    if (plant_now == PLANT_IDS_FORGOTTEN) {
        struct txn t;
        struct cur c;
        __real_txn_begin(start->front, true, &t);
        cur_open(&t, FRONT_ID_WINDOW, &c);
        for (bool on = cur_first(&c); on; on = c.on)
            cur_del(&c);
        cur_close(&c);
        CHECK(__real_txn_commit(&t) == ST_OK);
    }
    enum status st = __real_writer_open(start, out, found, why);
    front = start->front;
    return st;
}

WRAP(void, cursor_put, struct txn *t, struct str key_name, struct str producer,
     const struct cursor *c, bool created)
{
    if (plant_now == PLANT_CURSOR_NOT_STORED && c->seq % 16 == 0)
        return;
    __real_cursor_put(t, key_name, producer, c, created);
}

/* The older epoch of a producer is judged as if it were the newer one. */
WRAP(enum cursor_verdict, cursor_judge, const struct cursor *c, uint64_t epoch, uint64_t seq,
     struct hash128 digest)
{
    if (plant_now == PLANT_CURSOR_OF_ALL_EPOCHS && epoch < c->epoch)
        epoch = c->epoch;
    return __real_cursor_judge(c, epoch, seq, digest);
}

static bool replaying;

WRAP(enum status, replay, struct store *s, struct checkpoint *c, struct replay_stats *out,
     char why[static 256])
{
    replaying = true;
    enum status st = __real_replay(s, c, out, why);
    replaying = false;
    return st;
}

WRAP(void, checkpoint_fold, struct checkpoint *c, const struct batch *b, uint64_t position,
     int64_t received_ms, int64_t mono_ms)
{
    __real_checkpoint_fold(c, b, position, received_ms, mono_ms);
    if (plant_now == PLANT_DOUBLE_FOLD && replaying && position == c->covered)
        __real_checkpoint_fold(c, b, position, received_ms, mono_ms);
}

WRAP(uint32_t, log_trim, struct txn *t, unsigned table, struct log_range *range, uint64_t below,
     uint32_t blocks_max)
{
    if (plant_now == PLANT_EARLY_TRIM)
        below += 20;
    return __real_log_trim(t, table, range, below, blocks_max);
}

WRAP(void, counters_batch, struct counters *c, const struct tally *t)
{
    struct tally wrong = *t;

    if (plant_now == PLANT_DUPLICATE_ACCEPTED && t->accepted > 0) {
        wrong.accepted += wrong.duplicate;
        wrong.duplicate = 0;
    }
    __real_counters_batch(c, &wrong);
}

WRAP(void, judge_undo, struct judge *j, struct group *g, enum status why)
{
    static struct counters kept;

    kept = j->counters;
    __real_judge_undo(j, g, why);
    if (plant_now == PLANT_UNDO_MISSING)
        j->counters = kept;
}

WRAP(bool, clock_gate_step, struct clock_gate *g, const struct clock *now)
{
    if (plant_now == PLANT_CLOCK_BELIEVED)
        clock_gate_accept(g, now);
    return __real_clock_gate_step(g, now);
}

/* ---- the day tables, see plant_merge.c ---- */

/* The purge waits for two days after a day is hidden: this is the first day still seen. */
WRAP(enum status, days_purge, struct store *days, int32_t first_day, uint32_t rows_max, bool *more)
{
    if (plant_now == PLANT_PURGE_EARLY)
        first_day += PURGE_LAG_DAYS + 1;
    return __real_days_purge(days, first_day, rows_max, more);
}

WRAP(unsigned, ingest_generations, const struct ingest *in,
     const struct generation *out[INGEST_GENERATIONS_MAX])
{
    unsigned n = __real_ingest_generations(in, out);

    if (plant_now == PLANT_FROZEN_UNSEEN && n > 1)
        out[0] = out[--n];
    return n;
}
