/* LMDB says no: whatever it refuses ends its transaction with a status that a caller can act on,
 * and nothing else.
 *
 * The functions of LMDB that the store calls are wrapped by the linker. */
#include "tests/unit/store/harness.h"

/* ---- faults: the nth call of one function from now ---- */

enum fn {
    FN_NONE,
    FN_ENV_CREATE,
    FN_ENV_OPEN,
    FN_TXN_BEGIN,
    FN_TXN_RENEW,
    FN_TXN_COMMIT,
    FN_DBI_OPEN,
    FN_STAT,
    FN_GET,
    FN_PUT,
    FN_DEL,
    FN_CURSOR_OPEN,
    FN_CURSOR_GET,
    FN_CURSOR_PUT,
    FN_CURSOR_DEL,
};

static enum fn fault;
static unsigned fault_nth;
static int fault_error;
static const MDB_env *given_up; /* LMDB's answer to all of its transactions is MDB_PANIC */

static int fails(enum fn what)
{
    return fault == what && fault_nth > 0 && --fault_nth == 0 ? fault_error : 0;
}

static void arm(enum fn what, unsigned nth, int error)
{
    fault = what;
    fault_nth = nth;
    fault_error = error;
}

/* True: the call that was to fail has come. */
static bool disarm(void)
{
    bool came = fault_nth == 0;
    fault = FN_NONE;
    return came;
}

/* name(parameters), which fails as `what`, or else is the real one called with (values). */
#define WRAP(what, name, parameters, values)                                                       \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        int rc = fails(what);                                                                      \
        return rc != 0 ? rc : __real_##name values;                                                \
    }

WRAP(FN_ENV_CREATE, mdb_env_create, (MDB_env * *env), (env))
WRAP(FN_ENV_OPEN, mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
     (env, path, flags, mode))
WRAP(FN_DBI_OPEN, mdb_dbi_open, (MDB_txn * t, const char *name, unsigned flags, MDB_dbi *dbi),
     (t, name, flags, dbi))
WRAP(FN_STAT, mdb_stat, (MDB_txn * t, MDB_dbi dbi, MDB_stat *st), (t, dbi, st))
WRAP(FN_GET, mdb_get, (MDB_txn * t, MDB_dbi dbi, MDB_val *k, MDB_val *v), (t, dbi, k, v))
WRAP(FN_PUT, mdb_put, (MDB_txn * t, MDB_dbi dbi, MDB_val *k, MDB_val *v, unsigned flags),
     (t, dbi, k, v, flags))
WRAP(FN_DEL, mdb_del, (MDB_txn * t, MDB_dbi dbi, MDB_val *k, MDB_val *v), (t, dbi, k, v))
WRAP(FN_CURSOR_OPEN, mdb_cursor_open, (MDB_txn * t, MDB_dbi dbi, MDB_cursor **c), (t, dbi, c))
WRAP(FN_CURSOR_GET, mdb_cursor_get, (MDB_cursor * c, MDB_val *k, MDB_val *v, MDB_cursor_op op),
     (c, k, v, op))
WRAP(FN_CURSOR_PUT, mdb_cursor_put, (MDB_cursor * c, MDB_val *k, MDB_val *v, unsigned flags),
     (c, k, v, flags))
WRAP(FN_CURSOR_DEL, mdb_cursor_del, (MDB_cursor * c, unsigned flags), (c, flags))

int __real_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **t);
int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **t);
int __wrap_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **t)
{
    if (env == given_up)
        return MDB_PANIC;
    int rc = fails(FN_TXN_BEGIN);
    return rc != 0 ? rc : __real_mdb_txn_begin(env, parent, flags, t);
}

int __real_mdb_txn_renew(MDB_txn *t);
int __wrap_mdb_txn_renew(MDB_txn *t);
int __wrap_mdb_txn_renew(MDB_txn *t)
{
    if (mdb_txn_env(t) == given_up)
        return MDB_PANIC;
    int rc = fails(FN_TXN_RENEW);
    return rc != 0 ? rc : __real_mdb_txn_renew(t);
}

/* As the real one, it ends the transaction in any case. */
int __real_mdb_txn_commit(MDB_txn *t);
int __wrap_mdb_txn_commit(MDB_txn *t);
int __wrap_mdb_txn_commit(MDB_txn *t)
{
    int rc = fails(FN_TXN_COMMIT);
    if (rc == 0)
        return __real_mdb_txn_commit(t);
    mdb_txn_abort(t);
    return rc;
}

