/* A body in, an answer out after the commit; everything between is ingest's.
 *
 * An Idempotency-Key is the batch's identity: ingest stores it with the batch, so a retry is
 * counted once for as long as event ids are remembered, also over a restart. The words of the first
 * answer are kept in memory for the last thousand keys, so that a retry is told what the first
 * attempt would have been told; later it is told `duplicate`. */
#include "collectors/ingest_http.h"

#include <stdlib.h>

#include "collectors/ingest_body.h"
#include "engine/base/check.h"
#include "engine/base/log.h"

#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define FRAME_BYTES_MAX  ((size_t)80 << 20) /* a body and what mapping adds to it */
#define KEY_BYTES_MAX    255
#define URI_BYTES_MAX    ((size_t)16 << 10)
#define SAID_N           1024 /* answers kept, by hash of their key */
#define SAID_BYTES_MAX   8192 /* of one; longer ones are not kept */

/* An answer that was given. */
struct said {
    struct hash128 identity, content;
    uint32_t n;
    uint8_t *text; /* owned; NULL: free */
};

struct ingest_http {
    struct ingest_http_setup setup;
    struct buf frame;      /* reused */
    struct buf answer;     /* reused */
    struct waiting *first; /* held while ingest does not read */
    struct waiting **last; /* where the next one is linked */
    bool paused;
    struct said said[SAID_N];
};

/* A request on its way to its answer. */
struct waiting {
    struct waiting *next; /* while held */
    struct ingest_http *i;
    struct exchange *x;
    enum webhook_kind kind; /* WEBHOOK_KINDS: it is none */
    bool has_identity;
    struct hash128 identity, content;
};

/* ---- answers ---- */

static struct said *said_place(struct ingest_http *i, struct hash128 identity)
{
    return &i->said[identity.lo % SAID_N];
}

