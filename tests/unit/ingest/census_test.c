/* The census against a slow count, with a made-up store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/census.h"

/* What the accounts have: everything that was ever admitted in a test. */
struct have {
    struct census_log all;
    unsigned counts; /* how often an account was counted */
};

static void count(void *arg, uint64_t account, enum census_kind kind, struct value_set *out)
{
    struct have *h = arg;

    h->counts++;
    for (uint32_t i = 0; i < h->all.n; i++)
        if (h->all.item[i].account == account && h->all.item[i].kind == kind)
            value_set_add(out, h->all.item[i].value);
}

struct fixture {
    struct have have;
    struct census *census;
};

static void open_census(struct fixture *f, uint32_t apps, uint32_t types, uint32_t users,
                        uint32_t connections)
{
    const struct census_setup setup = {{apps, types, users, connections}, count, &f->have};

    census_free(&f->census);
    assert_int_equal(census_new(&setup, &f->census), ST_OK);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    CHECK(f != NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    census_free(&f->census);
    census_log_fini(&f->have.all);
    free(f);
    return 0;
}

static bool admit(struct fixture *f, const struct event *e)
{
    enum census_kind over = CENSUS_N;

    return census_admit(f->census, e, &f->have.all, &over);
}

static struct event call(uint64_t account, uint64_t app)
{
    return (struct event){.kind = EV_API_CALL, .account = account, .app = app};
}

static struct event record(uint64_t account, object_type_id type)
{
    return (struct event){
        .kind = EV_RECORD_CREATED, .account = account, .app = 1, .object_type = type};
}

static struct event installed(uint64_t account, uint64_t app, uint64_t user)
{
    return (struct event){
        .kind = EV_APP_INSTALLED, .account = account, .app = app, .user = user, .has_user = 1};
}

static void sets_hold_what_was_added(void **state)
{
    struct value_set s = {0};

    (void)state;
    assert_false(value_set_has(&s, 0));
    assert_false(value_set_has(&s, 5));
    for (uint64_t i = 0; i < 3000; i++)
        value_set_add(&s, i * i % 1009);
    for (uint64_t v = 0; v < 1009; v++) {
        bool square = false;

        for (uint64_t i = 0; i < 1009 && !square; i++)
            square = i * i % 1009 == v;
        assert_int_equal(value_set_has(&s, v), square);
    }
    assert_int_equal(s.n, 505);
    value_set_fini(&s);
}

static void what_events_name(void **state)
{
    static const struct {
        struct event e;
        bool names[CENSUS_N]; /* apps, types, users, connections */
    } rows[] = {
        {{.kind = EV_API_CALL, .app = 1, .user = 1, .has_user = 1}, {true, false, false, false}},
        {{.kind = EV_API_CALL}, {false, false, false, false}}, /* app 0: no app */
        {{.kind = EV_RECORD_UPDATED, .app = 1, .object_type = 1 << 2}, {true, false, false, false}},
        {{.kind = EV_RECORD_UPDATED, .app = 1, .object_type = 64 << 2}, {true, true, false, false}},
        {{.kind = EV_RECORD_UPDATED, .app = 0, .object_type = 7 << 2 | 1},
         {false, true, false, false}},
        {{.kind = EV_RECORD_UPDATED, .app = 0, .object_type = 7 << 2 | 2},
         {false, true, false, false}},
        {{.kind = EV_APP_ERROR, .app = 1, .has_user = 1},
         {true, false, true, true}}, /* user 0 is one */
        {{.kind = EV_SYNC_CHANGED, .app = 0, .has_user = 1}, {false, false, true, false}},
        {{.kind = EV_PERMISSION_GRANTED, .app = 1}, {true, false, false, false}},
        {{.kind = EV_CATALOG_APP, .app = 1, .user = 1, .has_user = 1}, {true, false, false, false}},
        {{.kind = EV_DIRECTORY_USER, .user = 1, .has_user = 1}, {false, false, true, false}},
        {{.kind = EV_DIRECTORY_TEAM}, {false, false, false, false}},
    };
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++)
        for (unsigned kind = 0; kind < CENSUS_N; kind++)
            if (census_value(&rows[i].e, kind, &value) != rows[i].names[kind])
                fail_msg("row %zu: %s", i, census_name(kind));
}

