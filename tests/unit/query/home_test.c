/* The connections home: which apps are whose, what is shown of them, what needs attention and in
 * which order, what is recommended and why. Everything comes from events. */
#include "tests/unit/query/help.h"

#include "aggregators/popularity.h"

#define HOUR 3600000LL
#define DAY  MS_PER_DAY

static struct engine t;

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    t.context.popularity = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

/* A signal `age` ms ago. */
static void signal_of(unsigned account, unsigned app, unsigned user, const char *what, int64_t age)
{
    engine_publish(&t, "{'type':'%s','account':%u,'app':%u,'user':%u,'time':%lld,'reason':'why'}",
                   what, account, app, user, (long long)(NOW_MS - age));
}

static void catalogue(unsigned account, unsigned app, const char *more)
{
    engine_publish(&t, "{'type':'catalog.app','account':%u,'app':%u,'time':%lld,%s}", account, app,
                   (long long)(NOW_MS - DAY), more);
}

/* The row whose `key` is n. */
static json_t *row_of(json_t *rows, const char *key, int64_t n)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (int_of(json_array_get(rows, i), key) == n)
            return json_array_get(rows, i);
    fail_msg("no row with %s %lld", key, (long long)n);
    return NULL;
}

static bool is_null(json_t *row, const char *key)
{
    assert_non_null(json_object_get(row, key));
    return json_is_null(json_object_get(row, key));
}

/* "3 7 9": the values of a column, in order. */
static const char *column(json_t *rows, const char *key, char text[static 256])
{
    size_t n = 0;
    text[0] = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *v = json_object_get(json_array_get(rows, i), key);
        n += text_fmt(text + n, 256 - n, "%s", i ? " " : "");
        if (json_is_integer(v))
            n += text_fmt(text + n, 256 - n, "%lld", json_integer_value(v));
        else
            n += text_fmt(text + n, 256 - n, "%s",
                          json_is_string(v) ? json_string_value(v) : "null");
    }
    return text;
}

static void expect_column(const char *question, const char *key, const char *want)
{
    char have[256];
    unsigned pages;
    json_t *rows = ask_all(&t, question, &pages);
    if (strcmp(column(rows, key, have), want) != 0)
        fail_msg("%s: %s is \"%s\", not \"%s\"", question, key, have, want);
    json_decref(rows);
    /* One row a page gives the same, whatever the state of the tables. */
    char single[512];
    text_fmt(single, sizeof single, "%s,'limit':1", question);
    rows = ask_all(&t, single, &pages);
    assert_string_equal(column(rows, key, have), want);
    json_decref(rows);
}

/* ---- my apps, other apps ---- */

static void fold_apps(void)
{
    for (unsigned user = 1; user <= 4; user++)
        engine_publish(&t,
                       "{'type':'directory.user','account':1,'user':%u,'name':'User %u',"
                       "'email':'u%u@x.example','deactivated':%s,'super_admin':%s,'time':%lld}",
                       user, user, user, user == 3 ? "true" : "false", user == 1 ? "true" : "false",
                       (long long)(NOW_MS - DAY));
    catalogue(0, 10,
              "'name':'Common','kind':'marketplace','developer':'Acme',"
              "'settings_url':'s','marketplace_url':'m','icon_url':'i'");
    catalogue(0, 11, "'name':'Replaced','kind':'marketplace'");
    catalogue(1, 11, "'name':'Own','kind':'built-in'");
    catalogue(0, 12, "'name':'Shown','kind':'built-in','shows_status':true");
    catalogue(0, 13, "'name':'Each his own','kind':'marketplace','user_level':true");
    catalogue(0, 14, "'name':'Many','kind':'marketplace','multi_account':true");
    /* App 10: installed by 2, who left; then by 1 and 3. */
    signal_of(1, 10, 2, "app.installed", 20 * DAY);
    signal_of(1, 10, 2, "app.uninstalled", 19 * DAY);
    signal_of(1, 10, 1, "app.installed", 10 * DAY);
    signal_of(1, 10, 3, "app.installed", 9 * DAY);
    signal_of(1, 10, 3, "app.expired", 8 * DAY);
    for (unsigned app = 11; app <= 14; app++)
        signal_of(1, app, app == 12 ? 2 : 1, "app.installed", 5 * DAY);
    signal_of(1, 13, 2, "app.installed", 6 * DAY);
    signal_of(1, 15, 1, "app.installed", 5 * DAY); /* and given up: nobody's */
    signal_of(1, 15, 1, "app.uninstalled", 4 * DAY);
    signal_of(1, 16, 1, "app.installed", 5 * DAY); /* the viewer gave it up, another has it */
    signal_of(1, 16, 1, "app.uninstalled", 4 * DAY);
    signal_of(1, 16, 4, "app.installed", 4 * DAY);
    for (unsigned app = 10; app <= 17; app++) /* 17 was only seen to act */
        engine_publish(&t,
                       "[{'type':'api.call','account':1,'app':%u,'method':'GET','status':200,"
                       "'time':%lld},{'type':'record.created','account':1,'app':%u,"
                       "'object_type':'contacts','time':%lld}]",
                       app, (long long)(NOW_MS - HOUR), app, (long long)(NOW_MS - 2 * HOUR));
}

