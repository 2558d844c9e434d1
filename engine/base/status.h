/* Outcomes. One row of status.def is one outcome; 0 (ST_OK) is success.
 *
 * Everything fallible returns enum status and is MUST_CHECK; results come last as `T *out` and are
 * left untouched on failure. */
#ifndef ENGINE_BASE_STATUS_H
#define ENGINE_BASE_STATUS_H

#include <stdbool.h>

enum status {
#define S(name, wire, http, retry, text) ST_##name,
#include "engine/base/status.def"
#undef S
    ST_N
};

struct status_row {
    const char *name; /* "GAP" */
    const char *wire; /* "gap"; NULL when it never leaves the process */
    const char *text; /* one sentence */
    int http;         /* HTTP status */
    bool retry;       /* may succeed later unchanged */
};

/* The row of st. st must be below ST_N. */
const struct status_row *status_row(enum status st);

/* The code a peer may see: an internal status becomes "io_error". Never NULL. */
const char *status_wire(enum status st);

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
