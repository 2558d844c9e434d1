/* layouts [DIR]: what the shape of a day table costs in LMDB, without network, journal or queries.
 *
 * 10 million events of w and w1m are counted K at a time into cells, sorted in the order of the
 * layout, merged in key order and committed with a sync. A cell is one (account, app, day, what).
 *   flat       one entry a cell: account, app, day, what -> count
 *   row        one entry an (account, app, day): its cells packed as varints, ascending
 *   day sheet  one entry a (day, account): all its apps' cells packed; the day comes first */
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report.h"
#include "bench/workload.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define EVENTS     10000000u
#define MAP_BYTES  (UINT64_C(16) << 30)
#define VALUE_MAX  (1u << 20)
#define KEY_BYTES  8
#define RADIX_BITS 11

/* Fields of a cell's number, packed in the order of the layout: account 20 bits, app 12, day 5,
 * what 13 (kind 6 and object type or method 7). */
enum { ACCOUNT = 20, APP = 12, DAY = 5, WHAT = 13, CELL_BITS = ACCOUNT + APP + DAY + WHAT };

struct layout {
    const char *name;
    bool day_first;
    unsigned packed_bits; /* low bits of a cell's number that go into the value; 0: flat */
};

static const struct layout layouts[] = {{"flat", false, 0},
                                        {"row of account, app, day", false, WHAT},
                                        {"day sheet of an account", true, WHAT + APP}};

struct run {
    const struct layout *layout;
    MDB_env *env;
    MDB_dbi dbi;
    uint64_t *cells, *spare; /* K numbers; owned */
    uint8_t *value;          /* VALUE_MAX; owned */
};

static uint64_t number(const struct layout *l, const uint64_t f[5])
{
    uint64_t day = f[3] / 86400000 & 31, what = (f[0] << 7 | (f[4] & 127)) & 0x1fff;
    if (l->day_first)
        return ((day << ACCOUNT | f[1]) << APP | f[2]) << WHAT | what;
    return ((f[1] << APP | f[2]) << DAY | day) << WHAT | what;
}

/* Read the five leading integers of an event at p; returns the next event. */
static const uint8_t *event(const uint8_t *p, uint64_t f[5])
{
    uint64_t all[7];
    p++; /* 97 */
    for (unsigned i = 0; i < 7; i++) {
        uint8_t b = *p++;
        unsigned n = b >= 0xcc ? 1u << (b & 3) : 0;
        all[i] = b < 0x80 ? b : 0;
        for (unsigned k = 0; k < n; k++)
            all[i] = all[i] << 8 | *p++;
    }
    memcpy(f, all, 5 * sizeof *f);
    return p;
}

static void sort(struct run *r, size_t n)
{
    for (unsigned shift = 0; shift < CELL_BITS; shift += RADIX_BITS) {
        size_t at[1u << RADIX_BITS] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++)
            at[r->cells[i] >> shift & ((1u << RADIX_BITS) - 1)]++;
        for (size_t i = 0; i < N_OF(at); i++) {
            size_t here = at[i];
            at[i] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++)
            r->spare[at[r->cells[i] >> shift & ((1u << RADIX_BITS) - 1)]++] = r->cells[i];
        uint64_t *t = r->cells;
        r->cells = r->spare;
        r->spare = t;
    }
}

/* Equal numbers from i on; *next is the first other one. */
static uint64_t same(const uint64_t *cells, size_t i, size_t end, size_t *next)
{
    size_t k = i;
    while (k < end && cells[k] == cells[i])
        k++;
    *next = k;
    return k - i;
}

/* Merge old (packed; may be empty) with the sorted cells [i, end) of one key; returns the length.
 */
static size_t merge(struct run *r, MDB_val old, size_t i, size_t end)
{
    const uint64_t mask = (UINT64_C(1) << r->layout->packed_bits) - 1;
    struct reader in = reader_of(old.mv_data, old.mv_size);
    uint8_t *to = r->value;
    uint64_t last = 0, old_at = 0, old_n = 0;
    bool has_old = reader_left(&in) > 0;
    if (has_old) {
        old_at = read_varint(&in);
        old_n = read_varint(&in);
    }
    while (has_old || i < end) {
        uint64_t new_at = i < end ? r->cells[i] & mask : UINT64_MAX, n = 0;
        uint64_t at = has_old && old_at < new_at ? old_at : new_at;
        if (new_at == at)
            n += same(r->cells, i, end, &i);
        if (has_old && old_at == at) {
            n += old_n;
            has_old = reader_left(&in) > 0;
            if (has_old) {
                old_at += read_varint(&in);
                old_n = read_varint(&in);
            }
        }
        to = put_varint(to, at - last);
        to = put_varint(to, n);
        last = at;
    }
    return (size_t)(to - r->value);
}

