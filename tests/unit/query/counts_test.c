/* records, api_usage and distinct_records against a slow twin: random questions over random events,
 * through pages of any size and scan budgets of any size. */
#include "tests/unit/query/help.h"

#include "schemas/out.h"

#define EVENTS_N 12000

static struct engine t;

/* ---- the catalogue ---- */

static const char *const kind_names[] = {NULL, "private", "marketplace", "built-in"};

/* Which kind an app has, in every account: fixed by its number. */
static const char *kind_of(uint64_t app)
{
    return app == 0 ? NULL : kind_names[app % 4];
}

static void fold_catalogue(uint64_t account, uint64_t app)
{
    char key[24];
    struct buf fields = buf_of(4096);
    struct out o = out_to(ENCODING_MSGPACK, &fields);
    out_map(&o, 3);
    out_pair_z(&o, "name", "an app");
    out_key(&o, "required_scopes");
    out_array(&o, 2);
    out_z(&o, "crm.objects.contacts.read");
    out_z(&o, "oauth");
    out_end(&o);
    out_pair_z(&o, "kind", kind_of(app));
    out_end(&o);
    text_fmt(key, sizeof key, "%llu", (unsigned long long)app);
    const struct event_more more = {.reference_key = str_of(key),
                                    .reference_fields = {(const char *)fields.p, fields.n}};
    const struct event e = {.account = account,
                            .app = app,
                            .time_ms = NOW_MS - 1000,
                            .kind = EV_CATALOG_APP,
                            .count = 1};
    engine_fold(&t, &e, &more);
    buf_fini(&fields);
}

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    for (uint64_t account = 1; account < 900; account += 300)
        for (uint64_t app = 1; app <= 40; app++)
            if (kind_of(app))
                fold_catalogue(account, app);
    for (unsigned i = 0; i < EVENTS_N; i++) {
        struct event_more more;
        const struct event e = random_event(&more);
        engine_fold(&t, &e, &more);
        if (i == EVENTS_N / 2 || i == EVENTS_N / 4 * 3)
            engine_merge(&t);
        if (i == EVENTS_N / 8 * 7)
            engine_freeze(&t); /* the rest is spread over both generations */
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

/* ---- a random question, as text and as the twin understands it ---- */

static const char *const action_names[] = {"created", "updated",  "deleted",
                                           "merged",  "restored", "associated"};

struct asked {
    char text[4096];
    uint64_t account;
    int32_t from, to;
    bool apps_given, types_given, actions_given;
    uint64_t apps, actions; /* bit sets */
    uint64_t types;         /* bit per (id >> 2), class 0 and 1 alike */
    bool by_day, by_app, by_type, by_action, by_time;
    bool fill, range, quarter;
    const char *kind; /* NULL: all */
};

static void add(struct asked *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct asked *q, const char *fmt, ...)
{
    const size_t n = strlen(q->text);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(q->text + n, sizeof q->text - n, fmt, ap);
    va_end(ap);
}

static void begin(struct asked *q, const char *view)
{
    char day[11];
    *q = (struct asked){.from = TODAY - 29, .to = TODAY};
    q->account = rnd(10) ? 1 + rnd(3) * 300 : 77;
    add(q, "{'view':'%s','account':%d", view, (int)q->account);
    if (rnd(2)) {
        q->from = TODAY - (int32_t)rnd(35);
        add(q, ",'from':'%s'", day_format(q->from, day));
    }
    if (rnd(3) == 0) {
        q->to = q->from + (int32_t)rnd(35);
        add(q, ",'to':'%s'", day_format(q->to, day));
    }
    if (rnd(3) == 0)
        add(q, ",'limit':%d", (int)(1 + rnd(60)));
    if (rnd(2) == 0) {
        q->apps_given = true;
        add(q, ",'app':[");
        for (unsigned i = 0, n = 1 + (unsigned)rnd(4); i < n; i++) {
            const unsigned app = (unsigned)rnd(45);
            q->apps |= UINT64_C(1) << app;
            add(q, "%s%u", i ? "," : "", app);
        }
        add(q, "]");
    }
    q->from = q->from < TODAY - 29 ? TODAY - 29 : q->from;
    q->to = q->to > TODAY ? TODAY : q->to;
    t.context.scan_max = rnd(3) ? 0 : 1 + (uint32_t)(rnd(2) ? rnd(200) : rnd(20000));
}

static void add_actions(struct asked *q, unsigned most)
{
    q->actions_given = true;
    add(q, ",'action':[");
    for (unsigned i = 0, n = 1 + (unsigned)rnd(most); i < n; i++) {
        const unsigned action = (unsigned)rnd(6);
        q->actions |= 1u << action;
        add(q, "%s'%s'", i ? "," : "", action_names[action]);
    }
    add(q, "]");
}

static bool asked_for(const struct asked *q, const struct event *e)
{
    const int32_t day = day_of_ms(e->time_ms);
    return e->account == q->account && day >= q->from && day <= q->to &&
           (!q->apps_given || (q->apps >> e->app & 1));
}

/* ---- the twin's groups ---- */

#define TYPES_MAX 80 /* object type ids of random events are below */

struct group {
    int32_t day;
    uint64_t app, type;
    unsigned action, quarter;
    uint64_t n[3];
    uint64_t records[TYPES_MAX]; /* by object type: bit per record 1..60 */
};

static struct group groups[100000];
static uint32_t groups_n;

static struct group *group_at(struct group key)
{
    for (uint32_t i = 0; i < groups_n; i++) {
        struct group *g = &groups[i];
        if (g->day == key.day && g->app == key.app && g->type == key.type &&
            g->action == key.action && g->quarter == key.quarter)
            return g;
    }
    assert_true(groups_n < N_OF(groups));
    groups[groups_n] = key;
    return &groups[groups_n++];
}

static int group_order(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->app != y->app)
        return x->app < y->app ? -1 : 1;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->action != y->action)
        return x->action < y->action ? -1 : 1;
    return x->quarter < y->quarter ? -1 : x->quarter > y->quarter;
}

