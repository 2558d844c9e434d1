#include "tests/crash/alloc.h"

#include <stdatomic.h>
#include <stddef.h>

static atomic_bool armed;
static atomic_uint calls, nth_now;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
    return atomic_load(&armed) && atomic_fetch_add(&calls, 1) + 1 == atomic_load(&nth_now);
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void alloc_fail(uint32_t nth)
{
    atomic_store(&calls, 0);
    atomic_store(&nth_now, nth);
    atomic_store(&armed, true);
}

uint32_t alloc_fail_end(void)
{
    atomic_store(&armed, false);
    return atomic_load(&calls);
}
