/* The front writer: a thread that turns groups into commits, one at a time. */
#ifndef ENGINE_INGEST_WRITER_H
#define ENGINE_INGEST_WRITER_H

#include "engine/ingest/group.h"

struct writer; /* opaque, heap */

/* Check or write the format of the front environment and start the thread. *mark: the clock mark
 * that was stored last; *has_mark: there is one. front is borrowed until writer_close. */
struct writer_start {
    struct store *front;
    struct ingest_options options;
};
struct writer_found {
    bool has_mark;
    struct clock_mark mark;
    uint64_t log_end, log_first, log_bytes;
    struct counters counters;
};
enum status writer_open(const struct writer_start *start, struct writer **out,
                        struct writer_found *found, char why[static 256]) MUST_CHECK;

/* Let the current group finish, end the thread and free. NULL-safe. */
void writer_close(struct writer **w);

/* Hand a group over; at most one at a time. Loop thread. */
void writer_put(struct writer *w, struct group *g);

/* The group that is done, or NULL. writer_fd is readable when there is one. */
struct group *writer_take(struct writer *w);
int writer_fd(const struct writer *w);

#endif