/* ---- statuses ---- */

static void test_statuses(void **state)
{
    static const struct {
        int rc;
        enum status want;
    } rows[] = {
        {MDB_SUCCESS, ST_OK},
        {MDB_NOTFOUND, ST_NOT_FOUND},
        {ENOENT, ST_NOT_FOUND},
        {MDB_MAP_FULL, ST_STORAGE_FULL},
        {ENOSPC, ST_STORAGE_FULL},
        {EDQUOT, ST_STORAGE_FULL},
        {EFBIG, ST_STORAGE_FULL},
        {MDB_CORRUPTED, ST_CORRUPT},
        {MDB_PAGE_NOTFOUND, ST_CORRUPT},
        {MDB_INVALID, ST_CORRUPT},
        {MDB_VERSION_MISMATCH, ST_OTHER_FORMAT},
        {MDB_READERS_FULL, ST_BUSY},
        {MDB_MAP_RESIZED, ST_BUSY},
        {MDB_TXN_FULL, ST_TOO_LARGE},
        {ENOMEM, ST_NO_MEMORY},
        {MDB_PANIC, ST_IO_ERROR},
        {EIO, ST_IO_ERROR},
        {EROFS, ST_IO_ERROR},
        {EMFILE, ST_IO_ERROR},
        {MDB_BAD_TXN, ST_INTERNAL}, /* whatever else: a fault of ours */
        {EINVAL, ST_INTERNAL},
    };

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++)
        if (store_status(rows[i].rc) != rows[i].want)
            fail_msg("row %zu: %s", i, mdb_strerror(rows[i].rc));
}

/* ---- one refusal, one transaction ---- */

/* Everything that a write transaction may do; each line does nothing once t has failed. */
static void do_all(struct txn *t)
{
    struct cur c;
    struct span v;
    struct table_size size;

    (void)txn_get(t, T_A, "k", 1, &v);
    txn_put(t, T_A, "k", 1, "new", 3);
    (void)txn_reserve(t, T_A, "r", 1, 1, false);
    (void)txn_del(t, T_A, "gone", 4);
    txn_table_size(t, T_A, &size);
    cur_open(t, T_B, &c);
    (void)cur_seek(&c, "b", 1);
    cur_put(&c, "b", 1, "new", 3);
    cur_put(&c, "c", 1, "new", 3);
    cur_del(&c);
    cur_close(&c);
}

static void test_a_refusal_ends_its_transaction(void **state)
{
    static const struct {
        enum fn what;
        unsigned nth;
        int error;
        enum status want;
    } rows[] = {
        {FN_GET, 1, MDB_CORRUPTED, ST_CORRUPT},
        {FN_PUT, 1, MDB_PAGE_NOTFOUND, ST_CORRUPT},
        {FN_PUT, 1, MDB_TXN_FULL, ST_TOO_LARGE},
        {FN_PUT, 2, ENOMEM, ST_NO_MEMORY},
        {FN_DEL, 1, MDB_CORRUPTED, ST_CORRUPT},
        {FN_STAT, 1, MDB_CORRUPTED, ST_CORRUPT},
        {FN_CURSOR_OPEN, 1, ENOMEM, ST_NO_MEMORY},
        {FN_CURSOR_GET, 1, MDB_PAGE_NOTFOUND, ST_CORRUPT},
        {FN_CURSOR_GET, 2, MDB_CORRUPTED, ST_CORRUPT}, /* behind a cur_put */
        {FN_CURSOR_PUT, 1, MDB_MAP_FULL, ST_STORAGE_FULL},
        {FN_CURSOR_PUT, 2, MDB_CORRUPTED, ST_CORRUPT},
        {FN_CURSOR_DEL, 1, ENOMEM, ST_NO_MEMORY},
        {FN_CURSOR_GET, 4, MDB_CORRUPTED, ST_CORRUPT}, /* behind cur_del */
        {FN_TXN_COMMIT, 1, ENOMEM, ST_NO_MEMORY},
        {FN_TXN_BEGIN, 1, ENOMEM, ST_NO_MEMORY},
        {FN_TXN_BEGIN, 1, MDB_MAP_RESIZED, ST_BUSY},
    };
    struct fixture *f = *state;
    struct txn t;

    assert_int_equal(put_one(f->s, "k", "old"), ST_OK);
    txn_begin(f->s, true, &t);
    txn_put(&t, T_A, "gone", 4, "1", 1);
    txn_put(&t, T_B, "b", 1, "old", 3);
    assert_int_equal(txn_commit(&t), ST_OK);
    for (size_t i = 0; i < N_OF(rows); i++) {
        arm(rows[i].what, rows[i].nth, rows[i].error);
        txn_begin(f->s, true, &t);
        do_all(&t);
        enum status st = txn_commit(&t);
        if (!disarm() || st != rows[i].want)
            fail_msg("row %zu: %s", i, status_row(st)->name);
        assert_int_equal(txn_commit(&t), st);
        assert_false(store_failed(f->s));

        /* All is as it was, and the next transaction has its turn. */
        assert_true(has(f->s, "k", "old"));
        assert_true(has(f->s, "gone", "1"));
        assert_int_equal(entries(f->s, T_A), 2);
        assert_int_equal(entries(f->s, T_B), 1);
        assert_int_equal(put_one(f->s, "k", "old"), ST_OK);
    }
    txn_begin(f->s, true, &t);
    do_all(&t);
    assert_int_equal(txn_commit(&t), ST_OK); /* nothing was wrong with what it did */
    assert_true(has(f->s, "k", "new"));
}

