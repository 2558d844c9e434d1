/* The server: its socket, its place in a turn, and what it counts. */
#include "engine/net/http.h"

#include "engine/net/http_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/log.h"

#define BACKLOG         4096
#define SWEEP_MS        100
#define ACCEPT_AGAIN_MS 100

const struct http_options http_options_default = {
    .listen = "127.0.0.1:7700",
    .headers_bytes_max = 8192,
    .body_bytes_max = UINT64_C(1) << 20,
    .connections_max = 2000,
    .request_ms = 10000,
    .idle_ms = 60000,
    .answer_ms = 60000,
    .buffer_bytes_max = UINT64_C(64) << 20,
    .streams_max = 500,
};

/* ---- listening ---- */

static bool split(const char *listen, char host[static 256], char port[static 8])
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || (size_t)(colon - listen) > 255 || strlen(colon + 1) > 7)
        return false;
    size_t n = (size_t)(colon - listen);
    if (n >= 2 && listen[0] == '[' && listen[n - 1] == ']') {
        listen++;
        n -= 2;
    }
    memcpy(host, listen, n);
    host[n] = '\0';
    text_fmt(port, 8, "%s", strcmp(colon + 1, "*") == 0 ? "0" : colon + 1);
    return true;
}

static int listen_on(const struct addrinfo *a)
{
    int yes = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* Accepted sockets take TCP_NODELAY over from this one. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static void name_address(struct http *h, int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof(a);
    char host[HTTP_PEER_BYTES] = "?", port[8] = "0";
    (void)getsockname(fd, (struct sockaddr *)&a, &n);
    (void)getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
                      NI_NUMERICHOST | NI_NUMERICSERV);
    text_fmt(h->address, sizeof(h->address), a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
}

/* ST_OK: *fd listens. */
static enum status open_socket(struct http *h, int *fd, char why[static 256])
{
    char host[256], port[8];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (!split(h->o.listen, host, port)) {
        text_fmt(why, 256, "http_listen is \"%.100s\"; allowed: HOST:PORT", h->o.listen);
        return ST_USAGE;
    }
    bool all = strcmp(host, "*") == 0;
    int error = getaddrinfo(all ? NULL : host, port, &hints, &found);
    if (error != 0) {
        text_fmt(why, 256, "cannot listen on %.100s: %s", h->o.listen, gai_strerror(error));
        return ST_USAGE;
    }
    *fd = listen_on(found);
    error = errno;
    freeaddrinfo(found);
    if (*fd < 0) {
        text_fmt(why, 256, "cannot listen on %.100s: %s", h->o.listen, strerror(error));
        return ST_IO_ERROR;
    }
    name_address(h, *fd);
    return ST_OK;
}

/* ---- accepting fails ---- */

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
    struct http *h = arg;
    (void)fd, (void)what;
    (void)evconnlistener_enable(h->listener);
}

/* Without a free file the connection that waits would make the listener ready for ever: let it in
 * with the spare file, hang up, and do not look again for a moment. */
