/* Damaged rows of the front environment: who reads one fails its transaction with ST_CORRUPT, so
 * that nothing is made of it and it is left as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/counters.h"
#include "engine/ingest/cursor.h"
#include "engine/ingest/faults.h"
#include "engine/ingest/id_window.h"
#include "engine/ingest/ledger.h"
#include "engine/ingest/rejected.h"
#include "engine/ingest/tables.h"
#include "tests/unit/ingest/front_txn.h"

/* ---- who reads them ---- */

static void load_counters(struct txn *t)
{
    struct counters *c = calloc(1, sizeof(*c));

    counters_load(t, c);
    free(c);
}

static void get_cursor(struct txn *t)
{
    struct cursor c;

    (void)cursor_get(t, STR("k"), STR("p"), &c);
}

static void add_producer(struct txn *t)
{
    const struct cursor c = {.epoch = 1, .seq = 1};

    cursor_put(t, STR("k"), STR("new"), &c, true);
}

static void sweep_cursors(struct txn *t)
{
    struct cursor_place place = {0};

    cursor_sweep(t, &place, 1000, 8);
}

static void add_to_ledger(struct txn *t)
{
    struct ledger *l = calloc(1, sizeof(*l));
    struct event e = {.account = 1, .time_ms = 7 * MS_PER_DAY, .count = 1, .kind = EV_API_CALL};
    uint8_t verdict = 0;
    struct batch b = {.n = 1, .ev = &e, .verdict = &verdict};

    (void)ledger_add(l, t, &b, 7);
    ledger_store(l, t);
    free(l);
}

static void trim_ledger(struct txn *t)
{
    ledger_trim(t, 1000);
}

static void add_id(struct txn *t)
{
    struct id_window w = {.bytes_max = 1 << 20, .hours = 48};

    (void)id_window_begin(&w, t);
    assert_int_equal(id_window_add(&w, t, 7, (struct hash128){1, 2}, 0), ST_OK);
}

static void look_id_up(struct txn *t)
{
    (void)id_window_has(t, 7, (struct hash128){1, 2}, 0);
}

static void sweep_ids(struct txn *t)
{
    struct id_window w = {.bytes_max = 1 << 20, .hours = 48};

    id_window_sweep(&w, t, 0);
}

static void store_fault(struct txn *t, int32_t first_day)
{
    struct faults f = {0};

    faults_begin(&f);
    faults_add(&f, &(struct fault){.account = 5, .day = 7, .rejected = 1});
    faults_store(&f, t, first_day);
    faults_fini(&f);
}

static void add_fault(struct txn *t)
{
    store_fault(t, 0);
}

static void sweep_faults(struct txn *t)
{
    store_fault(t, 1);
}

static void sum_faults(struct txn *t)
{
    struct ingest_faults n;

    ingest_faults(t, 5, 0, 100, &n);
}

static void see_fault(void *arg, int32_t day, const struct ingest_faults *n)
{
    (void)day;
    *(uint64_t *)arg += n->duplicate + n->rejected;
}

static void each_fault(struct txn *t)
{
    uint64_t sum = 0;

    ingest_faults_each(t, see_fault, &sum);
    assert_int_equal(sum, 0); /* nothing is told of what is not sure */
}

static bool see_rejected(void *arg, const struct ingest_rejected *r)
{
    (void)arg, (void)r;
    fail_msg("a damaged row was told");
    return true;
}

static void each_rejected(struct txn *t)
{
    ingest_rejected_each(t, UINT64_MAX, see_rejected, NULL);
}

/* ---- rows ---- */

#define BYTES(literal) literal, sizeof(literal) - 1
#define DAY_7          "\0\0\0\x07"
/* A rejected event up to its texts: received, transport, code "GAP", account, app. */
#define REJECTED_OF(transport) "\x01" transport "\x03GAP\x01\x05\x06"
#define FOUR_TEXTS             "\x01k\x01p\x01m\x01r"

struct row {
    const char *what;
    enum front_table table;
    const char *key;
    size_t key_n;
    const char *val;
    size_t val_n;
    void (*read)(struct txn *t);
};

