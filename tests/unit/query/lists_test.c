/* activity, apps, connections, accounts, rejected, schema and conservation: what they list, in
 * which order, and that pages neither skip nor repeat while new entries arrive. */
#include "tests/unit/query/help.h"

#include "engine/base/check.h"
#include "schemas/out.h"
#include "schemas/query_table.h"

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

static void fold_random(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct event_more more;
        const struct event e = random_event(&more);
        engine_fold(&t, &e, &more);
    }
}

static bool is_activity(const struct event *e)
{
    const enum event_group g = event_group(e->kind);
    return g == GROUP_APP || g == GROUP_SYNC || g == GROUP_PERMISSION;
}

/* ---- activity ---- */

static int newest_first(const void *a, const void *b)
{
    const struct twin_event *x = *(struct twin_event *const *)a,
                            *y = *(struct twin_event *const *)b;
    if (x->e.time_ms != y->e.time_ms)
        return x->e.time_ms > y->e.time_ms ? -1 : 1;
    return x->position > y->position ? -1 : x->position < y->position;
}

static int arrival(const void *a, const void *b)
{
    const struct twin_event *x = *(struct twin_event *const *)a,
                            *y = *(struct twin_event *const *)b;
    return x->position < y->position ? -1 : x->position > y->position;
}

static json_t *text_or_null(struct str s)
{
    return s.p ? json_stringn(s.p, s.n) : json_null();
}

static json_t *activity_row(const struct twin_event *x)
{
    json_t *row = json_object();
    json_object_set_new(row, "time", json_integer(x->e.time_ms));
    json_object_set_new(row, "position", json_integer((json_int_t)x->position));
    json_object_set_new(row, "type", json_string(event_type_name(x->e.kind)));
    json_object_set_new(row, "app", json_integer((json_int_t)x->e.app));
    json_object_set_new(row, "user",
                        x->e.has_user ? json_integer((json_int_t)x->e.user) : json_null());
    json_object_set_new(row, "reason", text_or_null(x->more.reason));
    json_object_set_new(row, "code", text_or_null(x->more.code));
    json_object_set_new(row, "setting", text_or_null(x->more.setting));
    json_object_set_new(row, "from", text_or_null(x->more.from));
    json_object_set_new(row, "to", text_or_null(x->more.to));
    json_object_set_new(row, "scopes", x->more.list_n ? json_string("a b c") : json_null());
    json_object_set_new(row, "feature", text_or_null(x->more.feature));
    json_object_set_new(row, "received", json_integer(x->received_ms));
    json_object_set_new(row, "by", json_null());
    return row;
}

static void compare_activity(const char *question, struct twin_event **want, uint32_t n)
{
    unsigned pages;
    json_t *rows = ask_all(&t, question, &pages);
    if (json_array_size(rows) != n)
        fail_msg("%s: %zu rows, not %u", question, json_array_size(rows), n);
    for (uint32_t i = 0; i < n; i++) {
        json_t *row = activity_row(want[i]);
        if (!json_equal(row, json_array_get(rows, i))) {
            char *a = json_dumps(row, 0), *b = json_dumps(json_array_get(rows, i), 0);
            fail_msg("%s: row %u is %s, not %s", question, i, b, a);
        }
        json_decref(row);
    }
    json_decref(rows);
}

