/* rival_NAME --where=W --workload=w --events=N [--group=K] [--summed] [--clients=N] [--now=MS]
 *
 * One JSON line on stdout. group: events that a client hands over at once. */
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/model.h"
#include "bench/rivals/rival.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "schemas/event.h"

#define BATCH_EVENTS 500
#define CLIENTS_MAX  8
#define FIELDS       7

struct options {
    struct rival_run run;
    uint64_t events, group, clients, now_ms;
    bool summed;
};

struct client {
    const struct options *options;
    unsigned index;
    pthread_t thread;
    struct rival_row *rows;  /* raw: handed over as they are; summed: the table's used rows */
    struct rival_row *table; /* summed only; n == 0: free */
    size_t cap, rows_n, events_n;
};

/* The check's state; one program, one check. */
static struct {
    struct model model;
    uint8_t *seen; /* one per row of the model */
    uint64_t rows, apps, wrong, one_in;
} check = {.one_in = 1};

void rival_die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "rival_%s: ", rival_this.name);
    vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(EXIT_FAILURE);
}

/* ---- the load ---- */

static inline const uint8_t *field(const uint8_t *p, uint64_t *v)
{
    uint8_t b = *p++;
    *v = b == 0xc0 ? 0 : b;
    if (b < 0x80 || b == 0xc0)
        return p;
    unsigned n = 1u << (b & 3); /* cc cd ce cf */
    *v = get_be(p, n);
    return p + n;
}

static inline const uint8_t *event_key(const uint8_t *p, uint64_t *key)
{
    uint64_t f[FIELDS];
    p++; /* 97 */
    for (unsigned k = 0; k < FIELDS; k++)
        p = field(p, &f[k]);
    bool record = f[0] >= EV_RECORD_CREATED && f[0] < EV_APP_INSTALLED;
    *key = rival_key(f[1], f[2], f[3] / MS_PER_DAY, f[0], record ? f[4] : 0);
    return p;
}

static inline size_t slot_of(const struct client *c, uint64_t key)
{
    return hash_mix(key) & (c->cap - 1);
}

static void count(struct client *c, uint64_t key)
{
    size_t at = slot_of(c, key);
    while (c->table[at].n > 0 && c->table[at].key != key)
        at = (at + 1) & (c->cap - 1);
    c->table[at].key = key;
    c->table[at].n++;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct rival_row *)a)->key, y = ((const struct rival_row *)b)->key;
    return (x > y) - (x < y);
}

static void hand_over(struct client *c, void *to)
{
    for (size_t i = 0; c->table && i < c->cap; i++) {
        if (c->table[i].n > 0)
            c->rows[c->rows_n++] = c->table[i];
    }
    if (c->table)
        memset(c->table, 0, c->cap * sizeof *c->table);
    if (c->table && rival_this.sorted)
        qsort(c->rows, c->rows_n, sizeof *c->rows, by_key);
    if (c->rows_n > 0)
        rival_this.write(to, c->rows, c->rows_n);
    c->rows_n = c->events_n = 0;
}

static void take_batch(struct client *c, const uint8_t *p)
{
    uint64_t keys[BATCH_EVENTS];
    unsigned n = 0;
    const uint64_t clients = c->options->clients;
    p += 3; /* dc and the count */
    for (unsigned i = 0; i < BATCH_EVENTS; i++) {
        p = event_key(p, &keys[n]);
        n += !rival_this.by_account || rival_account(keys[n]) % clients == c->index;
        if (c->table && n > 0)
            __builtin_prefetch(&c->table[slot_of(c, keys[n - 1])], 1);
    }
    for (unsigned i = 0; i < n; i++) {
        if (c->table)
            count(c, keys[i]);
        else
            c->rows[c->rows_n++] = (struct rival_row){keys[i], 1};
    }
    c->events_n += n;
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    const struct options *o = c->options;
    void *to = rival_this.open(o->run.where);
    uint8_t *batch = malloc(workload_batch_bytes_max(o->run.workload));
    c->rows = calloc(o->group + BATCH_EVENTS, sizeof *c->rows);
    for (c->cap = 1024; c->cap < o->group * 2; c->cap *= 2) {
    }
    if (o->summed)
        c->table = calloc(c->cap, sizeof *c->table);
    CHECK(batch && c->rows);
    for (uint64_t i = 0; i < o->run.batches; i++) {
        if (!rival_this.by_account && i % o->clients != c->index)
            continue;
        (void)workload_batch(o->run.workload, i, o->run.now_ms, batch);
        take_batch(c, batch);
        if (c->events_n >= o->group)
            hand_over(c, to);
    }
    hand_over(c, to);
    rival_this.close(to);
    free(batch);
    free(c->rows);
    free(c->table);
    return NULL;
}

static void run_clients(const struct options *o)
{
    struct client clients[CLIENTS_MAX] = {0};
    for (unsigned i = 0; i < o->clients; i++) {
        clients[i] = (struct client){.options = o, .index = i};
        CHECK(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) == 0);
    }
    for (unsigned i = 0; i < o->clients; i++)
        pthread_join(clients[i].thread, NULL);
}

/* ---- the check ---- */

void rival_sample(uint64_t account_one_in)
{
    check.one_in = account_one_in;
}

