/* JSON frames as values, by jansson. Its parser recurses and hides where things stood, so a scan of
 * the bytes comes first: nesting, and which events are over their size. Internal to schemas/. */
#ifndef SCHEMAS_JSON_IN_H
#define SCHEMAS_JSON_IN_H

#include <jansson.h>

#include "schemas/view.h"

/* What the scan found. */
struct json_scan {
    const char *fault; /* a static sentence; NULL: none */
    uint32_t oversize_n;
    const uint32_t *oversize; /* indices of the batch's elements over the limit; in the arena */
};

/* False: no memory. */
bool json_scan(struct decode *d, struct json_scan *out);

/* The whole frame; *out is owned (json_decref). MALFORMED or NO_MEMORY: d->why says why. */
enum status json_frame_load(struct decode *d, json_t **out) MUST_CHECK;

struct view json_view(const json_t *value);
struct view json_item(const struct view *list, uint32_t i);

/* The pairs of an object in frame order; the object has at most EVENT_PAIRS_MAX. */
uint32_t json_pairs(const json_t *object, struct pair *to);

/* A walk over the pairs of the outermost object of bytes that need not be JSON as a whole. */
struct json_walk {
    const char *p;
    const char *end;
    bool begun;
};

/* The next key and the text of its value, both as they stand in the frame (key with its quotes).
 * False at the end, or where the text can no longer be followed. */
bool json_walk_next(struct json_walk *w, struct str *key, struct str *value);

/* One value from its text; owned. NULL when that is no JSON. */
json_t *json_value_load(struct str text);

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
