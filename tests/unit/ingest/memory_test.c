/* Memory that runs out, part by part: who notices it says so, counts what it can, and is as good as
 * before afterwards. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/census.h"
#include "engine/ingest/counters.h"
#include "engine/ingest/faults.h"
#include "engine/ingest/group.h"
#include "engine/ingest/rejected.h"
#include "engine/ingest/tables.h"
#include "tests/crash/alloc.h"
#include "tests/unit/ingest/front_txn.h"

/* ---- groups ---- */

static void a_group_without_memory_is_as_before(void **state)
{
    static char large[100000]; /* a chunk of its own */
    const struct str frame = {large, sizeof(large)};
    struct group *g = NULL;

    (void)state;
    alloc_fail(1);
    assert_int_equal(group_new(&g), ST_NO_MEMORY);
    (void)alloc_fail_end();
    assert_null(g);
    group_free(&g); /* NULL: nothing to do */
    assert_int_equal(group_new(&g), ST_OK);
    for (uint32_t nth = 1; nth <= 2; nth++) { /* the slot, the frame */
        alloc_fail(nth);
        assert_null(group_add(g, NULL, frame));
        (void)alloc_fail_end();
        assert_int_equal(g->n, 0);
        assert_int_equal(g->bytes, 0);
        assert_null(g->first);
    }
    struct slot *s = group_add(g, NULL, frame);

    assert_non_null(s);
    assert_int_equal(g->n, 1);
    assert_int_equal(g->bytes, sizeof(large));
    assert_true(s->frame.p != large && s->frame.n == sizeof(large));
    group_free(&g);
}

/* The message is lost, the verdict is not: the event counts as rejected. */
static void a_rejection_without_memory_counts(void **state)
{
    struct event ev[2] = {{.account = 1}, {.account = 2}};
    uint8_t verdict[2] = {0};
    struct group *g;

    (void)state;
    assert_int_equal(group_new(&g), ST_OK);
    struct slot *s = group_add(g, NULL, STR("frame"));

    assert_non_null(s);
    s->batch = (struct batch){.n = 2, .ev = ev, .verdict = verdict};
    g->arena.max_bytes = g->arena.used_bytes;
    assert_null(group_text(g, "%d", 1).p);
    slot_reject(g, s, 1, ST_LIMIT, (struct str){0});
    assert_int_equal(verdict[0], ST_OK);
    assert_int_equal(verdict[1], ST_LIMIT);
    assert_int_equal(s->batch.rejects_n, 0);
    group_free(&g);
}

static void long_messages_are_cut(void **state)
{
    char text[400];
    struct group *g;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(group_new(&g), ST_OK);
    struct str got = group_text(g, "%.*s", (int)sizeof(text), text);

    assert_int_equal(got.n, 255);
    assert_memory_equal(got.p, text, got.n);
    group_free(&g);
}

/* A small message's bytes lie in its handle, which moves. */
static void a_small_message_moves_with_its_handle(void **state)
{
    static const char far[] = "elsewhere";
    struct group *g;

    (void)state;
    assert_int_equal(group_new(&g), ST_OK);
    struct zmsg m = {.bytes = 5};

    memcpy(m.space + 8, "small", 5);
    m.data = m.space + 8;
    struct slot *s = group_add(g, &m, (struct str){0});

    assert_non_null(s);
    assert_null(m.data); /* it is the group's now */
    memset(&m, 'x', sizeof(m));
    assert_int_equal(s->frame.n, 5);
    assert_memory_equal(s->frame.p, "small", 5);

    m = (struct zmsg){.data = far, .bytes = sizeof(far)};
    struct slot *large = group_add(g, &m, (struct str){0});

    assert_non_null(large);
    assert_ptr_equal(large->frame.p, far); /* not copied */
    assert_int_equal(g->bytes, 5 + sizeof(far));
    s->msg = large->msg = (struct zmsg){0}; /* they were not libzmq's */
    group_free(&g);
}

/* ---- census ---- */

static void count_nothing(void *arg, uint64_t account, enum census_kind kind, struct value_set *out)
{
    (void)arg, (void)account, (void)kind, (void)out;
}

static void a_census_is_whole_or_not_there(void **state)
{
    const struct census_setup setup = {{1, 1, 1, 1}, count_nothing, NULL};
    struct census *c = NULL;
    uint32_t nth = 1;

    (void)state;
    for (enum status st = ST_NO_MEMORY; st != ST_OK; nth++) {
        alloc_fail(nth);
        st = census_new(&setup, &c);
        (void)alloc_fail_end();
        assert_true(st == ST_OK ? c != NULL : st == ST_NO_MEMORY && c == NULL);
    }
    assert_int_equal(nth, 1 + 4); /* itself, what was seen, the credit; then all of it */
    census_free(&c);
    census_free(&c); /* NULL: nothing to do */
}

/* ---- rows ---- */

/* So many accounts that the list has to grow. */
#define ACCOUNTS 100

static void add_faults(struct faults *f)
{
    faults_begin(f);
    for (uint64_t account = 1; account <= ACCOUNTS; account++)
        for (int32_t day = 8; day > 6; day--)
            faults_add(f, &(struct fault){account, day, .duplicate = 1, .rejected = 2});
}

