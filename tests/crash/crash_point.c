#include "engine/base/crash_point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"

static atomic_ulong passed;

/* There in a build that counts lines: what ran up to here is counted. */
void __gcov_dump(void) __attribute__((weak));

void crash_point(const char *name)
{
    const char *at = getenv("CRASH_AT");
    size_t n = strlen(name);

    if (at == NULL || strncmp(at, name, n) != 0 || at[n] != ':')
        return;
    uint64_t wanted;
    if (text_u64(str_of(at + n + 1), &wanted) != ST_OK ||
        atomic_fetch_add(&passed, 1) + 1 != wanted)
        return;
    if (__gcov_dump != NULL)
        __gcov_dump();
    (void)raise(SIGKILL);
}
