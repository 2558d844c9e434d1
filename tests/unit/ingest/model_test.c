/* Random streams of batches against a slow model: several producers with windows in flight,
 * retries, reorders, ids that repeat, bad events, failed commits, restarts with and without a
 * checkpoint. After every settled step the answers, counters, ledger and sheets must be what the
 * model says.
 *
 *   DAYBOOK_SEED=n   run that seed only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/store/store_test.h"
#include "tests/draw.h"
#include "tests/unit/ingest/ingest_help.h"

#define PRODUCERS 3
#define EVENTS    6
#define ACCOUNTS  4
#define IDS       60
#define WINDOW    8 /* submissions of one turn */
#define STEPS     100
#define SEEDS     6

/* ---- batches: the same (producer, epoch, seq, flavour) is always the same frame ---- */

struct plan_event {
    uint32_t account, count, id; /* id 0: none */
    bool call, old, bad, late;
};

struct plan {
    bool numbered, too_large;
    uint32_t producer, seq, n;
    uint64_t epoch;
    struct plan_event ev[EVENTS];
};

static struct plan plan_make(uint64_t seed, uint32_t producer, uint64_t epoch, uint32_t seq)
{
    uint64_t chance = seed * 1000003 + producer * 7919 + epoch * 104729 + seq;
    struct plan p = {.producer = producer, .epoch = epoch, .seq = seq, .numbered = seq > 0};

    p.too_large = draw(&chance, 20) == 0;
    p.n = p.too_large ? EVENTS + 1 : (uint32_t)draw(&chance, EVENTS + 1);
    for (uint32_t i = 0; i < EVENTS; i++)
        p.ev[i] = (struct plan_event){
            .account = 1 + (uint32_t)draw(&chance, ACCOUNTS),
            .count = 1 + (uint32_t)draw(&chance, 5),
            .id = draw(&chance, 4) == 0 ? 1 + (uint32_t)draw(&chance, IDS) : 0,
            .call = draw(&chance, 2) == 0,
            .old = draw(&chance, 12) == 0,
            .bad = draw(&chance, 12) == 0,
            .late = draw(&chance, 8) == 0,
        };
    return p;
}

static size_t event_text(const struct plan_event *e, int64_t time_ms, char *to, size_t cap)
{
    char id[32] = "";

    if (e->id > 0)
        text_fmt(id, sizeof(id), ",\"id\":\"id-%u\"", e->id);
    if (e->old)
        time_ms -= 60 * MS_PER_DAY;
    else if (e->late)
        time_ms -= 2 * MS_PER_DAY;
    return text_fmt(
        to, cap, "{\"type\":\"%s\",\"account\":%u,\"app\":1,\"time\":%lld,\"count\":%u%s%s}",
        e->bad    ? "bad.type"
        : e->call ? "api.call"
                  : "record.updated",
        e->account, (long long)time_ms, e->count, id,
        e->call ? ",\"method\":\"GET\",\"status\":200" : ",\"object_type\":\"contacts\"");
}

static void plan_text(const struct plan *p, int64_t time_ms, char *to, size_t cap)
{
    size_t at = 0;

    if (p->numbered)
        at += text_fmt(to, cap,
                       "{\"producer\":\"p%u\",\"epoch\":%llu,\"seq\":%u,\"events\":", p->producer,
                       (unsigned long long)p->epoch, p->seq);
    at += text_fmt(to + at, cap - at, "[");
    for (uint32_t i = 0; i < p->n; i++) {
        at += text_fmt(to + at, cap - at, "%s", i > 0 ? "," : "");
        at += event_text(&p->ev[i % EVENTS], time_ms, to + at, cap - at);
    }
    text_fmt(to + at, cap - at, p->numbered ? "]}" : "]");
}

/* ---- the model ---- */

struct model {
    uint64_t epoch[PRODUCERS];
    uint32_t seq[PRODUCERS];
    bool ids[ACCOUNTS + 1][IDS + 1];
    uint64_t received, accepted, duplicate, rejected, refused;
    uint64_t calls[ACCOUNTS + 1], records[ACCOUNTS + 1]; /* of the day itself */
    uint64_t late[ACCOUNTS + 1], duplicates[ACCOUNTS + 1], rejects[ACCOUNTS + 1];
};

struct wanted {
    enum status status;
    uint32_t accepted, duplicate, rejected;
    uint64_t expected;
};

static struct wanted model_events(struct model *m, const struct plan *p)
{
    struct wanted w = {.status = ST_OK};