static void test_reads_refused(void **state)
{
    struct fixture *f = *state;
    struct table_size size;
    struct txn t;
    struct cur c;
    struct span v;

    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    assert_true(has(f->s, "k", "v")); /* leaves one in the pool */
    arm(FN_TXN_RENEW, 1, MDB_READERS_FULL);
    txn_begin(f->s, false, &t);
    assert_true(disarm());
    assert_false(txn_get(&t, T_A, "k", 1, &v));
    cur_open(&t, T_A, &c);
    assert_false(cur_first(&c) || cur_last(&c) || cur_seek_before(&c, "z", 1));
    cur_close(&c);
    txn_table_size(&t, T_A, &size);
    assert_int_equal(size.entries, 0);
    assert_int_equal(txn_commit(&t), ST_BUSY);
    assert_true(has(f->s, "k", "v"));

    /* A failed read says nothing about the disk's writes. */
    txn_begin(f->s, false, &t);
    arm(FN_GET, 1, EIO);
    assert_false(txn_get(&t, T_A, "k", 1, &v));
    assert_true(disarm());
    assert_int_equal(txn_commit(&t), ST_IO_ERROR);
    assert_false(store_failed(f->s));
    assert_int_equal(put_one(f->s, "k", "w"), ST_OK);
}

/* ---- starts ---- */

static enum status start(const struct fixture *f, bool read_only, char why[static 256])
{
    struct store_options o = options_of(f->dir);
    struct store *s = NULL;

    o.read_only = read_only;
    enum status st = store_open(&o, &s, why);
    assert_true(st == ST_OK ? s != NULL : s == NULL);
    store_close(&s);
    return st;
}

static void test_starts_refused(void **state)
{
    static const struct {
        enum fn what;
        int error;
        enum status want;
    } rows[] = {
        {FN_ENV_CREATE, ENOMEM, ST_NO_MEMORY},
        {FN_ENV_OPEN, MDB_INVALID, ST_CORRUPT},
        {FN_ENV_OPEN, EMFILE, ST_IO_ERROR},
        {FN_TXN_BEGIN, MDB_READERS_FULL, ST_BUSY},
        {FN_DBI_OPEN, MDB_CORRUPTED, ST_CORRUPT},
        {FN_TXN_COMMIT, EIO, ST_IO_ERROR},
        {FN_ENV_OPEN, MDB_VERSION_MISMATCH, ST_OTHER_FORMAT},
    };
    struct fixture *f = *state;
    char why[256];

    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    store_close(&f->s);
    for (size_t i = 0; i < N_OF(rows); i++) {
        for (int read_only = 0; read_only < 2; read_only++) {
            why[0] = '\0';
            arm(rows[i].what, 1, rows[i].error);
            assert_int_equal(start(f, read_only, why), rows[i].want);
            assert_true(disarm());
            assert_non_null(strstr(why, f->dir));
            assert_non_null(strstr(why, mdb_strerror(rows[i].error)));
            assert_int_equal(start(f, read_only, why), ST_OK);
        }
    }
    open_store(f);
    assert_true(has(f->s, "k", "v"));
}