static bool same(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

static void remember(struct ingest_http *i, const struct waiting *w)
{
    struct said *s = said_place(i, w->identity);
    free(s->text);
    *s = (struct said){0};
    if (i->answer.n > SAID_BYTES_MAX)
        return;
    s->text = malloc(i->answer.n + 1);
    if (s->text == NULL)
        return;
    memcpy(s->text, i->answer.p, i->answer.n);
    s->n = (uint32_t)i->answer.n;
    s->identity = w->identity;
    s->content = w->content;
}

/* Put the first answer in the place of `duplicate`. */
static bool recall(struct ingest_http *i, const struct waiting *w)
{
    const struct said *s = said_place(i, w->identity);
    if (s->text == NULL || !same(s->identity, w->identity) || !same(s->content, w->content))
        return false;
    buf_reset(&i->answer);
    buf_put(&i->answer, s->text, s->n);
    return true;
}

static void send_answer(struct ingest_http *i, struct exchange *x, const struct outcome *o,
                        bool replayed)
{
    const struct status_row *row = status_row(o->status);
    struct http_field fields[2];
    char seconds[16];
    bool msgpack = frame_sniff(i->answer.p, i->answer.n) == ENCODING_MSGPACK;
    struct http_reply r = {.status = (unsigned)row->http,
                           .type = msgpack ? "application/msgpack" : "application/json",
                           .fields = fields,
                           .body = i->answer.p,
                           .body_n = i->answer.n};
    if (row->retry && row->http == 503) {
        uint32_t ms = o->retry_after_ms > 0 ? o->retry_after_ms : 1000;
        text_fmt(seconds, sizeof(seconds), "%u", (ms + 999) / 1000);
        fields[r.fields_n++] = (struct http_field){STR("Retry-After"), str_of(seconds)};
    }
    if (replayed)
        fields[r.fields_n++] = (struct http_field){STR("Idempotent-Replayed"), STR("true")};
    http_reply(&x, &r);
}

static void on_answer(void *arg, const struct zpeer *to, const struct batch *b,
                      const struct outcome *o)
{
    struct waiting *w = arg;
    struct ingest_http *i = w->i;
    struct exchange *x = w->x;
    bool replayed = false;
    (void)to;
    buf_reset(&i->answer);
    ack_encode(b, o, &i->answer);
    if (w->has_identity && !i->answer.bad) {
        if (o->status == ST_OK)
            remember(i, w);
        else if (o->status == ST_DUPLICATE)
            replayed = recall(i, w);
    }
    if (i->answer.bad)
        http_refuse(&x, ST_NO_MEMORY, (struct str){0}); /* the peer sends again and learns it */
    else
        send_answer(i, x, o, replayed);
    free(w);
}

/* ---- submitting ---- */

/* account and app out of the query string, for events that name none. */
static bool read_defaults(struct exchange **x, const struct ingest_http_sender *from,
                          struct body_defaults *out)
{
    struct str rest = http_request_of(*x)->head.query, name, value;
    *out = (struct body_defaults){from->has_account, from->has_app, from->account, from->app, 0};
    while (http_query_next(&rest, &name, &value)) {
        bool account = str_eq(name, STR("account")), app = str_eq(name, STR("app"));
        uint64_t n = 0;
        if ((!account && !app) || text_u64(value, &n) != ST_OK || n > WIRE_INT_MAX) {
            http_refuse(x, ST_BAD_PARAMETER,
                        STR("the query string may hold account and app, each an integer"));
            return false;
        }
        if (account) {
            out->has_account = true;
            out->account = n;
        } else {
            out->has_app = true;
            out->app = n;
        }
    }
    return true;
}

static bool read_identity(struct waiting *w)
{
    struct str key = http_field_of(w->x, "idempotency-key");
    const struct http_request *q = http_request_of(w->x);
    if (key.p == NULL)
        return true;
    if (key.n == 0 || key.n > KEY_BYTES_MAX) {
        http_refuse(&w->x, ST_BAD_PARAMETER, STR("Idempotency-Key has 1..255 bytes"));
        return false;
    }
    struct str type = http_field_of(w->x, "content-type");
    const struct hash128 parts[] = {
        hash128(q->body.n > 0 ? q->body.p : "", q->body.n),
        hash128(type.n > 0 ? type.p : "", type.n),
        hash128(q->head.query.n > 0 ? q->head.query.p : "", q->head.query.n)};
    w->has_identity = true;
    w->identity = hash128(key.p, key.n);
    w->content = hash128(parts, sizeof(parts));
    return true;
}

/* A number and a key are two identities: which would hold? */
static bool has_number(struct ingest_http *i)
{
    struct arena a = {.max_bytes = (size_t)1 << 20};
    struct batch b;
    frame_peek(i->frame.p, i->frame.n, &frame_limits_default, &a, &b);
    bool numbered = b.seq_given || b.epoch_given;
    arena_fini(&a);
    return numbered;
}

static bool read_body(struct waiting *w, enum body_kind kind, struct body_defaults *defaults)
{
    struct ingest_http *i = w->i;
    const char *why = "";

    defaults->received_ms = loop_clock(i->setup.loop)->wall_ms;
    enum status st = body_to_frame(kind, w->x, defaults, &i->frame, &why);
    if (st == ST_OK && w->has_identity && has_number(i)) {
        st = ST_BAD_PARAMETER;
        why = "the batch has a number of its own; leave out either it or Idempotency-Key";
    }
    if (st != ST_OK)
        http_refuse(&w->x, st, str_of(why));
    return st == ST_OK;
}

static bool events_to_frame(struct waiting *w, const struct ingest_http_sender *from)
{
    struct body_defaults defaults;
    enum body_kind kind = body_kind_of(w->x);
    struct str coding = http_field_of(w->x, "content-encoding");
    if (kind == BODY_UNKNOWN || (coding.p != NULL && !http_name_eq(coding, "identity"))) {
        http_refuse_as(&w->x, HTTP_MEDIA_TYPE,
                       STR("events come unpacked, as application/json, application/msgpack, "
                           "application/x-ndjson, application/cloudevents+json, "
                           "application/cloudevents-batch+json, or with ce- headers"));
        return false;
    }
    return read_defaults(&w->x, from, &defaults) && read_identity(w) &&
           read_body(w, kind, &defaults);
}

/* ---- webhooks ---- */

/* The address that the sender signed. */
static struct str address(const struct ingest_http *i, const struct exchange *x, struct buf *to)
{
    const struct http_head *head = &http_request_of(x)->head;
    struct str base = str_of(i->setup.public_url), host = http_field_of(x, "host");

    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (base.n == 0) {
        buf_put(to, "http://", 7);
        base = host;
    }
    buf_put(to, base.p, base.n);
    buf_put(to, head->path.p, head->path.n);
    if (head->query.n > 0) {
        buf_u8(to, '?');
        buf_put(to, head->query.p, head->query.n);
    }
    return (struct str){(const char *)to->p, to->n};
}

static bool is_signed(struct waiting *w, const struct webhook *sender)
{
    struct buf uri = buf_of(URI_BYTES_MAX);
    const bool github = sender->kind == WEBHOOK_GITHUB;
    const char *why = "the address is too long";
    const struct webhook_request r = {
        .method = STR("POST"),
        .uri = address(w->i, w->x, &uri),
        .body = http_request_of(w->x)->body,
        .signature = http_field_of(w->x, github ? "x-hub-signature-256" : "x-hubspot-signature"),
        .version = http_field_of(w->x, "x-hubspot-signature-version"),
        .signature_v3 = http_field_of(w->x, "x-hubspot-signature-v3"),
        .timestamp = http_field_of(w->x, "x-hubspot-request-timestamp"),
        .now_ms = loop_clock(w->i->setup.loop)->wall_ms};
    const bool ok = !uri.bad && webhook_verify(sender, &r, &why);

    buf_fini(&uri);
    if (!ok)
        http_refuse(&w->x, ST_UNAUTHORIZED, str_of(why));
    return ok;
}

/* A delivery of GitHub has a number, which a second attempt repeats; HubSpot's notifications have
 * each an identity of their own (collectors/import_hubspot.c). */
static void identify_delivery(struct waiting *w, const struct webhook *sender)
{
    const struct str delivery = http_field_of(w->x, "x-github-delivery");
    const struct str body = http_request_of(w->x)->body;
    const struct hash128 parts[] = {hash128(sender->name, strlen(sender->name)),
                                    hash128(delivery.n > 0 ? delivery.p : "", delivery.n)};

    if (sender->kind != WEBHOOK_GITHUB || delivery.n == 0)
        return;
    w->has_identity = true;
    w->identity = hash128(parts, sizeof(parts));
    w->content = hash128(body.n > 0 ? body.p : "", body.n);
}

static bool webhook_to_frame(struct waiting *w, const struct ingest_http_sender *from)
{
    const struct webhook *sender =
        webhooks_find(w->i->setup.webhooks, w->kind, http_request_of(w->x)->at[0]);
    struct body_defaults defaults = {0};

    (void)from; /* who sends is the signature's to say */
    if (sender == NULL) {
        http_refuse(&w->x, ST_NOT_FOUND,
                    STR("no sender of that name stands in the file that the "
                        "option webhooks names"));
        return false;
    }
    if (!is_signed(w, sender))
        return false;
    if (body_kind_of(w->x) != BODY_NATIVE_JSON) {
        http_refuse_as(&w->x, HTTP_MEDIA_TYPE, STR("webhooks come as application/json"));
        return false;
    }
    identify_delivery(w, sender);
    return read_body(w, w->kind == WEBHOOK_GITHUB ? BODY_GITHUB : BODY_HUBSPOT, &defaults);
}

static bool to_frame(struct waiting *w, const struct ingest_http_sender *from)
{
    return w->kind == WEBHOOK_KINDS ? events_to_frame(w, from) : webhook_to_frame(w, from);
}

static void submit(struct waiting *w)
{
    struct ingest_http *i = w->i;
    struct ingest_http_sender from;
    if (http_gone(w->x)) {
        http_refuse(&w->x, ST_AGAIN, (struct str){0}); /* nobody waits for it any more */
        free(w);
        return;
    }
    if (!i->setup.identify(i->setup.arg, &w->x, &from) || !to_frame(w, &from)) {
        free(w);
        return;
    }
    const struct ingest_source source = {.transport = INGEST_HTTP,
                                         .key_name = from.key_name,
                                         .may_write = from.may_write,
                                         .scope = from.scope,
                                         .has_identity = w->has_identity,
                                         .identity = w->identity,
                                         .content = w->content};
    const struct ingest_reply reply = {.fn = on_answer, .arg = w};
    ingest_submit_bytes(i->setup.ingest, &source, i->frame.p, i->frame.n, &reply);
}

/* ---- held back ---- */

static void hold(struct waiting *w)
{
    w->next = NULL;
    *w->i->last = w;
    w->i->last = &w->next;
}

static void receive(struct ingest_http *i, struct exchange *x, enum webhook_kind kind)
{
    struct waiting *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
        return;
    }
    w->i = i;
    w->x = x;
    w->kind = kind;
    if (i->paused)
        hold(w);
    else
        submit(w);
}

