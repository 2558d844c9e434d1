/* The day tables against a slow twin: random events, folded into generations, merged at random
 * moments, must read back as the plain sums of a list of all events. */
#include "aggregators/audit.h"
#include "engine/store/store_test.h"
#include "tests/unit/aggregators/days_help.h"

#include <errno.h>

#include <stdlib.h>

#define EVENTS_N 60000

/* ---- the slow twin ---- */

struct twin_event {
    struct event e;
    uint64_t position;
};
static struct twin_event *twin;
static uint32_t twin_n;

static struct event random_event(void)
{
    struct event e = {0};
    e.account = 1 + test_rnd(4) * 300;
    e.app = test_rnd(12) == 0 ? 0 : 1 + test_rnd(e.account == 1 ? 400 : 6);
    const int32_t day = test_rnd(4) ? TODAY : TODAY - (int32_t)test_rnd(30);
    e.time_ms = day * MS_PER_DAY + (int64_t)test_rnd(MS_PER_DAY);
    e.count = (uint32_t)(1 + (test_rnd(5) ? 0 : test_rnd(1000)));
    e.has_user = test_rnd(2) & 1;
    e.user = e.has_user ? test_rnd(5) : 0;
    switch (test_rnd(4)) {
    case 0:
    case 1:
        e.kind = EV_API_CALL;
        e.method = (METHOD_GET + test_rnd(6)) & 15;
        e.status = (uint16_t)(test_rnd(4) ? 200 : test_rnd(2) ? 429 : 500);
        break;
    case 2:
        e.kind = (EV_RECORD_CREATED + test_rnd(6)) & 255;
        e.object_type = test_rnd(3) ? test_rnd(20) << 2 : (test_rnd(200) << 2 | 1);
        if (test_rnd(2))
            e.record_hash = hash_mix(1 + test_rnd(50));
        break;
    default:
        e.kind = (EV_APP_INSTALLED + test_rnd(9)) & 255;
        e.has_user = 1;
        e.user = test_rnd(5);
    }
    return e;
}

static void fold_random(struct fixture *f)
{
    struct event ev[300];
    uint8_t verdict[300];
    const uint32_t n = 1 + (uint32_t)test_rnd(300);
    for (uint32_t i = 0; i < n; i++) {
        ev[i] = random_event();
        verdict[i] = test_rnd(20) == 0 ? ST_INVALID : ST_OK;
        if (!verdict[i])
            twin[twin_n++] = (struct twin_event){ev[i], f->position + i};
    }
    days_fold(f, ev, verdict, n);
}

static uint64_t sheet_sum(const struct sheet *s, uint64_t app, uint64_t slot_low,
                          uint64_t slot_high)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->rows_n; i++)
        for (uint32_t k = 0; k < s->rows[i].cells_n; k++)
            if (s->rows[i].app == app && s->rows[i].cells[k].slot >= slot_low &&
                s->rows[i].cells[k].slot < slot_high)
                sum += s->rows[i].cells[k].count;
    return sum;
}

static bool is_record(const struct event *e)
{
    return e->kind >= EV_RECORD_CREATED && e->kind <= EV_RECORD_ASSOCIATED;
}

/* Read in parts, bounded by apps and cells, a sheet is what it is when read at once. */
static void check_parts(struct view *v, const struct sheet *whole, uint64_t account, int32_t day)
{
    struct arena a = {0};
    const uint64_t from = test_rnd(3) ? 0 : test_rnd(100),
                   to = test_rnd(3) ? 0 : from + test_rnd(100);
    struct sheet_query q = {.account = account, .day = day, .from_app = from, .to_app = to};
    uint32_t at = 0;
    while (at < whole->rows_n && whole->rows[at].app < from)
        at++;
    for (struct sheet part = {.cut = true}; part.cut; q.from_app = part.next_app) {
        q.cells_max = 1 + (uint32_t)test_rnd(300);
        arena_reset(&a);
        view_sheet(v, &q, &a, &part);
        assert_int_equal(v->txn.status, ST_OK);
        assert_true(part.rows_n > 0 || !part.cut);
        for (uint32_t i = 0; i < part.rows_n; i++, at++) {
            assert_int_equal(part.rows[i].app, whole->rows[at].app);
            assert_int_equal(part.rows[i].sent_ms, whole->rows[at].sent_ms);
            assert_int_equal(part.rows[i].cells_n, whole->rows[at].cells_n);
            assert_memory_equal(part.rows[i].cells, whole->rows[at].cells,
                                part.rows[i].cells_n * sizeof(struct cell));
        }
    }
    assert_true(at == whole->rows_n || (to && whole->rows[at].app > to));
    arena_fini(&a);
}

