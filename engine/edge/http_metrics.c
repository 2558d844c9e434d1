/* Prometheus' text form, version 0.0.4. Numbers are copied when asked for; nothing is kept here. */
#include "engine/edge/http_api_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/check.h"

#define METRICS_BYTES_MAX ((size_t)4 << 20)

struct metrics {
    struct buf *to;
    const struct http_api *api;
    const struct ingest_status *s;
    const struct query_status *q;
    const struct http_counters *h;
};

static void head(struct buf *to, const char *name, const char *type, const char *help)
{
    buf_fmt(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_ns(struct buf *to, uint64_t ns)
{
    buf_fmt(to, "%llu.%09llu\n", (unsigned long long)(ns / 1000000000),
            (unsigned long long)(ns % 1000000000));
}

/* ---- histograms ---- */

static const struct {
    const char *text;
    uint64_t ns;
} bounds[] = {
    {"0.0001", 100000},  {"0.00025", 250000}, {"0.0005", 500000},  {"0.001", 1000000},
    {"0.0025", 2500000}, {"0.005", 5000000},  {"0.01", 10000000},  {"0.025", 25000000},
    {"0.05", 50000000},  {"0.1", 100000000},  {"0.25", 250000000}, {"0.5", 500000000},
    {"1", 1000000000},   {"2.5", 2500000000}, {"5", 5000000000},   {"10", 10000000000},
};

/* label: "" or 'view="records",' */
static void put_hist(struct metrics *m, const char *name, const char *label,
                     const struct metric_hist *h)
{
    size_t n = strlen(label);
    char braces[128] = "";
    if (n > 0)
        text_fmt(braces, sizeof(braces), "{%.*s}", (int)n - 1, label);
    for (size_t i = 0; i < N_OF(bounds); i++)
        buf_fmt(m->to, "%s_bucket{%sle=\"%s\"} %llu\n", name, label, bounds[i].text,
                (unsigned long long)metric_hist_at_most(h, bounds[i].ns));
    buf_fmt(m->to, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, label, (unsigned long long)h->n);
    buf_fmt(m->to, "%s_sum%s ", name, braces);
    put_ns(m->to, h->sum_ns);
    buf_fmt(m->to, "%s_count%s %llu\n", name, braces, (unsigned long long)h->n);
}

static void put_ack(struct metrics *m, const char *name)
{
    put_hist(m, name, "", &m->s->ack_ns);
}

static void put_commit(struct metrics *m, const char *name)
{
    put_hist(m, name, "", &m->s->commit_ns);
}

/* Not of time: the histogram holds numbers as well. */
static void put_commit_events(struct metrics *m, const char *name)
{
    static const unsigned sizes[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    const struct metric_hist *h = &m->s->commit_events;
    for (size_t i = 0; i < N_OF(sizes); i++)
        buf_fmt(m->to, "%s_bucket{le=\"%u\"} %llu\n", name, sizes[i],
                (unsigned long long)metric_hist_at_most(h, sizes[i]));
    buf_fmt(m->to, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)h->n);
    buf_fmt(m->to, "%s_sum %llu\n%s_count %llu\n", name, (unsigned long long)h->sum_ns, name,
            (unsigned long long)h->n);
}

static void put_merge(struct metrics *m, const char *name)
{
    put_hist(m, name, "", &m->s->merge_ns);
}

static void put_http(struct metrics *m, const char *name)
{
    put_hist(m, name, "", http_times(m->api->setup.http));
}

static void put_queries(struct metrics *m, const char *name)
{
    for (enum query_view_id v = 0; v < VIEW_N; v++) {
        char label[80];
        text_fmt(label, sizeof(label), "view=\"%s\",", query_views[v].name);
        put_hist(m, name, label, facts_times(m->api->setup.facts, v));
    }
}

/* ---- labels ---- */

static void put_counts(struct metrics *m, const char *name, const char *label,
                       const struct query_count *counts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        buf_fmt(m->to, "%s{%s=\"%s\"} %llu\n", name, label, counts[i].name,
                (unsigned long long)counts[i].n);
}

/* Events that were counted before transports were told apart have none. */
static void put_received(struct metrics *m, const char *name)
{
    const struct ingest_counters *c = &m->s->counters;
    uint64_t rest = c->received;
    for (unsigned i = 0; i < INGEST_TRANSPORT_N; i++) {
        buf_fmt(m->to, "%s{transport=\"%s\"} %llu\n", name,
                ingest_transport_name((enum ingest_transport)i),
                (unsigned long long)c->received_by[i]);
        rest -= c->received_by[i];
    }
    if (rest > 0)
        buf_fmt(m->to, "%s{transport=\"unknown\"} %llu\n", name, (unsigned long long)rest);
}

static void put_rejected(struct metrics *m, const char *name)
{
    put_counts(m, name, "reason", m->q->rejected, m->q->rejected_n);
}

static void put_nacked(struct metrics *m, const char *name)
{
    put_counts(m, name, "code", m->q->batches_refused, m->q->batches_refused_n);
}

static void put_store(struct metrics *m, const char *name, size_t at)
{
    for (uint32_t i = 0; i < m->q->stores_n; i++) {
        uint64_t v;
        memcpy(&v, (const char *)&m->q->stores[i] + at, sizeof(v));
        buf_fmt(m->to, "%s{store=\"%s\"} %llu\n", name, m->q->stores[i].name,
                (unsigned long long)v);
    }
}

static void put_file(struct metrics *m, const char *name)
{
    put_store(m, name, offsetof(struct query_store, file_bytes));
}

static void put_used(struct metrics *m, const char *name)
{
    put_store(m, name, offsetof(struct query_store, used_bytes));
}

static void put_map(struct metrics *m, const char *name)
{
    put_store(m, name, offsetof(struct query_store, map_bytes));
}

static void put_readers(struct metrics *m, const char *name)
{
    put_store(m, name, offsetof(struct query_store, readers));
}

static void put_lag(struct metrics *m, const char *name)
{
    put_store(m, name, offsetof(struct query_store, oldest_reader_lag));
}

static void put_store_errors(struct metrics *m, const char *name)
{
    buf_fmt(m->to, "%s{op=\"commit\"} %llu\n", name, (unsigned long long)m->s->commits_failed);
    buf_fmt(m->to, "%s{op=\"merge\"} %llu\n", name, (unsigned long long)m->s->merges_failed);
}

static void put_skew(struct metrics *m, const char *name)
{
    int64_t ms = m->s->clock_skew_ms;
    uint64_t size = ms < 0 ? (uint64_t)-ms : (uint64_t)ms;
    buf_fmt(m->to, "%s %s%llu.%03llu\n", name, ms < 0 ? "-" : "", (unsigned long long)(size / 1000),
            (unsigned long long)(size % 1000));
}

/* The status counts both kinds together. */
static void put_connections(struct metrics *m, const char *name)
{
    const uint64_t http = m->h->connections;
    buf_fmt(m->to, "%s{transport=\"zmq\"} %llu\n", name,
            (unsigned long long)(m->q->connections - http));
    buf_fmt(m->to, "%s{transport=\"http\"} %llu\n", name, (unsigned long long)http);
}

static void put_requests(struct metrics *m, const char *name)
{
    struct http_route_counters c;
    for (uint32_t i = 0; http_route_counters(m->api->setup.http, i, &c); i++)
        for (uint32_t k = 0; k < c.codes_n; k++)
            buf_fmt(m->to, "%s{method=\"%s\",route=\"%s\",code=\"%u\"} %llu\n", name,
                    c.route[0] != '\0' ? http_verb_text(c.method) : "", c.route, c.codes[k].status,
                    (unsigned long long)c.codes[k].n);
}

/* Who signs gives no token: the route says which of the two failed. */
static void put_auth_failures(struct metrics *m, const char *name)
{
    struct http_route_counters c;
    uint64_t token = 0, signature = 0;
    for (uint32_t i = 0; http_route_counters(m->api->setup.http, i, &c); i++)
        for (uint32_t k = 0; k < c.codes_n; k++)
            if (c.codes[k].status == 401)
                *(strstr(c.route, "/webhooks/") != NULL ? &signature : &token) += c.codes[k].n;
    buf_fmt(m->to, "%s{transport=\"http\",reason=\"token\"} %llu\n", name,
            (unsigned long long)token);
    buf_fmt(m->to, "%s{transport=\"http\",reason=\"signature\"} %llu\n", name,
            (unsigned long long)signature);
}

static void put_build(struct metrics *m, const char *name)
{
    buf_fmt(m->to, "%s{version=\"%s\"} 1\n", name, DAYBOOK_VERSION);
}

/* ---- the process, under the names that every exporter has ---- */

static uint64_t open_files(void)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return 0;
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

static void put_memory(struct buf *to)
{
    unsigned long long all = 0, resident = 0;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return;
    if (fscanf(f, "%llu %llu", &all, &resident) == 2) {
        head(to, "process_virtual_memory_bytes", "gauge", "Virtual memory size.");
        buf_fmt(to, "process_virtual_memory_bytes %llu\n", (unsigned long long)(all * page));
        head(to, "process_resident_memory_bytes", "gauge", "Resident memory size.");
        buf_fmt(to, "process_resident_memory_bytes %llu\n", (unsigned long long)(resident * page));
    }
    (void)fclose(f);
}

static void put_process(struct buf *to)
{
    struct rusage use = {0};
    struct rlimit files = {0};
    (void)getrusage(RUSAGE_SELF, &use);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    uint64_t us = (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
                  (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    head(to, "process_cpu_seconds_total", "counter", "User and system time.");
    buf_fmt(to, "process_cpu_seconds_total ");
    put_ns(to, us * 1000);
    head(to, "process_open_fds", "gauge", "Open files.");
    buf_fmt(to, "process_open_fds %llu\n", (unsigned long long)open_files());
    head(to, "process_max_fds", "gauge", "Open files allowed.");
    buf_fmt(to, "process_max_fds %llu\n", (unsigned long long)files.rlim_cur);
    put_memory(to);
}

/* ---- the table ---- */

static void put_ms(struct buf *to, const char *name, int64_t ms)
{
    buf_fmt(to, "%s %lld.%03d\n", name, (long long)(ms / 1000), (int)(ms % 1000));
}

static void put_all(struct metrics *m)
{
    struct buf *to = m->to;
    const struct http_api *a = m->api;
    const struct ingest_status *s = m->s;
    const struct query_status *q = m->q;
    const struct http_counters *h = m->h;
#define ONE(name, type, help, value)                                                               \
    head(to, "daybook_" #name, #type, help);                                                       \
    buf_fmt(to, "daybook_" #name " %llu\n", (unsigned long long)(value));
#define SECONDS(name, type, help, ms)                                                              \
    head(to, "daybook_" #name, #type, help);                                                       \
    put_ms(to, "daybook_" #name, ms);
#define MANY(name, type, help, put_it)                                                             \
    head(to, "daybook_" #name, #type, help);                                                       \
    put_it(m, "daybook_" #name);
#include "engine/edge/metric.def"
#undef ONE
#undef SECONDS
#undef MANY
    put_process(to);
}

void metrics_get(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    struct query_status q;
    struct http_counters h;
    struct http_identity who;
    struct http_field fields[2];
    if (!http_auth_check(api->setup.auth, HTTP_MAY_QUERY, &x, &who))
        return;
    http_counters(api->setup.http, &h);
    buf_reset(&api->answer);
    api->answer.cap_max = METRICS_BYTES_MAX;
    struct metrics m = {
        .to = &api->answer, .api = api, .s = facts_status(api->setup.facts, &q), .q = &q, .h = &h};
    put_all(&m);
    struct http_reply r = {.status = api->answer.bad ? 503 : 200,
                           .type = "text/plain; version=0.0.4; charset=utf-8",
                           .body = api->answer.p,
                           .body_n = api->answer.n};
    api_reply(api, &x, &r, fields);
}
