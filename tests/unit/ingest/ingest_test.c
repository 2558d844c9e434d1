/* Ingest as a whole, on real environments: what is answered, what is durable, what is counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/clock_gate.h"
#include "engine/ingest/recorder.h"
#include "engine/ingest/tables.h"
#include "engine/store/store_test.h"
#include "schemas/recording.h"
#include "tests/unit/ingest/ingest_help.h"

#define NOW ((long long)clock_now().wall_ms)
#define CALL                                                                                       \
    "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"method\":\"GET\",\"status\":200,\"time\":%"  \
    "lld}"

static const struct ingest_source source_push = {.transport = INGEST_PUSH};

static int setup(void **state)
{
    struct engine *e = calloc(1, sizeof(*e));

    CHECK(e != NULL);
    engine_new(e);
    *state = e;
    return 0;
}

static int setup_started(void **state)
{
    setup(state);
    engine_start(*state);
    return 0;
}

static int teardown(void **state)
{
    struct engine *e = *state;

    engine_free(e);
    free(e);
    return 0;
}

static struct ingest_status status_of(struct engine *e)
{
    struct ingest_status s;

    ingest_status(e->ingest, &s);
    return s;
}

static uint64_t sum(const uint64_t *by_code)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ST_N; i++)
        n += by_code[i];
    return n;
}

static void assert_adds_up(struct engine *e)
{
    struct ingest_status s = status_of(e);
    const struct ingest_counters *c = &s.counters;

    assert_int_equal(c->received, c->accepted + c->duplicate + sum(c->rejected));
}

/* A numbered batch of n calls. */
static struct answer ask_seq(struct engine *e, unsigned long long epoch, unsigned long long seq,
                             unsigned n)
{
    static char frame[1 << 16];
    size_t at =
        text_fmt(frame, sizeof(frame),
                 "{\"producer\":\"p\",\"epoch\":%llu,\"seq\":%llu,\"events\":[", epoch, seq);

    for (unsigned i = 0; i < n; i++)
        at += text_fmt(frame + at, sizeof(frame) - at, "%s" CALL, i > 0 ? "," : "", NOW);
    text_fmt(frame + at, sizeof(frame) - at, "]}");
    return engine_ask(e, "%s", frame);
}

/* ---- answers ---- */

static void events_are_judged_one_by_one(void **state)
{
    struct engine *e = *state;
    struct answer a = engine_ask(
        e, "[" CALL ",{\"type\":\"nonsense\"}," CALL "," CALL ",{\"type\":\"api.call\"}]", NOW,
        NOW - 40 * (long long)MS_PER_DAY, NOW + 3600000);
    struct ingest_status s = status_of(e);

    assert_int_equal(a.outcome.status, ST_OK);
    assert_int_equal(a.outcome.accepted, 1);
    assert_int_equal(a.outcome.rejected, 4);
    assert_int_equal(a.rejects_n, 4);
    assert_int_equal(a.first_code, ST_UNKNOWN_TYPE);
    assert_int_equal(s.counters.received, 5);
    assert_int_equal(s.counters.accepted, 1);
    assert_int_equal(s.counters.rejected[ST_TOO_OLD], 1);
    assert_int_equal(s.counters.rejected[ST_TOO_NEW], 1);
    assert_int_equal(s.counters.rejected[ST_UNKNOWN_TYPE], 1);
    assert_int_equal(s.counters.rejected[ST_INVALID], 1);
    assert_int_equal(s.rejected_rows, 4);
    assert_int_equal(s.days_n, 1);
    assert_int_equal(s.days[0].received, 5);
    assert_int_equal(s.position, 6); /* from 1: the batch took five */
}

struct row_wanted {
    const char *const *raws;
    unsigned n;
};

static bool match_row(void *arg, const struct ingest_rejected *r)
{
    struct row_wanted *w = arg;
    const char *want = w->raws[w->n++];

    assert_int_equal(r->raw.n, strlen(want));
    assert_memory_equal(r->raw.p, want, r->raw.n);
    return true;
}