    for (uint32_t i = 0; i < p->n; i++) {
        const struct plan_event *e = &p->ev[i];

        if (e->bad || e->old) {
            w.rejected++;
            m->rejects[e->account]++;
        } else if (e->id > 0 && m->ids[e->account][e->id]) {
            w.duplicate++;
            m->duplicates[e->account]++;
        } else {
            w.accepted++;
            m->ids[e->account][e->id] = e->id > 0;
            m->late[e->account] += e->late;
            if (e->late)
                continue;
            m->calls[e->account] += e->call ? e->count : 0;
            m->records[e->account] += e->call ? 0 : e->count;
        }
    }
    m->received += p->n;
    m->accepted += w.accepted;
    m->duplicate += w.duplicate;
    m->rejected += w.rejected;
    return w;
}

static struct wanted model_batch(struct model *m, const struct plan *p)
{
    uint32_t expected = p->epoch > m->epoch[p->producer] ? 1 : m->seq[p->producer] + 1;
    struct wanted w = {0};

    if (p->numbered && p->epoch < m->epoch[p->producer]) {
        w.status = ST_STALE_EPOCH;
    } else if (p->numbered && p->seq > expected) {
        w.status = ST_GAP;
        w.expected = expected;
    } else if (p->numbered && p->seq < expected) {
        uint32_t n = p->too_large ? 0 : p->n; /* events that were never read are not counted */

        m->received += n;
        m->duplicate += n;
        for (uint32_t i = 0; i < n; i++)
            m->duplicates[p->ev[i].account]++;
        return (struct wanted){.status = ST_DUPLICATE, .duplicate = n};
    } else {
        if (p->numbered) {
            m->epoch[p->producer] = p->epoch;
            m->seq[p->producer] = p->seq;
        }
        if (!p->too_large)
            return model_events(m, p);
        w.status = ST_TOO_LARGE;
    }
    m->refused++;
    return w;
}

/* ---- one run ---- */

struct run {
    struct engine e;
    uint64_t chance;
    uint64_t seed;
    struct model model;
    int64_t time_ms; /* of all good events; fixed, so that a retry is the same frame */
    uint64_t epoch[PRODUCERS];
    uint32_t next[PRODUCERS];
};

static struct plan choose(struct run *r)
{
    uint32_t producer = (uint32_t)draw(&r->chance, PRODUCERS);
    uint64_t epoch = r->epoch[producer];
    uint32_t seq = r->next[producer];

    switch (draw(&r->chance, 12)) {
    case 0: /* not numbered: a content of its own each time */
        return plan_make(r->seed, producer, 1000 + draw(&r->chance, 1 << 20), 0);
    case 1: /* an old one again */
        seq = 1 + (uint32_t)draw(&r->chance, seq);
        break;
    case 2: /* too far ahead */
        seq += 1 + (uint32_t)draw(&r->chance, 3);
        break;
    case 3: /* an epoch that is over */
        epoch -= draw(&r->chance, 2);
        break;
    case 4:
        if (draw(&r->chance, 4) == 0) {
            r->epoch[producer]++;
            r->next[producer] = 1;
            epoch = r->epoch[producer];
            seq = 1 + (uint32_t)draw(&r->chance, 2);
        }
        break;
    default:
        break;
    }
    r->next[producer] = seq >= r->next[producer] ? seq + 1 : r->next[producer];
    return plan_make(r->seed, producer, epoch, seq);
}

/* After gaps and failures the publishers go back to what the engine expects. */
static void rewind_all(struct run *r)
{
    for (uint32_t p = 0; p < PRODUCERS; p++) {
        bool current = r->model.epoch[p] == r->epoch[p];

        r->next[p] = current ? r->model.seq[p] + 1 : 1;
    }
}

static void assert_wanted(const struct run *r, const struct wanted *w, const struct answer *a)
{
    if (!a->done || a->outcome.status != w->status || a->outcome.accepted != w->accepted ||
        a->outcome.duplicate != w->duplicate || a->outcome.rejected != w->rejected ||
        (w->status == ST_GAP && a->outcome.expected_seq != w->expected))
        fail_msg("seed %llu: %s %u/%u/%u expected %llu, wanted %s %u/%u/%u expected %llu",
                 (unsigned long long)r->seed, status_row(a->outcome.status)->name,
                 a->outcome.accepted, a->outcome.duplicate, a->outcome.rejected,
                 (unsigned long long)a->outcome.expected_seq, status_row(w->status)->name,
                 w->accepted, w->duplicate, w->rejected, (unsigned long long)w->expected);
}

