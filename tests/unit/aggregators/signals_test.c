/* Signals against themselves: however often they are frozen, merged in slices, cut short and read
 * back at a start, views say what they say of signals that only ever stay in memory. */
#include "aggregators/audit.h"
#include "engine/store/store_test.h"
#include "tests/unit/aggregators/days_help.h"

#include <errno.h>
#include <stdlib.h>

#define ACCOUNTS 5
#define LOG_MAX  6000

static struct event *events; /* the log: event i is at position i */

static const struct str scopes[] = {
    {"crm.read", 8},
    {"crm.write", 9},
    {"files", 5},
};

static struct event_more *random_details(void)
{
    struct event_more *m = calloc(1, sizeof *m);
    assert_non_null(m);
    if (test_rnd(2))
        m->reason = STR("token_revoked");
    if (test_rnd(2))
        m->by1 = 1 + test_rnd(90);
    m->list = scopes + test_rnd(2);
    m->list_n = 1 + (uint32_t)test_rnd(2);
    return m;
}

static struct event random_signal(void)
{
    static const unsigned kinds[] = {
        EV_APP_INSTALLED,      EV_APP_ERROR,          EV_APP_RECOVERED,   EV_APP_EXPIRED,
        EV_APP_DISCONNECTED,   EV_APP_RECONNECTED,    EV_APP_UNINSTALLED, EV_PERMISSION_REAUTH,
        EV_PERMISSION_GRANTED, EV_PERMISSION_REVOKED, EV_SYNC_ENABLED,    EV_API_CALL};
    struct event e = signal_at(1 + test_rnd(ACCOUNTS), kinds[test_rnd(N_OF(kinds))],
                               TODAY * MS_PER_DAY - 86400000 + (int64_t)test_rnd(172800000));
    e.app = 1 + test_rnd(4);
    e.has_user = test_rnd(3) != 0;
    e.user = e.has_user ? test_rnd(3) : 0;
    e.status = 200;
    if (e.kind != EV_API_CALL && test_rnd(2))
        e.more = random_details();
    return e;
}

static void fold_one(struct fixture *f, uint64_t at)
{
    const uint8_t accepted = 0;
    days_fold(f, &events[at], &accepted, 1);
}

/* Nothing is left but the disk; the log is folded again from where the tables end. */
static void start_again(struct fixture *f)
{
    char why[256];
    uint64_t cut;
    const uint64_t end = f->position;
    struct signals *merging = signals_new(0), *others = signals_new(0), *own;
    signals_merge_fini(&f->signals_merge);
    signals_free(&f->signals);
    generation_free(&f->frozen);
    generation_free(&f->active);
    assert_int_equal(days_prepare(f->store, &f->position, why), ST_OK);
    assert_int_equal(days_merge_end(f->store, &cut), ST_OK);
    assert_int_equal(signals_load(f->store, merging, others), ST_OK);
    if (signals_count(merging)) {
        f->signals = merging;
        f->signals_merge = (struct signals_merge){.of = merging};
        signals_follow(others, merging);
    } else {
        signals_free(&merging);
    }
    f->active = generation_new(f->position);
    own = generation_take_signals(f->active);
    signals_free(&own);
    generation_give_signals(f->active, others);
    while (f->position < end) {
        fold_one(f, f->position);
        if (f->position == cut)
            days_freeze(f);
    }
}

static void same_activity(struct view *x, struct view *y, uint64_t account)
{
    const struct activity_query q = {
        .account = account, .to_ms = INT64_MAX, .limit = LOG_MAX, .scan_max = 10 * LOG_MAX};
    struct arena a = {0};
    struct activity_page p, s;
    uint64_t kept[2], trimmed;
    view_activity(x, &q, &a, &p);
    view_activity(y, &q, &a, &s);
    assert_int_equal(p.rows_n, s.rows_n);
    for (uint32_t i = 0; i < p.rows_n; i++) {
        const struct activity *r = &p.rows[i], *w = &s.rows[i];
        assert_int_equal(r->position, w->position);
        assert_int_equal(r->time_ms, w->time_ms);
        assert_int_equal(r->received_ms, w->received_ms);
        assert_int_equal(r->app, w->app);
        assert_int_equal(r->kind, w->kind);
        assert_int_equal(r->has_user, w->has_user);
        assert_int_equal(r->user, w->user);
        assert_int_equal(r->has_by, w->has_by);
        assert_int_equal(r->by, w->by);
        assert_true(str_eq(r->reason, w->reason));
        assert_int_equal(r->scopes_n, w->scopes_n);
        for (uint32_t k = 0; k < r->scopes_n; k++)
            assert_true(str_eq(r->scopes[k], w->scopes[k]));
    }
    view_activity_counts(x, account, &kept[0], &trimmed);
    view_activity_counts(y, account, &kept[1], &trimmed);
    assert_int_equal(kept[0], kept[1]);
    arena_fini(&a);
}

