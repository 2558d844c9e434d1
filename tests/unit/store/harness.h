/* A small store in a temporary directory. Static inline: each test program is one file. */
#ifndef TESTS_UNIT_STORE_HARNESS_H
#define TESTS_UNIT_STORE_HARNESS_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/store/internal.h"
#include "engine/store/store_test.h"

enum { T_A, T_B, T_N };
static const char *const tables[T_N] = {"a", "b"};

struct fixture {
    char dir[64];
    struct store *s;
};

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline struct store_options options_of(const char *dir)
{
    return (struct store_options){
        .dir = dir, .tables = tables, .tables_n = T_N, .map_bytes = 8 << 20};
}

static inline void open_store(struct fixture *f)
{
    char why[256] = "";
    struct store_options o = options_of(f->dir);
    if (store_open(&o, &f->s, why) != ST_OK)
        fail_msg("%s", why);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(&f->s);
    nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static inline void put_num(struct txn *t, unsigned table, uint64_t key, const void *val, size_t n)
{
    uint8_t k[8];
    for (int i = 0; i < 8; i++)
        k[i] = (uint8_t)(key >> (56 - 8 * i));
    txn_put(t, table, k, sizeof(k), val, n);
}

static inline enum status put_one(struct store *s, const char *key, const char *val)
{
    struct txn t;
    txn_begin(s, true, &t);
    txn_put(&t, T_A, key, strlen(key), val, strlen(val));
    return txn_commit(&t);
}

static inline bool has(struct store *s, const char *key, const char *val)
{
    struct txn t;
    struct span v;
    txn_begin(s, false, &t);
    bool found =
        txn_get(&t, T_A, key, strlen(key), &v) && v.n == strlen(val) && memcmp(v.p, val, v.n) == 0;
    assert_int_equal(txn_commit(&t), ST_OK);
    return found;
}

static inline uint64_t entries(struct store *s, unsigned table)
{
    struct txn t;
    struct table_size size;
    txn_begin(s, false, &t);
    txn_table_size(&t, table, &size);
    txn_abort(&t);
    return size.entries;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
