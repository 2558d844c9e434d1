/* The log against its contract: positions, groups, verdicts, trimming, damage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/ingest/tables.h"
#include "engine/log/log.h"
#include "engine/store/store_test.h"
#include "tests/unit/ingest/ingest_help.h"

#define T FRONT_JOURNAL

struct fixture {
    struct scratch scratch;
    struct store *store;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    CHECK(f != NULL);
    scratch_new(&f->scratch);
    f->store = scratch_front(&f->scratch, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(&f->store);
    scratch_free(&f->scratch);
    free(f);
    return 0;
}

static struct log_entry entry(int64_t received_ms, uint32_t n, const char *frame)
{
    return (struct log_entry){.received_ms = received_ms, .n = n, .frame = str_of(frame)};
}

static struct log_range range_of(struct fixture *f)
{
    struct log_range r;
    struct txn t;

    txn_begin(f->store, false, &t);
    assert_true(log_range(&t, T, &r));
    txn_abort(&t);
    return r;
}

/* What moved is what will be found. */
static void commit(struct fixture *f, struct txn *t, const struct log_range *moved)
{
    struct log_range found;

    assert_int_equal(txn_commit(t), ST_OK);
    found = range_of(f);
    assert_memory_equal(moved, &found, sizeof(found));
}

static uint32_t append(struct fixture *f, struct log_entry *entries, uint32_t n)
{
    struct log_range range;
    uint32_t blocks;
    struct txn t;

    txn_begin(f->store, true, &t);
    assert_true(log_range(&t, T, &range));
    blocks = log_append(&t, T, &range, entries, n);
    commit(f, &t, &range);
    return blocks;
}

static uint32_t trim(struct fixture *f, uint64_t below, uint32_t blocks_max)
{
    struct log_range range;
    uint32_t blocks;
    struct txn t;

    txn_begin(f->store, true, &t);
    assert_true(log_range(&t, T, &range));
    blocks = log_trim(&t, T, &range, below, blocks_max);
    commit(f, &t, &range);
    return blocks;
}

/* Three groups: positions 1..3 (a), 4..8 (b, c), 9 (d). */
static void append_three(struct fixture *f)
{
    struct log_entry a[] = {entry(1000, 3, "aaa")};
    struct log_entry bc[] = {entry(2000, 1, "b"), entry(1500, 4, "cccc")};
    struct log_entry d[] = {entry(3000, 1, "")};

    append(f, a, 1);
    append(f, bc, 2);
    append(f, d, 1);
    assert_int_equal(bc[1].position, 5);
}

/* What is read from `from` on, as text: position:received:events:frame ... */
static const char *read_text(struct fixture *f, uint64_t from, char out[static 256])
{
    struct log_reader r;
    struct log_entry e;
    struct txn t;
    size_t n = 0;

    out[0] = '\0';
    txn_begin(f->store, false, &t);
    log_read(&t, T, from, &r);
    while (log_next(&r, &e))
        n += text_fmt(out + n, 256 - n, "%llu:%lld:%u:%.*s ", (unsigned long long)e.position,
                      (long long)e.received_ms, e.n, (int)e.frame.n, e.frame.p);
    if (t.status != ST_OK)
        text_fmt(out + n, 256 - n, "! %s", r.why);
    log_read_end(&r);
    txn_abort(&t);
    return out;
}

static void an_empty_log(void **state)
{
    struct fixture *f = *state;
    struct log_range r = range_of(f);
    char text[256];

    assert_int_equal(r.first, LOG_FIRST);
    assert_int_equal(r.end, LOG_FIRST);
    assert_string_equal(read_text(f, LOG_FIRST, text), "");
}

static void positions_go_on(void **state)
{
    struct fixture *f = *state;
    struct log_range r;
    char text[256];

    append_three(f);
    r = range_of(f);
    assert_int_equal(r.first, 1);
    assert_int_equal(r.end, 10);
    assert_int_equal(r.bytes, 8);
    assert_string_equal(read_text(f, 1, text), "1:1000:3:aaa 4:2000:1:b 5:1500:4:cccc 9:3000:1: ");
}

static void reading_begins_anywhere(void **state)
{
    static const struct {
        uint64_t from;
        const char *want;
    } rows[] = {
        {4, "4:2000:1:b 5:1500:4:cccc 9:3000:1: "},
        {5, "5:1500:4:cccc 9:3000:1: "},
        {9, "9:3000:1: "},
        {10, ""},
    };
    char text[256];

    append_three(*state);
    for (size_t i = 0; i < N_OF(rows); i++)
        assert_string_equal(read_text(*state, rows[i].from, text), rows[i].want);
}