static void add_zeros(const struct asked *q)
{
    const uint32_t n = groups_n;
    for (uint32_t i = 0; i < n && q->fill && q->by_day; i++)
        for (int32_t day = q->from; day <= q->to; day++)
            for (unsigned quarter = 0; quarter < (q->by_time ? 96 : 1); quarter++)
                (void)group_at((struct group){.day = day,
                                              .app = groups[i].app,
                                              .type = groups[i].type,
                                              .action = groups[i].action,
                                              .quarter = quarter});
    qsort(groups, groups_n, sizeof *groups, group_order);
}

static json_t *row_of(const struct asked *q, const struct group *g)
{
    json_t *row = json_object();
    char day[11];
    if (q->by_day)
        json_object_set_new(row, "day", json_string(day_format(g->day, day)));
    if (q->by_app)
        json_object_set_new(row, "app", json_integer((json_int_t)g->app));
    return row;
}

static uint64_t compared_rows, compared_pages; /* printed, so that a test of nothing is seen */

static void compare(const struct asked *q,
                    json_t *(*expected)(const struct asked *, const struct group *))
{
    unsigned pages;
    add_zeros(q);
    json_t *rows = ask_all(&t, q->text, &pages);
    for (uint32_t i = 0; i < groups_n && i < json_array_size(rows); i++) {
        json_t *want = expected(q, &groups[i]);
        if (!json_equal(want, json_array_get(rows, i))) {
            char *a = json_dumps(want, 0), *b = json_dumps(json_array_get(rows, i), 0);
            fail_msg("%s\nrow %u is %s, not %s", q->text, i, b, a);
        }
        json_decref(want);
    }
    if (json_array_size(rows) != groups_n)
        fail_msg("%s\n%zu rows, not %u", q->text, json_array_size(rows), groups_n);
    compared_rows += groups_n;
    compared_pages += pages;
    json_decref(rows);
}

/* ---- records ---- */

static const char *type_text(uint64_t type, char buf[static 32])
{
    const struct str s = object_type_text(type, (struct str){NULL, 0}, buf);
    static char copy[40];
    text_fmt(copy, sizeof copy, "%.*s", (int)s.n, s.p);
    return copy;
}

