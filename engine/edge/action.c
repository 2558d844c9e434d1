/* One idea: an action is an ordinary event with an identity of its own. Ingest judges that inside
 * the transaction that stores it, so "once" holds through retries, restarts and two requests at the
 * same time, and this file keeps nothing but where the answer goes. */
#include "engine/edge/action.h"

#include <stdlib.h>

#define FRAME_BYTES_MAX  4096
#define ANSWER_BYTES_MAX 4096

struct waiting {
    struct action_asker asker;
    struct arena arena; /* texts of action and request */
    struct action action;
    struct request request; /* encoding and token only */
};

static void waiting_free(struct waiting *w)
{
    arena_fini(&w->arena);
    free(w);
}

static bool keep(struct arena *a, struct str *s)
{
    if (s->p == NULL)
        return true;
    *s = arena_str(a, *s);
    return s->p != NULL;
}

static struct waiting *waiting_new(const struct action *a, const struct request *r,
                                   const struct action_asker *asker)
{
    struct waiting *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->asker = *asker;
    w->action = *a;
    w->request.encoding = r->encoding;
    w->request.request = r->request;
    if (!keep(&w->arena, &w->action.key) || !keep(&w->arena, &w->action.reason) ||
        !keep(&w->arena, &w->request.request.text)) {
        waiting_free(w);
        return NULL;
    }
    return w;
}

/* Outside the scope an account does not exist, as for questions. */
static enum status seen_from_outside(enum status st)
{
    return st == ST_FORBIDDEN ? ST_NOT_FOUND : st;
}

static void on_judged(void *arg, const struct zpeer *to, const struct batch *b,
                      const struct outcome *o)
{
    struct waiting *w = arg;
    struct buf answer = buf_of(ANSWER_BYTES_MAX);
    enum status st = o->status;
    struct str message = o->message;

    (void)to;
    if (st == ST_OK && b->rejects_n > 0) {
        st = seen_from_outside(b->rejects[0].code);
        message = st == ST_NOT_FOUND ? (struct str){0} : b->rejects[0].message;
    }
    if (st == ST_CONFLICT)
        message = STR("idempotency_key has been used for another request; allowed: the same "
                      "request again, or a new key");
    if (st == ST_OK || st == ST_DUPLICATE) {
        st = ST_OK;
        action_answer(&w->action, w->request.encoding, &w->request.request, &answer);
    } else {
        query_refuse(&w->request, st, message, &answer);
    }
    w->asker.fn(w->asker.arg, st, message, &answer);
    buf_fini(&answer);
    waiting_free(w);
}

enum status action_submit(struct ingest *in, const struct request *r,
                          const struct action_asker *asker, char why[static 256])
{
    struct ingest_source source = asker->from;
    struct buf frame = buf_of(FRAME_BYTES_MAX);
    struct waiting *w;
    struct action a;
    enum status st = action_read(r, &a, why);

    if (st == ST_OK)
        st = query_action_target(asker->context, &a, why);
    if (st != ST_OK)
        return st;
    action_event(&a, asker->context->now_ms, &frame);
    w = frame.bad ? NULL : waiting_new(&a, r, asker);
    if (w != NULL) {
        source.has_identity = true;
        source.identity = action_identity(&a);
        source.content = action_content(&a);
        ingest_submit_bytes(in, &source, frame.p, frame.n,
                            &(struct ingest_reply){.fn = on_judged, .arg = w});
    } else {
        st = ST_NO_MEMORY;
        text_fmt(why, 256, "%s", status_row(st)->text);
    }
    buf_fini(&frame);
    return st;
}
