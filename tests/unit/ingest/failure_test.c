/* Disks that fail, restarts, stores that do not fit together, clocks that jump. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/clock_gate.h"
#include "engine/ingest/tables.h"
#include "engine/store/store_test.h"
#include "tests/unit/ingest/ingest_help.h"

/* ---- failure ---- */

static void a_full_disk_refuses_the_group(void **state)
{
    struct engine *e = *state;
    struct answer a[3];
    char frame[512];

    (void)ask_seq(e, 1, 1, 1);
    store_test_fail_commit(e->front, 1, ENOSPC);
    loop_turn(e->loop, 0);
    text_fmt(frame, sizeof(frame), WITH_ID, 1, NOW, "a");
    engine_send(e, &source_plain, frame, &a[0]);
    engine_send(e, &source_plain, "broken", &a[1]);
    engine_send(e, &source_plain, "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"events\":[]}",
                &a[2]);
    text_fmt(frame, sizeof(frame), "[" CALL "," CALL "]", NOW, NOW);
    engine_send(e, &source_push, frame, NULL);
    engine_settle(e);
    for (unsigned i = 0; i < N_OF(a); i++)
        assert_int_equal(a[i].outcome.status, ST_STORAGE_FULL);
    assert_false(ingest_degraded(e->ingest));
    assert_int_equal(status_of(e).counters.push_lost, 2);
    assert_int_equal(status_of(e).counters.batches_refused[ST_STORAGE_FULL], 4);
    assert_int_equal(status_of(e).counters.accepted, 1);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 1);
    /* Nothing of it has left a trace: sequence and id are as before. */
    assert_int_equal(engine_ask(e, WITH_ID, 1, NOW, "a").outcome.accepted, 1);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.accepted, 1);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 3);
    assert_int_equal(engine_ledger(e, day_of_ms(NOW)).calls, 3);
    check_adds_up(e);
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(status_of(e).counters.push_lost, 2); /* stored with a later commit */
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 3);
}

static void a_broken_disk_stops_writing_for_good(void **state)
{
    struct engine *e = *state;
    struct answer a;

    (void)ask_seq(e, 1, 1, 1);
    store_test_fail_commit(e->front, 1, EIO);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.status, ST_IO_ERROR);
    assert_true(ingest_degraded(e->ingest));
    store_test_fail_commit(e->front, 0, 0);
    a = ask_seq(e, 1, 2, 1);
    assert_int_equal(a.outcome.status, ST_IO_ERROR); /* no write is tried again */
    assert_false(a.outcome.has_expected_seq);        /* and no cursor is read */
    assert_false(ingest_may_read(e->ingest, INGEST_PUSH));
    assert_true(ingest_may_read(e->ingest, INGEST_ZMQ));
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 1); /* reads go on */
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.status, ST_OK);
}

static void a_broken_day_store_stops_writing(void **state)
{
    struct engine *e = *state;
    struct ingest_options now = e->options;

    (void)ask_seq(e, 1, 1, 1);
    store_test_fail_commit(e->days, 1, EIO);
    now.checkpoint_ms = 0;
    ingest_reload(e->ingest, &now);
    for (int i = 0; i < 1000 && !ingest_degraded(e->ingest); i++)
        loop_turn(e->loop, 20);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.status, ST_IO_ERROR);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 1);
    engine_stop(e, true);
    engine_start(e);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 1);
}

static void a_full_day_store_is_tried_again(void **state)
{
    struct engine *e = *state;

    (void)ask_seq(e, 1, 1, 5);
    store_test_fail_commit(e->days, 1, ENOSPC);
    engine_checkpoint(e); /* the second try does it */
    assert_false(ingest_degraded(e->ingest));
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 5);
}

/* ---- restart ---- */

