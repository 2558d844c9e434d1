/* What ingest answers, counts and keeps; each thing once. On real environments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/store/store_test.h"
#include "tests/unit/ingest/ingest_help.h"

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
    check_adds_up(e);
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
    check_adds_up(e);
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
    static const char form[] =
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
    static const char form[] = "{\"producer\":\"p%u\",\"epoch\":1,\"seq\":1,\"events\":[]}";
    struct engine *e = *state;

    e->options.producers_max = 3;
    engine_start(e);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(engine_ask(e, form, i).outcome.status, i < 3 ? ST_OK : ST_LIMIT);
    assert_int_equal(engine_ask(e, form, 1).outcome.status, ST_DUPLICATE);
    assert_int_equal(status_of(e).counters.batches_refused[ST_LIMIT], 2);
}

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
    check_adds_up(e);
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
    check_adds_up(e);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
