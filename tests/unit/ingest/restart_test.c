/* What a start finds: merges that were cut short, logs and marks that cannot be what was written,
 * stores that refuse. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/tables.h"
#include "engine/log/log.h"
#include "engine/store/store_test.h"
#include "tests/unit/ingest/ingest_help.h"

/* ---- the log's tail ---- */

struct tail {
    const char *what;
    const char *events; /* 'c': a call, 'b': one that cannot be read; NULL: no frame at all */
    uint32_t n, faults_n;
    uint8_t verdict[2];
};

/* Append it to the log, behind a batch of one call. */
static void append(struct engine *e, const struct tail *tail)
{
    char good[512], call[512], frame[1024] = "nothing";
    struct log_entry entries[2];
    struct log_range range;
    size_t at = 0;
    struct txn t;

    text_fmt(good, sizeof(good), "[" CALL "]", NOW);
    text_fmt(call, sizeof(call), CALL, NOW);
    for (const char *p = tail->events; p != NULL && *p != '\0'; p++)
        at += text_fmt(frame + at, sizeof(frame) - at, "%s%s", p == tail->events ? "[" : ",",
                       *p == 'c' ? call : "{\"type\":\"bad\"}");
    if (at > 0)
        text_fmt(frame + at, sizeof(frame) - at, "]");
    entries[0] = (struct log_entry){.received_ms = NOW, .n = 1, .frame = str_of(good)};
    entries[1] = (struct log_entry){
        .received_ms = NOW,
        .n = tail->n,
        .faults_n = tail->faults_n,
        .verdict = tail->verdict,
        .frame = str_of(frame),
    };
    e->front = scratch_front(&e->scratch, 0);
    txn_begin(e->front, true, &t);
    assert_true(log_range(&t, FRONT_JOURNAL, &range));
    assert_true(log_append(&t, FRONT_JOURNAL, &range, entries, 2) > 0);
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&e->front);
}

static int new_engine(struct engine *e)
{
    engine_free(e);
    engine_new(e);
    return 0;
}

static void a_tail_that_was_never_accepted_is_refused(void **state)
{
    static const struct tail rows[] = {
        {"no frame at all", NULL, 1, 0, {0}},
        {"more events than were stored", "cc", 1, 0, {0}},
        {"fewer events", "c", 2, 0, {0}},
        {"an event that cannot be read, all accepted", "b", 1, 0, {0}},
        {"the one that cannot be read accepted, the other not", "bc", 2, 1, {0, 1}},
    };
    static const struct tail fine = {"", "bc", 2, 1, {1, 0}};
    struct engine *e = *state;
    char why[256];

    for (size_t i = 0; i < N_OF(rows); i++) {
        append(e, &rows[i]);
        if (engine_try_start(e, why) != ST_CORRUPT ||
            strstr(why, "position 2 cannot be decoded again") == NULL)
            fail_msg("%s: %s", rows[i].what, why);
        new_engine(e);
    }
    append(e, &fine);
    engine_start(e);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 2);
}

static void day_tables_older_than_the_log_are_refused(void **state)
{
    struct engine *e = *state;
    char why[256], days[300], aside[300];

    engine_start(e);
    for (unsigned i = 1; i <= 30; i++) {
        (void)ask_seq(e, 1, i, 1);
        if (i % 5 == 0)
            engine_checkpoint(e);
    }
    assert_true(status_of(e).journal_first > 1); /* trimmed: the day tables alone have it */
    engine_stop(e, false);
    text_fmt(days, sizeof(days), "%s/days", e->scratch.dir);
    text_fmt(aside, sizeof(aside), "%s/aside", e->scratch.dir);
    assert_int_equal(rename(days, aside), 0);
    assert_int_equal(engine_try_start(e, why), ST_CORRUPT);
    assert_non_null(strstr(why, "they are older than the log"));
}

/* ---- merges cut short ---- */

#define ACCOUNTS 3000

/* One call of each account. */
static void ask_accounts(struct engine *e)
{
    static char frame[1 << 19];
    size_t at = text_fmt(frame, sizeof(frame), "[");

    for (unsigned account = 1; account <= ACCOUNTS; account++)
        at += text_fmt(frame + at, sizeof(frame) - at,
                       "%s{\"type\":\"api.call\",\"account\":%u,\"app\":2,\"method\":\"GET\","
                       "\"status\":200,\"time\":%lld}",
                       account > 1 ? "," : "", account, NOW);
    text_fmt(frame + at, sizeof(frame) - at, "]");
    assert_int_equal(engine_ask(e, "%s", frame).outcome.accepted, ACCOUNTS);
}

static uint64_t calls_of_all(struct engine *e)
{
    int32_t today = day_of_ms(NOW);
    uint64_t n = 0;

    for (unsigned account = 1; account <= ACCOUNTS; account++)
        n += engine_sheet(e, account, today).calls + engine_sheet(e, account, today - 1).calls;
    return n;
}

/* A merge of several parts of which the third cannot be written. */
static void cut_a_merge_short(struct engine *e)
{
    struct ingest_options now = e->options;

    store_test_fail_commit(e->days, 3, EIO);
    now.checkpoint_ms = 0;
    ingest_reload(e->ingest, &now);
    for (int i = 0; i < 1000 && !ingest_degraded(e->ingest); i++)
        loop_turn(e->loop, 20);
    assert_true(ingest_degraded(e->ingest));
    engine_stop(e, false);
}

