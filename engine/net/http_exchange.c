/* Exchanges: a request that is complete, from the queue through a handler to its reply. */
#include "engine/net/http_internal.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"

#define TURN_NS_MAX   UINT64_C(4000000) /* of handlers in one turn; one more may begin below it */
#define SMALL_REPLY_N ((size_t)4096)    /* sent even when too much is unsent */
#define REPLY_HEAD_N  ((size_t)512)     /* about what the head of a reply takes */

/* ---- life ---- */

struct exchange *exchange_new(struct conn *c, size_t head_n, size_t body_n)
{
    struct exchange *x = malloc(sizeof(*x) + head_n + body_n + 1);
    if (x == NULL)
        return NULL;
    memset(x, 0, sizeof(*x));
    x->text[head_n + body_n] = '\0';
    x->h = c->h;
    x->conn = c;
    memcpy(x->peer, c->peer, sizeof(x->peer));
    x->request.peer = x->peer;
    x->request.route = "";
    c->h->exchanges++;
    return x;
}

static void unqueue(struct exchange *x)
{
    struct http *h = x->h;
    if (!x->queued)
        return;
    *(x->prev != NULL ? &x->prev->next : &h->first) = x->next;
    *(x->next != NULL ? &x->next->prev : &h->last) = x->prev;
    x->queued = false;
}

static void queue(struct exchange *x)
{
    struct http *h = x->h;
    x->prev = h->last;
    x->next = NULL;
    *(h->last != NULL ? &h->last->next : &h->first) = x;
    h->last = x;
    x->queued = true;
}

void exchange_free(struct exchange *x)
{
    struct http *h = x->h;
    unqueue(x);
    free(x);
    h->exchanges--;
    if (h->closed && h->exchanges == 0)
        free(h); /* a handler was the last to know of it */
}

/* Called from evhttp, which has the connection's request in its list, or has let go of it for us to
 * free, when the connection broke under it. */
void exchange_lost(struct exchange *x)
{
    bool begun = x->req != NULL;
    if (begun && evhttp_request_get_connection(x->req) == NULL)
        evhttp_request_free(x->req);
    x->req = NULL;
    x->conn = NULL;
    if (x->on_close != NULL) {
        x->h->n.streams--;
        x->on_close(x->on_close_arg);
        exchange_free(x);
    } else if (x->queued || !begun) {
        exchange_free(x);
    }
    /* Else a handler has it, and finds out when it answers. */
}

static void on_sent(struct evhttp_request *req, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *input = bufferevent_get_input(c->bev);
    (void)req;
    c->served = true;
    conn_charge(c, 0);
    if (evbuffer_get_length(input) > 0) {
        if (c->held == NULL)
            c->held = evbuffer_new();
        if (c->held == NULL || evbuffer_add_buffer(c->held, input) != 0)
            (void)evbuffer_drain(input, evbuffer_get_length(input)); /* never to evhttp */
    }
    conn_enter(c, CONN_FRESH);
}

void exchange_begin(struct evhttp_request *req, void *arg)
{
    struct http *h = arg;
    struct conn *c = h->feeding;
    if (c == NULL) { /* accepted without memory for a gate */
        evhttp_send_reply(req, HTTP_SERVUNAVAIL, NULL, NULL);
        return;
    }
    struct exchange *x = c->x;
    x->req = req;
    x->request.begin_ns = (int64_t)clock_mono_ns();
    evhttp_request_set_on_complete_cb(req, on_sent, c);
    queue(x);
}

void exchange_turn(struct http *h)
{
    uint64_t start_ns = clock_mono_ns(), now_ns = start_ns;
    while (h->first != NULL && now_ns - start_ns < TURN_NS_MAX) {
        struct exchange *x = h->first;
        unqueue(x);
        if (x->fault != HTTP_FINE) {
            http_refuse_as(&x, x->fault, str_of(x->fault_why));
        } else {
            h->n.requests++;
            route_run(x);
        }
        now_ns = clock_mono_ns();
    }
}

/* ---- what handlers see ---- */

const struct http_request *http_request_of(const struct exchange *x)
{
    return &x->request;
}

bool http_gone(const struct exchange *x)
{
    return x->conn == NULL;
}

/* ---- replies ---- */

static void add_field(struct evhttp_request *req, const char *name, struct str value)
{
    char small[256], *z = small;
    if (value.n >= sizeof(small))
        z = malloc(value.n + 1);
    if (z == NULL)
        return;
    if (value.n > 0)
        memcpy(z, value.p, value.n);
    z[value.n] = '\0';
    (void)evhttp_add_header(evhttp_request_get_output_headers(req), name, z); /* refuses CR, LF */
    if (z != small)
        free(z);
}

