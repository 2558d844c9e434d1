/* Time is read once per turn and passed down; domain code never asks a clock. */
#ifndef ENGINE_BASE_CLOCK_H
#define ENGINE_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t wall_ms; /* CLOCK_REALTIME, ms since 1970 UTC */
    int64_t mono_ms; /* CLOCK_MONOTONIC */
    int64_t boot_ms; /* CLOCK_BOOTTIME: elapsed also while suspended */
};

struct clock clock_now(void);

/* CLOCK_MONOTONIC in ns, for durations that are measured and published. */
uint64_t clock_mono_ns(void);

#endif
