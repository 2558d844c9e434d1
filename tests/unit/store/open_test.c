/* What a start meets: each system call that it makes says no once, and memory runs out.
 *
 * A refused start tells why, keeps nothing, and is not in the way of the next one. */
#include "tests/unit/store/harness.h"

#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "tests/crash/alloc.h"

/* ---- faults: the nth call of one kind from now ---- */

enum call {
    CALL_NONE,
    CALL_MKDIR,
    CALL_OPEN,
    CALL_OPENAT,
    CALL_FSTATFS,
    CALL_FLOCK,
    CALL_UNLINKAT,
    CALL_RENAMEAT,
    CALL_FSYNC,
    CALL_FDATASYNC,
    CALL_FTRUNCATE,
    CALL_PWRITE,
};

static enum call fault;
static unsigned fault_nth;
static int fault_error;
static long fs_type; /* what fstatfs says; 0: the truth */

static bool fails(enum call what)
{
    if (fault != what || fault_nth == 0 || --fault_nth > 0)
        return false;
    errno = fault_error;
    return true;
}

static void arm(enum call what, unsigned nth, int error)
{
    fault = what;
    fault_nth = nth;
    fault_error = error;
}

/* True: the call that was to fail has come. */
static bool disarm(void)
{
    bool came = fault_nth == 0;
    fault = CALL_NONE;
    return came;
}

