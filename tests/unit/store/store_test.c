/* The rules of the interface: sticky status, keys, tables; owners, readers and copies. */
#include "tests/unit/store/harness.h"

#include <sys/wait.h>

/* ---- transactions ---- */

static void test_status_is_sticky(void **state)
{
    struct fixture *f = *state;
    struct txn t;
    struct cur c;
    struct span v;
    assert_int_equal(put_one(f->s, "k", "old"), ST_OK);

    txn_begin(f->s, true, &t);
    cur_open(&t, T_A, &c);
    txn_put(&t, T_A, "k", 1, "new", 3);
    txn_fail(&t, ST_CORRUPT);
    txn_fail(&t, ST_BUSY); /* the first one is kept */
    assert_false(txn_get(&t, T_A, "k", 1, &v));
    assert_false(cur_first(&c));
    assert_null(txn_reserve(&t, T_A, "r", 1, 8, false));
    assert_false(txn_del(&t, T_A, "k", 1));
    cur_put(&c, "z", 1, "z", 1);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_CORRUPT);
    assert_int_equal(txn_commit(&t), ST_CORRUPT); /* ended once only */
    txn_abort(&t);
    assert_true(has(f->s, "k", "old"));
    assert_int_equal(entries(f->s, T_A), 1);
}

static void test_key_limit(void **state)
{
    struct fixture *f = *state;
    char key[STORE_KEY_MAX + 1];
    struct txn t;
    struct cur c;
    struct span v;
    memset(key, 'k', sizeof(key));

    txn_begin(f->s, true, &t);
    txn_put(&t, T_A, key, STORE_KEY_MAX, "v", 1);
    assert_int_equal(txn_commit(&t), ST_OK);

    txn_begin(f->s, true, &t);
    txn_put(&t, T_A, key, STORE_KEY_MAX + 1, "v", 1);
    assert_int_equal(txn_commit(&t), ST_TOO_LARGE);

    txn_begin(f->s, true, &t);
    cur_open(&t, T_A, &c);
    cur_put(&c, key, STORE_KEY_MAX + 1, "v", 1);
    assert_false(c.on);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_TOO_LARGE);

    txn_begin(f->s, false, &t);
    assert_false(txn_get(&t, T_A, key, STORE_KEY_MAX + 1, &v));
    assert_true(txn_get(&t, T_A, key, STORE_KEY_MAX, &v));
    assert_int_equal(txn_commit(&t), ST_OK);
}

/* No entry has a key of no bytes; as a place to begin at it is the first one. */
static void test_empty_key(void **state)
{
    struct fixture *f = *state;
    struct txn t;
    struct cur c;
    struct span v;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    txn_begin(f->s, true, &t);
    assert_false(txn_get(&t, T_A, "", 0, &v));
    assert_false(txn_del(&t, T_A, "", 0));
    char key[STORE_KEY_MAX + 1] = "";
    assert_false(txn_del(&t, T_A, key, sizeof(key)));
    cur_open(&t, T_A, &c);
    assert_true(cur_seek(&c, "", 0));
    assert_memory_equal(c.key.p, "k", 1);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_OK);
    assert_int_equal(txn_commit(&t), ST_OK); /* ended once only */
    assert_true(has(f->s, "k", "v"));
}

/* A cursor that outlives its transaction does nothing, and may still be closed. */
static void test_cursor_after_its_transaction(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    for (int writes = 0; writes < 2; writes++) {
        struct txn t;
        struct cur c, other;
        txn_begin(f->s, writes, &t);
        cur_open(&t, T_A, &c);
        cur_open(&t, T_B, &other);
        assert_true(cur_first(&c));
        if (writes) {
            assert_int_equal(txn_commit(&t), ST_OK);
            cur_close(&c);
        } else {
            cur_close(&c);
            assert_int_equal(txn_commit(&t), ST_OK);
        }
        assert_false(c.on);
        assert_false(cur_first(&c) || cur_next(&c) || cur_prev(&c));
        cur_close(&c); /* once more: nothing to do */
        cur_close(&other);
    }
    assert_true(has(f->s, "k", "v"));
}

/* A cursor at a failed transaction stands nowhere. */
static void test_cursor_of_a_failed_transaction(void **state)
{
    struct fixture *f = *state;
    struct txn t;
    struct cur c, late;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    txn_begin(f->s, true, &t);
    cur_open(&t, T_A, &c);
    assert_true(cur_first(&c));
    txn_fail(&t, ST_CORRUPT);
    cur_open(&t, T_A, &late);
    cur_del(&c);
    assert_false(c.on);
    assert_false(cur_seek(&c, "k", 1) || cur_last(&c) || cur_prev(&c) || cur_first(&late));
    assert_false(cur_has_prefix(&c, "k", 1));
    cur_close(&late);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_CORRUPT);
    assert_true(has(f->s, "k", "v"));
}