static void a_rejected_event_is_shown_as_it_came(void **state)
{
    static const char *const newest_first[] = {"nonsense", "{\"type\":\"y\"}",
                                               "{ \"type\": \"x\" }"};
    struct row_wanted w = {.raws = newest_first};
    struct engine *e = *state;
    struct txn t;

    (void)engine_ask(e, "[" CALL ", { \"type\": \"x\" }," CALL ",{\"type\":\"y\"}]", NOW, NOW);
    (void)engine_ask(e, "nonsense");
    txn_begin(e->front, false, &t);
    ingest_rejected_each(&t, UINT64_MAX, match_row, &w);
    assert_int_equal(t.status, ST_OK);
    txn_abort(&t);
    assert_int_equal(w.n, 3);
}

/* The bounds of time, to the millisecond. */
static void the_range_of_time(void **state)
{
    struct engine *e = *state;
    int32_t today = day_of_ms(NOW);
    const struct {
        long long time_ms;
        enum status want;
    } rows[] = {
        {(today - 29) * (long long)MS_PER_DAY, ST_OK},
        {(today - 29) * (long long)MS_PER_DAY - 1, ST_TOO_OLD},
        {0, ST_TOO_OLD},
        {NOW + 299000, ST_OK},
        {NOW + 302000, ST_TOO_NEW},
        {9007199254740991, ST_TOO_NEW},
    };

    for (size_t i = 0; i < N_OF(rows); i++) {
        struct answer a = engine_ask(e, CALL, rows[i].time_ms);

        if (day_of_ms(NOW) != today)
            return; /* midnight passed by: the rows are yesterday's */
        assert_int_equal(a.outcome.status, ST_OK);
        assert_int_equal(a.first_code, rows[i].want);
        assert_int_equal(a.outcome.accepted, rows[i].want == ST_OK);
        if (rows[i].want != ST_OK)
            assert_non_null(strstr(a.message, "accepted"));
    }
}

static void the_floor(void **state)
{
    struct engine *e = *state;
    int32_t today = day_of_ms(NOW);

    e->options.floor_day = today - 3;
    engine_start(e);
    assert_int_equal(engine_ask(e, CALL, (today - 3) * (long long)MS_PER_DAY).outcome.accepted, 1);
    assert_int_equal(engine_ask(e, CALL, (today - 3) * (long long)MS_PER_DAY - 1).first_code,
                     ST_BEFORE_FLOOR);
    assert_int_equal(engine_ask(e, CALL, (today - 40) * (long long)MS_PER_DAY).first_code,
                     ST_TOO_OLD);
}

static void an_unreadable_frame_is_one_rejected_event(void **state)
{
    struct engine *e = *state;
    struct answer a = engine_ask(e, "{\"type\":");
    struct ingest_status s = status_of(e);

    assert_int_equal(a.outcome.status, ST_MALFORMED);
    assert_int_equal(s.counters.received, 1);
    assert_int_equal(s.counters.rejected[ST_MALFORMED], 1);
    assert_int_equal(s.rejected_rows, 1);
    assert_int_equal(s.position, 1);
}

static bool only_account_7(const void *scope, uint64_t account)
{
    (void)scope;
    return account == 7;
}

static void events_outside_the_scope_are_forbidden(void **state)
{
    const struct ingest_source from = {.key_name = STR("key"), .may_write = only_account_7};
    struct engine *e = *state;
    char frame[512];
    struct answer a;

    text_fmt(frame, sizeof(frame),
             "[" CALL ",{\"type\":\"api.call\",\"account\":7,\"app\":2,\"method\":\"GET\","
             "\"status\":200,\"time\":%lld}]",
             NOW, NOW);
    engine_send(e, &from, frame, &a);
    engine_settle(e);
    assert_int_equal(a.outcome.accepted, 1);
    assert_int_equal(a.first_code, ST_FORBIDDEN);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 0);
    assert_int_equal(engine_sheet(e, 7, day_of_ms(NOW)).calls, 1);
}

