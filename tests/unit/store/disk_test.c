/* Each way in which a disk can say no.
 *
 * Faults are injected where they happen: this program defines the pwrite, writev and fdatasync that
 * LMDB calls, and the fstatvfs that tells how much room the disk has. */
#include "tests/unit/store/harness.h"

#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* ---- faults ---- */

enum fault { FAULT_NONE, FAULT_SYNC, FAULT_DATA, FAULT_SHORT, FAULT_META };

static enum fault fault;
static int fault_error;

/* LMDB writes its two meta pages at the start of the file, and less than a page each. */
static bool is_meta(off_t at, size_t n)
{
    return at < 8192 && n < 4096;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (fault == FAULT_META && is_meta(at, n)) {
        fault = FAULT_NONE; /* LMDB then writes the old meta page back: let it */
        errno = fault_error;
        return -1;
    }
    if (fault == FAULT_DATA && !is_meta(at, n)) {
        errno = fault_error;
        return -1;
    }
    if (fault == FAULT_SHORT && !is_meta(at, n))
        n /= 2;
    return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n);
ssize_t writev(int fd, const struct iovec *v, int n)
{
    if (fault == FAULT_DATA) {
        errno = fault_error;
        return -1;
    }
    return syscall(SYS_writev, fd, v, fault == FAULT_SHORT ? 1 : n);
}

int fdatasync(int fd);
int fdatasync(int fd)
{
    if (fault == FAULT_SYNC) {
        errno = fault_error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* What fstatvfs answers: of a disk of disk_blocks pages of 4096 bytes, disk_free are free; 0
 * blocks: of a large and empty one. */
static uint64_t disk_blocks, disk_free;
static bool disk_unknown; /* it answers nothing */

int fstatvfs(int fd, struct statvfs *out)
{
    (void)fd;
    if (disk_unknown) {
        errno = EIO;
        return -1;
    }
    *out = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096};
    out->f_blocks = disk_blocks > 0 ? disk_blocks : 1 << 30;
    out->f_bavail = disk_blocks > 0 ? disk_free : 1 << 30;
    return 0;
}

static void disk_is(uint64_t blocks, uint64_t free_blocks)
{
    disk_blocks = blocks;
    disk_free = free_blocks;
}

/* ---- full ---- */

/* Fill table B with big values until it refuses; the number of transactions that got through. */
static uint64_t fill(struct store *s, uint64_t from, enum status *last)
{
    static const char val[6000];
    uint64_t n = from;
    do {
        struct txn t;
        txn_begin(s, true, &t);
        for (unsigned i = 0; i < 8; i++)
            put_num(&t, T_B, n * 8 + i, val, sizeof(val));
        *last = txn_commit(&t);
    } while (*last == ST_OK && n++ < 10000);
    return n;
}

static void drain(struct store *s, uint64_t upto)
{
    struct txn t;
    struct cur c;
    txn_begin(s, true, &t);
    cur_open(&t, T_B, &c);
    for (cur_first(&c); c.on && upto > 0; upto--)
        cur_del(&c);
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_OK);
}

static void test_map_full_delete_and_go_on(void **state)
{
    struct fixture *f = *state;
    enum status last;
    uint64_t n = fill(f->s, 0, &last);
    assert_int_equal(last, ST_STORAGE_FULL);
    assert_true(n > 50);
    assert_false(store_failed(f->s));
    assert_int_equal(entries(f->s, T_B), n * 8); /* nothing of the refused one */

    struct store_size size;
    store_size(f->s, &size);
    assert_true(size.used_bytes > size.map_bytes / 10 * 8);
    assert_true(size.used_bytes < size.map_bytes);

    /* Ordinary puts are refused, marked ones are not, and deletes always work. */
    assert_int_equal(put_one(f->s, "k", "v"), ST_STORAGE_FULL);
    struct txn t;
    txn_begin(f->s, true, &t);
    txn_use_reserve(&t);
    txn_put(&t, T_A, "mark", 4, "1", 1);
    assert_int_equal(txn_commit(&t), ST_OK);
    for (int round = 0; round < 20; round++) {
        drain(f->s, n * 4);
        uint64_t more = fill(f->s, n, &last);
        assert_int_equal(last, ST_STORAGE_FULL);
        assert_true(more > n);
        n = entries(f->s, T_B) / 8;
    }
    drain(f->s, UINT64_MAX);
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    assert_true(has(f->s, "mark", "1"));
}

