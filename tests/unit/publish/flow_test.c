/* The flow as tables: an answer, the state before and after. No sockets, a clock of plain numbers.
 */
#include "clients/publish/flow.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define EPOCH 1000u

/* Batches 1..next-1 in the outbox, those below `send` sent at time 0. */
static struct flow flow_of(uint64_t next, uint64_t send)
{
    struct flow f = {.window = 1024, .probe_ms = 1000, .ack_timeout_ms = 10000};
    flow_begin(&f, EPOCH, 1, next, false);
    while (f.send < send) {
        assert_true(flow_may_send(&f, 0));
        flow_sent(&f, 0);
    }
    return f;
}

static struct answer ack(uint64_t seq)
{
    return (struct answer){
        .ok = true, .has_epoch = true, .epoch = EPOCH, .has_seq = true, .seq = seq, .code = ""};
}

static struct answer refusal(const char *code, uint64_t seq, uint64_t expected)
{
    struct answer a = ack(seq);
    a.ok = false;
    a.code = code;
    a.retry = true;
    a.has_expected_seq = expected != 0;
    a.expected_seq = expected;
    return a;
}

static void acks_settle_in_order(void **state)
{
    (void)state;
    struct flow f = flow_of(11, 11);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        struct answer a = ack(seq);
        struct flow_result r = flow_answer(&f, &a, 1);
        assert_int_equal(r.verdict, FLOW_TAKEN);
        assert_int_equal(r.through, seq);
        flow_settle(&f, seq, 1);
    }
    assert_int_equal(f.first, 11);
    struct answer again = ack(10);
    assert_int_equal(flow_answer(&f, &again, 1).verdict, FLOW_STALE);
    struct answer never_sent = ack(11);
    assert_int_equal(flow_answer(&f, &never_sent, 1).verdict, FLOW_BAD);
}

/* The window of 1,024: one busy and 1,023 gaps behind it make one rewind and one pause. */
static void busy_rewinds_once(void **state)
{
    (void)state;
    struct flow f = flow_of(3001, 1025);
    assert_false(flow_may_send(&f, 0)); /* the window is full */
    struct answer busy = refusal("busy", 1, 1);
    busy.retry_after_ms = 50;
    assert_int_equal(flow_answer(&f, &busy, 10).verdict, FLOW_WAIT);
    assert_int_equal(f.send, 1);
    for (uint64_t seq = 2; seq <= 1024; seq++) {
        struct answer gap = refusal("gap", seq, 1);
        struct flow_result r = flow_answer(&f, &gap, 11);
        assert_int_equal(r.verdict, FLOW_STALE);
        assert_true(r.gap);
    }
    assert_int_equal(f.send, 1);
    assert_false(flow_may_send(&f, 59));
    assert_int_equal(flow_wait_ms(&f, 20), 40);
    assert_true(flow_may_send(&f, 60));
    flow_sent(&f, 60);
    assert_false(flow_may_send(&f, 60)); /* one at a time, until it is taken */
    struct answer taken = ack(1);
    assert_int_equal(flow_answer(&f, &taken, 61).verdict, FLOW_TAKEN);
    flow_settle(&f, 1, 61);
    uint64_t sent_n = 0;
    while (flow_may_send(&f, 61)) {
        flow_sent(&f, 61);
        sent_n++;
    }
    assert_int_equal(sent_n, 1024);
}

static void busy_again_waits_longer(void **state)
{
    (void)state;
    struct flow f = flow_of(2, 1);
    int64_t now_ms = 0;
    int64_t last_ms = 0;
    for (int i = 0; i < 12; i++) {
        while (!flow_may_send(&f, now_ms))
            now_ms++;
        flow_sent(&f, now_ms);
        struct answer busy = refusal("storage_full", 1, 0);
        assert_int_equal(flow_answer(&f, &busy, now_ms).verdict, FLOW_WAIT);
        int64_t wait_ms = flow_wait_ms(&f, now_ms);
        assert_true(wait_ms >= last_ms && wait_ms <= 60000);
        last_ms = wait_ms;
    }
    assert_true(last_ms >= 30000); /* the engine named no time: the waits have grown to the bound */
}

