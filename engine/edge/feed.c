/* The feed listens to ingest: what was folded is published in the same turn, before it is
 * acknowledged, so a message is never of something that could still be lost.
 *
 * Ingest shares the loop, so a turn has room for a number of messages and for some time of looking
 * up states; what is over is skipped, and the next message of the account tells so. Nobody there:
 * nothing is done. */
#include "engine/edge/feed.h"

#include <stdlib.h>

#include "aggregators/view_apps.h"
#include "engine/base/check.h"
#include "engine/query/answer.h"

#define TURN_MESSAGES_MAX 1000              /* about 1 ms of encoding and sending */
#define TURN_LOOK_NS_MAX  UINT64_C(1000000) /* of looking up states; one may begin just below it */
#define PENDING_MAX       2000              /* signals to be walked for one look */
#define ACCOUNTS_N        65536             /* whose last position is known: 1 MiB */
#define MESSAGE_BYTES_MAX ((size_t)1 << 20)
#define SUBSCRIPTION_MAX  256 /* bytes; libzmq cuts the connection of who sends more */

struct last {
    uint64_t account, position; /* position 0: none */
};

struct feed {
    struct feed_options options;
    struct zsock *sock;
    struct buf text;   /* of one message; reused */
    struct last *last; /* by hash of the account; owned */
    uint64_t skipped;
    /* of this turn */
    bool begun;
    uint32_t sent_n;
    uint64_t looked_ns;
};

/* One accepted event on its way out. */
struct news {
    const struct event *e;
    uint64_t position;
    uint64_t previous; /* position of the account's entry before it; 0: not known */
    int64_t received_ms;
};

/* ---- messages ---- */

static void pair_str(struct out *o, enum query_column_id column, struct str s)
{
    out_key(o, query_columns[column].name);
    if (s.p != NULL)
        out_str(o, s);
    else
        out_null(o);
}

static void pair_u64(struct out *o, enum query_column_id column, bool given, uint64_t v)
{
    out_key(o, query_columns[column].name);
    if (given)
        out_u64(o, v);
    else
        out_null(o);
}

static void pair_scopes(struct out *o, const struct event_more *more, struct arena *a)
{
    size_t bytes = 0, at = 0;
    char *to;

    for (uint32_t i = 0; i < more->list_n; i++)
        bytes += more->list[i].n + 1;
    to = bytes > 0 ? arena_alloc(a, bytes) : NULL;
    for (uint32_t i = 0; to != NULL && i < more->list_n; i++) {
        if (i > 0)
            to[at++] = ' ';
        memcpy(to + at, more->list[i].p, more->list[i].n);
        at += more->list[i].n;
    }
    pair_str(o, COL_ACTIVITY_SCOPES, (struct str){to, at});
}

static void put_head(struct out *o, const char *kind, const struct news *n)
{
    out_pair_z(o, "kind", kind);
    out_pair_u64(o, "account", n->e->account);
    out_key(o, "previous");
    if (n->previous != 0)
        out_u64(o, n->previous);
    else
        out_null(o);
}

/* The columns of the view, in their order. */
STATIC_CHECK(COL_ACTIVITY_BY - COL_ACTIVITY_TIME + 1 == 14);

static void put_activity(struct out *o, const struct news *n)
{
    static const struct event_more none;
    const struct event *e = n->e;
    const struct event_more *more = e->more != NULL ? e->more : &none;
    struct arena scopes = {0};

    out_map(o, 3 + 14);
    put_head(o, "activity", n);
    pair_u64(o, COL_ACTIVITY_TIME, true, (uint64_t)e->time_ms);
    pair_u64(o, COL_ACTIVITY_POSITION, true, n->position);
    pair_str(o, COL_ACTIVITY_TYPE, str_of(event_type_name(e->kind)));
    pair_u64(o, COL_ACTIVITY_APP, true, e->app);
    pair_u64(o, COL_ACTIVITY_USER, e->has_user, e->user);
    pair_str(o, COL_ACTIVITY_REASON, more->reason);
    pair_str(o, COL_ACTIVITY_CODE, more->code);
    pair_str(o, COL_ACTIVITY_SETTING, more->setting);
    pair_str(o, COL_ACTIVITY_FROM, more->from);
    pair_str(o, COL_ACTIVITY_TO, more->to);
    pair_scopes(o, more, &scopes);
    pair_str(o, COL_ACTIVITY_FEATURE, more->feature);
    pair_u64(o, COL_ACTIVITY_RECEIVED, true, (uint64_t)n->received_ms);
    pair_u64(o, COL_ACTIVITY_BY, more->by1 != 0, more->by1 - 1);
    out_end(o);
    arena_fini(&scopes);
}

