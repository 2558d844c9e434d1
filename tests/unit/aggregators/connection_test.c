/* Connections, scopes and reference data: the newest word wins, whatever the order of arrival. */
#include "tests/unit/aggregators/days_help.h"

#include "aggregators/audit.h"
#include "aggregators/value.h"

/* ---- connections ---- */

/* A history of signals with few times, reasons and codes, so that many of them tie; more: their
 * texts. */
static void draw_history(struct event *history, struct event_more *more, uint32_t n)
{
    static const unsigned kinds[] = {
        EV_APP_INSTALLED,    EV_APP_ERROR,       EV_APP_RECOVERED,     EV_APP_EXPIRED,
        EV_APP_DISCONNECTED, EV_APP_RECONNECTED, EV_PERMISSION_REAUTH, EV_PERMISSION_GRANTED,
        EV_APP_UNINSTALLED,  EV_SYNC_ENABLED,    EV_SYNC_DISABLED};
    static const char *const reasons[] = {"", "token refused", "user left"};
    static const char *const codes[] = {"", "401", "500"};
    for (uint32_t i = 0; i < n; i++) {
        history[i] = signal_at(5, kinds[test_rnd(N_OF(kinds))],
                               TODAY * MS_PER_DAY + 1000 * (int64_t)test_rnd(20));
        more[i] = (struct event_more){.reason = str_of(reasons[test_rnd(N_OF(reasons))]),
                                      .code = str_of(codes[test_rnd(N_OF(codes))])};
        history[i].more = &more[i];
    }
}

static void shuffle(struct event *history, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        const uint32_t k = (uint32_t)test_rnd(i);
        const struct event x = history[i - 1];
        history[i - 1] = history[k];
        history[k] = x;
    }
}

static void expect_same(const struct connection *got, const struct connection *want)
{
    assert_int_equal(got->state, want->state);
    assert_int_equal(got->since_ms, want->since_ms);
    assert_int_equal(got->installed_ms, want->installed_ms);
    assert_int_equal(got->sync_on, want->sync_on);
    assert_true(str_eq(got->reason, want->reason));
    assert_true(str_eq(got->code, want->code));
    for (unsigned i = 0; i < PROBLEM_N; i++) {
        const struct problem *g = &got->problems[i], *w = &want->problems[i];
        assert_int_equal(g->episodes, w->episodes);
        assert_int_equal(g->repeats, w->repeats);
        assert_int_equal(g->opened_ms, w->opened_ms);
        assert_int_equal(g->last_ms, w->last_ms);
        assert_int_equal(g->ended_ms, w->ended_ms);
        assert_true(str_eq(g->reason, w->reason));
        assert_true(str_eq(g->code, w->code));
    }
}

/* Fold a history one by one, with checkpoints between, and read the one connection of it. */
static struct connection live(struct fixture *f, struct view *v, struct arena *a,
                              const struct event *history, uint32_t n)
{
    struct connection_list list;
    days_setup(f);
    for (uint32_t i = 0; i < n; i++) {
        days_fold(f, &history[i], (const uint8_t[]){0}, 1);
        if (test_rnd(3) == 0)
            (void)days_merge_now(f, 1000);
    }
    days_view(f, v);
    view_connections(v, 5, &(uint64_t){3}, a, &list);
    assert_int_equal(list.n, 1);
    return list.rows[0];
}

static void states_do_not_depend_on_arrival(void **state)
{
    enum { SIGNALS = 12, ROUNDS = 30, ORDERS = 6 };
    (void)state;
    test_seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        struct event history[SIGNALS];
        struct event_more more[SIGNALS];
        struct fixture first_f, f;
        struct view first_v, v;
        struct arena first_a = {0}, a = {0};
        draw_history(history, more, SIGNALS);
        const struct connection first = live(&first_f, &first_v, &first_a, history, SIGNALS);
        for (int order = 1; order < ORDERS; order++) {
            shuffle(history, SIGNALS);
            const struct connection other = live(&f, &v, &a, history, SIGNALS);
            expect_same(&other, &first);
            view_close(&v);
            arena_fini(&a);
            days_teardown(&f);
        }
        view_close(&first_v);
        arena_fini(&first_a);
        days_teardown(&first_f);
    }
}

