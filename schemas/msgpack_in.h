/* A bounded cursor over one msgpack frame. It reads each byte once, never recurses, and refuses
 * what the wire refuses anywhere: bin, ext, NaN and infinity, integers over 64 signed bits, keys
 * that are not strings or repeat, bad UTF-8, NUL, nesting, counts that the bytes left cannot hold.
 * Internal to schemas/. */
#ifndef SCHEMAS_MSGPACK_IN_H
#define SCHEMAS_MSGPACK_IN_H

#include "schemas/view.h"

/* Keys of maps that were skipped, to find repeated ones: an open-addressed set over the frame. */
struct key_set {
    struct key_slot {
        uint32_t key_at; /* offset of the key's first byte + 1; 0: free */
        uint32_t map_at; /* offset of the body of its map */
    } * slot;
    uint32_t cap; /* slots, a power of two */
    uint32_t n;
};

struct mp {
    const uint8_t *p; /* next byte */
    const uint8_t *end;
    const uint8_t *base; /* first byte of the frame */
    const char *why;     /* the fault, a static sentence; NULL: none */
    bool no_memory;      /* the fault is ours */
    uint32_t depth_max;
    uint32_t containers_left; /* maps and arrays that may still come */
    struct key_set keys;
};

/* limits NULL: the widest. */
struct mp mp_of(const void *frame, size_t bytes, const struct frame_limits *limits);
void mp_fini(struct mp *m);

/* The next head or scalar. Of a list or map only the head is read; items points behind it. */
bool mp_head(struct mp *m, struct view *v);

/* Walk over the n items or pairs of v, whose head has just been read and that is itself at nesting
 * `depth` (the outermost container is 1), validating all of it. */
bool mp_descend(struct mp *m, const struct view *v, uint32_t depth);

/* One whole value standing inside a container of nesting `depth`. */
bool mp_value(struct mp *m, struct view *v, uint32_t depth);

/* The key of a pair of the map whose body starts at map_at. */
bool mp_key(struct mp *m, struct str *key);

/* The key just read at key_at (from base) belongs to the map at map_at: false, with a fault, when
 * that map had it already. */
bool mp_key_new(struct mp *m, uint32_t key_at, uint32_t map_at);

/* The n pairs of a map whose head has just been read, at most EVENT_PAIRS_MAX; depth is its own. */
bool mp_pairs(struct mp *m, uint32_t n, uint32_t depth, struct pair *to);

/* Skip one value by its lengths alone, without validating. False at the end of the frame or at a
 * byte that is no msgpack. */
bool mp_skip_blindly(struct mp *m);

#endif
