/* Connections: how many, for how long, and how they end. The bufferevent is shared with evhttp by a
 * reference of ours, so it can outlive evhttp's part: what a refused peer still sends is read and
 * thrown away for a moment, or the kernel's reset would take the refusal from under its eyes. */
#include "engine/net/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "engine/base/check.h"
#include "engine/base/log.h"

#define LINGER_MS        1000
#define LINGER_BYTES_MAX ((size_t)1 << 20)
#define LINGERING_MAX    256                /* at once; one more is closed without grace */
#define READ_BYTES       ((size_t)64 << 10) /* of one connection at a time */

/* ---- lists ---- */

static void wait_remove(struct conn *c)
{
    if (!c->waiting)
        return;
    *(c->older ? &c->older->newer : &c->h->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &c->h->newest) = c->older;
    c->older = c->newer = NULL;
    c->waiting = false;
}

static void wait_append(struct conn *c)
{
    struct http *h = c->h;
    c->older = h->newest;
    *(h->newest ? &h->newest->newer : &h->oldest) = c;
    h->newest = c;
    c->waiting = true;
}

static void make_due(struct conn *c)
{
    if (c->due)
        return;
    c->due = true;
    c->next_due = c->h->due;
    c->h->due = c;
}

void conn_enter(struct conn *c, enum conn_state state)
{
    struct http *h = c->h;
    if (c->state == CONN_SENDING)
        h->sending--;
    if (state == CONN_SENDING)
        h->sending++;
    if (c->state == CONN_LINGER)
        h->lingering--;
    if (state == CONN_LINGER)
        h->lingering++;
    bool waits = state == CONN_FRESH || state == CONN_HEAD || state == CONN_BODY;
    if (!waits)
        wait_remove(c);
    else if (!c->waiting)
        wait_append(c);
    c->state = state;
    c->since_ms = loop_clock(h->loop)->mono_ms;
    if (state == CONN_FRESH || state == CONN_LINGER || state == CONN_DEAD)
        make_due(c);
}

void conn_charge(struct conn *c, size_t bytes)
{
    c->h->n.buffered += bytes;
    c->h->n.buffered -= c->charged;
    c->charged = bytes;
}

/* ---- birth ---- */

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;
    (void)input;
    if (info->n_added > 0 && c->state == CONN_FRESH)
        gate_stand(c);
}

struct bufferevent *conn_new(struct event_base *base, void *arg)
{
    struct http *h = arg;
    struct conn *c = calloc(1, sizeof(*c));
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (c != NULL && bev != NULL)
        c->input_cb = evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
    if (c == NULL || bev == NULL || c->input_cb == NULL) {
        free(c);
        return bev; /* evhttp refuses what comes without a gate (exchange_begin) */
    }
    bufferevent_incref(bev);
    bufferevent_setwatermark(bev, EV_READ, 0,
                             h->o.headers_bytes_max + (size_t)h->o.body_bytes_max + READ_BYTES);
    (void)bufferevent_set_max_single_read(bev, READ_BYTES);
    c->h = h;
    c->bev = bev;
    if (h->n.connections - h->lingering >= h->o.connections_max) {
        c->refused = h->oldest == NULL;
        if (!c->refused) {
            h->n.evicted++;
            conn_cut(h->oldest);
        }
    }
    c->next = h->conns;
    if (h->conns != NULL)
        h->conns->prev = c;
    h->conns = c;
    h->n.connections++;
    h->n.accepted++;
    conn_enter(c, CONN_FRESH);
    return bev;
}

static bool over_address_limit(const struct conn *c)
{
    uint32_t n = 0;
    if (c->h->o.connections_per_address_max == 0)
        return false;
    for (const struct conn *o = c->h->conns; o != NULL; o = o->next)
        n += strcmp(o->peer, c->peer) == 0;
    return n > c->h->o.connections_per_address_max;
}

static void name_peer(struct conn *c)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof(a);
    const void *address = NULL;
    if (getpeername(bufferevent_getfd(c->bev), (struct sockaddr *)&a, &n) != 0)
        return;
    if (a.ss_family == AF_INET)
        address = &((struct sockaddr_in *)&a)->sin_addr;
    else if (a.ss_family == AF_INET6)
        address = &((struct sockaddr_in6 *)&a)->sin6_addr;
    if (address != NULL && inet_ntop(a.ss_family, address, c->peer, sizeof(c->peer)) == NULL)
        c->peer[0] = '\0';
}

/* ---- death ---- */

