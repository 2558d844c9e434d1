/* The overview of an app and the lists of reference data: permissions by feature, learning content,
 * catalogue, directory, plan. Everything comes from events. */
#include "tests/unit/query/help.h"

#define HOUR 3600000LL

static struct engine t;

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

static void publish(const char *type, unsigned account, const char *more, int64_t age)
{
    engine_publish(&t, "{'type':'%s','account':%u,'time':%lld,%s}", type, account,
                   (long long)(NOW_MS - age), more);
}

/* Rows of a question, page by page of one row each and whole: they must be the same. */
static json_t *rows_both_ways(const char *question)
{
    unsigned pages;
    char single[512];
    json_t *whole = ask_all(&t, question, &pages);
    text_fmt(single, sizeof single, "%s,'limit':1", question);
    json_t *paged = ask_all(&t, single, &pages);
    if (!json_equal(whole, paged))
        fail_msg("pages differ: %s", question);
    json_decref(paged);
    return whole;
}

/* The rows' columns as "a|b|c" per row, ";" between them. */
static void expect_rows(const char *question, const char *columns, const char *want)
{
    char have[1024], name[64];
    size_t n = 0;
    json_t *rows = rows_both_ways(question);
    have[0] = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *at = columns;
        for (bool first = true; *at; first = false) {
            const size_t name_n = strcspn(at, " ");
            text_fmt(name, sizeof name, "%.*s", (int)name_n, at);
            at += name_n + (at[name_n] == ' ');
            json_t *v = json_object_get(json_array_get(rows, i), name);
            assert_non_null(v);
            n += text_fmt(have + n, sizeof have - n, "%s", first ? i ? ";" : "" : "|");
            if (json_is_integer(v))
                n += text_fmt(have + n, sizeof have - n, "%lld", json_integer_value(v));
            else if (json_is_string(v))
                n += text_fmt(have + n, sizeof have - n, "%s", json_string_value(v));
            else
                n += text_fmt(have + n, sizeof have - n, "%s",
                              json_is_true(v)    ? "yes"
                              : json_is_false(v) ? "no"
                                                 : "-");
        }
    }
    if (strcmp(have, want) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", question, have, want);
    json_decref(rows);
}

/* ---- permissions ---- */

#define PERMISSIONS "{'view':'permissions','account':1,'app':%u"

static void expect_permissions(unsigned app, const char *want)
{
    char question[128];
    text_fmt(question, sizeof question, PERMISSIONS, app);
    expect_rows(question, "feature status scopes missing", want);
}

static void test_permissions(void **state)
{
    (void)state;
    publish("catalog.app", 1,
            "'app':5,'name':'Five','kind':'marketplace','required_scopes':['read','write'],"
            "'optional_scopes':['deals=deal sync','deals.write=deal sync','mail=mail','plain']",
            24 * HOUR);
    /* Not installed: nothing is known to be granted. */
    expect_permissions(5, "-|update|read write|read write;deal sync|reauth|deals deals.write|deals "
                          "deals.write;mail|reauth|mail|mail;plain|reauth|plain|plain");
    /* Installed, no word on scopes: what it requires was agreed to. */
    publish("app.installed", 1, "'app':5,'user':1", 20 * HOUR);
    expect_permissions(5, "-|authorized|read write|-;deal sync|reauth|deals deals.write|deals "
                          "deals.write;mail|reauth|mail|mail;plain|reauth|plain|plain");
    /* Granted: all but one of each. */
    publish("permission.granted", 1, "'app':5,'user':1,'scopes':['read','deals','mail']",
            10 * HOUR);
    expect_permissions(5, "-|update|read write|write;deal sync|update|deals deals.write|"
                          "deals.write;mail|authorized|mail|-;plain|reauth|plain|plain");
    engine_merge(&t);
    publish("permission.granted", 1, "'app':5,'scopes':['write','deals.write'],'feature':'x'",
            9 * HOUR);
    publish("permission.reauth_required", 1, "'app':5,'scopes':['mail']", 8 * HOUR);
    publish("permission.granted", 1, "'app':5,'scopes':['other'],'feature':'lists'", 7 * HOUR);
    expect_permissions(5,
                       "-|authorized|read write|-;deal sync|authorized|deals deals.write|-;"
                       "lists|authorized|other|-;mail|reauth|mail|mail;plain|reauth|plain|plain");
    publish("permission.revoked", 1, "'app':5,'scopes':['deals']", 6 * HOUR);
    expect_rows("{'view':'permissions','account':1,'app':5,'status':['update','reauth']",
                "feature status missing",
                "deal sync|update|deals;mail|reauth|mail;plain|reauth|plain");
    json_t *a = ask_ok(&t, PERMISSIONS "}", 5);
    assert_int_equal(int_of(json_array_get(rows_of(a), 1), "since"), NOW_MS - 6 * HOUR);
    json_decref(a);
    /* An app that no catalogue knows: by the features that events named. */
    publish("permission.granted", 1, "'app':6,'scopes':['a','b'],'feature':'f'", HOUR);
    expect_permissions(6, "f|authorized|a b|-");
    expect_permissions(7, "");
    ask_refused(&t, "bad_parameter", "app is missing", "{'view':'permissions','account':1}");
}