static void check_apps(void)
{
    expect_column("{'view':'my_apps','account':1,'viewer':1", "app", "10 11 13 14");
    expect_column("{'view':'my_apps','account':1,'viewer':2", "app", "12 13");
    expect_column("{'view':'my_apps','account':1,'viewer':9", "app", "");
    expect_column("{'view':'other_apps','account':1,'viewer':1", "app", "12 16");
    expect_column("{'view':'other_apps','account':1,'viewer':1", "connections", "1 1");
    expect_column("{'view':'other_apps','account':1,'viewer':9", "app", "10 11 12 13 14 16");
    expect_column("{'view':'other_apps','account':1,'viewer':9", "connections", "2 1 1 2 1 1");
    /* The viewer's own connection in the first, the worst in the second. */
    expect_column("{'view':'my_apps','account':1,'viewer':1", "state",
                  "connected null connected connected");
    expect_column("{'view':'my_apps','account':1,'viewer':3", "state", "expired");
    expect_column("{'view':'other_apps','account':1,'viewer':9", "state",
                  "expired null connected connected connected connected");
    expect_column("{'view':'other_apps','account':1,'viewer':9,'state':'expired'", "app", "10");

    json_t *a = ask_ok(&t, "{'view':'other_apps','account':1,'viewer':9}");
    json_t *row = row_of(rows_of(a), "app", 10);
    assert_int_equal(int_of(row, "installed"), NOW_MS - 20 * DAY);
    assert_int_equal(int_of(row, "installer"), 2);
    assert_string_equal(text_of(row, "installer_name"), "User 2");
    assert_int_equal(int_of(row, "last_received"), NOW_MS - HOUR);
    assert_int_equal(int_of(row, "last_sent"), NOW_MS - 2 * HOUR);
    assert_int_equal(int_of(row, "last_activity"), NOW_MS - HOUR);
    assert_string_equal(text_of(row, "name"), "Common");
    assert_string_equal(text_of(row, "developer"), "Acme");
    assert_string_equal(text_of(row, "settings_url"), "s");
    assert_string_equal(text_of(row, "marketplace_url"), "m");
    assert_string_equal(text_of(row, "icon_url"), "i");
    /* The account's own catalogue wins; a built-in app shows no state unless its row says so. */
    assert_string_equal(text_of(row_of(rows_of(a), "app", 11), "name"), "Own");
    assert_true(is_null(row_of(rows_of(a), "app", 11), "since"));
    assert_string_equal(text_of(row_of(rows_of(a), "app", 12), "state"), "connected");
    /* The first installer of a user-level app, and no last activity though there is some. */
    row = row_of(rows_of(a), "app", 13);
    assert_int_equal(int_of(row, "installer"), 2);
    assert_int_equal(int_of(row, "installed"), NOW_MS - 6 * DAY);
    for (unsigned app = 13; app <= 14; app++) {
        row = row_of(rows_of(a), "app", app);
        assert_true(is_null(row, "last_activity") && is_null(row, "last_sent") &&
                    is_null(row, "last_received"));
        assert_true(json_is_false(json_object_get(row, "unused")));
    }
    json_decref(a);
    expect_column("{'view':'connections','account':1,'app':10", "user", "1 2 3");
    expect_column("{'view':'connections','account':1,'app':10", "user_name",
                  "User 1 User 2 User 3");
    expect_column("{'view':'connections','account':1,'app':10", "state",
                  "connected uninstalled expired");
    expect_column("{'view':'connections','account':1,'app':11", "state", "null");
    a = ask_ok(&t, "{'view':'connections','account':1,'app':10,'state':'expired'}");
    assert_true(json_is_true(json_object_get(json_array_get(rows_of(a), 0), "deactivated")));
    assert_string_equal(text_of(json_array_get(rows_of(a), 0), "email"), "u3@x.example");
    json_decref(a);
}

