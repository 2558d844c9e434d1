/* The bytes of a file, and what a power cut makes of the writes that were not durable yet. */
#ifndef TESTS_CRASH_TORN_H
#define TESTS_CRASH_TORN_H

#include <stdint.h>

struct torn_bytes {
    uint8_t *p; /* owned; zeros where nothing was written */
    uint64_t n, cap;
};

struct torn_write {
    uint64_t at;
    uint32_t n;
    uint8_t *data;
};

/* What becomes of all writes of one cut. */
enum torn_mood { TORN_NONE, TORN_ALL, TORN_WHOLE_WRITES, TORN_SECTORS, TORN_MOODS };

void torn_put(struct torn_bytes *b, uint64_t at, const uint8_t *p, uint64_t n);

/* One write that may have reached the disk, in part, or not. */
void torn_maybe(struct torn_bytes *b, const struct torn_write *w, enum torn_mood mood,
                uint64_t *seed);

#endif