static unsigned count_records(const uint64_t records[TYPES_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < TYPES_MAX; i++)
        n += (unsigned)__builtin_popcountll(records[i]);
    return n;
}

static json_t *records_row(const struct asked *q, const struct group *g)
{
    char buf[32];
    json_t *row = row_of(q, g);
    if (q->by_type)
        json_object_set_new(row, "object_type", json_string(type_text(g->type, buf)));
    if (q->by_action)
        json_object_set_new(row, "action", json_string(action_names[g->action]));
    json_object_set_new(row, "count", json_integer((json_int_t)g->n[0]));
    return row;
}

static void ask_records(struct asked *q)
{
    begin(q, "records");
    if (rnd(3) == 0)
        add_actions(q, 3);
    if (rnd(3) == 0) {
        q->types_given = true;
        const uint64_t type = 1 + rnd(5);
        q->types = type << 2;
        add(q, ",'object_type':'0-%u'", (unsigned)type);
    }
    q->by_day = q->by_app = q->by_type = q->by_action = true;
    if (rnd(4)) {
        bool *const by[] = {&q->by_day, &q->by_app, &q->by_type, &q->by_action};
        static const char *const names[] = {"day", "app", "object_type", "action"};
        const char *joint = "";
        add(q, ",'group_by':[");
        for (unsigned i = 0; i < 4; i++) {
            *by[i] = rnd(2);
            if (*by[i]) {
                add(q, "%s'%s'", joint, names[i]);
                joint = ",";
            }
        }
        add(q, "]");
    }
    if (t.context.scan_max == 0 && rnd(4) == 0) {
        q->fill = true;
        add(q, ",'fill':true");
    }
}

static void test_records(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct asked q;
        ask_records(&q);
        groups_n = 0;
        for (uint32_t i = 0; i < t.twin_n; i++) {
            const struct event *e = &t.twin[i].e;
            if (event_group(e->kind) != GROUP_RECORD || !asked_for(&q, e))
                continue;
            const unsigned action = e->kind - EV_RECORD_CREATED;
            if ((q.actions_given && !(q.actions >> action & 1)) ||
                (q.types_given && q.types != e->object_type))
                continue;
            group_at((struct group){.day = q.by_day ? day_of_ms(e->time_ms) : 0,
                                    .app = q.by_app ? e->app : 0,
                                    .type = q.by_type ? e->object_type : 0,
                                    .action = q.by_action ? action : 0})
                ->n[0] += e->count;
        }
        compare(&q, records_row);
    }
}

/* ---- api_usage ---- */

static json_t *usage_row(const struct asked *q, const struct group *g)
{
    json_t *row = row_of(q, g);
    if (q->by_app)
        json_object_set_new(row, "kind",
                            kind_of(g->app) ? json_string(kind_of(g->app)) : json_null());
    if (q->by_time)
        json_object_set_new(row, "time", json_integer(g->day * MS_PER_DAY + g->quarter * 900000));
    json_object_set_new(row, "calls", json_integer((json_int_t)g->n[0]));
    json_object_set_new(row, "errors", json_integer((json_int_t)g->n[1]));
    json_object_set_new(row, "limited", json_integer((json_int_t)g->n[2]));
    return row;
}

static void ask_usage(struct asked *q)
{
    static const char *const kinds[] = {"private", "marketplace", "built-in", "all"};
    begin(q, "api_usage");
    q->kind = "private";
    if (rnd(2)) {
        q->kind = kinds[rnd(4)];
        add(q, ",'kind':'%s'", q->kind);
    }
    q->by_day = q->by_app = true;
    q->quarter = rnd(3) == 0;
    if (q->quarter) {
        add(q, ",'slot':'quarter'");
        q->from = q->from < TODAY - 2 ? TODAY - 2 : q->from;
        q->by_time = true;
    }
    if (rnd(2)) {
        q->by_app = rnd(2);
        q->by_time = q->quarter && rnd(2);
        q->by_day = q->by_time || rnd(2);
        add(q, ",'group_by':[");
        const char *joint = "";
        if (q->by_app)
            add(q, "'app'"), joint = ",";
        if (q->by_day)
            add(q, "%s'day'", joint), joint = ",";
        if (q->by_time)
            add(q, "%s'time'", joint);
        add(q, "]");
    }
    if (t.context.scan_max == 0 && rnd(4) == 0) {
        q->fill = true;
        add(q, ",'fill':true");
    }
}

