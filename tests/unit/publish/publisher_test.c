/* A publisher against an engine that loses, refuses, forgets and restarts: every value must be
 * applied exactly once, or be told lost. */
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "tests/unit/publish/publish_help.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define MINUTE_MS 60000

static void close_all(struct daybook_publisher **p, struct fake_engine *f)
{
    assert_int_equal(daybook_publisher_close(p, MINUTE_MS), DAYBOOK_OK);
    assert_null(*p);
    fake_engine_free(f);
}

static void counts_each_once(void **state)
{
    (void)state;
    static struct fake_engine f; /* outlives a failed assertion, as its thread does */
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 20000);
    for (uint64_t v = 20000; v < 21000; v++)
        test_publish_json(p, v);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    struct daybook_publisher_stats s = test_stats(p);
    assert_int_equal(fake_engine_wrong(&f, 0, 21000), 0);
    assert_int_equal(s.batches_acked, 21000);
    assert_int_equal(s.events_accepted, 21000);
    assert_int_equal(s.outbox_batches, 0);
    assert_int_equal(s.outbox_bytes, 0);
    assert_int_equal(s.next_seq, 21001);
    assert_int_equal(s.batches_resent, 0);
    assert_int_equal(heard.acks_n, 21000);
    assert_int_equal(heard.implied_n, 0);
    close_all(&p, &f);
}

/* 1,024 batches in flight, the 101st answered busy, 923 gaps behind it: one rewind. */
static void busy_with_a_full_window(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.halted = true;
    f.busy_seq = 101;
    f.busy_times = 1;
    f.busy_after_ms = 20;
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.probe_ms = MINUTE_MS;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 3000);
    test_fill_window(p, 1024);
    assert_int_equal(test_stats(p).in_flight, 1024);
    f.halted = false;
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    struct daybook_publisher_stats s = test_stats(p);
    assert_int_equal(fake_engine_wrong(&f, 0, 3000), 0);
    assert_int_equal(s.busy, 1);
    assert_int_equal(s.rewinds, 1);
    assert_true(s.gaps >= 1 && s.gaps <= 1023);
    assert_int_equal(s.gaps, f.gap_n);
    assert_int_equal(f.duplicate_n, 0);
    assert_int_equal(s.probes, 0);
    close_all(&p, &f);
}

static void busy_many_times(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.busy_seq = 7;
    f.busy_times = 20;
    f.busy_after_ms = 1;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 2000);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 2000), 0);
    assert_int_equal(test_stats(p).busy, 20);
    assert_non_null(strstr(daybook_publisher_error(p), "busy"));
    close_all(&p, &f);
}

static void gap_rewinds_once(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.halted = true;
    f.lose_seq = 7;
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.probe_ms = MINUTE_MS;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 500);
    test_fill_window(p, 500);
    f.halted = false;
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 500), 0);
    struct daybook_publisher_stats s = test_stats(p);
    assert_int_equal(s.rewinds, 1);
    assert_int_equal(s.gaps, 493);
    assert_int_equal(s.batches_sent, 500 + 494);
    assert_int_equal(s.batches_resent, 494);
    close_all(&p, &f);
}

/* Nothing follows the lost batch, so no gap tells of it: the question for the cursor does. */
static void lost_tail_is_found_by_asking(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.lose_seq = 10;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 10);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 10), 0);
    assert_true(test_stats(p).probes >= 1);
    close_all(&p, &f);
}

static void lost_answers_become_duplicates(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.mute = true;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 100);
    test_poll_until(p, &f.applied_n, 100);
    fake_engine_halt(&f);
    f.mute = false;
    fake_engine_resume(&f);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 100), 0);
    assert_int_equal(test_stats(p).events_duplicate, 100);
    assert_int_equal(test_stats(p).events_accepted, 0);
    assert_int_equal(heard.implied_n, 0);
    close_all(&p, &f);
}

