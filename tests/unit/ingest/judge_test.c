/* Judgement at its edges: batches with an identity of their own, refusals for now, commits that
 * fail. */
#include "engine/ingest/judge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/tables.h"
#include "engine/store/store_test.h"
#include "tests/unit/ingest/ingest_help.h"

/* ---- identity ---- */

/* A batch under an idempotency key, of the content that its text is. */
static struct answer ask_once(struct engine *e, const char *key_name, uint64_t key,
                              const char *frame)
{
    const struct ingest_source from = {
        .transport = INGEST_HTTP,
        .key_name = str_of(key_name),
        .has_identity = true,
        .identity = {key, key},
        .content = hash128(frame, strlen(frame)),
    };
    struct answer a;

    loop_turn(e->loop, 0);
    engine_send(e, &from, frame, &a);
    engine_settle(e);
    assert_true(a.done);
    return a;
}

static void an_identity_counts_once(void **state)
{
    struct engine *e = *state;
    char one[512], two[512];

    text_fmt(one, sizeof(one), "[" CALL "]", NOW);
    text_fmt(two, sizeof(two), "[" CALL "," CALL "]", NOW, NOW);
    assert_int_equal(ask_once(e, "k", 1, one).outcome.accepted, 1);
    assert_int_equal(ask_once(e, "k", 1, one).outcome.status, ST_DUPLICATE);
    assert_int_equal(ask_once(e, "k", 1, two).outcome.status, ST_CONFLICT);
    assert_int_equal(ask_once(e, "k", 2, two).outcome.accepted, 2);
    assert_int_equal(ask_once(e, "other", 1, one).outcome.accepted, 1); /* of another key */
    assert_int_equal(ask_once(e, "", 1, one).outcome.accepted, 1);      /* without a keyring */
    assert_int_equal(ask_once(e, "", 1, one).outcome.status, ST_DUPLICATE);
    engine_stop(e, false);
    engine_start(e);
    assert_int_equal(ask_once(e, "k", 1, one).outcome.status, ST_DUPLICATE);
    assert_int_equal(status_of(e).counters.accepted, 5);
    check_adds_up(e);
}

/* Of which nothing was counted: its key may be used for what is mended. */
static void a_refused_identity_may_come_again(void **state)
{
    struct engine *e = *state;
    char good[512];

    text_fmt(good, sizeof(good), "[" CALL "]", NOW);
    assert_int_equal(ask_once(e, "k", 1, "broken").outcome.status, ST_MALFORMED);
    assert_int_equal(ask_once(e, "k", 1, "[{\"type\":\"bad\"}]").outcome.rejected, 1);
    assert_int_equal(ask_once(e, "k", 1, good).outcome.accepted, 1);
    assert_int_equal(ask_once(e, "k", 1, "broken").outcome.status, ST_CONFLICT);
    assert_int_equal(ask_once(e, "k", 2, "[]").outcome.status, ST_OK); /* nothing, but all of it */
    assert_int_equal(ask_once(e, "k", 2, "[]").outcome.status, ST_DUPLICATE);
    check_adds_up(e);
}

static void a_full_window_refuses_identities(void **state)
{
    struct engine *e = *state;
    char frame[512];

    e->options.id_window_bytes = 4 * 64;
    engine_start(e);
    text_fmt(frame, sizeof(frame), "[" CALL "]", NOW);
    assert_int_equal(ask_once(e, "k", 1, frame).outcome.accepted, 1);
    struct answer a = ask_once(e, "k", 2, frame); /* a page is in use, that is over the bound */

    assert_int_equal(a.outcome.status, ST_DEDUPE_FULL);
    assert_int_equal(ask_once(e, "k", 1, frame).outcome.status, ST_DUPLICATE);
    assert_int_equal(status_of(e).counters.accepted, 1);
    assert_int_equal(status_of(e).counters.batches_refused[ST_DEDUPE_FULL], 1);
    check_adds_up(e);
}

/* ---- refused before judgement ---- */