static void connection_states(void **state)
{
    (void)state;
    static const struct {
        unsigned kinds[4];
        enum connection_state want;
    } rows[] = {
        {{EV_APP_INSTALLED}, STATE_CONNECTED},
        {{EV_APP_INSTALLED, EV_APP_DISCONNECTED}, STATE_DISCONNECTED},
        {{EV_APP_INSTALLED, EV_APP_EXPIRED}, STATE_EXPIRED},
        {{EV_APP_INSTALLED, EV_APP_EXPIRED, EV_APP_RECONNECTED}, STATE_CONNECTED},
        {{EV_APP_INSTALLED, EV_APP_ERROR}, STATE_ERROR},
        {{EV_APP_INSTALLED, EV_APP_ERROR, EV_APP_RECOVERED}, STATE_CONNECTED},
        {{EV_APP_INSTALLED, EV_PERMISSION_REAUTH}, STATE_REAUTH},
        {{EV_APP_INSTALLED, EV_PERMISSION_REAUTH, EV_PERMISSION_GRANTED}, STATE_CONNECTED},
        {{EV_APP_INSTALLED, EV_APP_ERROR, EV_APP_DISCONNECTED, EV_APP_RECOVERED},
         STATE_DISCONNECTED},
        {{EV_PERMISSION_REAUTH, EV_APP_ERROR}, STATE_REAUTH},
        {{EV_PERMISSION_REAUTH, EV_APP_ERROR, EV_PERMISSION_GRANTED}, STATE_ERROR},
        {{EV_PERMISSION_REAUTH, EV_APP_ERROR, EV_APP_RECOVERED, EV_PERMISSION_GRANTED},
         STATE_CONNECTED},
        {{EV_APP_ERROR, EV_PERMISSION_REAUTH, EV_PERMISSION_GRANTED}, STATE_CONNECTED},
        {{EV_APP_EXPIRED, EV_APP_ERROR, EV_PERMISSION_GRANTED}, STATE_EXPIRED},
        {{EV_APP_INSTALLED, EV_APP_UNINSTALLED}, STATE_UNINSTALLED},
        {{EV_APP_INSTALLED, EV_APP_UNINSTALLED, EV_APP_REINSTALLED}, STATE_CONNECTED},
        {{EV_SYNC_ENABLED}, STATE_NONE},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct fixture f;
        days_setup(&f);
        for (unsigned k = 0; k < 4 && rows[i].kinds[k]; k++) {
            const struct event e = signal_at(5, rows[i].kinds[k], TODAY * MS_PER_DAY + k);
            days_fold(&f, &e, (const uint8_t[]){0}, 1);
        }
        struct view v;
        struct arena a = {0};
        struct connection_list list;
        days_view(&f, &v);
        view_connections(&v, 5, &(uint64_t){3}, &a, &list);
        assert_int_equal(list.n, 1);
        assert_int_equal(list.rows[0].state, rows[i].want);
        view_close(&v);
        arena_fini(&a);
        days_teardown(&f);
    }
}

/* A stored result that is not the fold of its signals is found, though its checksum matches. */
static void a_wrong_result_is_found(void **state)
{
    (void)state;
    const struct audit_report report = {0};
    struct audit_counts counts;
    struct fixture f;
    struct txn txn;
    struct cur c;
    days_setup(&f);
    const struct event e = signal_at(5, EV_APP_EXPIRED, TODAY * MS_PER_DAY);
    days_fold(&f, &e, (const uint8_t[]){0}, 1);
    (void)days_merge_now(&f, 1000);
    assert_int_equal(audit_tables(f.store, &report, &counts), ST_OK);
    assert_int_equal(counts.faults, 0);
    assert_int_equal(counts.connections, 1);
    txn_begin(f.store, true, &txn);
    cur_open(&txn, DAYS_CONNECTION, &c);
    assert_true(cur_first(&c));
    struct buf value = buf_of(1024);
    value_begin(&value);
    buf_put(&value, (const uint8_t *)c.val.p + 4, c.val.n - 4);
    assert_int_equal(value.p[7], STATE_EXPIRED); /* behind install, sync time and sync */
    value.p[7] = STATE_ERROR;
    value_seal(&value);
    cur_put(&c, c.key.p, c.key.n, value.p, value.n);
    cur_close(&c);
    assert_int_equal(txn_commit(&txn), ST_OK);
    assert_int_equal(audit_tables(f.store, &report, &counts), ST_OK);
    assert_int_equal(counts.faults, 1);
    buf_fini(&value);
    days_teardown(&f);
}

/* Walks and windows: whatever the place to begin at and the bounds, what is read is a part of the
 * whole list, and the windows together are all of it. */
struct collected {
    struct connection rows[600];
    uint32_t n, max;
};

