/* Merges and purges that meet a store that refuses, a stop, or a tail that memory does not hold:
 * what is counted is what was accepted, now or after the next start. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/store/store_test.h"
#include "tests/unit/ingest/ingest_help.h"

static uint64_t calls(struct engine *e)
{
    int32_t today = day_of_ms(NOW);

    return engine_sheet(e, 1, today).calls + engine_sheet(e, 1, today - 1).calls;
}

/* ---- purges ---- */

static void wait_for_failure(struct engine *e)
{
    int64_t until_ms = clock_now().mono_ms + 30000;

    while (status_of(e).merges_failed == 0) {
        CHECK(clock_now().mono_ms < until_ms);
        loop_turn(e->loop, 20);
    }
}

static void a_purge_without_room_stops_nothing(void **state)
{
    struct engine *e = *state;

    store_test_fail_commit(e->days, 1, ENOSPC); /* a start purges first of all */
    loop_again(e->loop);
    wait_for_failure(e);
    assert_false(ingest_degraded(e->ingest));
    assert_int_equal(ask_seq(e, 1, 1, 1).outcome.status, ST_OK);
    engine_checkpoint(e);
    assert_int_equal(calls(e), 1);
    assert_int_equal(status_of(e).merges_failed, 1);
}

static void a_purge_that_breaks_the_store_stops_writing(void **state)
{
    struct engine *e = *state;

    store_test_fail_commit(e->days, 1, EIO);
    loop_again(e->loop);
    wait_for_failure(e);
    assert_true(ingest_degraded(e->ingest));
    assert_int_equal(ask_seq(e, 1, 1, 1).outcome.status, ST_IO_ERROR);
    engine_stop(e, true);
    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 1, 1).outcome.status, ST_OK);
}

/* ---- stops ---- */

static void a_last_checkpoint_that_fails_loses_nothing(void **state)
{
    static const int errors[] = {ENOSPC, EIO};
    struct engine *e = *state;

    for (unsigned i = 0; i < N_OF(errors); i++) {
        (void)ask_seq(e, 1, 2 * i + 1, 1);
        engine_checkpoint(e); /* with it the purge of the start is over */
        (void)ask_seq(e, 1, 2 * i + 2, 1);
        store_test_fail_commit(e->days, 1, errors[i]);
        engine_stop(e, true);
        engine_start(e);
        assert_int_equal(status_of(e).events_unsaved, 1);
        assert_int_equal(calls(e), 2 * i + 2);
    }
    engine_checkpoint(e);
    assert_int_equal(calls(e), 4);
}

static void a_stop_waits_for_the_merge_under_way(void **state)
{
    struct engine *e = *state;
    struct ingest_options now = e->options;

    now.checkpoint_ms = 0;
    for (unsigned i = 0; i < 2; i++) { /* with a last checkpoint, and without */
        (void)ask_seq(e, 1, 2 * i + 1, 1);
        engine_checkpoint(e);
        (void)ask_seq(e, 1, 2 * i + 2, 1);
        for (int turns = 0; turns < 3; turns++) /* its memory is emptied by then */
            loop_turn(e->loop, 20);
        ingest_reload(e->ingest, &now);
        loop_turn(e->loop, 0); /* it begins */
        engine_stop(e, i == 0);
        engine_start(e);
        assert_int_equal(status_of(e).events_unsaved, 0);
        assert_int_equal(calls(e), 2 * i + 2);
    }
}

/* ---- starts ---- */

#define BATCHES 6

static void fill_tail(struct engine *e)
{
    for (unsigned i = 1; i <= BATCHES; i++)
        (void)ask_seq(e, 1, i, 2);
    engine_stop(e, false);
    e->options.pending_bytes = 1; /* from now on each batch is more than memory may hold */
}

/* The first commit of a start is of the tables' format; then come merges. */
static enum status open_with(struct engine *e, int error, char why[static 256])
{
    CHECK(loop_new(&e->loop) == ST_OK);
    e->front = scratch_front(&e->scratch, 0);
    e->days = scratch_days(&e->scratch, 0);
    store_test_fail_commit(e->days, 2, error);
    const struct ingest_setup setup = {e->loop, e->front, e->days, clock_now(), e->options};

    return ingest_open(&setup, &e->ingest, why);
}

static void a_tail_beyond_memory_is_merged_as_it_is_folded(void **state)
{
    struct engine *e = *state;

    fill_tail(e);
    engine_start(e);
    assert_int_equal(calls(e), 2 * BATCHES);
    assert_int_equal(status_of(e).position, 2 * BATCHES + 1);
    assert_int_equal(status_of(e).checkpoint_position, 2 * (BATCHES - 1) + 1); /* one is kept */
}

/* Without room for them the tail is kept in memory, whatever that takes. */
static void a_tail_that_finds_no_room_is_kept(void **state)
{
    struct engine *e = *state;
    char why[256];

    fill_tail(e);
    assert_int_equal(open_with(e, ENOSPC, why), ST_OK);
    assert_int_equal(calls(e), 2 * BATCHES);
    engine_checkpoint(e);
    assert_int_equal(calls(e), 2 * BATCHES);
}

static void a_tail_that_cannot_be_merged_is_refused(void **state)
{
    struct engine *e = *state;
    char why[256];

    fill_tail(e);
    assert_int_equal(open_with(e, EIO, why), ST_IO_ERROR);
    assert_null(e->ingest);
    assert_non_null(strstr(why, "tail cannot be folded"));
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(calls(e), 2 * BATCHES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(a_purge_without_room_stops_nothing),
        STARTED(a_purge_that_breaks_the_store_stops_writing),
        STARTED(a_last_checkpoint_that_fails_loses_nothing),
        STARTED(a_stop_waits_for_the_merge_under_way),
        STARTED(a_tail_beyond_memory_is_merged_as_it_is_folded),
        STARTED(a_tail_that_finds_no_room_is_kept),
        STARTED(a_tail_that_cannot_be_merged_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