static void the_tail_is_folded_again(void **state)
{
    struct engine *e = *state;
    int32_t today = day_of_ms(NOW);

    (void)ask_seq(e, 1, 1, 10);
    engine_checkpoint(e);
    (void)ask_seq(e, 1, 2, 20);
    (void)engine_ask(e, "[{\"type\":\"bad\"}," CALL "]", NOW);
    for (int i = 0; i < 3; i++) {
        engine_stop(e, i == 1); /* with a last checkpoint, too */
        engine_start(e);
        assert_int_equal(engine_sheet(e, 1, today).calls + engine_sheet(e, 1, today - 1).calls, 31);
        assert_int_equal(status_of(e).position, 33);
        assert_int_equal(status_of(e).checkpoint_position, i == 0 ? 11 : 33);
        assert_int_equal(status_of(e).counters.accepted, 31);
    }
    assert_int_equal(ask_seq(e, 1, 3, 1).outcome.status, ST_OK);
    assert_int_equal(engine_sheet(e, 1, today).calls + engine_sheet(e, 1, today - 1).calls, 32);
}

static void replay_depends_on_no_option(void **state)
{
    static char text[300];
    struct engine *e = *state;
    int32_t today = day_of_ms(NOW);

    memset(text, 'x', 200);
    assert_int_equal(
        engine_ask(e,
                   "[" CALL "," CALL
                   ",{\"type\":\"app.error\",\"account\":1,\"app\":2,\"user\":3,\"time\":%lld,"
                   "\"reason\":\"%s\"}]",
                   NOW, NOW, NOW, text)
            .outcome.accepted,
        3);
    engine_stop(e, false);
    e->options.limits.batch_events_max = 1;
    e->options.limits.string_bytes_max = 64;
    e->options.limits.event_bytes_max = 256;
    e->options.floor_day = today + 1;
    e->options.pending_bytes = 1; /* frozen after every batch */
    engine_start(e);
    assert_int_equal(engine_sheet(e, 1, today).calls + engine_sheet(e, 1, today - 1).calls, 2);
    engine_checkpoint(e);
    assert_int_equal(status_of(e).checkpoint_position, 4);
    assert_int_equal(engine_sheet(e, 1, today).calls + engine_sheet(e, 1, today - 1).calls, 2);
}

static void stores_that_do_not_belong_together_are_refused(void **state)
{
    struct engine *e = *state;
    char why[256], front[300], aside[300];

    engine_start(e);
    (void)ask_seq(e, 1, 1, 10);
    engine_stop(e, true);
    text_fmt(front, sizeof(front), "%s/front", e->scratch.dir);
    text_fmt(aside, sizeof(aside), "%s/aside", e->scratch.dir);
    assert_int_equal(rename(front, aside), 0); /* the log is lost */
    assert_int_equal(engine_try_start(e, why), ST_CORRUPT);
    assert_non_null(strstr(why, "log ends at 1"));
}

static void a_damaged_tail_is_refused(void **state)
{
    struct engine *e = *state;
    struct store *front;
    struct span val;
    uint8_t bad[4096];
    static const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    char why[256];
    struct txn t;

    engine_start(e);
    (void)ask_seq(e, 1, 1, 1);
    engine_stop(e, false);
    front = scratch_front(&e->scratch, 0);
    txn_begin(front, true, &t);
    assert_true(txn_get(&t, FRONT_JOURNAL, key, sizeof(key), &val));
    memcpy(bad, val.p, val.n);
    bad[val.n - 2] ^= 1;
    txn_put(&t, FRONT_JOURNAL, key, sizeof(key), bad, val.n);
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&front);
    assert_int_equal(engine_try_start(e, why), ST_CORRUPT);
    assert_non_null(strstr(why, "position 1 does not match its checksum"));
}

static void a_newer_store_is_left_alone(void **state)
{
    static const uint8_t key[1] = {'f'}, newer[1] = {FRONT_FORMAT + 1};
    struct engine *e = *state;
    struct store *front = scratch_front(&e->scratch, 0);
    char why[256];
    struct span val;
    struct txn t;

    txn_begin(front, true, &t);
    txn_put(&t, FRONT_META, key, 1, newer, 1);
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&front);
    assert_int_equal(engine_try_start(e, why), ST_OTHER_FORMAT);
    front = scratch_front(&e->scratch, 0);
    txn_begin(front, false, &t);
    assert_true(txn_get(&t, FRONT_META, key, 1, &val));
    assert_memory_equal(val.p, newer, 1);
    txn_abort(&t);
    store_close(&front);
}

