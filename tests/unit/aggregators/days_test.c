/* The day tables against a slow twin: random events, folded into generations, merged at random
 * moments, must read back as the plain sums of a list of all events. */
#include "aggregators/audit.h"
#include "aggregators/days.h"
#include "aggregators/tables.h"
#include "aggregators/view.h"
#include "engine/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TODAY    20780
#define EVENTS_N 60000

static uint64_t rng;

static uint64_t rnd(uint64_t below)
{
    rng += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(rng) % below;
}

/* ---- the store under test ---- */

struct fixture {
    char dir[64];
    struct store *store;
    struct generation *frozen, *active;
    uint64_t position;
};

static struct store *open_days(const char *dir)
{
    struct store *s = NULL;
    char why[256];
    const struct store_options o = {
        .dir = dir, .tables = days_table_names, .tables_n = DAYS_TABLES_N, .map_bytes = 1ull << 30};
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    return s;
}

static void setup(struct fixture *f)
{
    char why[256];
    *f = (struct fixture){0};
    text_fmt(f->dir, sizeof f->dir, "%s", "/tmp/daybook-days-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->store = open_days(f->dir);
    assert_int_equal(days_prepare(f->store, &f->position, why), ST_OK);
    f->active = generation_new(0);
}

static void teardown(struct fixture *f)
{
    char path[96];
    generation_free(&f->frozen);
    generation_free(&f->active);
    store_close(&f->store);
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/%s", f->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->dir);
}

static void freeze(struct fixture *f)
{
    assert_null(f->frozen);
    f->frozen = f->active;
    f->active = generation_new(generation_end(f->frozen));
}

static struct merge_stats merge(struct fixture *f, uint32_t activity_max)
{
    struct merge_stats stats;
    const struct days_limits limits = {activity_max};
    if (!f->frozen)
        freeze(f);
    assert_int_equal(days_merge(f->store, f->frozen, &limits, &stats), ST_OK);
    generation_free(&f->frozen);
    return stats;
}

static void open_view(struct fixture *f, struct view *v)
{
    const struct generation *gens[2];
    unsigned n = 0;
    if (f->frozen)
        gens[n++] = f->frozen;
    gens[n++] = f->active;
    view_open(f->store, gens, n, v);
    v->today = TODAY;
    v->first_day = TODAY - 29;
    assert_int_equal(v->txn.status, ST_OK);
    assert_int_equal(v->end, f->position);
}

static void fold(struct fixture *f, const struct event *ev, const uint8_t *verdict, uint32_t n)
{
    generation_fold(f->active, ev, verdict, n, f->position, TODAY * MS_PER_DAY + 43200000);
    f->position += n;
}

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
    e.account = 1 + rnd(4) * 300;
    e.app = rnd(12) == 0 ? 0 : 1 + rnd(e.account == 1 ? 400 : 6);
    const int32_t day = rnd(4) ? TODAY : TODAY - (int32_t)rnd(30);
    e.time_ms = day * MS_PER_DAY + (int64_t)rnd(MS_PER_DAY);
    e.count = (uint32_t)(1 + (rnd(5) ? 0 : rnd(1000)));
    e.has_user = rnd(2);
    e.user = e.has_user ? rnd(5) : 0;
    switch (rnd(4)) {
    case 0:
    case 1:
        e.kind = EV_API_CALL;
        e.method = (METHOD_GET + rnd(6)) & 15;
        e.status = (uint16_t)(rnd(4) ? 200 : rnd(2) ? 429 : 500);
        break;
    case 2:
        e.kind = (EV_RECORD_CREATED + rnd(6)) & 255;
        e.object_type = rnd(3) ? rnd(20) << 2 : (rnd(200) << 2 | 1);
        if (rnd(2))
            e.record_hash = hash_mix(1 + rnd(50));
        break;
    default:
        e.kind = (EV_APP_INSTALLED + rnd(9)) & 255;
        e.has_user = 1;
        e.user = rnd(5);
    }
    return e;
}