static void random_activity_question(void)
{
    static struct twin_event *want[20000];
    char q[512];
    const uint64_t account = 1 + rnd(3) * 300;
    const bool by_app = rnd(3) == 0, by_user = rnd(3) == 0, by_type = rnd(3) == 0,
               late = rnd(3) == 0;
    const bool in_order = rnd(2), after_given = in_order && rnd(2);
    const uint64_t app = 1 + rnd(7), user = rnd(6), after = rnd(t.position);
    const unsigned kind = EV_APP_INSTALLED + (unsigned)rnd(9);
    const int64_t from = NOW_MS - (int64_t)rnd(20 * MS_PER_DAY),
                  to = from + (int64_t)rnd(5 * MS_PER_DAY);
    size_t n = text_fmt(q, sizeof q, "{'view':'activity','account':%d", (int)account);
    if (by_app)
        n += text_fmt(q + n, sizeof q - n, ",'app':[%d,3]", (int)app);
    if (by_user)
        n += text_fmt(q + n, sizeof q - n, ",'user':%d", (int)user);
    if (by_type)
        n += text_fmt(q + n, sizeof q - n, ",'type':['%s','sync.enabled']", event_type_name(kind));
    if (late)
        n +=
            text_fmt(q + n, sizeof q - n, ",'from':%lld,'to':%lld", (long long)from, (long long)to);
    if (in_order)
        n += text_fmt(q + n, sizeof q - n, ",'order':'arrival'");
    if (after_given)
        n += text_fmt(q + n, sizeof q - n, ",'after':%d", (int)after);
    if (rnd(2))
        text_fmt(q + n, sizeof q - n, ",'limit':%d", (int)(1 + rnd(40)));
    uint32_t want_n = 0;
    for (uint32_t i = 0; i < t.twin_n; i++) {
        const struct event *e = &t.twin[i].e;
        if (is_activity(e) && e->account == account && day_of_ms(e->time_ms) >= TODAY - 29 &&
            (!by_app || e->app == app || e->app == 3) &&
            (!by_user || (e->has_user && e->user == user)) &&
            (!by_type || e->kind == kind || e->kind == EV_SYNC_ENABLED) &&
            (!late || (e->time_ms >= from && e->time_ms < to)) &&
            (!after_given || t.twin[i].position > after))
            want[want_n++] = &t.twin[i];
    }
    qsort(want, want_n, sizeof *want, in_order ? arrival : newest_first);
    compare_activity(q, want, want_n);
}

static void test_activity(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < 4; phase++) {
        fold_random(1500);
        if (phase == 1)
            engine_merge(&t);
        if (phase == 2)
            engine_freeze(&t);
        for (unsigned i = 0; i < 60; i++)
            random_activity_question();
    }
    engine_merge(&t);
    for (unsigned i = 0; i < 60; i++)
        random_activity_question();
}

static void test_activity_details(void **state)
{
    (void)state;
    static const struct str scopes[] = {{"a", 1}, {"b", 1}, {"c", 1}};
    const struct event_more granted = {.list = scopes, .list_n = 3, .feature = STR("f")};
    const struct event_more changed = {.setting = STR("s"), .from = STR("0"), .to = STR("")};
    struct event e = {.account = 4242,
                      .app = 9,
                      .time_ms = NOW_MS - 5,
                      .kind = EV_PERMISSION_GRANTED,
                      .count = 1};
    engine_fold(&t, &e, &granted);
    e.time_ms--;
    e.kind = EV_SYNC_CHANGED;
    e.has_user = 1;
    engine_fold(&t, &e, &changed);
    struct twin_event *want[] = {&t.twin[t.twin_n - 2], &t.twin[t.twin_n - 1]};
    compare_activity("{'view':'activity','account':4242", want, 2);
    engine_merge(&t);
    compare_activity("{'view':'activity','account':4242", want, 2);
    ask_refused(&t, "bad_parameter", "order arrival", "{'view':'activity','account':1,'after':3}");
}

/* A reader turns pages while entries arrive, some of them late: he sees everything that was there
 * when he began, once and in order. */
static void test_pages_while_entries_arrive(void **state)
{
    (void)state;
    const uint64_t begun = t.position;
    json_t *seen = json_array();
    char *cursor = NULL;
    do {
        json_t *a =
            cursor ? ask_ok(&t, "{'view':'activity','account':1,'limit':7,'cursor':'%s'}", cursor)
                   : ask_ok(&t, "{'view':'activity','account':1,'limit':7}");
        json_array_extend(seen, rows_of(a));
        const char *next = json_string_value(json_object_get(a, "cursor"));
        free(cursor);
        cursor = next ? strdup(next) : NULL;
        json_decref(a);
        fold_random(20);
        if (rnd(10) == 0)
            engine_merge(&t);
    } while (cursor);
    size_t old = 0, want = 0;
    for (size_t i = 0; i < json_array_size(seen); i++) {
        json_t *row = json_array_get(seen, i);
        old += int_of(row, "position") < (int64_t)begun;
        if (i == 0)
            continue;
        json_t *before = json_array_get(seen, i - 1);
        assert_true(int_of(before, "time") > int_of(row, "time") ||
                    (int_of(before, "time") == int_of(row, "time") &&
                     int_of(before, "position") > int_of(row, "position")));
    }
    for (uint32_t i = 0; i < t.twin_n && t.twin[i].position < begun; i++)
        want += is_activity(&t.twin[i].e) && t.twin[i].e.account == 1 &&
                day_of_ms(t.twin[i].e.time_ms) >= TODAY - 29;
    assert_int_equal(old, want);
    json_decref(seen);
}