static bool collect(void *arg, const struct connection *c)
{
    struct collected *all = arg;
    assert_true(all->n < N_OF(all->rows));
    all->rows[all->n++] = *c;
    return all->n < all->max;
}

static void check_walk(struct view *v, const struct collected *all)
{
    struct collected part = {.max = 1 + (uint32_t)test_rnd(40)};
    const struct connection_query q = {.account = 5,
                                       .from_app = test_rnd(12),
                                       .from_user1 = test_rnd(30),
                                       .to_app = test_rnd(2) ? 1 + test_rnd(12) : 0};
    view_connections_each(v, &q, collect, &part);
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n && n < part.max; i++) {
        const struct connection *c = &all->rows[i];
        const uint64_t user1 = c->has_user ? c->user + 1 : 0;
        if (c->app < q.from_app || (c->app == q.from_app && user1 < q.from_user1) ||
            (q.to_app && c->app > q.to_app))
            continue;
        assert_true(n < part.n);
        assert_int_equal(part.rows[n].app, c->app);
        assert_int_equal(part.rows[n].user, c->user);
        assert_int_equal(part.rows[n].state, c->state);
        assert_int_equal(part.rows[n++].since_ms, c->since_ms);
    }
    assert_int_equal(part.n, n);
}

static void check_windows(struct view *v, struct arena *a, const struct app_list *whole)
{
    uint32_t at = 0, troubled = 0;
    struct app_list window = {0};
    struct apps_query q = {.account = 5,
                           .limit = 1 + (uint32_t)test_rnd(6),
                           .connections_max = (uint32_t)test_rnd(20),
                           .has_viewer = true,
                           .viewer = 7,
                           .troubled = true};
    do {
        view_apps(v, &q, a, &window);
        assert_true(window.n > 0 && window.n <= q.limit);
        for (uint32_t i = 0; i < window.n; i++, at++) {
            assert_true(at < whole->n);
            assert_memory_equal(&window.rows[i], &whole->rows[at], sizeof *whole->rows);
            assert_true(!window.more || window.rows[i].app < window.next_app);
        }
        for (uint32_t i = 0; i < window.troubled_n; i++, troubled++) {
            assert_true(troubled < whole->troubled_n);
            assert_int_equal(window.troubled[i].app, whole->troubled[troubled].app);
            assert_int_equal(window.troubled[i].user, whole->troubled[troubled].user);
        }
        q.from_app = window.next_app;
    } while (window.more);
    assert_int_equal(at, whole->n);
    assert_int_equal(troubled, whole->troubled_n);
}

static void fold_somewhere(struct fixture *f)
{
    struct event e = signal_at(5, EV_APP_INSTALLED + (unsigned)test_rnd(9),
                               TODAY * MS_PER_DAY - (int64_t)test_rnd(20 * MS_PER_DAY));
    e.app = test_rnd(3) ? 1 + test_rnd(10) : 10 * test_rnd(12);
    e.user = test_rnd(30);
    if (test_rnd(3) == 0) {
        e.kind = EV_API_CALL;
        e.method = METHOD_GET;
        e.status = test_rnd(5) ? 200 : 500;
    } else if (test_rnd(9) == 0) {
        e.kind = EV_PERMISSION_REAUTH;
        e.has_user = 0;
    }
    days_fold(f, &e, (const uint8_t[]){0}, 1);
}

static void walks_and_windows_are_parts_of_the_whole(void **state)
{
    (void)state;
    struct fixture f;
    static struct collected all;
    test_seed = 11;
    days_setup(&f);
    for (int round = 0; round < 25; round++) {
        for (int i = 0; i < 60; i++)
            fold_somewhere(&f);
        if (test_rnd(3) == 0)
            (void)days_merge_now(&f, 1000000);
        struct view v;
        struct arena a = {0};
        struct app_list whole;
        days_view(&f, &v);
        all = (struct collected){.max = UINT32_MAX};
        view_connections_each(&v, &(struct connection_query){.account = 5}, collect, &all);
        view_apps(
            &v,
            &(struct apps_query){
                .account = 5, .limit = 1000, .has_viewer = true, .viewer = 7, .troubled = true},
            &a, &whole);
        assert_false(whole.more);
        for (int i = 0; i < 10; i++) {
            check_walk(&v, &all);
            check_windows(&v, &a, &whole);
        }
        assert_int_equal(v.txn.status, ST_OK);
        view_close(&v);
        arena_fini(&a);
    }
    days_teardown(&f);
}

