/* The two readers of frames behind frame_decode. Internal to schemas/. */
#ifndef SCHEMAS_FRAME_IN_H
#define SCHEMAS_FRAME_IN_H

#include "schemas/event_read.h"

/* Read the whole frame into d->batch. */
void frame_msgpack(struct decode *d);
void frame_json(struct decode *d);

/* Read what can be read of the envelope. */
void peek_msgpack(struct decode *d);
void peek_json(struct decode *d);

/* Make room for n events. False: the batch is refused (too many, no memory); the events are still
 * to be walked over. */
bool batch_begin(struct decode *d, uint64_t n);

/* What event i came to: ST_OK, a verdict with d->why, or ST_NO_MEMORY. */
void batch_verdict(struct decode *d, uint32_t i, enum status st);

/* Forget the envelope read so far, for the frame turned out to have none. */
void batch_no_envelope(struct decode *d);

/* Verdicts that both readers find. */
enum status event_too_large(struct decode *d, size_t bytes) MUST_CHECK;
enum status event_too_many_fields(struct decode *d) MUST_CHECK;
enum status event_wrong_shape(struct decode *d, const struct view *v) MUST_CHECK;

void envelope_refuse_key(struct decode *d, struct str key);
void envelope_refuse_events(struct decode *d, const struct view *v);
void envelope_refuse_missing(struct decode *d);

#endif
