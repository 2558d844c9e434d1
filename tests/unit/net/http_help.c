/* Handlers of all kinds, and peers that say exactly what a test wants said. */
#include "tests/unit/net/http_help.h"

/* ---- handlers ---- */

static void on_hello(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    f->calls++;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = "hello", .body_n = 5};
    http_reply(&x, &r);
}

static void on_echo(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    struct str body = http_request_of(x)->body;
    f->calls++;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = body.p, .body_n = body.n};
    http_reply(&x, &r);
}

static void on_at(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    const struct http_request *q = http_request_of(x);
    size_t n = 0;
    for (uint32_t i = 0; i < q->at_n; i++)
        n += text_fmt(f->seen + n, sizeof(f->seen) - n, "<%.*s>", (int)q->at[i].n, q->at[i].p);
    text_fmt(f->seen + n, sizeof(f->seen) - n, "%s", q->route);
    struct http_reply r = {.status = 204};
    http_reply(&x, &r);
}

static void on_later(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    CHECK(f->held_n < N_OF(f->held));
    f->held[f->held_n++] = x;
}

static void on_big(void *arg, struct exchange *x)
{
    static const size_t n = (size_t)3 << 20;
    char *body = calloc(1, n);
    (void)arg;
    struct http_reply r = {.status = 200, .type = "text/plain", .body = body, .body_n = n};
    http_reply(&x, &r);
    free(body);
}

static void on_stream_close(void *arg)
{
    struct fixture *f = arg;
    f->stream = NULL;
    f->stream_closed++;
}

static void on_stream(void *arg, struct exchange *x)
{
    struct fixture *f = arg;
    struct http_reply r = {.status = 200, .type = "text/event-stream"};
    if (http_stream(&x, &r, on_stream_close, f))
        f->stream = x;
}

/* ---- fixture ---- */

void serve(struct fixture *f)
{
    char why[256] = "";
    if (http_open(f->loop, &f->o, &f->http, why) != ST_OK)
        fail_msg("%s", why);
    http_route(f->http, HTTP_GET, "/hello", on_hello, f);
    http_route(f->http, HTTP_POST, "/echo", on_echo, f);
    http_route(f->http, HTTP_GET, "/big", on_big, f);
    http_route(f->http, HTTP_GET, "/later", on_later, f);
    http_route(f->http, HTTP_POST, "/later", on_later, f);
    http_route(f->http, HTTP_GET, "/stream", on_stream, f);
    http_route(f->http, HTTP_GET, "/a/{x}", on_at, f);
    http_route(f->http, HTTP_GET, "/a/{x}/b/{y}", on_at, f);
    http_route(f->http, HTTP_POST, "/a/fixed", on_at, f);
    http_route(f->http, HTTP_GET, "/page/*", on_at, f);
    http_route(f->http, HTTP_DELETE, "/slash/", on_at, f);
}

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->o = http_options_default;
    f->o.listen = "127.0.0.1:*";
    return loop_new(&f->loop) == ST_OK ? 0 : -1;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    http_close(&f->http);
    for (unsigned i = 0; i < f->held_n; i++)
        if (f->held[i] != NULL)
            http_refuse(&f->held[i], ST_SHUTTING_DOWN, STR(""));
    loop_turn(f->loop, 0);
    loop_free(&f->loop);
    for (unsigned i = 0; i < f->peers_n; i++) {
        if (f->peers[i]->fd >= 0)
            (void)close(f->peers[i]->fd);
        free(f->peers[i]);
    }
    free(f);
    return 0;
}

struct peer *dial(struct fixture *f)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t port = 0;
    const char *colon = strrchr(http_address(f->http), ':');
    assert_int_equal(text_u64(str_of(colon + 1), &port), ST_OK);
    a.sin_port = htons((uint16_t)port);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    CHECK(f->peers_n < PEERS_MAX);
    f->peers[f->peers_n++] = p;
    return p;
}

void say(struct peer *p, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(p->fd, text, n, MSG_NOSIGNAL), n);
}

static void listen_to(struct peer *p)
{
    ssize_t n = recv(p->fd, p->got + p->n, sizeof(p->got) - 1 - p->n, MSG_DONTWAIT);
    if (n > 0)
        p->n += (size_t)n;
    p->closed |= n == 0 || (n < 0 && errno != EAGAIN);
    p->got[p->n] = '\0';
}

bool heard(struct peer *p, const char *text)
{
    listen_to(p);
    return strstr(p->got, text) != NULL;
}

bool hung_up(struct peer *p)
{
    listen_to(p);
    return p->closed;
}

/* Forget what was heard. */
void fresh(struct peer *p)
{
    p->n = 0;
    p->got[0] = '\0';
}

struct http_counters counters(const struct fixture *f)
{
    struct http_counters n;
    http_counters(f->http, &n);
    return n;
}
