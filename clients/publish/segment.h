/* One file of the outbox: a header, then records, appended only.
 *
 *   header  magic "DAYBOXS1" | epoch 8 | first_seq 8 | producer 8 | boot 8 | flags 8 | check 8
 *   record  frame_bytes 4 | "RECD" | seq 8 | check 8 | frame
 *
 * Numbers are big-endian. producer and boot are hashes; check is XXH3 of what stands before it and,
 * in a record, of the frame, mixed with epoch and seq. A record that a crash cut short does not
 * check out: reading ends there. */
#ifndef CLIENTS_PUBLISH_SEGMENT_H
#define CLIENTS_PUBLISH_SEGMENT_H

#include "clients/publish/daybook.h"
#include "engine/base/bytes.h"

#define SEGMENT_HEADER_BYTES 56u
#define RECORD_HEADER_BYTES  24u

#define SEGMENT_RELAXED      1u /* flag: written without a sync before each send */
#define SEGMENT_FENCED       2u /* flag: its numbers may have been used before; see spool.h */

struct segment_header {
    uint64_t epoch;
    uint64_t first_seq;
    uint64_t producer;
    uint64_t boot;
    uint64_t flags;
};

struct segment {
    struct segment_header header;
    uint64_t end_seq; /* one above its last record */
    uint64_t bytes;   /* of valid content */
    int fd;           /* owned; -1: none */
    char name[64];    /* in the outbox's directory */
};

enum segment_read {
    SEGMENT_RECORD,  /* *frame_bytes of it stand in `to` */
    SEGMENT_END,     /* nothing follows */
    SEGMENT_DAMAGED, /* bytes that are no record of this place */
    SEGMENT_FAULT    /* the disk or memory failed: errno says how */
};

/* Create "<epoch>-<first_seq><suffix>" in dir_fd and write its header; synced with its directory
 * entry when `sync`. false: errno. */
bool segment_create(struct segment *s, int dir_fd, const struct segment_header *h,
                    const char *suffix, bool sync);

/* Read the header of s->fd; false: it does not check out, or its version is unknown. */
bool segment_read_header(struct segment *s);

/* Append a record at the end; on failure (errno) the file is as before. */
bool segment_append(struct segment *s, uint64_t seq, struct str frame);

/* Take the last record back: it was `seq`, at `offset`. */
void segment_cut(struct segment *s, uint64_t seq, uint64_t offset);

/* Read the record of `seq` at `offset` into *to (reset first). Frames above bytes_max are damage.
 */
enum segment_read segment_read(const struct segment *s, uint64_t offset, uint64_t seq,
                               uint64_t bytes_max, struct buf *to);

void segment_close(struct segment *s);

#endif