static const struct row rows[] = {
    {"totals end in a name", FRONT_COUNTERS, BYTES("t"),
     BYTES("\x08"
           "received"),
     load_counters},
    {"a name longer than its row", FRONT_COUNTERS, BYTES("t"), BYTES("\x7fx\x01"), load_counters},
    {"fields end in a name", FRONT_COUNTERS, BYTES("u"), BYTES("\x01x"), load_counters},
    {"a day of four numbers", FRONT_COUNTERS, BYTES("d" DAY_7), BYTES("\1\1\1\1"), load_counters},
    {"a day without numbers", FRONT_COUNTERS, BYTES("d" DAY_7), BYTES(""), load_counters},
    {"a day of three bytes", FRONT_COUNTERS, BYTES("d\0\0\7"), BYTES("\1\1\1\1\1"), load_counters},

    {"a cursor cut short", FRONT_CURSOR, BYTES("\1\1kp"), BYTES("\0\0\0"), get_cursor},
    {"a cursor of nothing", FRONT_CURSOR, BYTES("\1\1kp"), BYTES(""), get_cursor},
    {"a cursor and more", FRONT_CURSOR, BYTES("\1\1kp"),
     BYTES("1234567812345678123456781234567812345"), get_cursor},
    {"a number of producers that has no end", FRONT_CURSOR, BYTES("\0\1k"), BYTES("\xff"),
     add_producer},
    {"no number of producers", FRONT_CURSOR, BYTES("\0\1k"), BYTES(""), add_producer},
    {"a swept cursor cut short", FRONT_CURSOR, BYTES("\1\1kp"), BYTES("\0"), sweep_cursors},
    {"a cursor of no key", FRONT_CURSOR, BYTES("\1\7k"),
     BYTES("123456781234567812345678123456781234"), sweep_cursors},
    {"a cursor of a key too long", FRONT_CURSOR,
     BYTES("\1\x41"
           "12345678901234567890123456789012345678901234567890123456789012345"),
     BYTES("123456781234567812345678123456781234"), sweep_cursors},

    {"a ledger day cut short", FRONT_LEDGER, BYTES(DAY_7), BYTES("\1\1\1"), add_to_ledger},
    {"a ledger day of nothing", FRONT_LEDGER, BYTES(DAY_7), BYTES(""), add_to_ledger},
    {"a ledger row of no day", FRONT_LEDGER, BYTES("\0\0\7"), BYTES("\1"), trim_ledger},

    {"an id of two bytes", FRONT_ID_WINDOW, NULL, 0, BYTES("\0\1"), add_id},
    {"an id without its hour", FRONT_ID_WINDOW, NULL, 0, BYTES(""), add_id},
    {"an id looked up", FRONT_ID_WINDOW, NULL, 0, BYTES("\0\1"), look_id_up},
    {"an id swept", FRONT_ID_WINDOW, NULL, 0, BYTES("\0\1"), sweep_ids},

    {"faults of one number", FRONT_FAULTS, BYTES("\1\5" DAY_7), BYTES("\1"), add_fault},
    {"faults of no number", FRONT_FAULTS, BYTES("\1\5" DAY_7), BYTES(""), add_fault},
    {"faults of three numbers", FRONT_FAULTS, BYTES("\1\5" DAY_7), BYTES("\1\1\1"), add_fault},
    {"faults of no day", FRONT_FAULTS, BYTES("\1\4"), BYTES("\1\1"), sweep_faults},
    {"faults of a day and more", FRONT_FAULTS, BYTES("\1\4" DAY_7 "\0"), BYTES("\1\1"),
     sweep_faults},
    {"faults summed, one number", FRONT_FAULTS, BYTES("\1\5" DAY_7), BYTES("\1"), sum_faults},
    {"faults summed, no day", FRONT_FAULTS, BYTES("\1\5\1"), BYTES("\1\1"), sum_faults},
    {"each fault, one number", FRONT_FAULTS, BYTES("\1\5" DAY_7), BYTES("\1"), each_fault},
    {"each fault, no account", FRONT_FAULTS, BYTES("\x09"), BYTES("\1\1"), each_fault},

    {"a rejected event of no number", FRONT_REJECTED, BYTES("\0\0"),
     BYTES(REJECTED_OF("\0") FOUR_TEXTS), each_rejected},
    {"a rejected event of nothing", FRONT_REJECTED, BYTES("\0\0\0\0\0\0\0\1"), BYTES(""),
     each_rejected},
    {"a rejected event cut short", FRONT_REJECTED, BYTES("\0\0\0\0\0\0\0\1"),
     BYTES(REJECTED_OF("\0") "\x01k\x01p\x01m"), each_rejected},
    {"a transport that is none", FRONT_REJECTED, BYTES("\0\0\0\0\0\0\0\1"),
     BYTES(REJECTED_OF("\x09") FOUR_TEXTS), each_rejected},
};

