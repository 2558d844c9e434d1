/* The store against a sorted array, and each way in which a disk can say no.
 *
 * Faults are injected where they happen: this program defines the pwrite, writev and fdatasync that
 * LMDB calls. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/store/internal.h"
#include "engine/store/store_test.h"

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

/* ---- fixture ---- */

enum { T_A, T_B, T_N };
static const char *const tables[T_N] = {"a", "b"};

struct fixture {
    char dir[64];
    struct store *s;
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static struct store_options options_of(const char *dir)
{
    return (struct store_options){
        .dir = dir, .tables = tables, .tables_n = T_N, .map_bytes = 8 << 20};
}

static void open_store(struct fixture *f)
{
    char why[256] = "";
    struct store_options o = options_of(f->dir);
    if (store_open(&o, &f->s, why) != ST_OK)
        fail_msg("%s", why);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    text_fmt(f->dir, sizeof(f->dir), "%s/daybook.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(f->dir) == NULL)
        return -1;
    open_store(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fault = FAULT_NONE;
    store_close(&f->s);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void put_num(struct txn *t, unsigned table, uint64_t key, const void *val, size_t n)
{
    uint8_t k[8];
    for (int i = 0; i < 8; i++)
        k[i] = (uint8_t)(key >> (56 - 8 * i));
    txn_put(t, table, k, sizeof(k), val, n);
}

static enum status put_one(struct store *s, const char *key, const char *val)
{
    struct txn t;
    txn_begin(s, true, &t);
    txn_put(&t, T_A, key, strlen(key), val, strlen(val));
    return txn_commit(&t);
}

static bool has(struct store *s, const char *key, const char *val)
{
    struct txn t;
    struct span v;
    txn_begin(s, false, &t);
    bool found =
        txn_get(&t, T_A, key, strlen(key), &v) && v.n == strlen(val) && memcmp(v.p, val, v.n) == 0;
    assert_int_equal(txn_commit(&t), ST_OK);
    return found;
}

static uint64_t entries(struct store *s, unsigned table)
{
    struct txn t;
    struct table_size size;
    txn_begin(s, false, &t);
    txn_table_size(&t, table, &size);
    txn_abort(&t);
    return size.entries;
}

/* ---- model ---- */

#define MODEL_MAX 600

struct pair {
    uint8_t key[24];
    size_t key_n;
    uint8_t val[3000];
    size_t val_n;
};

struct model {
    struct pair *at[MODEL_MAX];
    size_t n;
};

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(seed) % below;
}

static int pair_cmp(const struct pair *p, const uint8_t *key, size_t key_n)
{
    size_t n = p->key_n < key_n ? p->key_n : key_n;
    int c = memcmp(p->key, key, n);
    return c != 0 ? c : (p->key_n > key_n) - (p->key_n < key_n);
}

/* Index of the first pair >= key. */
static size_t model_seek(const struct model *m, const uint8_t *key, size_t key_n)
{
    size_t i = 0;
    while (i < m->n && pair_cmp(m->at[i], key, key_n) < 0)
        i++;
    return i;
}

static bool model_has(const struct model *m, size_t i, const uint8_t *key, size_t key_n)
{
    return i < m->n && pair_cmp(m->at[i], key, key_n) == 0;
}

static size_t model_put(struct model *m, const struct pair *p)
{
    size_t i = model_seek(m, p->key, p->key_n);
    if (!model_has(m, i, p->key, p->key_n)) {
        CHECK(m->n < MODEL_MAX);
        memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(m->at[0]));
        m->at[i] = malloc(sizeof(*p));
        m->n++;
    }
    *m->at[i] = *p;
    return i;
}

static void model_del(struct model *m, size_t i)
{
    free(m->at[i]);
    m->n--;
    memmove(m->at + i, m->at + i + 1, (m->n - i) * sizeof(m->at[0]));
}

static void model_clear(struct model *m)
{
    while (m->n > 0)
        model_del(m, m->n - 1);
}

static void model_copy(struct model *to, const struct model *from)
{
    model_clear(to);
    for (size_t i = 0; i < from->n; i++) {
        to->at[i] = malloc(sizeof(struct pair));
        *to->at[i] = *from->at[i];
    }
    to->n = from->n;
}

static void random_pair(struct pair *p)
{
    p->key_n = 1 + rnd(3);
    for (size_t i = 0; i < p->key_n; i++)
        p->key[i] = (uint8_t)rnd(8);
    /* Mostly small; some need overflow pages. */
    p->val_n = rnd(10) == 0 ? rnd(sizeof(p->val)) : rnd(40);
    memset(p->val, (int)rnd(256), p->val_n);
}

static void assert_stands(const struct cur *c, const struct model *m, size_t i)
{
    assert_int_equal(c->on, i < m->n);
    if (!c->on)
        return;
    assert_int_equal(c->key.n, m->at[i]->key_n);
    assert_memory_equal(c->key.p, m->at[i]->key, c->key.n);
    assert_int_equal(c->val.n, m->at[i]->val_n);
    assert_memory_equal(c->val.p, m->at[i]->val, c->val.n);
}

static void assert_same(struct txn *t, const struct model *m)
{
    struct cur c;
    cur_open(t, T_A, &c);
    size_t i = 0;
    for (cur_first(&c); c.on; cur_next(&c))
        assert_stands(&c, m, i++);
    assert_int_equal(i, m->n);
    for (cur_last(&c); c.on; cur_prev(&c))
        assert_stands(&c, m, --i);
    assert_int_equal(i, 0);
    cur_close(&c);
}

/* A random step by keys. */
static void step_key(struct txn *t, struct model *m)
{
    struct pair p;
    random_pair(&p);
    size_t i = model_seek(m, p.key, p.key_n);
    bool there = model_has(m, i, p.key, p.key_n);
    struct span v;
    switch (rnd(4)) {
    case 0:
        assert_int_equal(txn_get(t, T_A, p.key, p.key_n, &v), there);
        if (there)
            assert_memory_equal(v.p, m->at[i]->val, m->at[i]->val_n);
        break;
    case 1:
        assert_int_equal(txn_del(t, T_A, p.key, p.key_n), there);
        if (there)
            model_del(m, i);
        break;
    case 2: {
        void *room = txn_reserve(t, T_A, p.key, p.key_n, p.val_n, false);
        assert_non_null(room);
        memcpy(room, p.val, p.val_n);
        model_put(m, &p);
        break;
    }
    default:
        txn_put(t, T_A, p.key, p.key_n, p.val, p.val_n);
        model_put(m, &p);
    }
}

/* A random walk of one cursor that also writes where it stands. */
static void walk(struct txn *t, struct model *m)
{
    struct pair p;
    struct cur c;
    cur_open(t, T_A, &c);
    random_pair(&p);
    size_t i = model_seek(m, p.key, p.key_n);
    if (rnd(2) == 0) {
        cur_seek(&c, p.key, p.key_n);
    } else {
        cur_seek_before(&c, p.key, p.key_n);
        i = i > 0 ? i - 1 : m->n;
    }
    for (uint64_t steps = rnd(30); steps > 0; steps--) {
        assert_stands(&c, m, i);
        uint64_t what = rnd(6);
        if (what == 0) { /* anywhere */
            random_pair(&p);
            cur_put(&c, p.key, p.key_n, p.val, p.val_n);
            i = model_put(m, &p);
        } else if (!c.on) {
            cur_first(&c);
            i = 0;
        } else if (what == 1) {
            cur_next(&c);
            i++;
        } else if (what == 2) {
            cur_prev(&c);
            i = i > 0 ? i - 1 : m->n;
        } else if (what == 3) {
            cur_del(&c);
            model_del(m, i);
        } else { /* replace in place */
            random_pair(&p);
            memcpy(p.key, m->at[i]->key, p.key_n = m->at[i]->key_n);
            cur_put(&c, p.key, p.key_n, p.val, p.val_n);
            *m->at[i] = p;
        }
    }
    assert_stands(&c, m, i);
    cur_close(&c);
}

static void test_model(void **state)
{
    struct fixture *f = *state;
    struct model *now = calloc(1, sizeof(*now)), *kept = calloc(1, sizeof(*kept));
    for (seed = 1; seed < 300; seed++) {
        uint64_t base = seed;
        struct txn t;
        txn_begin(f->s, true, &t);
        for (uint64_t steps = rnd(60); steps > 0; steps--) {
            if (rnd(3) == 0)
                walk(&t, now);
            else
                step_key(&t, now);
        }
        assert_same(&t, now);
        if (rnd(4) == 0) {
            txn_abort(&t);
            model_copy(now, kept);
        } else {
            assert_int_equal(txn_commit(&t), ST_OK);
            model_copy(kept, now);
        }
        txn_begin(f->s, false, &t);
        assert_same(&t, kept);
        assert_int_equal(txn_commit(&t), ST_OK);
        if (base % 50 == 0) {
            store_close(&f->s);
            open_store(f);
        }
        seed = base;
    }
    model_clear(now);
    model_clear(kept);
    free(now);
    free(kept);
}

/* ---- rules of the interface ---- */

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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_model),
        T(test_status_is_sticky),
        T(test_key_limit),
        T(test_append),
        T(test_tables_are_apart),
        T(test_second_owner_is_refused),
        T(test_missing_directory),
        T(test_garbage_is_corrupt),
        T(test_reader_beside_writer),
        T(test_reader_lag),
        T(test_readers_have_a_limit),
        T(test_copy),
        T(test_remote_file_systems),
        T(test_map_full_delete_and_go_on),
        T(test_transaction_too_big_for_map),
        T(test_failing_disk),
        T(test_meta_write_that_says_full),
        T(test_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
