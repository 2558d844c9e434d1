/* Late events by account and day received, against a plain count of them. */
#include "aggregators/late.h"

#include "aggregators/audit.h"
#include "aggregators/days.h"
#include "engine/base/check.h"
#include "engine/store/store_test.h"
#include "tests/unit/aggregators/days_help.h"

#include <errno.h>
#include <stdlib.h>

#define ACCOUNTS 3000
#define STEPS    240
#define DAYS     3 /* on which events are received */

static uint32_t twin[DAYS][ACCOUNTS];
static uint64_t audited; /* late events that the audit saw */

static uint64_t account_of(uint32_t i)
{
    return (uint64_t)i * i * 977;
}

/* A batch received on TODAY + day: half of it late, of any kind. */
static void fold_random(struct fixture *f, int32_t day)
{
    static const unsigned kinds[] = {EV_API_CALL, EV_RECORD_CREATED, EV_APP_CONNECTED};
    struct event ev[500];
    uint8_t verdict[500];
    const uint32_t n = 1 + (uint32_t)test_rnd(500);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t who = (uint32_t)test_rnd(test_rnd(3) ? ACCOUNTS : 20);
        const bool late = test_rnd(2);
        const int64_t end_ms = (TODAY + day + !late) * MS_PER_DAY; /* what is late ends at 0:00 */
        ev[i] = signal_at(account_of(who), kinds[test_rnd(N_OF(kinds))],
                          end_ms - 1 - (int64_t)test_rnd(MS_PER_DAY * (late ? 5 : 1)));
        verdict[i] = test_rnd(9) ? ST_OK : ST_DUPLICATE;
        twin[day][who] += late && verdict[i] == ST_OK;
    }
    generation_fold(f->active,
                    &(struct fold){ev, verdict, n, f->position, (TODAY + day) * MS_PER_DAY + 1000});
    f->position += n;
}

static void check(struct fixture *f, uint32_t who)
{
    struct view v;
    uint64_t sum = 0;
    days_view(f, &v);
    for (int32_t day = 0; day < DAYS; day++) {
        sum += twin[day][who];
        assert_int_equal(view_late(&v, account_of(who), TODAY + day, TODAY + day), twin[day][who]);
    }
    assert_int_equal(view_late(&v, account_of(who), TODAY - 29, TODAY + 29), sum);
    if (who > 0)
        assert_int_equal(view_late(&v, account_of(who) + 1, TODAY - 29, TODAY + 29), 0);
    view_close(&v);
}

static void on_late(void *arg, int32_t day, uint64_t account, uint64_t events)
{
    (void)arg;
    (void)account;
    assert_in_range(day, TODAY, TODAY + DAYS - 1);
    audited += events;
}

/* A merge that fails at one of its commits must not count anything twice. */
static void cut_merge(struct fixture *f)
{
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000000,
                                       .commit_bytes = f->commit_bytes};
    store_test_fail_commit(f->store, 1 + (unsigned)test_rnd(60), ENOSPC);
    const enum status st = days_merge_try(f, &limits, (unsigned)test_rnd(8), &stats);
    store_test_fail_commit(f->store, 0, 0);
    if (st != ST_OK)
        assert_int_equal(st, ST_STORAGE_FULL);
    for (int i = 0; i < 5; i++)
        check(f, (uint32_t)test_rnd(ACCOUNTS));
}

static void what_is_late_is_counted_once(void **state)
{
    (void)state;
    struct fixture f;
    struct audit_counts counts;
    const struct audit_report report = {.late = on_late};
    uint64_t sum = 0;
    days_setup(&f);
    memset(twin, 0, sizeof twin);
    for (int step = 0; step < STEPS; step++) {
        fold_random(&f, step * DAYS / STEPS);
        f.commit_bytes = 4096 << test_rnd(6);
        if (test_rnd(20) == 0)
            (void)days_merge_now(&f, 1000000);
        else if (test_rnd(10) == 0)
            cut_merge(&f);
        else if (test_rnd(20) == 0 && !f.frozen)
            days_freeze(&f);
        check(&f, (uint32_t)test_rnd(ACCOUNTS));
    }
    (void)days_merge_now(&f, 1000000);
    for (uint32_t who = 0; who < ACCOUNTS; who++) {
        check(&f, who);
        for (int32_t day = 0; day < DAYS; day++)
            sum += twin[day][who];
    }
    audited = 0;
    assert_int_equal(audit_tables(f.store, &report, &counts), ST_OK);
    assert_int_equal(counts.faults, 0);
    assert_int_equal(audited, sum);
    days_teardown(&f);
}

static void days_that_are_over_go(void **state)
{
    (void)state;
    struct fixture f;
    struct view v;
    bool more = true;
    days_setup(&f);
    memset(twin, 0, sizeof twin);
    fold_random(&f, 0);
    fold_random(&f, 1);
    (void)days_merge_now(&f, 1000000);
    while (more)
        assert_int_equal(days_purge(f.store, TODAY + 1, 100, &more), ST_OK);
    for (uint32_t who = 0; who < 20; who++) {
        days_view(&f, &v);
        assert_int_equal(view_late(&v, account_of(who), TODAY, TODAY), 0);
        assert_int_equal(view_late(&v, account_of(who), TODAY + 1, TODAY + 1), twin[1][who]);
        view_close(&v);
    }
    days_teardown(&f);
}

int main(void)
{
    test_seed = 7;
    const char *given = getenv("DAYBOOK_TEST_SEED");
    if (given && text_u64(str_of(given), &test_seed))
        return 1;
    printf("seed %llu (DAYBOOK_TEST_SEED)\n", (unsigned long long)test_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_late_is_counted_once),
        cmocka_unit_test(days_that_are_over_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
