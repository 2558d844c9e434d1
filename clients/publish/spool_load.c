/* Opening side of the outbox's directory: find the epoch in force, visit what is readable, and
 * fence off numbers that cannot be trusted. Nothing readable is ever thrown away here. */
#include "clients/publish/spool_load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/hash.h"

#define LOCK_NAME "lock"

static enum daybook_status disk_fault(struct daybook_error *error, const char *what,
                                      const char *name)
{
    char reason[128];
    return fail(error, DAYBOOK_IO, "outbox: cannot %s %s: %s", what, name,
                strerror_r(errno, reason, sizeof reason));
}

/* Unsynced writes survive a crash of the process but not of the machine: the boot tells which it
 * was. 0 where the system has no such name. */
static uint64_t boot_hash(void)
{
    char id[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, id, sizeof id);
    (void)close(fd);
    return n > 0 ? hash64(id, (size_t)n) : 0;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t suffix_n = strlen(suffix);
    return n > suffix_n && strcmp(name + n - suffix_n, suffix) == 0;
}

/* A power cut may otherwise take the whole new directory. */
static bool sync_parent(int dir_fd)
{
    int up = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = up >= 0 && fsync(up) == 0;
    if (up >= 0)
        (void)close(up);
    return done;
}

static enum daybook_status open_directory(struct spool *s, struct daybook_error *error)
{
    const char *path = s->config.path;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return disk_fault(error, "create", path);
    s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0)
        return disk_fault(error, "open", path);
    if (made && !sync_parent(s->dir_fd))
        return disk_fault(error, "sync the folder of", path);
    s->lock_fd = openat(s->dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return disk_fault(error, "open the lock in", path);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return DAYBOOK_OK;
    if (errno == EWOULDBLOCK)
        return fail(error, DAYBOOK_LOCKED, "outbox %s is in use by another publisher", path);
    return disk_fault(error, "lock", path);
}

/* A header that does not check out: a file that was being created holds nothing; anything longer is
 * set aside for people, and what came after it is fenced. */
static enum daybook_status set_aside(struct spool *s, struct segment *found,
                                     struct daybook_error *error)
{
    struct stat st;
    char bad[sizeof found->name + 8];
    (void)text_fmt(bad, sizeof bad, "%s.bad", found->name);
    bool empty = fstat(found->fd, &st) == 0 && st.st_size <= (off_t)SEGMENT_HEADER_BYTES;
    segment_close(found);
    if (empty ? unlinkat(s->dir_fd, found->name, 0)
              : renameat(s->dir_fd, found->name, s->dir_fd, bad))
        return disk_fault(error, "set aside", found->name);
    if (!empty)
        s->fence = 0; /* somewhere; the place is found when all are read */
    return DAYBOOK_OK;
}

static enum daybook_status found_segment(struct spool *s, const char *name,
                                         struct daybook_error *error)
{
    struct segment found = {.fd = -1};
    if (text_fmt(found.name, sizeof found.name, "%s", name) >= sizeof found.name - 1)
        return DAYBOOK_OK; /* not a name of ours */
    found.fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC);
    if (found.fd < 0)
        return disk_fault(error, "open", name);
    char magic[8] = {0};
    ssize_t n = pread(found.fd, magic, sizeof magic, 0);
    enum daybook_status st = DAYBOOK_OK;
    if (n == (ssize_t)sizeof magic && memcmp(magic, "DAYBOXS", 7) == 0 && magic[7] > '1')
        st = fail(error, DAYBOOK_CORRUPT, "outbox: %s was written by a newer version", name);
    else if (!segment_read_header(&found))
        return set_aside(s, &found, error);
    else if (found.header.producer != s->producer_hash)
        st = fail(error, DAYBOOK_INVALID, "outbox: %s belongs to another producer than \"%.*s\"",
                  name, (int)s->config.producer.n, s->config.producer.p);
    struct segment *grown = NULL;
    if (st == DAYBOOK_OK)
        grown = realloc(s->segments, (s->segments_n + 1) * sizeof *grown);
    if (grown == NULL) {
        segment_close(&found);
        return st != DAYBOOK_OK ? st : fail(error, DAYBOOK_NO_MEMORY, "outbox: no memory");
    }
    s->segments = grown;
    s->segments[s->segments_n++] = found;
    return DAYBOOK_OK;
}

static enum daybook_status list_directory(struct spool *s, struct daybook_error *error)
{
    int fd = dup(s->dir_fd);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return disk_fault(error, "list", s->config.path);
    }
    rewinddir(dir);
    enum daybook_status st = DAYBOOK_OK;
    struct dirent *entry;
    while (st == DAYBOOK_OK && (entry = readdir(dir)) != NULL) {
        if (ends_with(entry->d_name, ".new"))
            (void)unlinkat(s->dir_fd, entry->d_name, 0); /* a renewal that never came into force */
        else if (ends_with(entry->d_name, ".seg"))
            st = found_segment(s, entry->d_name, error);
    }
    (void)closedir(dir);
    return st;
}

