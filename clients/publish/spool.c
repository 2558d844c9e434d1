/* Writing side of the outbox's directory: append, rotate, drop, renew, close. */
#include "clients/publish/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "clients/publish/spool_load.h"
#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/crash_point.h"
#include "engine/base/hash.h"

#define SEGMENT_SUFFIX ".seg"
#define RENEW_SUFFIX   ".new"

static enum daybook_status disk_fault(struct daybook_error *error, const char *what,
                                      const char *name)
{
    char reason[128];
    return fail(error, DAYBOOK_IO, "outbox: cannot %s %s: %s", what, name,
                strerror_r(errno, reason, sizeof reason));
}

struct segment_header spool_header(const struct spool *s, uint64_t epoch, uint64_t first_seq,
                                   uint64_t flags)
{
    if (s->config.sync == DAYBOOK_SYNC_RELAXED)
        flags |= SEGMENT_RELAXED;
    return (struct segment_header){.epoch = epoch,
                                   .first_seq = first_seq,
                                   .producer = s->producer_hash,
                                   .boot = s->boot_hash,
                                   .flags = flags};
}

static bool push_segment(struct spool *s, const struct segment *segment)
{
    struct segment *grown = realloc(s->segments, (s->segments_n + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    s->segments = grown;
    s->segments[s->segments_n++] = *segment;
    return true;
}

enum daybook_status spool_begin_segment(struct spool *s, uint64_t epoch, uint64_t first_seq,
                                        uint64_t flags, struct daybook_error *error)
{
    struct segment_header h = spool_header(s, epoch, first_seq, flags);
    struct segment made;
    if (!segment_create(&made, s->dir_fd, &h, SEGMENT_SUFFIX, true))
        return disk_fault(error, "create", made.name);
    if (push_segment(s, &made))
        return DAYBOOK_OK;
    segment_close(&made);
    (void)unlinkat(s->dir_fd, made.name, 0);
    return fail(error, DAYBOOK_NO_MEMORY, "outbox: no memory for segment %s", made.name);
}

/* After a failed sync the kernel may have thrown the pages away: no later success would mean
 * anything, so nothing is written again. */
static enum daybook_status sync_segment(struct spool *s, struct segment *segment,
                                        struct daybook_error *error)
{
    s->syncs++;
    if (fdatasync(segment->fd) == 0)
        return DAYBOOK_OK;
    s->failed = true;
    return disk_fault(error, "sync", segment->name);
}

static enum daybook_status rotate(struct spool *s, struct daybook_error *error)
{
    struct segment *last = spool_last(s);
    if (last->bytes < s->config.segment_bytes)
        return DAYBOOK_OK;
    enum daybook_status st = DAYBOOK_OK;
    if (s->config.sync == DAYBOOK_SYNC_RELAXED)
        st = sync_segment(s, last, error);
    if (st == DAYBOOK_OK)
        st = spool_begin_segment(s, last->header.epoch, last->end_seq, 0, error);
    return st;
}

enum daybook_status spool_append(struct spool *s, uint64_t seq, struct str frame, uint64_t *offset,
                                 struct daybook_error *error)
{
    if (s->failed)
        return fail(error, DAYBOOK_IO, "outbox: an earlier sync failed; reopen the publisher");
    enum daybook_status st = rotate(s, error);
    if (st != DAYBOOK_OK)
        return st;
    struct segment *last = spool_last(s);
    uint64_t at = last->bytes;
    if (!segment_append(last, seq, frame))
        return disk_fault(error, "write", last->name);
    CRASH_POINT("outbox_before_sync");
    if (s->config.sync == DAYBOOK_SYNC_BATCH)
        st = sync_segment(s, last, error);
    if (st == DAYBOOK_OK)
        *offset = at;
    else
        segment_cut(last, seq, at); /* it was not taken, so it must not come back */
    return st;
}

static const struct segment *segment_of(const struct spool *s, uint64_t seq)
{
    size_t i = s->segments_n;
    while (i > 0 && s->segments[i - 1].header.first_seq > seq)
        i--;
    return i > 0 && seq < s->segments[i - 1].end_seq ? &s->segments[i - 1] : NULL;
}

enum daybook_status spool_read(const struct spool *s, uint64_t seq, uint64_t offset, struct buf *to,
                               struct daybook_error *error)
{
    const struct segment *segment = segment_of(s, seq);
    CHECK(segment != NULL);
    switch (segment_read(segment, offset, seq, s->config.frame_bytes_max, to)) {
    case SEGMENT_RECORD:
        return DAYBOOK_OK;
    case SEGMENT_FAULT:
        return disk_fault(error, "read", segment->name);
    case SEGMENT_END:
    case SEGMENT_DAMAGED:
    default:
        return fail(error, DAYBOOK_CORRUPT, "outbox: batch %llu in %s no longer checks out",
                    (unsigned long long)seq, segment->name);
    }
}

static void delete_first(struct spool *s)
{
    segment_close(&s->segments[0]);
    CRASH_POINT("outbox_before_unlink");
    (void)unlinkat(s->dir_fd, s->segments[0].name, 0); /* what stays is only sent once more */
    s->segments_n--;
    memmove(s->segments, s->segments + 1, s->segments_n * sizeof *s->segments);
}

void spool_drop(struct spool *s, uint64_t first_seq)
{
    while (s->segments_n > 1 && s->segments[1].header.first_seq <= first_seq)
        delete_first(s);
}

enum daybook_status spool_renew_begin(struct spool *s, uint64_t epoch, struct daybook_error *error)
{
    CHECK(s->next.fd < 0);
    if (s->failed)
        return fail(error, DAYBOOK_IO, "outbox: an earlier sync failed; reopen the publisher");
    struct segment_header h = spool_header(s, epoch, 1, 0);
    if (!segment_create(&s->next, s->dir_fd, &h, RENEW_SUFFIX, false))
        return disk_fault(error, "create", s->next.name);
    return DAYBOOK_OK;
}

enum daybook_status spool_renew_add(struct spool *s, uint64_t seq, struct str frame,
                                    uint64_t *offset, struct daybook_error *error)
{
    *offset = s->next.bytes;
    if (!segment_append(&s->next, seq, frame))
        return disk_fault(error, "write", s->next.name);
    return DAYBOOK_OK;
}

enum daybook_status spool_renew_end(struct spool *s, struct daybook_error *error)
{
    struct segment made = s->next;
    char from[sizeof made.name];
    memcpy(from, made.name, sizeof from);
    (void)text_fmt(made.name, sizeof made.name, "%013llu-%016llu" SEGMENT_SUFFIX,
                   (unsigned long long)made.header.epoch,
                   (unsigned long long)made.header.first_seq);
    enum daybook_status st = sync_segment(s, &s->next, error);
    if (st != DAYBOOK_OK)
        return st;
    if (renameat(s->dir_fd, from, s->dir_fd, made.name) != 0 || fsync(s->dir_fd) != 0) {
        s->failed = true; /* which epoch is in force on disk is no longer known */
        return disk_fault(error, "rename", from);
    }
    if (!push_segment(s, &made)) {
        s->failed = true;
        return fail(error, DAYBOOK_NO_MEMORY, "outbox: no memory for segment %s", made.name);
    }
    s->next.fd = -1;
    while (s->segments_n > 1)
        delete_first(s);
    s->fence = UINT64_MAX;
    return DAYBOOK_OK;
}

void spool_renew_cancel(struct spool *s)
{
    if (s->next.fd < 0)
        return;
    segment_close(&s->next);
    (void)unlinkat(s->dir_fd, s->next.name, 0); /* ignored and deleted by the next open, too */
}

void spool_close(struct spool *s, bool idle)
{
    struct segment *last = s->segments_n > 0 ? spool_last(s) : NULL;
    bool used = last != NULL && last->end_seq > last->header.first_seq;
    if (last != NULL && !s->failed && s->config.sync == DAYBOOK_SYNC_RELAXED)
        (void)sync_segment(s, last, NULL); /* nobody is left to tell; the flag RELAXED stays */
    if (used && idle && !s->failed &&
        spool_begin_segment(s, last->header.epoch, last->end_seq,
                            s->fence == last->end_seq ? SEGMENT_FENCED : 0, NULL) == DAYBOOK_OK)
        spool_drop(s, UINT64_MAX);
    spool_renew_cancel(s);
    for (size_t i = 0; i < s->segments_n; i++)
        segment_close(&s->segments[i]);
    free(s->segments);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd); /* lets go of the lock */
    if (s->dir_fd >= 0)
        (void)close(s->dir_fd);
    *s = (struct spool){.dir_fd = -1, .lock_fd = -1, .next = {.fd = -1}};
}
