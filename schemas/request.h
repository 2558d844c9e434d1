/* Decode one query or request of the query socket (WIRE 4): a flat map of parameters. */
#ifndef SCHEMAS_REQUEST_H
#define SCHEMAS_REQUEST_H

#include "engine/base/arena.h"
#include "schemas/frame.h"

struct value {
    enum { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_STR } type;
    uint64_t number; /* also 0 or 1 for BOOL */
    struct str text;
};

/* One parameter: a value or an array of values. */
struct param {
    struct str name;
    bool is_array;
    const struct value *values; /* in the arena */
    uint32_t values_n;
};

struct request {
    enum encoding encoding;
    enum status status; /* MALFORMED, TOO_LARGE or BAD_PARAMETER (bad value type) when not OK */
    struct str message;
    struct token request;       /* to echo */
    const struct param *params; /* all but `request`, in frame order; includes "view" */
    uint32_t params_n;
};

#define REQUEST_PARAMS_MAX 64
#define REQUEST_VALUES_MAX 1024

void request_decode(const void *frame, size_t bytes, struct arena *a, struct request *out);

/* The parameter of that name, or NULL. */
const struct param *request_param(const struct request *r, const char *name);

#endif
