/* Rows of the faults table: ordered(account) . day received (4, big-endian) -> varints duplicate,
 * rejected. The account comes first, for an answer reads the days of one. */
#include "engine/ingest/faults.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/ingest/tables.h"

#define SWEEP_ROWS 8 /* a commit, beside two for each that it writes */

void faults_fini(struct faults *f)
{
    free(f->p);
    free(f->sorted);
    *f = (struct faults){0};
}

void faults_begin(struct faults *f)
{
    f->carried = f->n;
}

static bool grow(struct faults *f)
{
    uint32_t cap = f->cap > 0 ? f->cap * 2 : 64;
    struct fault *p = realloc(f->p, cap * sizeof(*p));

    if (p == NULL)
        return false;
    f->p = p;
    p = realloc(f->sorted, cap * sizeof(*p));
    if (p == NULL)
        return false;
    f->sorted = p;
    f->cap = cap;
    return true;
}

void faults_add(struct faults *f, const struct fault *one)
{
    struct fault *last = f->n > f->carried ? &f->p[f->n - 1] : NULL;

    if (last != NULL && last->account == one->account && last->day == one->day) {
        last->duplicate += one->duplicate;
        last->rejected += one->rejected;
    } else if (f->n < f->cap || grow(f)) {
        f->p[f->n++] = *one;
    } else {
        f->bad = true;
    }
}

static size_t key_of(uint8_t key[static FAULTS_KEY_MAX], uint64_t account, int32_t day)
{
    uint8_t *p = put_ordered(key, account);

    for (unsigned i = 0; i < 4; i++)
        *p++ = (uint8_t)((uint32_t)day >> (24 - 8 * i));
    return (size_t)(p - key);
}

static bool key_read(struct span key, uint64_t *account, int32_t *day)
{
    struct reader r = reader_of(key.p, key.n);

    *account = read_ordered(&r);
    *day = (int32_t)(uint32_t)read_be(&r, 4);
    return !r.bad && reader_left(&r) == 0;
}

static bool row_read(struct span val, struct ingest_faults *add)
{
    struct reader r = reader_of(val.p, val.n);

    add->duplicate += read_varint(&r);
    add->rejected += read_varint(&r);
    return !r.bad && reader_left(&r) == 0;
}

static int by_key(const void *a, const void *b)
{
    const struct fault *x = a, *y = b;

    if (x->account != y->account)
        return x->account < y->account ? -1 : 1;
    return x->day < y->day ? -1 : x->day > y->day;
}

static void row_add(struct txn *t, uint64_t account, int32_t day, struct ingest_faults more)
{
    uint8_t key[FAULTS_KEY_MAX], val[20], *p = val;
    size_t key_n = key_of(key, account, day);
    struct span old;

    if (txn_get(t, FRONT_FAULTS, key, key_n, &old) && !row_read(old, &more))
        txn_fail(t, ST_CORRUPT);
    p = put_varint(p, more.duplicate);
    p = put_varint(p, more.rejected);
    txn_put(t, FRONT_FAULTS, key, key_n, val, (size_t)(p - val));
}

static void sweep(struct faults *f, struct txn *t, int32_t first_day, uint32_t rows)
{
    struct cur c;
    uint64_t account;
    int32_t day;

    cur_open(t, FRONT_FAULTS, &c);
    if (f->at_n > 0)
        (void)cur_seek(&c, f->at, f->at_n); /* c.on says the same */
    else
        (void)cur_first(&c);
    for (; rows > 0 && c.on; rows--) {
        if (!key_read(c.key, &account, &day)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        if (day < first_day)
            cur_del(&c);
        else
            (void)cur_next(&c);
    }
    f->at_n = 0; /* at the end: begin anew next time */
    if (c.on && c.key.n <= sizeof(f->at)) {
        memcpy(f->at, c.key.p, c.key.n);
        f->at_n = c.key.n;
    }
    cur_close(&c);
}

void faults_store(struct faults *f, struct txn *t, int32_t first_day)
{
    uint32_t rows = 0;

    if (f->bad)
        txn_fail(t, ST_NO_MEMORY);
    if (f->n > 0)
        memcpy(f->sorted, f->p, f->n * sizeof(*f->p));
    if (f->n > 1)
        qsort(f->sorted, f->n, sizeof(*f->sorted), by_key);
    for (uint32_t i = 0; i < f->n; rows++) {
        const struct fault *first = &f->sorted[i];
        struct ingest_faults sum = {0};

        for (; i < f->n && by_key(&f->sorted[i], first) == 0; i++) {
            sum.duplicate += f->sorted[i].duplicate;
            sum.rejected += f->sorted[i].rejected;
        }
        row_add(t, first->account, first->day, sum);
    }
    if (first_day > 0)
        sweep(f, t, first_day, SWEEP_ROWS + 2 * rows);
}

void faults_done(struct faults *f)
{
    f->n = f->carried = 0;
    f->bad = false;
}

void faults_undo(struct faults *f)
{
    f->n = f->carried;
    f->bad = false;
}

/* ---- reading ---- */

void ingest_faults(struct txn *t, uint64_t account, int32_t from, int32_t to,
                   struct ingest_faults *out)
{
    uint8_t key[FAULTS_KEY_MAX];
    uint64_t found;
    int32_t day;
    struct cur c;

    *out = (struct ingest_faults){0};
    cur_open(t, FRONT_FAULTS, &c);
    for (bool on = cur_seek(&c, key, key_of(key, account, from)); on; on = cur_next(&c)) {
        if (!key_read(c.key, &found, &day)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        if (found != account || day > to)
            break;
        if (!row_read(c.val, out))
            txn_fail(t, ST_CORRUPT);
    }
    cur_close(&c);
}

void ingest_faults_each(struct txn *t,
                        void (*fn)(void *arg, int32_t day, const struct ingest_faults *n),
                        void *arg)
{
    uint64_t account;
    int32_t day;
    struct cur c;

    cur_open(t, FRONT_FAULTS, &c);
    for (bool on = cur_first(&c); on; on = cur_next(&c)) {
        struct ingest_faults n = {0};

        if (!key_read(c.key, &account, &day) || !row_read(c.val, &n)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        fn(arg, day, &n);
    }
    cur_close(&c);
}