/* ---- academy and catalogue ---- */

static void lesson(unsigned account, const char *key, const char *more)
{
    char text[256];
    text_fmt(text, sizeof text, "'key':'%s','title':'T %u','link':'l'%s%s", key, account,
             *more ? "," : "", more);
    publish("catalog.academy", account, text, HOUR);
}

static void test_academy(void **state)
{
    (void)state;
    lesson(0, "a", "'language':'en','topic':'sync','apps':[5,6]");
    lesson(0, "b", "'language':'en-GB','topic':'limits'");
    lesson(0, "c", "'language':'de','apps':[7]");
    lesson(1, "b", "'language':'fr','topic':'limits','apps':[5]"); /* replaces the common one */
    lesson(1, "longer", "");
    lesson(0, "gone", "");
    publish("catalog.academy.removed", 0, "'key':'gone'", HOUR - 1);
    for (int merged = 0; merged < 2; merged++) {
        expect_rows("{'view':'academy','account':1", "key title language topic apps source",
                    "a|T 0|en|sync|5 6|common;b|T 1|fr|limits|5|account;c|T 0|de|-|7|common;"
                    "longer|T 1|-|-|-|account");
        expect_rows("{'view':'academy','account':2", "key title", "a|T 0;b|T 0;c|T 0");
        expect_rows("{'view':'academy','account':0", "key source", "a|common;b|common;c|common");
        expect_rows("{'view':'academy','account':1,'app':5", "key", "a;b");
        expect_rows("{'view':'academy','account':1,'app':[6,7]", "key", "a;c");
        expect_rows("{'view':'academy','account':1,'topic':'limits'", "key", "b");
        expect_rows("{'view':'academy','account':2,'language':'en'", "key", "a;b");
        expect_rows("{'view':'academy','account':2,'language':['en-GB','de']", "key", "b;c");
        expect_rows("{'view':'academy','account':2,'app':7,'language':'en'", "key", "");
        if (!merged)
            engine_merge(&t);
    }
}

static void test_catalog(void **state)
{
    (void)state;
    publish("catalog.app", 0, "'app':100,'name':'B','kind':'built-in','shows_status':true", HOUR);
    publish("catalog.app", 0,
            "'app':20,'name':'A','kind':'marketplace','developer':'D','user_level':true,"
            "'required_scopes':['r','s'],'optional_scopes':['o=f g','p=h'],"
            "'marketplace_url':'m','settings_url':'s','icon_url':'i'",
            HOUR);
    publish("catalog.app", 3, "'app':100,'name':'Mine','kind':'private'", HOUR);
    publish("catalog.app", 3, "'app':3,'name':'Old','kind':'private'", HOUR);
    publish("catalog.app", 3, "'app':3,'name':'New','kind':'private'", HOUR - 5);
    publish("catalog.app", 3, "'app':3,'name':'Late','kind':'private'", HOUR + 5);
    for (int merged = 0; merged < 2; merged++) {
        expect_rows("{'view':'catalog','account':3", "app source name kind",
                    "3|account|New|private;20|common|A|marketplace;100|account|Mine|private");
        expect_rows("{'view':'catalog','account':3,'kind':['private','built-in']", "app", "3;100");
        expect_rows("{'view':'catalog','account':4,'app':[100,20]", "app source shows_status",
                    "20|common|no;100|common|yes");
        if (!merged)
            engine_merge(&t);
    }
    expect_rows("{'view':'catalog','account':3,'app':20",
                "developer user_level multi_account required_scopes optional_scopes "
                "marketplace_url settings_url icon_url",
                "D|yes|no|r s|o=f g, p=h|m|s|i");
    json_t *a = ask_ok(&t, "{'view':'catalog','account':3,'app':3}");
    assert_int_equal(int_of(json_array_get(rows_of(a), 0), "updated"), NOW_MS - HOUR + 5);
    json_decref(a);
}