static void test_append(void **state)
{
    struct fixture *f = *state;
    struct txn t;
    txn_begin(f->s, true, &t);
    for (uint8_t k = 1; k < 200; k++)
        memset(txn_reserve(&t, T_B, &k, 1, 100, true), k, 100);
    assert_int_equal(txn_commit(&t), ST_OK);
    assert_int_equal(entries(f->s, T_B), 199);

    uint8_t low = 7;
    txn_begin(f->s, true, &t);
    assert_null(txn_reserve(&t, T_B, &low, 1, 1, true));
    assert_int_equal(txn_commit(&t), ST_INTERNAL);
    assert_false(store_failed(f->s));
}

static void test_tables_are_apart(void **state)
{
    struct fixture *f = *state;
    struct txn t;
    struct cur c;
    assert_int_equal(put_one(f->s, "only a", "1"), ST_OK);
    txn_begin(f->s, false, &t);
    cur_open(&t, T_B, &c);
    assert_false(cur_first(&c));
    assert_false(cur_last(&c));
    assert_false(cur_seek_before(&c, "z", 1));
    assert_false(cur_next(&c)); /* stands nowhere */
    cur_close(&c);
    cur_open(&t, T_A, &c);
    assert_true(cur_seek(&c, "only", 4));
    assert_true(cur_has_prefix(&c, "only ", 5));
    assert_false(cur_has_prefix(&c, "other", 5));
    cur_close(&c);
    txn_abort(&t);
}

/* ---- owners, readers, copies ---- */

static void test_second_owner_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_options o = options_of(f->dir);
    struct store *other = NULL;
    char why[256] = "", pid[32];
    assert_int_equal(store_open(&o, &other, why), ST_BUSY);
    assert_null(other);
    text_fmt(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(why, pid));
    assert_int_equal(put_one(f->s, "still", "works"), ST_OK);
}

static void test_missing_directory(void **state)
{
    struct fixture *f = *state;
    char dir[128], why[256] = "";
    struct store *s = NULL;
    text_fmt(dir, sizeof(dir), "%s/new", f->dir);
    struct store_options o = options_of(dir);
    o.read_only = true;
    assert_int_equal(store_open(&o, &s, why), ST_NOT_FOUND);
    assert_non_null(strstr(why, dir));
    o.read_only = false;
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(&s);

    text_fmt(dir, sizeof(dir), "%s/no/such/parent", f->dir);
    assert_int_equal(store_open(&o, &s, why), ST_IO_ERROR);
    assert_non_null(strstr(why, "No such file"));
}

static void test_garbage_is_corrupt(void **state)
{
    struct fixture *f = *state;
    char path[128], why[256] = "", junk[8192];
    store_close(&f->s);
    text_fmt(path, sizeof(path), "%s/data.mdb", f->dir);
    memset(junk, 0x5a, sizeof(junk));
    int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
    close(fd);
    struct store_options o = options_of(f->dir);
    assert_int_equal(store_open(&o, &f->s, why), ST_CORRUPT);
    assert_non_null(strstr(why, f->dir));
    assert_null(f->s);
}

/* A second process looks on while this one writes, and dies in the middle of a read. */
/* What a power cut left of the very first start, before the file had its name. */
static void test_unfinished_file_is_made_anew(void **state)
{
    struct fixture *f = *state;
    char path[96], unfinished[96];
    store_close(&f->s);
    text_fmt(path, sizeof(path), "%s/data.mdb", f->dir);
    text_fmt(unfinished, sizeof(unfinished), "%s/data.mdb.new", f->dir);
    assert_int_equal(rename(path, unfinished), 0);
    assert_int_equal(truncate(unfinished, 0), 0);
    assert_int_equal(truncate(unfinished, 5000), 0);
    open_store(f);
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    assert_int_equal(access(unfinished, F_OK), -1);
}

