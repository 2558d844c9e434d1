/* Blocks and chunks of sheets against a plain table of sums: order, fill, seeking, and what a
 * damaged block does. */
#include "tests/unit/aggregators/days_help.h"

#include "aggregators/audit.h"
#include "aggregators/sheet.h"

#define DAYS     3
#define ACCOUNTS 1500
#define BATCH    700

static uint64_t calls[DAYS][ACCOUNTS];

/* Far apart and close together. */
static uint64_t account_of(uint32_t i)
{
    return i % 2 ? (uint64_t)i * 1000003 : (uint64_t)(i - i % 2) * 1000003 - (i > 0);
}

/* Every 97th account has so many apps that its sheet goes on in chunks. */
static uint64_t app_of(uint32_t who)
{
    return who % 97 == 5 ? 1 + test_rnd(2000) : 1 + test_rnd(3);
}

static void fold_random(struct fixture *f, uint32_t first, uint32_t n_accounts)
{
    struct event ev[BATCH];
    uint8_t verdict[BATCH] = {0};
    for (uint32_t i = 0; i < BATCH; i++) {
        const uint32_t who = first + (uint32_t)test_rnd(n_accounts);
        const int32_t day = (int32_t)test_rnd(DAYS);
        ev[i] = signal_at(account_of(who), EV_API_CALL,
                          (TODAY - day) * MS_PER_DAY + (int64_t)test_rnd(MS_PER_DAY));
        ev[i].app = app_of(who);
        calls[day][who]++;
    }
    days_fold(f, ev, verdict, BATCH);
}

static uint64_t calls_of(struct sheet_cursor *c)
{
    struct sheet_row_reader row;
    uint64_t app = c->app_first, sum = 0;
    while (sheet_next(&c->rows, &app, &row)) {
        uint64_t slot = 0;
        for (uint32_t i = 0; i < row.cells_n; i++) {
            slot += read_varint(&row.cells);
            const uint64_t count = read_varint(&row.cells);
            sum += slot_which(slot) == 0 ? count : 0;
        }
    }
    assert_false(c->rows.bad);
    return sum;
}

/* Walking finds every sheet once, in order, with its chunks behind it. */
static void check_walk(struct txn *t)
{
    struct sheet_cursor c;
    sheet_cursor_open(t, &c);
    bool on = sheet_cursor_first(&c);
    for (int32_t day = DAYS - 1; day >= 0; day--)
        for (uint32_t who = 0; who < ACCOUNTS; who++) {
            if (calls[day][who] == 0)
                continue;
            assert_true(on);
            assert_int_equal(c.day, TODAY - day);
            assert_int_equal(c.account, account_of(who));
            assert_int_equal(c.app_first, 0);
            assert_int_equal(c.head.call_total, calls[day][who]);
            const uint64_t chunks = c.head.chunks;
            uint64_t sum = calls_of(&c);
            on = sheet_cursor_next(&c);
            for (uint64_t i = 0; i < chunks; i++, on = sheet_cursor_next(&c)) {
                assert_true(on && c.account == account_of(who) && c.app_first > 0);
                sum += calls_of(&c);
            }
            assert_int_equal(sum, calls[day][who]);
        }
    assert_false(on);
    sheet_cursor_close(&c);
}

/* The first account from `who` on that has a sheet. */
static uint32_t next_with_calls(int32_t day, uint32_t who)
{
    while (who < ACCOUNTS && calls[day][who] == 0)
        who++;
    return who;
}

static void check_seek(struct txn *t)
{
    struct sheet_cursor c;
    sheet_cursor_open(t, &c);
    for (unsigned i = 0; i < 400; i++) {
        const uint32_t who = (uint32_t)test_rnd(ACCOUNTS);
        const int32_t day = (int32_t)test_rnd(DAYS);
        const bool found = sheet_cursor_find(&c, TODAY - day, account_of(who));
        assert_int_equal(found, calls[day][who] > 0);
        if (found) {
            assert_int_equal(c.head.call_total, calls[day][who]);
            const uint64_t app = 1 + test_rnd(2000), chunks = c.head.chunks;
            assert_true(sheet_cursor_to_app(&c, app));
            assert_int_equal(c.account, account_of(who));
            assert_true(c.app_first <= app);
            if (chunks > 0 && sheet_cursor_next(&c) && c.account == account_of(who))
                assert_true(c.app_first > app);
        }
        const uint32_t next = next_with_calls(day, who + 1);
        const bool on = sheet_cursor_seek(&c, TODAY - day, account_of(who) + 1);
        if (next < ACCOUNTS)
            assert_true(on && c.day == TODAY - day && c.account == account_of(next));
        else
            assert_true(!on || c.day > TODAY - day);
        assert_true(!on || c.app_first == 0);
    }
    sheet_cursor_close(&c);
}

/* No value is over a page, a day begins at account 0, and on the whole blocks are well filled. */
static void check_blocks(struct txn *t)
{
    struct cur c;
    int32_t last_day = 0, day;
    uint64_t account, app, blocks = 0, bytes = 0;
    cur_open(t, DAYS_SHEET, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        assert_true(sheet_key_read(c.key, &day, &account, &app));
        assert_true(c.val.n <= SHEET_BLOCK);
        assert_true(day == last_day || (account == 0 && app == 0));
        last_day = day;
        blocks++;
        bytes += c.val.n;
    }
    cur_close(&c);
    if (blocks > 40)
        assert_true(bytes > blocks * SHEET_BLOCK / 2);
}