/* An engine that hears nothing: no answer, not even to questions. Then everything is sent again. */
static void silence_is_outlasted(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.deaf = true;
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.ack_timeout_ms = 100;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 50);
    test_poll_until(p, &f.messages_n, 101);
    f.deaf = false;
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 50), 0);
    assert_true(test_stats(p).rewinds >= 1);
    close_all(&p, &f);
}

static void engine_restarts_many_times(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    for (uint64_t round = 0; round < 5; round++) {
        test_publish(p, round * 1000, round * 1000 + 500);
        test_poll_until(p, &f.applied_n, round * 1000 + 300);
        fake_engine_halt(&f);
        test_publish(p, round * 1000 + 500, round * 1000 + 1000);
        fake_engine_resume(&f);
        test_poll_until(p, &f.applied_n, round * 1000 + 1000);
    }
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 5000), 0);
    assert_int_equal(heard.lost_calls_n, 0);
    close_all(&p, &f);
}

/* The clock was behind when the outbox was made: nothing was counted, so nothing is lost. */
static void stale_from_the_start(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.epoch = UINT64_C(9000000000000);
    f.seq = 55;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 2000);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 2000), 0);
    assert_int_equal(heard.lost_calls_n, 1);
    assert_int_equal(heard.lost_n, 0);
    assert_int_equal(heard.lost.why, DAYBOOK_LOST_STALE_EPOCH);
    assert_int_equal(heard.lost.new_epoch, UINT64_C(9000000000001));
    assert_int_equal(test_stats(p).epoch, UINT64_C(9000000000001));
    assert_int_equal(test_stats(p).epochs, 1);
    close_all(&p, &f);
}

/* Fenced with answers missing: those batches are told as lost, and none is counted twice. */
static void stale_with_answers_missing(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.mute = true;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 30);
    test_poll_until(p, &f.applied_n, 30);
    fake_engine_halt(&f);
    f.epoch = UINT64_C(9000000000000);
    f.mute = false;
    test_publish(p, 30, 60);
    fake_engine_resume(&f);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_true(heard.lost_n >= 30 && heard.lost_n <= 60);
    assert_int_equal(heard.lost.from_seq, 1);
    assert_int_equal(test_stats(p).batches_lost, heard.lost_n);
    assert_int_equal(fake_engine_wrong(&f, 0, 30), 0);
    for (uint64_t v = 30; v < 60; v++)
        assert_int_equal(f.seen[v], v < heard.lost_n ? 0 : 1);
    close_all(&p, &f);
}

static void engine_lost_its_data(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 100);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    uint64_t old_epoch = test_stats(p).epoch;
    fake_engine_halt(&f);
    f.epoch = 0;
    f.seq = 0;
    fake_engine_resume(&f);
    test_publish(p, 100, 200);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 200), 0);
    assert_int_equal(heard.lost_calls_n, 1);
    assert_int_equal(heard.lost.why, DAYBOOK_LOST_BY_ENGINE);
    assert_int_equal(heard.lost.epoch, old_epoch);
    assert_int_equal(heard.lost.from_seq, 1);
    assert_int_equal(heard.lost.to_seq, 100);
    assert_true(heard.lost.new_epoch > old_epoch);
    close_all(&p, &f);
}

static void refused_for_good_goes_on(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.refuse_seq = 3;
    f.reject_seq = 5;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 4);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(heard.refused_n, 1);
    assert_string_equal(heard.code, "invalid");
    assert_string_equal(heard.message, "as the test wants it");
    assert_int_equal(f.seen[2], 0);
    test_publish_json(p, 4);
    test_publish(p, 5, 10);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 3, 10), 0);
    assert_int_equal(heard.rejections_n, 1);
    assert_string_equal(heard.code, "too_old");
    assert_string_equal(heard.message, "a \xc3\xa4");
    assert_int_equal(test_stats(p).batches_refused, 1);
    assert_int_equal(test_stats(p).events_rejected, 1);
    assert_int_equal(test_stats(p).events_accepted, 8);
    close_all(&p, &f);
}

