/* Facts for queries: copied from ingest, stores and sockets at the moment of the question, but for
 * the rates, which come from a sample taken every second. */
#include "engine/edge/facts.h"

#include <stdlib.h>

#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/edge/feed.h"
#include "engine/ingest/tables.h"

#define SAMPLES_N   64 /* a minute of seconds, and some */
#define SOCKETS_MAX 8

STATIC_CHECK((int)INGEST_GENERATIONS_MAX == (int)VIEW_GENERATIONS_MAX);
STATIC_CHECK(INGEST_DAYS_MAX <= QUERY_DAYS_MAX);
STATIC_CHECK(UNKNOWN_FIELDS_MAX < QUERY_COUNTS_MAX);
STATIC_CHECK(ST_N <= QUERY_COUNTS_MAX);
STATIC_CHECK((int)FRONT_TABLES_N + (int)DAYS_TABLES_N <= QUERY_TABLES_MAX);

struct sample {
    int64_t mono_ms;
    uint64_t received;
    uint64_t answered;
};

struct facts {
    struct facts_setup setup;
    struct query *query; /* owned */
    struct timer *timer; /* owned; every second */
    struct clock started;
    struct query_source source;
    uint64_t answered;
    struct sample samples[SAMPLES_N]; /* a ring */
    uint64_t samples_taken;
    const struct feed *feed; /* NULL: none */
    uint32_t sockets_n;
    struct {
        void (*counters)(const void *arg, struct zsock_counters *out);
        const void *arg;
    } sockets[SOCKETS_MAX];
    struct metric_hist times[VIEW_N];
    struct ingest_status status; /* of the last status question; its names are borrowed from here */
};

/* ---- rates ---- */

static struct sample sample_now(struct facts *f)
{
    ingest_status(f->setup.ingest, &f->status);
    return (struct sample){loop_clock(f->setup.loop)->mono_ms, f->status.counters.received,
                           f->answered};
}

static void on_second(void *arg)
{
    struct facts *f = arg;
    f->samples[f->samples_taken++ % SAMPLES_N] = sample_now(f);
}

static uint64_t per_second(uint64_t n, int64_t ms)
{
    return ms <= 0 ? 0 : (n * 1000 + (uint64_t)ms / 2) / (uint64_t)ms;
}

/* Rates since the oldest sample that is at most `ms` old (the start, at first). */
static void rates(const struct facts *f, const struct sample *now, int64_t ms, uint64_t *events,
                  uint64_t *queries)
{
    const struct sample *old = now;
    for (uint64_t i = 0; i < SAMPLES_N && i < f->samples_taken; i++) {
        const struct sample *s = &f->samples[(f->samples_taken - 1 - i) % SAMPLES_N];
        if (now->mono_ms - s->mono_ms > ms + 500) /* half a second of a late timer is no gap */
            break;
        old = s;
    }
    *events = per_second(now->received - old->received, now->mono_ms - old->mono_ms);
    *queries = per_second(now->answered - old->answered, now->mono_ms - old->mono_ms);
}

/* ---- status ---- */

/* Codes that never leave the process share a name on the wire: their counts are added. */
static uint32_t counts_by_code(const uint64_t by_code[ST_N], struct query_count *to)
{
    uint32_t n = 0;
    for (unsigned code = 0; code < ST_N; code++) {
        const char *wire = status_wire((enum status)code);
        uint32_t at = 0;
        while (at < n && strcmp(to[at].name, wire) != 0)
            at++;
        if (by_code[code] && at == n)
            to[n++] = (struct query_count){wire, 0};
        if (by_code[code])
            to[at].n += by_code[code];
    }
    return n;
}

static void counters_of(const struct ingest_counters *c, struct query_status *out)
{
    out->received = c->received;
    out->accepted = c->accepted;
    out->duplicate = c->duplicate;
    out->late = c->late;
    out->push_lost = c->push_lost;
    out->batches = c->batches;
    out->rejected_n = counts_by_code(c->rejected, out->rejected);
    out->batches_refused_n = counts_by_code(c->batches_refused, out->batches_refused);
    for (uint32_t i = 0; i < c->unknown_n; i++)
        out->unknown_fields[out->unknown_fields_n++] =
            (struct query_count){c->unknown[i].name, c->unknown[i].n};
    if (c->unknown_fields_other)
        out->unknown_fields[out->unknown_fields_n++] =
            (struct query_count){"(other)", c->unknown_fields_other};
}

