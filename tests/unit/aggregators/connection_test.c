/* Connections, scopes and reference data: the newest word wins, whatever the order of arrival. */
#include "tests/unit/aggregators/days_help.h"

/* ---- connections ---- */

static void states_do_not_depend_on_arrival(void **state)
{
    (void)state;
    static const unsigned kinds[] = {
        EV_APP_INSTALLED,     EV_APP_ERROR,          EV_APP_RECOVERED,
        EV_APP_EXPIRED,       EV_APP_DISCONNECTED,   EV_APP_RECONNECTED,
        EV_PERMISSION_REAUTH, EV_PERMISSION_GRANTED, EV_APP_UNINSTALLED};
    test_seed = 7;
    for (int round = 0; round < 30; round++) {
        struct event history[12];
        uint8_t verdict[12] = {0};
        for (uint32_t i = 0; i < 12; i++)
            history[i] = signal_at(5, kinds[test_rnd(N_OF(kinds))],
                                   TODAY * MS_PER_DAY + 1000 * (int64_t)test_rnd(20));
        struct connection first = {0};
        for (int order = 0; order < 6; order++) {
            struct fixture f;
            days_setup(&f);
            for (uint32_t i = 12; i > 1; i--) {
                const uint32_t k = (uint32_t)test_rnd(i);
                const struct event x = history[i - 1];
                history[i - 1] = history[k];
                history[k] = x;
            }
            for (uint32_t i = 0; i < 12; i++) {
                days_fold(&f, &history[i], verdict, 1);
                if (test_rnd(3) == 0)
                    (void)days_merge_now(&f, 1000);
            }
            struct view v;
            struct arena a = {0};
            struct connection_list list;
            days_view(&f, &v);
            view_connections(&v, 5, &(uint64_t){3}, &a, &list);
            const struct connection *rows = list.rows;
            assert_int_equal(list.n, 1);
            if (order == 0)
                first = rows[0];
            assert_int_equal(rows[0].state, first.state);
            assert_int_equal(rows[0].since_ms, first.since_ms);
            assert_int_equal(rows[0].installed_ms, first.installed_ms);
            for (unsigned i = 0; i < PROBLEM_N; i++) {
                assert_int_equal(rows[0].problems[i].episodes, first.problems[i].episodes);
                assert_int_equal(rows[0].problems[i].repeats, first.problems[i].repeats);
                assert_int_equal(rows[0].problems[i].opened_ms, first.problems[i].opened_ms);
                assert_int_equal(rows[0].problems[i].last_ms, first.problems[i].last_ms);
                assert_int_equal(rows[0].problems[i].ended_ms, first.problems[i].ended_ms);
            }
            view_close(&v);
            arena_fini(&a);
            days_teardown(&f);
        }
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
        cmocka_unit_test(scopes_keep_the_newest_word),
        cmocka_unit_test(reference_data_keeps_the_newest_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