static void check_sheet(struct fixture *f, uint64_t account, int32_t day, bool whole)
{
    struct view v;
    struct arena a = {0};
    struct sheet s;
    days_view(f, &v);
    view_sheet(&v, &(struct sheet_query){.account = account, .day = day}, &a, &s);
    assert_int_equal(v.txn.status, ST_OK);
    for (uint32_t i = 1; i < s.rows_n; i++)
        assert_true(s.rows[i - 1].app < s.rows[i].app);
    check_parts(&v, &s, account, day);
    uint64_t records = 0, calls = 0;
    for (uint32_t i = 0; i < twin_n; i++) {
        const struct event *e = &twin[i].e;
        if (e->account == account && day_of_ms(e->time_ms) == day) {
            records += is_record(e) ? e->count : 0;
            calls += e->kind == EV_API_CALL ? e->count : 0;
        }
    }
    assert_int_equal(s.record_total, records);
    assert_int_equal(s.call_total, calls);
    for (int round = 0; round < 8 && s.rows_n && whole; round++) {
        const struct sheet_row *row = &s.rows[test_rnd(s.rows_n)];
        const struct cell *cell = row->cells_n ? &row->cells[test_rnd(row->cells_n)] : NULL;
        uint64_t want = 0;
        int64_t sent = 0, received = 0;
        for (uint32_t i = 0; i < twin_n; i++) {
            const struct event *e = &twin[i].e;
            if (e->account != account || day_of_ms(e->time_ms) != day || e->app != row->app)
                continue;
            const enum direction way = event_activity(e);
            if (way == DIRECTION_SENT && e->time_ms > sent)
                sent = e->time_ms;
            if (way == DIRECTION_RECEIVED && e->time_ms > received)
                received = e->time_ms;
            if (!cell)
                continue;
            if (is_record(e) &&
                cell->slot == SLOT_RECORD + e->object_type * 8 + e->kind - EV_RECORD_CREATED)
                want += e->count;
            if (is_record(e) && e->record_hash &&
                cell->slot == SLOT_WITH_RECORD + (uint64_t)(e->kind - EV_RECORD_CREATED))
                want += e->count;
            if (e->kind == EV_API_CALL && slot_is_api(cell->slot)) {
                const unsigned quarter = day >= TODAY - 2
                                             ? (unsigned)(e->time_ms % MS_PER_DAY / 900000)
                                             : QUARTERS_PER_DAY;
                if (quarter == slot_quarter(cell->slot) &&
                    (slot_which(cell->slot) == API_CALLS ||
                     (slot_which(cell->slot) == API_ERRORS && e->status >= 400) ||
                     (slot_which(cell->slot) == API_LIMITED && e->status == 429)))
                    want += e->count;
            }
        }
        if (cell)
            assert_int_equal(cell->count, want);
        assert_int_equal(row->sent_ms, sent);
        assert_int_equal(row->received_ms, received);
        struct sheet one;
        view_sheet(&v, &(struct sheet_query){.account = account, .day = day, .only_app = &row->app},
                   &a, &one);
        assert_int_equal(one.rows_n, 1);
        assert_int_equal(one.rows[0].cells_n, row->cells_n);
        assert_int_equal(sheet_sum(&one, row->app, 0, UINT64_MAX),
                         sheet_sum(&s, row->app, 0, UINT64_MAX));
    }
    arena_fini(&a);
    view_close(&v);
}

/* ---- activity against the twin ---- */

static int twin_newest(const void *a, const void *b)
{
    const struct twin_event *x = *(struct twin_event *const *)a,
                            *y = *(struct twin_event *const *)b;
    if (x->e.time_ms != y->e.time_ms)
        return x->e.time_ms > y->e.time_ms ? -1 : 1;
    return x->position > y->position ? -1 : 1;
}

static int twin_arrival(const void *a, const void *b)
{
    const struct twin_event *x = *(struct twin_event *const *)a,
                            *y = *(struct twin_event *const *)b;
    return x->position < y->position ? -1 : 1;
}

static uint32_t twin_activity(const struct activity_query *q, struct twin_event **out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < twin_n; i++) {
        const struct event *e = &twin[i].e;
        if (e->kind < EV_APP_INSTALLED || e->account != q->account || e->time_ms < q->from_ms ||
            e->time_ms >= q->to_ms || (q->apps && e->app != q->apps[0]) ||
            (q->users && (!e->has_user || e->user != q->users[0])) ||
            (q->kinds && !(q->kinds >> e->kind & 1)))
            continue;
        out[n++] = &twin[i];
    }
    qsort(out, n, sizeof *out, q->arrival ? twin_arrival : twin_newest);
    return n;
}

