/* Record layer of the outbox. It knows bytes, not policies: when to sync, rotate or delete is
 * spool.c's. */
#include "clients/publish/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

static const char magic[8] = {'D', 'A', 'Y', 'B', 'O', 'X', 'S', '1'};
static const char record_magic[4] = {'R', 'E', 'C', 'D'};

static bool write_all(int fd, struct iovec *iov, int iov_n, uint64_t offset)
{
    while (iov_n > 0) {
        ssize_t n = pwritev(fd, iov, iov_n, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        offset += (uint64_t)n;
        size_t left = (size_t)n;
        while (iov_n > 0 && left >= iov->iov_len) {
            left -= iov->iov_len;
            iov++;
            iov_n--;
        }
        if (iov_n > 0) {
            iov->iov_base = (char *)iov->iov_base + left;
            iov->iov_len -= left;
        }
    }
    return true;
}

/* Bytes read, less than n at the end of the file; -1: errno. */
static ssize_t read_all(int fd, void *to, size_t n, uint64_t offset)
{
    size_t got = 0;
    while (got < n) {
        ssize_t k = pread(fd, (char *)to + got, n - got, (off_t)(offset + got));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        if (k == 0)
            break;
        got += (size_t)k;
    }
    return (ssize_t)got;
}

static void put_header(struct buf *b, const struct segment_header *h)
{
    buf_put(b, magic, sizeof magic);
    buf_be(b, h->epoch, 8);
    buf_be(b, h->first_seq, 8);
    buf_be(b, h->producer, 8);
    buf_be(b, h->boot, 8);
    buf_be(b, h->flags, 8);
    if (!b->bad)
        buf_be(b, hash64(b->p, b->n), 8);
}

bool segment_create(struct segment *s, int dir_fd, const struct segment_header *h,
                    const char *suffix, bool sync)
{
    *s = (struct segment){.header = *h, .end_seq = h->first_seq, .fd = -1};
    (void)text_fmt(s->name, sizeof s->name, "%013llu-%016llu%s", (unsigned long long)h->epoch,
                   (unsigned long long)h->first_seq, suffix);
    struct buf b = buf_of(SEGMENT_HEADER_BYTES);
    put_header(&b, h);
    if (b.bad) {
        buf_fini(&b);
        errno = ENOMEM;
        return false;
    }
    CHECK(b.n == SEGMENT_HEADER_BYTES);
    s->fd = openat(dir_fd, s->name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct iovec iov = {b.p, b.n};
    bool done = s->fd >= 0 && write_all(s->fd, &iov, 1, 0) &&
                (!sync || (fsync(s->fd) == 0 && fsync(dir_fd) == 0));
    int error = errno;
    buf_fini(&b);
    s->bytes = SEGMENT_HEADER_BYTES;
    if (!done && s->fd >= 0) {
        segment_close(s);
        (void)unlinkat(dir_fd, s->name, 0); /* nothing was in it */
    }
    errno = error;
    return done;
}

bool segment_read_header(struct segment *s)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    if (read_all(s->fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    struct reader r = reader_of(bytes, sizeof bytes);
    const uint8_t *m = read_span(&r, sizeof magic);
    s->header.epoch = read_be(&r, 8);
    s->header.first_seq = read_be(&r, 8);
    s->header.producer = read_be(&r, 8);
    s->header.boot = read_be(&r, 8);
    s->header.flags = read_be(&r, 8);
    uint64_t check = read_be(&r, 8);
    s->end_seq = s->header.first_seq;
    s->bytes = SEGMENT_HEADER_BYTES;
    return memcmp(m, magic, sizeof magic) == 0 && check == hash64(bytes, sizeof bytes - 8);
}

static uint64_t record_check(const struct segment *s, uint64_t seq, struct str frame)
{
    return hash_mix(hash64(frame.p, frame.n) ^ hash_mix(s->header.epoch) ^ hash_mix(~seq));
}

bool segment_append(struct segment *s, uint64_t seq, struct str frame)
{
    CHECK(seq == s->end_seq);
    CHECK(frame.n > 0 && frame.n <= UINT32_MAX);
    uint8_t head[RECORD_HEADER_BYTES];
    uint8_t *p = put_be(head, frame.n, 4);
    memcpy(p, record_magic, 4);
    p = put_be(p + 4, seq, 8);
    (void)put_be(p, record_check(s, seq, frame), 8);
    struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)frame.p, frame.n}};
    if (!write_all(s->fd, iov, 2, s->bytes)) {
        int error = errno;
        (void)!ftruncate(s->fd, (off_t)s->bytes); /* a torn record would be skipped anyway */
        errno = error;
        return false;
    }
    s->bytes += RECORD_HEADER_BYTES + frame.n;
    s->end_seq = seq + 1;
    return true;
}

void segment_cut(struct segment *s, uint64_t seq, uint64_t offset)
{
    (void)!ftruncate(s->fd, (off_t)offset); /* the disk has failed; this is all that can be done */
    s->bytes = offset;
    s->end_seq = seq;
}

enum segment_read segment_read(const struct segment *s, uint64_t offset, uint64_t seq,
                               uint64_t bytes_max, struct buf *to)
{
    uint8_t head[RECORD_HEADER_BYTES];
    ssize_t got = read_all(s->fd, head, sizeof head, offset);
    if (got < 0)
        return SEGMENT_FAULT;
    if (got == 0)
        return SEGMENT_END;
    struct reader r = reader_of(head, sizeof head);
    uint64_t bytes = read_be(&r, 4);
    const uint8_t *m = read_span(&r, 4);
    uint64_t its_seq = read_be(&r, 8);
    uint64_t check = read_be(&r, 8);
    if (got < (ssize_t)sizeof head || memcmp(m, record_magic, 4) != 0 || its_seq != seq ||
        bytes == 0 || bytes > bytes_max)
        return SEGMENT_DAMAGED;
    buf_reset(to);
    if (!buf_room(to, bytes)) {
        errno = ENOMEM;
        return SEGMENT_FAULT;
    }
    got = read_all(s->fd, to->p, bytes, offset + RECORD_HEADER_BYTES);
    if (got < 0)
        return SEGMENT_FAULT;
    struct str frame = {(const char *)to->p, bytes};
    if ((uint64_t)got < bytes || record_check(s, seq, frame) != check)
        return SEGMENT_DAMAGED;
    to->n = bytes;
    return SEGMENT_RECORD;
}

void segment_close(struct segment *s)
{
    if (s->fd >= 0)
        (void)close(s->fd); /* what must last was synced before */
    s->fd = -1;
}
