/* Opening, closing, measuring and copying an environment.
 *
 * The one idea: whoever opens for writing owns the directory, by an exclusive flock on owner.lock
 * that the kernel drops with the process. LMDB's own locks are for its readers only. */
#include "engine/store/store.h"

#include "engine/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/base/check.h"

#define WHY_BYTES 256

static enum status refuse(char *why, enum status st, const char *what, const char *path, int rc)
{
    text_fmt(why, WHY_BYTES, "%s %s: %s", what, path, mdb_strerror(rc));
    return st;
}

/* The entry of dir in its parent has to be durable too, or a power cut takes the whole directory.
 */
static void sync_parent(const char *dir_path)
{
    char parent[4096];
    text_fmt(parent, sizeof(parent), "%s/..", dir_path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* not every file system can sync a directory */
        close(fd);
    }
}

static enum status open_dir(struct store *s, char *why)
{
    bool made = false;
    if (!s->read_only) {
        made = mkdir(s->dir, 0700) == 0;
        if (!made && errno != EEXIST)
            return refuse(why, ST_IO_ERROR, "cannot create the directory", s->dir, errno);
    }
    s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0) {
        enum status st = errno == ENOENT ? ST_NOT_FOUND : ST_IO_ERROR;
        return refuse(why, st, "cannot open the directory", s->dir, errno);
    }
    if (made)
        sync_parent(s->dir);

    struct statfs fs;
    if (fstatfs(s->dir_fd, &fs) != 0)
        return refuse(why, ST_IO_ERROR, "cannot examine", s->dir, errno);
    if (store_fs_is_remote((uint32_t)fs.f_type)) {
        text_fmt(why, WHY_BYTES,
                 "%s is on a network or user-space file system (type 0x%x); a store needs a local "
                 "disk, because its memory map and locks are not safe there",
                 s->dir, (unsigned)fs.f_type);
        return ST_IO_ERROR;
    }
    return ST_OK;
}