static void the_stored_bytes_are_as_documented(void **state)
{
    static const uint8_t want[] = {0, 0, 0, 0, 0, 0,  0, 3, 0,   0,   0,  1,
                                   0, 0, 0, 1, 1, 10, 3, 0, 'x', 'y', 'z'};
    static const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct fixture *f = *state;
    struct log_entry e = entry(5, 1, "xyz");
    struct reader checksum;
    struct span val;
    struct txn t;

    append(f, &e, 1);
    txn_begin(f->store, false, &t);
    assert_true(txn_get(&t, T, key, sizeof(key), &val));
    assert_int_equal(val.n, 8 + sizeof(want));
    assert_memory_equal((const uint8_t *)val.p + 8, want, sizeof(want));
    checksum = reader_of(val.p, 8);
    assert_true(read_be(&checksum, 8) == hash64(want, sizeof(want)));
    txn_abort(&t);
}

static void verdicts_come_back(void **state)
{
    struct fixture *f = *state;
    uint8_t verdict[300] = {0}, back[300];
    struct log_entry e = entry(1, 300, "frame"), read;
    struct log_reader r;
    struct txn t;

    verdict[0] = 7;
    verdict[1] = 1;
    verdict[128] = 9;
    verdict[299] = 200;
    e.verdict = verdict;
    e.faults_n = 4;
    append(f, &e, 1);
    txn_begin(f->store, false, &t);
    log_read(&t, T, 1, &r);
    assert_true(log_next(&r, &read));
    assert_int_equal(read.faults_n, 4);
    assert_true(log_verdicts(&read, back));
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(back[i], verdict[i] != 0);
    read.n = 299; /* a fault beyond the last event */
    assert_false(log_verdicts(&read, back));
    log_read_end(&r);
    txn_abort(&t);
}

static void trimming_keeps_what_is_wanted(void **state)
{
    static const struct {
        uint64_t below;
        uint32_t max, want;
        uint64_t first;
    } rows[] = {
        {0, 9, 0, 1},    {3, 9, 0, 1}, {4, 0, 0, 1},  {4, 9, 1, 4},
        {8, 9, 0, 4},    {9, 9, 1, 9}, {10, 9, 0, 9}, /* the last group stays: it knows where the
                                                         log ends */
        {1000, 9, 0, 9},
    };
    struct fixture *f = *state;

    append_three(f);
    for (size_t i = 0; i < N_OF(rows); i++) {
        assert_int_equal(trim(f, rows[i].below, rows[i].max), rows[i].want);
        assert_int_equal(range_of(f).first, rows[i].first);
        assert_int_equal(range_of(f).end, 10);
        assert_int_equal(range_of(f).bytes, 8);
    }
}

static void trimming_is_bounded(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++) {
        struct log_entry e = entry(i, 1, "x");

        append(f, &e, 1);
    }
    assert_int_equal(trim(f, 100, 4), 4);
    assert_int_equal(range_of(f).first, 5);
}

/* Twelve frames of 20 kB are three to a block of 64 kB, one of 100 kB is a block alone, and what is
 * small after it fills another; read back they are one sequence all the same. */
static void a_large_group_is_several_blocks(void **state)
{
    enum { LARGE = 12, N = LARGE + 3 };
    static char frame[100000];
    struct fixture *f = *state;
    struct log_entry e[N], read;
    struct log_reader r;
    struct txn t;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < N; i++) {
        size_t n = i < LARGE ? 20000 : i == LARGE ? sizeof(frame) : 5;

        e[i] = (struct log_entry){.received_ms = 1000 - i, .n = i + 1, .frame = {frame, n}};
        bytes += n;
    }
    memset(frame, 'f', sizeof(frame));
    assert_int_equal(append(f, e, N), LARGE / 3 + 2);
    assert_int_equal(range_of(f).bytes, bytes);
    assert_int_equal(range_of(f).end, 1 + N * (N + 1) / 2);
    txn_begin(f->store, false, &t);
    log_read(&t, T, e[4].position, &r);
    for (uint32_t i = 4; i < N; i++) {
        assert_true(log_next(&r, &read));
        assert_int_equal(read.position, 1 + i * (i + 1) / 2);
        assert_int_equal(read.received_ms, 1000 - i);
        assert_int_equal(read.frame.n, e[i].frame.n);
        assert_memory_equal(read.frame.p, frame, read.frame.n);
    }
    assert_false(log_next(&r, &read));
    log_read_end(&r);
    txn_abort(&t);
    assert_int_equal(trim(f, e[4].position, 9), 1); /* blocks go one by one */
    assert_int_equal(range_of(f).first, e[3].position);
}

