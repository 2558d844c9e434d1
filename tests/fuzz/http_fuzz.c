/* What a peer sends to the HTTP port: the real server and its routes over loopback, with a real
 * engine behind them. Holds: every complete request gets exactly one whole answer, in order; every
 * answer is HTTP/1.1 as RFC 9112 has it, of the length that it says, and JSON where it says so; and
 * nothing is held back when all was said.
 *
 *   how(1)   low 4 bits: bytes are sent in pieces of 2 to the power of that, but for 15: at once
 *            bit 4: the peer shuts its side down behind the last byte
 *            bit 5: the peer goes away without reading anything
 *   bytes    as they are sent */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "collectors/ingest_http.h"
#include "engine/base/check.h"
#include "engine/edge/http_api.h"
#include "engine/edge/http_page.h"
#include "tests/unit/ingest/ingest_help.h"

#define BODY_MAX      ((size_t)16 << 10)
#define HEAD_MAX      ((size_t)4 << 10)
#define REQUESTS_MAX  64
#define WAIT_MS       5000
#define ANSWERS_BYTES ((size_t)64 << 20)

static struct fuzz {
    struct engine engine;
    struct facts *facts;
    struct http *http;
    struct http_auth auth;
    struct http_api *api;
    struct ingest_http *events;
    struct webhooks *webhooks;
    struct page_table page;
    struct sockaddr_in address;
    struct buf got;
} * fuzz;

/* ---- the server ---- */

static bool identify(void *arg, struct exchange **x, struct ingest_http_sender *out)
{
    struct http_identity who;
    if (!http_auth_check(arg, HTTP_MAY_PUBLISH, x, &who))
        return false;
    *out = (struct ingest_http_sender){.has_account = who.has_account,
                                       .has_app = who.has_app,
                                       .account = who.account,
                                       .app = who.app};
    return true;
}