static void put_status(struct out *o, const struct news *n, const struct connection *was,
                       const struct connection *is)
{
    out_map(o, 3 + 9);
    put_head(o, "status", n);
    out_pair_u64(o, "position", n->position);
    out_pair_u64(o, "app", n->e->app);
    pair_u64(o, COL_ACTIVITY_USER, n->e->has_user, n->e->user);
    out_pair_z(o, "state", connection_state_name(is->state));
    out_pair_z(o, "was", connection_state_name(was->state));
    out_pair_i64(o, "since", is->since_ms);
    pair_str(o, COL_ACTIVITY_REASON, is->reason);
    pair_str(o, COL_ACTIVITY_CODE, is->code);
    out_pair_i64(o, "received", n->received_ms);
    out_end(o);
}

/* ---- turns ---- */

static void next_turn(void *arg)
{
    struct feed *f = arg;

    f->begun = false;
    f->sent_n = 0;
    f->looked_ns = 0;
}

/* May one more message go out in this turn? Else it is counted. */
static bool has_room(struct feed *f)
{
    if (!f->begun)
        loop_defer_free(f->options.loop, next_turn, f); /* the end of the turn gives a new share */
    f->begun = true;
    if (f->sent_n < TURN_MESSAGES_MAX)
        return true;
    f->skipped++;
    return false;
}

static void publish(struct feed *f, uint64_t account)
{
    char topic[40];
    size_t n = text_fmt(topic, sizeof(topic), "activity.%llu.", (unsigned long long)account);

    f->sent_n++;
    if (f->text.bad)
        f->skipped++;
    else
        zsock_send(f->sock, NULL, (struct str){topic, n}, f->text.p, f->text.n);
}

static struct out begin(struct feed *f)
{
    buf_reset(&f->text);
    return out_to(ENCODING_JSON, &f->text);
}

/* ---- states ---- */

struct look {
    uint64_t app, user1;
    struct connection found; /* state NONE: there is none */
};

static bool take(void *arg, const struct connection *c)
{
    struct look *l = arg;

    if (c->app == l->app && (c->has_user ? c->user + 1 : 0) == l->user1)
        l->found = *c;
    return false;
}

/* The connection of n as the log was below a position. */
static struct connection connection_below(struct view *v, const struct news *n, uint64_t below)
{
    struct look l = {.app = n->e->app, .user1 = n->e->has_user ? n->e->user + 1 : 0};
    const struct connection_query q = {.account = n->e->account,
                                       .from_app = l.app,
                                       .from_user1 = l.user1,
                                       .to_app = l.app,
                                       .below = below};

    view_connections_each(v, &q, take, &l);
    return l.found;
}

static void publish_status(struct feed *f, struct view *v, const struct news *n)
{
    uint64_t start_ns = clock_mono_ns();
    struct connection was, is;
    struct out o;

    if (!has_room(f))
        return;
    if (f->looked_ns >= TURN_LOOK_NS_MAX ||
        view_connections_pending(v, n->e->account) > PENDING_MAX) {
        f->skipped++;
        return;
    }
    was = connection_below(v, n, n->position);
    is = connection_below(v, n, n->position + 1);
    f->looked_ns += clock_mono_ns() - start_ns;
    if (v->txn.status != ST_OK || (was.state == is.state && was.since_ms == is.since_ms))
        return;
    o = begin(f);
    put_status(&o, n, &was, &is);
    publish(f, n->e->account);
}

/* ---- what is new ---- */

static bool moves_state(unsigned kind)
{
    enum event_group group = event_group(kind);

    return group == GROUP_APP || group == GROUP_PERMISSION;
}

