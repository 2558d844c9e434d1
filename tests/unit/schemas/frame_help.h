/* What the tests and fuzzers of schemas/ share: JSON text to msgpack, and the comparison of what
 * two frames were decoded to. */
#ifndef TESTS_UNIT_SCHEMAS_FRAME_HELP_H
#define TESTS_UNIT_SCHEMAS_FRAME_HELP_H

#include "engine/base/bytes.h"
#include "schemas/frame.h"

/* The same value in msgpack, keys in the order of the text. False: text is no JSON. */
bool help_msgpack_of(struct str json, struct buf *to);

/* Bytes of a hex dump; white space and lines from '#' on do not count. False: not hex. */
bool help_unhex(struct str hex, struct buf *to);

/* The first difference between two decoded frames, as a word; NULL when there is none. Encodings
 * and messages are not compared. */
const char *help_batch_differs(const struct batch *a, const struct batch *b);

/* One line of text about an event that was decoded, for golden listings. */
void help_event_text(const struct batch *b, uint32_t i, struct buf *to);

#endif