static void on_events(void *arg, struct exchange *x)
{
    receive(arg, x, WEBHOOK_KINDS);
}

static void on_hubspot(void *arg, struct exchange *x)
{
    receive(arg, x, WEBHOOK_HUBSPOT);
}

static void on_github(void *arg, struct exchange *x)
{
    receive(arg, x, WEBHOOK_GITHUB);
}

/* At the end of a turn: ingest calls from the middle of its own work. */
static void resume(void *arg)
{
    struct ingest_http *i = arg;
    while (!i->paused && i->first != NULL) {
        struct waiting *w = i->first;
        i->first = w->next;
        if (i->first == NULL)
            i->last = &i->first;
        submit(w);
    }
}

/* Their bodies stay where they are, within the server's own limit. */
static void on_pause(void *arg, bool paused)
{
    struct ingest_http *i = arg;
    i->paused = paused;
    if (!paused && i->first != NULL)
        loop_defer_free(i->setup.loop, resume, i);
}

/* ---- open and close ---- */

enum status ingest_http_open(const struct ingest_http_setup *setup, struct ingest_http **out)
{
    struct ingest_http *i = calloc(1, sizeof(*i));
    if (i == NULL)
        return ST_NO_MEMORY;
    i->setup = *setup;
    i->frame = buf_of(FRAME_BYTES_MAX);
    i->answer = buf_of(ANSWER_BYTES_MAX);
    i->last = &i->first;
    ingest_on_pause(setup->ingest, INGEST_HTTP, on_pause, i);
    http_route(setup->http, HTTP_POST, "/v1/events", on_events, i);
    http_route(setup->http, HTTP_POST, "/hubspot/webhooks/{name}", on_hubspot, i);
    http_route(setup->http, HTTP_POST, "/github/webhooks/{name}", on_github, i);
    *out = i;
    return ST_OK;
}

void ingest_http_webhooks(struct ingest_http *i, const struct webhooks *webhooks)
{
    i->setup.webhooks = webhooks;
}

void ingest_http_close(struct ingest_http **ip)
{
    struct ingest_http *i = *ip;
    if (i == NULL)
        return;
    *ip = NULL;
    while (i->first != NULL) {
        struct waiting *w = i->first;
        i->first = w->next;
        http_refuse(&w->x, ST_SHUTTING_DOWN, (struct str){0});
        free(w);
    }
    for (size_t k = 0; k < SAID_N; k++)
        free(i->said[k].text);
    buf_fini(&i->frame);
    buf_fini(&i->answer);
    free(i);
}
