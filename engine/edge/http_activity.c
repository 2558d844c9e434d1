/* Activities as server-sent events: GET /v1/accounts/{account}/activity/stream
 *
 * A stream is the view `activity` in order of arrival, asked again and again from the position
 * where it left off. So nothing is lost or repeated, whatever happens between two questions, and a
 * peer that comes back with Last-Event-ID goes on where it was, even at another time or after a
 * restart. Events only say which accounts are worth asking for. */
#include "engine/edge/http_api_internal.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "schemas/query_table.h"

#define UNSENT_MAX   ((size_t)64 << 10) /* a peer that is so far behind is not asked for */
#define TICK_MS      250
#define HEARTBEAT_MS 15000
#define TURN_NS_MAX  UINT64_C(2000000) /* of questions for streams, in one turn */
#define PAGE_ROWS    STR("200")
#define RETRY_MS     2000
#define CURSOR_BYTES 256
#define PARAMS_FIXED 5 /* view, account, order, limit; after or cursor */

struct stream {
    struct stream *prev, *next;
    struct activity_streams *owner;
    struct exchange *x;
    struct arena arena; /* holds the filters */
    const struct param *filters;
    uint32_t filters_n;
    uint64_t account;
    char account_text[24];
    bool dirty;                /* there may be something above `after` */
    uint64_t after;            /* everything up to here has been looked at */
    char cursor[CURSOR_BYTES]; /* in the middle of a catch-up; else empty */
    int64_t sent_mono_ms;
};

struct activity_streams {
    struct http_api *api;
    struct timer *timer;
    struct stream *first, *last;
    uint32_t dirty_n;
};

/* ---- life ---- */

static void set_dirty(struct stream *s, bool dirty)
{
    s->owner->dirty_n += (uint32_t)dirty - (uint32_t)s->dirty;
    s->dirty = dirty;
}

static void unlink_stream(struct stream *s)
{
    struct activity_streams *o = s->owner;
    *(s->prev != NULL ? &s->prev->next : &o->first) = s->next;
    *(s->next != NULL ? &s->next->prev : &o->last) = s->prev;
    s->prev = s->next = NULL;
}

static void append_stream(struct activity_streams *o, struct stream *s)
{
    s->prev = o->last;
    *(o->last != NULL ? &o->last->next : &o->first) = s;
    o->last = s;
}

static void on_close(void *arg)
{
    struct stream *s = arg;
    set_dirty(s, false);
    unlink_stream(s);
    arena_fini(&s->arena);
    free(s);
}

static void drop(struct stream *s)
{
    arena_fini(&s->arena);
    free(s);
}

/* ---- one question ---- */

static struct param one(const char *name, const struct value *value)
{
    return (struct param){.name = str_of(name), .values = value, .values_n = 1};
}

static void ask(const struct stream *s, bool bare, struct query_result *result)
{
    struct http_api *api = s->owner->api;
    struct param params[REQUEST_PARAMS_MAX + PARAMS_FIXED];
    char after_text[24];
    text_fmt(after_text, sizeof(after_text), "%llu", (unsigned long long)s->after);
    const struct value values[] = {
        {.type = VALUE_STR, .text = STR("activity")},
        {.type = VALUE_STR, .text = str_of(s->account_text)},
        {.type = VALUE_STR, .text = STR("arrival")},
        {.type = VALUE_STR, .text = bare ? STR("1") : PAGE_ROWS},
        {.type = VALUE_STR, .text = str_of(after_text)},
        {.type = VALUE_STR, .text = str_of(s->cursor)},
    };
    uint32_t n = 0;
    params[n++] = one("view", &values[0]);
    params[n++] = one("account", &values[1]);
    params[n++] = one("order", &values[2]);
    params[n++] = one("limit", &values[3]);
    params[n++] = one("after", &values[4]);
    for (uint32_t i = 0; i < s->filters_n; i++)
        params[n++] = s->filters[i];
    if (s->cursor[0] != '\0')
        params[n++] = one("cursor", &values[5]);
    const struct request r = {.encoding = ENCODING_JSON, .params = params, .params_n = n};
    facts_answer(api->setup.facts, &r, QUERY_EVENTS, &api->answer, result);
}

