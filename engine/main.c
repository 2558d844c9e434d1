/* daybookd: wiring only. Options to parts, parts to each other, signals to stop and reload. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "aggregators/tables.h"
#include "collectors/collect_zmq.h"
#include "collectors/ingest_http.h"
#include "collectors/webhook.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/config/config.h"
#include "engine/edge/feed.h"
#include "engine/edge/http_api.h"
#include "engine/edge/http_page.h"
#include "engine/edge/query_socket.h"
#include "engine/ingest/ingest.h"
#include "engine/ingest/recorder.h"
#include "engine/ingest/tables.h"
#include "engine/net/loop.h"
#include "engine/net/zsock.h"
#include "engine/options.h"
#include "engine/store/store.h"
#include "schemas/json_start.h"

#define WHY_BYTES        256
#define STOP_MS          4000 /* answering what was received may take so long */
#define STOP_QUIET_MS    150  /* nothing came for so long: nothing more was on its way */
#define READERS_CHECK_MS 30000
/* A clean stop merges what is pending if that is quick; else the next start reads the log. */
#define STOP_MERGE_BYTES (UINT64_C(64) << 20)

struct daemon {
    struct config_words words;
    struct config config;
    struct loop *loop;
    struct znet *net;
    struct store *front;
    struct store *days;
    struct ingest *ingest;
    struct recorder *recorder;
    struct collect_zmq *router;
    struct collect_zmq *pull;
    struct facts *facts;
    struct query_socket *query;
    struct feed *feed;
    struct http *http;
    struct http_auth auth;
    struct page_table page;
    struct http_api *api;
    struct ingest_http *events;
    struct webhooks *webhooks;
    struct timer *readers_check;
};

/* ---- options ---- */

static void log_options(const struct config *c)
{
    log_setup((enum log_level)c->log_level, c->log_format == CONFIG_LOG_JSON);
}

/* Findings of the configuration as log lines. */
static void log_report(const struct config_report *report, enum log_level level, const char *event)
{
    const char *line = report->text;

    while (*line != '\0') {
        size_t n = strcspn(line, "\n");

        log_line(level, "main", "event=%s note=\"%.*s\"", event, (int)n, line);
        line += n + (line[n] == '\n');
    }
}

/* ---- exit codes ---- */

static int exit_code(enum status st)
{
    switch ((int)st) {
    case ST_OK:
        return EX_OK;
    case ST_CORRUPT:
    case ST_OTHER_FORMAT:
        return EX_DATAERR;
    case ST_BUSY:
    case ST_NO_MEMORY:
        return EX_UNAVAILABLE;
    case ST_USAGE:
        return EX_CONFIG;
    default:
        return EX_IOERR;
    }
}

static int fatal(const char *what, enum status st, const char *why)
{
    log_line(LOG_ERROR, "main", "event=fatal part=%s status=%s error=\"%s\"", what,
             status_row(st)->name, why);
    return exit_code(st);
}

/* ---- signals ---- */

static void on_stop(void *arg)
{
    struct daemon *d = arg;

    log_line(LOG_INFO, "main", "event=stopping");
    loop_stop(d->loop);
}

/* Secrets are read anew although their file's name is the old one. */
static bool reload_webhooks(struct daemon *d, const char *path)
{
    struct webhooks *next;
    char why[WHY_BYTES];

    if (webhooks_load(path, &next, why) != ST_OK) {
        log_line(LOG_ERROR, "main", "event=reload_refused part=webhooks error=\"%s\"", why);
        return false;
    }
    if (d->events != NULL)
        ingest_http_webhooks(d->events, next);
    webhooks_free(&d->webhooks);
    d->webhooks = next;
    return true;
}

static void on_reload(void *arg)
{
    struct daemon *d = arg;
    struct config next = d->config;
    struct config_report report;
    struct ingest_options options;

    if (config_reload(&d->config, &d->words, &next, &report) != ST_OK) {
        log_report(&report, LOG_ERROR, "reload_refused");
        if (d->api != NULL)
            http_api_reloaded(d->api, false);
        return;
    }
    if (!reload_webhooks(d, next.webhooks)) {
        if (d->api != NULL)
            http_api_reloaded(d->api, false);
        return;
    }
    d->config = next;
    log_options(&d->config);
    log_report(&report, LOG_WARN, "reload_note");
    options = options_of_ingest(&d->config);
    ingest_reload(d->ingest, &options);
    facts_reload(d->facts, (uint32_t)next.page_rows_max, next.answer_bytes_max);
    facts_enforce_beta(d->facts, next.enforce_beta);
    if (d->api != NULL)
        http_api_reloaded(d->api, true);
    log_line(LOG_INFO, "main", "event=reloaded");
}