static void fold_random(struct fixture *f)
{
    struct event ev[300];
    uint8_t verdict[300];
    const uint32_t n = 1 + (uint32_t)rnd(300);
    for (uint32_t i = 0; i < n; i++) {
        ev[i] = random_event();
        verdict[i] = rnd(20) == 0 ? ST_INVALID : ST_OK;
        if (!verdict[i])
            twin[twin_n++] = (struct twin_event){ev[i], f->position + i};
    }
    fold(f, ev, verdict, n);
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

static void check_sheet(struct fixture *f, uint64_t account, int32_t day, bool whole)
{
    struct view v;
    struct arena a = {0};
    struct sheet s;
    open_view(f, &v);
    view_sheet(&v, account, day, NULL, &a, &s);
    assert_int_equal(v.txn.status, ST_OK);
    for (uint32_t i = 1; i < s.rows_n; i++)
        assert_true(s.rows[i - 1].app < s.rows[i].app);
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
        const struct sheet_row *row = &s.rows[rnd(s.rows_n)];
        const struct cell *cell = row->cells_n ? &row->cells[rnd(row->cells_n)] : NULL;
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
                cell->slot == SLOT_WITH_RECORD + e->kind - EV_RECORD_CREATED)
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
        view_sheet(&v, account, day, &row->app, &a, &one);
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
    open_view(f, &v);
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
    const uint64_t app = 1 + rnd(6), user = rnd(5);
    for (unsigned mask = 0; mask < 16; mask++) {
        struct activity_query q = {.account = 1 + rnd(4) * 300, .from_ms = 0, .to_ms = INT64_MAX};
        q.limit = 1 + (uint32_t)rnd(200);
        q.scan_max = rnd(2) ? 1000000 : 64;
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
        q.arrival = rnd(3) == 0;
        check_activity(f, q);
    }
}