/* Catching up by arrival: position after position, while entries arrive, nothing twice or never. */
static void test_catching_up(void **state)
{
    (void)state;
    int64_t after = -1;
    uint64_t got = 0, want = 0;
    for (unsigned round = 0; round < 300; round++) {
        json_t *a =
            after < 0
                ? ask_ok(&t, "{'view':'activity','account':301,'order':'arrival','limit':9}")
                : ask_ok(
                      &t,
                      "{'view':'activity','account':301,'order':'arrival','limit':9,'after':%lld}",
                      (long long)after);
        for (size_t i = 0; i < json_array_size(rows_of(a)); i++) {
            const int64_t position = int_of(json_array_get(rows_of(a), i), "position");
            assert_true(position > after);
            after = position;
            got++;
        }
        json_decref(a);
        if (round < 100)
            fold_random(5);
        if (round % 40 == 39)
            engine_merge(&t);
    }
    for (uint32_t i = 0; i < t.twin_n; i++)
        want += is_activity(&t.twin[i].e) && t.twin[i].e.account == 301 &&
                day_of_ms(t.twin[i].e.time_ms) >= TODAY - 29;
    assert_int_equal(got, want);
}

/* ---- apps and connections ---- */

static void fold_catalogue(uint64_t app, const char *kind, const char *flag)
{
    char key[24];
    struct buf fields = buf_of(4096);
    struct out o = out_to(ENCODING_MSGPACK, &fields);
    out_map(&o, flag ? 3 : 2);
    out_pair_z(&o, "name", "An App");
    out_pair_z(&o, "kind", kind);
    if (flag)
        out_pair_bool(&o, flag, true);
    out_end(&o);
    text_fmt(key, sizeof key, "%llu", (unsigned long long)app);
    const struct event_more more = {.reference_key = str_of(key),
                                    .reference_fields = {(const char *)fields.p, fields.n}};
    const struct event e = {
        .account = 5000, .app = app, .time_ms = NOW_MS - 1000, .kind = EV_CATALOG_APP, .count = 1};
    engine_fold(&t, &e, &more);
    buf_fini(&fields);
}

static void fold_app(uint64_t app, unsigned kind, uint64_t user, int64_t age_ms)
{
    const struct event e = {.account = 5000,
                            .app = app,
                            .time_ms = NOW_MS - age_ms,
                            .kind = kind & 255,
                            .has_user = 1,
                            .user = user,
                            .count = 1};
    const struct event_more more = {.reason = STR("token"), .code = STR("401")};
    engine_fold(&t, &e, kind == EV_APP_EXPIRED ? &more : NULL);
}

static void fold_call(uint64_t app, unsigned method, int64_t age_ms)
{
    const struct event e = {.account = 5000,
                            .app = app,
                            .time_ms = NOW_MS - age_ms,
                            .kind = EV_API_CALL,
                            .method = method & 15,
                            .status = 200,
                            .count = 1};
    engine_fold(&t, &e, NULL);
}

/* What an app's row must say; times are ages in ms, 0: null. */
struct app_want {
    int app;
    const char *name, *kind, *state;
    int since, installed, installer, sent, received, connections;
};

static json_t *time_of(int age)
{
    return age ? json_integer(NOW_MS - age) : json_null();
}