/* A new file that cannot be made whole has no name, and the next start makes it. */
static void test_new_file_refused(void **state)
{
    static const enum fn whats[] = {FN_ENV_CREATE, FN_ENV_OPEN};
    struct fixture *f = *state;
    char path[128], why[256];

    store_close(&f->s);
    text_fmt(path, sizeof(path), "%s/data.mdb", f->dir);
    for (size_t i = 0; i < N_OF(whats); i++) {
        assert_int_equal(remove(path), 0);
        arm(whats[i], 1, ENOMEM);
        assert_int_equal(start(f, false, why), ST_NO_MEMORY);
        assert_true(disarm());
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(start(f, false, why), ST_OK);
    }
    open_store(f);
}

/* ---- the view that is left ---- */

/* LMDB has given the environment up, and the second view cannot be had at first, either. */
static void test_rescue_is_tried_again(void **state)
{
    static const struct {
        enum fn what;
        unsigned nth;
        int error;
        enum status want;
    } rows[] = {
        {FN_ENV_CREATE, 1, ENOMEM, ST_NO_MEMORY}, {FN_ENV_OPEN, 1, EMFILE, ST_IO_ERROR},
        {FN_TXN_BEGIN, 1, ENOMEM, ST_NO_MEMORY},  {FN_DBI_OPEN, 2, MDB_CORRUPTED, ST_CORRUPT},
        {FN_TXN_COMMIT, 1, ENOMEM, ST_NO_MEMORY}, {FN_TXN_BEGIN, 2, ENOMEM, ST_NO_MEMORY},
    };
    struct fixture *f = *state;
    struct span v;
    struct txn t;

    for (size_t i = 0; i < N_OF(rows); i++) {
        assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
        given_up = f->s->env;
        arm(rows[i].what, rows[i].nth, rows[i].error);
        txn_begin(f->s, false, &t);
        assert_true(disarm());
        assert_false(txn_get(&t, T_A, "k", 1, &v));
        assert_int_equal(txn_commit(&t), rows[i].want);
        assert_true(store_failed(f->s));
        for (int again = 0; again < 2; again++)
            assert_true(has(f->s, "k", "v"));
        assert_int_equal(put_one(f->s, "k", "w"), ST_IO_ERROR);
        store_close(&f->s);
        given_up = NULL;
        open_store(f);
    }
}

/* The write transaction is the first to hear that the environment is given up. */
static void test_given_up_before_a_write(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    given_up = f->s->env;
    assert_int_equal(put_one(f->s, "k", "w"), ST_IO_ERROR);
    assert_true(store_failed(f->s));
    assert_true(has(f->s, "k", "v"));
    store_close(&f->s);
    given_up = NULL;
}

/* ---- room ---- */

/* Free pages that cannot be counted are not counted on. */
static void test_uncounted_pages_are_no_room(void **state)
{
    static const char val[6000];
    struct fixture *f = *state;
    struct txn t;
    enum status st;
    uint64_t n = 0;

    do {
        txn_begin(f->s, true, &t);
        put_num(&t, T_B, n++, val, sizeof(val));
        st = txn_commit(&t);
    } while (st == ST_OK);
    assert_int_equal(st, ST_STORAGE_FULL);
    txn_begin(f->s, true, &t);
    struct cur c;
    cur_open(&t, T_B, &c);
    for (cur_first(&c); c.on;)
        cur_del(&c);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_OK);
    assert_int_equal(put_one(f->s, "k", "1"), ST_OK); /* the free list is room enough */

    arm(FN_CURSOR_OPEN, 1, ENOMEM);
    assert_int_equal(put_one(f->s, "k", "2"), ST_STORAGE_FULL);
    assert_true(disarm());
    assert_true(has(f->s, "k", "1"));
    assert_int_equal(put_one(f->s, "k", "3"), ST_OK);
    arm(FN_TXN_RENEW, 1, MDB_READERS_FULL);
    assert_int_equal(put_one(f->s, "k", "4"), ST_STORAGE_FULL);
    assert_true(disarm());
    assert_int_equal(put_one(f->s, "k", "5"), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_statuses),
        STORE_TEST(test_a_refusal_ends_its_transaction),
        STORE_TEST(test_reads_refused),
        STORE_TEST(test_starts_refused),
        STORE_TEST(test_new_file_refused),
        STORE_TEST(test_rescue_is_tried_again),
        STORE_TEST(test_given_up_before_a_write),
        STORE_TEST(test_uncounted_pages_are_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
