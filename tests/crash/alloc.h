/* Memory that runs out: the calls of malloc, calloc and realloc that the linked libraries of this
 * project make (wrapped by the linker; shared libraries keep theirs). */
#ifndef TESTS_CRASH_ALLOC_H
#define TESTS_CRASH_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* The nth allocation from now on fails once, whichever thread makes it. 0: only count. */
void alloc_fail(uint32_t nth);

/* No more failures; how many calls there were. */
uint32_t alloc_fail_end(void);

#endif
