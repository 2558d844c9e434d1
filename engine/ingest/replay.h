/* Recovery: fold the log's tail, above what the day tables cover, into the active generation. There
 * is no other recovery code. */
#ifndef ENGINE_INGEST_REPLAY_H
#define ENGINE_INGEST_REPLAY_H

#include "engine/ingest/checkpoint.h"

struct replay_stats {
    uint64_t batches, events, bytes, ns;
};

/* front has no writer yet. Merges in between when the tail is over half the pending budget. why:
 * one sentence. ST_CORRUPT: log and day tables do not fit together, or a group is damaged. */
enum status replay(struct store *front, struct checkpoint *c, struct replay_stats *out,
                   char why[static 256]) MUST_CHECK;

#endif
