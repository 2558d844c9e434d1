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

/* The same value as JSON text, read by msgpack-c rather than by our own cursor. False: no msgpack.
 */
bool help_json_of(struct str msgpack, struct buf *to);

/* A decode of one text in both encodings. */
struct help_twins {
    struct arena arena;
    struct buf packed;
    struct batch json, msgpack;
};

/* Decode text and its msgpack twin; NULL when the outcomes are the same, else what differs. The
 * text must be JSON. */
const char *help_twins_decode(struct help_twins *t, struct str text,
                              const struct frame_limits *limits);
void help_twins_fini(struct help_twins *t);

/* The same as the state of a cmocka test. */
int help_twins_setup(void **state);
int help_twins_teardown(void **state);

/* The first difference between two decoded frames, as a word; NULL when there is none. Encodings
 * and messages are not compared. */
const char *help_batch_differs(const struct batch *a, const struct batch *b);

/* CHECKs that hold for whatever frame_decode was given. */
void help_batch_check(const struct batch *b);

/* Is any event of the frame an array? Those mean something in msgpack only. */
bool help_has_compact(struct str json);

/* One line of text about an event that was decoded, for golden listings. */
void help_event_text(const struct batch *b, uint32_t i, struct buf *to);

#endif
