/* The content of a batch as 128 bits, to tell a retry from another batch under the same number. */
#ifndef ENGINE_INGEST_DIGEST_H
#define ENGINE_INGEST_DIGEST_H

#include "engine/base/hash.h"
#include "schemas/frame.h"

/* A retry resends the identical batch, so the frame's bytes are the content. Where the envelope
 * carries a `request` token, which a retry may change, the decoded events are hashed instead.
 * b as decoded, before anything else was judged. Allocates from a. */
struct hash128 batch_digest(struct str frame, const struct batch *b, struct arena *a);

#endif