/* Ask once, send what there is, and remember how far that was. The cursor belongs to the `after` it
 * was asked with, so that one moves only when the catch-up is through. */
static void pump(struct stream *s)
{
    struct query_result r;
    ask(s, false, &r);
    if (r.status != ST_OK)
        return; /* the disk, say: asked again at the next tick */
    if (r.data.n > 0) {
        http_stream_put(s->x, r.data.p, r.data.n);
        s->sent_mono_ms = loop_clock(s->owner->api->setup.loop)->mono_ms;
    }
    if (r.cursor.p != NULL) {
        CHECK(r.cursor.n < sizeof(s->cursor));
        memcpy(s->cursor, r.cursor.p, r.cursor.n);
        s->cursor[r.cursor.n] = '\0';
        return;
    }
    s->cursor[0] = '\0';
    s->after = r.position > s->after ? r.position : s->after;
    set_dirty(s, false);
}

static void pump_all(struct activity_streams *o)
{
    const uint64_t start_ns = clock_mono_ns();
    uint32_t left = o->dirty_n;
    for (struct stream *s = o->first, *next; s != NULL && left > 0; s = next) {
        next = s->next;
        if (!s->dirty)
            continue;
        left--;
        if (http_stream_unsent(s->x) < UNSENT_MAX)
            pump(s);
        if (s->dirty) { /* the others first, next time */
            unlink_stream(s);
            append_stream(o, s);
        }
        if (clock_mono_ns() - start_ns > TURN_NS_MAX) {
            loop_again(o->api->setup.loop);
            break;
        }
    }
}

static void on_turn(void *arg)
{
    struct activity_streams *o = arg;
    if (o->dirty_n > 0)
        pump_all(o);
}

static void on_tick(void *arg)
{
    struct activity_streams *o = arg;
    int64_t now_ms = loop_clock(o->api->setup.loop)->mono_ms;
    for (struct stream *s = o->first; s != NULL; s = s->next) {
        if (now_ms - s->sent_mono_ms < HEARTBEAT_MS || http_stream_unsent(s->x) > 0)
            continue;
        http_stream_put(s->x, ":\n\n", 3); /* shows a peer that has gone for what it is */
        s->sent_mono_ms = now_ms;
    }
}

/* ---- what is new ---- */

static void on_accepted(void *arg, const struct batch *b, uint64_t position, int64_t received_ms)
{
    struct activity_streams *o = arg;
    (void)position, (void)received_ms;
    for (uint32_t i = 0; o->first != NULL && i < b->n; i++) {
        if (b->verdict[i] != 0 || !event_is_activity(b->ev[i].kind))
            continue;
        for (struct stream *s = o->first; s != NULL; s = s->next)
            if (s->account == b->ev[i].account)
                set_dirty(s, true);
    }
}

/* ---- opening a stream ---- */

/* Does the view take it, and may a stream have it: is it not the stream's own business? */
static bool is_filter(struct str name)
{
    static const char *const own[] = {"view",  "account", "from",  "to",
                                      "order", "after",   "limit", "cursor"};
    for (size_t i = 0; i < N_OF(own); i++)
        if (str_eq(name, str_of(own[i])))
            return false;
    return query_param_find(VIEW_ACTIVITY, name) < QUERY_PARAMS_N;
}

/* Filters and the start out of the parameters. False: refused, the sentence is in why. */
static bool take_params(struct stream *s, const struct request *r, char why[static 512])
{
    struct param *kept = arena_alloc(&s->arena, r->params_n * sizeof(*kept));
    bool seen = s->after != WIRE_INT_MAX; /* Last-Event-ID goes before after */
    if (kept == NULL)
        return false;
    s->filters = kept;
    for (uint32_t i = 0; i < r->params_n; i++) {
        const struct param *p = &r->params[i];
        uint64_t after;
        if (is_filter(p->name)) {
            kept[s->filters_n++] = *p;
        } else if (str_eq(p->name, STR("after"))) {
            if (p->values_n != 1 || text_u64(p->values[0].text, &after) != ST_OK ||
                after > WIRE_INT_MAX) {
                text_fmt(why, 512, "after is not one position");
                return false;
            }
            s->after = seen ? s->after : after;
        } else if (!str_eq(p->name, STR("view")) && !str_eq(p->name, STR("account"))) {
            text_fmt(why, 512,
                     "a stream takes no parameter \"%.*s\"; it takes after, and the "
                     "filters of the view activity",
                     (int)(p->name.n > 64 ? 64 : p->name.n), p->name.p);
            return false;
        }
    }
    return true;
}

