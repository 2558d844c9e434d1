#include "engine/base/pace.h"

#include <time.h>

void pace_begin(struct pace *p)
{
    p->rests = 0;
}

/* Nobody may ever say that it is due, so each rest earns its part of the task as well. */
static uint64_t allowed(const struct pace *p)
{
    const uint64_t due = atomic_load_explicit(&p->due, memory_order_relaxed);
    const uint64_t earned = (uint64_t)p->rests * PACE_ALL / p->rests_max;
    return due > earned ? due : earned;
}

void pace_keep(struct pace *p, uint64_t done, uint64_t total)
{
    const struct timespec ms = {0, 1000000};
    while (p->rests < p->rests_max && done * PACE_ALL > allowed(p) * total) {
        (void)nanosleep(&ms, NULL); /* one cut short counts all the same */
        p->rests++;
    }
}