static void a_merge_cut_short_is_finished(void **state)
{
    struct engine *e = *state;

    e->options.merge_commit_bytes = 1;
    engine_start(e);
    ask_accounts(e);
    ask_accounts(e);
    cut_a_merge_short(e);
    for (int i = 0; i < 2; i++) {
        engine_start(e);
        assert_int_equal(calls_of_all(e), 2 * ACCOUNTS + i * ACCOUNTS);
        ask_accounts(e);
        engine_checkpoint(e);
        assert_int_equal(calls_of_all(e), 3 * ACCOUNTS + i * ACCOUNTS);
        engine_stop(e, i == 0);
    }
}

/* A file as it is, and as it was. */
struct saved {
    char path[300];
    char *p;
    size_t n;
};

static void save_front(struct engine *e, struct saved *s)
{
    text_fmt(s->path, sizeof(s->path), "%s/front/data.mdb", e->scratch.dir);
    FILE *f = fopen(s->path, "rb");

    CHECK(f != NULL);
    s->p = malloc(64 << 20);
    s->n = fread(s->p, 1, 64 << 20, f);
    CHECK(s->n > 0 && s->n < 64 << 20);
    (void)fclose(f);
}

static void restore(struct saved *s)
{
    FILE *f = fopen(s->path, "wb");

    CHECK(f != NULL);
    CHECK(fwrite(s->p, 1, s->n, f) == s->n);
    CHECK(fclose(f) == 0);
    free(s->p);
}

static void a_log_without_the_rest_of_a_merge_is_refused(void **state)
{
    struct engine *e = *state;
    struct saved front;
    char why[256];

    e->options.merge_commit_bytes = 1;
    engine_start(e);
    ask_accounts(e);
    engine_stop(e, false);
    save_front(e, &front);
    engine_start(e);
    ask_accounts(e);
    cut_a_merge_short(e);
    restore(&front); /* as of before the second batch */
    assert_int_equal(engine_try_start(e, why), ST_CORRUPT);
    assert_non_null(strstr(why, "merge into the day tables was cut short at position 6001"));
}

/* ---- meta ---- */

#define BYTES(literal) literal, sizeof(literal) - 1
#define BOOT_ID        "0123456789abcdef"

static void put_meta(struct engine *e, char key, const void *val, size_t n)
{
    struct txn t;

    e->front = scratch_front(&e->scratch, 0);
    txn_begin(e->front, true, &t);
    txn_put(&t, FRONT_META, &key, 1, val, n);
    assert_int_equal(txn_commit(&t), ST_OK);
    store_close(&e->front);
}

static void marks_that_are_none_are_refused(void **state)
{
    static const struct {
        char key;
        const char *val;
        size_t n;
        const char *why;
    } rows[] = {
        {'f', BYTES(""), "format"},
        {'f', BYTES("\xff"), "format"},
        {'c', BYTES(""), "cannot be used"},
        {'c',
         BYTES("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"
               "short"),
         "cannot be used"},
        {'c', BYTES("\xff\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1" BOOT_ID), "cannot be used"},
        {'c', BYTES("\0\0\0\0\0\0\0\1\xff\0\0\0\0\0\0\1" BOOT_ID), "cannot be used"},
    };
    struct engine *e = *state;
    char why[256];

    for (size_t i = 0; i < N_OF(rows); i++) {
        put_meta(e, rows[i].key, rows[i].val, rows[i].n);
        if (engine_try_start(e, why) != ST_CORRUPT || strstr(why, rows[i].why) == NULL)
            fail_msg("row %zu: %s", i, why);
        new_engine(e);
    }
    put_meta(e, 'f', "\0", 1); /* no version ever had it */
    enum status st = engine_try_start(e, why);

    assert_true(st != ST_OK && st != ST_CORRUPT);
    assert_non_null(strstr(why, "format 0"));
}

static void an_older_store_is_taken_over(void **state)
{
    static const uint8_t older = FRONT_FORMAT - 1;
    struct engine *e = *state;
    struct span val;
    struct txn t;

    put_meta(e, 'f', &older, 1);
    engine_start(e);
    txn_begin(e->front, false, &t);
    assert_true(txn_get(&t, FRONT_META, "f", 1, &val));
    assert_int_equal(*(const uint8_t *)val.p, FRONT_FORMAT);
    assert_true(txn_get(&t, FRONT_META, (const char[]){FRONT_META_FAULTS_PARTLY}, 1, &val));
    txn_abort(&t);
}

/* ---- stores that refuse ---- */

static void stores_that_refuse_are_told(void **state)
{
    struct engine *e = *state;
    struct ingest_setup setup;
    char why[256];

    for (int days = 0; days < 2; days++) {
        CHECK(loop_new(&e->loop) == ST_OK);
        e->front = scratch_front(&e->scratch, 0);
        e->days = scratch_days(&e->scratch, 0);
        store_test_fail_commit(days ? e->days : e->front, 1, ENOSPC);
        setup = (struct ingest_setup){e->loop, e->front, e->days, clock_now(), e->options};
        assert_int_equal(ingest_open(&setup, &e->ingest, why), ST_STORAGE_FULL);
        assert_null(e->ingest);
        assert_true(why[0] != '\0');
        engine_stop(e, false);
    }
    engine_start(e);
    assert_int_equal(ask_seq(e, 1, 1, 1).outcome.status, ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(a_tail_that_was_never_accepted_is_refused),
        ALONE(day_tables_older_than_the_log_are_refused),
        ALONE(a_merge_cut_short_is_finished),
        ALONE(a_log_without_the_rest_of_a_merge_is_refused),
        ALONE(marks_that_are_none_are_refused),
        ALONE(an_older_store_is_taken_over),
        ALONE(stores_that_refuse_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
