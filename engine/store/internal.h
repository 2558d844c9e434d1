/* What the files of this folder share. Nobody else includes it. */
#ifndef ENGINE_STORE_INTERNAL_H
#define ENGINE_STORE_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/store/store.h"

#define STORE_POOL_MAX    32  /* idle read transactions kept for renewal */
#define STORE_READERS_MAX 512 /* slots of the reader table */

/* Room that ordinary puts leave free, so that deletes never run out of pages. */
#define STORE_MAP_RESERVE_DIV  10                   /* a tenth of the map */
#define STORE_DISK_RESERVE_DIV 16                   /* a sixteenth of the disk, ... */
#define STORE_DISK_RESERVE_MAX (UINT64_C(64) << 20) /* ... at most 64 MiB */
#define STORE_DISK_FULL_BYTES  (UINT64_C(1) << 20)  /* less than this free: the disk is full */

struct store {
    /* Set at open. */
    MDB_env *env;
    MDB_dbi dbi[STORE_TABLES_MAX];
    bool present[STORE_TABLES_MAX]; /* false only when read_only and the table was never made */
    char *names[STORE_TABLES_MAX];  /* owned copies */
    char *dir;                      /* owned */
    unsigned tables_n;
    bool read_only;
    int dir_fd;
    int owner_fd; /* holds the flock of owner.lock; -1 when read_only */
    uint64_t page_bytes;
    uint64_t map_pages;

    /* Changes with use. */
    atomic_bool failed;            /* no writes until a restart */
    atomic_bool writing;           /* a write transaction is open */
    pthread_mutex_t lock;          /* guards what follows */
    MDB_txn *pool[STORE_POOL_MAX]; /* reset read transactions of env */
    unsigned pool_n;
    MDB_env *rescue; /* read-only view after LMDB gave env up; NULL before */
    MDB_dbi rescue_dbi[STORE_TABLES_MAX];

    atomic_uint fail_nth; /* test seam: 1 = the next commit fails; 0 = off */
    atomic_int fail_error;
};

/* LMDB's and the system's error numbers as statuses: the one place that knows them. */
enum status store_status(int rc) MUST_CHECK;

/* store_status, and the consequences: after an I/O error of a write the store is `failed`. */
enum status store_fault(struct store *s, int rc, bool writes) MUST_CHECK;

/* True for the f_type of file systems that other machines or user programs serve. */
bool store_fs_is_remote(uint64_t magic);

/* Pages on the free list; stops counting at `enough`. */
uint64_t store_free_pages(struct store *s, uint64_t enough);

/* True when ordinary puts have to stop. */
bool store_is_tight(struct store *s);

/* A read transaction of the view that is left after LMDB gave the environment up. */
int store_rescue_begin(struct store *s, MDB_txn **out);

#endif
