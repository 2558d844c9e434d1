/* The small tables of the front environment: id window, rejected events, counters, ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/counters.h"
#include "engine/ingest/id_window.h"
#include "engine/ingest/ledger.h"
#include "engine/ingest/rejected.h"
#include "engine/ingest/tables.h"
#include "tests/unit/ingest/front_txn.h"

#define HOUR INT64_C(3600000)

static void next_txn(struct fixture *f)
{
    assert_int_equal(txn_commit(&f->t), ST_OK);
    txn_begin(f->store, true, &f->t);
}

/* ---- id window ---- */

static struct hash128 id(uint64_t n)
{
    return (struct hash128){n, ~n};
}

static void an_id_counts_once_in_its_window(void **state)
{
    static const struct {
        int64_t at_ms;
        enum status want;
    } rows[] = {
        {100 * HOUR, ST_OK},        {100 * HOUR, ST_DUPLICATE},     {101 * HOUR, ST_DUPLICATE},
        {90 * HOUR, ST_DUPLICATE}, /* a clock that went back forgets nothing */
        {148 * HOUR, ST_DUPLICATE}, {149 * HOUR - 1, ST_DUPLICATE}, /* remembered for the window and
                                                                       the rest of the hour */
        {149 * HOUR, ST_OK},        {196 * HOUR, ST_DUPLICATE},     /* the window began anew */
    };
    struct fixture *f = *state;
    struct id_window w = {.bytes_max = 1 << 20, .hours = 48};

    for (size_t i = 0; i < N_OF(rows); i++) {
        (void)id_window_begin(&w, &f->t);
        if (id_window_add(&w, &f->t, 7, id(1), rows[i].at_ms) != rows[i].want)
            fail_msg("row %zu", i);
    }
    assert_int_equal(id_window_add(&w, &f->t, 8, id(1), 196 * HOUR), ST_OK); /* another account */
    assert_int_equal(id_window_add(&w, &f->t, 7, id(2), 196 * HOUR), ST_OK); /* another id */
    assert_int_equal(id_window_begin(&w, &f->t), 3);
}

static void a_full_window_still_knows_the_old(void **state)
{
    struct fixture *f = *state;
    struct id_window w = {.bytes_max = 64 * 10, .hours = 48};
    uint64_t n = 0;

    (void)id_window_begin(&w, &f->t);
    while (id_window_add(&w, &f->t, 1, id(n), HOUR) == ST_OK)
        n++;
    assert_int_equal(n, 10);
    assert_int_equal(id_window_add(&w, &f->t, 1, id(n), HOUR), ST_DEDUPE_FULL);
    assert_int_equal(id_window_add(&w, &f->t, 1, id(0), HOUR), ST_DUPLICATE);
    next_txn(f);
    (void)id_window_begin(&w, &f->t); /* a whole page is in use, over the bound */
    assert_int_equal(id_window_add(&w, &f->t, 1, id(n), HOUR), ST_DEDUPE_FULL);
    assert_int_equal(id_window_add(&w, &f->t, 1, id(0), 99 * HOUR),
                     ST_OK); /* its own place again */
}

static void the_sweep_keeps_pace(void **state)
{
    struct fixture *f = *state;
    struct id_window w = {.bytes_max = 1 << 24, .hours = 1};
    uint64_t rows = 0, most = 0, n = 0;

    /* 100 ids a step, 10 steps an hour: some 2,000 are within the window at any time. */
    for (int step = 0; step < 200; step++) {
        int64_t now_ms = step * HOUR / 10;

        rows = id_window_begin(&w, &f->t);
        most = rows > most ? rows : most;
        for (int i = 0; i < 100; i++)
            assert_int_equal(id_window_add(&w, &f->t, 1, id(n++), now_ms), ST_OK);
        id_window_sweep(&w, &f->t, now_ms);
    }
    assert_true(most >= 1000);
    assert_true(most <= 4500);
    for (int i = 0; i < 2000; i++) { /* nothing is added: the minimal pace still empties it */
        (void)id_window_begin(&w, &f->t);
        id_window_sweep(&w, &f->t, 1000 * HOUR);
    }
    assert_int_equal(id_window_begin(&w, &f->t), 0);
}