static void test_apps(void **state)
{
    (void)state;
    fold_apps();
    check_apps();
    engine_freeze(&t);
    check_apps();
    engine_merge(&t);
    check_apps();
    ask_refused(&t, "bad_parameter", "viewer is missing", "{'view':'my_apps','account':1}");
    ask_refused(&t, "bad_parameter", "viewer is missing", "{'view':'home','account':1}");
    ask_refused(&t, "bad_parameter", "1..3650",
                "{'view':'other_apps','account':1,'viewer':1,'unused_days':0}");
}

static void test_home(void **state)
{
    (void)state;
    json_t *a = ask_ok(&t, "{'view':'home','account':1,'viewer':1}");
    json_t *home = json_object_get(a, "data");
    static const struct {
        const char *name;
        int64_t n;
    } numbers[] = {{"apps", 6},      {"connections", 8},  {"connections_connected", 7},
                   {"connected", 5}, {"disconnected", 0}, {"expired", 1},
                   {"reauth", 0},    {"error", 0},        {"problems", 1},
                   {"mine", 4},      {"others", 2},       {"seen_only", 1}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(int_of(home, numbers[i].name), numbers[i].n);
    assert_true(json_is_true(json_object_get(home, "whole")));
    /* Each section is what its view answers. */
    static const char *const sections[] = {"attention", "my_apps", "other_apps", "recommendations"};
    for (size_t i = 0; i < 4; i++) {
        json_t *view = ask_ok(&t, "{'view':'%s','account':1,'viewer':1}", sections[i]);
        if (!json_equal(json_object_get(home, sections[i]), rows_of(view)))
            fail_msg("%s differs", sections[i]);
        assert_true(json_array_size(rows_of(view)) > 0 || i == 3);
        json_decref(view);
    }
    json_decref(a);
    a = ask_ok(&t, "{'view':'home','account':1,'viewer':1,'rows':1}");
    home = json_object_get(a, "data");
    assert_int_equal(json_array_size(json_object_get(home, "my_apps")), 1);
    assert_int_equal(int_of(home, "mine"), 4);
    json_decref(a);
    /* An error that recovered an hour ago is open, so its app is none without a problem. */
    signal_of(98, 1, 1, "app.error", 2 * HOUR);
    signal_of(98, 1, 1, "app.recovered", HOUR);
    signal_of(98, 2, 1, "app.disconnected", HOUR);
    a = ask_ok(&t, "{'view':'home','account':98,'viewer':1}");
    home = json_object_get(a, "data");
    assert_int_equal(int_of(home, "apps"), 2);
    assert_int_equal(int_of(home, "connections_connected"), 1);
    assert_int_equal(int_of(home, "connected"), 0);
    assert_int_equal(int_of(home, "disconnected"), 1);
    assert_int_equal(int_of(home, "error"), 1);
    assert_int_equal(int_of(home, "problems"), 2);
    json_decref(a);
    a = ask_ok(&t, "{'view':'home','account':99,'viewer':1}");
    assert_int_equal(int_of(json_object_get(a, "data"), "apps"), 0);
    json_decref(a);
}

/* ---- unused and duplicate ---- */

static void changes(unsigned app, const char *type, const char *action, int64_t age)
{
    engine_publish(&t, "{'type':'record.%s','account':2,'app':%u,'object_type':'%s','time':%lld}",
                   action, app, type, (long long)(NOW_MS - age));
}

static void test_flags(void **state)
{
    (void)state;
    static const char *const types[] = {"contacts", "deals", "tickets", "companies", "products"};
    for (unsigned app = 20; app <= 27; app++)
        signal_of(2, app, 1, "app.installed", 28 * DAY);
    signal_of(2, 28, 1, "app.installed", 2 * DAY); /* new: nobody can say yet */
    for (unsigned i = 0; i < 4; i++)
        changes(20, types[i], "updated", HOUR);
    for (unsigned i = 1; i < 5; i++)
        changes(21, types[i], "updated", HOUR); /* 3 of 5 in common: 60 % */
    for (unsigned i = 2; i < 5; i++)
        changes(22, types[i], "updated", HOUR);   /* 2 of 5 with 20, 3 of 4 with 21 */
    changes(23, "contacts", "created", 20 * DAY); /* long ago */
    changes(24, "quotes", "created", HOUR);
    changes(25, "quotes", "created", HOUR); /* one thing in common is too little */
    catalogue(2, 26, "'name':'Acme Sync','kind':'private','developer':'Acme'");
    catalogue(2, 27, "'name':'acme-sync','kind':'marketplace','developer':'Others'");
    /* One developer makes apps for different things; a name of no letters is none. */
    catalogue(2, 23, "'name':'Acme Sync 2','kind':'private','developer':'Acme'");
    catalogue(2, 24, "'name':'-','kind':'private','developer':'Acme'");
    catalogue(2, 25, "'name':'--','kind':'private','developer':'Acme'");
    for (int merged = 0; merged < 2; merged++) {
        expect_column("{'view':'other_apps','account':2,'viewer':9", "duplicate_of",
                      "21 20 22 21 null null null 27 26 null");
        expect_column("{'view':'other_apps','account':2,'viewer':9,'duplicate':true", "app",
                      "20 21 22 26 27");
        expect_column("{'view':'my_apps','account':2,'viewer':1,'duplicate':false", "app",
                      "23 24 25 28");
        expect_column("{'view':'my_apps','account':2,'viewer':1,'unused_days':25,'unused':true",
                      "app", "26 27");
        expect_column("{'view':'my_apps','account':2,'viewer':1,'unused_days':10,'unused':true",
                      "app", "23 26 27");
        expect_column("{'view':'my_apps','account':2,'viewer':1,'unused':true", "app", "");
        json_t *a = ask_ok(&t, "{'view':'my_apps','account':2,'viewer':1}");
        assert_string_equal(text_of(row_of(rows_of(a), "app", 20), "duplicate_why"),
                            "shares 3 of 5 kinds of record changes");
        assert_string_equal(text_of(row_of(rows_of(a), "app", 26), "duplicate_why"), "same name");
        json_decref(a);
        if (!merged)
            engine_merge(&t);
    }
}

/* ---- attention ---- */

static void test_attention(void **state)
{
    (void)state;
    signal_of(3, 30, 1, "app.error", 5 * HOUR);
    signal_of(3, 30, 1, "app.error", 4 * HOUR);
    signal_of(3, 30, 2, "app.error", 6 * HOUR);
    signal_of(3, 30, 2, "app.recovered", 3 * HOUR); /* not yet a day */
    signal_of(3, 30, 3, "app.error", 40 * HOUR);
    signal_of(3, 30, 3, "app.recovered", 39 * HOUR); /* resolved 16 hours ago */
    signal_of(3, 31, 1, "app.expired", 9 * HOUR);
    signal_of(3, 31, 2, "app.expired", 8 * HOUR);
    signal_of(3, 31, 2, "app.reconnected", 7 * HOUR); /* resolved at once */
    signal_of(3, 31, 4, "app.expired", 10 * HOUR);
    signal_of(3, 32, 1, "app.disconnected", HOUR);
    signal_of(3, 32, 2, "app.disconnected", 3 * HOUR);
    signal_of(3, 32, 2, "app.connected", 2 * HOUR);
    signal_of(3, 32, 2, "app.disconnected", HOUR); /* reopened */
    signal_of(3, 33, 1, "permission.reauth_required", 2 * HOUR);
    engine_publish(&t, "{'type':'permission.reauth_required','account':3,'app':33,'time':%lld}",
                   (long long)(NOW_MS - HOUR));
    signal_of(3, 34, 1, "app.expired", 2 * HOUR);
    catalogue(3, 34, "'name':'Hidden','kind':'built-in'");
    catalogue(0, 30, "'name':'Thirty','kind':'marketplace'");
    for (int merged = 0; merged < 2; merged++) {
        expect_column("{'view':'attention','account':3", "severity", "4 4 3 3 2 2 1 1");
        expect_column("{'view':'attention','account':3", "app", "32 32 31 31 33 33 30 30");
        expect_column("{'view':'attention','account':3", "user", "1 2 4 1 1 null 2 1");
        expect_column("{'view':'attention','account':3", "problem",
                      "disconnected disconnected expired expired reauth reauth error error");
        expect_column("{'view':'attention','account':3", "episodes", "1 2 1 1 1 1 1 1");
        expect_column("{'view':'attention','account':3", "repeats", "1 1 1 1 1 1 1 2");
        expect_column("{'view':'attention','account':3", "action",
                      "reconnect reconnect reconnect reconnect reauthenticate reauthenticate null "
                      "reconnect");
        expect_column("{'view':'attention','account':3,'state':'resolved'", "app", "31 30");
        expect_column("{'view':'attention','account':3,'state':'all','app':31", "user", "4 1 2");
        expect_column("{'view':'attention','account':3,'state':'all','app':[31,30]", "state",
                      "open open resolved resolved open open");
        expect_column("{'view':'attention','account':3,'user':4", "app", "31");
        expect_column("{'view':'attention','account':3,'problem':['error','reauth']", "app",
                      "33 33 30 30");
        if (!merged)
            engine_merge(&t);
    }
    json_t *a = ask_ok(&t, "{'view':'attention','account':3,'app':30,'state':'all'}");
    json_t *row = row_of(rows_of(a), "user", 3);
    assert_int_equal(int_of(row, "resolved"), NOW_MS - 16 * HOUR);
    assert_int_equal(int_of(row, "ended"), NOW_MS - 39 * HOUR);
    assert_int_equal(int_of(row, "opened"), NOW_MS - 40 * HOUR);
    assert_string_equal(text_of(row, "reason"), "why");
    assert_string_equal(text_of(row, "app_name"), "Thirty");
    row = row_of(rows_of(a), "user", 2);
    assert_true(is_null(row, "resolved") && !is_null(row, "ended"));
    json_decref(a);
    /* Time alone resolves what recovered. */
    t.context.now_ms = NOW_MS + 18 * HOUR;
    expect_column("{'view':'attention','account':3,'app':30", "user", "1");
    t.context.now_ms = NOW_MS + 18 * HOUR - 1;
    expect_column("{'view':'attention','account':3,'app':30", "user", "2 1");
    t.context.now_ms = NOW_MS + 40 * DAY; /* beyond the visible days */
    expect_column("{'view':'attention','account':3,'state':'resolved'", "app", "");
    t.context.now_ms = NOW_MS;
}

/* ---- recommendations ---- */

static void sweep(void)
{
    bool more = true;
    while (more)
        assert_int_equal(days_sweep(t.days, 100, &more), ST_OK);
}

static void test_recommendations(void **state)
{
    (void)state;
    catalogue(0, 40, "'name':'Forty','kind':'marketplace','developer':'Maker','icon_url':'i'");
    catalogue(0, 41, "'name':'Near','kind':'marketplace'");
    catalogue(0, 42, "'name':'Sister','kind':'built-in','developer':'Maker'");
    catalogue(0, 43, "'name':'Secret','kind':'private'");
    catalogue(0, 44, "'name':'Plain','kind':'marketplace'");
    catalogue(4, 45, "'name':'Ours','kind':'built-in'");
    catalogue(0, 46, "'name':'Rare','kind':'marketplace'");
    signal_of(4, 40, 1, "app.installed", DAY);
    for (unsigned account = 50; account < 65; account++) { /* 15 have 40, 12 of them 41, 9 46 */
        signal_of(account, 40, 1, "app.installed", DAY);
        if (account < 62)
            signal_of(account, 41, 1, "app.installed", DAY);
        if (account < 59)
            signal_of(account, 46, 1, "app.installed", DAY);
    }
    engine_merge(&t);
    char have[256];
    json_t *a = ask_ok(&t, "{'view':'recommendations','account':4}");
    const char *without = column(rows_of(a), "app", have);
    /* Nobody has been counted yet: a developer in use, then the marketplace in order. */
    assert_string_equal(without, "42 10 11 13 14 30 41 44 46 12 45");
    json_decref(a);
    sweep();
    a = ask_ok(&t, "{'view':'recommendations','account':4}");
    json_t *row = json_array_get(rows_of(a), 0);
    assert_int_equal(int_of(row, "app"), 41);
    assert_int_equal(int_of(row, "rank"), 1);
    assert_string_equal(text_of(row, "why"), "12 of 16 accounts with Forty have it too");
    assert_int_equal(int_of(row, "accounts"), 12);
    assert_int_equal(int_of(row, "of_accounts"), 16);
    row = json_array_get(rows_of(a), 1);
    assert_int_equal(int_of(row, "app"), 42);
    assert_string_equal(text_of(row, "why"), "by Maker, who made Forty");
    row = row_of(rows_of(a), "app", 46); /* nine accounts are not enough */
    assert_true(is_null(row, "accounts"));
    assert_string_equal(text_of(row, "why"), "in the marketplace, connected by nobody yet");
    row = row_of(rows_of(a), "app", 45);
    assert_string_equal(text_of(row, "why"), "built in, connected by nobody yet");
    assert_int_equal(int_of(row, "rank"), json_array_size(rows_of(a)));
    for (size_t i = 0; i < json_array_size(rows_of(a)); i++) {
        const int64_t app = int_of(json_array_get(rows_of(a), i), "app");
        assert_true(app != 43 && app != 40);
    }
    unsigned pages;
    json_t *paged = ask_all(&t, "{'view':'recommendations','account':4,'limit':2", &pages);
    assert_true(json_equal(paged, rows_of(a)));
    assert_true(pages > 2);
    json_decref(paged);
    json_decref(a);
    t.context.popularity = false;
    a = ask_ok(&t, "{'view':'recommendations','account':4}");
    assert_int_equal(int_of(json_array_get(rows_of(a), 0), "app"), 42);
    json_decref(a);
    t.context.popularity = true;
}

/* ---- the beta ---- */

static void test_beta(void **state)
{
    (void)state;
    static const char *const views[] = {"home",       "attention",       "my_apps",
                                        "other_apps", "recommendations", "app"};
    t.context.enforce_beta = true;
    static const struct {
        const char *beta;
        unsigned user;
    } steps[] = {{NULL, 0}, {"true", 2}, {"true", 1}, {"false", 2}, {"false", 1}};
    for (int step = 0; step < 5; step++) {
        /* Never set; on by no super admin; by one; off by none: not his to say; by one. */
        const bool in = step == 2 || step == 3;
        if (step > 0)
            engine_publish(&t,
                           "{'type':'account.settings','account':1,'beta':%s,'user':%u,"
                           "'time':%lld}",
                           steps[step].beta, steps[step].user, (long long)(NOW_MS - 10 + step));
        for (size_t i = 0; i < 6; i++) {
            json_t *a =
                ask(&t, "{'view':'%s','account':1%s%s}", views[i],
                    i == 0 || i == 2 || i == 3 ? ",'viewer':1" : "", i == 5 ? ",'app':10" : "");
            assert_int_equal(json_is_true(json_object_get(a, "ok")), in);
            if (!in)
                assert_string_equal(text_of(a, "code"), "forbidden");
            json_decref(a);
        }
    }
    t.context.enforce_beta = false;
    json_t *a = ask_ok(&t, "{'view':'settings','account':1}");
    json_t *row = json_array_get(rows_of(a), 0);
    assert_true(json_is_false(json_object_get(row, "beta")));
    assert_int_equal(int_of(row, "user"), 1);
    assert_string_equal(text_of(row, "user_name"), "User 1");
    assert_true(json_is_true(json_object_get(row, "super_admin")));
    assert_int_equal(int_of(row, "updated"), NOW_MS - 6);
    json_decref(a);
    json_decref(ask_ok(&t, "{'view':'home','account':1,'viewer':1}"));
}

/* ---- windows of a large account ---- */

static void test_windows(void **state)
{
    (void)state;
    unsigned pages;
    for (unsigned app = 1; app <= 4500; app++) {
        signal_of(6, app, 1 + app % 2, "app.installed", DAY);
        if (app % 100 == 0)
            signal_of(6, app, 1 + app % 2, "app.expired", app);
    }
    json_t *rows = ask_all(&t, "{'view':'my_apps','account':6,'viewer':1", &pages);
    assert_int_equal(json_array_size(rows), 2250);
    for (unsigned i = 0; i < 2250; i++)
        assert_int_equal(int_of(json_array_get(rows, i), "app"), 2 + 2 * i);
    json_decref(rows);
    rows = ask_all(&t, "{'view':'attention','account':6,'limit':7", &pages);
    assert_int_equal(json_array_size(rows), 45);
    json_decref(rows);
    json_t *a = ask_ok(&t, "{'view':'home','account':6,'viewer':1,'rows':500}");
    json_t *home = json_object_get(a, "data");
    assert_true(json_is_false(json_object_get(home, "whole")));
    assert_int_equal(int_of(home, "apps"), 1000);
    json_decref(a);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apps),
        cmocka_unit_test(test_home),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_recommendations),
        cmocka_unit_test(test_beta),
        cmocka_unit_test(test_windows),
    };
    if (argc > 1 && text_u64(str_of(argv[1]), &help_seed) != ST_OK)
        return 64;
    return cmocka_run_group_tests(tests, setup, teardown);
}
