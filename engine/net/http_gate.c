/* The gate: holds a request back from evhttp until its head has been checked and its body is there.
 *
 * evhttp 2.1.12 has no hook before a request is complete, takes bare LF, folded lines and blanks
 * before colons, answers its own refusals in HTML, and lets a request drip for ever. So it is shown
 * none of this: when the real request is complete, or is to be refused, it leaves the buffer as an
 * exchange, and evhttp reads a few words of ours that stand for it. What came behind the request is
 * held until its reply has been sent; so pipelined requests are answered one after the other. */
#include "engine/net/http_internal.h"

#include "engine/base/check.h"

static void gate_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    gate_look(arg);
}

static void gate_open(struct conn *c)
{
    bufferevent_setcb(c->bev, c->evhttp_read, c->evhttp_write, c->evhttp_event, c->evcon);
}

/* The end of the peer, or idle for too long: evhttp closes. */
static void gate_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;
    gate_open(c);
    c->evhttp_event(bev, what, c->evcon);
}

void gate_stand(struct conn *c)
{
    void *arg = NULL;
    bufferevent_data_cb read;
    CHECK(c->state == CONN_FRESH);
    bufferevent_getcb(c->bev, &read, &c->evhttp_write, &c->evhttp_event, &arg);
    c->evhttp_read = read;
    if (read == NULL || arg == NULL) {
        c->evcon = NULL;
        return;
    }
    c->evcon = arg;
    conn_adopted(c);
    c->begin_ms = 0;
    c->scanned = 0;
    bufferevent_setcb(c->bev, gate_read, NULL, gate_event, c);
    conn_enter(c, CONN_HEAD);
    if (c->held != NULL && evbuffer_get_length(c->held) > 0)
        CHECK(evbuffer_prepend_buffer(bufferevent_get_input(c->bev), c->held) == 0);
}

/* ---- giving evhttp its words ---- */

/* evhttp answers in the version it was asked in, and goes on or closes as the words say. */
static size_t words_for(const struct exchange *x, char to[static 96])
{
    const struct http_head *head = &x->request.head;
    const char *connection = "";
    if (x->fault != HTTP_FINE || (!head->keep_alive && !head->http_1_0))
        connection = "Connection: close\r\n";
    else if (head->keep_alive && head->http_1_0)
        connection = "Connection: keep-alive\r\n";
    return text_fmt(to, 96, "%s / HTTP/1.%d\r\n%s\r\n", head->method == HTTP_HEAD ? "HEAD" : "GET",
                    head->http_1_0 ? 0 : 1, connection);
}

static void feed(struct conn *c, struct exchange *x)
{
    char words[96];
    size_t n = words_for(x, words);
    struct evbuffer *input = bufferevent_get_input(c->bev);
    c->x = x;
    conn_enter(c, CONN_HANDLING);
    if (evbuffer_get_length(input) > 0) {
        if (c->held == NULL)
            c->held = evbuffer_new();
        if (c->held == NULL || evbuffer_add_buffer(c->held, input) != 0) {
            conn_cut(c);
            return;
        }
    }
    gate_open(c);
    c->h->feeding = c;
    if (evbuffer_prepend(input, words, n) == 0)
        c->evhttp_read(c->bev, c->evcon); /* exchange_begin takes it from here */
    c->h->feeding = NULL;
    if (c->evcon != NULL && c->x == x && x->req == NULL)
        conn_cut(c); /* no memory */
}

void gate_fault(struct conn *c, enum http_problem p, const char *why)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    conn_charge(c, 0);
    c->linger = true;
    struct exchange *x = exchange_new(c, 0, 0);
    if (x == NULL) {
        conn_cut(c);
        return;
    }
    x->fault = p;
    x->fault_why = why;
    feed(c, x);
}

/* ---- looking ---- */

/* Blank lines before a request are left over from sloppy peers' bodies. False: half of one is
 * there. */
static bool skip_blank_lines(struct evbuffer *input)
{
    char two[2];
    ev_ssize_t n;
    while ((n = evbuffer_copyout(input, two, 2)) == 2 && two[0] == '\r' && two[1] == '\n')
        (void)evbuffer_drain(input, 2);
    return n != 1 || two[0] != '\r';
}

static void accept_head(struct conn *c, const char *p, size_t n)
{
    struct http_head head;
    const char *why = "";
    const struct http_options *o = &c->h->o;
    enum http_problem problem = http_head_read(p, n, &head, &why);
    if (problem == HTTP_FINE && head.body_bytes > o->body_bytes_max) {
        problem = HTTP_TOO_LARGE;
        why = "the body is over the limit (option http_body_bytes_max)";
    } else if (problem == HTTP_FINE && c->h->n.buffered + head.body_bytes > o->buffer_bytes_max) {
        problem = HTTP_BUSY;
        why = "too many bytes are in flight";
    }
    if (problem != HTTP_FINE) {
        gate_fault(c, problem, why);
        return;
    }
    c->head_n = n;
    c->body_n = (size_t)head.body_bytes;
    conn_charge(c, c->body_n);
    conn_enter(c, CONN_BODY);
    if (head.expects && evbuffer_get_length(bufferevent_get_input(c->bev)) == n) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        (void)bufferevent_write(c->bev, go_on, sizeof(go_on) - 1);
        (void)bufferevent_enable(c->bev, EV_WRITE);
    }
}

static void look_at_head(struct conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    if (c->scanned == 0 && !skip_blank_lines(input))
        return;
    size_t n = evbuffer_get_length(input), max = c->h->o.headers_bytes_max;
    if (n == 0)
        return;
    if (c->begin_ms == 0)
        c->begin_ms = loop_clock(c->h->loop)->mono_ms;
    n = n > max + 1 ? max + 1 : n;
    const char *p = (const char *)evbuffer_pullup(input, (ev_ssize_t)n);
    if (p == NULL) {
        conn_cut(c);
        return;
    }
    size_t end = http_head_end(p, n, c->scanned);
    if (end > 0 && end <= max)
        accept_head(c, p, end);
    else if (http_head_broken(p, n, c->scanned))
        gate_fault(c, HTTP_MALFORMED, "no HTTP request: lines end in CRLF and begin with a method");
    else if (n > max && memchr(p, '\n', n) == NULL)
        gate_fault(c, HTTP_URI_LONG,
                   "the request line is over the limit "
                   "(option http_headers_bytes_max)");
    else if (n > max)
        gate_fault(c, HTTP_HEADERS,
                   "the headers are over the limit "
                   "(option http_headers_bytes_max)");
    else
        c->scanned = n;
}

static void take_request(struct conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    struct exchange *x = exchange_new(c, c->head_n, c->body_n);
    const char *why;
    if (x == NULL) {
        gate_fault(c, HTTP_BUSY, "out of memory");
        return;
    }
    size_t n = c->head_n + c->body_n;
    CHECK(evbuffer_remove(input, x->text, n) == (int)n);
    CHECK(http_head_read(x->text, c->head_n, &x->request.head, &why) == HTTP_FINE);
    x->request.body = (struct str){x->text + c->head_n, c->body_n};
    feed(c, x);
}

void gate_look(struct conn *c)
{
    if (c->refused)
        return;
    if (c->state == CONN_HEAD)
        look_at_head(c);
    if (c->state == CONN_BODY &&
        evbuffer_get_length(bufferevent_get_input(c->bev)) >= c->head_n + c->body_n)
        take_request(c);
}