static void check_activity(struct fixture *f, struct activity_query q)
{
    struct view v;
    struct arena a = {0};
    struct twin_event **want = calloc(twin_n + 1, sizeof *want);
    const uint32_t want_n = twin_activity(&q, want);
    uint32_t seen = 0;
    days_view(f, &v);
    for (bool more = true; more;) {
        struct activity_page page;
        view_activity(&v, &q, &a, &page);
        assert_int_equal(v.txn.status, ST_OK);
        assert_true(page.rows_n <= q.limit);
        for (uint32_t i = 0; i < page.rows_n; i++, seen++) {
            assert_true(seen < want_n);
            assert_int_equal(page.rows[i].position, want[seen]->position);
            assert_int_equal(page.rows[i].time_ms, want[seen]->e.time_ms);
            assert_int_equal(page.rows[i].app, want[seen]->e.app);
            assert_int_equal(page.rows[i].kind, want[seen]->e.kind);
        }
        more = page.more;
        q.has_after = true;
        q.after = page.next_position;
        q.after_ms = page.next_ms;
        arena_reset(&a);
    }
    assert_int_equal(seen, want_n);
    view_close(&v);
    arena_fini(&a);
    free(want);
}

static void check_activities(struct fixture *f)
{
    const uint64_t app = 1 + test_rnd(6), user = test_rnd(5);
    for (unsigned mask = 0; mask < 16; mask++) {
        struct activity_query q = {
            .account = 1 + test_rnd(4) * 300, .from_ms = 0, .to_ms = INT64_MAX};
        q.limit = 1 + (uint32_t)test_rnd(200);
        q.scan_max = test_rnd(2) ? 1000000 : 64;
        if (mask & 1) {
            q.apps = &app;
            q.apps_n = 1;
        }
        if (mask & 2) {
            q.users = &user;
            q.users_n = 1;
        }
        if (mask & 4)
            q.kinds = UINT64_C(1) << EV_APP_ERROR | UINT64_C(1) << EV_APP_INSTALLED;
        if (mask & 8) {
            q.from_ms = (TODAY - 12) * MS_PER_DAY;
            q.to_ms = TODAY * MS_PER_DAY + 3600000;
        }
        q.arrival = test_rnd(3) == 0;
        check_activity(f, q);
    }
}

static void check_apps(struct fixture *f, uint64_t account)
{
    struct view v;
    struct arena a = {0};
    struct app_list apps;
    days_view(f, &v);
    view_apps(&v, &(struct apps_query){.account = account, .limit = 100000}, &a, &apps);
    assert_int_equal(v.txn.status, ST_OK);
    const struct app_summary *rows = apps.rows;
    assert_false(apps.more);
    for (uint32_t i = 0; i < apps.n; i++) {
        struct app_summary want = {0};
        for (uint32_t k = 0; k < twin_n; k++) {
            const struct event *e = &twin[k].e;
            if (e->account != account || e->app != rows[i].app)
                continue;
            const enum direction way = event_activity(e);
            if (way == DIRECTION_SENT && e->time_ms > want.sent_ms)
                want.sent_ms = e->time_ms;
            if (way == DIRECTION_RECEIVED && e->time_ms > want.received_ms)
                want.received_ms = e->time_ms;
            if ((e->kind == EV_APP_INSTALLED || e->kind == EV_APP_REINSTALLED ||
                 e->kind == EV_APP_CONNECTED) &&
                (!want.has_install || e->time_ms < want.installed_ms)) {
                want.has_install = true;
                want.installed_ms = e->time_ms;
                want.installer = e->user;
            }
        }
        assert_int_equal(rows[i].sent_ms, want.sent_ms);
        assert_int_equal(rows[i].received_ms, want.received_ms);
        assert_int_equal(rows[i].has_install, want.has_install);
        assert_int_equal(rows[i].installed_ms, want.installed_ms);
        assert_int_equal(rows[i].installer, want.installer);
    }
    arena_fini(&a);
    view_close(&v);
}

static void check_audit(struct fixture *f)
{
    struct audit_counts counts;
    const struct audit_report report = {0};
    assert_int_equal(audit_tables(f->store, &report, &counts), ST_OK);
    assert_int_equal(counts.faults, 0);
    assert_true(counts.sheets > 0);
}

/* Let a merge fail at one of its commits: what it has put in the tables must not be counted twice.
 */