static void check_apps(struct fixture *f, uint64_t account)
{
    struct view v;
    struct arena a = {0};
    const struct app_summary *rows;
    uint32_t n;
    bool more;
    open_view(f, &v);
    view_apps(&v, account, 0, 100000, &a, &rows, &n, &more);
    assert_int_equal(v.txn.status, ST_OK);
    assert_false(more);
    for (uint32_t i = 0; i < n; i++) {
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
            if ((e->kind == EV_APP_INSTALLED || e->kind == EV_APP_REINSTALLED) &&
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

static void random_streams_read_back_as_their_sums(void **state)
{
    (void)state;
    const char *given = getenv("DAYBOOK_TEST_SEED");
    rng = given ? strtoull(given, NULL, 10) : 42;
    print_message("seed %llu (DAYBOOK_TEST_SEED)\n", (unsigned long long)rng);
    struct fixture f;
    setup(&f);
    twin = calloc(EVENTS_N + 300, sizeof *twin);
    twin_n = 0;
    while (twin_n < EVENTS_N) {
        fold_random(&f);
        if (rnd(40) == 0)
            (void)merge(&f, 1000000);
        else if (rnd(40) == 0 && !f.frozen)
            freeze(&f);
        if (rnd(30) == 0)
            check_sheet(&f, 1 + rnd(4) * 300, TODAY - (int32_t)rnd(30), true);
    }
    for (int32_t day = TODAY - 29; day <= TODAY; day++)
        for (uint64_t account = 1; account < 1200; account += 300)
            check_sheet(&f, account, day, day > TODAY - 4);
    check_activities(&f);
    (void)merge(&f, 1000000);
    check_activities(&f);
    check_apps(&f, 1);
    check_apps(&f, 301);
    check_audit(&f);
    free(twin);
    teardown(&f);
}

/* ---- limits and retention ---- */

static struct event signal_at(uint64_t account, unsigned kind, int64_t time_ms)
{
    struct event e = {.account = account, .app = 3, .time_ms = time_ms, .user = 7, .count = 1};
    e.kind = kind & 255;
    e.has_user = 1;
    return e;
}

static void oldest_activity_is_trimmed_and_counted(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    for (uint32_t i = 0; i < 5000; i++) {
        const struct event e = signal_at(9, EV_APP_ERROR, TODAY * MS_PER_DAY + i);
        fold(&f, &e, (const uint8_t[]){0}, 1);
        if (i % 700 == 699)
            (void)merge(&f, 1000);
    }
    (void)merge(&f, 1000);
    struct view v;
    struct arena a = {0};
    uint64_t kept, trimmed;
    open_view(&f, &v);
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
    teardown(&f);
}

static void purge_in_slices_leaves_live_days_alone(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    for (int32_t day = TODAY - 40; day <= TODAY; day++)
        for (uint64_t account = 1; account <= 50; account++) {
            struct event ev[2] = {
                signal_at(account, EV_APP_CONNECTED, day * MS_PER_DAY + 5),
                {.account = account, .app = 3, .time_ms = day * MS_PER_DAY + 9, .count = 2}};
            ev[1].kind = EV_API_CALL;
            ev[1].method = METHOD_GET;
            ev[1].status = 200;
            fold(&f, ev, (const uint8_t[]){0, 0}, 2);
            if (account % 7 == 0)
                (void)merge(&f, 1000000);
        }
    bool more = true;
    int slices = 0;
    for (; more; slices++)
        assert_int_equal(days_purge(f.store, TODAY - 29, 100, &more), ST_OK);
    assert_true(slices > 5);
    (void)merge(&f, 1000000);
    struct view v;
    struct arena a = {0};
    open_view(&f, &v);
    for (int32_t day = TODAY - 40; day <= TODAY; day++) {
        struct sheet s;
        view_sheet(&v, 50, day, NULL, &a, &s);
        assert_int_equal(s.call_total, day < TODAY - 29 ? 0 : 2);
    }
    struct activity_page page;
    const struct activity_query q = {
        .account = 50, .to_ms = INT64_MAX, .limit = 100, .scan_max = UINT32_MAX};
    view_activity(&v, &q, &a, &page);
    assert_true(page.rows_n >= 30);
    const struct app_summary *rows;
    uint32_t n;
    view_apps(&v, 50, 0, 10, &a, &rows, &n, &more);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].received_ms, TODAY * MS_PER_DAY + 9);
    view_close(&v);

    /* A merge behind the purge mark drops and counts. */
    struct event late = {.account = 1, .app = 3, .time_ms = (TODAY - 35) * MS_PER_DAY, .count = 1};
    late.kind = EV_API_CALL;
    late.status = 200;
    fold(&f, &late, (const uint8_t[]){0}, 1);
    assert_int_equal(merge(&f, 1000).rows_dropped, 1);

    /* What an app last did is remembered beyond the 30 days. */
    more = true;
    while (more)
        assert_int_equal(days_purge(f.store, TODAY + 31, 1000, &more), ST_OK);
    open_view(&f, &v);
    v.today = TODAY + 60;
    v.first_day = TODAY + 31;
    view_apps(&v, 50, 0, 10, &a, &rows, &n, &more);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].received_ms, TODAY * MS_PER_DAY + 9);
    assert_int_equal(rows[0].state, STATE_CONNECTED);
    view_close(&v);
    arena_fini(&a);
    teardown(&f);
}

/* ---- connections ---- */