static void gap_rows(void **state)
{
    (void)state;
    static const struct {
        uint64_t seq, expected;
        enum flow_verdict verdict;
        uint64_t send_after;
    } rows[] = {{5, 4, FLOW_REWIND, 1}, /* 1..3 were counted: asked again, they are duplicates */
                {6, 4, FLOW_STALE, 1},  /* the same hole */
                {9, 7, FLOW_REWIND, 1}, /* another one */
                {9, 10, FLOW_STALE, 1}, /* nonsense: above what was refused */
                {8, 7, FLOW_STALE, 1}};
    struct flow f = flow_of(11, 11);
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct answer gap = refusal("gap", rows[i].seq, rows[i].expected);
        assert_int_equal(flow_answer(&f, &gap, 5).verdict, rows[i].verdict);
        assert_int_equal(f.send, rows[i].send_after);
    }
    assert_int_equal(f.unsure_end, 7);
}

/* A gap below `first` alone proves nothing; the cursor, asked afterwards, does. */
static void lost_by_engine_is_confirmed(void **state)
{
    (void)state;
    static const struct {
        uint64_t cursor_epoch, cursor_seq;
        enum flow_verdict verdict;
        uint64_t lost_from;
    } rows[] = {{EPOCH, 2, FLOW_EPOCH, 3}, /* an older data directory */
                {0, 0, FLOW_EPOCH, 1},     /* an empty one */
                {EPOCH, 5, FLOW_REWIND, 0} /* a late answer: nothing is lost but 6 on the way */};
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct flow f = flow_of(8, 7);
        flow_settle(&f, 5, 1);
        struct answer gap = refusal("gap", 6, 3);
        assert_int_equal(flow_answer(&f, &gap, 5).verdict, FLOW_STALE);
        assert_int_equal(flow_timer(&f, 5), FLOW_PROBE);
        struct answer cursor = ack(rows[i].cursor_seq);
        cursor.epoch = rows[i].cursor_epoch;
        cursor.has_request = true;
        cursor.request = flow_probed(&f, 5);
        struct flow_result r = flow_answer(&f, &cursor, 6);
        assert_int_equal(r.verdict, rows[i].verdict);
        if (r.verdict != FLOW_EPOCH)
            continue;
        assert_int_equal(r.cut.why, DAYBOOK_LOST_BY_ENGINE);
        assert_int_equal(r.cut.lost_from, rows[i].lost_from);
        assert_int_equal(r.cut.lost_end, 6);
        assert_int_equal(r.cut.keep_from, 6);
        assert_true(r.cut.epoch_min > EPOCH);
    }
}

/* What was sent once and refused as stale is renumbered; what may have been counted is not. */
static void stale_epoch_rows(void **state)
{
    (void)state;
    static const struct {
        bool doubt;   /* a silence came before */
        uint64_t seq; /* the batch that is refused */
        uint64_t lost_end;
    } rows[] = {{false, 1, 1}, {false, 4, 4}, {true, 1, 6}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct flow f = flow_of(11, 6);
        if (rows[i].doubt) {
            assert_int_equal(flow_timer(&f, 10000), FLOW_RESEND);
            for (int k = 0; k < 5; k++)
                flow_sent(&f, 10000);
        }
        struct answer stale = refusal("stale_epoch", rows[i].seq, 0);
        stale.retry = false;
        stale.has_current_epoch = true;
        stale.current_epoch = EPOCH + 7;
        struct flow_result r = flow_answer(&f, &stale, 10001);
        assert_int_equal(r.verdict, FLOW_EPOCH);
        assert_int_equal(r.cut.why, DAYBOOK_LOST_STALE_EPOCH);
        assert_int_equal(r.cut.lost_from, 1);
        assert_int_equal(r.cut.lost_end, rows[i].lost_end);
        assert_int_equal(r.cut.keep_from, rows[i].lost_end);
        assert_int_equal(r.cut.epoch_min, EPOCH + 8);
    }
}