/* Everything in one turn is one commit, and answers keep the order of submission whatever they are.
 */
static void a_turn_is_a_group(void **state)
{
    struct engine *e = *state;
    struct answer a[40];
    char frame[512];
    uint64_t commits = status_of(e).commits;

    loop_turn(e->loop, 0);
    for (unsigned i = 0; i < N_OF(a); i++) {
        if (i % 3 == 0)
            text_fmt(frame, sizeof(frame), "not a frame");
        else if (i % 3 == 1)
            text_fmt(frame, sizeof(frame),
                     "{\"producer\":\"p\",\"epoch\":1,\"seq\":%u,\"events\":[]}", i);
        else
            text_fmt(frame, sizeof(frame), CALL, NOW);
        engine_send(e, &source_plain, frame, &a[i]);
    }
    engine_settle(e);
    for (unsigned i = 1; i < N_OF(a); i++)
        assert_int_equal(a[i].order, a[0].order + i);
    assert_int_equal(status_of(e).commits, commits + 1);
    assert_int_equal(a[1].outcome.status, ST_OK); /* seq 1 */
    assert_int_equal(a[4].outcome.status, ST_GAP);
    assert_int_equal(a[4].outcome.expected_seq, 2);
}

static void refused_before_decoding(void **state)
{
    struct ingest_reply reply = {0};
    struct engine *e = *state;

    ingest_refuse(e->ingest, &source_plain, ST_MALFORMED, "several frames", &reply);
    ingest_refuse(e->ingest, &source_plain, ST_TOO_LARGE, "much", &reply);
    engine_settle(e);
    assert_int_equal(status_of(e).counters.rejected[ST_MALFORMED], 1);
    assert_int_equal(status_of(e).counters.batches_refused[ST_TOO_LARGE], 1);
    assert_int_equal(status_of(e).rejected_rows, 2);
    assert_adds_up(e);
}

/* ---- once ---- */

static void sequences(void **state)
{
    static const struct {
        unsigned epoch, seq, n;
        enum status want;
        unsigned accepted, number; /* number: expected_seq or current_epoch */
    } rows[] = {
        {5, 2, 1, ST_GAP, 0, 1},         {5, 1, 3, ST_OK, 3, 0},
        {5, 1, 3, ST_DUPLICATE, 0, 0},   {5, 3, 1, ST_GAP, 0, 2},
        {5, 2, 2, ST_OK, 2, 0},          {5, 1, 9, ST_DUPLICATE, 0, 0},
        {5, 2, 3, ST_CONFLICT, 0, 0},    {4, 1, 1, ST_STALE_EPOCH, 0, 5},
        {9, 2, 1, ST_GAP, 0, 1},         {9, 1, 1, ST_OK, 1, 0},
        {5, 3, 1, ST_STALE_EPOCH, 0, 9}, {9, 2, 1, ST_OK, 1, 0},
    };
    struct engine *e = *state;
    char frames[N_OF(rows)][2048];

    /* A retry is the identical frame, so all frames are made once. */
    for (size_t i = 0; i < N_OF(rows); i++) {
        size_t at = text_fmt(frames[i], sizeof(frames[i]),
                             "{\"producer\":\"p\",\"epoch\":%u,\"seq\":%u,\"events\":[",
                             rows[i].epoch, rows[i].seq);

        for (unsigned n = 0; n < rows[i].n; n++)
            at += text_fmt(frames[i] + at, sizeof(frames[i]) - at, "%s" CALL, n > 0 ? "," : "",
                           1000 * (NOW / 1000 / 60 * 60));
        text_fmt(frames[i] + at, sizeof(frames[i]) - at, "]}");
    }
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct answer a = engine_ask(e, "%s", frames[i]);

        if (a.outcome.status != rows[i].want)
            fail_msg("row %zu: %s", i, status_row(a.outcome.status)->name);
        assert_int_equal(a.outcome.accepted, rows[i].accepted);
        assert_int_equal(a.outcome.duplicate, rows[i].want == ST_DUPLICATE ? rows[i].n : 0);
        assert_int_equal(a.outcome.has_expected_seq, rows[i].want == ST_GAP);
        assert_int_equal(a.outcome.has_current_epoch, rows[i].want == ST_STALE_EPOCH);
        if (rows[i].want == ST_GAP)
            assert_int_equal(a.outcome.expected_seq, rows[i].number);
        if (rows[i].want == ST_STALE_EPOCH)
            assert_int_equal(a.outcome.current_epoch, rows[i].number);
    }
    assert_int_equal(status_of(e).counters.accepted, 7);
    assert_int_equal(status_of(e).counters.batches_refused[ST_GAP], 3);
    assert_adds_up(e);
}