static enum status own_dir(struct store *s, char *why)
{
    s->owner_fd = openat(s->dir_fd, "owner.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->owner_fd < 0)
        return refuse(why, store_status(errno), "cannot open owner.lock in", s->dir, errno);
    char pid[24] = "";
    if (flock(s->owner_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return refuse(why, ST_IO_ERROR, "cannot lock owner.lock in", s->dir, errno);
        ssize_t n = pread(s->owner_fd, pid, sizeof(pid) - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        text_fmt(why, WHY_BYTES, "%s is already open for writing by process %s", s->dir,
                 n > 0 ? pid : "(unknown)");
        return ST_BUSY;
    }
    size_t n = text_fmt(pid, sizeof(pid), "%ld", (long)getpid());
    /* The number is only for the message above; the lock is what counts. */
    if (ftruncate(s->owner_fd, 0) != 0 || pwrite(s->owner_fd, pid, n, 0) < 0)
        (void)0;
    return ST_OK;
}

/* LMDB begins a new file with two pages that it does not sync. A power cut could leave a file of
 * that name which is no store, to be refused for ever; so it is made under another name, and has
 * its own when it is whole. */
static int make_file(struct store *s)
{
    char path[4096];
    MDB_env *env;

    if (faccessat(s->dir_fd, "data.mdb", F_OK, 0) == 0)
        return 0;
    if (unlinkat(s->dir_fd, "data.mdb.new", 0) != 0 && errno != ENOENT)
        return errno;
    text_fmt(path, sizeof(path), "%s/data.mdb.new", s->dir);
    int rc = mdb_env_create(&env);
    if (rc != 0)
        return rc;
    rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (rc == 0)
        rc = mdb_env_sync(env, 1);
    mdb_env_close(env);
    if (rc == 0 &&
        (renameat(s->dir_fd, "data.mdb.new", s->dir_fd, "data.mdb") != 0 || fsync(s->dir_fd) != 0))
        rc = errno;
    return rc;
}

static int open_env(struct store *s, uint64_t map_bytes)
{
    unsigned flags = MDB_NOTLS | (s->read_only ? MDB_RDONLY : 0);
    int rc = mdb_env_create(&s->env);
    if (rc != 0)
        return rc;
    /* These fail only once the environment is open. */
    (void)mdb_env_set_maxdbs(s->env, STORE_TABLES_MAX);
    (void)mdb_env_set_maxreaders(s->env, STORE_READERS_MAX);
    if (map_bytes > 0)
        (void)mdb_env_set_mapsize(s->env, map_bytes);
    return mdb_env_open(s->env, s->dir, flags, 0600);
}

/* Open, and unless read_only make, the tables. No write happens when all of them exist. */
static int open_tables(struct store *s)
{
    MDB_txn *h;
    int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &h);
    for (unsigned i = 0; rc == 0 && i < s->tables_n; i++) {
        int got = mdb_dbi_open(h, s->names[i], s->read_only ? 0 : MDB_CREATE, &s->dbi[i]);
        s->present[i] = got == 0;
        if (got != 0 && !(s->read_only && got == MDB_NOTFOUND)) {
            mdb_txn_abort(h);
            rc = got;
        }
    }
    return rc == 0 ? mdb_txn_commit(h) : rc;
}

static enum status open_all(struct store *s, uint64_t map_bytes, char *why)
{
    MDB_stat st;
    MDB_envinfo info;

    enum status result = open_dir(s, why);
    if (result == ST_OK && !s->read_only)
        result = own_dir(s, why);
    if (result != ST_OK)
        return result;

    int rc = s->read_only ? 0 : make_file(s);
    if (rc == 0)
        rc = open_env(s, map_bytes);
    if (rc == 0)
        rc = open_tables(s);
    if (rc != 0)
        return refuse(why, store_fault(s, rc, !s->read_only), "cannot open the store in", s->dir,
                      rc);
    CHECK(mdb_env_get_maxkeysize(s->env) == STORE_KEY_MAX);
    (void)mdb_env_stat(s->env, &st);
    (void)mdb_env_info(s->env, &info);
    s->page_bytes = st.ms_psize;
    s->map_pages = info.me_mapsize / st.ms_psize;
    if (!s->read_only) {
        (void)fsync(s->dir_fd); /* the names data.mdb and lock.mdb; see sync_parent */
        (void)store_reap_readers(s);
    }
    return ST_OK;
}

/* Everything in *s that needs memory; false when there is none. */
static bool copy_options(struct store *s, const struct store_options *o)
{
    s->dir = strdup(o->dir);
    s->read_only = o->read_only;
    bool ok = s->dir != NULL;
    for (unsigned i = 0; ok && i < o->tables_n; i++) {
        s->names[i] = strdup(o->tables[i]);
        ok = s->names[i] != NULL;
        s->tables_n = i + 1;
    }
    return ok;
}

enum status store_open(const struct store_options *options, struct store **out,
                       char why[static 256])
{
    CHECK(options->tables_n <= STORE_TABLES_MAX);
    struct store *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        text_fmt(why, WHY_BYTES, "out of memory");
        return ST_NO_MEMORY;
    }
    s->dir_fd = -1;
    s->owner_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    enum status st = ST_NO_MEMORY;
    if (copy_options(s, options))
        st = open_all(s, options->map_bytes, why);
    else
        text_fmt(why, WHY_BYTES, "out of memory");
    if (st == ST_OK)
        *out = s;
    else
        store_close(&s);
    return st;
}

void store_close(struct store **sp)
{
    struct store *s = *sp;
    if (s == NULL)
        return;
    *sp = NULL;
    CHECK(!atomic_load(&s->writing));
    while (s->pool_n > 0)
        mdb_txn_abort(s->pool[--s->pool_n]);
    if (s->env != NULL)
        mdb_env_close(s->env);
    if (s->rescue != NULL)
        mdb_env_close(s->rescue);
    if (s->dir_fd >= 0)
        close(s->dir_fd);
    if (s->owner_fd >= 0)
        close(s->owner_fd); /* drops the lock: last, when nothing is mapped any more */
    for (unsigned i = 0; i < s->tables_n; i++)
        free(s->names[i]);
    free(s->dir);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool store_failed(const struct store *s)
{
    return atomic_load(&s->failed);
}

unsigned store_reap_readers(struct store *s)
{
    int dead = 0;
    (void)mdb_reader_check(s->env, &dead); /* a broken reader table shows in the lag */
    return dead > 0 ? (unsigned)dead : 0;
}

/* ---- rescue ---- */

/* After a failed meta write LMDB refuses every transaction of the environment, reads too. Nothing
 * writes any more, so a second map without locks can serve reads until the restart. */
static int rescue_open(struct store *s)
{
    MDB_txn *h;
    int rc = mdb_env_create(&s->rescue);
    if (rc != 0)
        return rc;
    (void)mdb_env_set_maxdbs(s->rescue, STORE_TABLES_MAX); /* fails only on an open one */
    rc = mdb_env_open(s->rescue, s->dir, MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK, 0600);
    if (rc == 0)
        rc = mdb_txn_begin(s->rescue, NULL, MDB_RDONLY, &h);
    for (unsigned i = 0; rc == 0 && i < s->tables_n; i++) {
        rc = mdb_dbi_open(h, s->names[i], 0, &s->rescue_dbi[i]);
        if (rc != 0)
            mdb_txn_abort(h);
    }
    if (rc == 0)
        rc = mdb_txn_commit(h);
    if (rc != 0) {
        mdb_env_close(s->rescue);
        s->rescue = NULL;
    }
    return rc;
}

int store_rescue_begin(struct store *s, MDB_txn **out)
{
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    if (s->rescue == NULL)
        rc = rescue_open(s);
    pthread_mutex_unlock(&s->lock);
    return rc == 0 ? mdb_txn_begin(s->rescue, NULL, MDB_RDONLY, out) : rc;
}

/* ---- measures ---- */

struct reader_census {
    uint64_t active;
    uint64_t oldest; /* lowest transaction number in use */
};

/* One line of mdb_reader_list: process, thread (hex), transaction or "-" when the slot is idle. */
static int count_reader(const char *line, void *arg)
{
    struct reader_census *c = arg;
    unsigned long long txn;
    if (sscanf(line, "%*d %*x %llu", &txn) == 1) {
        c->active++;
        if (txn < c->oldest)
            c->oldest = txn;
    }
    return 0;
}

void store_size(struct store *s, struct store_size *out)
{
    struct reader_census census = {.oldest = UINT64_MAX};
    uint64_t free_pages = store_free_pages(s, UINT64_MAX);
    MDB_envinfo info;
    struct stat file;

    (void)mdb_env_info(s->env, &info); /* fails only without an environment */
    (void)mdb_reader_list(s->env, count_reader, &census);
    uint64_t pages = (uint64_t)info.me_last_pgno + 1;
    *out = (struct store_size){
        .map_bytes = info.me_mapsize,
        .used_bytes = (pages > free_pages ? pages - free_pages : 0) * s->page_bytes,
        .readers = census.active,
    };
    if (census.active > 0 && info.me_last_txnid > census.oldest)
        out->oldest_reader_lag = info.me_last_txnid - census.oldest;
    if (fstatat(s->dir_fd, "data.mdb", &file, 0) == 0)
        out->file_bytes = (uint64_t)file.st_size;
}

enum status store_copy(struct store *s, int fd)
{
    if (atomic_load(&s->failed))
        return ST_IO_ERROR;
    /* A full or failing target says nothing about this store: no store_fault. */
    return store_status(mdb_env_copyfd2(s->env, fd, MDB_CP_COMPACT));
}
