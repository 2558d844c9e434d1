/* What is unusual (S25, S29), against slow twins that count events one by one: usage_alerts and
 * record_alerts through pages of any size and scan budgets of any size, and the rhythm they share.
 */
#include "tests/unit/query/help.h"

#include "engine/query/rhythm.h"
#include "schemas/out.h"

#define APPS_N   14
#define ACCOUNTS 2
#define DAYS_N   30
#define FIRST    (TODAY - DAYS_N + 1)

static struct engine t;

static const char *const action_names[] = {"created", "updated",  "deleted",
                                           "merged",  "restored", "associated"};
static const char *const kind_names[] = {NULL, "private", "marketplace", "built-in"};

/* ---- what the apps do ---- */

static void fold_kind(uint64_t account, uint64_t app)
{
    char key[24];
    struct buf fields = buf_of(4096);
    struct out o = out_to(ENCODING_MSGPACK, &fields);
    out_map(&o, 2);
    out_pair_z(&o, "name", "an app");
    out_pair_z(&o, "kind", kind_names[app % 4]);
    out_end(&o);
    text_fmt(key, sizeof key, "%llu", (unsigned long long)app);
    const struct event_more more = {.reference_key = str_of(key),
                                    .reference_fields = {(const char *)fields.p, fields.n}};
    engine_fold(&t,
                &(struct event){.account = account,
                                .app = app,
                                .time_ms = NOW_MS - 1000,
                                .kind = EV_CATALOG_APP,
                                .count = 1},
                &more);
    buf_fini(&fields);
}

/* n units in a few events at random times of the day; today up to NOW_MS. */
static void fold_units(struct event e, int32_t day, uint64_t n)
{
    while (n > 0) {
        const uint64_t part = n < 4 ? n : 1 + rnd(n);
        e.time_ms = day * MS_PER_DAY + (int64_t)rnd(day == TODAY ? 36000000 : MS_PER_DAY);
        e.count = (uint32_t)part;
        engine_fold(&t, &e, NULL);
        n -= part;
    }
}

/* A habit: so many units a day, by weekday, with noise and now and then something else. */
struct habit {
    uint64_t usual, weekend, noise;
    int32_t first_day;
    unsigned odd; /* one day in so many is unlike the others */
};

static struct habit random_habit(void)
{
    static const uint64_t sizes[] = {0, 3, 90, 110, 1000, 40000};
    struct habit h = {.usual = sizes[rnd(N_OF(sizes))], .odd = 4 + (unsigned)rnd(30)};
    h.weekend = rnd(2) ? h.usual : sizes[rnd(N_OF(sizes))];
    h.noise = rnd(3) ? h.usual / 8 : h.usual;
    h.first_day = rnd(2) ? FIRST : FIRST + (int32_t)rnd(DAYS_N);
    return h;
}

static uint64_t units_of(const struct habit *h, int32_t day)
{
    if (day < h->first_day)
        return 0;
    const uint64_t base = day % 7 < 2 ? h->weekend : h->usual;
    if (rnd(h->odd) == 0)
        return rnd(3) ? base * (2 + rnd(20)) : rnd(base + 1);
    return base + (h->noise ? rnd(h->noise) : 0);
}

static void fold_app(uint64_t account, uint64_t app)
{
    struct habit calls = random_habit(), records[6];
    for (unsigned i = 0; i < 6; i++)
        records[i] = random_habit();
    const uint64_t errors_in = 2 + rnd(60);
    for (int32_t day = FIRST; day <= TODAY; day++) {
        struct event e = {.account = account, .app = app, .kind = EV_API_CALL, .status = 200};
        const uint64_t n = units_of(&calls, day);
        fold_units(e, day, n);
        e.status = rnd(2) ? 500 : 429;
        if (rnd(3) == 0)
            fold_units(e, day, n / errors_in);
        for (unsigned i = 0; i < 6; i++) {
            e = (struct event){.account = account, .app = app};
            e.kind = (EV_RECORD_CREATED + rnd(6)) & 255;
            e.object_type = (1 + rnd(i + 1)) << 2 | (rnd(8) == 0);
            if (rnd(3) == 0)
                fold_units(e, day, units_of(&records[i], day));
        }
    }
}