static void a_batch_of_nothing_is_fine(void **state)
{
    struct engine *e = *state;
    struct answer a = engine_ask(e, "{\"events\":[]}"); /* and asks for nobody's cursor */

    assert_int_equal(a.outcome.status, ST_OK);
    assert_false(a.outcome.cursor);
    assert_int_equal(a.outcome.accepted, 0);
}

/* A refusal for now tells where the producer stands; not to a run of it that is over. */
static void a_stopping_engine_tells_where_to_go_on(void **state)
{
    static const char form[] = "{\"producer\":\"p\",\"epoch\":%u,\"seq\":%u,\"events\":[]}";
    struct engine *e = *state;
    struct answer a;

    (void)ask_seq(e, 5, 1, 1);
    ingest_stop(e->ingest);
    a = engine_ask(e, form, 5, 2);
    assert_int_equal(a.outcome.status, ST_SHUTTING_DOWN);
    assert_true(a.outcome.has_expected_seq);
    assert_int_equal(a.outcome.expected_seq, 2);
    a = engine_ask(e, form, 6, 9);
    assert_int_equal(a.outcome.expected_seq, 1);
    a = engine_ask(e, form, 4, 2);
    assert_int_equal(a.outcome.status, ST_SHUTTING_DOWN);
    assert_false(a.outcome.has_expected_seq);
    a = engine_ask(e, "[]");
    assert_false(a.outcome.has_expected_seq);
}

static void see_answer(void *arg, const struct zpeer *to, const struct batch *b,
                       const struct outcome *o)
{
    (void)to, (void)b;
    *(struct outcome *)arg = *o;
}

/* What was never to be stored is refused for its own reason, and no row says so. */
static void what_was_refused_stays_so_when_the_commit_fails(void **state)
{
    static const enum status codes[] = {ST_MALFORMED, ST_TOO_LARGE, ST_INVALID};
    struct engine *e = *state;
    struct outcome got[N_OF(codes)] = {{0}};
    struct answer a;

    store_test_fail_commit(e->front, 1, ENOSPC);
    loop_turn(e->loop, 0);
    for (size_t i = 0; i < N_OF(codes); i++) {
        const struct ingest_reply reply = {.fn = see_answer, .arg = &got[i]};

        ingest_refuse(e->ingest, &source_plain, codes[i], "not like this", &reply);
    }
    engine_send(e, &source_plain, "[]", &a);
    engine_settle(e);
    assert_int_equal(a.outcome.status, ST_STORAGE_FULL);
    for (size_t i = 0; i < N_OF(codes); i++)
        assert_int_equal(got[i].status, codes[i]);
    assert_int_equal(status_of(e).counters.rejected[ST_MALFORMED], 1);
    assert_int_equal(status_of(e).counters.batches_refused[ST_TOO_LARGE], 1);
    assert_int_equal(status_of(e).counters.batches_refused[ST_INVALID], 1);
    (void)engine_ask(e, "[]");
    assert_int_equal(status_of(e).rejected_rows, 0);
    assert_int_equal(engine_faults(e, 0).rejected, 1); /* and carried to the next commit */
    check_adds_up(e);
}

/* ---- the writer's part alone ---- */

struct fixture {
    struct scratch scratch;
    struct store *store;
    struct judge judge;
    struct group *group;
    struct txn t;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    CHECK(f != NULL);
    scratch_new(&f->scratch);
    f->store = scratch_front(&f->scratch, 0);
    f->judge.producers_max = 10;
    f->judge.rejected.rows_max = 10;
    f->judge.ids.bytes_max = 1 << 20;
    CHECK(group_new(&f->group) == ST_OK);
    txn_begin(f->store, true, &f->t);
    judge_load(&f->judge, &f->t);
    judge_begin(&f->judge, &f->t, f->group);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    txn_abort(&f->t);
    faults_fini(&f->judge.faults);
    group_free(&f->group);
    store_close(&f->store);
    scratch_free(&f->scratch);
    free(f);
    return 0;
}

