/* The end of a process whose own logic is wrong. It writes with plain stdio and allocates nothing,
 * since the state of the program can no longer be trusted; abort leaves a core to look at. */
#include "engine/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, what);
    abort();
}
