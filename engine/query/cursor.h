/* Cursors: where the next page begins, sealed so that it can be used for the same question only.
 *
 * Text  base64url without padding of
 *       version (1) . question hash (8, big-endian) . payload . check (4, big-endian)
 * The payload is the view's own: varints. The check is the low half of XXH3 of all before it. A
 * cursor is no secret and no capability: whoever forges one sees what he may ask for anyway, from
 * another place. */
#ifndef ENGINE_QUERY_CURSOR_H
#define ENGINE_QUERY_CURSOR_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

/* Seal the payload; the text is in the arena. p == NULL: no memory. */
struct str cursor_seal(uint64_t question, const struct buf *payload, struct arena *a);

/* Open text into a reader over its payload, in the arena. ST_BAD_CURSOR with a sentence in why;
 * ST_NO_MEMORY. */
enum status cursor_open(struct str text, uint64_t question, struct arena *a, struct reader *payload,
                        char why[static 512]) MUST_CHECK;

#endif
