/* An independent, slow counter: decodes messages with msgpack-c and adds up every bucket in a plain
 * table. It shares no code with the engine or the generator, so that what the engine answers can be
 * held against it. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/* One bucket. `what`: for API calls MODEL_CALLS, _ERRORS, _LIMITED; for records the kind number. */
enum { MODEL_CALLS = 1, MODEL_ERRORS = 2, MODEL_LIMITED = 3 };

struct model_key {
    uint64_t account;
    uint32_t app;
    int32_t day;
    uint16_t what;
    uint16_t type; /* n of object type "0-n"; 0 for API calls */
};

struct model {
    struct model_row {
        struct model_key key;
        uint64_t n; /* 0: free slot */
    } * rows;       /* owned, open addressing */
    size_t cap, used;
    uint64_t events;         /* seen, of any kind, filtered or not */
    uint64_t apps;           /* app.* events of the counted accounts */
    uint64_t account_one_in; /* counts only accounts divisible by this; 0 or 1: all */
};

/* Add the events of one message (bare array or envelope). ST_MALFORMED when it is not one. */
enum status model_add(struct model *m, const void *frame, size_t n) MUST_CHECK;

/* The row of exactly this key; NULL when nothing was counted there. Borrowed until the next
 * model_add. */
const struct model_row *model_find(const struct model *m, const struct model_key *key);

/* Sum over the buckets that match; a zero field of `like` (day: INT32_MIN) matches all. */
uint64_t model_sum(const struct model *m, const struct model_key *like);

void model_fini(struct model *m);

#endif
