/* Large blocks of zeroed memory for the pending state, on huge pages where the system has them
 * (folding and merging jump all over their tables: 4 KiB pages cost a fifth of the time in TLB
 * misses).
 *
 * A block is address space first: pages come as they are touched, so a generous size costs nothing.
 */
#ifndef AGGREGATORS_BLOCK_H
#define AGGREGATORS_BLOCK_H

#include <stddef.h>

void *block_new(size_t bytes);          /* aborts when the system has no address space left */
void block_free(void *p, size_t bytes); /* NULL-safe */

/* Grow in place or move, keeping the content. */
void *block_grow(void *p, size_t bytes, size_t to_bytes); /* bytes: at least 2 MiB */

/* Give the memory behind the first `keep` bytes back; it reads as zeroes then. NULL-safe. */
void block_trim(void *p, size_t bytes, size_t keep); /* bytes: at least 2 MiB */

#endif