static int setup(void **state)
{
    (void)state;
    engine_open(&t);
    for (uint64_t account = 1; account <= ACCOUNTS; account++)
        for (uint64_t app = 0; app < APPS_N; app++) {
            if (kind_names[app % 4])
                fold_kind(account, app);
            fold_app(account, app);
            if (account == 1 && app % 5 == 4)
                engine_merge(&t);
        }
    engine_freeze(&t);
    fold_app(2, 3); /* once more, pending above what is frozen */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    engine_close(&t);
    return 0;
}

/* ---- the twins' sums, made once: a pass over all events for every question would be slow ---- */

#define TYPES_MAX 32

static uint64_t calls[ACCOUNTS + 1][APPS_N][DAYS_N], errors[ACCOUNTS + 1][APPS_N][DAYS_N],
    limited[ACCOUNTS + 1][APPS_N][DAYS_N];
static uint64_t records[ACCOUNTS + 1][APPS_N][DAYS_N][TYPES_MAX][6];

static void count_all(void)
{
    for (uint32_t i = 0; i < t.twin_n; i++) {
        const struct event *e = &t.twin[i].e;
        const int32_t day = day_of_ms(e->time_ms) - FIRST;
        if (e->kind == EV_API_CALL) {
            calls[e->account][e->app][day] += e->count;
            errors[e->account][e->app][day] += e->status >= 400 ? e->count : 0;
            limited[e->account][e->app][day] += e->status == 429 ? e->count : 0;
        } else if (event_group(e->kind) == GROUP_RECORD) {
            assert_true(e->object_type < TYPES_MAX);
            records[e->account][e->app][day][e->object_type][e->kind - EV_RECORD_CREATED] +=
                e->count;
        }
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double median_of(const uint64_t *values, unsigned n)
{
    uint64_t copy[64];
    memcpy(copy, values, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, by_value);
    return (double)copy[(n - 1) / 2];
}

/* The rule in its own words. 1: high, -1: low. */
static int slow_judge(const uint64_t *days, unsigned n, unsigned i, bool last_open,
                      double *expected)
{
    uint64_t closed[64], off[64], weekdays[64];
    unsigned closed_n = 0, weekdays_n = 0, first = 0;
    while (first < n && !days[first])
        first++;
    const unsigned end = last_open ? n - 1 : n;
    for (unsigned k = first; k < end; k++)
        closed[closed_n++] = days[k];
    if (closed_n < 7 || i < first)
        return 0;
    const double median = median_of(closed, closed_n);
    for (unsigned k = 0; k < closed_n; k++)
        off[k] = (uint64_t)(closed[k] > (uint64_t)median ? closed[k] - (uint64_t)median
                                                         : (uint64_t)median - closed[k]);
    double spread = median_of(off, closed_n);
    const double tenth = (double)((uint64_t)median / 10);
    spread = spread < tenth ? tenth : spread;
    spread = spread < 1 ? 1 : spread;
    for (unsigned k = first; k < end; k++)
        if (k != i && k % 7 == i % 7)
            weekdays[weekdays_n++] = days[k];
    const bool weekly = weekdays_n >= 2;
    const double weekday = weekly ? median_of(weekdays, weekdays_n) : 0, x = (double)days[i];
    *expected = weekly ? weekday : median;
    if (x > median + 5 * spread && x >= 100 && (!weekly || x > 2 * weekday))
        return 1;
    if (i < end && x < median - 5 * spread && median >= 100 && (!weekly || 2 * x < weekday))
        return -1;
    return 0;
}

static void test_rhythm(void **state)
{
    (void)state;
    unsigned found[3] = {0};
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t days[RHYTHM_DAYS_MAX];
        const struct habit h = random_habit();
        const unsigned n = (unsigned)rnd(RHYTHM_DAYS_MAX + 1), from = (unsigned)rnd(8);
        for (unsigned i = 0; i < n; i++)
            days[i] = i < from ? 0 : units_of(&h, FIRST + DAYS_N + (int32_t)i);
        const bool open = n && rnd(2);
        struct rhythm r;
        rhythm_of(days, n, open, &r);
        for (unsigned i = 0; i < n; i++) {
            uint64_t expected = 0;
            double want = 0;
            const enum rhythm_verdict v = rhythm_judge(&r, i, &expected);
            const int slow = slow_judge(days, n, i, open, &want);
            assert_int_equal(v, slow > 0 ? RHYTHM_HIGH : slow < 0 ? RHYTHM_LOW : RHYTHM_USUAL);
            if (slow)
                assert_int_equal(expected, (uint64_t)want);
            found[v]++;
        }
    }
    assert_true(found[RHYTHM_HIGH] > 100 && found[RHYTHM_LOW] > 100);
    print_message("%u usual, %u high, %u low\n", found[0], found[1], found[2]);
}

/* The rule by hand: a constant app, its weekends, a spike, a day of silence. */
static void test_rhythm_by_hand(void **state)
{
    (void)state;
    static const struct {
        uint64_t days[15]; /* the last one is open */
        unsigned at;
        enum rhythm_verdict verdict;
        uint64_t expected;
    } rows[] = {
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 150},
         14,
         RHYTHM_USUAL,
         100},
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 201},
         14,
         RHYTHM_HIGH,
         100},
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 200},
         14,
         RHYTHM_USUAL,
         100},
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 49, 100, 100, 100, 100, 0},
         9,
         RHYTHM_LOW,
         100},
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 51, 100, 100, 100, 100, 0},
         9,
         RHYTHM_USUAL,
         100},
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 49, 100, 100, 100, 100, 0},
         14,
         RHYTHM_USUAL,
         100},
        {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 99},
         14,
         RHYTHM_USUAL,
         1}, /* too few to matter */
        {{500, 1, 1, 1, 1, 1, 1, 500, 1, 1, 1, 1, 1, 1, 500},
         14,
         RHYTHM_USUAL,
         500}, /* every week */
        {{500, 1, 1, 1, 1, 1, 1, 500, 1, 1, 1, 1, 1, 1, 1001}, 14, RHYTHM_HIGH, 500},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 900}, 14, RHYTHM_USUAL, 0}, /* 5 closed days */
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct rhythm r;
        uint64_t expected;
        rhythm_of(rows[i].days, 15, true, &r);
        const enum rhythm_verdict v = rhythm_judge(&r, rows[i].at, &expected);
        if (v != rows[i].verdict || (v != RHYTHM_USUAL && expected != rows[i].expected))
            fail_msg("row %zu: verdict %d, expected %llu", i, v, (unsigned long long)expected);
    }
}

