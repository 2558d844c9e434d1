#include "tests/crash/life.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#include "aggregators/audit.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/ingest/tables.h"
#include "tests/crash/disk.h"

#define OLD_DAYS  24 /* events are up to so many days old */
#define NEW_DAYS  5  /* those with an entry in the activity log */
#define MEMORY_MB 256

/* ---- batches and their model ---- */

struct maker {
    uint64_t seed;
    int64_t now_ms;
    uint32_t seq[LIFE_PRODUCERS];
    bool ids[LIFE_ACCOUNTS][LIFE_IDS];
    uint32_t next_id;
    bool repeats;
    struct buf text;
};

/* An id for an event of a batch without a number. True: it has been used before. */
static bool say_id(struct maker *m, uint32_t account)
{
    uint32_t id = m->next_id < LIFE_IDS ? m->next_id++ : LIFE_IDS - 1;
    if (m->repeats && draw(&m->seed, 5) == 0)
        id = (uint32_t)draw(&m->seed, id + 1);
    bool used = m->ids[account][id];
    m->ids[account][id] = true;
    buf_fmt(&m->text, ",\"id\":\"id-%u\"", id);
    return used;
}

static void make_event(struct maker *m, struct life_state *s, bool numbered)
{
    static const char *const signals[] = {"installed", "uninstalled", "connected", "expired"};
    uint32_t account = (uint32_t)draw(&m->seed, LIFE_ACCOUNTS), kind, count = 1;
    uint32_t app = 1 + (uint32_t)draw(&m->seed, 12);
    uint32_t day = (uint32_t)draw(&m->seed, draw(&m->seed, 3) == 0 ? OLD_DAYS : NEW_DAYS);

    s->received++;
    if (draw(&m->seed, 25) == 0) {
        buf_fmt(&m->text, "{\"type\":\"bad.type\",\"account\":1}");
        s->rejected++;
        return;
    }
    kind = (uint32_t)draw(&m->seed, 5);
    if (kind >= 4)
        day %= NEW_DAYS;
    buf_fmt(&m->text, "{\"account\":%u,\"app\":%u,\"time\":%lld", account + 1, app,
            (long long)(m->now_ms - day * MS_PER_DAY));
    if (kind < 4) {
        count = 1 + (uint32_t)draw(&m->seed, 9);
        buf_fmt(&m->text, ",\"count\":%u,\"type\":%s", count,
                kind < 2 ? "\"api.call\",\"method\":\"GET\",\"status\":200"
                         : "\"record.updated\",\"object_type\":\"contacts\"");
    } else {
        buf_fmt(&m->text, ",\"type\":\"app.%s\",\"user\":%u",
                signals[draw(&m->seed, N_OF(signals))], 1 + (uint32_t)draw(&m->seed, 30));
    }
    bool used = !numbered && say_id(m, account);
    buf_fmt(&m->text, "}");
    s->accepted += !used;
    s->duplicate += used;
    if (used)
        return;
    s->activities += kind >= 4;
    if (day < LIFE_DAYS && kind < 4)
        (kind < 2 ? s->calls : s->records)[account][day] += count;
}

static char *take_text(struct maker *m)
{
    buf_put(&m->text, "", 1);
    CHECK(!m->text.bad);
    char *text = strdup((const char *)m->text.p);
    CHECK(text != NULL);
    buf_reset(&m->text);
    return text;
}

static void make_batch(struct maker *m, struct life *l, uint32_t k, uint32_t events_max)
{
    struct life_batch *b = &l->batch[k];
    struct life_state *s = &l->state[k + 1];

    *s = l->state[k];
    *b = (struct life_batch){.life = l, .number = k, .copy_of = k};
    if (m->repeats && k > 0 && draw(&m->seed, 8) == 0) {
        const struct life_batch *old = &l->batch[draw(&m->seed, k)];
        if (old->numbered) {
            uint32_t of = old->copy_of;
            uint64_t n = l->state[of + 1].received - l->state[of].received;
            s->received += n;
            s->duplicate += n;
            b->frame = strdup(old->frame);
            CHECK(b->frame != NULL);
            b->numbered = true;
            b->copy_of = of;
            return;
        }
    }
    b->numbered = draw(&m->seed, 4) > 0;
    uint32_t n = 1 + (uint32_t)draw(&m->seed, b->numbered ? events_max : 4);
    if (b->numbered) {
        uint64_t p = draw(&m->seed, LIFE_PRODUCERS);
        buf_fmt(&m->text,
                "{\"producer\":\"p%llu\",\"epoch\":7,\"seq\":%u,\"events\":", (unsigned long long)p,
                ++m->seq[p]);
    }
    for (uint32_t i = 0; i < n; i++) {
        buf_fmt(&m->text, i == 0 ? "[" : ",");
        make_event(m, s, b->numbered);
    }
    buf_fmt(&m->text, b->numbered ? "]}" : "]");
    b->frame = take_text(m);
}

void life_new(struct life *l, const struct life_shape *shape)
{
    struct maker m = {.seed = shape->seed,
                      .now_ms = clock_now().wall_ms,
                      .repeats = shape->repeats,
                      .text = buf_of(1 << 24)};

    *l = (struct life){.batches_n = shape->batches_n, .today = day_of_ms(m.now_ms)};
    l->batch = calloc(shape->batches_n, sizeof *l->batch);
    l->state = calloc(shape->batches_n + 1, sizeof *l->state);
    CHECK(l->batch != NULL && l->state != NULL);
    for (uint32_t k = 0; k < shape->batches_n; k++)
        make_batch(&m, l, k, shape->events_max);
    buf_fini(&m.text);
}

