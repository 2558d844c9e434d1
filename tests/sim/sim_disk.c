/* The calls are those that LMDB 0.9.24 and engine/store make on their files. */
#include "tests/sim/sim_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "tests/crash/torn.h"
#include "tests/draw.h"
#include "tests/sim/plant.h"

#define FDS_MAX 256
#define FILES_N 2

struct file {
    const char *name;
    struct torn_bytes durable;
    struct torn_write *pending; /* their data: owned */
    uint32_t pending_n, pending_cap;
    bool named, name_durable; /* it has its name; that is durable */
};

static struct {
    const char *dir;
    struct file file[FILES_N];
    uint32_t die_at, fail_at; /* calls still to come; 0: none */
    bool dead, full, failed;
    uint64_t digest;
} disk = {.file = {{.name = "front"}, {.name = "days"}}};

/* Which file an fd is: 1 + its place; bit 7: opened O_DSYNC. */
#define THROUGH 0x80
static uint8_t fds[FDS_MAX];

/* ---- bytes ---- */

static void forget(struct file *f)
{
    for (uint32_t i = 0; i < f->pending_n; i++)
        free(f->pending[i].data);
    f->pending_n = 0;
}

static void digest(uint64_t what, const void *p, size_t n)
{
    disk.digest = hash_mix(disk.digest * 31 + what) ^ (n > 0 ? hash64(p, n) : 0);
}

static size_t u16_at(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8;
}

/* Whole pages, without what lies between the offsets and the nodes of a tree's page: LMDB leaves
 * the address of another page there (its NEXT_LOOSE_PAGE), which no seed decides. */
static void digest_pages(uint64_t what, const uint8_t *p, size_t n)
{
    enum { PAGE = 4096, FLAGS = 10, LOWER = 12, UPPER = 14, BRANCH = 1, LEAF = 2, LARGE = 4 };

    for (size_t bytes = PAGE; n >= PAGE; p += bytes, n -= bytes) {
        const size_t lower = u16_at(p + LOWER), upper = u16_at(p + UPPER);

        bytes =
            (p[FLAGS] & LARGE) != 0 ? (lower | upper << 16) * PAGE : PAGE; /* pages_n is there */
        CHECK(bytes <= n);
        if ((p[FLAGS] & (BRANCH | LEAF)) != 0) {
            digest(what, p, lower);
            digest(what, p + upper, PAGE - upper);
        } else {
            digest(what, p, bytes);
        }
    }
    digest(what, p, n);
}

static void written(struct file *f, const void *p, size_t n, uint64_t at)
{
    digest_pages(at * 2 + (uint64_t)(f - disk.file), p, n);
    if (f->pending_n == f->pending_cap) {
        f->pending_cap = f->pending_cap * 2 + 64;
        f->pending = realloc(f->pending, f->pending_cap * sizeof *f->pending);
        CHECK(f->pending != NULL);
    }
    struct torn_write *w = &f->pending[f->pending_n++];
    *w = (struct torn_write){at, (uint32_t)n, malloc(n)};
    CHECK(w->data != NULL);
    memcpy(w->data, p, n);
}

static void synced(struct file *f)
{
    digest(1, NULL, 0);
    for (uint32_t i = 0; i < f->pending_n; i++)
        torn_put(&f->durable, f->pending[i].at, f->pending[i].data, f->pending[i].n);
    forget(f);
}

/* ---- life ---- */

void sim_disk_new(const char *dir)
{
    sim_disk_free();
    disk.dir = dir;
}

void sim_disk_free(void)
{
    for (unsigned i = 0; i < FILES_N; i++) {
        struct file *f = &disk.file[i];
        const char *name = f->name;
        forget(f);
        free(f->pending);
        free(f->durable.p);
        *f = (struct file){.name = name};
    }
    disk.dir = NULL;
    disk.die_at = disk.fail_at = 0;
    disk.dead = disk.full = disk.failed = false;
    disk.digest = 0;
}

void sim_disk_die_at(uint32_t nth)
{
    disk.die_at = nth;
}

bool sim_disk_dead(void)
{
    return disk.dead;
}

void sim_disk_alive(void)
{
    disk.dead = false;
    disk.die_at = disk.fail_at = 0;
}

void sim_disk_full(bool full)
{
    disk.full = full;
}

void sim_disk_fail_at(uint32_t nth)
{
    disk.fail_at = nth;
    disk.failed &= nth > 0;
}

bool sim_disk_failed(void)
{
    return disk.failed;
}

uint64_t sim_disk_digest(void)
{
    return disk.digest;
}

/* ---- power cut ---- */