static void test_reader_beside_writer(void **state)
{
    struct fixture *f = *state;
    int up[2], down[2];
    char byte, why[256];
    assert_int_equal(put_one(f->s, "k", "1"), ST_OK);
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);

    pid_t child = fork();
    if (child == 0) {
        const char *const more[] = {"a", "b", "never made"};
        struct store_options o = {.dir = f->dir, .tables = more, .tables_n = 3, .read_only = true};
        struct store *s = NULL;
        struct txn t, w;
        struct span v;
        struct cur c;
        bool ok = store_open(&o, &s, why) == ST_OK && has(s, "k", "1");
        txn_begin(s, true, &w);
        ok = ok && txn_commit(&w) == ST_USAGE;
        txn_begin(s, false, &t);
        cur_open(&t, 2, &c);
        ok = ok && !cur_first(&c) && !txn_get(&t, 2, "k", 1, &v) && t.status == ST_OK;
        byte = ok ? 'y' : 'n';
        (void)!write(up[1], &byte, 1);
        (void)!read(down[0], &byte, 1);
        ok = txn_get(&t, T_A, "k", 1, &v) && v.n == 1 && memcmp(v.p, "1", 1) == 0;
        ok = ok && has(s, "k", "2");
        _exit(ok ? 0 : 1); /* with the transaction open */
    }
    assert_int_equal(read(up[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(put_one(f->s, "k", "2"), ST_OK);
    assert_int_equal(put_one(f->s, "l", "3"), ST_OK);
    struct store_size size;
    store_size(f->s, &size);
    assert_int_equal(size.readers, 1);
    assert_true(size.oldest_reader_lag >= 1);
    (void)!write(down[1], "g", 1);

    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(store_reap_readers(f->s), 2); /* the open one and an idle one of its pool */
    store_size(f->s, &size);
    assert_int_equal(size.readers, 0);
    for (int i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
}

static void test_reader_lag(void **state)
{
    struct fixture *f = *state;
    struct txn reader;
    struct store_size size;
    assert_int_equal(put_one(f->s, "k", "0"), ST_OK);
    txn_begin(f->s, false, &reader);
    for (int i = 0; i < 7; i++)
        assert_int_equal(put_one(f->s, "k", "1"), ST_OK);
    store_size(f->s, &size);
    assert_int_equal(size.readers, 1);
    assert_int_equal(size.oldest_reader_lag, 7);
    struct span v;
    assert_true(txn_get(&reader, T_A, "k", 1, &v));
    assert_memory_equal(v.p, "0", 1);
    txn_abort(&reader);
    store_size(f->s, &size);
    assert_int_equal(size.readers, 0);
    assert_int_equal(size.oldest_reader_lag, 0);
}

/* The lag is that of the oldest, however many came later. */
static void test_lag_of_several_readers(void **state)
{
    struct fixture *f = *state;
    struct txn reader[3];
    struct store_size size;
    for (size_t i = 0; i < N_OF(reader); i++) {
        assert_int_equal(put_one(f->s, "k", "0"), ST_OK);
        txn_begin(f->s, false, &reader[i]);
    }
    store_size(f->s, &size);
    assert_int_equal(size.readers, 3);
    assert_int_equal(size.oldest_reader_lag, 2);
    txn_abort(&reader[0]);
    store_size(f->s, &size);
    assert_int_equal(size.oldest_reader_lag, 1);
    txn_abort(&reader[1]);
    txn_abort(&reader[2]);
}

static void test_read_only(void **state)
{
    static const char *const more[] = {"a", "b", "never made"};
    struct fixture *f = *state;
    struct store_options o = {.dir = f->dir, .tables = more, .tables_n = 3, .read_only = true};
    char why[256];
    struct txn t;
    struct cur c;
    struct span v;
    struct table_size size;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    store_close(&f->s);
    assert_int_equal(store_open(&o, &f->s, why), ST_OK);
    assert_true(has(f->s, "k", "v"));
    assert_int_equal(put_one(f->s, "k", "w"), ST_USAGE);
    assert_false(store_failed(f->s));

    /* A table that the owner has not made is an empty one. */
    txn_begin(f->s, false, &t);
    cur_open(&t, 2, &c);
    assert_false(cur_first(&c));
    cur_close(&c);
    assert_false(txn_get(&t, 2, "k", 1, &v));
    txn_table_size(&t, 2, &size);
    assert_int_equal(size.entries, 0);
    assert_int_equal(txn_commit(&t), ST_OK);
    assert_int_equal(txn_commit(&t), ST_OK); /* ended once only */
}

/* Somebody removes the file below a running store: its size is told as none, not invented. */
static void test_size_of_a_removed_file(void **state)
{
    struct fixture *f = *state;
    char path[96];
    struct store_size size;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    store_size(f->s, &size);
    assert_true(size.file_bytes >= size.used_bytes);
    text_fmt(path, sizeof(path), "%s/data.mdb", f->dir);
    assert_int_equal(remove(path), 0);
    store_size(f->s, &size);
    assert_int_equal(size.file_bytes, 0);
    assert_true(size.used_bytes > 0);
    assert_true(has(f->s, "k", "v")); /* it is still mapped */
}

static void test_readers_have_a_limit(void **state)
{
    struct fixture *f = *state;
    static struct txn t[STORE_READERS_MAX + 1];
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    for (size_t i = 0; i < STORE_READERS_MAX; i++) {
        txn_begin(f->s, false, &t[i]);
        assert_int_equal(t[i].status, ST_OK);
    }
    txn_begin(f->s, false, &t[STORE_READERS_MAX]);
    assert_int_equal(txn_commit(&t[STORE_READERS_MAX]), ST_BUSY);
    for (size_t i = 0; i < STORE_READERS_MAX; i++)
        txn_abort(&t[i]);
    assert_true(has(f->s, "k", "v"));
}

/* Snapshots from other threads while this one commits: both keys always say the same. */
struct onlooker {
    struct store *s;
    atomic_bool *stop;
    unsigned looked, torn;
};

static void *look_on(void *arg)
{
    struct onlooker *o = arg;
    while (!atomic_load(o->stop) || o->looked == 0) {
        struct txn t;
        struct span a, b;
        txn_begin(o->s, false, &t);
        bool both = txn_get(&t, T_A, "k", 1, &a) && txn_get(&t, T_B, "k", 1, &b);
        if (!both || a.n != b.n || memcmp(a.p, b.p, a.n) != 0)
            o->torn++;
        o->looked++;
        txn_abort(&t);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    atomic_bool stop = false;
    struct onlooker o[2];
    pthread_t thread[N_OF(o)];
    struct txn t;
    for (int i = 0; i < 200; i++) {
        txn_begin(f->s, true, &t);
        txn_put(&t, T_A, "k", 1, &i, sizeof(i));
        txn_put(&t, T_B, "k", 1, &i, sizeof(i));
        assert_int_equal(txn_commit(&t), ST_OK);
        for (size_t k = 0; i == 0 && k < N_OF(o); k++) {
            o[k] = (struct onlooker){.s = f->s, .stop = &stop};
            pthread_create(&thread[k], NULL, look_on, &o[k]);
        }
    }
    atomic_store(&stop, true);
    for (size_t k = 0; k < N_OF(o); k++) {
        pthread_join(thread[k], NULL);
        assert_true(o[k].looked > 0);
        assert_int_equal(o[k].torn, 0);
    }
}

static void test_copy(void **state)
{
    struct fixture *f = *state;
    char dir[96], path[128], why[256];
    struct store *copy = NULL;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    text_fmt(dir, sizeof(dir), "%s/copy", f->dir);
    text_fmt(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(store_copy(f->s, fd), ST_OK);
    close(fd);
    struct store_options o = options_of(dir);
    assert_int_equal(store_open(&o, &copy, why), ST_OK);
    assert_true(has(copy, "k", "v"));
    store_close(&copy);

    fd = open("/dev/full", O_WRONLY);
    assert_int_equal(store_copy(f->s, fd), ST_STORAGE_FULL);
    close(fd);
    assert_int_equal(put_one(f->s, "k", "w"), ST_OK); /* a full target is not this store's fault */
}

static void test_remote_file_systems(void **state)
{
    (void)state;
    static const uint64_t remote[] = {0x6969, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997};
    static const uint64_t local[] = {0xef53, 0x01021994, 0x58465342, 0x9123683e, 0x2fc12fc1};
    for (size_t i = 0; i < N_OF(remote); i++)
        assert_true(store_fs_is_remote(remote[i]));
    for (size_t i = 0; i < N_OF(local); i++)
        assert_false(store_fs_is_remote(local[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_status_is_sticky),
        STORE_TEST(test_key_limit),
        STORE_TEST(test_empty_key),
        STORE_TEST(test_cursor_after_its_transaction),
        STORE_TEST(test_cursor_of_a_failed_transaction),
        STORE_TEST(test_append),
        STORE_TEST(test_tables_are_apart),
        STORE_TEST(test_second_owner_is_refused),
        STORE_TEST(test_missing_directory),
        STORE_TEST(test_garbage_is_corrupt),
        STORE_TEST(test_unfinished_file_is_made_anew),
        STORE_TEST(test_reader_beside_writer),
        STORE_TEST(test_reader_lag),
        STORE_TEST(test_lag_of_several_readers),
        STORE_TEST(test_read_only),
        STORE_TEST(test_size_of_a_removed_file),
        STORE_TEST(test_readers_have_a_limit),
        STORE_TEST(test_threads),
        STORE_TEST(test_copy),
        STORE_TEST(test_remote_file_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