/* One transaction larger than the whole map. */
static void test_transaction_too_big_for_map(void **state)
{
    struct fixture *f = *state;
    struct txn t;
    assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
    txn_begin(f->s, true, &t);
    assert_null(txn_reserve(&t, T_A, "big", 3, 9 << 20, false));
    txn_put(&t, T_A, "after", 5, "x", 1);
    assert_int_equal(txn_commit(&t), ST_STORAGE_FULL);
    assert_false(store_failed(f->s));
    assert_true(has(f->s, "k", "v"));
    assert_false(has(f->s, "after", "x"));
    assert_int_equal(put_one(f->s, "after", "y"), ST_OK);
}

/* ---- failing disks ---- */

/* A commit of several runs of pages that meets the fault. */
static enum status commit_under(struct store *s, enum fault what, int error)
{
    struct txn t;
    static const char val[10000];
    txn_begin(s, true, &t);
    for (uint64_t i = 0; i < 20; i++)
        put_num(&t, T_B, i, val, sizeof(val));
    txn_put(&t, T_A, "k", 1, "new", 3);
    fault = what;
    fault_error = error;
    enum status st = txn_commit(&t);
    fault = FAULT_NONE;
    return st;
}

static void test_failing_disk(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum fault what;
        int error;
        enum status want;
        bool failed;
    } rows[] = {
        {FAULT_SYNC, EIO, ST_IO_ERROR, true},         {FAULT_DATA, EIO, ST_IO_ERROR, true},
        {FAULT_SHORT, 0, ST_IO_ERROR, true},          {FAULT_META, EIO, ST_IO_ERROR, true},
        {FAULT_DATA, ENOSPC, ST_STORAGE_FULL, false}, {FAULT_DATA, EDQUOT, ST_STORAGE_FULL, false},
        {FAULT_SYNC, ENOSPC, ST_STORAGE_FULL, false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct txn held;
        struct span v;
        assert_int_equal(put_one(f->s, "k", "old"), ST_OK);
        txn_begin(f->s, false, &held);
        assert_int_equal(commit_under(f->s, rows[i].what, rows[i].error), rows[i].want);
        assert_int_equal(store_failed(f->s), rows[i].failed);

        /* Reads go on, from the last good state, old transactions and new ones. */
        assert_true(txn_get(&held, T_A, "k", 1, &v));
        assert_memory_equal(v.p, "old", 3);
        txn_abort(&held);
        for (int again = 0; again < 3; again++)
            assert_true(has(f->s, "k", "old"));
        assert_int_equal(put_one(f->s, "l", "x"), rows[i].failed ? ST_IO_ERROR : ST_OK);
        assert_true(has(f->s, "k", "old"));

        /* A restart finds nothing to repair. */
        store_close(&f->s);
        open_store(f);
        assert_true(has(f->s, "k", "old"));
        assert_int_equal(commit_under(f->s, FAULT_NONE, 0), ST_OK);
        assert_true(has(f->s, "k", "new"));
    }
}

/* LMDB notices a failed meta page one transaction late; the store must not. */
static void test_meta_write_that_says_full(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_one(f->s, "k", "old"), ST_OK);
    assert_int_equal(commit_under(f->s, FAULT_META, ENOSPC), ST_STORAGE_FULL);
    assert_int_equal(put_one(f->s, "k", "x"), ST_IO_ERROR);
    assert_true(store_failed(f->s));
    assert_true(has(f->s, "k", "old"));
    struct store_size size;
    store_size(f->s, &size);
    assert_true(size.used_bytes > 0);
    int fd = open("/dev/null", O_WRONLY);
    assert_int_equal(store_copy(f->s, fd), ST_IO_ERROR);
    close(fd);
}