static void see_fault(void *arg, int32_t day, const struct ingest_faults *n)
{
    assert_true(day == 7 || day == 8);
    *(uint64_t *)arg += n->duplicate + n->rejected;
}

static void faults_that_cannot_be_set_aside_fail_the_commit(void **state)
{
    struct fixture *fixture = *state;
    struct faults f = {0};
    uint64_t sum = 0;
    uint32_t nth = 1;
    struct txn t;

    txn_abort(&fixture->t); /* each try has one of its own */
    for (enum status st = ST_NO_MEMORY; st != ST_OK;) {
        faults_fini(&f); /* without memory kept from before */
        alloc_fail(nth++);
        add_faults(&f);
        (void)alloc_fail_end();
        txn_begin(fixture->store, true, &t);
        faults_store(&f, &t, 0);
        st = txn_commit(&t);
        assert_true(st == ST_OK || st == ST_NO_MEMORY);
        if (st == ST_OK)
            break;
        faults_undo(&f);
        assert_int_equal(f.n, 0);
        assert_true(nth < 20);
    }
    faults_done(&f);
    txn_begin(fixture->store, true, &t);
    ingest_faults_each(&t, see_fault, &sum);
    assert_int_equal(sum, ACCOUNTS * 2 * 3); /* once, whatever failed before */
    faults_store(&f, &t, 8);
    for (int i = 0; i < ACCOUNTS; i++) /* days before the first that is kept go, some a commit */
        faults_store(&f, &t, 8);
    sum = 0;
    ingest_faults_each(&t, see_fault, &sum);
    assert_int_equal(sum, ACCOUNTS * 3);
    assert_int_equal(txn_commit(&t), ST_OK);
    faults_fini(&f);
}

static void rows_that_cannot_be_built_fail_the_commit(void **state)
{
    struct fixture *fixture = *state;
    const struct ingest_rejected row = {.code = ST_INVALID, .raw = STR("{}")};
    struct counters *c = calloc(1, sizeof(*c)), *back = calloc(1, sizeof(*back));
    struct rejected table = {.rows_max = 10};
    struct txn t;

    txn_abort(&fixture->t);                   /* each try has one of its own */
    for (uint32_t nth = 1; nth <= 2; nth++) { /* totals, fields */
        *c = (struct counters){0};
        counters_refused(c, ST_GAP);
        counters_unknown(c, STR("colour"), 2);
        txn_begin(fixture->store, true, &t);
        alloc_fail(nth);
        counters_store(&t, c);
        (void)alloc_fail_end();
        assert_int_equal(txn_commit(&t), ST_NO_MEMORY);
    }
    txn_begin(fixture->store, true, &t);
    counters_load(&t, back);
    assert_int_equal(back->total.batches_refused[ST_GAP], 0);
    alloc_fail(1);
    rejected_add(&table, &t, &row);
    (void)alloc_fail_end();
    assert_int_equal(txn_commit(&t), ST_NO_MEMORY);
    rejected_end(&table, true);
    txn_begin(fixture->store, true, &t);
    rejected_add(&table, &t, &row);
    assert_int_equal(rejected_trim(&table, &t), 1);
    assert_int_equal(txn_commit(&t), ST_OK);
    free(c);
    free(back);
}

/* ---- a start ---- */

/* Start under the nth allocation's failure, in a process of its own: where memory of aggregators/
 * runs out it ends (CHECK). 0: started. */
static int start_in_child(struct engine *e, uint32_t nth)
{
    char why[256];
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        CHECK(loop_new(&e->loop) == ST_OK);
        e->front = scratch_front(&e->scratch, 0);
        e->days = scratch_days(&e->scratch, 0);
        const struct ingest_setup setup = {e->loop, e->front, e->days, clock_now(), e->options};

        alloc_fail(nth);
        enum status st = ingest_open(&setup, &e->ingest, why);

        (void)alloc_fail_end();
        CHECK((st == ST_OK) == (e->ingest != NULL));
        engine_stop(e, false);
        exit((int)st); /* not _exit: what is measured by a coverage build is written then */
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        return ST_NO_MEMORY;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A tail is folded again, too. */
static void a_start_without_memory_is_refused(void **state)
{
    struct engine *e = *state;
    uint32_t nth = 1;

    assert_int_equal(engine_ask(e, "[{\"type\":\"bad\"}," CALL "]", NOW).outcome.accepted, 1);
    engine_stop(e, false);
    for (int st = ST_NO_MEMORY; st != ST_OK; nth++) {
        st = start_in_child(e, nth);
        assert_true(st == ST_OK || st == ST_NO_MEMORY);
        assert_true(nth < 1000);
    }
    assert_true(nth > 10); /* itself, groups, census, writers, what the log is read with */
    engine_start(e);
    assert_int_equal(engine_sheet(e, 1, day_of_ms(NOW)).calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_without_memory_is_as_before),
        cmocka_unit_test(a_rejection_without_memory_counts),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(a_small_message_moves_with_its_handle),
        cmocka_unit_test(a_census_is_whole_or_not_there),
        cmocka_unit_test_setup_teardown(faults_that_cannot_be_set_aside_fail_the_commit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rows_that_cannot_be_built_fail_the_commit, setup, teardown),
        STARTED(a_start_without_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