void life_free(struct life *l)
{
    for (uint32_t k = 0; k < l->batches_n; k++)
        free(l->batch[k].frame);
    free(l->batch);
    free(l->state);
}

/* ---- the engine ---- */

static void on_answer(void *arg, const struct zpeer *to, const struct batch *decoded,
                      const struct outcome *o)
{
    struct life_batch *b = arg;

    (void)to;
    (void)decoded;
    CHECK(!b->answered); /* exactly once */
    b->answered = true;
    b->outcome = *o;
    b->outcome.message = (struct str){0};
    b->life->answers++;
    b->acked |= o->status == ST_OK || o->status == ST_DUPLICATE;
    if (b->acked)
        disk_mark(LIFE_ACKED, b->number);
}

void life_send(struct engine *e, struct life_batch *b)
{
    struct ingest_reply reply = {.fn = on_answer, .arg = b};

    b->answered = false;
    disk_mark(LIFE_SUBMITTED, b->number);
    ingest_submit_bytes(e->ingest, &source_plain, b->frame, strlen(b->frame), &reply);
    loop_again(e->loop);
}

static enum status open_store(const struct engine *e, const char *name,
                              const struct store_options *tables, struct store **out, char *why)
{
    char dir[300];
    struct store_options o = *tables;

    text_fmt(dir, sizeof dir, "%s/%s", e->scratch.dir, name);
    o.dir = dir;
    o.map_bytes = UINT64_C(64) << 20;
    return store_open(&o, out, why);
}

enum status life_start(struct engine *e, char why[static 256])
{
    const struct store_options front = {.tables = front_table_names, .tables_n = FRONT_TABLES_N};
    const struct store_options days = {.tables = days_table_names, .tables_n = DAYS_TABLES_N};

    CHECK(loop_new(&e->loop) == ST_OK);
    enum status st = open_store(e, "front", &front, &e->front, why);
    if (st == ST_OK)
        st = open_store(e, "days", &days, &e->days, why);
    if (st == ST_OK) {
        struct ingest_setup setup = {e->loop, e->front, e->days, clock_now(), e->options};
        st = ingest_open(&setup, &e->ingest, why);
    }
    if (st != ST_OK)
        engine_stop(e, false);
    return st;
}

/* ---- comparing ---- */

static bool differs(const char *what, uint64_t got, uint64_t want, char *why)
{
    if (got != want)
        text_fmt(why, 256, "%s: %llu, and not %llu", what, (unsigned long long)got,
                 (unsigned long long)want);
    return got != want;
}

static bool day_differs(struct engine *e, const struct life *l, const struct life_state *want,
                        uint32_t day, char *why)
{
    uint64_t calls = 0, records = 0;
    struct ledger_total ledger = engine_ledger(e, l->today - (int32_t)day);

    for (uint32_t a = 0; a < LIFE_ACCOUNTS; a++) {
        struct ledger_total sheet = engine_sheet(e, a + 1, l->today - (int32_t)day);
        if (differs("calls", sheet.calls, want->calls[a][day], why) ||
            differs("records", sheet.records, want->records[a][day], why))
            return true;
        calls += sheet.calls;
        records += sheet.records;
    }
    return differs("calls of the ledger", ledger.calls, calls, why) ||
           differs("records of the ledger", ledger.records, records, why);
}

bool life_compare(struct engine *e, const struct life *l, const struct life_state *want,
                  bool counters, char why[static 256])
{
    struct ingest_status s = status_of(e);
    const struct ingest_counters *c = &s.counters;

    if (differs("accepted", c->accepted, want->accepted, why) ||
        differs("received", c->received, c->accepted + c->duplicate + sum_of(c->rejected), why))
        return false;
    if (counters && (differs("duplicate", c->duplicate, want->duplicate, why) ||
                     differs("rejected", sum_of(c->rejected), want->rejected, why)))
        return false;
    for (uint32_t day = 0; day < LIFE_DAYS; day++)
        if (day_differs(e, l, want, day, why))
            return false;
    return true;
}

static void on_fault(void *arg, const char *table, const char *what)
{
    char *why = arg;

    text_fmt(why, 256, "audit of %s: %s", table, what);
}

bool life_audit(struct engine *e, const struct life_state *want, char why[static 256])
{
    const struct audit_report report = {.fault = on_fault, .arg = why};
    struct audit_counts counts;
    struct store *days = scratch_days(&e->scratch, UINT64_C(64) << 20);
    enum status st = audit_tables(days, &report, &counts);

    store_close(&days);
    if (st != ST_OK)
        text_fmt(why, 256, "audit: %s", status_row(st)->text);
    return st == ST_OK && counts.faults == 0 &&
           !differs("activities", counts.activities, want->activities, why);
}

void life_use_memory(void)
{
    struct statvfs fs;

    if (statvfs("/dev/shm", &fs) == 0 && (fs.f_flag & ST_RDONLY) == 0 &&
        (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)MEMORY_MB << 20)
        CHECK(setenv("TMPDIR", "/dev/shm", 1) == 0);
}