static void cut_merge(struct fixture *f)
{
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = 1000000,
                                       .commit_bytes = f->commit_bytes};
    store_test_fail_commit(f->store, 1 + (unsigned)test_rnd(40), ENOSPC);
    const enum status st = days_merge_try(f, &limits, (unsigned)test_rnd(8), &stats);
    store_test_fail_commit(f->store, 0, 0);
    if (st != ST_OK)
        assert_int_equal(st, ST_STORAGE_FULL);
    for (int i = 0; i < 3; i++)
        check_sheet(f, 1 + test_rnd(4) * 300, TODAY - (int32_t)test_rnd(30), true);
}

static void random_streams_read_back_as_their_sums(void **state)
{
    (void)state;
    test_seed = 42;
    const char *given = getenv("DAYBOOK_TEST_SEED");
    if (given)
        assert_int_equal(text_u64(str_of(given), &test_seed), ST_OK);
    print_message("seed %llu (DAYBOOK_TEST_SEED)\n", (unsigned long long)test_seed);
    struct fixture f;
    days_setup(&f);
    twin = calloc(EVENTS_N + 300, sizeof *twin);
    twin_n = 0;
    while (twin_n < EVENTS_N) {
        fold_random(&f);
        f.commit_bytes = 4096 << test_rnd(6);
        if (test_rnd(40) == 0)
            (void)days_merge_now(&f, 1000000);
        else if (test_rnd(20) == 0)
            cut_merge(&f);
        else if (test_rnd(40) == 0 && !f.frozen)
            days_freeze(&f);
        if (test_rnd(30) == 0)
            check_sheet(&f, 1 + test_rnd(4) * 300, TODAY - (int32_t)test_rnd(30), true);
    }
    for (int32_t day = TODAY - 29; day <= TODAY; day++)
        for (uint64_t account = 1; account < 1200; account += 300)
            check_sheet(&f, account, day, day > TODAY - 4);
    check_activities(&f);
    for (int i = 0; i < 12; i++) {
        cut_merge(&f);
        check_activities(&f);
    }
    (void)days_merge_now(&f, 1000000);
    check_activities(&f);
    check_apps(&f, 1);
    check_apps(&f, 301);
    check_audit(&f);
    free(twin);
    days_teardown(&f);
}

/* ---- limits and retention ---- */

static void oldest_activity_is_trimmed_and_counted(void **state)
{
    (void)state;
    struct fixture f;
    days_setup(&f);
    for (uint32_t i = 0; i < 5000; i++) {
        const struct event e = signal_at(9, EV_APP_ERROR, TODAY * MS_PER_DAY + i);
        days_fold(&f, &e, (const uint8_t[]){0}, 1);
        if (i % 700 == 699)
            (void)days_merge_now(&f, 1000);
    }
    (void)days_merge_now(&f, 1000);
    struct view v;
    struct arena a = {0};
    uint64_t kept, trimmed;
    days_view(&f, &v);
    view_activity_counts(&v, 9, &kept, &trimmed);
    assert_int_equal(kept, 1000);
    assert_int_equal(trimmed, 4000);
    struct activity_page page;
    const struct activity_query q = {
        .account = 9, .to_ms = INT64_MAX, .limit = 2000, .scan_max = UINT32_MAX};
    view_activity(&v, &q, &a, &page);
    assert_int_equal(page.rows_n, 1000);
    assert_int_equal(page.rows[999].time_ms, TODAY * MS_PER_DAY + 4000);
    arena_fini(&a);
    view_close(&v);
    days_teardown(&f);
}