/* ---- actions ---- */

/* S39: pressing a button asks for something; only what comes of it moves a connection. */
static void actions_are_activity_and_no_state(void **state)
{
    (void)state;
    const struct event_more asked = {.reason = STR("expired"), .code = STR("k-1"), .by1 = 9 + 1};
    for (int merged = 0; merged < 4; merged++) {
        struct fixture f;
        struct view v;
        struct arena a = {0};
        struct connection_list list;
        struct activity_page page;
        days_setup(&f);
        struct event ev[2] = {signal_at(5, EV_ACTION_INSTALL, TODAY * MS_PER_DAY + 100),
                              signal_at(5, EV_APP_EXPIRED, TODAY * MS_PER_DAY + 200)};
        ev[0].more = &asked;
        days_fold(&f, &ev[0], (const uint8_t[]){0}, 1);
        if (merged & 1)
            (void)days_merge_now(&f, 1000);
        days_view(&f, &v);
        view_connections(&v, 5, NULL, &a, &list);
        assert_int_equal(list.n, 0);
        view_close(&v);
        days_fold(&f, &ev[1], (const uint8_t[]){0}, 1);
        ev[0].kind = EV_ACTION_UNINSTALL;
        ev[0].time_ms += 200;
        days_fold(&f, &ev[0], (const uint8_t[]){0}, 1);
        if (merged & 2)
            (void)days_merge_now(&f, 1000);
        days_view(&f, &v);
        view_connections(&v, 5, NULL, &a, &list);
        assert_int_equal(list.n, 1);
        assert_int_equal(list.rows[0].state, STATE_EXPIRED);
        const struct activity_query q = {
            .account = 5, .to_ms = INT64_MAX, .limit = 9, .scan_max = 99};
        view_activity(&v, &q, &a, &page);
        assert_int_equal(page.rows_n, 3);
        assert_int_equal(page.rows[0].kind, EV_ACTION_UNINSTALL);
        assert_true(page.rows[0].has_by && page.rows[0].by == 9);
        assert_false(page.rows[1].has_by);
        assert_true(str_eq(page.rows[2].code, STR("k-1")));
        view_close(&v);
        arena_fini(&a);
        days_teardown(&f);
    }
}

static bool take_state(void *arg, const struct connection *c)
{
    *(enum connection_state *)arg = c->state;
    return true;
}

/* What the live feed calls a change is the difference of two such looks. */
static void a_state_as_it_was_before_a_position(void **state)
{
    (void)state;
    static const unsigned kinds[] = {EV_APP_INSTALLED, EV_APP_ERROR, EV_APP_RECOVERED,
                                     EV_APP_EXPIRED};
    static const enum connection_state after[] = {STATE_CONNECTED, STATE_ERROR, STATE_CONNECTED,
                                                  STATE_EXPIRED};
    struct fixture f;
    struct view v;
    uint64_t first = 0;
    days_setup(&f);
    for (uint32_t i = 0; i < N_OF(kinds); i++) {
        const struct event e = signal_at(5, kinds[i], TODAY * MS_PER_DAY + 100 * (int64_t)i);
        first = i == 0 ? f.position : first;
        days_fold(&f, &e, (const uint8_t[]){0}, 1);
    }
    days_view(&f, &v);
    for (uint32_t i = 0; i < N_OF(kinds); i++) {
        enum connection_state found = STATE_NONE;
        const struct connection_query q = {.account = 5, .below = first + i + 1};
        view_connections_each(&v, &q, take_state, &found);
        assert_int_equal(found, after[i]);
    }
    assert_int_equal(view_connections_pending(&v, 5), N_OF(kinds));
    assert_int_equal(view_connections_pending(&v, 6), 0);
    view_close(&v);
    days_teardown(&f);
}

/* ---- scopes and reference data ---- */