static void keys_have_producers_of_their_own(void **state)
{
    const struct ingest_source other = {.key_name = STR("other")};
    struct engine *e = *state;
    struct answer a;

    assert_int_equal(ask_seq(e, 1, 1, 1).outcome.status, ST_OK);
    engine_send(e, &other, "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"events\":[]}", &a);
    engine_settle(e);
    assert_int_equal(a.outcome.status, ST_GAP);
    assert_int_equal(a.outcome.expected_seq, 1);
}

static void a_refused_body_consumes_its_seq(void **state)
{
    struct engine *e = *state;
    struct ingest_status s;

    e->options.limits.batch_events_max = 3;
    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 1, 4).outcome.status, ST_TOO_LARGE);
    assert_int_equal(ask_seq(e, 1, 1, 5).outcome.status, ST_CONFLICT);
    assert_int_equal(ask_seq(e, 1, 2, 2).outcome.status, ST_OK);
    s = status_of(e);
    assert_int_equal(s.counters.batches_refused[ST_TOO_LARGE], 1);
    assert_int_equal(s.counters.accepted, 2);
    engine_stop(e, false); /* durably: it is so after a crash */
    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 4, 1).outcome.expected_seq, 3);
}

static void a_request_token_may_change(void **state)
{
    static const char *const form =
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"request\":%u,\"events\":[" CALL "]}";
    struct engine *e = *state;
    long long now = NOW;

    assert_int_equal(engine_ask(e, form, 1, now).outcome.status, ST_OK);
    assert_int_equal(engine_ask(e, form, 2, now).outcome.status, ST_DUPLICATE);
    assert_int_equal(engine_ask(e, form, 3, now + 1).outcome.status, ST_CONFLICT);
}

static void the_cursor_is_told(void **state)
{
    static const char *const question = "{\"producer\":\"p\",\"events\":[]}";
    struct engine *e = *state;
    struct answer a = engine_ask(e, "%s", question);

    assert_true(a.outcome.cursor);
    assert_int_equal(a.outcome.epoch, 0);
    assert_int_equal(a.outcome.seq, 0);
    (void)ask_seq(e, 77, 1, 1);
    (void)ask_seq(e, 77, 2, 1);
    a = engine_ask(e, "%s", question);
    assert_int_equal(a.outcome.epoch, 77);
    assert_int_equal(a.outcome.seq, 2);
}

static void producers_are_bounded(void **state)
{
    static const char *const form = "{\"producer\":\"p%u\",\"epoch\":1,\"seq\":1,\"events\":[]}";
    struct engine *e = *state;

    e->options.producers_max = 3;
    engine_start(e);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(engine_ask(e, form, i).outcome.status, i < 3 ? ST_OK : ST_LIMIT);
    assert_int_equal(engine_ask(e, form, 1).outcome.status, ST_DUPLICATE);
    assert_int_equal(status_of(e).counters.batches_refused[ST_LIMIT], 2);
}

#define WITH_ID                                                                                    \
    "{\"type\":\"api.call\",\"account\":%u,\"app\":2,\"method\":\"GET\",\"status\":200,"           \
    "\"time\":%lld,\"id\":\"%s\"}"