static void states_do_not_depend_on_arrival(void **state)
{
    (void)state;
    static const unsigned kinds[] = {
        EV_APP_INSTALLED,     EV_APP_ERROR,          EV_APP_RECOVERED,
        EV_APP_EXPIRED,       EV_APP_DISCONNECTED,   EV_APP_RECONNECTED,
        EV_PERMISSION_REAUTH, EV_PERMISSION_GRANTED, EV_APP_UNINSTALLED};
    rng = 7;
    for (int round = 0; round < 30; round++) {
        struct event history[12];
        uint8_t verdict[12] = {0};
        for (uint32_t i = 0; i < 12; i++)
            history[i] =
                signal_at(5, kinds[rnd(N_OF(kinds))], TODAY * MS_PER_DAY + 1000 * (int64_t)rnd(20));
        struct connection first = {0};
        for (int order = 0; order < 6; order++) {
            struct fixture f;
            setup(&f);
            for (uint32_t i = 12; i > 1; i--) {
                const uint32_t k = (uint32_t)rnd(i);
                const struct event x = history[i - 1];
                history[i - 1] = history[k];
                history[k] = x;
            }
            for (uint32_t i = 0; i < 12; i++) {
                fold(&f, &history[i], verdict, 1);
                if (rnd(3) == 0)
                    (void)merge(&f, 1000);
            }
            struct view v;
            struct arena a = {0};
            const struct connection *rows;
            uint32_t n;
            open_view(&f, &v);
            view_connections(&v, 5, &(uint64_t){3}, &a, &rows, &n);
            assert_int_equal(n, 1);
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
            teardown(&f);
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
        setup(&f);
        for (unsigned k = 0; k < 4 && rows[i].kinds[k]; k++) {
            const struct event e = signal_at(5, rows[i].kinds[k], TODAY * MS_PER_DAY + k);
            fold(&f, &e, (const uint8_t[]){0}, 1);
        }
        struct view v;
        struct arena a = {0};
        const struct connection *c;
        uint32_t n;
        open_view(&f, &v);
        view_connections(&v, 5, &(uint64_t){3}, &a, &c, &n);
        assert_int_equal(n, 1);
        assert_int_equal(c[0].state, rows[i].want);
        view_close(&v);
        arena_fini(&a);
        teardown(&f);
    }
}

/* ---- scopes and reference data ---- */

static void scopes_keep_the_newest_word(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
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
            fold(&f, &ev[i], (const uint8_t[]){0}, 1);
            if (merged >> i & 1)
                (void)merge(&f, 1000);
        }
        struct view v;
        struct arena a = {0};
        const struct scope *rows;
        uint32_t n;
        open_view(&f, &v);
        view_scopes(&v, 5, 3, &a, &rows, &n);
        assert_int_equal(n, 2);
        assert_true(str_eq(rows[0].name, names[0]));
        assert_int_equal(rows[0].said, EV_PERMISSION_GRANTED);
        assert_true(str_eq(rows[0].feature, STR("sync")));
        assert_int_equal(rows[1].said, EV_PERMISSION_REVOKED);
        assert_int_equal(rows[1].since_ms, TODAY * MS_PER_DAY + 300);
        view_close(&v);
        arena_fini(&a);
    }
    teardown(&f);
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

static void reference_data_keeps_the_newest_version(void **state)
{
    (void)state;
    static const struct {
        const char *key, *fields; /* fields NULL: removed */
        int64_t time_ms;
    } steps[] = {{"7", "a", 100},   {"45", "b", 100}, {"7", "c", 300}, {"7", "d", 200},
                 {"45", NULL, 400}, {"45", "e", 350}, {"9", "f", 100}};
    for (int merged = 0; merged < 128; merged += 5) {
        struct fixture f;
        setup(&f);
        for (size_t i = 0; i < N_OF(steps); i++) {
            struct event_more more = {.reference_key = str_of(steps[i].key)};
            struct event e = {
                .account = 5, .time_ms = TODAY * MS_PER_DAY + steps[i].time_ms, .count = 1};
            e.kind = steps[i].fields ? EV_CATALOG_APP : EV_CATALOG_APP_REMOVED;
            if (steps[i].fields)
                more.reference_fields = str_of(steps[i].fields);
            e.more = &more;
            fold(&f, &e, (const uint8_t[]){0}, 1);
            if (merged >> i & 1)
                (void)merge(&f, 1000);
        }
        struct view v;
        struct arena a = {0};
        struct seen s = {""};
        struct str fields;
        open_view(&f, &v);
        view_reference_each(&v, 5, EV_CATALOG_APP, &a, see, &s);
        assert_string_equal(s.text, "7=c;9=f;");
        assert_true(view_reference(&v, 5, EV_CATALOG_APP, STR("7"), &fields));
        assert_true(str_eq(fields, STR("c")));
        assert_false(view_reference(&v, 5, EV_CATALOG_APP, STR("45"), &fields));
        assert_int_equal(v.txn.status, ST_OK);
        view_close(&v);
        arena_fini(&a);
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_read_back_as_their_sums),
        cmocka_unit_test(oldest_activity_is_trimmed_and_counted),
        cmocka_unit_test(purge_in_slices_leaves_live_days_alone),
        cmocka_unit_test(states_do_not_depend_on_arrival),
        cmocka_unit_test(connection_states),
        cmocka_unit_test(scopes_keep_the_newest_word),
        cmocka_unit_test(reference_data_keeps_the_newest_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
