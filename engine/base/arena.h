/* A bump allocator for one batch: many small allocations, one reset. Memory is zeroed. Pointers are
 * stable until arena_reset or arena_fini. Not thread-safe; may be handed to another thread whole.
 */
#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H

#include <stddef.h>

#include "engine/base/text.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *first; /* owned list of chunks, kept over resets */
    struct arena_chunk *at;    /* chunk in use */
    size_t used_bytes;         /* since the last reset */
    size_t max_bytes;          /* ceiling; 0 = none */
};

/* n zeroed bytes aligned to 16, or NULL at the ceiling or out of memory. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc));

/* A copy of s inside the arena, NUL-terminated after its n bytes; p == NULL on failure. */
struct str arena_str(struct arena *a, struct str s);

void arena_reset(struct arena *a); /* keeps at most 1 MiB of chunks */
void arena_fini(struct arena *a);

#endif
