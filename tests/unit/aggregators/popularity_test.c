/* Which apps are connected together, against a slow count; counts are published from ten accounts
 * on, in slices of any size, and go on after a restart. */
#include "tests/unit/aggregators/days_help.h"

#include "aggregators/popularity.h"

#define ACCOUNTS_N 60
#define APPS_N     30

static struct fixture f;
static bool has[ACCOUNTS_N + 1][APPS_N + 1];
static bool listed[APPS_N + 1];

static void fold_signal(uint64_t account, uint64_t app, unsigned kind)
{
    static int64_t time_ms = (TODAY - 5) * MS_PER_DAY;
    struct event e = signal_at(account, kind, time_ms++);
    e.app = app;
    e.user = test_rnd(4);
    if (kind == EV_APP_UNINSTALLED) /* everybody gives it up */
        for (e.user = 0; e.user < 3; e.user++)
            days_fold(&f, &e, (const uint8_t[]){0}, 1);
    days_fold(&f, &e, (const uint8_t[]){0}, 1);
}

static void fold_catalogue(uint64_t app, bool removed)
{
    static int64_t time_ms = (TODAY - 5) * MS_PER_DAY;
    char key[24];
    text_fmt(key, sizeof key, "%u", (unsigned)app);
    const struct event_more more = {.reference_key = str_of(key), .reference_fields = STR("x")};
    struct event e = {.app = app, .time_ms = time_ms++, .count = 1, .more = &more};
    e.kind = removed ? EV_CATALOG_APP_REMOVED : EV_CATALOG_APP;
    days_fold(&f, &e, (const uint8_t[]){0}, 1);
    listed[app] = !removed;
}

static void sweep(uint32_t rows_max)
{
    bool more = true;
    for (int slices = 0; more; slices++) {
        assert_true(slices < 100000);
        assert_int_equal(days_sweep(f.store, rows_max, &more), ST_OK);
    }
}

static uint64_t count(uint64_t a, uint64_t b)
{
    uint64_t n = 0;
    for (uint64_t account = 1; account <= ACCOUNTS_N; account++)
        n += has[account][a] && has[account][b];
    return n;
}

static void check_app(struct view *v, uint64_t app)
{
    struct popularity found;
    bool any = false;
    for (uint64_t with = 1; with <= APPS_N; with++)
        any |= with != app && listed[app] && listed[with] && count(app, with) >= 10;
    assert_int_equal(view_popularity(v, app, &found), any);
    if (!any)
        return;
    assert_int_equal(found.accounts, count(app, app));
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < found.n; i++) {
        const uint64_t n = count(app, found.partners[i].app);
        assert_int_equal(found.partners[i].accounts, n);
        assert_true(n >= 10 && n <= least && listed[found.partners[i].app]);
        if (i && n == least)
            assert_true(found.partners[i].app > found.partners[i - 1].app);
        least = n;
    }
    uint32_t above = 0;
    for (uint64_t with = 1; with <= APPS_N; with++)
        above += with != app && listed[with] && count(app, with) >= 10;
    assert_int_equal(found.n, above < POPULARITY_PARTNERS_MAX ? above : POPULARITY_PARTNERS_MAX);
}

static void check_all(void)
{
    struct view v;
    days_view(&f, &v);
    for (uint64_t app = 1; app <= APPS_N; app++)
        check_app(&v, app);
    assert_int_equal(v.txn.status, ST_OK);
    view_close(&v);
}

/* Apps of a kind go together, so that some pairs are frequent and some are not. */
static void fill(void)
{
    for (uint64_t app = 1; app <= APPS_N; app++)
        if (app % 7)
            fold_catalogue(app, false);
    for (uint64_t account = 1; account <= ACCOUNTS_N; account++)
        for (uint64_t app = 1; app <= APPS_N; app++)
            if (test_rnd(app % 3 == account % 3 ? 2 : 4) == 0) {
                has[account][app] = true;
                fold_signal(account, app, EV_APP_INSTALLED);
            }
    for (int i = 0; i < 30; i++) {
        const uint64_t account = 1 + test_rnd(ACCOUNTS_N), app = 1 + test_rnd(APPS_N);
        has[account][app] = false;
        fold_signal(account, app, EV_APP_UNINSTALLED);
    }
}

static void counts_are_those_of_a_slow_count(void **state)
{
    (void)state;
    static const uint32_t slices[] = {1000000, 1, 7, 100};
    for (size_t i = 0; i < N_OF(slices); i++) {
        memset(has, 0, sizeof has);
        memset(listed, 0, sizeof listed);
        test_seed = i;
        days_setup(&f);
        sweep(slices[i]); /* of nothing */
        fill();
        (void)days_merge_now(&f, 1000);
        sweep(slices[i]);
        check_all();

        /* Apps go from the accounts and from the catalogue: what was published of them goes too. */
        for (uint64_t account = 1; account <= ACCOUNTS_N; account++)
            for (uint64_t app = 1; app <= APPS_N; app += 4) {
                has[account][app] = false;
                fold_signal(account, app, EV_APP_UNINSTALLED);
            }
        fold_catalogue(3, true);
        fold_catalogue(APPS_N, true);
        (void)days_merge_now(&f, 1000);
        sweep(slices[i]);
        check_all();
        days_teardown(&f);
    }
}

/* While a count goes on, the last one whole is what is read. */
static void the_last_count_stays_until_the_next(void **state)
{
    (void)state;
    struct view v;
    struct popularity found;
    bool more;
    memset(has, 0, sizeof has);
    memset(listed, 0, sizeof listed);
    test_seed = 3;
    days_setup(&f);
    fill();
    (void)days_merge_now(&f, 1000);
    sweep(100);
    for (int i = 0; i < 20; i++)
        assert_int_equal(days_sweep(f.store, 5, &more), ST_OK);
    assert_true(more);
    check_all();
    sweep(50);
    check_all();
    days_view(&f, &v);
    assert_false(view_popularity(&v, APPS_N + 1, &found));
    view_close(&v);
    days_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_a_slow_count),
        cmocka_unit_test(the_last_count_stays_until_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