static bool kind_asked(const struct asked *q, uint64_t app)
{
    if (strcmp(q->kind, "all") == 0)
        return true;
    const char *kind = kind_of(app) ? kind_of(app) : "private";
    return app != 0 && strcmp(kind, q->kind) == 0;
}

static void test_usage(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct asked q;
        ask_usage(&q);
        groups_n = 0;
        for (uint32_t i = 0; i < t.twin_n; i++) {
            const struct event *e = &t.twin[i].e;
            if (e->kind != EV_API_CALL || !asked_for(&q, e) || !kind_asked(&q, e->app))
                continue;
            struct group *g = group_at((struct group){
                .day = q.by_day ? day_of_ms(e->time_ms) : 0,
                .app = q.by_app ? e->app : 0,
                .quarter = q.by_time ? (unsigned)(e->time_ms % MS_PER_DAY / 900000) : 0});
            g->n[0] += e->count;
            g->n[1] += e->status >= 400 ? e->count : 0;
            g->n[2] += e->status == 429 ? e->count : 0;
        }
        compare(&q, usage_row);
    }
}

/* ---- distinct_records ---- */

static json_t *distinct_row(const struct asked *q, const struct group *g)
{
    json_t *row = row_of(q, g);
    if (q->by_action)
        json_object_set_new(row, "action", json_string(action_names[g->action]));
    json_object_set_new(row, "records", json_integer(count_records(g->records)));
    json_object_set_new(row, "exact", json_true());
    json_object_set_new(row, "without_record", json_integer((json_int_t)(g->n[0] - g->n[1])));
    return row;
}

static void ask_distinct(struct asked *q)
{
    begin(q, "distinct_records");
    q->by_day = q->by_app = q->by_action = true;
    if (rnd(3)) {
        static const char *const names[] = {"day", "app", "action"};
        bool *const by[] = {&q->by_day, &q->by_app, &q->by_action};
        const char *joint = "";
        add(q, ",'group_by':[");
        for (unsigned i = 0; i < 3; i++) {
            *by[i] = i == 1 || rnd(2); /* without app there are too many to unite */
            if (*by[i])
                add(q, "%s'%s'", joint, names[i]), joint = ",";
        }
        add(q, "]");
    }
    if (rnd(3) == 0)
        add_actions(q, q->by_action ? 3 : 1);
    if (rnd(3) == 0) {
        q->range = true;
        add(q, ",'total':'range'");
        q->by_day = false;
    }
}

static uint64_t record_of(uint64_t hash)
{
    for (uint64_t i = 1; i <= 60; i++)
        if (hash_mix(i) == hash)
            return i;
    return 0;
}

static void test_distinct(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct asked q;
        ask_distinct(&q);
        groups_n = 0;
        for (uint32_t i = 0; i < t.twin_n; i++) {
            const struct event *e = &t.twin[i].e;
            const unsigned action = e->kind - EV_RECORD_CREATED;
            if (event_group(e->kind) != GROUP_RECORD || !asked_for(&q, e) ||
                (q.actions_given && !(q.actions >> action & 1)))
                continue;
            struct group *g = group_at((struct group){.day = q.by_day ? day_of_ms(e->time_ms) : 0,
                                                      .app = q.by_app ? e->app : 0,
                                                      .action = q.by_action ? action : 0});
            g->n[0] += e->count;
            if (e->record_hash) {
                g->n[1] += e->count;
                g->records[e->object_type] |= UINT64_C(1) << record_of(e->record_hash);
            }
        }
        compare(&q, distinct_row);
    }
    t.context.scan_max = 0;
}

