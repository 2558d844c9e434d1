/* A disk that is watched, and that can fail: the programs that link it take LMDB's system calls on
 * the data files below one directory for themselves.
 *
 * Recording keeps every write in its order with what made it durable, for both environments on one
 * time line; a fault lets one call fail. One at a time; any thread writes, one thread asks. */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_file { DISK_FRONT, DISK_DAYS, DISK_FILES };

enum disk_kind {
    DISK_WRITE,  /* issued */
    DISK_SYNC,   /* fdatasync has returned: the file's writes before it are durable */
    DISK_STABLE, /* a write to an O_DSYNC descriptor has returned: it alone is durable */
    DISK_RENAME, /* the file has got its name */
    DISK_NAMES,  /* its directory has been synced: the name is durable */
    DISK_MARK,   /* disk_mark */
};

struct disk_event {
    enum disk_kind kind;
    enum disk_file file;
    uint64_t offset; /* DISK_WRITE; DISK_STABLE: index of the write; DISK_MARK: its number */
    uint32_t n;      /* bytes; DISK_MARK: its sort */
    uint8_t *data;   /* owned by the recording */
};

struct disk_log {
    struct disk_event *ev;
    uint32_t n, cap;
};

/* Watch the files dir/front/data.mdb and dir/days/data.mdb (borrowed). Recording begins with the
 * first call, goes on over several, and ends with disk_taken. */
void disk_record(const char *dir);
void disk_mark(uint32_t sort, uint64_t number);
void disk_taken(struct disk_log *out);
void disk_log_free(struct disk_log *log);

/* ---- faults ---- */

enum disk_fault {
    DISK_EIO,    /* the call fails with that */
    DISK_ENOSPC, /* the same */
    DISK_SHORT,  /* a write stops half way; other calls are not counted */
    DISK_EINTR,  /* a sync or an open is interrupted */
    DISK_FAULTS,
};

/* Let the nth watched call below dir fail once: write, sync or open. nth 0: only count. */
void disk_fail(const char *dir, enum disk_fault what, uint32_t nth);

/* No more faults; the calls since disk_fail. */
uint32_t disk_fail_end(bool *fired);

#endif
