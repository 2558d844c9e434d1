/* The only place where the product asks the kernel for the time. A clock that cannot be read is a
 * broken kernel, not a condition to handle, hence CHECK. */
#include "engine/base/clock.h"

#include <time.h>

#include "engine/base/check.h"

static struct timespec clock_read(clockid_t id)
{
    struct timespec ts;
    int rc = clock_gettime(id, &ts);
    CHECK(rc == 0);
    return ts;
}

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts = clock_read(id);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct clock clock_now(void)
{
    return (struct clock){
        .wall_ms = clock_ms(CLOCK_REALTIME),
        .mono_ms = clock_ms(CLOCK_MONOTONIC),
        .boot_ms = clock_ms(CLOCK_BOOTTIME),
    };
}

uint64_t clock_mono_ns(void)
{
    struct timespec ts = clock_read(CLOCK_MONOTONIC);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}