/* A missing right is somebody's to mend; the batch waits. */
static void denied_batch_is_kept(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.deny_seq = 4;
    f.deny_times = 2;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 20);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 20), 0);
    assert_int_equal(heard.refused_n, 0);
    assert_int_equal(test_stats(p).busy, 2);
    close_all(&p, &f);
}

/* The engine cannot even tell which batch it refuses: it is found, told, and left behind. */
static void unreadable_batch_is_found(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.unnamed_seq = 4;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 4);
    test_poll_until(p, &heard.lost_calls_n, 1);
    f.unnamed_seq = 0;
    test_publish(p, 4, 20);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(heard.lost.why, DAYBOOK_LOST_UNREADABLE);
    assert_int_equal(heard.lost.from_seq, 4);
    assert_int_equal(heard.lost.to_seq, 4);
    assert_int_equal(f.seen[3], 0);
    assert_int_equal(fake_engine_wrong(&f, 0, 3), 0);
    assert_int_equal(fake_engine_wrong(&f, 4, 20), 0);
    close_all(&p, &f);
}

static void importer_keeps_its_epoch(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.epoch = 77;
    struct daybook_publisher *p = test_open(&options);
    uint64_t epoch = 9, seq = 9;
    assert_int_equal(daybook_publisher_cursor(p, MINUTE_MS, &epoch, &seq), DAYBOOK_OK);
    assert_int_equal(epoch, 0);
    assert_int_equal(seq, 0);
    test_publish(p, 0, 60);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);

    p = test_open(&options); /* the whole again: all duplicates */
    heard.last_seq = 0;
    test_publish(p, 0, 60);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(test_stats(p).events_duplicate, 60);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);

    p = test_open(&options); /* or from where it ended */
    assert_int_equal(daybook_publisher_cursor(p, MINUTE_MS, &epoch, &seq), DAYBOOK_OK);
    assert_int_equal(epoch, 77);
    assert_int_equal(seq, 60);
    assert_int_equal(daybook_publisher_close(&p, 0), DAYBOOK_OK);
    options.first_seq = seq + 1;
    p = test_open(&options);
    test_publish(p, 60, 90);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 90), 0);

    f.halted = true;
    f.epoch = 78; /* somebody else's: such a publisher must not invent numbers */
    f.halted = false;
    test_publish(p, 90, 91);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_FENCED);
    uint8_t body[16];
    assert_int_equal(daybook_publish_raw(p, body, test_body(91, body), NULL), DAYBOOK_FENCED);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_FENCED);
    fake_engine_free(&f);
}

/* Epochs are times: two short-lived publishers in one millisecond would share one. */
static void epochs_differ(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    uint64_t last = 0;
    for (uint64_t i = 0; i < 20; i++) {
        struct daybook_publisher_options options = test_options(&f, &heard);
        struct daybook_publisher *p = test_open(&options);
        assert_true(test_stats(p).epoch > last);
        last = test_stats(p).epoch;
        test_publish(p, i, i + 1);
        assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    }
    assert_int_equal(fake_engine_wrong(&f, 0, 20), 0);
    fake_engine_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_each_once),
        cmocka_unit_test(busy_with_a_full_window),
        cmocka_unit_test(busy_many_times),
        cmocka_unit_test(gap_rewinds_once),
        cmocka_unit_test(lost_tail_is_found_by_asking),
        cmocka_unit_test(lost_answers_become_duplicates),
        cmocka_unit_test(silence_is_outlasted),
        cmocka_unit_test(engine_restarts_many_times),
        cmocka_unit_test(stale_from_the_start),
        cmocka_unit_test(stale_with_answers_missing),
        cmocka_unit_test(engine_lost_its_data),
        cmocka_unit_test(refused_for_good_goes_on),
        cmocka_unit_test(denied_batch_is_kept),
        cmocka_unit_test(unreadable_batch_is_found),
        cmocka_unit_test(importer_keeps_its_epoch),
        cmocka_unit_test(epochs_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