static void scopes_keep_the_newest_word(void **state)
{
    (void)state;
    struct fixture f;
    days_setup(&f);
    const struct str names[2] = {STR("crm.read"), STR("crm.write")};
    const struct event_more both = {.list = names, .list_n = 2, .feature = STR("sync")};
    const struct event_more one = {.list = names + 1, .list_n = 1};
    struct event ev[3];
    ev[0] = signal_at(5, EV_PERMISSION_GRANTED, TODAY * MS_PER_DAY + 100);
    ev[1] = signal_at(5, EV_PERMISSION_REVOKED, TODAY * MS_PER_DAY + 300);
    ev[2] = signal_at(5, EV_PERMISSION_GRANTED, TODAY * MS_PER_DAY + 200);
    ev[0].more = &both;
    ev[1].more = &one;
    ev[2].more = &one; /* late: says nothing new */
    for (int merged = 0; merged < 8; merged++) {
        for (int i = 0; i < 3; i++) {
            days_fold(&f, &ev[i], (const uint8_t[]){0}, 1);
            if (merged >> i & 1)
                (void)days_merge_now(&f, 1000);
        }
        struct view v;
        struct arena a = {0};
        struct scope_list list;
        days_view(&f, &v);
        view_scopes(&v, 5, 3, &a, &list);
        const struct scope *rows = list.rows;
        assert_int_equal(list.n, 2);
        assert_true(str_eq(rows[0].name, names[0]));
        assert_int_equal(rows[0].said, EV_PERMISSION_GRANTED);
        assert_true(str_eq(rows[0].feature, STR("sync")));
        assert_int_equal(rows[1].said, EV_PERMISSION_REVOKED);
        assert_int_equal(rows[1].since_ms, TODAY * MS_PER_DAY + 300);
        view_close(&v);
        arena_fini(&a);
    }
    days_teardown(&f);
}

struct seen {
    char text[256];
};

static void see(void *arg, struct str key, struct str fields)
{
    struct seen *s = arg;
    const size_t n = strlen(s->text);
    text_fmt(s->text + n, sizeof s->text - n, "%.*s=%.*s;", (int)key.n, key.p, (int)fields.n,
             fields.p);
}

struct seen_entry {
    unsigned n;
    int64_t time_ms;
    uint64_t position;
};

static bool see_entry(void *arg, const struct reference_entry *e)
{
    struct seen_entry *s = arg;
    s->n++;
    s->time_ms = e->time_ms;
    s->position = e->position;
    return false;
}

static void reference_data_keeps_the_newest_version(void **state)
{
    (void)state;
    static const struct {
        const char *key, *fields; /* fields NULL: removed */
        int64_t time_ms;
    } steps[] = {{"7", "a", 100},   {"45", "b", 100}, {"7", "c", 300}, {"7", "d", 200},
                 {"45", NULL, 400}, {"45", "e", 350}, {"10", "f", 100}};
    for (int merged = 0; merged < 128; merged += 5) {
        struct fixture f;
        days_setup(&f);
        for (size_t i = 0; i < N_OF(steps); i++) {
            struct event_more more = {.reference_key = str_of(steps[i].key)};
            struct event e = {
                .account = 5, .time_ms = TODAY * MS_PER_DAY + steps[i].time_ms, .count = 1};
            e.kind = steps[i].fields ? EV_CATALOG_APP : EV_CATALOG_APP_REMOVED;
            if (steps[i].fields)
                more.reference_fields = str_of(steps[i].fields);
            e.more = &more;
            days_fold(&f, &e, (const uint8_t[]){0}, 1);
            if (merged >> i & 1)
                (void)days_merge_now(&f, 1000);
        }
        struct view v;
        struct arena a = {0};
        struct seen s = {""};
        struct str fields;
        days_view(&f, &v);
        view_reference_each(&v, 5, EV_CATALOG_APP, see, &s);
        assert_string_equal(s.text, "7=c;10=f;"); /* numbers are in their order */
        struct seen_entry first = {0};
        view_reference_walk(&v, &(struct reference_query){5, EV_CATALOG_APP, true, STR("7")},
                            see_entry, &first);
        assert_int_equal(first.n, 1);
        assert_int_equal(first.time_ms, TODAY * MS_PER_DAY + 100);
        assert_int_equal(first.position, f.position - 1);
        assert_true(view_reference(&v, 5, EV_CATALOG_APP, STR("7"), &fields));
        assert_true(str_eq(fields, STR("c")));
        assert_false(view_reference(&v, 5, EV_CATALOG_APP, STR("45"), &fields));
        assert_int_equal(v.txn.status, ST_OK);
        view_close(&v);
        arena_fini(&a);
        days_teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_do_not_depend_on_arrival),
        cmocka_unit_test(connection_states),
        cmocka_unit_test(a_wrong_result_is_found),
        cmocka_unit_test(walks_and_windows_are_parts_of_the_whole),
        cmocka_unit_test(actions_are_activity_and_no_state),
        cmocka_unit_test(a_state_as_it_was_before_a_position),
        cmocka_unit_test(scopes_keep_the_newest_word),
        cmocka_unit_test(reference_data_keeps_the_newest_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