static void ids_count_once(void **state)
{
    struct engine *e = *state;
    struct answer a;

    a = engine_ask(e, "[" WITH_ID "," WITH_ID "," WITH_ID "]", 1, NOW, "a", 1, NOW, "a", 2, NOW,
                   "a");
    assert_int_equal(a.outcome.accepted, 2);
    assert_int_equal(a.outcome.duplicate, 1);
    engine_stop(e, false);
    engine_start(e);
    a = engine_ask(e, "[" WITH_ID "," WITH_ID "]", 1, NOW, "a", 1, NOW, "b");
    assert_int_equal(a.outcome.accepted, 1);
    assert_int_equal(a.outcome.duplicate, 1);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 2);
    assert_int_equal(status_of(e).id_window_entries, 2); /* before that last commit */
    assert_adds_up(e);
}

static void a_full_id_window_refuses_ids_only(void **state)
{
    struct engine *e = *state;
    struct answer a;

    e->options.id_window_bytes = 200;
    engine_start(e);
    a = engine_ask(e, "[" WITH_ID "," WITH_ID "," WITH_ID "," WITH_ID "," CALL "]", 1, NOW, "a", 1,
                   NOW, "b", 1, NOW, "c", 1, NOW, "d", NOW);
    assert_int_equal(a.outcome.accepted, 4);
    assert_int_equal(a.first_code, ST_DEDUPE_FULL);
    assert_int_equal(status_of(e).counters.rejected[ST_DEDUPE_FULL], 1);
}

/* ---- limits of an account ---- */

/* A batch of calls by the apps from..to of account 1. */
static struct answer ask_apps(struct engine *e, unsigned from, unsigned to)
{
    static char frame[1 << 16];
    size_t at = text_fmt(frame, sizeof(frame), "[");

    for (unsigned app = from; app <= to; app++)
        at += text_fmt(frame + at, sizeof(frame) - at,
                       "%s{\"type\":\"api.call\",\"account\":1,\"app\":%u,\"method\":\"GET\","
                       "\"status\":200,\"time\":%lld}",
                       app > from ? "," : "", app, NOW - app * (long long)MS_PER_DAY / 2);
    text_fmt(frame + at, sizeof(frame) - at, "]");
    return engine_ask(e, "%s", frame);
}

static void apps_of_an_account_are_bounded(void **state)
{
    struct engine *e = *state;
    struct answer a;

    e->options.apps_max = 24;
    engine_start(e);
    store_test_fail_commit(e->front, 1, ENOSPC);
    assert_int_equal(ask_apps(e, 30, 50).outcome.status, ST_STORAGE_FULL); /* these do not count */
    assert_int_equal(ask_apps(e, 1, 20).outcome.accepted, 20);
    a = ask_apps(e, 11, 40);
    assert_int_equal(a.outcome.accepted, 14);
    assert_int_equal(a.first_code, ST_LIMIT);
    assert_string_equal(a.message, "account 1 has 24 apps; no more are allowed");
    engine_checkpoint(e);
    assert_int_equal(ask_apps(e, 1, 50).outcome.accepted, 24);
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(ask_apps(e, 1, 24).outcome.accepted, 24);
    assert_int_equal(ask_apps(e, 25, 50).outcome.accepted, 0); /* counted by now */
    assert_int_equal(status_of(e).counters.rejected[ST_LIMIT], 16 + 26 + 26);
    assert_adds_up(e);
}

static void types_and_connections_are_bounded(void **state)
{
    struct engine *e = *state;

    e->options.object_types_max = 8;
    e->options.connections_max = 8;
    engine_start(e);
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 1; i <= 12; i++) {
            struct answer type =
                engine_ask(e,
                           "{\"type\":\"record.created\",\"account\":1,\"app\":2,\"time\":%lld,"
                           "\"object_type\":\"own-%u\"}",
                           NOW, i);
            struct answer connection = engine_ask(
                e, "{\"type\":\"app.installed\",\"account\":1,\"app\":2,\"time\":%lld,\"user\":%u}",
                NOW, i);

            assert_int_equal(type.outcome.accepted, i <= 8);
            assert_int_equal(connection.outcome.accepted, i <= 8);
        }
        engine_checkpoint(e);
    }
    assert_int_equal(
        engine_ask(e,
                   "{\"type\":\"record.created\",\"account\":1,\"app\":2,\"time\":%lld,"
                   "\"object_type\":\"contacts\"}",
                   NOW)
            .outcome.accepted,
        1); /* standard types are always there */
}