/* ---- rejected ---- */

struct seen {
    uint32_t n, max;
    uint64_t first, last;
    struct ingest_rejected row; /* the first one; texts below */
    char message[300], raw[300], producer[300];
    size_t raw_n;
};

static bool see(void *arg, const struct ingest_rejected *r)
{
    struct seen *s = arg;

    if (s->n == 0) {
        s->first = r->number;
        s->row = *r;
        text_fmt(s->message, sizeof(s->message), "%.*s", (int)r->message.n, r->message.p);
        text_fmt(s->producer, sizeof(s->producer), "%.*s", (int)r->producer.n, r->producer.p);
        memcpy(s->raw, r->raw.p, r->raw.n);
        s->raw_n = r->raw.n;
    }
    s->last = r->number;
    return ++s->n < s->max;
}

static struct seen look(struct fixture *f, uint64_t before, uint32_t max)
{
    struct seen s = {.max = max};

    ingest_rejected_each(&f->t, before, see, &s);
    assert_int_equal(f->t.status, ST_OK);
    return s;
}

static void a_rejected_event_is_kept_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct rejected table = {.rows_max = 10};
    char raw[400];
    struct ingest_rejected row = {
        .received_ms = 1795500000000,
        .transport = INGEST_PUSH,
        .code = ST_TOO_OLD,
        .has_account = true,
        .account = UINT64_MAX,
        .app = 45,
        .key_name = STR("billing"),
        .producer = STR("billing-1"),
        .message = STR("time is long ago"),
        .raw = {raw, sizeof(raw)},
    };
    struct seen s;

    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (char)i;
    rejected_add(&table, &f->t, &row);
    s = look(f, UINT64_MAX, 10);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.row.received_ms, row.received_ms);
    assert_int_equal(s.row.transport, INGEST_PUSH);
    assert_int_equal(s.row.code, ST_TOO_OLD);
    assert_true(s.row.has_account);
    assert_true(s.row.account == UINT64_MAX);
    assert_int_equal(s.row.app, 45);
    assert_string_equal(s.message, "time is long ago");
    assert_string_equal(s.producer, "billing-1");
    assert_int_equal(s.raw_n, REJECTED_RAW_MAX);
    assert_memory_equal(s.raw, raw, REJECTED_RAW_MAX);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    struct rejected table = {.rows_max = 10};
    char message[300];
    struct ingest_rejected row = {.code = ST_INVALID, .message = {message, sizeof(message)}};
    struct seen s;

    for (size_t i = 0; i < sizeof(message); i += 3)
        memcpy(message + i, "\xe2\x82\xac", 3); /* a euro sign */
    rejected_add(&table, &f->t, &row);
    s = look(f, UINT64_MAX, 1);
    assert_int_equal(strlen(s.message), 255);
    assert_true(text_is_utf8(s.message, 255));
}

static void the_oldest_go_first(void **state)
{
    struct fixture *f = *state;
    struct rejected table = {.rows_max = 100};
    struct ingest_rejected row = {.code = ST_INVALID};
    struct seen s;

    for (int commit = 0; commit < 5; commit++) {
        for (int i = 0; i < 70; i++)
            rejected_add(&table, &f->t, &row);
        assert_int_equal(rejected_trim(&table, &f->t), commit == 0 ? 70 : 100);
        rejected_end(&table, false);
        next_txn(f);
    }
    s = look(f, UINT64_MAX, 1000);
    assert_int_equal(s.n, 100);
    assert_int_equal(s.first, 349);
    assert_int_equal(s.last, 250);
    s = look(f, 300, 3);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.first, 299);
    table = (struct rejected){.rows_max = 10}; /* a restart with a smaller bound */
    rejected_add(&table, &f->t, &row);
    assert_int_equal(rejected_trim(&table, &f->t), 10);
    assert_int_equal(look(f, UINT64_MAX, 1000).first, 350);
}