int mkdir(const char *path, mode_t mode)
{
    return fails(CALL_MKDIR) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(CALL_OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(CALL_OPENAT) ? -1 : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int fstatfs(int fd, struct statfs *out)
{
    if (fails(CALL_FSTATFS))
        return -1;
    int rc = (int)syscall(SYS_fstatfs, fd, out);
    if (rc == 0 && fs_type != 0)
        out->f_type = fs_type;
    return rc;
}

int flock(int fd, int how)
{
    return fails(CALL_FLOCK) ? -1 : (int)syscall(SYS_flock, fd, how);
}

int unlinkat(int dir, const char *path, int flags)
{
    return fails(CALL_UNLINKAT) ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return fails(CALL_RENAMEAT) ? -1 : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

int fsync(int fd)
{
    return fails(CALL_FSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(CALL_FDATASYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t n)
{
    return fails(CALL_FTRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return fails(CALL_PWRITE) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

/* Copies of names, LMDB's too, count as allocations of this program. */
char *strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    return copy != NULL ? memcpy(copy, s, n) : NULL;
}

/* ---- starts ---- */

static const char *new_dir(const struct fixture *f, char dir[static 128])
{
    static unsigned n;
    text_fmt(dir, 128, "%s/%u", f->dir, n++);
    return dir;
}

/* A start of a new store in dir, under the fault that is armed. */
static enum status start(const char *dir, char why[static 256])
{
    struct store_options o = options_of(dir);
    struct store *s = NULL;
    why[0] = '\0';
    enum status st = store_open(&o, &s, why);
    assert_true(st == ST_OK ? s != NULL : s == NULL);
    store_close(&s);
    return st;
}

/* Nothing is in the way: the directory has no owner, and what is written stays. */
static void assert_starts(const char *dir)
{
    struct store_options o = options_of(dir);
    struct store *s = NULL;
    char why[256] = "";
    if (store_open(&o, &s, why) != ST_OK)
        fail_msg("%s", why);
    assert_int_equal(put_one(s, "k", "v"), ST_OK);
    store_close(&s);
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    assert_true(has(s, "k", "v"));
    store_close(&s);
}

static void test_calls_that_fail(void **state)
{
    static const struct {
        enum call what;
        unsigned nth;
        int error;
        enum status want;
        const char *why;
    } rows[] = {
        {CALL_MKDIR, 1, EACCES, ST_IO_ERROR, "cannot create the directory"},
        {CALL_OPEN, 1, EMFILE, ST_IO_ERROR, "cannot open the directory"},
        {CALL_OPEN, 1, ENOENT, ST_NOT_FOUND, "cannot open the directory"}, /* gone already */
        {CALL_FSTATFS, 1, EIO, ST_IO_ERROR, "cannot examine"},
        {CALL_OPENAT, 1, EROFS, ST_IO_ERROR, "cannot open owner.lock"},
        {CALL_OPENAT, 1, ENOSPC, ST_STORAGE_FULL, "cannot open owner.lock"},
        {CALL_FLOCK, 1, ENOLCK, ST_IO_ERROR, "cannot lock owner.lock"},
        {CALL_UNLINKAT, 1, EACCES, ST_IO_ERROR, "cannot open the store"},
        {CALL_RENAMEAT, 1, ENOSPC, ST_STORAGE_FULL, "cannot open the store"},
        {CALL_FSYNC, 2, EIO, ST_IO_ERROR, "cannot open the store"}, /* the first is the parent's */
        {CALL_FDATASYNC, 1, EIO, ST_IO_ERROR, "cannot open the store"},
        {CALL_PWRITE, 2, ENOSPC, ST_STORAGE_FULL, "cannot open the store"},
    };
    struct fixture *f = *state;
    char dir[128], why[256];

    for (size_t i = 0; i < N_OF(rows); i++) {
        new_dir(f, dir);
        arm(rows[i].what, rows[i].nth, rows[i].error);
        enum status st = start(dir, why);
        assert_true(disarm());
        if (st != rows[i].want || strstr(why, rows[i].why) == NULL || strstr(why, dir) == NULL)
            fail_msg("row %zu: %s, \"%s\"", i, status_row(st)->name, why);
        assert_non_null(strstr(why, strerror(rows[i].error)));
        assert_starts(dir);
    }
}

/* Whichever of its files cannot be opened, the start is refused; or can do without, as it can
 * without a sync of the parent. */
static void test_files_that_cannot_be_opened(void **state)
{
    struct fixture *f = *state;
    char dir[128], why[256];
    unsigned refused = 0;
    bool came = true;

    for (unsigned nth = 1; came; nth++) {
        new_dir(f, dir);
        arm(CALL_OPEN, nth, EMFILE);
        enum status st = start(dir, why);
        came = disarm();
        refused += st != ST_OK;
        assert_true(st == ST_OK || (st == ST_IO_ERROR && strstr(why, dir) != NULL));
        assert_starts(dir);
        assert_true(nth < 100);
    }
    assert_true(refused >= 4); /* the directory, the new file, the data, the lock */
}

static void test_network_file_system(void **state)
{
    struct fixture *f = *state;
    char dir[128], why[256];

    fs_type = 0x6969; /* NFS */
    enum status st = start(new_dir(f, dir), why);
    fs_type = 0;
    assert_int_equal(st, ST_IO_ERROR);
    assert_non_null(strstr(why, "0x6969"));
    assert_non_null(strstr(why, "needs a local disk"));
    assert_starts(dir);
}

/* ---- memory ---- */

static void test_no_memory(void **state)
{
    struct fixture *f = *state;
    char dir[128], why[256];
    enum status st = ST_NO_MEMORY;
    unsigned n = 0;

    for (; st != ST_OK; n++) {
        alloc_fail(n + 1);
        st = start(new_dir(f, dir), why);
        (void)alloc_fail_end();
        assert_true(st == ST_OK || st == ST_NO_MEMORY);
        assert_true(st == ST_OK || strcasestr(why, "memory") != NULL);
        assert_starts(dir);
        assert_true(n < 100);
    }
    assert_true(n > 2 + T_N); /* itself, the directory, each table, and some of LMDB's */
}

/* ---- owners ---- */

/* The number in owner.lock is for people; the lock is what counts. */
static void test_owner_whose_number_is_not_known(void **state)
{
    struct fixture *f = *state;
    char dir[128], why[256];
    struct store *s = NULL;
    struct store_options o = options_of(new_dir(f, dir));

    arm(CALL_FTRUNCATE, 1, EIO);
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    assert_true(disarm());
    assert_int_equal(put_one(s, "k", "v"), ST_OK);
    assert_int_equal(start(dir, why), ST_BUSY);
    assert_non_null(strstr(why, "by process (unknown)"));
    store_close(&s);

    arm(CALL_PWRITE, 1, EIO);
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    assert_true(disarm());
    assert_int_equal(start(dir, why), ST_BUSY);
    assert_non_null(strstr(why, "by process (unknown)"));
    store_close(&s);
    assert_starts(dir);
}

static void test_options(void **state)
{
    struct fixture *f = *state;
    char dir[128], why[256];
    struct store *s = NULL;
    struct store_options o = options_of(new_dir(f, dir));
    struct store_size size;

    store_close(&s); /* NULL: nothing to do */
    o.map_bytes = 0; /* what LMDB takes then */
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    store_size(s, &size);
    assert_int_equal(size.map_bytes, 1 << 20);
    store_close(&s);
    assert_null(s);

    /* Who only reads makes no file. */
    new_dir(f, dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    o.read_only = true;
    assert_int_equal(store_open(&o, &s, why), ST_NOT_FOUND);
    assert_null(s);
    assert_int_equal(rmdir(dir), 0); /* it is as empty as before */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_calls_that_fail),
        STORE_TEST(test_files_that_cannot_be_opened),
        STORE_TEST(test_network_file_system),
        STORE_TEST(test_no_memory),
        STORE_TEST(test_owner_whose_number_is_not_known),
        STORE_TEST(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
