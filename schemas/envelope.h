/* The keys of an envelope beside its events. Internal to schemas/. */
#ifndef SCHEMAS_ENVELOPE_H
#define SCHEMAS_ENVELOPE_H

#include "schemas/view.h"

#define PRODUCER_BYTES_MAX 128
#define TOKEN_BYTES_MAX    64

enum envelope_key {
    ENVELOPE_PRODUCER,
    ENVELOPE_EPOCH,
    ENVELOPE_SEQ,
    ENVELOPE_EVENTS,
    ENVELOPE_REQUEST,
    ENVELOPE_OTHER, /* refused */
};

enum envelope_key envelope_key_of(struct str key);

/* Take one key (not events) into d->batch. A bad value is a fault: INVALID, in d->why, and nothing
 * is taken. Texts are kept. */
enum status envelope_take(struct decode *d, enum envelope_key key, const struct view *v) MUST_CHECK;

/* The same, where a bad value is simply not taken: frame_decode will say what is wrong with it. */
void envelope_peek(struct decode *d, enum envelope_key key, const struct view *v);

/* After the last key: is the envelope numbered? */
void envelope_number(struct decode *d);

/* The same. INVALID when there is a seq that lacks its company. */
enum status envelope_finish(struct decode *d) MUST_CHECK;

/* A value of `request`. */
enum status token_take(struct decode *d, const struct view *v, struct token *out) MUST_CHECK;

#endif