static void same_connections(struct view *x, struct view *y, uint64_t account)
{
    struct arena a = {0};
    struct connection_list l, m;
    view_connections(x, account, NULL, &a, &l);
    view_connections(y, account, NULL, &a, &m);
    assert_int_equal(l.n, m.n);
    for (uint32_t i = 0; i < l.n; i++) {
        assert_int_equal(l.rows[i].app, m.rows[i].app);
        assert_int_equal(l.rows[i].has_user, m.rows[i].has_user);
        assert_int_equal(l.rows[i].user, m.rows[i].user);
        assert_int_equal(l.rows[i].state, m.rows[i].state);
        assert_int_equal(l.rows[i].since_ms, m.rows[i].since_ms);
        assert_int_equal(l.rows[i].installed_ms, m.rows[i].installed_ms);
        assert_int_equal(l.rows[i].sync_on, m.rows[i].sync_on);
        for (unsigned k = 0; k < PROBLEM_N; k++)
            assert_int_equal(l.rows[i].problems[k].opened_ms, m.rows[i].problems[k].opened_ms);
    }
    arena_fini(&a);
}

static void same_scopes(struct view *x, struct view *y, uint64_t account)
{
    struct arena a = {0};
    for (uint64_t app = 1; app <= 4; app++) {
        struct scope_list l, m;
        view_scopes(x, account, app, &a, &l);
        view_scopes(y, account, app, &a, &m);
        assert_int_equal(l.n, m.n);
        for (uint32_t i = 0; i < l.n; i++) {
            assert_true(str_eq(l.rows[i].name, m.rows[i].name));
            assert_int_equal(l.rows[i].since_ms, m.rows[i].since_ms);
            assert_int_equal(l.rows[i].said, m.rows[i].said);
        }
    }
    arena_fini(&a);
}

static void compare(struct fixture *f, struct fixture *still)
{
    struct view x, y;
    days_view(f, &x);
    days_view(still, &y);
    for (uint64_t account = 1; account <= ACCOUNTS; account++) {
        same_activity(&x, &y, account);
        same_connections(&x, &y, account);
        same_scopes(&x, &y, account);
    }
    assert_int_equal(x.txn.status, ST_OK);
    assert_int_equal(y.txn.status, ST_OK);
    view_close(&x);
    view_close(&y);
}

/* A step of the engine: some slices, perhaps failing, perhaps with the end of the process. */
static void step(struct fixture *f)
{
    const struct days_limits limits = {.activity_rows_max = 1000000,
                                       .commit_bytes = UINT64_C(4096) << test_rnd(5)};
    struct merge_stats stats;
    enum status st;
    if (test_rnd(3) == 0)
        store_test_fail_commit(f->store, 1 + (unsigned)test_rnd(12), ENOSPC);
    st = days_merge_try(f, &limits, (unsigned)test_rnd(6), &stats);
    store_test_fail_commit(f->store, 0, 0);
    assert_true(st == ST_OK || st == ST_STORAGE_FULL);
    if (test_rnd(3) == 0)
        start_again(f);
}

static void merged_signals_are_what_they_were(void **state)
{
    (void)state;
    events = calloc(LOG_MAX, sizeof *events);
    assert_non_null(events);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fixture f, still;
        struct audit_counts counts;
        test_seed = seed;
        days_setup(&f);
        days_setup(&still);
        for (uint64_t at = 0; at < LOG_MAX / 4; at++) {
            events[at] = random_signal();
            fold_one(&f, at);
            fold_one(&still, at);
            if (test_rnd(60) == 0)
                step(&f);
            if (test_rnd(120) == 0)
                compare(&f, &still);
        }
        (void)days_merge_now(&f, 1000000);
        compare(&f, &still);
        assert_int_equal(audit_tables(f.store, &(struct audit_report){0}, &counts), ST_OK);
        assert_int_equal(counts.faults, 0);
        days_teardown(&f);
        days_teardown(&still);
        for (uint64_t at = 0; at < LOG_MAX / 4; at++)
            free((void *)(uintptr_t)events[at].more);
    }
    free(events);
}

/* What waits is found by a start, and is gone once it is merged. */
static void merged_signals_wait_no_longer(void **state)
{
    (void)state;
    struct fixture f;
    struct signals *merging = signals_new(0), *others = signals_new(0);
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000};
    days_setup(&f);
    events = calloc(100, sizeof *events);
    assert_non_null(events);
    for (uint64_t at = 0; at < 100; at++) {
        events[at] = signal_at(1 + at % 10, EV_APP_ERROR, TODAY * MS_PER_DAY + (int64_t)at);
        fold_one(&f, at);
    }
    assert_int_equal(days_merge_try(&f, &limits, 0, &stats), ST_OK);
    assert_int_equal(stats.signals, 100);
    assert_int_equal(stats.activities, 0);
    assert_int_equal(signals_load(f.store, merging, others), ST_OK);
    assert_int_equal(signals_count(merging), 0);
    assert_int_equal(signals_count(others), 100);
    assert_int_equal(days_merge_signals(f.store, &f.signals_merge, &limits, 35, &stats), ST_OK);
    assert_int_equal(stats.signals, 40); /* whole accounts */
    assert_true(stats.more);
    assert_int_equal(signals_load(f.store, merging, others), ST_OK);
    assert_int_equal(signals_count(merging), 100);
    assert_int_equal(signals_count(others), 0);
    (void)days_merge_now(&f, 1000);
    assert_int_equal(signals_load(f.store, merging, others), ST_OK);
    assert_int_equal(signals_count(merging) + signals_count(others), 0);
    signals_free(&merging);
    signals_free(&others);
    free(events);
    days_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_signals_are_what_they_were),
        cmocka_unit_test(merged_signals_wait_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
