/* Requests that ask for something (schemas/action.def): reading one, the event that it becomes, and
 * its answer. */
#ifndef SCHEMAS_ACTION_H
#define SCHEMAS_ACTION_H

#include "schemas/out.h"
#include "schemas/request.h"

enum action_param {
#define ACTION_PARAM(id, name, type, need, min, max, help) ACTION_##id,
#include "schemas/action.def"
    ACTION_PARAMS_N
};

struct action {
    enum event_kind kind; /* EV_ACTION_RECONNECT, ... */
    uint64_t account, app, user;
    bool has_by;
    uint64_t by;
    struct str reason; /* p == NULL: none; borrowed from the request, as is key */
    struct str key;
};

/* Does the request ask for an action, rather than for a view? */
bool action_is(const struct request *r);

/* ST_BAD_PARAMETER: why names the parameter, its value and what is allowed. r was decoded well. */
enum status action_read(const struct request *r, struct action *out,
                        char why[static 256]) MUST_CHECK;

/* The event, as a frame of one, appended to `to`. */
void action_event(const struct action *a, int64_t time_ms, struct buf *to);

/* What makes two requests the same one, and the same content. */
struct hash128 action_identity(const struct action *a);
struct hash128 action_content(const struct action *a);

/* The answer that it was taken, the same however often it is asked for. request: to be echoed. */
void action_answer(const struct action *a, enum encoding encoding, const struct token *request,
                   struct buf *to);

#endif