static void rewrite(const struct file *f)
{
    char path[600], fresh[600];

    text_fmt(path, sizeof path, "%s/%s/data.mdb", disk.dir, f->name);
    text_fmt(fresh, sizeof fresh, "%s.new", path);
    if (!f->named) /* its name was lost, or never given */
        (void)rename(path, fresh);
    int fd = open(f->named ? path : fresh, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return; /* not even begun */
    for (uint64_t at = 0; at < f->durable.n;) {
        ssize_t n = write(fd, f->durable.p + at, f->durable.n - at);
        CHECK(n > 0);
        at += (uint64_t)n;
    }
    CHECK(close(fd) == 0);
}

void sim_disk_power_cut(uint64_t *seed)
{
    enum torn_mood mood = (enum torn_mood)draw(seed, TORN_MOODS);

    sim_disk_alive();
    for (unsigned i = 0; i < FILES_N; i++) {
        struct file *f = &disk.file[i];
        for (uint32_t k = 0; k < f->pending_n; k++)
            torn_maybe(&f->durable, &f->pending[k], mood, seed);
        forget(f);
        f->named = f->name_durable || (f->named && draw(seed, 2) == 0);
        rewrite(f);
        f->name_durable = f->named;
    }
}

/* ---- the calls ---- */

static struct file *file_of(int fd)
{
    uint8_t is = fd >= 0 && fd < FDS_MAX ? fds[fd] : 0;

    return is != 0 ? &disk.file[(is & ~THROUGH) - 1] : NULL;
}

/* A watched call. True: it fails, errno is set. */
static bool fails(void)
{
    if (!disk.dead && disk.die_at > 0 && --disk.die_at == 0)
        disk.dead = true;
    if (!disk.dead && disk.fail_at > 0 && --disk.fail_at == 0) {
        disk.failed = true;
        errno = EIO;
        return true;
    }
    if (disk.dead)
        errno = EIO;
    return disk.dead;
}

static bool no_room(const struct file *f, uint64_t end)
{
    uint64_t n = f->durable.n;

    if (!disk.full)
        return false;
    for (uint32_t i = 0; i < f->pending_n; i++)
        if (f->pending[i].at + f->pending[i].n > n)
            n = f->pending[i].at + f->pending[i].n;
    if (end > n)
        errno = ENOSPC;
    return end > n;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    struct file *f = file_of(fd);

    if (f != NULL) {
        if (fails() || no_room(f, (uint64_t)at + n))
            return -1;
        written(f, p, n, (uint64_t)at);
        if ((fds[fd] & THROUGH) != 0) {
            /* It alone is durable; what was written before it and not synced is not. */
            struct torn_write *w = &f->pending[--f->pending_n];
            torn_put(&f->durable, w->at, w->data, w->n);
            free(w->data);
        }
    }
    return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n);
ssize_t writev(int fd, const struct iovec *v, int n)
{
    struct file *f = file_of(fd);

    if (f != NULL) {
        uint64_t at = (uint64_t)lseek(fd, 0, SEEK_CUR), end = at;
        for (int i = 0; i < n; i++)
            end += v[i].iov_len;
        if (fails() || no_room(f, end))
            return -1;
        for (int i = 0; i < n; at += v[i++].iov_len)
            written(f, v[i].iov_base, v[i].iov_len, at);
    }
    return syscall(SYS_writev, fd, v, n);
}

int fdatasync(int fd);
int fdatasync(int fd)
{
    struct file *f = file_of(fd);

    if (f != NULL) {
        if (fails())
            return -1;
        if (plant_now != PLANT_LOST_SYNC)
            synced(f);
    }
    return 0; /* the real disk's part would be the same, and slow */
}

int fsync(int fd);
int fsync(int fd)
{
    char link[40], path[512];

    if (file_of(fd) != NULL)
        return fdatasync(fd);
    text_fmt(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    const char *name = strrchr(path, '/');
    for (unsigned i = 0; name != NULL && i < FILES_N; i++)
        if (strcmp(name + 1, disk.file[i].name) == 0) {
            if (fails())
                return -1;
            disk.file[i].name_durable = disk.file[i].named;
        }
    return 0;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to);
int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char link[40], path[512];

    if (disk.dir != NULL && strcmp(to, "data.mdb") == 0) {
        text_fmt(link, sizeof link, "/proc/self/fd/%d", to_dir);
        ssize_t n = readlink(link, path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        if (fails())
            return -1;
        for (unsigned i = 0; i < FILES_N; i++)
            if (strcmp(strrchr(path, '/') + 1, disk.file[i].name) == 0)
                disk.file[i].named = true;
    }
    return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

int fstatvfs(int fd, struct statvfs *out);
int fstatvfs(int fd, struct statvfs *out)
{
    (void)fd;
    *out = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1 << 20};
    out->f_bavail = out->f_bfree = disk.full ? 0 : 1 << 19;
    return 0;
}

static int opened(int fd, const char *path, int flags)
{
    const char *base = strrchr(path, '/');

    if (fd < 0 || fd >= FDS_MAX)
        return fd;
    fds[fd] = 0;
    if (disk.dir == NULL || base == NULL || strncmp(path, disk.dir, strlen(disk.dir)) != 0 ||
        strncmp(base, "/data.mdb", 9) != 0 || (flags & O_ACCMODE) == O_RDONLY)
        return fd;
    for (unsigned i = 0; i < FILES_N; i++) {
        size_t n = strlen(disk.file[i].name);
        if ((size_t)(base - path) > n && strncmp(base - n, disk.file[i].name, n) == 0)
            fds[fd] = (uint8_t)((1 + i) | ((flags & O_DSYNC) != 0 ? THROUGH : 0));
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    return opened((int)syscall(SYS_openat, dir, path, flags, mode), "", flags);
}