/* ---- directory, plan ---- */

static void test_directory(void **state)
{
    (void)state;
    for (unsigned user = 1; user <= 120; user += 7) {
        char text[256];
        text_fmt(text, sizeof text, "'user':%u,'name':'U%u','super_admin':%s,'teams':[%u,9]%s",
                 user, user, user % 2 ? "true" : "false", user % 3,
                 user == 99 ? ",'deactivated':true" : "");
        publish("directory.user", 5, text, HOUR);
        if (user == 50)
            engine_merge(&t);
    }
    publish("directory.user.removed", 5, "'user':8", HOUR - 1);
    publish("directory.team", 5, "'team':10,'name':'Ten'", HOUR);
    publish("directory.team", 5, "'team':9,'name':'Nine'", HOUR);
    expect_rows("{'view':'users','account':5", "user",
                "1;15;22;29;36;43;50;57;64;71;78;85;92;99;106;113;120");
    expect_rows("{'view':'users','account':5,'super_admin':true,'team':1", "user name teams",
                "1|U1|1 9;43|U43|1 9;85|U85|1 9");
    expect_rows("{'view':'users','account':5,'deactivated':true", "user super_admin email",
                "99|yes|-");
    expect_rows("{'view':'users','account':5,'user':[120,7,15]", "user", "15;120");
    expect_rows("{'view':'teams','account':5", "team name", "9|Nine;10|Ten");
    expect_rows("{'view':'users','account':6", "user", "");
    expect_rows("{'view':'plan','account':5", "tier", "");
    publish("account.plan", 5, "'tier':'pro','daily_limit':250000,'reset_zone':'Europe/Berlin'",
            HOUR);
    publish("account.plan", 5, "'tier':'old','ten_seconds_limit':5", 2 * HOUR);
    expect_rows("{'view':'plan','account':5", "tier daily_limit ten_seconds_limit reset_zone",
                "pro|250000|-|Europe/Berlin");
}

/* ---- the overview ---- */

static void test_app(void **state)
{
    (void)state;
    publish("catalog.app", 1,
            "'app':9,'name':'Nine','kind':'private','developer':'D','required_scopes':['x']",
            24 * HOUR);
    publish("app.installed", 1, "'app':9,'user':1", 30 * HOUR);
    publish("app.installed", 1, "'app':9,'user':2", 20 * HOUR);
    publish("app.error", 1, "'app':9,'user':2,'reason':'timeout'", 2 * HOUR);
    publish("sync.enabled", 1, "'app':9,'user':1,'setting':'contacts'", 3 * HOUR);
    publish("app.error", 1, "'app':8,'user':2", 2 * HOUR);
    lesson(1, "nine", "'apps':[9]");
    for (int i = 0; i < 5; i++) { /* one record, five times: one record, not five */
        publish("record.updated", 1, "'app':9,'object_type':'contacts','record':7", HOUR + i);
        publish("record.updated", 1, "'app':9,'object_type':'contacts','record':8", 25 * HOUR + i);
    }
    publish("record.created", 1, "'app':9,'object_type':'contacts','record':7", HOUR);
    publish("record.created", 1, "'app':8,'object_type':'contacts','record':9", HOUR);
    json_t *a = ask_ok(&t, "{'view':'app','account':1,'app':9}");
    json_t *app = json_object_get(a, "data");
    assert_string_equal(text_of(app, "name"), "Nine");
    assert_string_equal(text_of(app, "state"), "error");
    assert_int_equal(int_of(app, "installed"), NOW_MS - 30 * HOUR);
    assert_int_equal(int_of(app, "connections"), 2);
    /* Each block is what its view answers about that app. */
    static const struct {
        const char *block, *question;
        size_t n;
    } blocks[] = {
        {"health", "{'view':'attention','account':1,'app':9}", 1},
        {"log", "{'view':'activity','account':1,'app':9}", 4},
        {"permissions", "{'view':'permissions','account':1,'app':9}", 1},
        {"records", "{'view':'distinct_records','account':1,'app':9,'group_by':['day','action']}",
         3},
        {"academy", "{'view':'academy','account':1,'app':9}", 1},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        json_t *view = ask_ok(&t, "%s", blocks[i].question);
        json_t *rows = json_object_get(app, blocks[i].block);
        if (!json_equal(rows, rows_of(view)))
            fail_msg("%s differs", blocks[i].block);
        assert_int_equal(json_array_size(rows), blocks[i].n);
        json_decref(view);
    }
    json_t *records = json_object_get(app, "records");
    assert_int_equal(int_of(json_array_get(records, 0), "records"), 1);
    assert_true(json_is_false(json_object_get(app, "records_cut")));
    assert_string_equal(text_of(a, "from"), "2026-10-25");
    assert_string_equal(text_of(a, "to"), "2026-11-23");
    assert_string_equal(text_of(a, "bound"), "retention");
    assert_string_equal(text_of(a, "open_day"), "2026-11-23");
    json_decref(a);
    a = ask_ok(&t, "{'view':'app','account':1,'app':9,'type':['app.error','sync.enabled'],"
                   "'user':2,'rows':1}");
    json_t *log = json_object_get(json_object_get(a, "data"), "log");
    assert_int_equal(json_array_size(log), 1);
    assert_string_equal(text_of(json_array_get(log, 0), "type"), "app.error");
    json_decref(a);
    ask_refused(&t, "not_found", "account 1 has no app 77", "{'view':'app','account':1,'app':77}");
    ask_refused(&t, "bad_parameter", "app", "{'view':'app','account':1}");
}

