/* The calls are those that LMDB 0.9.24 and engine/store make: pwrite, writev, fdatasync, fsync,
 * open, openat, renameat. */
#include "tests/crash/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk_log record;
static const char *record_dir; /* NULL: nothing is recorded */
static const char *fail_dir;   /* NULL: nothing fails */
static enum disk_fault fail_what;
static uint32_t fail_nth, fail_calls;
static bool fail_fired;

/* ---- which file ---- */

static bool path_of(int fd, char path[static 512])
{
    char link[40];

    text_fmt(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 511);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool is_below(const char *path, const char *dir)
{
    return dir != NULL && strncmp(path, dir, strlen(dir)) == 0;
}

static bool file_of(const char *path, enum disk_file *out)
{
    if (strstr(path, "/front/data.mdb") != NULL)
        *out = DISK_FRONT;
    else if (strstr(path, "/days/data.mdb") != NULL)
        *out = DISK_DAYS;
    else
        return false;
    return true;
}

static bool is_recorded(int fd, enum disk_file *out)
{
    char path[512];

    return record_dir != NULL && path_of(fd, path) && is_below(path, record_dir) &&
           file_of(path, out);
}

/* ---- the recording ---- */

static uint32_t add(struct disk_event e, const void *data)
{
    pthread_mutex_lock(&lock);
    if (record.n == record.cap) {
        record.cap = record.cap == 0 ? 1024 : record.cap * 2;
        record.ev = realloc(record.ev, record.cap * sizeof *record.ev);
        CHECK(record.ev != NULL);
    }
    if (data != NULL) {
        e.data = malloc(e.n);
        CHECK(e.data != NULL);
        memcpy(e.data, data, e.n);
    }
    uint32_t at = record.n;
    record.ev[record.n++] = e;
    pthread_mutex_unlock(&lock);
    return at;
}

void disk_record(const char *dir)
{
    record_dir = dir;
}

void disk_mark(uint32_t sort, uint64_t number)
{
    if (record_dir != NULL)
        (void)add((struct disk_event){.kind = DISK_MARK, .n = sort, .offset = number}, NULL);
}

void disk_taken(struct disk_log *out)
{
    record_dir = NULL;
    *out = record;
    record = (struct disk_log){0};
}

void disk_log_free(struct disk_log *log)
{
    for (uint32_t i = 0; i < log->n; i++)
        free(log->ev[i].data);
    free(log->ev);
    *log = (struct disk_log){0};
}

static void record_write(enum disk_file file, const void *p, size_t n, off_t at, bool through)
{
    uint32_t write = add(
        (struct disk_event){
            .kind = DISK_WRITE, .file = file, .offset = (uint64_t)at, .n = (uint32_t)n},
        p);

    if (through)
        (void)add((struct disk_event){.kind = DISK_STABLE, .file = file, .offset = write}, NULL);
}

/* ---- faults ---- */

void disk_fail(const char *dir, enum disk_fault what, uint32_t nth)
{
    pthread_mutex_lock(&lock);
    fail_dir = dir;
    fail_what = what;
    fail_nth = nth;
    fail_calls = 0;
    fail_fired = false;
    pthread_mutex_unlock(&lock);
}

uint32_t disk_fail_end(bool *fired)
{
    pthread_mutex_lock(&lock);
    fail_dir = NULL;
    uint32_t n = fail_calls;
    *fired = fail_fired;
    pthread_mutex_unlock(&lock);
    return n;
}

enum call { CALL_WRITE, CALL_SYNC, CALL_OPEN };

static bool counts(enum call call)
{
    switch (fail_what) {
    case DISK_SHORT:
        return call == CALL_WRITE;
    case DISK_EINTR:
        return call != CALL_WRITE; /* a write to a file on a disk is not interrupted */
    case DISK_EIO:
    case DISK_ENOSPC:
    case DISK_FAULTS:
        break;
    }
    return true;
}

/* Is it this call's turn? Then errno is set. */
static bool fails(const char *path, enum call call)
{
    bool yes = false;

    pthread_mutex_lock(&lock);
    if (is_below(path, fail_dir) && counts(call))
        yes = ++fail_calls == fail_nth;
    fail_fired |= yes;
    pthread_mutex_unlock(&lock);
    if (yes)
        errno = fail_what == DISK_ENOSPC ? ENOSPC : fail_what == DISK_EINTR ? EINTR : EIO;
    return yes;
}

static bool fd_fails(int fd, enum call call)
{
    char path[512];

    return fail_dir != NULL && path_of(fd, path) && fails(path, call);
}

/* ---- the calls ---- */

ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    enum disk_file file;

    if (fd_fails(fd, CALL_WRITE)) {
        if (fail_what != DISK_SHORT)
            return -1;
        n /= 2;
    }
    if (is_recorded(fd, &file))
        record_write(file, p, n, at, (fcntl(fd, F_GETFL) & O_DSYNC) != 0);
    return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n);
ssize_t writev(int fd, const struct iovec *v, int n)
{
    enum disk_file file;

    if (fd_fails(fd, CALL_WRITE)) {
        if (fail_what != DISK_SHORT)
            return -1;
        n = 1;
    }
    if (is_recorded(fd, &file)) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        for (int i = 0; i < n; at += (off_t)v[i++].iov_len)
            record_write(file, v[i].iov_base, v[i].iov_len, at, false);
    }
    return syscall(SYS_writev, fd, v, n);
}

int fdatasync(int fd);
int fdatasync(int fd)
{
    enum disk_file file;

    if (fd_fails(fd, CALL_SYNC))
        return -1;
    /* Only the record counts on it: the real disk's part would be the same, and slow. */
    if (is_recorded(fd, &file))
        (void)add((struct disk_event){.kind = DISK_SYNC, .file = file}, NULL);
    return 0;
}

int fsync(int fd);
int fsync(int fd)
{
    char path[512];

    if (fd_fails(fd, CALL_SYNC))
        return -1;
    if (record_dir != NULL && path_of(fd, path) && is_below(path, record_dir)) {
        const char *name = strrchr(path, '/');
        if (strcmp(name, "/front") == 0 || strcmp(name, "/days") == 0)
            (void)add((struct disk_event){.kind = DISK_NAMES,
                                          .file = name[1] == 'f' ? DISK_FRONT : DISK_DAYS},
                      NULL);
    }
    return 0;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to);
int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char path[512];

    if (record_dir != NULL && path_of(to_dir, path) && is_below(path, record_dir))
        (void)add(
            (struct disk_event){.kind = DISK_RENAME,
                                .file = strstr(path, "/front") != NULL ? DISK_FRONT : DISK_DAYS},
            NULL);
    return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

static unsigned mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, unsigned) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    unsigned mode = mode_of(flags, args);
    va_end(args);
    if (fails(path, CALL_OPEN))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    unsigned mode = mode_of(flags, args);
    va_end(args);
    if (dir != AT_FDCWD && fd_fails(dir, CALL_OPEN))
        return -1;
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}