static void a_failed_commit_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct log_entry e = entry(1, 5, "lost"), again = entry(2, 1, "kept");
    struct log_range range;
    char text[256];
    struct txn t;

    store_test_fail_commit(f->store, 1, ENOSPC);
    txn_begin(f->store, true, &t);
    assert_true(log_range(&t, T, &range));
    log_append(&t, T, &range, &e, 1);
    assert_int_equal(txn_commit(&t), ST_STORAGE_FULL);
    append(f, &again, 1);
    assert_int_equal(again.position, 1);
    assert_string_equal(read_text(f, 1, text), "1:2:1:kept ");
}

static void put_block(struct fixture *f, uint64_t position, const uint8_t *p, size_t n)
{
    uint8_t key[8];
    struct txn t;

    put_be(key, position, sizeof(key));
    txn_begin(f->store, true, &t);
    txn_put(&t, T, key, sizeof(key), p, n);
    assert_int_equal(txn_commit(&t), ST_OK);
}

static size_t get_block(struct fixture *f, uint64_t position, uint8_t *p)
{
    uint8_t key[8];
    struct span val;
    struct txn t;

    put_be(key, position, sizeof(key));
    txn_begin(f->store, false, &t);
    assert_true(txn_get(&t, T, key, sizeof(key), &val));
    memcpy(p, val.p, val.n);
    txn_abort(&t);
    return val.n;
}

/* Every flipped bit of a group is found, and what stands before it is still read. */
static void damage_is_found(void **state)
{
    struct fixture *f = *state;
    uint8_t good[64], bad[64];
    char text[256];
    size_t n;

    append_three(f);
    n = get_block(f, 4, good);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(bad, good, n);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        put_block(f, 4, bad, n);
        read_text(f, 1, text);
        assert_memory_equal(text, "1:1000:3:aaa ! the log's block at position 4 ", 45);
    }
    for (size_t cut = 0; cut < n; cut++) {
        put_block(f, 4, good, cut);
        read_text(f, 1, text);
        assert_memory_equal(text, "1:1000:3:aaa ! the log's block at position 4 ", 45);
    }
}

static void a_missing_block_is_found(void **state)
{
    static const uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 4};
    struct fixture *f = *state;
    char text[256];
    struct txn t;

    append_three(f);
    txn_begin(f->store, true, &t);
    assert_true(txn_del(&t, T, key, sizeof(key)));
    assert_int_equal(txn_commit(&t), ST_OK);
    assert_string_equal(read_text(f, 1, text),
                        "1:1000:3:aaa ! the log's block at position 4 is missing");
}

/* Well-formed sums over impossible contents: a reader that trusts nothing. */
static void impossible_entries_are_refused(void **state)
{
    static const uint8_t bodies[][8] = {
        {0, 0, 0, 0},       /* no events */
        {2, 0, 0, 0},       /* more events than the group has */
        {1, 0, 9, 0},       /* the frame ends outside */
        {1, 0, 0, 2},       /* more faults than events */
        {1, 0, 0xff, 0xff}, /* the frame's length has no end */
    };
    struct fixture *f = *state;
    char text[256];

    for (size_t i = 0; i < N_OF(bodies); i++) {
        uint8_t v[28] = {0};

        v[19] = 1; /* positions */
        v[23] = 1; /* entries */
        memcpy(v + 24, bodies[i], 4);
        put_be(v, hash64(v + 8, sizeof(v) - 8), 8);
        put_block(f, 1, v, sizeof(v));
        read_text(f, 1, text);
        assert_memory_equal(text, "! the log's block at position 1 ", 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_log, setup, teardown),
        cmocka_unit_test_setup_teardown(positions_go_on, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_begins_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(the_stored_bytes_are_as_documented, setup, teardown),
        cmocka_unit_test_setup_teardown(verdicts_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(trimming_keeps_what_is_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(trimming_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_group_is_several_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_commit_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_block_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(impossible_entries_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
