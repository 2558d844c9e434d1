/* Any bytes as a segment of an outbox: the header and the records that check out, written again,
 * are the same bytes. */
#include "tests/fuzz/fuzz.h"

#include "clients/publish/segment.h"
#include "engine/base/check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 65536u

/* The records from `s` on, read and appended to a second file. */
static void check_records(struct segment *s, const uint8_t *data)
{
    struct segment copy = *s;
    struct buf frame = buf_of(FRAME_BYTES_MAX);
    uint8_t byte = 0;
    copy.fd = memfd_create("copy", MFD_CLOEXEC);
    CHECK(copy.fd >= 0);
    enum segment_read got;
    while ((got = segment_read(s, s->bytes, s->end_seq, FRAME_BYTES_MAX, &frame)) ==
           SEGMENT_RECORD) {
        CHECK(segment_append(&copy, s->end_seq, (struct str){(const char *)frame.p, frame.n}));
        s->bytes = copy.bytes;
        s->end_seq = copy.end_seq;
    }
    CHECK(got == SEGMENT_END || got == SEGMENT_DAMAGED);
    for (uint64_t at = SEGMENT_HEADER_BYTES; at < copy.bytes; at++) {
        CHECK(pread(copy.fd, &byte, 1, (off_t)at) == 1);
        CHECK(byte == data[at]);
    }
    buf_fini(&frame);
    segment_close(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct segment s = {.fd = memfd_create("segment", MFD_CLOEXEC)};
    CHECK(s.fd >= 0);
    CHECK(write(s.fd, data, n) == (ssize_t)n);
    bool whole = segment_read_header(&s);
    CHECK(!whole || n >= SEGMENT_HEADER_BYTES);
    /* A fuzzer finds no checksum: records are looked for behind a damaged header, too. */
    s.bytes = SEGMENT_HEADER_BYTES;
    if (n >= SEGMENT_HEADER_BYTES && s.end_seq < UINT64_MAX - n)
        check_records(&s, data);
    segment_close(&s);
    return 0;
}