static void progress_of(const struct ingest_status *s, struct query_status *out)
{
    out->paused = s->paused;
    out->busy = s->busy;
    out->degraded = s->degraded;
    out->clock_suspect = s->clock_suspect;
    out->stopping = s->stopping;
    out->journal_position = s->position;
    out->journal_first = s->journal_first;
    out->journal_bytes = s->journal_bytes;
    out->checkpoint_position = s->checkpoint_position;
    out->last_checkpoint_ms = s->last_checkpoint_ms;
    out->commits = s->commits;
    out->checkpoints = s->checkpoints;
    out->commit_p50_us = metric_hist_quantile(&s->commit_ns, 5000) / 1000;
    out->commit_p99_us = metric_hist_quantile(&s->commit_ns, 9900) / 1000;
    out->merge_p50_us = metric_hist_quantile(&s->merge_ns, 5000) / 1000;
    out->merge_p99_us = metric_hist_quantile(&s->merge_ns, 9900) / 1000;
    out->pending_bytes = s->pending_bytes;
    out->inflight_bytes = s->inflight_bytes;
    out->inflight_batches = s->inflight_batches;
    out->events_unsaved = s->events_unsaved;
    out->rejected_rows = s->rejected_rows;
    out->id_window_entries = s->id_window_entries;
    out->merge_rows_dropped = s->merge_rows_dropped;
    out->activities_trimmed = s->activities_trimmed;
    for (uint32_t i = 0; i < s->days_n; i++)
        out->days[out->days_n++] =
            (struct query_day){s->days[i].day,       s->days[i].received, s->days[i].accepted,
                               s->days[i].duplicate, s->days[i].rejected, s->days[i].late};
}

static void sizes_of(struct store *store, const char *name, const char *const tables[], unsigned n,
                     struct query_status *out)
{
    struct store_size size;
    struct txn t;
    store_size(store, &size);
    out->stores[out->stores_n++] =
        (struct query_store){name,         size.file_bytes,       size.map_bytes, size.used_bytes,
                             size.readers, size.oldest_reader_lag};
    txn_begin(store, false, &t);
    for (unsigned i = 0; i < n; i++) {
        struct table_size table = {0};
        txn_table_size(&t, i, &table);
        out->tables[out->tables_n++] = (struct query_table_size){name,
                                                                 tables[i],
                                                                 table.entries,
                                                                 table.leaf_bytes,
                                                                 table.branch_bytes,
                                                                 table.overflow_bytes};
    }
    txn_abort(&t);
}

static void feed_status(const struct feed *feed, struct query_status *out)
{
    struct feed_counters c;
    feed_counters(feed, &c);
    out->connections += c.subscribers;
    out->feed_subscribers = c.subscribers;
    out->feed_messages = c.messages;
    out->feed_dropped = c.dropped;
    out->feed_skipped = c.skipped;
}

static void status(void *arg, struct query_status *out)
{
    struct facts *f = arg;
    const struct sample now = sample_now(f);
    const struct clock *clock = loop_clock(f->setup.loop);
    out->version = DAYBOOK_VERSION;
    out->started_ms = f->started.wall_ms;
    out->uptime_ms = clock->mono_ms - f->started.mono_ms;
    rates(f, &now, 10000, &out->events_per_s_10s, &out->queries_per_s_10s);
    rates(f, &now, 60000, &out->events_per_s_60s, &out->queries_per_s_60s);
    counters_of(&f->status.counters, out);
    progress_of(&f->status, out);
    sizes_of(f->setup.front, "front", front_table_names, FRONT_TABLES_N, out);
    sizes_of(f->setup.days, "days", days_table_names, DAYS_TABLES_N, out);
    for (uint32_t i = 0; i < f->sockets_n; i++) {
        struct zsock_counters c = {0};
        f->sockets[i].counters(f->sockets[i].arg, &c);
        out->connections += c.connections;
        out->unroutable += c.unroutable;
        out->missed_edges += c.missed_edges;
    }
    if (f->feed)
        feed_status(f->feed, out);
}

/* ---- rejected ---- */

static enum status faults(void *arg, uint64_t account, int32_t from_day, int32_t to_day,
                          struct query_day *to)
{
    const struct facts *f = arg;
    struct ingest_faults n;
    struct txn t;
    txn_begin(f->setup.front, false, &t);
    ingest_faults(&t, account, from_day, to_day, &n);
    const enum status st = t.status;
    txn_abort(&t);
    to->duplicate = n.duplicate;
    to->rejected = n.rejected;
    return st;
}

