/* Sketches of record identities: exact while few, then HyperLogLog.
 *
 * Key    day(2) . ordered(account) . ordered(app) . action(1)
 * Value  crc(4) . 0 . hashes, ascending, 8 bytes each, big-endian      at most SKETCH_EXACT_MAX
 *        crc(4) . 1 . 2^14 registers of 6 bits, low bits first         12,288 bytes
 *
 * The hash is event.record_hash (XXH3, fixed, part of the format). Estimation: Otmar Ertl, "New
 * cardinality estimation algorithms for HyperLogLog sketches" (2017), the improved raw estimator:
 * no bias correction tables, unbiased from 0 to 2^60. Standard error 1.04 / sqrt(2^14) = 0.81 %. */
#ifndef AGGREGATORS_DISTINCT_H
#define AGGREGATORS_DISTINCT_H

#include "aggregators/view.h"
#include "engine/base/bytes.h"

#define SKETCH_P         14
#define SKETCH_REGISTERS (1u << SKETCH_P)
#define SKETCH_PACKED    (SKETCH_REGISTERS / 4 * 3) /* bytes */
#define SKETCH_EXACT_MAX 512

/* A sketch in memory, growing by hashes and by stored values. */
struct sketch {
    uint64_t *hashes; /* exact: unordered, may repeat until sketch_settle; owned */
    size_t hashes_n, hashes_cap;
    uint8_t *registers; /* NULL while exact; owned */
};

void sketch_fini(struct sketch *s);
void sketch_add(struct sketch *s, uint64_t hash);
void sketch_settle(struct sketch *s); /* sort and drop repeats */

/* Add a stored value. ST_CORRUPT when it does not check out. */
enum status sketch_load(struct sketch *s, struct span value) MUST_CHECK;

/* Settle, turn to registers above SKETCH_EXACT_MAX, and encode into to (emptied first). */
void sketch_store(struct sketch *s, struct buf *to);

/* Settle and count. */
void sketch_count(struct sketch *s, struct distinct *out);

#endif