void conn_cut(struct conn *c)
{
    if (c->evcon != NULL) {
        evhttp_connection_free(c->evcon); /* on_close follows */
    } else if (c->state == CONN_FRESH) {
        c->refused = true; /* evhttp has only just got it; it goes at the end of the turn */
        wait_remove(c);
    }
}

void conn_doom(struct conn *c)
{
    c->doomed = true;
    make_due(c);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct conn *c = arg;
    (void)evcon;
    c->evcon = NULL;
    if (c->x != NULL)
        exchange_lost(c->x);
    c->x = NULL;
    conn_charge(c, 0);
    bool graceful = c->linger && c->h->lingering < LINGERING_MAX;
    conn_enter(c, graceful ? CONN_LINGER : CONN_DEAD);
}

static void release(struct conn *c)
{
    struct http *h = c->h;
    wait_remove(c);
    *(c->prev != NULL ? &c->prev->next : &h->conns) = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    h->n.connections--;
    conn_charge(c, 0);
    bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
    (void)bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    (void)evbuffer_remove_cb_entry(bufferevent_get_input(c->bev), c->input_cb);
    if (c->held != NULL)
        evbuffer_free(c->held);
    (void)bufferevent_decref(c->bev); /* closes the socket */
    free(c);
}

static void linger_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    c->drained += evbuffer_get_length(input);
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    if (c->drained > LINGER_BYTES_MAX)
        conn_enter(c, CONN_DEAD);
}

static void linger_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev, (void)what;
    conn_enter(arg, CONN_DEAD);
}

static void linger(struct conn *c)
{
    bufferevent_setcb(c->bev, linger_read, NULL, linger_event, c);
    if (bufferevent_enable(c->bev, EV_READ) != 0)
        conn_enter(c, CONN_DEAD);
    else
        linger_read(c->bev, c);
}

/* ---- turns ---- */

static void refuse(struct conn *c)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    c->h->n.refused++;
    /* A courtesy: a socket this young takes it at once, or it does without. */
    (void)!send(bufferevent_getfd(c->bev), text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    c->linger = true;
    conn_cut(c);
}

/* evhttp has it, perhaps for the first time. */
static void adopt(struct conn *c)
{
    if (c->state == CONN_FRESH)
        gate_stand(c);
    if (c->evcon == NULL) { /* evhttp has given up on it for want of memory */
        conn_enter(c, CONN_DEAD);
        return;
    }
    bool first = !c->known;
    c->known = true;
    if (c->refused || (first && over_address_limit(c)))
        refuse(c);
    else
        gate_look(c);
}

void conn_adopted(struct conn *c)
{
    evhttp_connection_set_closecb(c->evcon, on_close, c);
    if (c->peer[0] == '\0')
        name_peer(c);
}

void conn_turn(struct http *h)
{
    while (h->due != NULL) {
        struct conn *c = h->due;
        h->due = c->next_due;
        c->due = false;
        if (c->doomed)
            conn_cut(c);
        else if (c->state == CONN_FRESH || (!c->known && c->evcon != NULL))
            adopt(c);
        else if (c->state == CONN_LINGER)
            linger(c);
        if (c->state == CONN_DEAD && !c->due)
            release(c);
    }
}

static void look_at_time(struct conn *c, int64_t now_ms)
{
    const struct http_options *o = &c->h->o;
    bool begun = c->begin_ms != 0;
    if (c->state == CONN_LINGER && now_ms - c->since_ms > LINGER_MS) {
        conn_enter(c, CONN_DEAD);
    } else if (c->state == CONN_SENDING && now_ms - c->since_ms > o->answer_ms) {
        c->h->n.timed_out++;
        conn_cut(c);
    } else if (c->state != CONN_HEAD && c->state != CONN_BODY) {
        return;
    } else if (begun && now_ms - c->begin_ms > o->request_ms) {
        c->h->n.timed_out++;
        gate_fault(c, HTTP_TIMEOUT, "the request was not complete in time");
    } else if (!begun && !c->served && now_ms - c->since_ms > o->request_ms) {
        conn_cut(c); /* it never said anything */
    }
}

void conn_sweep(struct http *h)
{
    int64_t now_ms = loop_clock(h->loop)->mono_ms;
    for (struct conn *c = h->conns, *next; c != NULL; c = next) {
        next = c->next; /* nothing is freed before conn_turn */
        look_at_time(c, now_ms);
    }
}

void conn_free_all(struct http *h)
{
    for (struct conn *c = h->conns, *next; c != NULL; c = next) {
        next = c->next;
        release(c);
    }
    h->due = NULL;
}