/* The key of the id that is added and looked up: only its own code knows it. */
static size_t id_key(struct fixture *f, uint8_t key[static 16])
{
    struct txn t;
    struct cur c;

    txn_begin(f->store, true, &t);
    add_id(&t);
    cur_open(&t, FRONT_ID_WINDOW, &c);
    assert_true(cur_first(&c));
    assert_int_equal(c.key.n, 16);
    memcpy(key, c.key.p, c.key.n);
    cur_close(&c);
    txn_abort(&t);
    return 16;
}

static void a_damaged_row_is_told_and_left(void **state)
{
    struct fixture *f = *state;

    txn_abort(&f->t); /* each row has two transactions of its own */
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct row *r = &rows[i];
        uint8_t key[STORE_KEY_MAX];
        size_t key_n = r->key == NULL ? id_key(f, key) : r->key_n;
        struct span val;
        struct txn t;

        if (r->key != NULL)
            memcpy(key, r->key, key_n);
        txn_begin(f->store, true, &t);
        txn_put(&t, r->table, key, key_n, r->val, r->val_n);
        assert_int_equal(txn_commit(&t), ST_OK);

        txn_begin(f->store, true, &t);
        r->read(&t);
        if (txn_commit(&t) != ST_CORRUPT)
            fail_msg("%s", r->what);
        txn_begin(f->store, true, &t);
        assert_true(txn_get(&t, r->table, key, key_n, &val));
        assert_int_equal(val.n, r->val_n);
        assert_memory_equal(val.p, r->val, val.n);
        assert_true(txn_del(&t, r->table, key, key_n));
        r->read(&t); /* without it nothing is wrong */
        assert_int_equal(t.status, ST_OK);
        txn_abort(&t);
        txn_begin(f->store, true, &t);
        assert_true(txn_del(&t, r->table, key, key_n));
        assert_int_equal(txn_commit(&t), ST_OK);
    }
}

/* What another version may have written is read as far as it is known. */
static void unknown_names_are_no_damage(void **state)
{
    static const char total[] = "\x08"
                                "accepted\x05\x06"
                                "colour\x07\x0c"
                                "rejected.GAP\x03";
    struct counters *c = calloc(1, sizeof(*c));
    struct fixture *f = *state;

    txn_put(&f->t, FRONT_COUNTERS, "t", 1, total, sizeof(total) - 1);
    counters_load(&f->t, c);
    assert_int_equal(txn_commit(&f->t), ST_OK);
    assert_int_equal(c->total.accepted, 5);
    assert_int_equal(c->total.rejected[ST_GAP], 3);
    free(c);
}

static bool see_code(void *arg, const struct ingest_rejected *r)
{
    *(enum status *)arg = r->code;
    assert_int_equal(r->number, 1);
    assert_int_equal(r->account, 5);
    return true;
}

static void an_unknown_code_reads_as_invalid(void **state)
{
    static const char val[] = "\x01\x02\x08"
                              "too_blue\x01\x05\x06" FOUR_TEXTS;
    struct fixture *f = *state;
    enum status code = ST_OK;

    txn_put(&f->t, FRONT_REJECTED, "\0\0\0\0\0\0\0\1", 8, val, sizeof(val) - 1);
    ingest_rejected_each(&f->t, UINT64_MAX, see_code, &code);
    assert_int_equal(txn_commit(&f->t), ST_OK);
    assert_int_equal(code, ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_damaged_row_is_told_and_left, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names_are_no_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_code_reads_as_invalid, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