void rival_have(uint64_t key, uint64_t n)
{
    uint8_t kind = rival_kind(key);
    if (kind >= EV_APP_INSTALLED) {
        check.apps += n;
        return;
    }
    struct model_key k = {.account = rival_account(key),
                          .app = rival_app(key),
                          .day = rival_day(key),
                          .what = kind == EV_API_CALL ? MODEL_CALLS : kind,
                          .type = rival_type(key)};
    const struct model_row *row = model_find(&check.model, &k);
    if (!row || row->n != n) {
        check.wrong++;
        return;
    }
    uint8_t *seen = &check.seen[row - check.model.rows];
    check.rows += *seen == 0;
    *seen = 1;
}

void rival_have_line(const char *line)
{
    uint64_t v[6];
    const char *at = line;
    for (unsigned i = 0; i < N_OF(v); i++) {
        at += strspn(at, " \t");
        size_t n = strcspn(at, " \t\n");
        if (text_u64((struct str){at, n}, &v[i]) != ST_OK)
            rival_die("not a bucket: %s", line);
        at += n;
    }
    rival_have(rival_key(v[0], v[1], v[2], v[3], v[4]), v[5]);
}

/* Buckets that the model has and the rival must answer. */
static uint64_t make_model(const struct rival_run *run)
{
    uint8_t *batch = malloc(workload_batch_bytes_max(run->workload));
    CHECK(batch);
    check.model = (struct model){.account_one_in = check.one_in};
    for (uint64_t i = 0; i < run->batches; i++) {
        size_t n = workload_batch(run->workload, i, run->now_ms, batch);
        if (model_add(&check.model, batch, n) != ST_OK)
            rival_die("the model cannot read batch %llu", (unsigned long long)i);
    }
    free(batch);
    check.seen = calloc(check.model.cap, 1);
    CHECK(check.seen);
    uint64_t rows = 0;
    for (size_t i = 0; i < check.model.cap; i++) {
        uint16_t what = check.model.rows[i].key.what;
        rows += check.model.rows[i].n > 0 && what != MODEL_ERRORS && what != MODEL_LIMITED;
    }
    return rows;
}

static bool check_all(const struct rival_run *run)
{
    uint64_t rows = make_model(run);
    rival_this.dump(run->where);
    /* Daybook keeps each connection event with its user; its log is not a day bucket. */
    bool apps_ok = rival_this.whole || check.apps == check.model.apps;
    bool ok = check.wrong == 0 && check.rows == rows && apps_ok;
    if (!ok)
        (void)fprintf(stderr,
                      "WRONG: %llu of %llu buckets agree, %llu differ; app events %llu of %llu\n",
                      (unsigned long long)check.rows, (unsigned long long)rows,
                      (unsigned long long)check.wrong, (unsigned long long)check.apps,
                      (unsigned long long)check.model.apps);
    return ok;
}

static bool read_options(int argc, char **argv, struct options *o, enum workload_shape *shape)
{
    static const struct option known[] = {
        {"where", required_argument, NULL, 'W'},  {"workload", required_argument, NULL, 'w'},
        {"events", required_argument, NULL, 'e'}, {"group", required_argument, NULL, 'g'},
        {"summed", no_argument, NULL, 's'},       {"clients", required_argument, NULL, 'c'},
        {"now", required_argument, NULL, 'n'},    {0}};
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t *n = c == 'e'   ? &o->events
                      : c == 'g' ? &o->group
                      : c == 'c' ? &o->clients
                      : c == 'n' ? &o->now_ms
                                 : NULL;
        if (c == 'W')
            o->run.where = optarg;
        else if (c == 's')
            o->summed = true;
        else if (c == 'w' ? workload_shape_of(str_of(optarg), shape) != ST_OK
                          : !n || text_u64(str_of(optarg), n) != ST_OK)
            return false;
    }
    return o->run.where && o->events >= BATCH_EVENTS && o->group > 0 && o->clients > 0 &&
           o->clients <= CLIENTS_MAX;
}

int main(int argc, char **argv)
{
    struct options o = {.group = 500000, .clients = 1};
    enum workload_shape shape = WORKLOAD_W;
    if (!read_options(argc, argv, &o, &shape))
        rival_die(
            "--where=W --workload=w --events=N [--group=K] [--summed] [--clients=N] [--now=MS]");
    const struct workload_options wo = {.shape = shape,
                                        .seed = 1,
                                        .batch_events = BATCH_EVENTS,
                                        .producer = rival_this.whole ? "bench" : NULL,
                                        .epoch = 1};
    if (workload_new(&wo, &o.run.workload) != ST_OK)
        rival_die("no workload");
    o.run.batches = o.events / BATCH_EVENTS;
    o.run.now_ms = o.now_ms ? (int64_t)o.now_ms : clock_now().wall_ms;
    rival_this.prepare(o.run.where);
    uint64_t start = clock_mono_ns();
    if (rival_this.whole)
        rival_this.whole(&o.run);
    else
        run_clients(&o);
    double s = (double)(clock_mono_ns() - start) / 1e9;
    double events = (double)(o.run.batches * BATCH_EVENTS);
    bool ok = check_all(&o.run);
    printf("{\"rival\": \"%s\", \"workload\": \"%s\", \"events\": %.0f, \"seconds\": %.3f, "
           "\"events_per_s\": %.0f, \"acked_per_s\": %.0f, \"buckets\": %llu, \"equal\": %s}\n",
           rival_this.name, workload_shape_name(shape), events, s, events / s,
           o.run.acked_s > 0 ? events / o.run.acked_s : events / s, (unsigned long long)check.rows,
           ok ? "true" : "false");
    workload_free(&o.run.workload);
    model_fini(&check.model);
    free(check.seen);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