/* ---- push ---- */

static void push_has_no_numbers(void **state)
{
    struct engine *e = *state;
    char frame[512];

    text_fmt(frame, sizeof(frame),
             "{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[" CALL "]}", NOW);
    engine_send(e, &source_push, frame, NULL);
    text_fmt(frame, sizeof(frame), CALL, NOW);
    engine_send(e, &source_push, frame, NULL);
    engine_settle(e);
    assert_int_equal(status_of(e).counters.accepted, 1);
    assert_int_equal(status_of(e).counters.batches_refused[ST_INVALID], 1);
    assert_int_equal(status_of(e).rejected_rows, 1);
    assert_int_equal(ask_seq(e, 1, 1, 1).outcome.status, ST_OK); /* the cursor was not touched */
}

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
    assert_adds_up(e);
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
    e->options.pending_bytes = 1; /* merged after every batch */
    engine_start(e);
    assert_int_equal(engine_sheet(e, 1, today).calls + engine_sheet(e, 1, today - 1).calls, 2);
    assert_int_equal(status_of(e).checkpoint_position, 4);
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
    assert_int_equal(engine_try_start(e, why), ST_NEWER_FORMAT);
    front = scratch_front(&e->scratch, 0);
    txn_begin(front, false, &t);
    assert_true(txn_get(&t, FRONT_META, key, 1, &val));
    assert_memory_equal(val.p, newer, 1);
    txn_abort(&t);
    store_close(&front);
}

/* ---- clock ---- */

static void a_clock_that_jumped_over_a_restart(void **state)
{
    static const uint8_t key[1] = {'c'};
    struct engine *e = *state;
    struct clock now = clock_now();
    struct buf b = buf_of(64);
    uint8_t boot_id[16];
    struct answer a;
    struct txn t;

    (void)ask_seq(e, 1, 1, 1);
    engine_stop(e, false);
    /* The last commit was made 40 days later than it is now: the clock went back. */
    boot_id_read(boot_id);
    buf_be(&b, (uint64_t)(now.wall_ms + 40 * MS_PER_DAY), 8);
    buf_be(&b, (uint64_t)now.boot_ms, 8);
    buf_put(&b, boot_id, 16);
    e->front = scratch_front(&e->scratch, 0);
    txn_begin(e->front, true, &t);
    txn_put(&t, FRONT_META, key, 1, b.p, b.n);
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&e->front);
    buf_fini(&b);

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

#define STARTED(test) cmocka_unit_test_setup_teardown(test, setup_started, teardown)
#define ALONE(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(events_are_judged_one_by_one),
        STARTED(a_rejected_event_is_shown_as_it_came),
        STARTED(the_range_of_time),
        ALONE(the_floor),
        STARTED(an_unreadable_frame_is_one_rejected_event),
        STARTED(events_outside_the_scope_are_forbidden),
        STARTED(a_turn_is_a_group),
        STARTED(refused_before_decoding),
        STARTED(sequences),
        STARTED(keys_have_producers_of_their_own),
        ALONE(a_refused_body_consumes_its_seq),
        STARTED(a_request_token_may_change),
        STARTED(the_cursor_is_told),
        ALONE(producers_are_bounded),
        STARTED(ids_count_once),
        ALONE(a_full_id_window_refuses_ids_only),
        ALONE(apps_of_an_account_are_bounded),
        ALONE(types_and_connections_are_bounded),
        STARTED(push_has_no_numbers),
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
        ALONE(busy_comes_after_a_pause_and_goes),
        ALONE(a_full_group_pauses_reading),
        STARTED(the_log_is_trimmed),
        STARTED(stopping_answers_everything),
        STARTED(observers_see_what_they_should),
        STARTED(frames_are_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