static json_t *app_row(const struct app_want *w)
{
    const int last = w->sent && (!w->received || w->sent < w->received) ? w->sent : w->received;
    return json_pack("{s:i,s:s?,s:s?,s:s?,s:o,s:o,s:o,s:o,s:o,s:o,s:i}", "app", w->app, "name",
                     w->name, "kind", w->kind, "state", w->state, "since", time_of(w->since),
                     "installed", time_of(w->installed), "installer",
                     w->installer ? json_integer(w->installer) : json_null(), "last_activity",
                     time_of(last), "last_sent", time_of(w->sent), "last_received",
                     time_of(w->received), "connections", w->connections);
}

static void check_apps(void)
{
    static const struct app_want rows_wanted[] = {
        /* First installation and first installer, whoever came later; worst state of the users. */
        {1, NULL, NULL, "expired", 10, 1000, 7, 3, 2, 2},
        {2, "An App", "built-in", NULL, 0, 50, 1, 0, 4, 1},
        {3, "An App", "built-in", "connected", 60, 60, 1, 0, 0, 1},
        {4, "An App", "marketplace", "connected", 70, 70, 1, 0, 0, 1},
        {5, "An App", "private", "none", 0, 0, 0, 6, 0, 0},
    };
    json_t *want = json_array();
    for (size_t i = 0; i < N_OF(rows_wanted); i++)
        json_array_append_new(want, app_row(&rows_wanted[i]));
    for (unsigned limit = 1; limit < 7; limit++) {
        char q[128];
        unsigned pages;
        text_fmt(q, sizeof q, "{'view':'apps','account':5000,'limit':%u", limit);
        json_t *rows = ask_all(&t, q, &pages);
        assert_int_equal(pages, (5 + limit - 1) / limit);
        if (!json_equal(rows, want))
            fail_msg("%s: %s", q, json_dumps(rows, 0));
        json_decref(rows);
    }
    json_t *some = ask_ok(&t, "{'view':'apps','account':5000,'app':[2,4,6,99]}");
    assert_int_equal(json_array_size(rows_of(some)), 2);
    assert_true(json_equal(json_array_get(rows_of(some), 1), json_array_get(want, 3)));
    json_decref(some);
    some = ask_ok(&t, "{'view':'apps','account':5000,'state':['expired','none']}");
    assert_int_equal(json_array_size(rows_of(some)), 2);
    json_decref(some);
    json_decref(want);
}

static void test_apps(void **state)
{
    (void)state;
    fold_app(1, EV_APP_INSTALLED, 8, 900);
    fold_app(1, EV_APP_INSTALLED, 7, 1000);
    fold_app(1, EV_APP_EXPIRED, 8, 10);
    fold_call(1, METHOD_POST, 3);
    fold_call(1, METHOD_GET, 2);
    fold_app(2, EV_APP_INSTALLED, 1, 50);
    fold_catalogue(2, "built-in", NULL);
    fold_call(2, METHOD_GET, 4);
    fold_app(3, EV_APP_INSTALLED, 1, 60);
    fold_catalogue(3, "built-in", "shows_status");
    fold_app(4, EV_APP_INSTALLED, 1, 70);
    fold_catalogue(4, "marketplace", "user_level");
    fold_call(4, METHOD_GET, 5);
    fold_catalogue(5, "private", NULL);
    fold_call(5, METHOD_POST, 6);
    fold_call(0, METHOD_POST, 6); /* no app: no row */
    check_apps();
    engine_merge(&t);
    check_apps();

    json_t *a = ask_ok(&t, "{'view':'connections','account':5000,'app':1}");
    json_t *want =
        json_pack("[{s:i,s:n,s:n,s:n,s:s,s:I,s:I,s:n,s:n,s:n},"
                  "{s:i,s:n,s:n,s:n,s:s,s:I,s:I,s:s,s:s,s:n}]",
                  "user", 7, "user_name", "email", "deactivated", "state", "connected", "since",
                  NOW_MS - 1000, "installed", NOW_MS - 1000, "reason", "code", "sync", "user", 8,
                  "user_name", "email", "deactivated", "state", "expired", "since", NOW_MS - 10,
                  "installed", NOW_MS - 900, "reason", "token", "code", "401", "sync");
    if (!json_equal(rows_of(a), want))
        fail_msg("%s", json_dumps(a, 0));
    json_decref(a);
    unsigned pages;
    json_t *rows = ask_all(&t, "{'view':'connections','account':5000,'app':1,'limit':1", &pages);
    assert_true(json_equal(rows, want));
    assert_int_equal(pages, 2);
    json_decref(rows);
    json_decref(want);
}