/* Remember the account's newest position; the one before it, or 0. */
static uint64_t note_position(struct feed *f, uint64_t account, uint64_t position)
{
    struct last *l = &f->last[hash64(&account, sizeof(account)) % ACCOUNTS_N];
    uint64_t previous = l->account == account ? l->position : 0;

    *l = (struct last){account, position};
    return previous;
}

static uint64_t subscribers(const struct feed *f)
{
    struct zsock_counters c;

    zsock_counters(f->sock, &c);
    return c.connections;
}

static void publish_batch(struct feed *f, const struct batch *b, uint64_t position,
                          int64_t received_ms)
{
    bool heard = subscribers(f) > 0, open = false;
    struct query_context c;
    struct view v;

    for (uint32_t i = 0; i < b->n; i++) {
        struct news n = {.e = &b->ev[i], .position = position + i, .received_ms = received_ms};

        if (b->verdict[i] != 0 || !event_is_activity(n.e->kind))
            continue;
        n.previous = note_position(f, n.e->account, n.position);
        if (heard && has_room(f)) {
            struct out o = begin(f);
            put_activity(&o, &n);
            publish(f, n.e->account);
        }
        if (!heard || !moves_state(n.e->kind))
            continue;
        if (!open) {
            facts_context(f->options.facts, &c);
            view_open(c.days, c.gens, c.gens_n, &v);
            open = true;
        }
        n.previous = n.position; /* of its own activity entry */
        publish_status(f, &v, &n);
    }
    if (open)
        view_close(&v);
}

static void on_accepted(void *arg, const struct batch *b, uint64_t position, int64_t received_ms)
{
    struct feed *f = arg;

    if (f->sock != NULL)
        publish_batch(f, b, position, received_ms);
}

/* Subscriptions: libzmq keeps them; nothing to be done. */
static void on_message(void *arg, const struct zpeer *from, struct zmsg *m)
{
    (void)arg, (void)from;
    if (m != NULL)
        zmsg_free(m);
}

/* ---- open and close ---- */

static void release(void *arg)
{
    struct feed *f = arg;

    buf_fini(&f->text);
    free(f->last);
    free(f);
}

enum status feed_open(const struct feed_options *options, struct feed **out, char why[static 256])
{
    struct feed *f = calloc(1, sizeof(*f));
    const struct zsock_options sock = {
        .type = ZSOCK_XPUB,
        .endpoint = options->endpoint,
        .message_bytes_max = SUBSCRIPTION_MAX,
        .connections_max = options->subscribers_max,
        .receive_queue = 256,
        .send_queue = options->queue,
        .turn_messages_max = 256,
        .turn_bytes_max = (uint64_t)SUBSCRIPTION_MAX * 256,
        .on_message = on_message,
        .arg = f,
    };
    enum status st;

    if (f == NULL || (f->last = calloc(ACCOUNTS_N, sizeof(*f->last))) == NULL) {
        free(f);
        text_fmt(why, 256, "out of memory");
        return ST_NO_MEMORY;
    }
    f->options = *options;
    f->text = buf_of(MESSAGE_BYTES_MAX);
    st = zsock_open(options->net, &sock, &f->sock, why);
    if (st != ST_OK) {
        release(f);
        return st;
    }
    ingest_on_accepted(options->ingest, on_accepted, f);
    facts_set_feed(options->facts, f);
    *out = f;
    return ST_OK;
}

/* The end of this turn may still have `next_turn` to run: f goes after it. */
void feed_close(struct feed **fp)
{
    struct feed *f = *fp;

    if (f == NULL)
        return;
    *fp = NULL;
    facts_set_feed(f->options.facts, NULL);
    zsock_close(&f->sock);
    loop_defer_free(f->options.loop, release, f);
}

const char *feed_endpoint(const struct feed *f)
{
    return zsock_endpoint(f->sock);
}

void feed_counters(const struct feed *f, struct feed_counters *out)
{
    struct zsock_counters c;

    zsock_counters(f->sock, &c);
    *out = (struct feed_counters){.subscribers = c.connections,
                                  .messages = c.messages_out,
                                  .dropped = c.queue_full,
                                  .skipped = f->skipped};
}
