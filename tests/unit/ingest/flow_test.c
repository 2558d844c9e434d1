/* Back pressure, trimming, stopping, observers, recording. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/recorder.h"
#include "engine/store/store_test.h"
#include "schemas/recording.h"
#include "tests/unit/ingest/ingest_help.h"

/* ---- pressure ---- */

struct pauses {
    unsigned on, off;
};

static void count_pause(void *arg, bool paused)
{
    struct pauses *p = arg;

    p->on += paused;
    p->off += !paused;
}

static void busy_comes_after_a_pause_and_goes(void **state)
{
    struct engine *e = *state;
    struct pauses zmq = {0}, push = {0};
    struct answer a;
    unsigned seq = 1;

    e->options.pending_bytes = 64 << 10;
    e->options.busy_after_ms = 0;
    engine_start(e);
    ingest_on_pause(e->ingest, INGEST_ZMQ, count_pause, &zmq);
    ingest_on_pause(e->ingest, INGEST_PUSH, count_pause, &push);
    (void)ask_seq(e, 1, seq++, 1);
    engine_checkpoint(e);                       /* the purge at the start is over, too */
    store_test_fail_commit(e->days, 1, ENOSPC); /* the next merge takes a second try */
    for (;;) {
        static char frame[1 << 16];
        size_t at = text_fmt(frame, sizeof(frame),
                             "{\"producer\":\"p\",\"epoch\":1,\"seq\":%u,\"events\":[", seq);

        for (unsigned i = 0; i < 50; i++)
            at += text_fmt(frame + at, sizeof(frame) - at,
                           "%s{\"type\":\"api.call\",\"account\":%u,\"app\":2,\"method\":\"GET\","
                           "\"status\":200,"
                           "\"time\":%lld}",
                           i > 0 ? "," : "", seq * 100 + i, NOW);
        text_fmt(frame + at, sizeof(frame) - at, "]}");
        a = engine_ask(e, "%s", frame);
        if (a.outcome.status != ST_OK)
            break;
        seq++;
        assert_true(seq < 1000);
    }
    assert_int_equal(a.outcome.status, ST_BUSY);
    assert_true(a.outcome.retry_after_ms > 0);
    assert_int_equal(a.outcome.expected_seq, seq);
    assert_true(status_of(e).busy);
    assert_true(status_of(e).pending_bytes < (64 << 10) + 50 * GENERATION_EVENT_BYTES);
    assert_false(ingest_may_read(e->ingest, INGEST_PUSH)); /* who cannot be told is held back */
    assert_true(ingest_may_read(e->ingest, INGEST_ZMQ));
    for (int i = 0; i < 1000 && status_of(e).busy; i++)
        loop_turn(e->loop, 20);
    assert_true(ingest_may_read(e->ingest, INGEST_PUSH));
    assert_int_equal(ask_seq(e, 1, seq, 1).outcome.status, ST_OK);
    assert_true(push.on > 0 && push.off > 0);
    assert_int_equal(zmq.on, zmq.off);
}

static void a_full_group_pauses_reading(void **state)
{
    struct engine *e = *state;
    struct pauses zmq = {0};
    char frame[512];

    e->options.group_bytes_max = 1000;
    engine_start(e);
    ingest_on_pause(e->ingest, INGEST_ZMQ, count_pause, &zmq);
    text_fmt(frame, sizeof(frame), CALL, NOW);
    for (int i = 0; i < 20; i++)
        engine_send(e, &source_plain, frame, NULL);
    assert_int_equal(zmq.on, 1);
    assert_false(ingest_may_read(e->ingest, INGEST_ZMQ));
    engine_settle(e);
    assert_true(ingest_may_read(e->ingest, INGEST_ZMQ));
    assert_int_equal(zmq.off, 1);
    assert_int_equal(status_of(e).counters.accepted, 20);
}

/* The log stays short when the day tables keep up: groups below them are dropped. */
static void the_log_is_trimmed(void **state)
{
    struct engine *e = *state;

    for (unsigned i = 1; i <= 30; i++) {
        (void)ask_seq(e, 1, i, 1);
        if (i % 5 == 0)
            engine_checkpoint(e);
    }
    assert_true(status_of(e).journal_first > 20);
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 30);
}

