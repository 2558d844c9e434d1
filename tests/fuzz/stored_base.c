#include "tests/fuzz/stored_base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aggregators/days_test.h"
#include "aggregators/popularity.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/ingest/tables.h"

#define ACCOUNTS 14 /* enough for a popularity to be published */

/* ---- day tables ---- */

static void fold_at(struct generation *g, const struct event *e, int64_t received_ms)
{
    const uint8_t verdict = 0;
    const uint64_t position = generation_end(g);
    generation_fold(g, &(struct fold){e, &verdict, 1, position, received_ms});
    generation_advance(g, position + 1);
}

static void fold_counts(struct generation *g, int32_t day)
{
    object_type_id pets;
    const struct event_more named = {.object_name = STR("pets")};
    CHECK(object_type_parse(STR("pets"), &pets) == ST_OK);
    for (unsigned i = 0; i < 24; i++) {
        const struct event e = {.account = 1 + i % 2,
                                .app = i % 4,
                                .time_ms = day * MS_PER_DAY + 36000000 + i,
                                .object_type = i % 6 == 5 ? pets : i % 3 << 2,
                                .record_hash = i % 11,
                                .more = i % 6 == 5 ? &named : NULL,
                                .count = 1 + i,
                                .kind = (i % 2 ? EV_API_CALL : EV_RECORD_CREATED + i % 3) & 255,
                                .method = METHOD_GET,
                                .status = 200};
        fold_at(g, &e, e.time_ms + (i % 5 == 0) * MS_PER_DAY);
    }
}

static void fold_signals(struct generation *g, int32_t day)
{
    static const unsigned kinds[] = {EV_APP_INSTALLED,      EV_APP_ERROR,         EV_APP_RECOVERED,
                                     EV_APP_DISCONNECTED,   EV_APP_CONNECTED,     EV_SYNC_ENABLED,
                                     EV_PERMISSION_GRANTED, EV_PERMISSION_REVOKED};
    static const struct str scopes[] = {STR("contacts"), STR("deals")};
    const struct event_more more = {.reason = STR("token_expired"),
                                    .code = STR("401"),
                                    .setting = STR("contacts"),
                                    .from = STR("on"),
                                    .to = STR("off"),
                                    .feature = STR("import"),
                                    .list = scopes,
                                    .list_n = N_OF(scopes)};
    for (unsigned i = 0; i < 3 * ACCOUNTS; i++) {
        const struct event e = {.account = 1 + i % ACCOUNTS,
                                .app = 1 + i / ACCOUNTS % 2,
                                .time_ms = day * MS_PER_DAY + i,
                                .user = i % 3,
                                .has_user = i % 3 != 0,
                                .more = i % 2 ? &more : NULL,
                                .count = 1,
                                .kind = kinds[i < 2 * ACCOUNTS ? 0 : i % N_OF(kinds)] & 255};
        fold_at(g, &e, e.time_ms + 1000);
    }
}

/* Fields as decoding stores them, which serve every kind: {"name": "A", "kind": "marketplace",
 * "title": "T", "link": "L"}. */
static void fold_reference(struct generation *g)
{
    static const unsigned kinds[] = {EV_CATALOG_APP,    EV_CATALOG_ACADEMY, EV_DIRECTORY_USER,
                                     EV_DIRECTORY_TEAM, EV_ACCOUNT_PLAN,    EV_ACCOUNT_SETTINGS};
    const struct str fields = STR("\x84\xa4name\xa1"
                                  "A\xa4kind\xabmarketplace\xa5title\xa1T\xa4link\xa1L");
    for (unsigned i = 0; i < 2 * N_OF(kinds); i++) {
        const struct event_more more = {.reference_key = i < N_OF(kinds) ? STR("1") : STR("2"),
                                        .reference_fields = fields};
        const unsigned kind = kinds[i % N_OF(kinds)];
        const struct event e = {.account =
                                    kind == EV_CATALOG_APP || kind == EV_CATALOG_ACADEMY ? 0 : 1,
                                .time_ms = BASE_NOW_MS - 1000 + i,
                                .kind = kind & 255,
                                .count = 1,
                                .more = &more};
        fold_at(g, &e, BASE_NOW_MS);
    }
}

static void sweep(struct store *days)
{
    bool more = true;
    while (more)
        CHECK(days_sweep(days, 1000, &more) == ST_OK);
    CHECK(days_sweep(days, 60, &more) == ST_OK); /* and the counts of another one */
}

/* Old days are carried over; the last signals wait. */
static void fill_days(struct store *days, struct generation **more_out)
{
    const struct days_limits limits = {.activity_rows_max = 1000, .popularity = true};
    struct merge_stats stats;
    struct generation *g = generation_new(0);
    uint64_t position;
    char why[256];
    bool more = true;
    CHECK(days_prepare(days, &position, why) == ST_OK);
    fold_counts(g, BASE_TODAY - 40);
    fold_reference(g);
    for (int32_t day = BASE_TODAY - 3; day <= BASE_TODAY; day += 1) {
        fold_counts(g, day);
        fold_signals(g, day);
    }
    CHECK(days_merge_whole(days, g, &limits, &stats) == ST_OK);
    while (more)
        CHECK(days_purge(days, BASE_TODAY - 31, 1000, &more) == ST_OK);
    sweep(days);
    generation_reset(g, generation_end(g));
    fold_signals(g, BASE_TODAY);
    CHECK(days_merge(days, g, &limits, &stats) == ST_OK);
    *more_out = generation_new(generation_end(g));
    struct signals *own = generation_take_signals(*more_out);
    signals_free(&own);
    generation_give_signals(*more_out, generation_take_signals(g)); /* those that wait, first */
    generation_free(&g);
    fold_counts(*more_out, BASE_TODAY - 3);
    fold_counts(*more_out, BASE_TODAY);
    fold_signals(*more_out, BASE_TODAY);
    fold_reference(*more_out);
}