static int write_key(struct run *r, MDB_cursor *c, size_t i, size_t end)
{
    uint64_t be = __builtin_bswap64(r->cells[i] >> r->layout->packed_bits);
    MDB_val key = {KEY_BYTES, &be}, val = {0, NULL};
    int rc = mdb_cursor_get(c, &key, &val, MDB_SET);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    if (rc == MDB_NOTFOUND)
        val = (MDB_val){0, NULL};
    if (r->layout->packed_bits == 0) {
        uint32_t n = 0;
        if (val.mv_size == sizeof n)
            memcpy(&n, val.mv_data, sizeof n);
        n += (uint32_t)(end - i);
        memcpy(r->value, &n, sizeof n);
        val = (MDB_val){sizeof n, r->value};
    } else {
        val = (MDB_val){merge(r, val, i, end), r->value};
    }
    key = (MDB_val){KEY_BYTES, &be};
    return mdb_cursor_put(c, &key, &val, 0);
}

static int commit(struct run *r, size_t n)
{
    MDB_txn *txn;
    MDB_cursor *c;
    int rc = mdb_txn_begin(r->env, NULL, 0, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_open(txn, r->dbi, &c);
    for (size_t i = 0, end; i < n && rc == 0; i = end) {
        uint64_t prefix = r->cells[i] >> r->layout->packed_bits;
        for (end = i; end < n && r->cells[end] >> r->layout->packed_bits == prefix;)
            end++;
        rc = write_key(r, c, i, end);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    mdb_cursor_close(c);
    return mdb_txn_commit(txn);
}

static int open_env(struct run *r, const char *path)
{
    MDB_txn *txn = NULL;
    (void)unlink(path);
    int rc = mdb_env_create(&r->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(r->env, MAP_BYTES);
    if (rc == 0)
        rc = mdb_env_open(r->env, path, MDB_NOSUBDIR | MDB_NORDAHEAD, 0600);
    if (rc == 0)
        rc = mdb_txn_begin(r->env, NULL, 0, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, &r->dbi);
    return rc == 0 ? mdb_txn_commit(txn) : rc;
}

/* Fill r->cells with the next K events of w, from batch *at. */
static void take(struct run *r, const struct workload *w, uint64_t *at, size_t n, uint8_t *batch)
{
    const int64_t now_ms = clock_now().wall_ms;
    for (size_t i = 0; i < n; ++*at) {
        (void)workload_batch(w, *at, now_ms, batch);
        const uint8_t *p = batch + 3; /* dc and its length */
        for (uint32_t e = 0; e < workload_batch_events(w); e++) {
            uint64_t f[5];
            p = event(p, f);
            r->cells[i++] = number(r->layout, f);
        }
    }
}

struct took {
    size_t k; /* events of a commit */
    uint64_t ns;
};

static void report_run(const struct run *r, const char *of, struct took took,
                       const struct histogram *h, const char *path)
{
    char what[96];
    struct stat st = {0};
    (void)stat(path, &st);
    text_fmt(what, sizeof what, "%s, %zu events a commit", r->layout->name, took.k);
    report(what, of, EVENTS * 1e9 / (double)took.ns, "events/s");
    report_latency("  commit", of, h);
    report("  file", of, (double)st.st_size / 1048576, "MiB");
}

static int measure(const struct layout *l, enum workload_shape shape, size_t k, const char *path)
{
    struct workload_options o = {.shape = shape, .seed = 1, .batch_events = 500};
    struct workload *w = NULL;
    struct run r = {.layout = l,
                    .cells = malloc(k * sizeof(uint64_t)),
                    .spare = malloc(k * sizeof(uint64_t)),
                    .value = malloc(VALUE_MAX)};
    static struct histogram h;
    h = (struct histogram){0};
    CHECK(workload_new(&o, &w) == ST_OK && r.cells && r.spare && r.value);
    uint8_t *batch = malloc(workload_batch_bytes_max(w));
    CHECK(batch);
    int rc = open_env(&r, path);
    uint64_t spent = 0, at = 0;
    for (size_t done = 0; done < EVENTS && rc == 0; done += k) {
        take(&r, w, &at, k, batch);
        uint64_t start = clock_mono_ns();
        sort(&r, k);
        rc = commit(&r, k);
        histogram_add(&h, clock_mono_ns() - start);
        spent += clock_mono_ns() - start;
    }
    if (rc == 0)
        report_run(&r, workload_shape_name(shape), (struct took){k, spent}, &h, path);
    else
        report_note("%s: %s", l->name, mdb_strerror(rc));
    mdb_env_close(r.env);
    (void)unlink(path);
    free(r.cells);
    free(r.spare);
    free(r.value);
    free(batch);
    workload_free(&w);
    return rc;
}

int main(int argc, char **argv)
{
    static const size_t events[] = {50000, 500000, 2500000};
    char path[512], lock[520];
    text_fmt(path, sizeof path, "%s/layouts.mdb", argc > 1 ? argv[1] : ".");
    text_fmt(lock, sizeof lock, "%s-lock", path);
    int rc = 0;
    for (unsigned shape = WORKLOAD_W; shape <= WORKLOAD_W1M; shape++) {
        for (size_t k = shape == WORKLOAD_W ? 0 : 1; k < N_OF(events); k++) {
            for (size_t l = 0; l < N_OF(layouts) && rc == 0; l++)
                rc = measure(&layouts[l], (enum workload_shape)shape, events[k], path);
        }
    }
    (void)unlink(lock);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