static void a_flood_is_cut_per_commit(void **state)
{
    struct fixture *f = *state;
    struct rejected table = {.rows_max = 5000}, none = {.rows_max = 0};
    struct ingest_rejected row = {.code = ST_INVALID};

    for (int i = 0; i < 3000; i++)
        rejected_add(&table, &f->t, &row);
    assert_int_equal(rejected_trim(&table, &f->t), REJECTED_PER_COMMIT_MAX);
    rejected_end(&table, true); /* failed: numbers are read again */
    txn_abort(&f->t);
    txn_begin(f->store, true, &f->t);
    rejected_add(&table, &f->t, &row);
    assert_int_equal(look(f, UINT64_MAX, 9).first, 0);
    rejected_add(&none, &f->t, &row);
    assert_int_equal(rejected_trim(&none, &f->t), 0);
}

/* ---- counters ---- */

static void counters_add_up_and_come_back(void **state)
{
    struct fixture *f = *state;
    struct counters *c = calloc(1, sizeof(*c)), *back = calloc(1, sizeof(*back));
    struct tally tally = {.day = 20781, .accepted = 5, .duplicate = 2, .late = 1};

    tally.rejected[ST_TOO_OLD] = 3;
    tally.rejected[ST_INVALID] = 4;
    counters_batch(c, &tally);
    tally.day = 20780;
    tally.transport = INGEST_HTTP;
    counters_batch(c, &tally);
    counters_batch(c, &tally);
    counters_refused(c, ST_BUSY);
    counters_push_lost(c, 77);
    counters_unknown(c, STR("colour"), 2);
    counters_unknown(c, STR(""), 5);
    counters_unknown(c, STR("colour"), 3);
    counters_store(&f->t, c);
    counters_load(&f->t, back);
    assert_int_equal(f->t.status, ST_OK);
    assert_memory_equal(&back->total, &c->total, sizeof(c->total));
    assert_int_equal(back->total.received, 42);
    assert_int_equal(back->total.received_by[INGEST_ZMQ], 14);
    assert_int_equal(back->total.received_by[INGEST_PUSH], 0);
    assert_int_equal(back->total.received_by[INGEST_HTTP], 28);
    assert_int_equal(back->total.rejected[ST_TOO_OLD], 9);
    assert_int_equal(back->total.batches_refused[ST_BUSY], 1);
    assert_int_equal(back->total.unknown[0].n, 5);
    assert_int_equal(back->total.unknown_fields_other, 5);
    assert_int_equal(back->days_n, 2);
    assert_int_equal(back->days[0].day, 20780);
    assert_int_equal(back->days[0].received, 28);
    assert_int_equal(back->days[1].rejected, 7);
    assert_int_equal(back->days[1].late, 1);
    free(c);
    free(back);
}

static void thirty_days_received_are_kept(void **state)
{
    struct fixture *f = *state;
    struct counters *c = calloc(1, sizeof(*c)), *back = calloc(1, sizeof(*back));

    for (int32_t day = 100; day < 200; day++) {
        struct tally tally = {.day = day, .accepted = 1};

        counters_batch(c, &tally);
        counters_store(&f->t, c);
    }
    struct tally old = {.day = 3, .accepted = 1}; /* a clock far back */
    counters_batch(c, &old);
    counters_store(&f->t, c);
    counters_load(&f->t, back);
    assert_int_equal(back->total.accepted, 101);
    assert_int_equal(back->days_n, 30);
    assert_int_equal(back->days[0].day, 170);
    assert_int_equal(back->days[0].accepted, 2);
    assert_int_equal(back->days[29].day, 199);
    free(c);
    free(back);
}

static void names_beyond_the_table_are_counted_together(void **state)
{
    struct fixture *f = *state;
    struct counters *c = calloc(1, sizeof(*c)), *back = calloc(1, sizeof(*back));

    for (unsigned i = 0; i < UNKNOWN_FIELDS_MAX + 10; i++) {
        char name[64 + 1];

        text_fmt(name, sizeof(name), "field-%058u", i); /* as long as a name may be */
        counters_unknown(c, str_of(name), i + 1);
    }
    counters_store(&f->t, c);
    counters_load(&f->t, back);
    assert_int_equal(back->total.unknown_n, UNKNOWN_FIELDS_MAX);
    assert_int_equal(back->total.unknown[63].n, 64);
    assert_int_equal(back->total.unknown_fields_other,
                     65 + 66 + 67 + 68 + 69 + 70 + 71 + 72 + 73 + 74);
    free(c);
    free(back);
}

