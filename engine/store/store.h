/* An LMDB environment: named tables of ordered byte keys. Nothing outside this folder knows LMDB.
 *
 * Caveats that bite servers, all guarded here:
 *  - Values read inside a transaction are borrowed: they die at its end and, in a write
 * transaction, at its next write. Copy what you keep.
 *  - A read transaction pins old pages: end it within the turn that began it.
 *  - One process opens an environment for writing (an exclusive flock on DIR/owner.lock), and once;
 *    others may open it with `read_only`.
 *  - A failed commit frees the transaction. After a failed sync or meta write the environment is
 *    `failed`: every later write transaction is refused with ST_IO_ERROR until a restart.
 *  - Default sync always; no NOSYNC, WRITEMAP or DUPSORT. Network file systems are refused.
 *  - One write transaction at a time, by one thread. Read transactions may run in any thread. */
#ifndef ENGINE_STORE_STORE_H
#define ENGINE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/base/text.h"

#define STORE_KEY_MAX    511
#define STORE_TABLES_MAX 24

struct store; /* opaque, heap */

struct store_options {
    const char *dir;           /* created with mode 0700 when missing (not when read_only) */
    const char *const *tables; /* names; a table's number is its index here */
    unsigned tables_n;         /* at most STORE_TABLES_MAX */
    uint64_t map_bytes;        /* address space reserved; the file grows as needed */
    bool read_only;
};

/* why: one sentence for people (at least 256 bytes), set on failure. Statuses: ST_IO_ERROR,
 * ST_STORAGE_FULL, ST_CORRUPT, ST_BUSY (another process owns it), ST_NOT_FOUND (read_only). */
enum status store_open(const struct store_options *options, struct store **out,
                       char why[static 256]) MUST_CHECK;
void store_close(struct store **s); /* NULL-safe; nulls the pointer */

/* Free the reader slots of processes that died. Once at open, then every 30 s; any thread. Returns
 * how many there were. */
unsigned store_reap_readers(struct store *s);

bool store_failed(const struct store *s); /* writes are refused until a restart; any thread */

struct store_size {
    uint64_t file_bytes; /* of data.mdb */
    uint64_t map_bytes;
    uint64_t used_bytes; /* pages in use, free-list pages excluded */
    uint64_t readers;
    uint64_t oldest_reader_lag; /* transactions that the oldest reader holds back */
};

/* Reads the free list: for a status page and a metric, not for every turn. Any thread. */
void store_size(struct store *s, struct store_size *out);

/* Sizes of one table: pages and entries. */
struct table_size {
    uint64_t entries;
    uint64_t leaf_bytes, branch_bytes, overflow_bytes;
};

/* A transaction with a sticky status: the first failure is kept in `status`, later calls do nothing
 * and reads find nothing. Check once, at txn_commit. */
struct txn {
    struct store *store;
    void *handle;       /* NULL when ended */
    enum status status; /* first failure */
    bool writes;
    bool tight; /* writes: the store is down to its reserve; puts are refused */
};

/* Above nine tenths of the map, or when the disk is down to its reserve (a sixteenth of it, at most
 * 64 MiB), puts fail with ST_STORAGE_FULL until the transaction has deleted something:
 * copy-on-write needs free pages to delete, so that room belongs to retention. */
void txn_begin(struct store *s, bool writes, struct txn *out);
enum status txn_commit(struct txn *t) MUST_CHECK; /* also ends read transactions; frees always */
void txn_abort(struct txn *t);                    /* no-op when ended */

/* Let this write transaction put into the reserve before it has deleted anything (a purge mark). */
void txn_use_reserve(struct txn *t);

/* Fail the transaction from outside (a codec found corrupt data, a budget ran out). */
void txn_fail(struct txn *t, enum status st);

struct span {
    const void *p;
    size_t n;
};

bool txn_get(struct txn *t, unsigned table, const void *key, size_t key_n, struct span *out);
void txn_put(struct txn *t, unsigned table, const void *key, size_t key_n, const void *val,
             size_t val_n);

/* Room for a value of val_n bytes, to be filled before the next call on t; NULL when t has failed.
 * append: key is above every key of the table (faster; ST_INTERNAL when it is not). */
void *txn_reserve(struct txn *t, unsigned table, const void *key, size_t key_n, size_t val_n,
                  bool append);
bool txn_del(struct txn *t, unsigned table, const void *key, size_t key_n); /* false: was absent */
void txn_table_size(struct txn *t, unsigned table, struct table_size *out);

/* A cursor lives inside one transaction; cur_close before its end. */
struct cur {
    struct txn *txn;
    void *handle;
    struct span key, val; /* borrowed; valid while `on` */
    bool on;              /* stands on an entry */
};

void cur_open(struct txn *t, unsigned table, struct cur *out);
void cur_close(struct cur *c);
bool cur_seek(struct cur *c, const void *key, size_t key_n);        /* first entry >= key */
bool cur_seek_before(struct cur *c, const void *key, size_t key_n); /* last entry < key */
bool cur_first(struct cur *c);
bool cur_last(struct cur *c);
bool cur_next(struct cur *c);
bool cur_prev(struct cur *c);

/* Delete the entry it stands on; the cursor then stands on the following entry, if any. */
void cur_del(struct cur *c);

/* Replace the value where it stands (same key, any size), or insert key/value near it: cheaper than
 * txn_put when keys come in order. The cursor stands on the written entry. */
void cur_put(struct cur *c, const void *key, size_t key_n, const void *val, size_t val_n);

static inline bool cur_has_prefix(const struct cur *c, const void *prefix, size_t n)
{
    return c->on && c->key.n >= n && memcmp(c->key.p, prefix, n) == 0;
}

/* A consistent copy of the environment into fd (compacted), for backups. */
enum status store_copy(struct store *s, int fd) MUST_CHECK;

#endif