/* ---- the rest ---- */

static void stopping_answers_everything(void **state)
{
    struct engine *e = *state;
    struct answer before, after;
    char frame[512];

    text_fmt(frame, sizeof(frame), CALL, NOW);
    engine_send(e, &source_plain, frame, &before);
    ingest_stop(e->ingest);
    engine_send(e, &source_plain, frame, &after);
    assert_false(ingest_idle(e->ingest));
    engine_settle(e);
    assert_int_equal(before.outcome.status, ST_OK);
    assert_int_equal(after.outcome.status, ST_SHUTTING_DOWN);
    assert_false(ingest_may_read(e->ingest, INGEST_PUSH));
}

static void transports_have_names(void **state)
{
    (void)state;
    assert_string_equal(ingest_transport_name(INGEST_ZMQ), "zmq");
    assert_string_equal(ingest_transport_name(INGEST_PUSH), "push");
    assert_string_equal(ingest_transport_name(INGEST_HTTP), "http");
    assert_string_equal(ingest_transport_name(INGEST_TRANSPORT_N), ""); /* of a row gone bad */
}

struct observed {
    unsigned frames, batches, events;
    uint64_t position;
};

static void see_frame(void *arg, int64_t received_ms, const void *frame, size_t bytes)
{
    struct observed *o = arg;

    assert_true(received_ms > 0 && bytes > 0 && frame != NULL);
    o->frames++;
}

static void see_accepted(void *arg, const struct batch *b, uint64_t position, int64_t received_ms)
{
    struct observed *o = arg;

    assert_true(received_ms > 0);
    assert_true(position > o->position);
    o->position = position;
    o->batches++;
    for (uint32_t i = 0; i < b->n; i++)
        o->events += b->verdict[i] == 0;
}

static void observers_see_what_they_should(void **state)
{
    struct engine *e = *state;
    struct observed o = {0};

    ingest_on_frame(e->ingest, see_frame, &o);
    ingest_on_accepted(e->ingest, see_accepted, &o);
    (void)engine_ask(e, "[" CALL ",{\"type\":\"bad\"}]", NOW);
    (void)engine_ask(e, "nothing");
    (void)engine_ask(e, "[{\"type\":\"bad\"}]");
    (void)engine_ask(e, CALL, NOW);
    assert_int_equal(o.frames, 4);
    assert_int_equal(o.batches, 2);
    assert_int_equal(o.events, 2);
}

static void frames_are_recorded(void **state)
{
    struct engine *e = *state;
    struct recorder *r;
    char path[300], why[256];
    uint8_t bytes[256];
    int64_t received_ms;
    uint32_t n;
    FILE *f;

    text_fmt(path, sizeof(path), "%s/recording", e->scratch.dir);
    for (int run = 0; run < 2; run++) { /* the second run goes on in the same file */
        assert_int_equal(recorder_open(path, e->loop, e->ingest, &r, why), ST_OK);
        (void)engine_ask(e, "frame %d", run);
        recorder_close(&r);
        engine_stop(e, false);
        engine_start(e);
    }
    f = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, sizeof(bytes), f), 12 + 2 * (12 + 7));
    fclose(f);
    assert_memory_equal(bytes, "DAYBOOKR\0\0\0\1", 12);
    record_head_read(bytes + 12, &received_ms, &n);
    assert_int_equal(n, 7);
    assert_true(llabs(received_ms - NOW) < 60000);
    assert_memory_equal(bytes + 24, "frame 0", 7);
    assert_memory_equal(bytes + 43, "frame 1", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(busy_comes_after_a_pause_and_goes),
        ALONE(a_full_group_pauses_reading),
        STARTED(the_log_is_trimmed),
        STARTED(stopping_answers_everything),
        cmocka_unit_test(transports_have_names),
        STARTED(observers_see_what_they_should),
        STARTED(frames_are_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
