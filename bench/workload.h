/* Seeded streams of events for benchmarks and long tests: the same options and batch number always
 * give the same events, and no two batches share one.
 *
 *   w     70 % api.call, 29 % record.*, 1 % app.*; 10,000 accounts drawn by Zipf(1.1); 8 apps an
 * account by Zipf(1.0); 20 object types by Zipf(1.1); updated 62 %, created 28 %, deleted 8 %,
 *         merged 2 %; status 200 80 %, 201 8 %, 204 4 %, 404 4 %, 429 3 %, 500 1 %
 *   w1m   the same with 1,000,000 accounts drawn evenly: almost every event meets a new bucket
 *   wr    w with a record id on each record event (100,000 records an account), for distinct
 * records life  w with 0.01 % app.* events, the rest made api.call
 *
 * Times: 90 % spread evenly over the hour before now, the rest evenly over the 29 UTC days before
 * today. A message is an array of compact events of 7 elements, or an envelope around one. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/base/text.h"

enum workload_shape { WORKLOAD_W, WORKLOAD_W1M, WORKLOAD_WR, WORKLOAD_LIFE, WORKLOAD_SHAPE_N };

#define WORKLOAD_APPS    8  /* apps of an account */
#define WORKLOAD_TYPES   20 /* object types "0-1" .. "0-20" */
#define WORKLOAD_USERS   100
#define WORKLOAD_HOUR_MS INT64_C(3600000)
#define WORKLOAD_PAST    29 /* days before today that get events */

struct workload_options {
    enum workload_shape shape;
    uint64_t seed;
    uint32_t batch_events; /* events of a batch, 1..10,000 */
    const char *producer; /* NULL: bare arrays; else batch i is numbered i + 1 (borrowed by _new) */
    uint64_t epoch;       /* of the envelope */
    uint32_t accounts;    /* 0: as many as the shape has; at most 10,000,000 */
};

struct workload; /* tables, read-only after workload_new: any number of threads may share one */

/* ST_USAGE: an option out of its range; ST_NO_MEMORY. */
enum status workload_new(const struct workload_options *options, struct workload **out) MUST_CHECK;
void workload_free(struct workload **w); /* NULL-safe; nulls the pointer */

/* Room that workload_batch needs, in bytes. */
size_t workload_batch_bytes_max(const struct workload *w);

/* Write batch number `index` (from 0) as sent at now_ms; returns its bytes. About 15 ns an event.
 */
size_t workload_batch(const struct workload *w, uint64_t index, int64_t now_ms, uint8_t *to);

/* Events of a batch, accounts of the shape. */
uint32_t workload_batch_events(const struct workload *w);
uint32_t workload_accounts(const struct workload *w);

/* The account of popularity rank 0.., and its app of rank 0..WORKLOAD_APPS-1: what to ask about. */
uint64_t workload_account(const struct workload *w, uint32_t rank);
uint64_t workload_app(uint64_t account, uint32_t rank);

/* "w", "w1m", "wr", "life". ST_NOT_FOUND for other names. */
enum status workload_shape_of(struct str name, enum workload_shape *out) MUST_CHECK;
const char *workload_shape_name(enum workload_shape shape);

#endif
