/* Questions to the query socket, in JSON. */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include <jansson.h>

#include "bench/histogram.h"
#include "engine/base/status.h"

struct ask {
    void *socket; /* DEALER */
};

enum status ask_open(struct ask *a, void *zmq, const char *endpoint) MUST_CHECK;
void ask_close(struct ask *a);

/* The answer as a new reference; ST_AGAIN: none within 30 s; ST_BAD_PARAMETER: refused (printed).
 */
enum status ask_json(struct ask *a, const char *question, json_t **answer) MUST_CHECK;

/* Ask and throw the answer away; its time goes into h. */
enum status ask_timed(struct ask *a, const char *question, struct histogram *h) MUST_CHECK;

/* What the benchmarks read of the status view. */
struct engine_status {
    uint64_t journal_position, checkpoint_position, checkpoints, journal_bytes;
    uint64_t accepted, duplicate, received, pending_bytes;
    uint64_t commit_p50_us, commit_p99_us, merge_p50_us, merge_p99_us;
    uint64_t file_bytes, days_file_bytes, days_used_bytes;
    uint64_t sheet_bytes, sheet_entries; /* live pages of the table of day buckets */
};

enum status ask_status(struct ask *a, struct engine_status *out) MUST_CHECK;

/* Wait until the day tables hold everything that was stored before the call. */
enum status ask_until_covered(struct ask *a, struct engine_status *out) MUST_CHECK;

#endif