/* ---- alerts ---- */

struct asked {
    char text[1024];
    uint64_t account, app;
    int32_t from, to;
    bool one_app;
    unsigned rules; /* bit set; 0: all */
    const char *kind;
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

static void begin(struct asked *q, const char *view, const char *const rules[], unsigned rules_n)
{
    char day[11];
    *q = (struct asked){.account = 1 + rnd(ACCOUNTS), .from = FIRST, .to = TODAY};
    t.context.scan_max = rnd(2) ? 0 : 1 + (uint32_t)rnd(5000);
    add(q, "{'view':'%s','account':%u", view, (unsigned)q->account);
    if (rnd(2)) {
        q->from = TODAY - (int32_t)rnd(35);
        add(q, ",'from':'%s'", day_format(q->from, day));
        q->from = q->from < FIRST ? FIRST : q->from;
    }
    if (rnd(3) == 0) {
        q->to = q->from + (int32_t)rnd(35);
        add(q, ",'to':'%s'", day_format(q->to, day));
        q->to = q->to > TODAY ? TODAY : q->to;
    }
    if (rnd(3) == 0) {
        q->one_app = true;
        q->app = 1 + rnd(APPS_N - 1);
        add(q, ",'app':%u", (unsigned)q->app);
    }
    if (rnd(3) == 0) {
        const unsigned a = (unsigned)rnd(rules_n), b = (unsigned)rnd(rules_n);
        q->rules = 1u << a | 1u << b;
        add(q, ",'rule':['%s','%s']", rules[a], rules[b]);
    }
    if (rnd(2))
        add(q, ",'limit':%u", 1 + (unsigned)rnd(7));
}

static bool row_asked(const struct asked *q, int32_t day, unsigned rule)
{
    return day >= q->from && day <= q->to && (!q->rules || (q->rules >> rule & 1));
}

static json_t *row_of(uint64_t app, int32_t day, const char *rule, uint64_t value,
                      uint64_t expected)
{
    char text[11];
    return json_pack("{s:I,s:s,s:s,s:I,s:I}", "app", (json_int_t)app, "day", day_format(day, text),
                     "rule", rule, "value", (json_int_t)value, "expected", (json_int_t)expected);
}

static uint64_t rows_n, pages_n; /* printed, so that a test of nothing is seen */

static void compare(const struct asked *q, json_t *want)
{
    unsigned pages;
    json_t *rows = ask_all(&t, q->text, &pages);
    for (size_t i = 0; i < json_array_size(want) && i < json_array_size(rows); i++)
        if (!json_equal(json_array_get(want, i), json_array_get(rows, i)))
            fail_msg("%s\nrow %zu is %s, not %s", q->text, i,
                     json_dumps(json_array_get(rows, i), 0),
                     json_dumps(json_array_get(want, i), 0));
    if (json_array_size(rows) != json_array_size(want))
        fail_msg("%s\n%zu rows, not %zu", q->text, json_array_size(rows), json_array_size(want));
    rows_n += json_array_size(rows);
    pages_n += pages;
    json_decref(rows);
    json_decref(want);
}

static const char *const usage_rules[] = {"drop", "error_rate", "limited", "spike"};

static json_t *usage_alerts(const struct asked *q)
{
    json_t *want = json_array();
    for (uint64_t app = 1; app < APPS_N; app++) {
        const char *kind = kind_names[app % 4] ? kind_names[app % 4] : "private";
        if ((q->one_app && app != q->app) || (q->kind && strcmp(kind, q->kind) != 0))
            continue;
        const uint64_t *n = calls[q->account][app];
        for (int32_t day = FIRST; day <= TODAY; day++) {
            const unsigned i = (unsigned)(day - FIRST);
            const uint64_t err = errors[q->account][app][i], lim = limited[q->account][app][i];
            double expected = 0;
            const int verdict = slow_judge(n, DAYS_N, i, true, &expected);
            if (verdict < 0 && row_asked(q, day, 0))
                json_array_append_new(want, row_of(app, day, "drop", n[i], (uint64_t)expected));
            if (n[i] >= 100 && err * 20 >= n[i] && row_asked(q, day, 1))
                json_array_append_new(want, row_of(app, day, "error_rate", err * 1000 / n[i], 50));
            if (lim && row_asked(q, day, 2))
                json_array_append_new(want, row_of(app, day, "limited", lim, 0));
            if (verdict > 0 && row_asked(q, day, 3))
                json_array_append_new(want, row_of(app, day, "spike", n[i], (uint64_t)expected));
        }
    }
    return want;
}

static void test_usage_alerts(void **state)
{
    (void)state;
    rows_n = pages_n = 0;
    for (unsigned round = 0; round < 300; round++) {
        struct asked q;
        begin(&q, "usage_alerts", usage_rules, N_OF(usage_rules));
        q.kind = "private";
        if (rnd(2)) {
            static const char *const kinds[] = {"private", "marketplace", "built-in", "all"};
            q.kind = kinds[rnd(4)];
            add(&q, ",'kind':'%s'", q.kind);
            q.kind = strcmp(q.kind, "all") == 0 ? NULL : q.kind;
        }
        compare(&q, usage_alerts(&q));
    }
    print_message("%llu rows on %llu pages\n", (unsigned long long)rows_n,
                  (unsigned long long)pages_n);
    assert_true(rows_n > 1000);
}

static const char *const record_rules[] = {"first_delete", "first_merge", "first_type",
                                           "volume_high", "volume_low"};

/* Record events of an app on a day; type and action: those alone, or -1. */
static uint64_t events_of(const struct asked *q, uint64_t app, unsigned day, int type, int action)
{
    uint64_t n = 0;
    for (int ty = 0; ty < TYPES_MAX; ty++)
        for (int ac = 0; ac < 6; ac++)
            if ((type < 0 || ty == type) && (action < 0 || ac == action))
                n += records[q->account][app][day][ty][ac];
    return n;
}

/* Is day the first one with such events, after three days with any? */
static bool slow_first(const struct asked *q, uint64_t app, unsigned day, int type, int action)
{
    unsigned past = 0;
    for (unsigned k = 0; k < day; k++) {
        past += events_of(q, app, k, -1, -1) > 0;
        if (events_of(q, app, k, type, action))
            return false;
    }
    return past >= 3 && events_of(q, app, day, type, action);
}

static void add_record_row(const struct asked *q, json_t *want, json_t *row, int type, int action)
{
    char buf[32];
    const int32_t day = FIRST + (int32_t)json_integer_value(json_object_get(row, "d"));
    if (!row_asked(q, day, (unsigned)json_integer_value(json_object_get(row, "r")))) {
        json_decref(row);
        return;
    }
    json_object_del(row, "d");
    json_object_del(row, "r");
    const struct str s = type < 0
                             ? (struct str){NULL, 0}
                             : object_type_text((object_type_id)type, (struct str){NULL, 0}, buf);
    json_object_set_new(row, "object_type", s.p ? json_stringn(s.p, s.n) : json_null());
    json_object_set_new(row, "action",
                        action < 0 ? json_null() : json_string(action_names[action]));
    json_array_append_new(want, row);
}

static json_t *record_row(uint64_t app, unsigned day, unsigned rule, uint64_t value,
                          double expected)
{
    json_t *row = row_of(app, FIRST + (int32_t)day, record_rules[rule], value, (uint64_t)expected);
    json_object_set_new(row, "d", json_integer(day));
    json_object_set_new(row, "r", json_integer(rule));
    return row;
}

static void add_record_day(const struct asked *q, json_t *want, uint64_t app, unsigned day)
{
    static const int firsts[] = {2, 3};
    for (unsigned rule = 0; rule < 2; rule++)
        if (slow_first(q, app, day, -1, firsts[rule]))
            add_record_row(q, want,
                           record_row(app, day, rule, events_of(q, app, day, -1, firsts[rule]), 0),
                           -1, firsts[rule]);
    for (int type = 0; type < TYPES_MAX; type++)
        if (slow_first(q, app, day, type, -1))
            add_record_row(q, want, record_row(app, day, 2, events_of(q, app, day, type, -1), 0),
                           type, -1);
    for (int verdict = 1; verdict >= -1; verdict -= 2)
        for (int action = 0; action < 6; action++) {
            uint64_t days[DAYS_N];
            double expected = 0;
            for (unsigned k = 0; k < DAYS_N; k++)
                days[k] = events_of(q, app, k, -1, action);
            const unsigned rule = verdict > 0 ? 3 : 4;
            if (slow_judge(days, DAYS_N, day, true, &expected) == verdict)
                add_record_row(q, want, record_row(app, day, rule, days[day], expected), -1,
                               action);
        }
}

static void test_record_alerts(void **state)
{
    (void)state;
    rows_n = pages_n = 0;
    for (unsigned round = 0; round < 30; round++) {
        struct asked q;
        begin(&q, "record_alerts", record_rules, N_OF(record_rules));
        json_t *want = json_array();
        for (uint64_t app = 1; app < APPS_N; app++)
            for (unsigned day = 0; day < DAYS_N; day++)
                if (!q.one_app || app == q.app)
                    add_record_day(&q, want, app, day);
        compare(&q, want);
    }
    print_message("%llu rows on %llu pages\n", (unsigned long long)rows_n,
                  (unsigned long long)pages_n);
    assert_true(rows_n > 200);
}

/* What lies before the floor is no past. */
static void test_nothing_is_visible(void **state)
{
    (void)state;
    t.context.floor_day = TODAY + 1;
    t.context.scan_max = 0;
    unsigned pages;
    json_t *rows = ask_all(&t, "{'view':'usage_alerts','account':1", &pages);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    rows = ask_all(&t, "{'view':'record_alerts','account':1", &pages);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    rows = ask_all(&t, "{'view':'usage','account':1", &pages);
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    t.context.floor_day = TODAY - 1000;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rhythm),
        cmocka_unit_test(test_rhythm_by_hand),
        cmocka_unit_test(test_usage_alerts),
        cmocka_unit_test(test_record_alerts),
        cmocka_unit_test(test_nothing_is_visible),
    };
    if (argc > 1 && text_u64(str_of(argv[1]), &help_seed) != ST_OK) /* a seed to repeat */
        return 64;
    printf("seed %llu\n", (unsigned long long)help_seed);
    if (setup(NULL))
        return 1;
    count_all();
    const int failed = cmocka_run_group_tests(tests, NULL, teardown);
    return failed;
}
