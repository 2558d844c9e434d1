/* Cursors: the rule as a table, the rows, their count, and forgetting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/cursor.h"
#include "tests/unit/ingest/front_txn.h"

static const struct hash128 same = {1, 2}, other_lo = {9, 2}, other_hi = {1, 9};

static void the_rule(void **state)
{
    static const struct {
        uint64_t have_epoch, have_seq, epoch, seq;
        const struct hash128 *digest;
        enum cursor_verdict want;
        uint64_t expected;
    } rows[] = {
        /* never seen */
        {0, 0, 0, 1, &same, CURSOR_APPLY, 1},
        {0, 0, 0, 2, &same, CURSOR_GAP, 1},
        {0, 0, 100, 1, &same, CURSOR_APPLY, 1},
        {0, 0, 100, 7, &same, CURSOR_GAP, 1},
        /* in order */
        {5, 7, 5, 8, &same, CURSOR_APPLY, 8},
        {5, 7, 5, 9, &same, CURSOR_GAP, 8},
        {5, 7, 5, UINT64_MAX, &same, CURSOR_GAP, 8},
        /* again */
        {5, 7, 5, 7, &same, CURSOR_DUPLICATE, 8},
        {5, 7, 5, 1, &same, CURSOR_DUPLICATE, 8},
        {5, 7, 5, 6, &other_lo, CURSOR_DUPLICATE, 8}, /* only the last one's content is known */
        {5, 7, 5, 7, &other_lo, CURSOR_CONFLICT, 8},
        {5, 7, 5, 7, &other_hi, CURSOR_CONFLICT, 8},
        /* epochs */
        {5, 7, 4, 8, &same, CURSOR_STALE, 8},
        {5, 7, 4, 1, &same, CURSOR_STALE, 8},
        {5, 7, 6, 1, &same, CURSOR_APPLY, 1},
        {5, 7, 6, 8, &same, CURSOR_GAP, 1},
        {5, 7, 6, 7, &same, CURSOR_GAP, 1},
        {5, 7, UINT64_MAX, 1, &same, CURSOR_APPLY, 1},
    };

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct cursor c = {rows[i].have_epoch, rows[i].have_seq, same, 0};

        if (cursor_judge(&c, rows[i].epoch, rows[i].seq, *rows[i].digest) != rows[i].want)
            fail_msg("row %zu", i);
        if (rows[i].want != CURSOR_STALE)
            assert_int_equal(cursor_expected(&c, rows[i].epoch), rows[i].expected);
    }
}

static void rows_come_back(void **state)
{
    const struct cursor put = {UINT64_MAX, 42, {0x1122334455667788, 0x99aabbccddeeff00}, 20000};
    struct fixture *f = *state;
    char long_name[KEY_NAME_BYTES_MAX], long_producer[PRODUCER_KEY_BYTES_MAX];
    struct cursor got;
    struct txn *t = &f->t;

    memset(long_name, 'k', sizeof(long_name));
    memset(long_producer, 'p', sizeof(long_producer));
    const struct str key = {long_name, sizeof(long_name)},
                     producer = {long_producer, sizeof(long_producer)};

    assert_false(cursor_get(t, key, producer, &got));
    assert_int_equal(got.epoch, 0);
    cursor_put(t, key, producer, &put, true);
    assert_true(cursor_get(t, key, producer, &got));
    assert_int_equal(got.epoch, put.epoch);
    assert_int_equal(got.seq, put.seq);
    assert_int_equal(got.digest.hi, put.digest.hi);
    assert_int_equal(got.digest.lo, put.digest.lo);
    assert_int_equal(got.used_day, put.used_day);
    /* Names that would be the same bytes run together. */
    assert_false(cursor_get(t, STR(""), STR("ab"), &got));
    cursor_put(t, STR("a"), STR("b"), &put, true);
    assert_false(cursor_get(t, STR(""), STR("ab"), &got));
    assert_false(cursor_get(t, STR("ab"), STR(""), &got));
    assert_int_equal(cursor_count(t, key), 1);
    assert_int_equal(cursor_count(t, STR("")), 0);
    assert_int_equal(txn_commit(t), ST_OK);
}

static uint64_t left(struct txn *t, const char *key)
{
    struct cursor got;
    uint64_t n = 0;

    for (unsigned i = 0; i < 20; i++) {
        char name[8];

        text_fmt(name, sizeof(name), "p%u", i);
        n += cursor_get(t, str_of(key), str_of(name), &got);
    }
    return n;
}

static void the_idle_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct cursor_place place = {0};
    struct txn *t = &f->t;

    for (unsigned i = 0; i < 20; i++) {
        struct cursor c = {.epoch = 1, .seq = 1, .used_day = 100 + (int32_t)i};
        char name[8];

        text_fmt(name, sizeof(name), "p%u", i);
        cursor_put(t, STR(""), str_of(name), &c, true);
        cursor_put(t, STR("key"), str_of(name), &c, true);
    }
    assert_int_equal(cursor_count(t, STR("key")), 20);
    /* Days 100..104 are over. A sweep of 4 rows reaches all 40 in ten goes. */
    cursor_sweep(t, &place, 105, 4);
    assert_true(left(t, "") + left(t, "key") >= 36);
    for (int i = 0; i < 9; i++)
        cursor_sweep(t, &place, 105, 4);
    assert_int_equal(left(t, ""), 15);
    assert_int_equal(left(t, "key"), 15);
    assert_int_equal(cursor_count(t, STR("key")), 15);
    assert_int_equal(cursor_count(t, STR("")), 15);
    /* Round and round: nothing more goes, nothing breaks at the end of the table. */
    for (int i = 0; i < 50; i++)
        cursor_sweep(t, &place, 105, 7);
    assert_int_equal(left(t, "key"), 15);
    cursor_sweep(t, &place, 1000, 1000);
    cursor_sweep(t, &place, 1000, 1000);
    assert_int_equal(left(t, "") + left(t, "key"), 0);
    assert_int_equal(cursor_count(t, STR("key")), 0);
    assert_int_equal(txn_commit(t), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule),
        cmocka_unit_test_setup_teardown(rows_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_idle_are_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