/* ---- rejected ---- */

#define REJECTED_N 9000

static enum status fake_rejected(void *arg, uint64_t before,
                                 bool (*fn)(void *fn_arg, const struct query_rejected *r),
                                 void *fn_arg)
{
    (void)arg;
    for (uint64_t i = before < REJECTED_N ? before : REJECTED_N; i-- > 0;) {
        const struct query_rejected r = {.number = i,
                                         .received_ms = NOW_MS - (int64_t)i,
                                         .code = i % 2 ? ST_TOO_OLD : ST_MALFORMED,
                                         .transport = "zmq",
                                         .has_account = i % 3 != 0,
                                         .account = i % 3,
                                         .app = 7,
                                         .message = STR("why"),
                                         .raw =
                                             i % 2 ? STR("{\"type\":\"x\"}\n") : STR("\x81\xff")};
        if (!fn(fn_arg, &r))
            break;
    }
    return ST_OK;
}

static void test_rejected(void **state)
{
    (void)state;
    unsigned pages;
    t.source.rejected = fake_rejected;
    json_t *rows = ask_all(&t, "{'view':'rejected'", &pages);
    assert_int_equal(json_array_size(rows), REJECTED_N);
    assert_int_equal(pages, 9);
    for (unsigned i = 0; i < REJECTED_N; i++)
        assert_int_equal(int_of(json_array_get(rows, i), "number"), REJECTED_N - 1 - i);
    json_t *row = json_array_get(rows, 0);
    assert_string_equal(text_of(row, "raw"), "{\"type\":\"x\"}\n");
    assert_string_equal(text_of(row, "code"), "too_old");
    assert_int_equal(int_of(row, "account"), 2);
    row = json_array_get(rows, 1);
    assert_string_equal(text_of(row, "raw"), "hex:81ff");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "account")));
    assert_true(json_is_null(json_object_get(row, "producer")));
    json_decref(rows);
    rows = ask_all(&t, "{'view':'rejected','account':[2,9],'code':'malformed','limit':40", &pages);
    assert_int_equal(json_array_size(rows), REJECTED_N / 6);
    for (size_t i = 0; i < json_array_size(rows); i++)
        assert_int_equal(int_of(json_array_get(rows, i), "number") % 6, 2);
    json_decref(rows);
    /* A filter that admits nothing still ends, in pages of bounded work. */
    rows = ask_all(&t, "{'view':'rejected','code':'conflict'", &pages);
    assert_int_equal(json_array_size(rows), 0);
    assert_int_equal(pages, 2);
    json_decref(rows);
}

/* ---- schema ---- */

static void test_schema(void **state)
{
    (void)state;
    unsigned pages;
    json_t *rows = ask_all(&t, "{'view':'schema','limit':10", &pages);
    size_t views = 0, columns = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        views += strcmp(text_of(json_array_get(rows, i), "part"), "view") == 0;
        columns += strcmp(text_of(json_array_get(rows, i), "part"), "column") == 0;
    }
    assert_int_equal(views, VIEW_N);
    assert_int_equal(columns, QUERY_COLUMNS_N);
    json_decref(rows);
    rows = ask_all(&t, "{'view':'schema','name':['status','no such view']", &pages);
    assert_string_equal(text_of(json_array_get(rows, 0), "view"), "status");
    assert_int_equal(json_array_size(rows),
                     1 + 2 + query_columns_end(VIEW_STATUS) - query_views[VIEW_STATUS].column0);
    json_decref(rows);
}

/* ---- accounts ---- */

static uint64_t known[400]; /* what must be listed, ascending */
static size_t known_n;

