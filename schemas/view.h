/* One value of a frame, whichever encoding it came in: what the decoder of fields sees. Internal to
 * schemas/. A view borrows from the frame (msgpack) or from the parsed tree (JSON). */
#ifndef SCHEMAS_VIEW_H
#define SCHEMAS_VIEW_H

#include "schemas/frame.h"

enum view_type {
    VIEW_NIL,
    VIEW_BOOL,
    VIEW_INT,   /* 0..2^53-1 */
    VIEW_RANGE, /* an integer of 64 bits outside of that */
    VIEW_FLOAT,
    VIEW_STR,
    VIEW_LIST,
    VIEW_MAP,
};

struct view {
    enum view_type type;
    uint32_t n;        /* LIST: items, MAP: pairs */
    uint64_t number;   /* INT; BOOL: 0 or 1; RANGE: the int64_t */
    struct str text;   /* STR: valid UTF-8 without NUL */
    const void *items; /* LIST: the first item (msgpack) or the array (JSON) */
};

struct pair {
    struct str key;
    struct view value;
};

/* The fields of one event; more is refused. */
#define EVENT_PAIRS_MAX 256

/* Maps and arrays of one frame: a parsed JSON map costs some 250 bytes, whatever little it holds.
 */
static inline uint32_t containers_max(const struct frame_limits *limits)
{
    return 1024 + 8 * limits->batch_events_max;
}

/* Deepest nesting that depth_max can allow. */
#define DEPTH_CAP 64

/* What a decode carries along: where things go, and the words of the last fault. */
struct decode {
    const struct frame_limits *limits;
    struct arena *arena;
    struct batch *batch; /* NULL when a request is decoded */
    enum encoding encoding;
    const void *frame; /* borrowed */
    size_t bytes;
    struct str why; /* of the last fault; in why_text or static */
    char why_text[512];
};

/* Walks the items of a LIST view. */
struct view_items {
    const struct decode *d;
    const struct view *list;
    uint32_t i;
    const uint8_t *at; /* msgpack: next item */
};

struct view_items view_items(const struct decode *d, const struct view *list);

/* False after the last one. An item that is a list or map itself is not descended into: stop there,
 * for what follows is its inside (msgpack). */
bool view_next(struct view_items *it, struct view *item);

/* "7", "\"abc\"", "a list", for messages; at most 60 bytes, cut at a character. */
const char *view_describe(const struct view *v, char buf[static 64]);

/* A copy of s that lives as long as the batch: s itself when it points into the frame. p == NULL:
 * no memory. */
struct str decode_keep(struct decode *d, struct str s);

/* Fill d->why. */
void decode_say(struct decode *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, and return st, so that a fault is one statement. */
MUST_CHECK enum status decode_fault(struct decode *d, enum status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuse the whole frame: status, message (kept). The first fault stays, but MALFORMED and
 * NO_MEMORY replace any other. */
void decode_refuse(struct decode *d, enum status st, struct str message);

#endif