static int by_place(const void *a, const void *b)
{
    const struct segment_header *x = &((const struct segment *)a)->header;
    const struct segment_header *y = &((const struct segment *)b)->header;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

static void keep_highest_epoch(struct spool *s)
{
    if (s->segments_n == 0)
        return;
    qsort(s->segments, s->segments_n, sizeof *s->segments, by_place);
    uint64_t epoch = spool_last(s)->header.epoch;
    while (s->segments[0].header.epoch != epoch) {
        segment_close(&s->segments[0]);
        (void)unlinkat(s->dir_fd, s->segments[0].name, 0); /* all that counted was moved on */
        s->segments_n--;
        memmove(s->segments, s->segments + 1, s->segments_n * sizeof *s->segments);
    }
}

struct scan {
    const struct spool_visitor *visitor;
    struct buf frame;
};

static enum daybook_status scan_segment(struct spool *s, struct segment *segment, struct scan *scan,
                                        struct daybook_error *error)
{
    enum segment_read got;
    while ((got = segment_read(segment, segment->bytes, segment->end_seq, s->config.frame_bytes_max,
                               &scan->frame)) == SEGMENT_RECORD) {
        enum daybook_status st = scan->visitor->visit(scan->visitor->context, segment->end_seq,
                                                      segment->bytes, (uint32_t)scan->frame.n);
        if (st != DAYBOOK_OK)
            return fail(error, st, "outbox: %s",
                        st == DAYBOOK_CORRUPT ? "numbers jump too far" : "no memory for its index");
        segment->bytes += RECORD_HEADER_BYTES + scan->frame.n;
        segment->end_seq++;
    }
    if (got == SEGMENT_FAULT)
        return disk_fault(error, "read", segment->name);
    struct stat file;
    bool last = segment == spool_last(s);
    if (last && fstat(segment->fd, &file) == 0 && (uint64_t)file.st_size > segment->bytes) {
        s->torn_bytes = (uint64_t)file.st_size - segment->bytes;
        s->fence = 0;
    }
    if (last && (segment->header.flags & SEGMENT_RELAXED) && segment->header.boot != s->boot_hash)
        s->fence = 0;
    return DAYBOOK_OK;
}

/* Segments may overlap only if somebody put files there: nothing can be said about them. */
static enum daybook_status scan_all(struct spool *s, const struct spool_visitor *visitor,
                                    struct daybook_error *error)
{
    struct scan scan = {visitor, buf_of(s->config.frame_bytes_max)};
    enum daybook_status st = DAYBOOK_OK;
    uint64_t end = 0;
    for (size_t i = 0; i < s->segments_n && st == DAYBOOK_OK; i++) {
        struct segment *segment = &s->segments[i];
        if (segment->header.first_seq < end)
            st = fail(error, DAYBOOK_CORRUPT, "outbox: %s repeats numbers of the file before it",
                      segment->name);
        else
            st = scan_segment(s, segment, &scan, error);
        end = segment->end_seq;
    }
    buf_fini(&scan.frame);
    return st;
}

/* The first fence in the files, or a new one behind all that was read. */
static enum daybook_status settle_fence(struct spool *s, struct daybook_error *error)
{
    bool wanted = s->fence == 0;
    s->fence = UINT64_MAX;
    if (s->segments_n == 0)
        return spool_begin_segment(s, s->config.epoch, 1, 0, error);
    if (wanted) {
        const struct segment *last = spool_last(s);
        bool empty = last->end_seq == last->header.first_seq;
        /* A name can be used once; an empty last file makes place for its fenced successor. */
        if (empty) {
            segment_close(spool_last(s));
            s->segments_n--;
        }
        enum daybook_status st =
            spool_begin_segment(s, last->header.epoch, last->end_seq, SEGMENT_FENCED, error);
        if (st != DAYBOOK_OK)
            return st;
    }
    for (size_t i = s->segments_n; i-- > 0;)
        if (s->segments[i].header.flags & SEGMENT_FENCED)
            s->fence = s->segments[i].header.first_seq;
    return DAYBOOK_OK;
}

enum daybook_status spool_open(struct spool *s, const struct spool_config *config,
                               const struct spool_visitor *visitor, struct daybook_error *error)
{
    *s = (struct spool){.config = *config,
                        .producer_hash = hash64(config->producer.p, config->producer.n),
                        .boot_hash = boot_hash(),
                        .dir_fd = -1,
                        .lock_fd = -1,
                        .fence = UINT64_MAX,
                        .next = {.fd = -1}};
    enum daybook_status st = open_directory(s, error);
    if (st == DAYBOOK_OK)
        st = list_directory(s, error);
    if (st == DAYBOOK_OK) {
        keep_highest_epoch(s);
        st = scan_all(s, visitor, error);
    }
    if (st == DAYBOOK_OK)
        st = settle_fence(s, error);
    if (st != DAYBOOK_OK)
        spool_close(s, false);
    return st;
}