static void answers_of_another_epoch_are_old(void **state)
{
    (void)state;
    struct flow f = flow_of(5, 5);
    struct answer a = ack(3);
    a.epoch = EPOCH - 1;
    assert_int_equal(flow_answer(&f, &a, 1).verdict, FLOW_STALE);
    a = refusal("stale_epoch", 3, 0);
    a.epoch = EPOCH - 1;
    assert_int_equal(flow_answer(&f, &a, 1).verdict, FLOW_STALE);
    assert_int_equal(f.first, 1);
}

/* No progress: first the question, whose answer proves what was lost; no answer: everything again.
 */
static void silence(void **state)
{
    (void)state;
    struct flow f = flow_of(6, 4);
    assert_int_equal(flow_timer(&f, 999), FLOW_IDLE);
    assert_int_equal(flow_wait_ms(&f, 400), 600);
    assert_int_equal(flow_timer(&f, 1000), FLOW_PROBE);
    (void)flow_probed(&f, 1000);
    assert_int_equal(flow_timer(&f, 9999), FLOW_IDLE);
    assert_int_equal(flow_timer(&f, 10000), FLOW_RESEND);
    assert_int_equal(f.send, 1);
    assert_int_equal(f.unsure_end, 4);
    flow_sent(&f, 10000);
    assert_int_equal(flow_timer(&f, 11000), FLOW_PROBE);
    (void)flow_probed(&f, 11000);
    assert_int_equal(flow_timer(&f, 29999), FLOW_IDLE); /* twice as patient */
    assert_int_equal(flow_timer(&f, 30000), FLOW_RESEND);
    struct answer late = ack(1);
    assert_int_equal(flow_answer(&f, &late, 30001).verdict, FLOW_TAKEN);
}

static void probe_answer_rewinds_what_was_sent_before_it(void **state)
{
    (void)state;
    struct flow f = flow_of(6, 4);
    struct answer cursor = ack(0);
    cursor.has_request = true;
    cursor.request = flow_probed(&f, 1000);
    flow_sent(&f, 1001); /* after the question: may be on its way */
    struct answer wrong = cursor;
    wrong.request++;
    assert_int_equal(flow_answer(&f, &wrong, 1002).verdict, FLOW_STALE);
    assert_int_equal(flow_answer(&f, &cursor, 1002).verdict, FLOW_REWIND);
    assert_int_equal(f.send, 1);
    assert_int_equal(flow_answer(&f, &cursor, 1003).verdict, FLOW_STALE);
    struct answer taken = ack(1);
    flow_sent(&f, 1003);
    assert_int_equal(flow_answer(&f, &taken, 1004).verdict, FLOW_TAKEN);
}

static void refusals_for_good(void **state)
{
    (void)state;
    struct flow f = flow_of(4, 4);
    struct answer invalid = refusal("invalid", 1, 0);
    invalid.retry = false;
    struct flow_result r = flow_answer(&f, &invalid, 1);
    assert_int_equal(r.verdict, FLOW_REFUSED);
    assert_int_equal(r.through, 1);
    flow_settle(&f, 1, 1);
    struct answer denied = refusal("unauthorized", 2, 2); /* and the cursor stayed */
    denied.retry = false;
    assert_int_equal(flow_answer(&f, &denied, 2).verdict, FLOW_WAIT);
    assert_int_equal(f.send, 2);
}

static void fence_stops_sending(void **state)
{
    (void)state;
    struct flow f = flow_of(6, 1);
    f.fence = 4;
    uint64_t sent_n = 0;
    while (flow_may_send(&f, 0)) {
        flow_sent(&f, 0);
        sent_n++;
    }
    assert_int_equal(sent_n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acks_settle_in_order),
        cmocka_unit_test(busy_rewinds_once),
        cmocka_unit_test(busy_again_waits_longer),
        cmocka_unit_test(gap_rows),
        cmocka_unit_test(lost_by_engine_is_confirmed),
        cmocka_unit_test(stale_epoch_rows),
        cmocka_unit_test(answers_of_another_epoch_are_old),
        cmocka_unit_test(silence),
        cmocka_unit_test(probe_answer_rewinds_what_was_sent_before_it),
        cmocka_unit_test(refusals_for_good),
        cmocka_unit_test(fence_stops_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
