#include "tests/unit/ingest/ingest_help.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aggregators/tables.h"
#include "aggregators/late.h"
#include "aggregators/view.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/ingest/tables.h"

const struct ingest_source source_plain = {.transport = INGEST_ZMQ};
const struct ingest_source source_push = {.transport = INGEST_PUSH};

/* ---- environments ---- */

void scratch_new(struct scratch *s)
{
    const char *tmp = getenv("TMPDIR");

    text_fmt(s->dir, sizeof(s->dir), "%s/daybook-ingest-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CHECK(mkdtemp(s->dir) != NULL);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scratch_free(struct scratch *s)
{
    nftw(s->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_store(const struct scratch *s, const char *name,
                                struct store_options options)
{
    char dir[300], why[256];
    struct store *store;

    text_fmt(dir, sizeof(dir), "%s/%s", s->dir, name);
    options.dir = dir;
    if (options.map_bytes == 0)
        options.map_bytes = UINT64_C(256) << 20;
    if (store_open(&options, &store, why) != ST_OK) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    return store;
}

struct store *scratch_front(const struct scratch *s, uint64_t map_bytes)
{
    return open_store(s, "front",
                      (struct store_options){.tables = front_table_names,
                                             .tables_n = FRONT_TABLES_N,
                                             .map_bytes = map_bytes});
}

struct store *scratch_days(const struct scratch *s, uint64_t map_bytes)
{
    return open_store(s, "days",
                      (struct store_options){.tables = days_table_names,
                                             .tables_n = DAYS_TABLES_N,
                                             .map_bytes = map_bytes});
}

/* ---- engine ---- */

void engine_new(struct engine *e)
{
    *e = (struct engine){.options = ingest_options_default};
    e->options.checkpoint_ms = 3600000; /* tests say when */
    e->options.merge_rest_ms = 0;
    scratch_new(&e->scratch);
    log_setup(LOG_ERROR, false);
}

enum status engine_try_start(struct engine *e, char why[static 256])
{
    struct ingest_setup setup;
    enum status st;

    CHECK(loop_new(&e->loop) == ST_OK);
    e->front = scratch_front(&e->scratch, e->front_map_bytes);
    e->days = scratch_days(&e->scratch, 0);
    setup = (struct ingest_setup){e->loop, e->front, e->days, clock_now(), e->options};
    st = ingest_open(&setup, &e->ingest, why);
    if (st != ST_OK)
        engine_stop(e, false);
    return st;
}

void engine_start(struct engine *e)
{
    char why[256];

    if (engine_try_start(e, why) != ST_OK) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
}

void engine_stop(struct engine *e, bool checkpoint)
{
    ingest_close(&e->ingest, checkpoint);
    store_close(&e->front);
    store_close(&e->days);
    loop_free(&e->loop);
}

void engine_free(struct engine *e)
{
    engine_stop(e, false);
    scratch_free(&e->scratch);
}

/* ---- submitting ---- */

static uint32_t answers_n; /* of the process: only its order counts */

static void on_answer(void *arg, const struct zpeer *to, const struct batch *b,
                      const struct outcome *o)
{
    struct answer *a = arg;
    struct str message = o->message;

    (void)to;
    CHECK(!a->done); /* exactly once */
    a->done = true;
    a->outcome = *o;
    a->outcome.message = (struct str){0};
    a->order = answers_n++;
    if (o->status == ST_OK) {
        a->rejects_n = b->rejects_n;
        if (b->rejects_n > 0) {
            a->first_code = b->rejects[0].code;
            message = b->rejects[0].message;
        }
    }
    text_fmt(a->message, sizeof(a->message), "%.*s", (int)message.n,
             message.n > 0 ? message.p : "");
}

void engine_send(struct engine *e, const struct ingest_source *from, const char *frame,
                 struct answer *a)
{
    struct ingest_reply reply = {.fn = on_answer, .arg = a};

    if (a != NULL)
        *a = (struct answer){0};
    else
        reply = (struct ingest_reply){0};
    ingest_submit_bytes(e->ingest, from, frame, strlen(frame), &reply);
    loop_again(e->loop); /* it came outside of a turn, so nothing else would begin one */
}

void engine_settle(struct engine *e)
{
    int64_t until_ms = clock_now().mono_ms + 30000;

    while (!ingest_idle(e->ingest)) {
        CHECK(clock_now().mono_ms < until_ms);
        loop_turn(e->loop, 100);
    }
}

struct answer engine_ask(struct engine *e, const char *fmt, ...)
{
    struct answer a;
    char *frame;
    va_list args;

    va_start(args, fmt);
    CHECK(vasprintf(&frame, fmt, args) >= 0);
    va_end(args);
    loop_turn(e->loop, 0); /* a new turn: its clock is now */
    engine_send(e, &source_plain, frame, &a);
    free(frame);
    engine_settle(e);
    CHECK(a.done);
    return a;
}

void engine_checkpoint(struct engine *e)
{
    struct ingest_options now = e->options;
    struct ingest_status s;
    int64_t until_ms = clock_now().mono_ms + 30000;

    now.checkpoint_ms = 0;
    ingest_reload(e->ingest, &now);
    for (ingest_status(e->ingest, &s); s.checkpoint_position < s.position;
         ingest_status(e->ingest, &s)) {
        CHECK(clock_now().mono_ms < until_ms);
        loop_turn(e->loop, 20);
    }
    ingest_reload(e->ingest, &e->options);
}

/* ---- looking ---- */

struct ledger_total engine_ledger(struct engine *e, int32_t day)
{
    struct ledger_total total = {0};
    struct ledger_day units;
    struct txn t;

    txn_begin(e->front, false, &t);
    (void)ingest_ledger_day(&t, day, &units); /* absent: zero */
    CHECK(t.status == ST_OK);
    txn_abort(&t);
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        total.records += units.record_units[i];
        total.calls += units.call_units[i];
    }
    return total;
}

struct ledger_total engine_sheet(struct engine *e, uint64_t account, int32_t day)
{
    const struct generation *gens[INGEST_GENERATIONS_MAX];
    unsigned gens_n = ingest_generations(e->ingest, gens);
    struct arena arena = {0};
    struct sheet sheet;
    struct ledger_total total;
    struct view v;

    view_open(e->days, gens, gens_n, &v);
    v.first_day = day;
    view_sheet(&v, &(struct sheet_query){.account = account, .day = day}, &arena, &sheet);
    CHECK(v.txn.status == ST_OK);
    total = (struct ledger_total){sheet.record_total, sheet.call_total};
    view_close(&v);
    arena_fini(&arena);
    return total;
}

uint64_t engine_late(struct engine *e, uint64_t account)
{
    const struct generation *gens[INGEST_GENERATIONS_MAX];
    unsigned gens_n = ingest_generations(e->ingest, gens);
    int32_t today = day_of_ms(clock_now().wall_ms);
    struct view v;

    view_open(e->days, gens, gens_n, &v);
    uint64_t n = view_late(&v, account, today - 29, today);
    CHECK(v.txn.status == ST_OK);
    view_close(&v);
    return n;
}

struct ingest_faults engine_faults(struct engine *e, uint64_t account)
{
    int32_t today = day_of_ms(clock_now().wall_ms);
    struct ingest_faults n;
    struct txn t;

    txn_begin(e->front, false, &t);
    ingest_faults(&t, account, today - 29, today, &n);
    CHECK(t.status == ST_OK);
    txn_abort(&t);
    return n;
}

/* ---- whole engines ---- */

int engine_setup(void **state)
{
    struct engine *e = calloc(1, sizeof(*e));

    CHECK(e != NULL);
    engine_new(e);
    *state = e;
    return 0;
}

int engine_setup_started(void **state)
{
    engine_setup(state);
    engine_start(*state);
    return 0;
}

int engine_teardown(void **state)
{
    struct engine *e = *state;

    engine_free(e);
    free(e);
    return 0;
}

struct ingest_status status_of(struct engine *e)
{
    struct ingest_status s;

    ingest_status(e->ingest, &s);
    return s;
}

uint64_t sum_of(const uint64_t *by_code)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ST_N; i++)
        n += by_code[i];
    return n;
}

void check_adds_up(struct engine *e)
{
    struct ingest_status s = status_of(e);
    const struct ingest_counters *c = &s.counters;

    CHECK(c->received == c->accepted + c->duplicate + sum_of(c->rejected));
}

/* A numbered batch of n calls. */
struct answer ask_seq(struct engine *e, unsigned long long epoch, unsigned long long seq,
                      unsigned n)
{
    static char frame[1 << 16];
    size_t at =
        text_fmt(frame, sizeof(frame),
                 "{\"producer\":\"p\",\"epoch\":%llu,\"seq\":%llu,\"events\":[", epoch, seq);

    for (unsigned i = 0; i < n; i++)
        at += text_fmt(frame + at, sizeof(frame) - at, "%s" CALL, i > 0 ? "," : "", NOW);
    text_fmt(frame + at, sizeof(frame) - at, "]}");
    return engine_ask(e, "%s", frame);
}