/* A few batches in one turn, which may fail together. */
static void step(struct run *r)
{
    struct plan plans[WINDOW];
    struct answer answers[WINDOW];
    uint32_t n = 1 + (uint32_t)draw(&r->chance, WINDOW);
    bool fails = draw(&r->chance, 8) == 0;
    char frame[4096];

    loop_turn(r->e.loop, 0);
    if (fails)
        store_test_fail_commit(r->e.front, 1, ENOSPC);
    for (uint32_t i = 0; i < n; i++) {
        plans[i] = choose(r);
        plan_text(&plans[i], r->time_ms, frame, sizeof(frame));
        engine_send(&r->e, &source_plain, frame, &answers[i]);
    }
    engine_settle(&r->e);
    for (uint32_t i = 0; i < n; i++) {
        struct wanted w = {.status = ST_STORAGE_FULL};

        if (fails)
            r->model.refused++;
        else
            w = model_batch(&r->model, &plans[i]);
        assert_wanted(r, &w, &answers[i]);
    }
    rewind_all(r);
}

static uint64_t sum(const uint64_t *by_code)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ST_N; i++)
        n += by_code[i];
    return n;
}

static void compare(struct run *r)
{
    int32_t day = day_of_ms(r->time_ms);
    struct ledger_total ledger = engine_ledger(&r->e, day);
    struct model *m = &r->model;
    struct ingest_status s;
    uint64_t calls = 0, records = 0;
    struct ingest_faults faults;

    for (uint32_t account = 1; account <= ACCOUNTS; account++) {
        struct ledger_total sheet = engine_sheet(&r->e, account, day);

        assert_int_equal(sheet.calls, m->calls[account]);
        assert_int_equal(sheet.records, m->records[account]);
        assert_int_equal(engine_late(&r->e, account), m->late[account]);
        faults = engine_faults(&r->e, account);
        assert_int_equal(faults.duplicate, m->duplicates[account]);
        assert_int_equal(faults.rejected, m->rejects[account]);
        calls += m->calls[account];
        records += m->records[account];
    }
    assert_int_equal(ledger.calls, calls);
    assert_int_equal(ledger.records, records);
    ingest_status(r->e.ingest, &s);
    assert_int_equal(s.counters.received, m->received);
    assert_int_equal(s.counters.accepted, m->accepted);
    assert_int_equal(s.counters.duplicate, m->duplicate);
    assert_int_equal(sum(s.counters.rejected), m->rejected);
    assert_int_equal(s.counters.received,
                     s.counters.accepted + s.counters.duplicate + sum(s.counters.rejected));
}

static void run(uint64_t seed)
{
    struct run *r = calloc(1, sizeof(*r));
    struct ingest_status s;

    CHECK(r != NULL);
    r->seed = seed;
    r->chance = seed;
    r->time_ms = clock_now().wall_ms;
    for (uint32_t p = 0; p < PRODUCERS; p++) {
        r->epoch[p] = 5;
        r->next[p] = 1;
    }
    engine_new(&r->e);
    r->e.options.limits.batch_events_max = EVENTS;
    r->e.options.pending_bytes = UINT64_C(1) << 20;
    engine_start(&r->e);
    for (unsigned i = 0; i < STEPS; i++) {
        step(r);
        if (draw(&r->chance, 10) == 0)
            engine_checkpoint(&r->e);
        if (draw(&r->chance, 12) == 0) {
            /* A counter of a failed commit is stored with the next good one. */
            ingest_status(r->e.ingest, &s);
            assert_int_equal(sum(s.counters.batches_refused), r->model.refused);
            engine_stop(&r->e, draw(&r->chance, 2) == 0);
            engine_start(&r->e);
            ingest_status(r->e.ingest, &s);
            r->model.refused = sum(s.counters.batches_refused);
        }
        if (i % 4 == 0)
            compare(r);
    }
    compare(r);
    engine_free(&r->e);
    free(r);
}

static void streams_match_the_model(void **state)
{
    const char *one = getenv("DAYBOOK_SEED");
    uint64_t seed;

    (void)state;
    if (one != NULL && text_u64(str_of(one), &seed) == ST_OK) {
        run(seed);
        return;
    }
    for (seed = 1; seed <= SEEDS; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(streams_match_the_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
