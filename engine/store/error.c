/* Errors of LMDB and the system, as statuses, and how much room is left.
 *
 * The one idea: callers see four outcomes that they can act on (full, I/O error, corrupt, busy);
 * everything else is a fault of the engine. */
#include "engine/store/internal.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "engine/base/check.h"
#include "engine/store/store_test.h"

enum status store_status(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return ST_OK;
    case MDB_NOTFOUND:
    case ENOENT:
        return ST_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ST_STORAGE_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
        return ST_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return ST_OTHER_FORMAT;
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED:
        return ST_BUSY;
    case MDB_TXN_FULL:
        return ST_TOO_LARGE;
    case ENOMEM:
        return ST_NO_MEMORY;
    case MDB_PANIC:
    case EIO:
    case EACCES:
    case EPERM:
    case EROFS:
    case EMFILE:
    case ENFILE:
        return ST_IO_ERROR;
    default:
        return ST_INTERNAL;
    }
}

static bool disk_is_full(const struct store *s)
{
    struct statvfs fs;
    return fstatvfs(s->dir_fd, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize < STORE_DISK_FULL_BYTES;
}

enum status store_fault(struct store *s, int rc, bool writes)
{
    /* LMDB calls a short write EIO. On a full disk that is what it was: nothing of the transaction
     * is referenced by the last commit, so the store stays usable. */
    if (rc == EIO && writes && disk_is_full(s))
        rc = ENOSPC;
    if (rc == MDB_PANIC || (rc == EIO && writes))
        atomic_store(&s->failed, true);
    return store_status(rc);
}

bool store_fs_is_remote(uint64_t magic)
{
    static const uint64_t remote[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x65735546, /* FUSE: served by a user program */
        0x01021997, /* 9P */
        0x00c36400, /* Ceph */
        0x5346414f, /* AFS */
        0x6b414653, /* kAFS */
        0x73757245, /* Coda */
        0x564c,     /* NCP */
        0x0bd00bd0, /* Lustre */
        0x01161970, /* GFS2 */
        0x7461636f, /* OCFS2 */
    };
    for (size_t i = 0; i < N_OF(remote); i++)
        if (remote[i] == magic)
            return true;
    return false;
}

uint64_t store_free_pages(struct store *s, uint64_t enough)
{
    struct txn t;
    uint64_t pages = 0;
    MDB_cursor *c = NULL;
    MDB_val key, val;

    txn_begin(s, false, &t);
    /* Table 0 is LMDB's free list: transaction number -> count, page numbers. */
    if (t.status == ST_OK && mdb_cursor_open(t.handle, 0, &c) == 0) {
        while (pages < enough && mdb_cursor_get(c, &key, &val, MDB_NEXT) == 0) {
            size_t n = 0;
            if (val.mv_size >= sizeof(n))
                memcpy(&n, val.mv_data, sizeof(n));
            pages += n;
        }
        mdb_cursor_close(c);
    }
    txn_abort(&t);
    return pages;
}

bool store_is_tight(struct store *s)
{
    MDB_envinfo info;
    struct statvfs fs;
    uint64_t map_reserve = s->map_pages / STORE_MAP_RESERVE_DIV;
    uint64_t disk_short = 0; /* pages that the free list has to hold because the disk is low */

    (void)mdb_env_info(s->env, &info); /* fails only without an environment */
    uint64_t used = (uint64_t)info.me_last_pgno + 1;
    uint64_t above = s->map_pages > used ? s->map_pages - used : 0;
    if (fstatvfs(s->dir_fd, &fs) == 0) {
        uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
        uint64_t reserve = (uint64_t)fs.f_blocks * fs.f_frsize / STORE_DISK_RESERVE_DIV;
        if (reserve > STORE_DISK_RESERVE_MAX)
            reserve = STORE_DISK_RESERVE_MAX;
        if (free_bytes < reserve)
            disk_short = reserve / s->page_bytes;
    }
    uint64_t map_short = above < map_reserve ? map_reserve - above : 0;
    uint64_t needed = map_short > disk_short ? map_short : disk_short;
    return needed > 0 && store_free_pages(s, needed) < needed;
}

void store_test_fail_commit(struct store *s, unsigned nth, int error)
{
    atomic_store(&s->fail_error, error);
    atomic_store(&s->fail_nth, nth);
}