static enum status catch_signals(struct daemon *d)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum status st = loop_signal(d->loop, SIGTERM, on_stop, d);

    (void)sigaction(SIGPIPE, &ignore,
                    NULL); /* a closed peer is an error of write(2), nothing more */
    if (st == ST_OK)
        st = loop_signal(d->loop, SIGINT, on_stop, d);
    if (st == ST_OK)
        st = loop_signal(d->loop, SIGHUP, on_reload, d);
    return st;
}

static void on_readers_check(void *arg)
{
    struct daemon *d = arg;
    unsigned n = store_reap_readers(d->front) + store_reap_readers(d->days);

    if (n > 0)
        log_line(LOG_WARN, "main", "event=dead_readers_freed n=%u", n);
}

/* ---- opening ---- */

static int open_store(struct daemon *d, const char *name, struct store **out)
{
    bool front = strcmp(name, "front") == 0;
    char dir[CONFIG_TEXT_MAX + 16], why[WHY_BYTES];
    struct store_options options = {
        .dir = dir,
        .tables = front ? front_table_names : days_table_names,
        .tables_n = front ? FRONT_TABLES_N : DAYS_TABLES_N,
        .map_bytes = front ? d->config.front_map_bytes : d->config.days_map_bytes,
    };
    enum status st;

    text_fmt(dir, sizeof(dir), "%s/%s", d->config.data_dir, name);
    st = store_open(&options, out, why);
    return st == ST_OK ? EX_OK : fatal("store", st, why);
}

static int open_data(struct daemon *d)
{
    const char *dir = d->config.data_dir;
    int code;

    if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || access(dir, R_OK | W_OK | X_OK) != 0) {
        int error = errno;

        log_line(LOG_ERROR, "main", "event=fatal part=data_dir path=\"%s\" error=\"%s\"", dir,
                 strerror(error));
        return error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM : EX_IOERR;
    }
    code = open_store(d, "front", &d->front);
    return code != EX_OK ? code : open_store(d, "days", &d->days);
}

static int open_loop(struct daemon *d)
{
    enum status st = loop_new(&d->loop);

    if (st == ST_OK)
        st = znet_new(d->loop, (unsigned)d->config.io_threads, (uint32_t)d->config.connections_max,
                      &d->net);
    if (st == ST_OK)
        st = catch_signals(d);
    if (st == ST_OK)
        st = loop_every(d->loop, READERS_CHECK_MS, on_readers_check, d, &d->readers_check);
    return st == ST_OK ? EX_OK : fatal("loop", st, status_row(st)->text);
}

static int open_ingest(struct daemon *d)
{
    struct ingest_setup setup = {d->loop, d->front, d->days, clock_now(),
                                 options_of_ingest(&d->config)};
    char why[WHY_BYTES];
    enum status st = ingest_open(&setup, &d->ingest, why);

    if (st != ST_OK)
        return fatal("ingest", st, why);
    if (d->config.record_to[0] == '\0')
        return EX_OK;
    st = recorder_open(d->config.record_to, d->loop, d->ingest, &d->recorder, why);
    return st == ST_OK ? EX_OK : fatal("record_to", st, why);
}

static int cannot_listen(enum status st, const char *why)
{
    (void)fatal("listen", st, why); /* its code would say I/O error */
    return st == ST_USAGE ? EX_CONFIG : EX_UNAVAILABLE;
}

static int open_collector(struct daemon *d, enum zsock_type type, const char *endpoint,
                          struct collect_zmq **out)
{
    struct collect_zmq_options options = {
        .type = type,
        .endpoint = endpoint,
        .message_bytes_max = d->config.message_bytes_max,
        .connections_max = (uint32_t)d->config.connections_max,
        .receive_queue = (uint32_t)d->config.receive_queue,
    };
    char why[WHY_BYTES];
    enum status st;

    if (endpoint[0] == '\0')
        return EX_OK;
    st = collect_zmq_open(d->net, d->ingest, &options, out, why);
    return st == ST_OK ? EX_OK : cannot_listen(st, why);
}

static void router_counters(const void *arg, struct zsock_counters *out)
{
    collect_zmq_counters(arg, out);
}

static void query_counters(const void *arg, struct zsock_counters *out)
{
    query_socket_counters(arg, out);
}

