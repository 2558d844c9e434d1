/* Writes every received frame to a file, as a recorded stream (schemas/recording.h). */
#ifndef ENGINE_INGEST_RECORDER_H
#define ENGINE_INGEST_RECORDER_H

#include "engine/ingest/ingest.h"

struct recorder; /* opaque, heap */

/* Append to path, made when missing. It listens to in and stops at the first write error (logged
 * once): recording never holds up ingest. Buffered; written out every second. */
enum status recorder_open(const char *path, struct loop *loop, struct ingest *in,
                          struct recorder **out, char why[static 256]) MUST_CHECK;
void recorder_close(struct recorder **r); /* after the last frame; NULL-safe */

#endif
