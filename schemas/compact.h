/* The hot path: runs of compact events that hold nothing but small integers. Internal to schemas/.
 */
#ifndef SCHEMAS_COMPACT_H
#define SCHEMAS_COMPACT_H

#include "schemas/msgpack_in.h"

/* Decode events from m->p into ev[0..n) for as long as they have the plain shape, and return how
 * many did; m->p stands behind the last of them. The next one, if any, is for the general path: it
 * may still be valid. The events must be zero. */
uint32_t compact_run(struct mp *m, uint32_t n, struct event *ev);

#endif