/* ---- numbers with proof ---- */

/* One duplicate a day, and some rejected ones today. */
static enum status some_faults(void *arg, uint64_t account, int32_t from, int32_t to,
                               struct query_day *sum)
{
    (void)arg;
    assert_int_equal(account, 1);
    sum->duplicate = (uint64_t)(to - from + 1);
    sum->rejected = to >= TODAY ? 7 : 0;
    return ST_OK;
}

/* late, duplicate and rejected of an answer; open: the day that it says is not over. */
static void check_received(const char *question, const uint64_t n[3], const char *open)
{
    json_t *a = ask_ok(&t, "%s", question), *got = json_object_get(a, "received");
    assert_int_equal(int_of(got, "late"), n[0]);
    assert_int_equal(int_of(got, "duplicate"), n[1]);
    assert_int_equal(int_of(got, "rejected"), n[2]);
    if (open)
        assert_string_equal(text_of(a, "open_day"), open);
    else
        assert_true(json_is_null(json_object_get(a, "open_day")));
    json_decref(a);
}

static void test_received(void **state)
{
    (void)state;
    json_t *a = ask_ok(&t, "{'view':'records','account':1}");
    assert_null(json_object_get(a, "received")); /* nobody knows */
    json_decref(a);
    t.source.faults = some_faults;
    a = ask_ok(&t, "{'view':'records','account':1}");
    const uint64_t late = (uint64_t)int_of(json_object_get(a, "received"), "late");
    json_decref(a);
    publish("record.deleted", 1, "'app':5,'object_type':'contacts'", 3 * MS_PER_DAY);
    publish("app.connected", 1, "'app':5,'user':3", 3 * MS_PER_DAY);
    publish("app.connected", 1, "'app':5,'user':3", 0);
    publish("app.connected", 2, "'app':5,'user':3", 3 * MS_PER_DAY);
    for (int pass = 0; pass < 2; pass++) { /* pending, then stored */
        check_received("{'view':'records','account':1}", (uint64_t[]){late + 2, 30, 7},
                       "2026-11-23");
        check_received("{'view':'records','account':1,'from':'2026-11-21','to':'2026-11-22'}",
                       (uint64_t[]){0, 2, 0}, NULL);
        check_received("{'view':'activity','account':1,'from':'2026-11-22T00:00:00Z'}",
                       (uint64_t[]){late + 2, 2, 7}, "2026-11-23");
        check_received("{'view':'activity','account':1,'from':'2026-11-22T00:00:00Z',"
                       "'to':'2026-11-23T00:00:00Z'}",
                       (uint64_t[]){0, 1, 0}, NULL);
        engine_merge(&t);
    }
    a = ask_ok(&t, "{'view':'apps','account':1}");
    assert_null(json_object_get(a, "received"));
    assert_true(json_is_null(json_object_get(a, "open_day")));
    json_decref(a);
    t.source.faults = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permissions), cmocka_unit_test(test_academy),
        cmocka_unit_test(test_catalog),     cmocka_unit_test(test_directory),
        cmocka_unit_test(test_app),         cmocka_unit_test(test_received),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