/* The fast path may only be taken where the slow one would find nothing else. */
static void the_fast_path_is_for_apps(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EV_KIND_MAX; kind++) {
        for (unsigned type = 0; type < 300; type += 3) {
            struct event e = {.app = 1, .user = 1, .has_user = 1, .object_type = type};
            uint64_t value;
            bool other;

            e.kind = kind & 0xff;
            other = census_value(&e, CENSUS_TYPES, &value) ||
                    census_value(&e, CENSUS_USERS, &value) ||
                    census_value(&e, CENSUS_CONNECTIONS, &value);
            assert_false(census_app_only(&e) && other);
            if (kind == EV_API_CALL || (kind == EV_RECORD_UPDATED && !other))
                assert_true(census_app_only(&e));
        }
    }
}

static void each_limit_holds(void **state)
{
    struct fixture *f = *state;

    open_census(f, 10, 20, 30, 40);
    for (uint64_t i = 1; i <= 50; i++) {
        struct event e = call(1, i);

        assert_int_equal(admit(f, &e), i <= 10);
        e = record(2, i << 2 | 1);
        assert_int_equal(admit(f, &e), i <= 20);
        e = installed(3, 1, i);
        assert_int_equal(admit(f, &e), i <= 30);
        e = installed(4, 1 + i % 5, i / 5);
        assert_int_equal(admit(f, &e), i <= 40);
    }
    for (uint64_t i = 1; i <= 50; i++) { /* what is in stays in */
        struct event e = call(1, i);

        assert_int_equal(admit(f, &e), i <= 10);
    }
    assert_true(admit(f, &(struct event){.kind = EV_API_CALL, .account = 1, .app = 0}));
}

/* Many accounts at and around the limit at once, in random order, against exact sets. */
static void random_streams_are_exact(void **state)
{
    struct fixture *f = *state;
    struct value_set slow[40] = {0};
    uint64_t x = 1;

    open_census(f, 100, 1000, 1000, 1000);
    for (int i = 0; i < 200000; i++) {
        uint64_t account, app;
        struct event e;
        bool want;

        x = hash_mix(x + i);
        account = x % N_OF(slow);
        app = 1 + x / 64 % (20 + 4 * account); /* up to 176 apps */
        e = call(account, app);
        want = value_set_has(&slow[account], app) || slow[account].n < 100;
        if (want)
            value_set_add(&slow[account], app);
        assert_int_equal(admit(f, &e), want);
        if (i % 5000 == 0)
            census_forget(f->census);
    }
    for (size_t i = 0; i < N_OF(slow); i++)
        value_set_fini(&slow[i]);
}

/* After a restart an account is not known; an eighth of the limit may pass before it is counted. */
static void a_restart_costs_an_eighth(void **state)
{
    struct fixture *f = *state;
    uint64_t admitted = 0;

    open_census(f, 80, 1, 1, 1);
    for (uint64_t i = 1; i <= 80; i++) {
        struct event e = call(1, i);

        assert_true(admit(f, &e));
    }
    open_census(f, 80, 1, 1, 1);
    for (uint64_t i = 1000; i < 2000; i++) {
        struct event e = call(1, i);

        admitted += admit(f, &e);
    }
    assert_int_equal(admitted, 10);
    for (uint64_t i = 1; i <= 80; i++) {
        struct event e = call(1, i);

        assert_true(admit(f, &e));
    }
}

/* The usual account is never counted. */
static void few_things_cost_nothing(void **state)
{
    struct fixture *f = *state;

    open_census(f, 10000, 1024, 100000, 100000);
    for (int round = 0; round < 10; round++) {
        for (uint64_t account = 0; account < 500; account++) {
            for (uint64_t app = 1; app <= 8; app++) {
                struct event e = installed(account, app, app);

                assert_true(admit(f, &e));
            }
        }
    }
    assert_int_equal(f->have.counts, 0);
    assert_true(f->have.all.n < 3 * 8 * 500 * 2); /* most is known after the first round */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_hold_what_was_added),
        cmocka_unit_test(what_events_name),
        cmocka_unit_test(the_fast_path_is_for_apps),
        cmocka_unit_test_setup_teardown(each_limit_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(random_streams_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_costs_an_eighth, setup, teardown),
        cmocka_unit_test_setup_teardown(few_things_cost_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