/* A short write is EIO to LMDB; on a full disk it says no more than that the disk is full. */
static void test_short_write_on_a_full_disk(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_one(f->s, "k", "old"), ST_OK);
    for (int round = 0; round < 2; round++) {
        struct txn t;
        static const char val[10000];
        txn_begin(f->s, true, &t);
        for (uint64_t i = 0; i < 20; i++)
            put_num(&t, T_B, i, val, sizeof(val));
        disk_is(1 << 20, 0);
        fault = FAULT_SHORT;
        disk_unknown = round == 1; /* then nobody knows, and the disk counts as broken */
        assert_int_equal(txn_commit(&t), round == 0 ? ST_STORAGE_FULL : ST_IO_ERROR);
        fault = FAULT_NONE;
        disk_unknown = false;
        disk_is(0, 0);
        assert_int_equal(store_failed(f->s), round == 1);
        assert_int_equal(entries(f->s, T_B), 0);
        assert_true(has(f->s, "k", "old"));
    }
    assert_int_equal(put_one(f->s, "k", "new"), ST_IO_ERROR);
}

/* A disk that is down to its reserve takes what deletes make room for. */
static void test_disk_reserve(void **state)
{
    static const struct {
        uint64_t blocks, free_blocks;
        enum status want;
    } rows[] = {
        {1600, 100, ST_OK},                /* a sixteenth of a small disk: 100 pages */
        {1600, 99, ST_STORAGE_FULL},       /* is kept */
        {1 << 30, 16384, ST_OK},           /* 64 MiB of a large one */
        {1 << 30, 16383, ST_STORAGE_FULL}, /* are kept */
    };
    struct fixture *f = *state;
    static const char val[1000];
    struct txn t;

    for (size_t i = 0; i < N_OF(rows); i++) {
        disk_is(rows[i].blocks, rows[i].free_blocks);
        if (put_one(f->s, "k", "v") != rows[i].want)
            fail_msg("row %zu", i);
        disk_unknown = true; /* who cannot be asked is not taken for full */
        assert_int_equal(put_one(f->s, "k", "v"), ST_OK);
        disk_unknown = false;
        disk_is(0, 0);
    }
    txn_begin(f->s, true, &t);
    for (uint64_t i = 0; i < 1000; i++)
        put_num(&t, T_B, i, val, sizeof(val));
    assert_int_equal(txn_commit(&t), ST_OK);

    disk_is(1600, 0);
    txn_begin(f->s, true, &t);
    struct cur c;
    cur_open(&t, T_B, &c);
    cur_put(&c, "zz", 2, "v", 1); /* not even by a cursor */
    cur_close(&c);
    assert_int_equal(txn_commit(&t), ST_STORAGE_FULL);
    txn_begin(f->s, true, &t);
    assert_true(txn_del(&t, T_A, "k", 1));
    txn_put(&t, T_A, "k", 1, "w", 1);
    assert_int_equal(txn_commit(&t), ST_OK);
    assert_false(store_failed(f->s));
    drain(f->s, 900); /* 100 pages and more are free now, without the disk having any */
    assert_int_equal(put_one(f->s, "l", "v"), ST_OK);
    assert_true(has(f->s, "k", "w"));
    disk_is(0, 0);
}

/* The same through the seam that other folders' tests use. */
static void test_seam(void **state)
{
    struct fixture *f = *state;
    store_test_fail_commit(f->s, 2, ENOSPC);
    assert_int_equal(put_one(f->s, "k", "1"), ST_OK);
    assert_int_equal(put_one(f->s, "k", "2"), ST_STORAGE_FULL);
    assert_true(has(f->s, "k", "1"));
    assert_int_equal(put_one(f->s, "k", "3"), ST_OK);
    store_test_fail_commit(f->s, 1, EIO);
    assert_int_equal(put_one(f->s, "k", "4"), ST_IO_ERROR);
    assert_int_equal(put_one(f->s, "k", "5"), ST_IO_ERROR);
    assert_true(has(f->s, "k", "3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_map_full_delete_and_go_on),
        STORE_TEST(test_transaction_too_big_for_map),
        STORE_TEST(test_failing_disk),
        STORE_TEST(test_meta_write_that_says_full),
        STORE_TEST(test_short_write_on_a_full_disk),
        STORE_TEST(test_disk_reserve),
        STORE_TEST(test_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
