#include "aggregators/block.h"

#include "engine/base/check.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

static void *advise(void *p, size_t bytes)
{
    CHECK(p != MAP_FAILED);
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: without huge pages it is only slower */
    return p;
}

void *block_new(size_t bytes)
{
    if (bytes < HUGE_BYTES) {
        void *p = calloc(1, bytes);
        CHECK(p);
        return p;
    }
    return advise(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                  bytes);
}

void block_free(void *p, size_t bytes)
{
    if (bytes < HUGE_BYTES)
        free(p);
    else if (p)
        CHECK(munmap(p, bytes) == 0);
}

void *block_grow(void *p, size_t bytes, size_t to_bytes)
{
    CHECK(bytes >= HUGE_BYTES);
    return advise(mremap(p, bytes, to_bytes, MREMAP_MAYMOVE), to_bytes);
}

void block_trim(void *p, size_t bytes, size_t keep)
{
    keep = (keep + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    if (p && keep < bytes)
        CHECK(madvise((char *)p + keep, bytes - keep, MADV_DONTNEED) == 0);
}
