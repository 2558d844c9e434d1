/* Write answers in the encoding of the question: one set of calls, JSON or msgpack bytes.
 *
 * Maps and arrays in msgpack carry their length first, so it is given when they are opened; out_end
 * checks that it was kept. Integers are 0..2^53-1 or negative down to -(2^53-1). */
#ifndef SCHEMAS_OUT_H
#define SCHEMAS_OUT_H

#include "engine/base/bytes.h"
#include "schemas/frame.h"

#define OUT_DEPTH_MAX 16

struct out {
    enum encoding encoding;
    struct buf *buf; /* borrowed; its fault is sticky: check buf->bad once at the end */
    uint32_t depth;
    struct {
        uint32_t left; /* items still to come */
        bool map;
        bool first;
        bool after_key;
    } level[OUT_DEPTH_MAX];
};

struct out out_to(enum encoding encoding, struct buf *buf);

void out_map(struct out *o, uint32_t pairs_n);
void out_array(struct out *o, uint32_t items_n);
void out_end(struct out *o); /* closes the innermost map or array; CHECKs its length */
void out_key(struct out *o, const char *key);
void out_u64(struct out *o, uint64_t v);
void out_i64(struct out *o, int64_t v);
void out_str(struct out *o, struct str s);
void out_z(struct out *o, const char *s); /* NULL writes null */
void out_bool(struct out *o, bool v);
void out_null(struct out *o);
void out_token(struct out *o, const struct token *t);

/* n bytes that hold items_n whole values in o's encoding (in JSON with commas between them): the
 * value of a key, or the items of an array. */
void out_raw(struct out *o, const void *p, size_t n, uint32_t items_n);

/* Pairs of a map in one call. */
void out_pair_u64(struct out *o, const char *key, uint64_t v);
void out_pair_i64(struct out *o, const char *key, int64_t v);
void out_pair_str(struct out *o, const char *key, struct str s);
void out_pair_z(struct out *o, const char *key, const char *s);
void out_pair_bool(struct out *o, const char *key, bool v);
void out_pair_null(struct out *o, const char *key);

#endif