/* ---- ledger ---- */

#define DAY 20781

static struct event call(uint64_t account, int32_t day, uint32_t count)
{
    return (struct event){
        .account = account, .time_ms = day * MS_PER_DAY + 5, .count = count, .kind = EV_API_CALL};
}

static void the_ledger_counts_units(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = calloc(1, sizeof(*l));
    struct event ev[] = {call(1, DAY, 10), call(257, DAY, 5),   call(2, DAY - 29, 1000000000),
                         call(3, DAY, 7),  call(4, DAY + 1, 1), call(5, DAY, 1),
                         call(1, DAY, 1)};
    uint8_t verdict[N_OF(ev)] = {0, 0, 0, ST_TOO_OLD, 0, 0, 0};
    struct batch b = {.n = N_OF(ev), .ev = ev, .verdict = verdict};
    struct ledger_day day;
    struct ledger_sum sum;

    ev[5].kind = EV_APP_INSTALLED; /* accepted, but no unit of either */
    ev[6].kind = EV_RECORD_UPDATED;
    sum = ledger_add(l, &f->t, &b, DAY);
    assert_int_equal(sum.accepted, 6);
    assert_int_equal(sum.late, 1);
    (void)ledger_add(l, &f->t, &b, DAY);
    ledger_store(l, &f->t);
    assert_true(ingest_ledger_day(&f->t, DAY, &day));
    assert_int_equal(day.call_units[1], 30); /* accounts 1 and 257 share a shard */
    assert_int_equal(day.record_units[1], 2);
    assert_int_equal(day.call_units[3], 0);
    assert_int_equal(day.call_units[5], 0);
    assert_true(ingest_ledger_day(&f->t, DAY - 29, &day));
    assert_int_equal(day.call_units[2], 2000000000);
    assert_true(ingest_ledger_day(&f->t, DAY + 1, &day));
    assert_false(ingest_ledger_day(&f->t, DAY + 2, &day));
    free(l);
}

static void a_failed_commit_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = calloc(1, sizeof(*l));
    struct event ev[] = {call(1, DAY, 10)};
    uint8_t verdict[1] = {0};
    struct batch b = {.n = 1, .ev = ev, .verdict = verdict};
    struct ledger_day day;

    (void)ledger_add(l, &f->t, &b, DAY);
    ledger_store(l, &f->t);
    next_txn(f);
    (void)ledger_add(l, &f->t, &b, DAY);
    ledger_store(l, &f->t);
    txn_abort(&f->t);
    ledger_forget(l);
    txn_begin(f->store, true, &f->t);
    (void)ledger_add(l, &f->t, &b, DAY);
    ledger_store(l, &f->t);
    assert_true(ingest_ledger_day(&f->t, DAY, &day));
    assert_int_equal(day.call_units[1], 20);
    free(l);
}

/* Days share places in memory; all of them must still be right, and old ones go at last. */
static void days_roll_on(void **state)
{
    struct fixture *f = *state;
    struct ledger *l = calloc(1, sizeof(*l));
    uint8_t verdict[2] = {0, 0};
    struct ledger_day day;
    unsigned rows = 0;

    for (int32_t today = 1000; today < 1100; today++) {
        struct event ev[] = {call(1, today, 1), call(1, today - 29, 1)};
        struct batch b = {.n = 2, .ev = ev, .verdict = verdict};

        (void)ledger_add(l, &f->t, &b, today);
        ledger_store(l, &f->t);
        ledger_trim(&f->t, today);
    }
    for (int32_t d = 900; d < 1100; d++) {
        bool kept = ingest_ledger_day(&f->t, d, &day);

        rows += kept;
        if (kept)
            assert_int_equal(day.call_units[1], d < 1000 || d > 1070 ? 1 : 2);
    }
    assert_int_equal(rows, 36);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_counts_once_in_its_window, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_window_still_knows_the_old, setup, teardown),
        cmocka_unit_test_setup_teardown(the_sweep_keeps_pace, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rejected_event_is_kept_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_message_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_is_cut_per_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(counters_add_up_and_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(thirty_days_received_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(names_beyond_the_table_are_counted_together, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_ledger_counts_units, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_commit_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(days_roll_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