static void check_all(struct fixture *f)
{
    struct txn t;
    struct audit_counts counts;
    const struct audit_report report = {0};
    txn_begin(f->store, false, &t);
    check_walk(&t);
    check_seek(&t);
    check_blocks(&t);
    assert_int_equal(t.status, ST_OK);
    txn_abort(&t);
    assert_int_equal(audit_tables(f->store, &report, &counts), ST_OK);
    assert_int_equal(counts.faults, 0);
}

static void blocks_hold_every_sheet_once(void **state)
{
    struct fixture f;
    (void)state;
    for (unsigned life = 0; life < 4; life++) {
        days_setup(&f);
        memset(calls, 0, sizeof calls);
        for (unsigned i = 0; i < 40; i++) {
            /* A few accounts, a range of them, or all. */
            const uint32_t n = (uint32_t[]){3, 100, ACCOUNTS}[test_rnd(3)];
            fold_random(&f, (uint32_t)test_rnd(ACCOUNTS - n + 1), n);
            f.commit_bytes = test_rnd(3) ? 0 : 4096 << test_rnd(5);
            if (test_rnd(2)) {
                (void)days_merge_now(&f, 1000000);
                check_all(&f);
            }
        }
        (void)days_merge_now(&f, 1000000);
        check_all(&f);
        days_teardown(&f);
    }
}

/* ---- damage ---- */

static void spoil_block(struct fixture *f, uint64_t account)
{
    struct txn t;
    struct cur c;
    uint8_t above[SHEET_KEY_MAX], key[SHEET_KEY_MAX], val[SHEET_BLOCK];
    txn_begin(f->store, true, &t);
    cur_open(&t, DAYS_SHEET, &c);
    assert_true(cur_seek_before(&c, above, sheet_key(above, TODAY, account, 1)));
    const size_t key_n = c.key.n, val_n = c.val.n;
    memcpy(key, c.key.p, key_n);
    memcpy(val, c.val.p, val_n);
    val[val_n / 2] ^= 0x40;
    cur_put(&c, key, key_n, val, val_n);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_OK);
}

static void fold_one_each(struct fixture *f)
{
    struct event ev[ACCOUNTS];
    uint8_t verdict[ACCOUNTS] = {0};
    for (uint32_t who = 0; who < ACCOUNTS; who++)
        ev[who] = signal_at(account_of(who), EV_API_CALL, TODAY * MS_PER_DAY + who);
    days_fold(f, ev, verdict, ACCOUNTS);
}

static void a_damaged_block_is_an_error_and_never_a_number(void **state)
{
    struct fixture f;
    struct audit_counts whole, damaged;
    const struct audit_report report = {0};
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000};
    struct sheet_cursor c;
    struct txn t;
    (void)state;
    days_setup(&f);
    fold_one_each(&f);
    (void)days_merge_now(&f, 1000000);
    assert_int_equal(audit_tables(f.store, &report, &whole), ST_OK);
    assert_int_equal(whole.sheets, ACCOUNTS);
    spoil_block(&f, account_of(700));

    txn_begin(f.store, false, &t);
    sheet_cursor_open(&t, &c);
    assert_false(sheet_cursor_find(&c, TODAY, account_of(700)));
    assert_true(c.bad);
    sheet_cursor_close(&c);
    assert_int_equal(t.status, ST_CORRUPT);
    txn_abort(&t);

    /* The audit tells it and goes on behind it. */
    assert_int_equal(audit_tables(f.store, &report, &damaged), ST_OK);
    assert_int_equal(damaged.faults, 1);
    assert_true(damaged.sheets < whole.sheets);
    assert_true(damaged.sheets > whole.sheets / 2);

    /* A merge into it fails and changes nothing. */
    fold_one_each(&f);
    assert_int_equal(days_merge_try(&f, &limits, 0, &stats), ST_CORRUPT);
    assert_int_equal(audit_tables(f.store, &report, &damaged), ST_OK);
    assert_int_equal(damaged.faults, 1);
    days_teardown(&f);
}

static void another_format_is_left_alone(void **state)
{
    struct fixture f;
    const uint8_t format = 'f';
    const uint8_t others[] = {DAYS_FORMAT - 1, DAYS_FORMAT + 1};
    struct txn t;
    uint64_t position;
    char why[256];
    (void)state;
    days_setup(&f);
    for (unsigned i = 0; i < N_OF(others); i++) {
        struct span val;
        txn_begin(f.store, true, &t);
        txn_put(&t, DAYS_META, &format, 1, &others[i], 1);
        assert_int_equal(txn_commit(&t), ST_OK);
        assert_int_equal(days_prepare(f.store, &position, why), ST_OTHER_FORMAT);
        assert_non_null(strstr(why, "left untouched"));
        txn_begin(f.store, false, &t);
        assert_true(txn_get(&t, DAYS_META, &format, 1, &val));
        assert_memory_equal(val.p, &others[i], 1);
        txn_abort(&t);
    }
    days_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_every_sheet_once),
        cmocka_unit_test(a_damaged_block_is_an_error_and_never_a_number),
        cmocka_unit_test(another_format_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