/* One sender of each kind. */
static void open_webhooks(struct fuzz *f)
{
    static const char text[] = "crm hubspot yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy\n"
                               "code github It's-a-Secret-to-Everybody\n";
    char path[64], why[256];
    const int fd = memfd_create("webhooks", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(fchmod(fd, 0600) == 0);
    CHECK(write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
    text_fmt(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK(webhooks_load(path, &f->webhooks, why) == ST_OK);
    (void)close(fd);
}

static void open_http(struct fuzz *f)
{
    struct engine *e = &f->engine;
    struct http_options o = http_options_default;
    char why[256];
    unsigned port;
    o.listen = "127.0.0.1:*";
    o.headers_bytes_max = HEAD_MAX;
    o.body_bytes_max = BODY_MAX;
    o.streams_max = 4;
    CHECK(http_open(e->loop, &o, &f->http, why) == ST_OK);
    CHECK(sscanf(http_address(f->http), "127.0.0.1:%u", &port) == 1);
    f->address = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    http_auth_init(&f->auth, "");
    open_webhooks(f);
    const struct http_api_setup api = {e->loop,  f->http,  e->ingest,
                                       f->facts, &f->auth, o.headers_bytes_max};
    const struct ingest_http_setup events = {f->http,  e->ingest, e->loop,    identify,
                                             &f->auth, "",        f->webhooks};
    CHECK(http_api_open(&api, &f->api) == ST_OK);
    CHECK(ingest_http_open(&events, &f->events) == ST_OK);
    f->page = (struct page_table){.files = page_files, .n = page_files_n, .policy = page_policy};
    http_page_open(f->http, &f->page);
}

static void end(void)
{
    struct fuzz *f = fuzz;
    http_close(&f->http);
    engine_settle(&f->engine);
    ingest_http_close(&f->events);
    webhooks_free(&f->webhooks);
    http_api_close(&f->api);
    facts_free(&f->facts);
    engine_free(&f->engine);
    buf_fini(&f->got);
    free(f);
}

static void begin(void)
{
    struct fuzz *f = fuzz = calloc(1, sizeof(*f));
    CHECK(f != NULL);
    f->got = buf_of(ANSWERS_BYTES);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as the daemon does */
    if (access("/dev/shm", W_OK) == 0)
        CHECK(setenv("TMPDIR", "/dev/shm", 0) == 0);
    engine_new(&f->engine);
    f->engine.options.pending_bytes = UINT64_C(32) << 20;
    f->engine.options.checkpoint_ms = 1000;
    engine_start(&f->engine);
    struct facts_setup setup = {.loop = f->engine.loop,
                                .ingest = f->engine.ingest,
                                .front = f->engine.front,
                                .days = f->engine.days,
                                .page_rows_max = 100};
    CHECK(facts_new(&setup, &f->facts) == ST_OK);
    open_http(f);
    CHECK(atexit(end) == 0);
}

/* ---- what was asked ---- */

struct asked {
    unsigned n;
    bool head[REQUESTS_MAX]; /* HEAD: its answer has no body */
    bool too_many;           /* there are more than fit: nothing is said about the rest */
};

/* Add one request of the head at p, which is whole; returns its length, or 0 when it is the last:
 * it is refused, or not complete, or closes. */
static size_t ask_one(struct asked *a, const char *p, size_t n, size_t head_n)
{
    struct http_head head;
    const char *why;
    const bool fine = head_n <= HEAD_MAX && http_head_read(p, head_n, &head, &why) == HTTP_FINE &&
                      head.body_bytes <= BODY_MAX;
    if (fine && head.body_bytes > n - head_n)
        return 0;
    if (a->n == REQUESTS_MAX) {
        a->too_many = true;
        return 0;
    }
    a->head[a->n++] = fine && head.method == HTTP_HEAD;
    return fine && head.keep_alive ? head_n + (size_t)head.body_bytes : 0;
}

static bool is_refused_early(const char *p, size_t n)
{
    return n > HEAD_MAX || http_head_broken(p, n, 0);
}

/* The requests that these bytes hold, as far as anybody can tell: behind a refusal nothing is read.
 */
static void find_requests(const char *p, size_t n, struct asked *a)
{
    *a = (struct asked){0};
    while (n > 0 && a->n < REQUESTS_MAX) {
        while (n >= 2 && p[0] == '\r' && p[1] == '\n') {
            p += 2;
            n -= 2;
        }
        const size_t head_n = http_head_end(p, n, 0);
        size_t used = 0;
        if (head_n > 0)
            used = ask_one(a, p, n, head_n);
        else if (n > 0 && !(n == 1 && p[0] == '\r') && is_refused_early(p, n))
            a->head[a->n++] = false;
        if (used == 0)
            return;
        p += used;
        n -= used;
    }
    a->too_many |= n > 0;
}

/* ---- what was answered ---- */

struct answers {
    unsigned n;  /* whole ones */
    bool stream; /* the last one has no end */
    bool closes; /* the last one said so */
};

static struct str field_of(struct str head, const char *lower)
{
    struct str rest = head;
    while (rest.n > 0) {
        const char *end_of = memchr(rest.p, '\r', rest.n);
        const size_t n = end_of == NULL ? rest.n : (size_t)(end_of - rest.p);
        const char *colon = memchr(rest.p, ':', n);
        if (colon != NULL && http_name_eq((struct str){rest.p, (size_t)(colon - rest.p)}, lower)) {
            struct str v = {colon + 1, (size_t)(rest.p + n - colon) - 1};
            while (v.n > 0 && v.p[0] == ' ')
                v = (struct str){v.p + 1, v.n - 1};
            return v;
        }
        rest = (struct str){rest.p + n, rest.n - n};
        for (unsigned i = 0; i < 2 && rest.n > 0; i++)
            rest = (struct str){rest.p + 1, rest.n - 1};
    }
    return (struct str){NULL, 0};
}

static void check_json(struct str head, struct str body)
{
    const struct str type = field_of(head, "content-type");
    json_error_t error;
    if (field_of(head, "content-encoding").p != NULL)
        return;
    if (!str_eq(type, STR("application/json")) && !str_eq(type, STR("application/problem+json")))
        return;
    json_t *v = json_loadb(body.p, body.n,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    CHECK(v != NULL);
    json_decref(v);
}

static unsigned status_of_head(struct str head)
{
    unsigned status = 0;
    CHECK(head.n > 12);
    CHECK(memcmp(head.p, "HTTP/1.1 ", 9) == 0 || memcmp(head.p, "HTTP/1.0 ", 9) == 0);
    for (size_t i = 9; i < 12; i++) {
        CHECK(head.p[i] >= '0' && head.p[i] <= '9');
        status = status * 10 + (unsigned)(head.p[i] - '0');
    }
    return status;
}

/* One answer at p, if it is whole; returns its length, else 0. */
static size_t read_answer(struct str s, bool of_head, struct answers *a)
{
    const size_t head_n = http_head_end(s.p, s.n, 0);
    if (head_n == 0)
        return 0;
    const struct str head = {s.p, head_n}, length = field_of(head, "content-length");
    const unsigned status = status_of_head(head);
    uint64_t body_n = 0;
    if (status == 100)
        return head_n;
    CHECK(status >= 200 && status < 600);
    a->closes = http_has_token(field_of(head, "connection"), "close");
    if (str_eq(field_of(head, "content-type"), STR("text/event-stream")) && !of_head) {
        a->stream = true;
        return 0;
    }
    CHECK(field_of(head, "transfer-encoding").p == NULL);
    if (status != 204 && status != 304)
        CHECK(text_u64(length, &body_n) == ST_OK);
    if (of_head)
        body_n = 0;
    if (s.n - head_n < body_n)
        return 0;
    if (body_n > 0)
        check_json(head, (struct str){s.p + head_n, (size_t)body_n});
    a->n++;
    return head_n + (size_t)body_n;
}

static void find_answers(const struct asked *asked, struct answers *a)
{
    struct str rest = {(const char *)fuzz->got.p, fuzz->got.n};
    *a = (struct answers){0};
    while (rest.n > 0 && a->n < REQUESTS_MAX) {
        const bool of_head = a->n < asked->n && asked->head[a->n];
        const size_t used = read_answer(rest, of_head, a);
        if (used == 0)
            return;
        rest = (struct str){rest.p + used, rest.n - used};
        CHECK(a->n <= asked->n || asked->too_many); /* else nobody asked for it */
        CHECK(!a->closes || a->n == asked->n || asked->too_many);
    }
}

/* ---- the peer ---- */

/* False: the server has hung up. */
static bool hear(int fd)
{
    uint8_t bytes[16384];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        buf_put(&fuzz->got, bytes, (size_t)n);
    CHECK(!fuzz->got.bad);
    return n < 0 && errno == EAGAIN;
}

static void say(int fd, const char *p, size_t n, size_t piece)
{
    for (size_t at = 0; at < n;) {
        const size_t want = n - at < piece ? n - at : piece;
        const ssize_t got = send(fd, p + at, want, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (got < 0 && errno != EAGAIN)
            return; /* refused: the server need not read the rest */
        at += got > 0 ? (size_t)got : 0;
        loop_turn(fuzz->engine.loop, 0);
        (void)hear(fd);
    }
}

/* Turn until everything that was asked is answered. */
static void wait_for(int fd, const struct asked *asked, bool half_closed)
{
    const int64_t until_ms = clock_now().mono_ms + WAIT_MS;
    struct answers a;
    for (bool on = true;; on = hear(fd)) {
        find_answers(asked, &a);
        if (a.stream || asked->too_many || a.n >= asked->n)
            break;
        if (half_closed && a.n > 0 && !on)
            break; /* what it asked behind the first may be lost with its side */
        CHECK(on);
        CHECK(clock_now().mono_ms < until_ms);
        loop_turn(fuzz->engine.loop, 10);
    }
    for (unsigned i = 0; i < 3; i++) { /* and nothing more */
        loop_turn(fuzz->engine.loop, 0);
        (void)hear(fd);
    }
    find_answers(asked, &a);
}

static int dial(void)
{
    const struct linger at_once = {.l_onoff = 1}; /* no port waits for its old peers */
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    int rc;
    do /* libFuzzer's own alarm may strike; Linux waits on when asked again */
        rc = connect(fd, (const struct sockaddr *)&fuzz->address, sizeof(fuzz->address));
    while (rc != 0 && errno == EINTR);
    CHECK(rc == 0);
    return fd;
}

static void hang_up(int fd)
{
    const int64_t until_ms = clock_now().mono_ms + WAIT_MS;
    struct http_counters n;
    (void)close(fd);
    for (http_counters(fuzz->http, &n); n.connections > 0; http_counters(fuzz->http, &n)) {
        CHECK(clock_now().mono_ms < until_ms);
        loop_turn(fuzz->engine.loop, 10);
    }
    engine_settle(&fuzz->engine);
    CHECK(http_idle(fuzz->http));
    http_counters(fuzz->http, &n);
    CHECK(n.buffered == 0);
    CHECK(n.streams == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct asked asked;
    if (fuzz == NULL)
        begin();
    if (n < 2)
        return 0;
    const uint8_t how = data[0];
    const char *p = (const char *)data + 1;
    const int fd = dial();
    buf_reset(&fuzz->got);
    find_requests(p, n - 1, &asked);
    /* A byte a turn is for what is short. */
    size_t piece = (how & 15) == 15 ? n : (size_t)1 << (how & 15);
    piece = piece < n / 64 ? n / 64 : piece;
    say(fd, p, n - 1, piece);
    if (how & 16)
        (void)shutdown(fd, SHUT_WR); /* the server may have gone */
    if (!(how & 32))
        wait_for(fd, &asked, how & 16);
    hang_up(fd);
    return 0;
}