/* Where to begin: after the last event the peer has seen, after the position it names, or now. */
static bool find_start(struct stream *s, const struct exchange *x, struct query_result *r)
{
    struct str last = http_field_of(x, "last-event-id");
    s->after = WIRE_INT_MAX;
    if (last.n > 0 && (text_u64(last, &s->after) != ST_OK || s->after > WIRE_INT_MAX)) {
        *r = (struct query_result){.status = ST_BAD_PARAMETER};
        text_fmt(r->why, sizeof(r->why), "Last-Event-ID is none of this stream's");
        return false;
    }
    return true;
}

static void begin(struct stream *s, struct exchange *x, uint64_t position)
{
    char text[160];
    const struct http_reply head = {.status = 200, .type = "text/event-stream"};
    if (!http_stream(&x, &head, on_close, s)) {
        drop(s);
        return;
    }
    s->x = x;
    append_stream(s->owner, s);
    set_dirty(s, s->after < position);
    s->sent_mono_ms = loop_clock(s->owner->api->setup.loop)->mono_ms;
    /* An id at once: a peer that comes back before anything happened must not miss what did. */
    size_t n = text_fmt(text, sizeof(text),
                        "retry: %d\nevent: start\ndata: {\"position\":%llu}\nid: %llu\n\n",
                        RETRY_MS, (unsigned long long)s->after, (unsigned long long)s->after);
    http_stream_put(x, text, n);
}

static void open_stream(struct stream *s, struct exchange *x, const struct request *r)
{
    struct query_result result = {.status = ST_BAD_PARAMETER};
    char why[256] = "";
    bool ok = find_start(s, x, &result);
    if (ok && !take_params(s, r, result.why)) {
        ok = false;
        result.status = result.why[0] != '\0' ? ST_BAD_PARAMETER : ST_NO_MEMORY;
    }
    if (ok) {
        ask(s, true, &result); /* checks the filters, and says how far the log is */
        ok = result.status == ST_OK;
    }
    if (!ok) {
        text_fmt(why, sizeof(why), "%s", result.why);
        http_refuse(&x, result.status, str_of(why));
        drop(s);
        return;
    }
    if (s->after == WIRE_INT_MAX)
        s->after = result.position;
    begin(s, x, result.position);
}

void activity_stream_get(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    struct http_identity who;
    struct request r;
    struct str account = http_request_of(x)->at[0];
    const struct query_path path = {STR("activity"), account};
    if (!http_auth_check(api->setup.auth, HTTP_MAY_QUERY, &x, &who))
        return;
    struct stream *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
        return;
    }
    s->owner = api->streams;
    query_from_url(&path, http_request_of(x)->head.query, &s->arena, &r);
    if (r.status == ST_OK &&
        (account.n >= sizeof(s->account_text) || text_u64(account, &s->account) != ST_OK)) {
        r.status = ST_BAD_PARAMETER;
        r.message = STR("account is not an integer");
    }
    if (r.status != ST_OK) {
        http_refuse(&x, r.status, r.message);
        drop(s);
        return;
    }
    text_fmt(s->account_text, sizeof(s->account_text), "%.*s", (int)account.n, account.p);
    open_stream(s, x, &r);
}

/* ---- the whole ---- */

enum status activity_streams_new(struct http_api *api, struct activity_streams **out)
{
    struct activity_streams *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return ST_NO_MEMORY;
    o->api = api;
    enum status st = loop_every(api->setup.loop, TICK_MS, on_tick, o, &o->timer);
    if (st != ST_OK) {
        free(o);
        return st;
    }
    loop_hook(api->setup.loop, on_turn, o);
    ingest_on_accepted(api->setup.ingest, on_accepted, o);
    *out = o;
    return ST_OK;
}

void activity_streams_free(struct activity_streams **op)
{
    struct activity_streams *o = *op;
    if (o == NULL)
        return;
    *op = NULL;
    CHECK(o->first == NULL); /* the server was closed before */
    timer_free(&o->timer);
    free(o);
}
