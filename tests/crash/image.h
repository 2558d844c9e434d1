/* The disks that a power cut may leave, made of a recording (tests/crash/disk.h). */
#ifndef TESTS_CRASH_IMAGE_H
#define TESTS_CRASH_IMAGE_H

#include "tests/crash/disk.h"
#include "tests/crash/torn.h"

enum image_syncs {
    IMAGE_HONEST,
    IMAGE_LATE_DATA, /* an fdatasync takes effect with the next one only (NOSYNC) */
    IMAGE_LATE_META, /* O_DSYNC has no effect; the next fdatasync has (NOMETASYNC) */
    IMAGE_SYNCS,
};
extern const char *const image_syncs_names[IMAGE_SYNCS];

/* What the world knew at the instant. */
struct image_moment {
    uint32_t submitted, acked; /* batches */
};

struct image {
    const struct disk_log *log; /* borrowed */
    enum image_syncs syncs;
    uint32_t next; /* first event that has not happened */
    struct {
        struct torn_bytes durable;
        struct torn_bytes made; /* the image itself */
        uint32_t *pending;      /* writes not durable yet, ascending; owned */
        uint32_t pending_n, pending_cap;
        uint32_t late; /* the last sync: what lies before it is durable with the next one */
        bool exists, named, name_durable; /* renamed: exists under its name once that is durable */
        bool made_exists;
    } file[DISK_FILES];
    struct image_moment at;
};

void image_new(struct image *im, const struct disk_log *log, enum image_syncs syncs);
void image_free(struct image *im);

/* The ith of n instants: all over the recording, half of them beside a sync or an answer, and some
 * in its first moments. Not sorted. */
uint32_t image_instant(const struct disk_log *log, uint64_t *seed, uint32_t i, uint32_t n);

/* Let the events before `instant` happen; never backwards. */
void image_advance(struct image *im, uint32_t instant);

/* Make up one disk of that instant. */
void image_make(struct image *im, uint64_t *seed);

/* Write it below dir: front/data.mdb and days/data.mdb. */
void image_write(const struct image *im, const char *dir);

#endif