struct handing {
    bool (*fn)(void *arg, const struct query_rejected *r);
    void *arg;
};

static bool hand_over(void *arg, const struct ingest_rejected *r)
{
    struct handing *h = arg;
    const struct query_rejected row = {.number = r->number,
                                       .received_ms = r->received_ms,
                                       .code = r->code,
                                       .transport = ingest_transport_name(r->transport),
                                       .has_account = r->has_account,
                                       .account = r->account,
                                       .app = r->app,
                                       .key = r->key_name,
                                       .producer = r->producer,
                                       .message = r->message,
                                       .raw = r->raw};
    return h->fn(h->arg, &row);
}

static enum status rejected(void *arg, uint64_t before,
                            bool (*fn)(void *fn_arg, const struct query_rejected *r), void *fn_arg)
{
    const struct facts *f = arg;
    struct handing h = {fn, fn_arg};
    struct txn t;
    txn_begin(f->setup.front, false, &t);
    ingest_rejected_each(&t, before, hand_over, &h);
    const enum status st = t.status;
    txn_abort(&t);
    return st;
}

/* ---- the whole ---- */

enum status facts_new(const struct facts_setup *setup, struct facts **out)
{
    struct facts *f = calloc(1, sizeof *f);
    if (!f)
        return ST_NO_MEMORY;
    f->setup = *setup;
    f->started = *loop_clock(setup->loop);
    f->source = (struct query_source){f, status, rejected, faults};
    enum status st = query_new(&f->query);
    if (st == ST_OK)
        st = loop_every(setup->loop, 1000, on_second, f, &f->timer);
    if (st != ST_OK) {
        facts_free(&f);
        return st;
    }
    on_second(f);
    *out = f;
    return ST_OK;
}

void facts_free(struct facts **f)
{
    if (!*f)
        return;
    if ((*f)->timer)
        timer_free(&(*f)->timer);
    query_free(&(*f)->query);
    free(*f);
    *f = NULL;
}

void facts_reload(struct facts *f, uint32_t page_rows_max, uint64_t answer_bytes_max)
{
    f->setup.page_rows_max = page_rows_max;
    f->setup.answer_bytes_max = answer_bytes_max;
}

void facts_enforce_beta(struct facts *f, bool on)
{
    f->setup.enforce_beta = on;
}

void facts_add_socket(struct facts *f,
                      void (*counters)(const void *arg, struct zsock_counters *out),
                      const void *arg)
{
    CHECK(f->sockets_n < SOCKETS_MAX);
    f->sockets[f->sockets_n].counters = counters;
    f->sockets[f->sockets_n++].arg = arg;
}

void facts_set_feed(struct facts *f, const struct feed *feed)
{
    f->feed = feed;
}

void facts_context(struct facts *f, struct query_context *out)
{
    *out = (struct query_context){.query = f->query,
                                  .days = f->setup.days,
                                  .now_ms = loop_clock(f->setup.loop)->wall_ms,
                                  .floor_day = f->setup.floor_day,
                                  .degraded = ingest_degraded(f->setup.ingest),
                                  .page_rows_max = f->setup.page_rows_max,
                                  .answer_bytes_max = f->setup.answer_bytes_max,
                                  .popularity = f->setup.popularity,
                                  .enforce_beta = f->setup.enforce_beta,
                                  .source = &f->source};
    out->gens_n = ingest_generations(f->setup.ingest, out->gens);
}

void facts_answer(struct facts *f, const struct request *r, enum query_form form, struct buf *out,
                  struct query_result *result)
{
    struct query_context c;
    const uint64_t start_ns = clock_mono_ns();
    facts_context(f, &c);
    query_answer_as(&c, r, form, out, result);
    if (result->view < VIEW_N)
        metric_hist_add(&f->times[result->view], clock_mono_ns() - start_ns);
    f->answered++;
}

const struct metric_hist *facts_times(const struct facts *f, enum query_view_id view)
{
    CHECK(view < VIEW_N);
    return &f->times[view];
}

const struct ingest_status *facts_status(struct facts *f, struct query_status *out)
{
    *out = (struct query_status){0};
    status(f, out);
    return &f->status;
}