static void shed(struct http *h)
{
    const struct timeval wait = {0, ACCEPT_AGAIN_MS * 1000};
    h->n.accept_failed++;
    (void)evconnlistener_disable(h->listener);
    if (h->spare_fd >= 0) {
        (void)close(h->spare_fd);
        int fd = accept(evconnlistener_get_fd(h->listener), NULL, NULL);
        if (fd >= 0)
            (void)close(fd);
        h->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    (void)event_add(h->accept_again, &wait);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http *h = arg;
    (void)fd, (void)what;
    conn_sweep(h);
}

struct owner {
    const struct evconnlistener *listener;
    struct http *h;
};

static int find_owner(const struct event_base *base, const struct event *e, void *arg)
{
    struct owner *o = arg;
    (void)base;
    if (event_get_callback(e) != on_sweep)
        return 0;
    struct http *h = event_get_callback_arg(e);
    if (h->listener == o->listener)
        o->h = h;
    return o->h != NULL;
}

/* The listener's argument is evhttp's; ours is found by the timer that always runs. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    struct owner o = {listener, NULL};
    (void)arg;
    (void)event_base_foreach_event(evconnlistener_get_base(listener), find_owner, &o);
    CHECK(o.h != NULL);
    shed(o.h);
}

/* ---- turns ---- */

static bool on_ready(void *arg)
{
    const struct http *h = arg;
    return h->first != NULL || h->due != NULL;
}

static void on_run(void *arg)
{
    struct http *h = arg;
    exchange_turn(h);
    conn_turn(h);
}

/* ---- open and close ---- */

static void on_evhttp_log(int severity, const char *text)
{
    log_line(severity >= EVENT_LOG_WARN ? LOG_WARN : LOG_DEBUG, "net", "event=libevent note=\"%s\"",
             text);
}

static enum status open_events(struct http *h)
{
    struct event_base *base = loop_base(h->loop);
    const struct timeval period = {0, SWEEP_MS * 1000};
    event_set_log_callback(on_evhttp_log);
    h->evhttp = evhttp_new(base);
    h->accept_again = event_new(base, -1, 0, on_accept_again, h);
    h->sweep = event_new(base, -1, EV_PERSIST, on_sweep, h);
    if (h->evhttp == NULL || h->accept_again == NULL || h->sweep == NULL ||
        event_add(h->sweep, &period) != 0)
        return ST_NO_MEMORY;
    evhttp_set_bevcb(h->evhttp, conn_new, h);
    evhttp_set_gencb(h->evhttp, exchange_begin, h);
    evhttp_set_default_content_type(h->evhttp, NULL);
    evhttp_set_allowed_methods(h->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(h->evhttp, 1024); /* of our own words */
    evhttp_set_max_body_size(h->evhttp, 0);
    const struct timeval idle = {h->o.idle_ms / 1000, h->o.idle_ms % 1000 * 1000};
    evhttp_set_timeout_tv(h->evhttp, &idle);
    return loop_source(h->loop, on_ready, on_run, h, &h->source);
}

static enum status open_listener(struct http *h, char why[static 256])
{
    int fd;
    enum status st = open_socket(h, &fd, why);
    if (st != ST_OK)
        return st;
    h->listener = evconnlistener_new(loop_base(h->loop), NULL, NULL,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (h->listener == NULL || evhttp_bind_listener(h->evhttp, h->listener) == NULL) {
        if (h->listener != NULL)
            evconnlistener_free(h->listener);
        else
            (void)close(fd);
        return ST_NO_MEMORY;
    }
    evconnlistener_set_error_cb(h->listener, on_accept_failed);
    return ST_OK;
}

enum status http_open(struct loop *l, const struct http_options *options, struct http **out,
                      char why[static 256])
{
    struct http *h = calloc(1, sizeof(*h));
    text_fmt(why, 256, "out of memory");
    if (h == NULL)
        return ST_NO_MEMORY;
    h->loop = l;
    h->o = *options;
    h->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    enum status st = open_events(h);
    if (st == ST_OK)
        st = open_listener(h, why);
    h->o.listen = NULL;
    if (st != ST_OK)
        http_close(&h);
    else
        *out = h;
    return st;
}

/* Handlers may still hold exchanges: they answer into the void. */
static void orphan(struct http *h)
{
    while (h->first != NULL) {
        struct exchange *x = h->first;
        if (x->conn != NULL)
            x->conn->x = NULL;
        exchange_free(x);
    }
}

void http_close(struct http **hp)
{
    struct http *h = *hp;
    if (h == NULL)
        return;
    *hp = NULL;
    if (h->evhttp != NULL)
        evhttp_free(h->evhttp); /* closes the listener and every connection */
    orphan(h);
    conn_free_all(h);
    source_free(&h->source);
    if (h->accept_again != NULL)
        event_free(h->accept_again);
    if (h->sweep != NULL)
        event_free(h->sweep);
    if (h->spare_fd >= 0)
        (void)close(h->spare_fd);
    h->closed = true;
    if (h->exchanges == 0)
        free(h); /* else with the last of them */
}

const char *http_address(const struct http *h)
{
    return h->address;
}

void http_stop(struct http *h)
{
    h->stopping = true;
    for (struct conn *c = h->conns; c != NULL; c = c->next) {
        if (c->state != CONN_STREAM)
            continue;
        struct exchange *x = c->x;
        x->on_close(x->on_close_arg);
        http_stream_end(&x);
    }
}

bool http_idle(const struct http *h)
{
    return h->exchanges == h->n.streams && h->sending == 0;
}

void http_counters(const struct http *h, struct http_counters *out)
{
    *out = h->n;
}

const struct metric_hist *http_times(const struct http *h)
{
    return &h->times;
}