static int open_facts(struct daemon *d)
{
    struct facts_setup setup = {
        .loop = d->loop,
        .ingest = d->ingest,
        .front = d->front,
        .days = d->days,
        .floor_day = d->config.data_floor,
        .page_rows_max = (uint32_t)d->config.page_rows_max,
        .answer_bytes_max = d->config.answer_bytes_max,
        .popularity = d->config.recommend_popularity,
        .enforce_beta = d->config.enforce_beta,
    };
    enum status st = facts_new(&setup, &d->facts);

    if (st != ST_OK)
        return fatal("facts", st, status_row(st)->text);
    if (d->router != NULL)
        facts_add_socket(d->facts, router_counters, d->router);
    if (d->pull != NULL)
        facts_add_socket(d->facts, router_counters, d->pull);
    return EX_OK;
}

static int open_query(struct daemon *d)
{
    struct query_socket_options options = {
        .loop = d->loop,
        .net = d->net,
        .facts = d->facts,
        .ingest = d->ingest,
        .endpoint = d->config.query_listen,
        .message_bytes_max = d->config.message_bytes_max,
        .connections_max = (uint32_t)d->config.connections_max,
        .receive_queue = (uint32_t)d->config.receive_queue,
    };
    char why[WHY_BYTES];
    enum status st;

    if (options.endpoint[0] == '\0')
        return EX_OK;
    st = query_socket_open(&options, &d->query, why);
    if (st != ST_OK)
        return cannot_listen(st, why);
    facts_add_socket(d->facts, query_counters, d->query);
    return EX_OK;
}

static int open_feed(struct daemon *d)
{
    const struct config *c = &d->config;
    const struct feed_options options = {d->loop,
                                         d->net,
                                         d->ingest,
                                         d->facts,
                                         c->feed_listen,
                                         (uint32_t)c->subscribers_max,
                                         (uint32_t)c->feed_queue};
    char why[WHY_BYTES];
    enum status st = c->feed_listen[0] != '\0' ? feed_open(&options, &d->feed, why) : ST_OK;

    return st == ST_OK ? EX_OK : cannot_listen(st, why);
}

static bool identify(void *arg, struct exchange **x, struct ingest_http_sender *out)
{
    const struct daemon *d = arg;
    struct http_identity who;

    if (!http_auth_check(&d->auth, HTTP_MAY_PUBLISH, x, &who))
        return false;
    *out = (struct ingest_http_sender){.key_name = who.key_name,
                                       .has_account = who.has_account,
                                       .has_app = who.has_app,
                                       .account = who.account,
                                       .app = who.app};
    return true;
}

static void http_connections(const void *arg, struct zsock_counters *out)
{
    struct http_counters n;

    http_counters(arg, &n);
    out->connections = n.connections;
}

/* What stands on the server, the page last: it takes every path that is left. */
static enum status open_routes(struct daemon *d)
{
    const struct http_api_setup api = {d->loop,   d->http,
                                       d->ingest, d->facts,
                                       &d->auth,  (uint32_t)d->config.http_headers_bytes_max};
    const struct ingest_http_setup events = {
        d->http, d->ingest, d->loop, identify, d, d->config.public_url, d->webhooks};
    enum status st = http_api_open(&api, &d->api);

    if (st == ST_OK)
        st = ingest_http_open(&events, &d->events);
    d->page = (struct page_table){page_files, page_files_n, page_policy, page_ahead, page_ahead_n};
    if (st == ST_OK)
        http_page_open(d->http, &d->page);
    return st;
}

static int open_http(struct daemon *d)
{
    const struct config *c = &d->config;
    const struct http_options options = options_of_http(c);
    char why[WHY_BYTES];
    enum status st;

    st = webhooks_load(c->webhooks, &d->webhooks, why);
    if (st != ST_OK)
        return fatal("webhooks", ST_USAGE, why);
    if (options.listen[0] == '\0')
        return EX_OK;
    st = http_open(d->loop, &options, &d->http, why);
    if (st != ST_OK)
        return cannot_listen(st, why);
    http_auth_init(&d->auth, c->public_url);
    facts_add_socket(d->facts, http_connections, d->http);
    st = open_routes(d);
    return st == ST_OK ? EX_OK : fatal("http", st, status_row(st)->text);
}

static int open_all(struct daemon *d)
{
    int code = open_loop(d);

    if (code == EX_OK)
        code = open_data(d);
    if (code == EX_OK)
        code = open_ingest(d);
    if (code == EX_OK)
        code = open_collector(d, ZSOCK_ROUTER, d->config.ingest_listen, &d->router);
    if (code == EX_OK)
        code = open_collector(d, ZSOCK_PULL, d->config.push_listen, &d->pull);
    if (code == EX_OK)
        code = open_facts(d);
    if (code == EX_OK)
        code = open_query(d);
    if (code == EX_OK)
        code = open_feed(d);
    if (code == EX_OK)
        code = open_http(d);
    return code;
}

/* ---- running and stopping ---- */