/* ---- front tables ---- */

#define UNKNOWN_FIELD                                                                              \
    "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"method\":\"GET\",\"status\":200,\"time\":%"  \
    "lld,\"colour\":\"blue\"}"

static void fill_front(struct engine *e)
{
    CHECK(ask_seq(e, 1, 1, 3).outcome.status == ST_OK);
    (void)ask_seq(e, 1, 1, 3); /* again, or another batch of that number */
    (void)ask_seq(e, 1, 3, 1); /* a gap */
    (void)engine_ask(e, WITH_ID, 1, NOW, "a");
    (void)engine_ask(e, "[" WITH_ID "," CALL ",{\"type\":\"x\"}]", 1, NOW, "a", NOW);
    (void)engine_ask(e, UNKNOWN_FIELD, NOW);
    (void)engine_ask(e, CALL, NOW - MS_PER_DAY);
    (void)engine_ask(e, CALL, 1LL);
    (void)engine_ask(e, "nonsense");
}

/* ---- rows as they were ---- */

static void remember(struct base_store *s, unsigned table, const struct cur *c)
{
    if (s->rows_n == s->rows_cap) {
        s->rows_cap = s->rows_cap > 0 ? 2 * s->rows_cap : 64;
        s->rows = realloc(s->rows, s->rows_cap * sizeof(*s->rows));
        CHECK(s->rows != NULL);
    }
    struct base_row *row = &s->rows[s->rows_n++];
    *row = (struct base_row){table, c->key.n, c->val.n, malloc(c->key.n + c->val.n)};
    CHECK(row->bytes != NULL);
    memcpy(row->bytes, c->key.p, c->key.n);
    memcpy(row->bytes + c->key.n, c->val.p, c->val.n);
}

static struct base_store remembered(struct store *store, unsigned tables_n)
{
    struct base_store s = {.store = store, .tables_n = tables_n};
    struct txn t;
    struct cur c;
    txn_begin(store, false, &t);
    for (unsigned table = 0; table < tables_n; table++) {
        cur_open(&t, table, &c);
        for (bool on = cur_first(&c); on; on = cur_next(&c))
            remember(&s, table, &c);
        cur_close(&c);
        if (s.rows_n == 0 || s.rows[s.rows_n - 1].table != table) {
            fprintf(stderr, "table %u of %u has no rows\n", table, tables_n);
            abort();
        }
    }
    CHECK(t.status == ST_OK);
    txn_abort(&t);
    return s;
}

const struct base_row *base_row(const struct base_store *s, unsigned table, size_t at)
{
    size_t n = 0;
    for (size_t i = 0; i < s->rows_n; i++)
        n += s->rows[i].table == table;
    for (size_t i = 0, k = 0; n > 0 && i < s->rows_n; i++)
        if (s->rows[i].table == table && k++ == at % n)
            return &s->rows[i];
    return NULL;
}

void base_put(const struct base_store *s, unsigned table, struct span key, struct span val)
{
    struct txn t;
    txn_begin(s->store, true, &t);
    if (val.p != NULL)
        txn_put(&t, table, key.p, key.n, val.p, val.n);
    else
        (void)txn_del(&t, table, key.p, key.n);
    CHECK(txn_commit(&t) == ST_OK);
}

void base_restore(const struct base_store *s)
{
    struct txn t;
    struct cur c;
    txn_begin(s->store, true, &t);
    for (unsigned table = 0; table < s->tables_n; table++) {
        cur_open(&t, table, &c);
        (void)cur_first(&c); /* c.on says the same */
        while (c.on)
            cur_del(&c);
        cur_close(&c);
    }
    for (size_t i = 0; i < s->rows_n; i++) {
        const struct base_row *r = &s->rows[i];
        txn_put(&t, r->table, r->bytes, r->key_n, r->bytes + r->key_n, r->val_n);
    }
    CHECK(txn_commit(&t) == ST_OK);
}

/* ---- both ---- */

struct base *base_new(void)
{
    struct base *b = calloc(1, sizeof(*b));
    struct engine e;
    CHECK(b != NULL);
    if (access("/dev/shm", W_OK) == 0)
        CHECK(setenv("TMPDIR", "/dev/shm", 0) == 0);
    engine_new(&e);
    engine_start(&e);
    fill_front(&e);
    engine_stop(&e, false);
    b->front_dir = e.scratch;
    b->front = remembered(scratch_front(&b->front_dir, 0), FRONT_TABLES_N);
    b->fresh = scratch_days(&b->front_dir, 0);
    scratch_new(&b->days_dir); /* the engine's own was purged by today's date */
    struct store *days = scratch_days(&b->days_dir, 0);
    fill_days(days, &b->more);
    b->days = remembered(days, DAYS_TABLES_N);
    return b;
}

static void forget(struct base_store *s)
{
    for (size_t i = 0; i < s->rows_n; i++)
        free(s->rows[i].bytes);
    free(s->rows);
    store_close(&s->store);
}

void base_free(struct base **bp)
{
    struct base *b = *bp;
    *bp = NULL;
    forget(&b->front);
    forget(&b->days);
    generation_free(&b->more);
    store_close(&b->fresh);
    scratch_free(&b->front_dir);
    scratch_free(&b->days_dir);
    free(b);
}