static struct slot *numbered(struct fixture *f, const char *frame)
{
    struct slot *s = group_add(f->group, NULL, str_of(frame));

    CHECK(s != NULL);
    frame_decode(s->frame.p, s->frame.n, &frame_limits_default, &f->group->arena, &s->batch);
    CHECK(s->batch.has_seq);
    s->received_ms = NOW;
    s->judge = true;
    return s;
}

/* It is no fault of the batch: the producer may send it again under the same number. */
static void a_batch_without_memory_consumes_nothing(void **state)
{
    struct fixture *f = *state;
    struct slot *s = numbered(f, "{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[]}");
    struct cursor c;

    s->batch.status = ST_NO_MEMORY;
    judge_slot(&f->judge, &f->t, f->group, s);
    assert_int_equal(s->outcome.status, ST_NO_MEMORY);
    assert_false(cursor_get(&f->t, STR(""), STR("p"), &c));
    s->batch.status = ST_OK;
    judge_slot(&f->judge, &f->t, f->group, s);
    assert_int_equal(s->outcome.status, ST_OK);
    assert_true(cursor_get(&f->t, STR(""), STR("p"), &c));
    assert_int_equal(c.seq, 1);
}

/* What comes behind a batch that was found busy is a gap; where the commit fails nobody knows
 * where it would go on, and it is refused like the others. */
static void a_gap_of_a_failed_commit_names_no_number(void **state)
{
    struct fixture *f = *state;
    struct slot *s = numbered(f, "{\"producer\":\"p\",\"epoch\":1,\"seq\":3,\"events\":[]}");

    s->judge = false;
    slot_refuse(s, ST_BUSY, (struct str){0});
    judge_slot(&f->judge, &f->t, f->group, s);
    assert_int_equal(s->outcome.status, ST_GAP);
    assert_int_equal(s->outcome.expected_seq, 1);
    judge_undo(&f->judge, f->group, ST_STORAGE_FULL);
    assert_int_equal(s->outcome.status, ST_STORAGE_FULL);
    assert_false(s->outcome.has_expected_seq);
    assert_int_equal(f->judge.counters.total.batches_refused[ST_GAP], 0);
    assert_int_equal(f->judge.counters.total.batches_refused[ST_STORAGE_FULL], 1);
}

static bool see_raw(void *arg, const struct ingest_rejected *r)
{
    char *raw = arg;

    text_fmt(raw + strlen(raw), 256 - strlen(raw), "%.*s|", (int)r->raw.n,
             r->raw.n > 0 ? r->raw.p : "");
    return true;
}

/* A walk by brackets alone does not know an escaped name: the first event is shown with all that
 * is around it, the others without bytes, and none with those of another. */
static void bytes_that_cannot_be_found_are_left_out(void **state)
{
    static const char frame[] = "{\"producer\":\"p\",\"epoch\":1,\"seq\":1,"
                                "\"event\\u0073\":[{\"type\":\"a\"},{\"type\":\"b\"}]}";
    struct fixture *f = *state;
    struct slot *s = numbered(f, frame);
    char raw[256] = "";

    judge_slot(&f->judge, &f->t, f->group, s);
    assert_int_equal(s->outcome.rejected, 2);
    ingest_rejected_each(&f->t, UINT64_MAX, see_raw, raw);
    assert_true(raw[0] == '|'); /* the later one first */
    assert_int_equal(strncmp(raw + 1, frame, strlen(frame)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STARTED(an_identity_counts_once),
        STARTED(a_refused_identity_may_come_again),
        ALONE(a_full_window_refuses_identities),
        STARTED(a_batch_of_nothing_is_fine),
        STARTED(a_stopping_engine_tells_where_to_go_on),
        STARTED(what_was_refused_stays_so_when_the_commit_fails),
        cmocka_unit_test_setup_teardown(a_batch_without_memory_consumes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gap_of_a_failed_commit_names_no_number, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_cannot_be_found_are_left_out, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
