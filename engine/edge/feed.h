/* The live feed: XPUB 7704, one message for each activity entry and each change of a connection's
 * status (WIRE 1; schemas/README.md has the messages).
 *
 * At most once: who is not there, or does not read, misses messages, and a flood is cut short. Each
 * message names its position in the log and that of the entry before it in its account, so a reader
 * sees what he missed and reads it from the `activity` view. */
#ifndef ENGINE_EDGE_FEED_H
#define ENGINE_EDGE_FEED_H

#include "engine/edge/facts.h"
#include "engine/net/zsock.h"

struct feed; /* opaque, heap */

struct feed_options {
    struct loop *loop; /* these four are borrowed until feed_close */
    struct znet *net;
    struct ingest *ingest; /* nothing was submitted yet */
    struct facts *facts;
    const char *endpoint;
    uint32_t subscribers_max; /* connections; more are closed */
    uint32_t queue;           /* messages kept for a subscriber that does not read */
};

enum status feed_open(const struct feed_options *options, struct feed **out,
                      char why[static 256]) MUST_CHECK;

/* Nothing may be folded any more: ingest is idle and stays so. NULL-safe. */
void feed_close(struct feed **f);

const char *feed_endpoint(const struct feed *f); /* as bound */

struct feed_counters {
    uint64_t subscribers; /* connections, now */
    uint64_t messages;    /* sent since the start */
    uint64_t dropped;     /* some subscriber's queue was full */
    uint64_t skipped;     /* not sent: more than one turn has room for */
};
void feed_counters(const struct feed *f, struct feed_counters *out);

#endif