/* Unions over apps: the whole account on one day, or one app over the range. */
static void test_union_over_apps(void **state)
{
    (void)state;
    uint64_t records[TYPES_MAX] = {0}, events = 0, with = 0;
    for (uint32_t i = 0; i < t.twin_n; i++) {
        const struct event *e = &t.twin[i].e;
        if (event_group(e->kind) != GROUP_RECORD || e->account != 1 ||
            day_of_ms(e->time_ms) != TODAY)
            continue;
        events += e->count;
        with += e->record_hash ? e->count : 0;
        if (e->record_hash)
            records[e->object_type] |= UINT64_C(1) << record_of(e->record_hash);
    }
    json_t *a =
        ask_ok(&t, "{'view':'distinct_records','account':1,'from':'2026-11-23','group_by':[]}");
    json_t *row = json_array_get(rows_of(a), 0);
    assert_int_equal(json_array_size(rows_of(a)), 1);
    assert_int_equal(int_of(row, "records"), count_records(records));
    assert_int_equal(int_of(row, "without_record"), events - with);
    json_decref(a);
    ask_refused(&t, "limit", "name app", "{'view':'distinct_records','account':1,'group_by':[]}");
    ask_refused(&t, "bad_parameter", "app has 2 values",
                "{'view':'distinct_records','account':1,'group_by':['day'],'app':[1,2]}");
}

/* ---- what is special ---- */

static void test_fill_over_the_budget(void **state)
{
    (void)state;
    t.context.scan_max = 10;
    ask_refused(&t, "limit", "narrow from and to", "{'view':'records','account':1,'fill':true}");
    t.context.scan_max = 0;
}

/* The first part of a day may hold app 0 alone: then app 0 is where the other days end, too. */
static void test_a_part_of_app_0_alone(void **state)
{
    (void)state;
    struct event e = {.account = 8888, .kind = EV_RECORD_CREATED, .count = 1};
    for (unsigned i = 0; i < 1200; i++) { /* many types: a part of their own */
        e.object_type = (1 + i) << 2;
        e.time_ms = (TODAY - 1) * MS_PER_DAY;
        engine_fold(&t, &e, NULL);
    }
    for (int32_t day = TODAY - 3; day <= TODAY; day++)
        for (e.app = 1; e.app < 400; e.app++) {
            e.object_type = (1 + e.app) << 2;
            e.time_ms = day * MS_PER_DAY;
            engine_fold(&t, &e, NULL);
        }
    engine_merge(&t); /* the frozen one */
    engine_merge(&t);
    for (uint32_t scan_max = 1; scan_max < 4000; scan_max = scan_max * 2 + 1) {
        unsigned pages;
        t.context.scan_max = scan_max;
        json_t *rows = ask_all(&t, "{'view':'records','account':8888,'group_by':'app'", &pages);
        assert_int_equal(json_array_size(rows), 400);
        for (size_t i = 0; i < 400; i++) {
            json_t *row = json_array_get(rows, i);
            assert_int_equal(int_of(row, "app"), i);
            assert_int_equal(int_of(row, "count"), i ? 4 : 1200);
        }
        json_decref(rows);
    }
    t.context.scan_max = 0;
}

static void test_time_needs_quarters(void **state)
{
    (void)state;
    ask_refused(&t, "bad_parameter", "slot quarter",
                "{'view':'api_usage','account':1,'group_by':['day','time']}");
    ask_refused(&t, "bad_parameter", "with day",
                "{'view':'api_usage','account':1,'group_by':'time','slot':'quarter'}");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_distinct),
        cmocka_unit_test(test_union_over_apps),
        cmocka_unit_test(test_fill_over_the_budget),
        cmocka_unit_test(test_time_needs_quarters),
        cmocka_unit_test(test_a_part_of_app_0_alone),
    };
    if (argc > 1 && text_u64(str_of(argv[1]), &help_seed) != ST_OK) /* a seed to repeat */
        return 64;
    printf("seed %llu\n", (unsigned long long)help_seed);
    const int failed = cmocka_run_group_tests(tests, setup, teardown);
    printf("%llu rows compared on %llu pages\n", (unsigned long long)compared_rows,
           (unsigned long long)compared_pages);
    return failed;
}
