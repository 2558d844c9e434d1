/* Chunks in a list, filled one after the other. A reset walks back to the first chunk and keeps
 * the list, so a batch of ordinary size costs no malloc after the first one of its kind.
 * Memory is zeroed when it is handed out, not when it is reset: untouched bytes cost nothing. */
#include "engine/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

#define ARENA_ALIGN       16
#define ARENA_CHUNK_BYTES ((size_t)64 << 10)
#define ARENA_KEEP_BYTES  ((size_t)1 << 20)

struct arena_chunk {
    struct arena_chunk *next; /* owned */
    size_t cap;               /* bytes in mem */
    size_t n;                 /* bytes handed out since the last reset */
    size_t pad;               /* keeps mem aligned */
    uint8_t mem[];
};

STATIC_CHECK(sizeof(struct arena_chunk) % ARENA_ALIGN == 0);

static struct arena_chunk *chunk_new(size_t n)
{
    size_t cap = n > ARENA_CHUNK_BYTES ? n : ARENA_CHUNK_BYTES;
    struct arena_chunk *c = malloc(sizeof(*c) + cap);
    if (c != NULL)
        *c = (struct arena_chunk){.cap = cap};
    return c;
}

/* The chunk that has room for n bytes becomes a->at. A kept chunk that is too small is left empty
 * behind: the next reset makes it usable again. */
static bool arena_room(struct arena *a, size_t n)
{
    struct arena_chunk **link = a->at != NULL ? &a->at : &a->first;
    while (*link != NULL && (*link)->cap - (*link)->n < n)
        link = &(*link)->next;
    if (*link == NULL) {
        struct arena_chunk *c = chunk_new(n);
        if (c == NULL)
            return false;
        *link = c;
    }
    a->at = *link;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    size_t need = n == 0 ? ARENA_ALIGN : (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (a->max_bytes != 0 && (need > a->max_bytes || a->used_bytes > a->max_bytes - need))
        return NULL;
    if (!arena_room(a, need))
        return NULL;
    void *p = a->at->mem + a->at->n;
    a->at->n += need;
    a->used_bytes += need;
    return memset(p, 0, need);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (p == NULL)
        return (struct str){NULL, 0};
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

void arena_reset(struct arena *a)
{
    size_t kept = 0;
    struct arena_chunk **link = &a->first;
    while (*link != NULL) {
        struct arena_chunk *c = *link;
        if (c->cap > ARENA_KEEP_BYTES - kept) {
            *link = c->next;
            free(c);
            continue;
        }
        kept += c->cap;
        c->n = 0;
        link = &c->next;
    }
    a->at = NULL;
    a->used_bytes = 0;
}

void arena_fini(struct arena *a)
{
    while (a->first != NULL) {
        struct arena_chunk *next = a->first->next;
        free(a->first);
        a->first = next;
    }
    a->at = NULL;
    a->used_bytes = 0;
}
