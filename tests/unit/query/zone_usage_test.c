/* api_usage in a zone (S24, S31) against a slow twin: random questions over random events, at any
 * time of day, through pages of any size and scan budgets of any size. */
#include "tests/unit/query/help.h"

#include "engine/base/zone.h"
#include "schemas/out.h"

#define EVENTS_N 8000

static struct engine t;

static const char *const zones[] = {"America/New_York",  "Asia/Kathmandu",     "Pacific/Kiritimati",
                                    "Pacific/Pago_Pago", "Europe/Berlin",      "Australia/Eucla",
                                    "Etc/GMT+12",        "Australia/Lord_Howe"};

static void fold_plan(uint64_t account, const char *zone)
{
    struct buf fields = buf_of(4096);
    struct out o = out_to(ENCODING_MSGPACK, &fields);
    out_map(&o, 2);
    out_pair_z(&o, "tier", "professional");
    out_pair_z(&o, "reset_zone", zone);
    out_end(&o);
    const struct event_more more = {.reference_key = STR(""),
                                    .reference_fields = {(const char *)fields.p, fields.n}};
    const struct event e = {
        .account = account, .time_ms = NOW_MS - 1000, .kind = EV_ACCOUNT_PLAN, .count = 1};
    engine_fold(&t, &e, &more);
    buf_fini(&fields);
}

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    fold_plan(301, "Asia/Kathmandu");
    fold_plan(601, "Mars/Olympus");
    for (unsigned i = 0; i < EVENTS_N; i++) {
        struct event_more more;
        const struct event e = random_event(&more);
        engine_fold(&t, &e, &more);
        if (i == EVENTS_N / 2)
            engine_merge(&t);
        if (i == EVENTS_N / 4 * 3)
            engine_freeze(&t);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

/* ---- the question ---- */

struct asked {
    char text[1024];
    uint64_t account, app;
    int32_t from, to;
    int32_t today; /* in the zone */
    int64_t at_ms[3];
    const char *zone;
    bool one_app, by_app, quarter, fill;
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

static void find_days(struct asked *q)
{
    struct zone *z = NULL;
    assert_int_equal(zone_read(NULL, str_of(q->zone), &z), ST_OK);
    q->today = zone_day(z, t.context.now_ms);
    for (int i = 0; i < 3; i++)
        q->at_ms[i] = zone_day_start_ms(z, q->today - 1 + i);
    zone_free(&z);
}

static void begin(struct asked *q)
{
    char day[11];
    *q = (struct asked){.account = 1 + rnd(3) * 300, .zone = zones[rnd(N_OF(zones))]};
    t.context.now_ms = TODAY * MS_PER_DAY + (int64_t)rnd(MS_PER_DAY);
    t.context.scan_max = rnd(2) ? 0 : 1 + (uint32_t)rnd(3000);
    const bool of_plan = q->account == 301 && rnd(2);
    if (of_plan)
        q->zone = "Asia/Kathmandu";
    find_days(q);
    add(q, "{'view':'api_usage','kind':'all','account':%u,'zone':'%s'", (unsigned)q->account,
        of_plan ? "account" : q->zone);
    const int32_t first = q->today - 29 > TODAY - 29 ? q->today - 29 : TODAY - 29;
    q->from = first;
    q->to = q->today;
    if (rnd(2)) {
        q->from = TODAY - (int32_t)rnd(rnd(2) ? 35 : 4);
        add(q, ",'from':'%s'", day_format(q->from, day));
    }
    if (rnd(3) == 0) {
        q->to = q->from + (int32_t)rnd(rnd(2) ? 35 : 4);
        add(q, ",'to':'%s'", day_format(q->to, day));
    }
    q->from = q->from < first ? first : q->from;
    q->to = q->to > q->today ? q->today : q->to;
    if (rnd(3) == 0)
        add(q, ",'limit':%d", (int)(1 + rnd(60)));
    q->one_app = rnd(4) == 0;
    q->app = 1 + rnd(5);
    if (q->one_app)
        add(q, ",'app':%u", (unsigned)q->app);
    q->quarter = rnd(3) == 0;
    if (q->quarter) {
        add(q, ",'slot':'quarter'");
        q->from = q->from < q->today - 1 ? q->today - 1 : q->from;
    }
    q->by_app = rnd(3) > 0;
    add(q, ",'group_by':['day'%s%s]", q->by_app ? ",'app'" : "", q->quarter ? ",'time'" : "");
    q->fill = t.context.scan_max == 0 && rnd(4) == 0;
    if (q->fill)
        add(q, ",'fill':true");
}

/* ---- the twin ---- */

struct group {
    int32_t day;
    uint64_t app;
    unsigned quarter;
    uint64_t n[3];
};

static struct group groups[50000];
static uint32_t groups_n;

static struct group *group_at(struct group key)
{
    for (uint32_t i = 0; i < groups_n; i++)
        if (groups[i].day == key.day && groups[i].app == key.app &&
            groups[i].quarter == key.quarter)
            return &groups[i];
    assert_true(groups_n < N_OF(groups));
    groups[groups_n] = key;
    return &groups[groups_n++];
}

static int by_key(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->app != y->app)
        return x->app < y->app ? -1 : 1;
    return x->quarter < y->quarter ? -1 : x->quarter > y->quarter;
}

static bool is_local(const struct asked *q, int32_t day)
{
    return day >= q->today - 1;
}

static int64_t start_of(const struct asked *q, int32_t day)
{
    return is_local(q, day) ? q->at_ms[day - (q->today - 1)] : day * MS_PER_DAY;
}

static int64_t end_of(const struct asked *q, int32_t day)
{
    return is_local(q, day) ? q->at_ms[day - q->today + 2] : (day + 1) * MS_PER_DAY;
}

static void count(const struct asked *q)
{
    groups_n = 0;
    for (uint32_t i = 0; i < t.twin_n; i++) {
        const struct event *e = &t.twin[i].e;
        if (e->kind != EV_API_CALL || e->account != q->account || (q->one_app && e->app != q->app))
            continue;
        for (int32_t day = q->from; day <= q->to; day++) {
            const int64_t into = e->time_ms - start_of(q, day);
            if (into < 0 || e->time_ms >= end_of(q, day))
                continue;
            struct group *g =
                group_at((struct group){.day = day,
                                        .app = q->by_app ? e->app : 0,
                                        .quarter = q->quarter ? (unsigned)(into / 900000) : 0});
            g->n[0] += e->count;
            g->n[1] += e->status >= 400 ? e->count : 0;
            g->n[2] += e->status == 429 ? e->count : 0;
        }
    }
    const uint32_t n = groups_n;
    for (uint32_t i = 0; i < n && q->fill; i++)
        for (int32_t day = q->from; day <= q->to; day++)
            for (int64_t at = start_of(q, day); at < end_of(q, day); at += 900000) {
                (void)group_at(
                    (struct group){.day = day,
                                   .app = groups[i].app,
                                   .quarter = (unsigned)((at - start_of(q, day)) / 900000)});
                if (!q->quarter)
                    break;
            }
    qsort(groups, groups_n, sizeof *groups, by_key);
}

static json_t *row_of(const struct asked *q, const struct group *g)
{
    char day[11];
    json_t *row = json_object();
    json_object_set_new(row, "day", json_string(day_format(g->day, day)));
    json_object_set_new(row, "zone", json_string(is_local(q, g->day) ? q->zone : "UTC"));
    if (q->by_app) {
        json_object_set_new(row, "app", json_integer((json_int_t)g->app));
        json_object_set_new(row, "kind", json_null());
    }
    if (q->quarter)
        json_object_set_new(row, "time", json_integer(start_of(q, g->day) + g->quarter * 900000));
    json_object_set_new(row, "calls", json_integer((json_int_t)g->n[0]));
    json_object_set_new(row, "errors", json_integer((json_int_t)g->n[1]));
    json_object_set_new(row, "limited", json_integer((json_int_t)g->n[2]));
    return row;
}

static void test_days_of_a_zone(void **state)
{
    (void)state;
    uint64_t rows_n = 0, pages_n = 0;
    for (unsigned round = 0; round < 400; round++) {
        struct asked q;
        unsigned pages;
        begin(&q);
        count(&q);
        json_t *rows = ask_all(&t, q.text, &pages);
        for (uint32_t i = 0; i < groups_n && i < json_array_size(rows); i++) {
            json_t *want = row_of(&q, &groups[i]);
            if (!json_equal(want, json_array_get(rows, i)))
                fail_msg("%s\nat %lld: row %u is %s, not %s", q.text, (long long)t.context.now_ms,
                         i, json_dumps(json_array_get(rows, i), 0), json_dumps(want, 0));
            json_decref(want);
        }
        if (json_array_size(rows) != groups_n)
            fail_msg("%s\nat %lld: %zu rows, not %u", q.text, (long long)t.context.now_ms,
                     json_array_size(rows), groups_n);
        rows_n += groups_n;
        pages_n += pages;
        json_decref(rows);
    }
    print_message("%llu rows on %llu pages\n", (unsigned long long)rows_n,
                  (unsigned long long)pages_n);
}

/* The envelope speaks of days of the zone too. */
static void test_range(void **state)
{
    (void)state;
    t.context.scan_max = 0;
    t.context.now_ms = TODAY * MS_PER_DAY + 12 * 3600000;
    static const struct {
        const char *zone, *asked, *from, *to, *open;
    } rows[] = {
        {"Pacific/Kiritimati", "", "2026-10-26", "2026-11-24", "2026-11-24"},
        {"Pacific/Pago_Pago", "", "2026-10-25", "2026-11-23", "2026-11-23"},
        {"Etc/GMT+12", "", "2026-10-25", "2026-11-23", "2026-11-23"},
        {"Pacific/Kiritimati", ",'to':'2026-11-23'", "2026-10-26", "2026-11-23", NULL},
        {"Pacific/Kiritimati", ",'slot':'quarter'", "2026-11-23", "2026-11-24", "2026-11-24"},
        {"UTC", "", "2026-10-25", "2026-11-23", "2026-11-23"},
        {"account", "", "2026-10-25", "2026-11-23", "2026-11-23"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        json_t *a = ask_ok(&t, "{'view':'api_usage','account':601,'zone':'%s'%s}", rows[i].zone,
                           rows[i].asked);
        json_t *open = json_object_get(a, "open_day");
        if (strcmp(text_of(a, "from"), rows[i].from) != 0 ||
            strcmp(text_of(a, "to"), rows[i].to) != 0 || json_is_null(open) != !rows[i].open ||
            (rows[i].open && strcmp(json_string_value(open), rows[i].open) != 0))
            fail_msg("row %zu: %s %s %s", i, text_of(a, "from"), text_of(a, "to"),
                     json_dumps(open, JSON_ENCODE_ANY));
        json_decref(a);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    t.context.now_ms = NOW_MS;
    static const char *const bad[] = {"Mars/Olympus", "../../etc/passwd", "/etc/localtime",
                                      "localtime",    "posix/UTC",        "Europe",
                                      "UTC "};
    for (size_t i = 0; i < N_OF(bad); i++) {
        char question[256], words[256];
        text_fmt(question, sizeof question, "{'view':'api_usage','account':1,'zone':'%s'}", bad[i]);
        text_fmt(words, sizeof words, "zone is \"%s\"; allowed: UTC, account, or the name", bad[i]);
        ask_refused(&t, "bad_parameter", words, question);
    }
    ask_refused(&t, "bad_parameter", "group_by leaves day out",
                "{'view':'api_usage','account':1,'zone':'Asia/Tokyo','group_by':'app'}");
    json_decref(ask_ok(&t, "{'view':'api_usage','account':1,'zone':'Asia/Tokyo',"
                           "'group_by':'app','from':'2026-11-22'}"));
    json_decref(ask_ok(&t, "{'view':'api_usage','account':1,'zone':'Asia/Tokyo',"
                           "'group_by':'app','to':'2026-11-21'}"));
    /* A plan that names no zone there is: UTC, and the rows say so. */
    json_t *a = ask_ok(&t, "{'view':'api_usage','account':601,'zone':'account'}");
    assert_string_equal(text_of(json_array_get(rows_of(a), 0), "zone"), "UTC");
    json_decref(a);
}

/* Sums over days of the zone without telling them apart. */
static void test_sums_over_both_days(void **state)
{
    (void)state;
    struct asked q = {.zone = "America/New_York"};
    t.context.now_ms = NOW_MS;
    find_days(&q);
    uint64_t calls = 0;
    for (uint32_t i = 0; i < t.twin_n; i++) {
        const struct event *e = &t.twin[i].e;
        if (e->kind == EV_API_CALL && e->account == 1 && e->time_ms >= q.at_ms[0] &&
            e->time_ms < q.at_ms[2])
            calls += e->count;
    }
    json_t *a = ask_ok(&t, "{'view':'api_usage','account':1,'zone':'America/New_York','kind':'all',"
                           "'group_by':[],'from':'2026-11-22'}");
    assert_int_equal(int_of(json_array_get(rows_of(a), 0), "calls"), calls);
    json_decref(a);
}

/* A cursor within a day whose quarters are gone by the time it comes back. */
static void test_a_cursor_outlives_its_day(void **state)
{
    (void)state;
    t.context.now_ms = NOW_MS;
    json_t *a = ask_ok(&t, "{'view':'api_usage','account':1,'zone':'Asia/Tokyo','limit':1,"
                           "'from':'2026-11-22'}");
    char *cursor = strdup(text_of(a, "cursor"));
    json_decref(a);
    t.context.now_ms = NOW_MS + 2 * MS_PER_DAY;
    char question[2048];
    text_fmt(question, sizeof question,
             "{'view':'api_usage','account':1,'zone':'Asia/Tokyo','limit':1,'from':'2026-11-22',"
             "'cursor':'%s'}",
             cursor);
    ask_refused(&t, "bad_cursor", "no longer kept by quarter-hours", question);
    free(cursor);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_of_a_zone),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_sums_over_both_days),
        cmocka_unit_test(test_a_cursor_outlives_its_day),
    };
    if (argc > 1 && text_u64(str_of(argv[1]), &help_seed) != ST_OK) /* a seed to repeat */
        return 64;
    printf("seed %llu\n", (unsigned long long)help_seed);
    return cmocka_run_group_tests(tests, setup, teardown);
}