static void know(uint64_t account)
{
    size_t at = 0;
    while (at < known_n && known[at] < account)
        at++;
    if (account == 0 || (at < known_n && known[at] == account))
        return;
    memmove(known + at + 1, known + at, (known_n - at) * sizeof *known);
    known[at] = account;
    known_n++;
}

static void check_accounts(const char *when)
{
    unsigned pages, all_pages;
    json_t *rows = ask_all(&t, "{'view':'accounts'", &pages);
    json_t *one_by_one = ask_all(&t, "{'view':'accounts','limit':1", &all_pages);
    if (json_array_size(rows) != known_n)
        fail_msg("%s: %zu accounts instead of %zu", when, json_array_size(rows), known_n);
    for (size_t i = 0; i < known_n; i++)
        assert_int_equal(int_of(json_array_get(rows, i), "account"), known[i]);
    assert_true(json_equal(rows, one_by_one));
    assert_int_equal(all_pages, known_n);
    json_decref(one_by_one);
    json_decref(rows);
}

/* Each account of which something is kept, wherever and whatever it is: once, in order. */
static void test_accounts(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "'type':'record.created','object_type':'contacts'", "'type':'app.installed','user':2",
        "'type':'catalog.app','name':'n','kind':'private'", "'type':'action.install','user':2",
        "'type':'api.call','method':'GET','status':200"};
    engine_merge(&t);
    for (uint32_t i = 0; i < t.twin_n; i++)
        know(t.twin[i].e.account);
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t account = i % 90 ? 7000 + i / 2 : 0;
        const long long days = i % 7 ? 0 : 29;
        engine_publish(&t, "{'account':%u,'app':1,'time':%lld,%s}", (unsigned)account,
                       NOW_MS - 1000 - days * MS_PER_DAY, kinds[i % N_OF(kinds)]);
        know(account);
        if (i == 70)
            engine_freeze(&t);
    }
    check_accounts("frozen and pending");
    engine_merge(&t);
    check_accounts("stored and pending");
    engine_merge(&t);
    check_accounts("stored");
    t.context.scan_max = 100; /* one window a page */
    check_accounts("in small windows");
    t.context.scan_max = 0;
}

/* ---- conservation ---- */

static void test_conservation(void **state)
{
    (void)state;
    unsigned pages, all_pages;
    engine_merge(&t);
    t.context.scan_max = 900; /* some sheets a page */
    json_t *rows = ask_all(&t, "{'view':'conservation'", &all_pages);
    t.context.scan_max = 0;
    json_t *again = ask_all(&t, "{'view':'conservation'", &pages);
    assert_true(json_equal(rows, again));
    assert_true(all_pages > 5 && pages == 1);
    uint64_t total = 0, want = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        assert_true(json_is_true(json_object_get(row, "ok")));
        assert_int_equal(int_of(row, "by_type"), int_of(row, "total"));
        total += int_of(row, "total");
    }
    for (uint32_t i = 0; i < t.twin_n; i++)
        want += event_group(t.twin[i].e.kind) == GROUP_RECORD ? t.twin[i].e.count : 0;
    assert_int_equal(total, want);
    json_decref(again);
    json_decref(rows);
    rows = ask_all(&t, "{'view':'conservation','faults':true", &pages);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    rows = ask_all(&t, "{'view':'conservation','account':1,'limit':4", &pages);
    for (size_t i = 0; i < json_array_size(rows); i++)
        assert_int_equal(int_of(json_array_get(rows, i), "account"), 1);
    assert_true(json_array_size(rows) > 20);
    json_decref(rows);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activity),
        cmocka_unit_test(test_activity_details),
        cmocka_unit_test(test_pages_while_entries_arrive),
        cmocka_unit_test(test_catching_up),
        cmocka_unit_test(test_apps),
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_conservation),
        cmocka_unit_test(test_accounts),
    };
    if (argc > 1 && text_u64(str_of(argv[1]), &help_seed) != ST_OK) /* a seed to repeat */
        return 64;
    printf("seed %llu\n", (unsigned long long)help_seed);
    return cmocka_run_group_tests(tests, setup, teardown);
}