static void put_fields(struct exchange *x, const struct http_reply *r)
{
    bool cached = false;
    char name[64];
    for (uint32_t i = 0; i < r->fields_n; i++) {
        const struct http_field *f = &r->fields[i];
        CHECK(f->name.n < sizeof(name));
        memcpy(name, f->name.p, f->name.n);
        name[f->name.n] = '\0';
        cached |= http_name_eq(f->name, "cache-control");
        add_field(x->req, name, f->value);
    }
    if (r->type != NULL)
        add_field(x->req, "Content-Type", str_of(r->type));
    if (!cached)
        add_field(x->req, "Cache-Control", STR("no-store"));
    add_field(x->req, "X-Content-Type-Options", STR("nosniff"));
    if (x->h->stopping || x->conn->linger || x->on_close != NULL)
        add_field(x->req, "Connection", STR("close"));
}

static void put_length(struct exchange *x, const struct http_reply *r)
{
    char length[24];
    if (r->status == 204 || r->status == 304)
        return;
    size_t n = text_fmt(length, sizeof(length), "%zu", r->body_n);
    add_field(x->req, "Content-Length", (struct str){length, n});
}

static void count(struct exchange *x, unsigned status)
{
    route_count(x, status);
    if (x->request.begin_ns != 0)
        metric_hist_add(&x->h->times, clock_mono_ns() - (uint64_t)x->request.begin_ns);
}

static void send_reply(struct exchange *x, const struct http_reply *r)
{
    struct conn *c = x->conn;
    struct evbuffer *body = evbuffer_new();
    bool bare = x->request.head.method == HTTP_HEAD || r->body_n == 0;
    if (body == NULL || (!bare && evbuffer_add(body, r->body, r->body_n) != 0)) {
        if (body != NULL)
            evbuffer_free(body);
        conn_cut(c); /* on_close frees nothing of ours: a handler has the exchange */
        return;
    }
    put_fields(x, r);
    put_length(x, r);
    c->x = NULL;
    conn_charge(c, REPLY_HEAD_N + (bare ? 0 : r->body_n));
    conn_enter(c, CONN_SENDING);
    evhttp_send_reply(x->req, (int)r->status, NULL, body);
    evbuffer_free(body);
    /* A peer may shut its side down once it has asked; its answer must not be cut for that. */
    (void)bufferevent_disable(c->bev, EV_READ);
}

void http_reply(struct exchange **xp, const struct http_reply *r)
{
    struct exchange *x = *xp;
    *xp = NULL;
    CHECK(!x->queued);
    CHECK(x->on_close == NULL);
    if (x->conn == NULL) {
        exchange_free(x);
        return;
    }
    const struct http *h = x->h;
    if (r->body_n > SMALL_REPLY_N &&
        h->n.buffered - x->conn->charged + r->body_n > h->o.buffer_bytes_max) {
        http_refuse_as(&x, HTTP_BUSY, STR("too many replies have not been taken by their peers"));
        return;
    }
    count(x, r->status);
    send_reply(x, r);
    exchange_free(x);
}

/* ---- streams ---- */

bool http_stream(struct exchange **xp, const struct http_reply *head, void (*on_close)(void *arg),
                 void *arg)
{
    struct exchange *x = *xp;
    CHECK(on_close != NULL);
    if (x->conn == NULL || x->request.head.method == HTTP_HEAD) {
        http_reply(xp, head);
        return false;
    }
    if (x->h->n.streams >= x->h->o.streams_max || x->h->stopping) {
        http_refuse_as(xp, HTTP_BUSY, STR("there are as many streams as are allowed"));
        return false;
    }
    x->h->n.streams++;
    x->on_close = on_close;
    x->on_close_arg = arg;
    count(x, head->status);
    put_fields(x, head);
    conn_charge(x->conn, 0);
    conn_enter(x->conn, CONN_STREAM);
    evhttp_send_reply_start(x->req, (int)head->status, NULL);
    return true;
}

size_t http_stream_unsent(const struct exchange *x)
{
    return evbuffer_get_length(bufferevent_get_output(x->conn->bev));
}

void http_stream_put(struct exchange *x, const void *p, size_t n)
{
    struct evbuffer *b = evbuffer_new();
    if (b == NULL || evbuffer_add(b, p, n) != 0)
        conn_doom(x->conn); /* never a stream with a hole in it */
    else
        evhttp_send_reply_chunk(x->req, b);
    if (b != NULL)
        evbuffer_free(b);
}

void http_stream_end(struct exchange **xp)
{
    struct exchange *x = *xp;
    struct conn *c = x->conn;
    *xp = NULL;
    x->h->n.streams--;
    x->on_close = NULL;
    c->x = NULL;
    conn_enter(c, CONN_SENDING);
    evhttp_send_reply_end(x->req);
    exchange_free(x);
}
