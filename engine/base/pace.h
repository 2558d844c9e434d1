/* The pace of a long task in a thread of its own: no faster than it has to be.
 *
 * Where threads outnumber processors, a task that runs flat out takes its share from those that
 * somebody waits for. So it rests whenever it is ahead of what is due by now. */
#ifndef ENGINE_BASE_PACE_H
#define ENGINE_BASE_PACE_H

#include <stdatomic.h>
#include <stdint.h>

#define PACE_ALL 1000 /* per mille */

struct pace {
    _Atomic uint32_t due; /* per mille of the task that should be done by now */
    uint32_t rests_max; /* ms to rest at most in one task, spread over all of it; 0: never rests */
    uint32_t rests;     /* ms in this task so far; the thread's own */
};

/* Any thread, at any time; PACE_ALL and more: as fast as it can. */
static inline void pace_due(struct pace *p, uint32_t due)
{
    atomic_store_explicit(&p->due, due, memory_order_relaxed);
}

/* The task's thread: as it begins, and often while it runs (done of total, in any unit). */
void pace_begin(struct pace *p);
void pace_keep(struct pace *p, uint64_t done, uint64_t total);

#endif