/* ---- clock ---- */

/* While the engine is stopped: the last commit was made at wall_ms, a moment ago. */
static void store_mark(struct engine *e, int64_t wall_ms)
{
    static const uint8_t key[1] = {'c'};
    struct buf b = buf_of(64);
    uint8_t boot_id[16];
    struct txn t;

    boot_id_read(boot_id);
    buf_be(&b, (uint64_t)wall_ms, 8);
    buf_be(&b, (uint64_t)clock_now().boot_ms, 8);
    buf_put(&b, boot_id, 16);
    e->front = scratch_front(&e->scratch, 0);
    txn_begin(e->front, true, &t);
    txn_put(&t, FRONT_META, key, 1, b.p, b.n);
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&e->front);
    buf_fini(&b);
}

static void a_clock_that_jumped_over_a_restart(void **state)
{
    struct engine *e = *state;
    struct answer a;

    (void)ask_seq(e, 1, 1, 1);
    engine_stop(e, false);
    store_mark(e, NOW + 40 * MS_PER_DAY); /* so the clock went back */

    engine_start(e);
    assert_true(ingest_clock_suspect(e->ingest));
    a = ask_seq(e, 1, 2, 1);
    assert_int_equal(a.outcome.status, ST_CLOCK_SUSPECT);
    assert_int_equal(a.outcome.expected_seq, 2);
    assert_false(ingest_may_read(e->ingest, INGEST_PUSH));
    e->options.clock_accept = true; /* the operator says that now is now */
    ingest_reload(e->ingest, &e->options);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.status, ST_OK);
    e->options.clock_accept = false;
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 3, 1).outcome.status, ST_OK);
}

static void put_ledger_day(struct engine *e, int32_t day)
{
    uint8_t key[4], val[LEDGER_SHARDS * 2] = {0};
    struct txn t;

    put_be(key, (uint32_t)day, sizeof(key));
    e->front = scratch_front(&e->scratch, 0);
    txn_begin(e->front, true, &t);
    txn_put(&t, FRONT_LEDGER, key, sizeof(key), val, sizeof(val));
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&e->front);
}

static bool has_ledger_day(struct engine *e, int32_t day)
{
    struct ledger_day units;
    struct txn t;

    txn_begin(e->front, false, &t);
    bool has = ingest_ledger_day(&t, day, &units);
    txn_abort(&t);
    return has;
}

/* Refusals are committed, too: what looks old to a wrong clock has to outlive them. */
static void a_wrong_clock_deletes_nothing(void **state)
{
    struct engine *e = *state;
    const int32_t old = day_of_ms(NOW) - 50;

    (void)ask_seq(e, 1, 1, 1);
    engine_stop(e, false);
    store_mark(e, NOW - 60 * MS_PER_DAY); /* so the clock went ahead */
    put_ledger_day(e, old);

    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.status, ST_CLOCK_SUSPECT);
    assert_true(has_ledger_day(e, old));
    e->options.clock_accept = true;
    ingest_reload(e->ingest, &e->options);
    assert_int_equal(ask_seq(e, 1, 2, 1).outcome.status, ST_OK);
    assert_false(has_ledger_day(e, old));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(a_full_disk_refuses_the_group),
        STARTED(a_broken_disk_stops_writing_for_good),
        STARTED(a_broken_day_store_stops_writing),
        STARTED(a_full_day_store_is_tried_again),
        STARTED(the_tail_is_folded_again),
        STARTED(replay_depends_on_no_option),
        ALONE(stores_that_do_not_belong_together_are_refused),
        ALONE(a_damaged_tail_is_refused),
        ALONE(a_newer_store_is_left_alone),
        STARTED(a_clock_that_jumped_over_a_restart),
        STARTED(a_wrong_clock_deletes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