static void purge_in_slices_leaves_live_days_alone(void **state)
{
    (void)state;
    struct fixture f;
    days_setup(&f);
    for (int32_t day = TODAY - 40; day <= TODAY; day++)
        for (uint64_t account = 1; account <= 50; account++) {
            struct event ev[2] = {
                signal_at(account, EV_APP_CONNECTED, day * MS_PER_DAY + 5),
                {.account = account, .app = 3, .time_ms = day * MS_PER_DAY + 9, .count = 2}};
            ev[1].kind = EV_API_CALL;
            ev[1].method = METHOD_GET;
            ev[1].status = 200;
            days_fold(&f, ev, (const uint8_t[]){0, 0}, 2);
            if (account % 7 == 0)
                (void)days_merge_now(&f, 1000000);
        }
    bool more = true;
    int slices = 0;
    for (; more; slices++)
        assert_int_equal(days_purge(f.store, TODAY - 29, 100, &more), ST_OK);
    assert_true(slices > 5);
    (void)days_merge_now(&f, 1000000);
    struct view v;
    struct arena a = {0};
    days_view(&f, &v);
    for (int32_t day = TODAY - 40; day <= TODAY; day++) {
        struct sheet s;
        view_sheet(&v, &(struct sheet_query){.account = 50, .day = day}, &a, &s);
        assert_int_equal(s.call_total, day < TODAY - 29 ? 0 : 2);
    }
    struct activity_page page;
    const struct activity_query q = {
        .account = 50, .to_ms = INT64_MAX, .limit = 100, .scan_max = UINT32_MAX};
    view_activity(&v, &q, &a, &page);
    assert_true(page.rows_n >= 30);
    struct app_list apps;
    view_apps(&v, &(struct apps_query){.account = 50, .limit = 10}, &a, &apps);
    assert_int_equal(apps.n, 1);
    assert_int_equal(apps.rows[0].received_ms, TODAY * MS_PER_DAY + 9);
    view_close(&v);

    /* A merge behind the purge mark drops and counts. */
    struct event late = {.account = 1, .app = 3, .time_ms = (TODAY - 35) * MS_PER_DAY, .count = 1};
    late.kind = EV_API_CALL;
    late.status = 200;
    days_fold(&f, &late, (const uint8_t[]){0}, 1);
    assert_int_equal(days_merge_now(&f, 1000).rows_dropped, 1);

    /* What an app last did is remembered beyond the 30 days. */
    more = true;
    while (more)
        assert_int_equal(days_purge(f.store, TODAY + 31, 1000, &more), ST_OK);
    days_view(&f, &v);
    v.today = TODAY + 60;
    v.first_day = TODAY + 31;
    view_apps(&v, &(struct apps_query){.account = 50, .limit = 10}, &a, &apps);
    assert_int_equal(apps.n, 1);
    assert_int_equal(apps.rows[0].received_ms, TODAY * MS_PER_DAY + 9);
    assert_int_equal(apps.rows[0].state, STATE_CONNECTED);
    view_close(&v);
    arena_fini(&a);
    days_teardown(&f);
}

/* Quarter hours are kept for three days; what a later merge rewrites of an older day has none left,
 * and the sums stay. */
static void closed_days_keep_no_quarters(void **state)
{
    (void)state;
    struct fixture f;
    days_setup(&f);
    uint64_t calls = 0, errors = 0, limited = 0, records = 0;
    for (int round = 0; round < 400; round++) {
        struct event e = {
            .account = 8, .app = 1 + test_rnd(3), .count = (uint32_t)(1 + test_rnd(9))};
        const int32_t received_day = TODAY + round / 50;
        e.time_ms = TODAY * MS_PER_DAY + (int64_t)test_rnd(MS_PER_DAY);
        if (test_rnd(4)) {
            e.kind = EV_API_CALL;
            e.status = (uint16_t)(test_rnd(3) ? 200 : test_rnd(2) ? 429 : 503);
            calls += e.count;
            errors += e.status >= 400 ? e.count : 0;
            limited += e.status == 429 ? e.count : 0;
        } else {
            e.kind = EV_RECORD_UPDATED;
            e.object_type = test_rnd(5) << 2;
            records += e.count;
        }
        const uint8_t accepted = 0;
        generation_fold(f.active,
                        &(struct fold){&e, &accepted, 1, f.position++, received_day * MS_PER_DAY});
        if (round % 10 == 9)
            (void)days_merge_now(&f, 1000);
        struct view v;
        struct arena a = {0};
        struct sheet s;
        uint64_t sum[3] = {0}, record_sum = 0;
        bool quarters = false;
        days_view(&f, &v);
        view_sheet(&v, &(struct sheet_query){.account = 8, .day = TODAY}, &a, &s);
        for (uint32_t i = 0; i < s.rows_n; i++)
            for (uint32_t k = 0; k < s.rows[i].cells_n; k++) {
                const struct cell *c = &s.rows[i].cells[k];
                if (slot_is_record(c->slot)) {
                    record_sum += c->count;
                } else {
                    sum[slot_which(c->slot)] += c->count;
                    quarters |= slot_quarter(c->slot) < QUARTERS_PER_DAY;
                }
            }
        assert_int_equal(sum[API_CALLS], calls);
        assert_int_equal(sum[API_ERRORS], errors);
        assert_int_equal(sum[API_LIMITED], limited);
        assert_int_equal(record_sum, records);
        if (received_day > TODAY + 2 && round % 50 >= 9)
            assert_false(quarters);
        view_close(&v);
        arena_fini(&a);
    }
    check_audit(&f);
    days_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_read_back_as_their_sums),
        cmocka_unit_test(oldest_activity_is_trimmed_and_counted),
        cmocka_unit_test(purge_in_slices_leaves_live_days_alone),
        cmocka_unit_test(closed_days_keep_no_quarters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
