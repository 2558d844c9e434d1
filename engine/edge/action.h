/* Actions on their way through the log: a request becomes an event, and is answered when that is
 * durable (schemas/action.h). For every face that takes requests. */
#ifndef ENGINE_EDGE_ACTION_H
#define ENGINE_EDGE_ACTION_H

#include "engine/ingest/ingest.h"
#include "engine/query/query.h"
#include "schemas/action.h"

/* Who asks, and where the answer goes: fn is called in the loop, exactly once, after action_submit
 * has returned. message: a refusal's sentence, may be empty. answer: the whole message, refusal or
 * not, borrowed for the call; bad: no memory. */
struct action_asker {
    struct ingest_source from;           /* without an identity */
    const struct query_context *context; /* of this turn: what is there to be asked for */
    void (*fn)(void *arg, enum status status, struct str message, const struct buf *answer);
    void *arg;
};

/* ST_OK: it is on its way, fn will be called. Else why says what is wrong with it, and nothing will
 * be called: ST_BAD_PARAMETER, ST_NOT_FOUND, ST_NO_MEMORY. */
enum status action_submit(struct ingest *in, const struct request *r,
                          const struct action_asker *asker, char why[static 256]) MUST_CHECK;

#endif