static const char *endpoint_of(const struct collect_zmq *c)
{
    return c != NULL ? collect_zmq_endpoint(c) : "-";
}

static uint64_t messages_in(const struct daemon *d)
{
    struct zsock_counters counters = {0};

    if (d->router != NULL)
        collect_zmq_counters(d->router, &counters);
    if (d->http != NULL) {
        struct http_counters http;

        http_counters(d->http, &http);
        counters.messages_in += http.requests;
    }
    return counters.messages_in;
}

/* Everybody has his answer. */
static bool is_idle(const struct daemon *d)
{
    return ingest_idle(d->ingest) && (d->http == NULL || http_idle(d->http));
}

/* Answer everything that was received; refuse what still comes in until nothing does. */
static void drain(struct daemon *d)
{
    int64_t begin_ms = clock_now().mono_ms, quiet_ms = begin_ms, now_ms = begin_ms;
    uint64_t seen = messages_in(d);

    ingest_stop(d->ingest);
    if (d->http != NULL)
        http_stop(d->http);
    while (now_ms - begin_ms < STOP_MS && (!is_idle(d) || now_ms - quiet_ms < STOP_QUIET_MS)) {
        loop_turn(d->loop, STOP_QUIET_MS / 3);
        now_ms = clock_now().mono_ms;
        if (messages_in(d) != seen || !is_idle(d))
            quiet_ms = now_ms;
        seen = messages_in(d);
    }
}

static bool merge_is_quick(const struct daemon *d)
{
    struct ingest_status *status = malloc(sizeof(*status));
    bool quick = false;

    if (status != NULL) {
        ingest_status(d->ingest, status);
        quick = status->pending_bytes < STOP_MERGE_BYTES;
    }
    free(status);
    return quick;
}

static void close_all(struct daemon *d)
{
    http_close(&d->http);
    ingest_http_close(&d->events);
    webhooks_free(&d->webhooks);
    http_api_close(&d->api);
    query_socket_close(&d->query);
    feed_close(&d->feed);
    facts_free(&d->facts);
    collect_zmq_close(&d->router);
    collect_zmq_close(&d->pull);
    recorder_close(&d->recorder);
    if (d->ingest != NULL)
        ingest_close(&d->ingest, merge_is_quick(d));
    znet_free(&d->net);
    store_close(&d->front);
    store_close(&d->days);
    timer_free(&d->readers_check);
    loop_free(&d->loop);
}

static int serve(struct daemon *d)
{
    int code = open_all(d);

    if (code == EX_OK) {
        enum status st;

        log_line(LOG_INFO, "main",
                 "event=ready version=%s ingest=%s push=%s query=%s feed=%s http=%s",
                 DAYBOOK_VERSION, endpoint_of(d->router), endpoint_of(d->pull),
                 d->query != NULL ? query_socket_endpoint(d->query) : "-",
                 d->feed != NULL ? feed_endpoint(d->feed) : "-",
                 d->http != NULL ? http_address(d->http) : "-");
        st = loop_run(d->loop);
        if (st != ST_OK)
            code = fatal("loop", st, status_row(st)->text);
        drain(d);
    }
    close_all(d);
    log_line(LOG_INFO, "main", "event=stopped code=%d", code);
    return code;
}

/* As many connections as the system allows us. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* refused: the old limit stands */
}

/* Files that options name, besides the store. */
static int check_files(const struct config *c)
{
    struct webhooks *webhooks = NULL;
    char why[WHY_BYTES];
    enum status st = webhooks_load(c->webhooks, &webhooks, why);

    webhooks_free(&webhooks);
    if (st == ST_OK)
        return EX_OK;
    fprintf(stderr, "webhooks: %s\n", why);
    return EX_CONFIG;
}

int main(int argc, char **argv)
{
    struct daemon daemon = {0};
    struct config_report report;
    struct daemon *d = &daemon;

    umask(0077);
    json_start();
    d->words = (struct config_words){argc, argv, environ};
    if (config_load(&d->words, &d->config, &report) != ST_OK) {
        fputs(report.text, stderr);
        return report.exit_code;
    }
    switch (d->config.mode) {
    case CONFIG_HELP:
        config_help(stdout);
        return EX_OK;
    case CONFIG_VERSION:
        printf("daybookd %s\n", DAYBOOK_VERSION);
        return EX_OK;
    case CONFIG_PRINT:
        config_print(&d->config, stdout);
        return EX_OK;
    case CONFIG_CHECK:
        fputs(report.text, stderr);
        return check_files(&d->config);
    case CONFIG_RUN:
        break;
    }
    log_options(&d->config);
    log_report(&report, LOG_WARN, "config_note");
    raise_file_limit();
    return serve(d);
}
