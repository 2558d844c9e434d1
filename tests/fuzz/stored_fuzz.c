/* Any bytes as a stored row, read by what reads rows in service: queries, the audit, recovery,
 * merges and purges. Each read it or say ST_CORRUPT; none crashes, and none says anything else.
 *
 *   table(1)  of the day tables, then of the front's
 *   row(1)    whose value it becomes; from 0xf0 on: a key of its own, length(1) and bytes
 *   how(1)    bit 0: with a checksum that fits; bit 1: writers read it too
 *   value */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>

#include "aggregators/audit.h"
#include "aggregators/days_test.h"
#include "aggregators/last_activity.h"
#include "aggregators/late.h"
#include "aggregators/popularity.h"
#include "aggregators/tables.h"
#include "aggregators/view_apps.h"
#include "engine/base/check.h"
#include "engine/ingest/clock_gate.h"
#include "engine/ingest/counters.h"
#include "engine/ingest/cursor.h"
#include "engine/ingest/faults.h"
#include "engine/ingest/id_window.h"
#include "engine/ingest/ledger.h"
#include "engine/ingest/rejected.h"
#include "engine/ingest/replay.h"
#include "engine/ingest/tables.h"
#include "engine/ingest/writer.h"
#include "engine/log/log.h"
#include "engine/query/query.h"
#include "tests/fuzz/stored_base.h"

static struct fuzz {
    struct base *base;
    struct query *query;
    struct generation *pending; /* above the tables, for the questions; NULL: none */
    struct buf answer;
    struct arena arena;
} * fuzz;

static void fine_or_corrupt(enum status st)
{
    CHECK(st == ST_OK || st == ST_CORRUPT);
}

/* ---- questions ---- */

static const struct {
    enum days_table table;
    const char *text;
} questions[] = {
    {DAYS_META, "{\"view\":\"records\",\"account\":1}"},
    {DAYS_SHEET, "{\"view\":\"records\",\"account\":1,\"group_by\":\"day\"}"},
    {DAYS_SHEET, "{\"view\":\"records\",\"account\":2,\"group_by\":[\"app\",\"action\"]}"},
    {DAYS_SHEET, "{\"view\":\"api_usage\",\"account\":1,\"slot\":\"quarter\",\"kind\":\"all\"}"},
    {DAYS_SHEET, "{\"view\":\"api_usage\",\"account\":2,\"zone\":\"Asia/Kathmandu\"}"},
    {DAYS_SHEET, "{\"view\":\"usage\",\"account\":1}"},
    {DAYS_SHEET, "{\"view\":\"conservation\",\"account\":1}"},
    {DAYS_SHEET, "{\"view\":\"apps\",\"account\":1}"},
    {DAYS_SHEET, "{\"view\":\"record_alerts\",\"account\":1}"},
    {DAYS_SHEET, "{\"view\":\"usage_alerts\",\"account\":1}"},
    {DAYS_DISTINCT, "{\"view\":\"distinct_records\",\"account\":1}"},
    {DAYS_DISTINCT, "{\"view\":\"distinct_records\",\"account\":2,\"total\":\"range\"}"},
    {DAYS_ACTIVITY, "{\"view\":\"activity\",\"account\":1}"},
    {DAYS_ACTIVITY, "{\"view\":\"activity\",\"account\":1,\"type\":[\"app.installed\"]}"},
    {DAYS_ACTIVITY, "{\"view\":\"activity\",\"account\":2,\"order\":\"arrival\"}"},
    {DAYS_CONNECTION, "{\"view\":\"connections\",\"account\":1,\"app\":1}"},
    {DAYS_CONNECTION, "{\"view\":\"apps\",\"account\":1}"},
    {DAYS_CONNECTION, "{\"view\":\"attention\",\"account\":1,\"state\":\"all\"}"},
    {DAYS_CONNECTION, "{\"view\":\"my_apps\",\"account\":1,\"viewer\":1}"},
    {DAYS_CONNECTION, "{\"view\":\"other_apps\",\"account\":1,\"viewer\":1}"},
    {DAYS_CONNECTION, "{\"view\":\"attention\",\"account\":2,\"app\":1}"},
    {DAYS_SCOPE, "{\"view\":\"permissions\",\"account\":1,\"app\":1}"},
    {DAYS_CARRY, "{\"view\":\"apps\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"catalog\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"academy\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"users\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"teams\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"plan\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"settings\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"recommendations\",\"account\":1}"},
    {DAYS_REFERENCE, "{\"view\":\"apps\",\"account\":1}"},
    {DAYS_TYPE_NAME, "{\"view\":\"records\",\"account\":1,\"group_by\":\"object_type\"}"},
    {DAYS_POPULARITY, "{\"view\":\"recommendations\",\"account\":1}"},
    {DAYS_LATE, "{\"view\":\"records\",\"account\":1}"},
};

static void no_status(void *arg, struct query_status *out)
{
    (void)arg;
    out->version = "0";
}

static enum status none_rejected(void *arg, uint64_t before,
                                 bool (*fn)(void *fn_arg, const struct query_rejected *r),
                                 void *fn_arg)
{
    (void)arg, (void)before, (void)fn, (void)fn_arg;
    return ST_OK;
}

static const struct query_source source = {.status = no_status, .rejected = none_rejected};

static void ask(const char *question)
{
    const struct query_context context = {.query = fuzz->query,
                                          .days = fuzz->base->days.store,
                                          .gens = {fuzz->pending},
                                          .gens_n = fuzz->pending != NULL,
                                          .now_ms = BASE_NOW_MS,
                                          .floor_day = BASE_TODAY - 1000,
                                          .popularity = true,
                                          .page_rows_max = 50,
                                          .source = &source};
    struct request r;
    json_error_t error;
    arena_reset(&fuzz->arena);
    request_decode(question, strlen(question), &fuzz->arena, &r);
    query_answer(&context, &r, &fuzz->answer);
    CHECK(!fuzz->answer.bad);
    json_t *a = json_loadb((const char *)fuzz->answer.p, fuzz->answer.n,
                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    CHECK(json_is_object(a));
    if (!json_is_true(json_object_get(a, "ok"))) {
        const char *code = json_string_value(json_object_get(a, "code"));
        CHECK(code != NULL);
        CHECK(strcmp(code, status_wire(ST_CORRUPT)) == 0);
    }
    json_decref(a);
}

/* ---- readers of the day tables ---- */

static void on_day(void *arg, const struct audit_day *d)
{
    (void)arg, (void)d;
}

static void on_key(void *arg, uint64_t app, uint64_t user1)
{
    (void)arg, (void)app, (void)user1;
}

static void look(void)
{
    struct view v;
    struct audit_at at = {0};
    struct popularity partners;
    struct last_list last;
    uint64_t kept, trimmed, end = 0;
    arena_reset(&fuzz->arena);
    view_open(fuzz->base->days.store, NULL, 0, &v);
    v.today = BASE_TODAY;
    v.first_day = BASE_TODAY - 29;
    (void)audit_days(&v, &at, 8, on_day, NULL);
    (void)view_late(&v, 1, v.first_day, v.today);
    (void)late_stored(&v.txn, 1, BASE_TODAY, &end);
    (void)view_popularity(&v, 1, &partners);
    view_connection_keys(&v, 1, on_key, NULL);
    view_activity_counts(&v, 1, &kept, &trimmed);
    view_last_activity(&v, &(struct last_query){.account = 1, .to_app = UINT64_MAX}, &fuzz->arena,
                       &last);
    fine_or_corrupt(v.txn.status);
    view_close(&v);
}

/* Waiting signals are read into memory at a start, and every question looks at them there. */
static void ask_about(struct signals *s)
{
    fuzz->pending = generation_new(signals_end(s));
    struct signals *own = generation_take_signals(fuzz->pending);
    signals_free(&own);
    generation_give_signals(fuzz->pending, s);
    for (size_t i = 0; i < N_OF(questions); i++)
        if (questions[i].table == DAYS_ACTIVITY || questions[i].table == DAYS_CONNECTION ||
            questions[i].table == DAYS_SCOPE)
            ask(questions[i].text);
    (void)generation_take_signals(fuzz->pending);
    generation_free(&fuzz->pending);
}

static void read_waiting(bool ask_too, bool merge_too)
{
    static const struct days_limits limits = {.activity_rows_max = 8};
    struct signals *merging = signals_new(0), *others = signals_new(0);
    struct signals_merge merge = {.of = others};
    struct merge_stats stats;
    const enum status st = signals_load(fuzz->base->days.store, merging, others);
    fine_or_corrupt(st);
    if (st == ST_OK && ask_too)
        ask_about(others);
    if (st == ST_OK && merge_too)
        fine_or_corrupt(
            days_merge_signals(fuzz->base->days.store, &merge, &limits, UINT32_MAX, &stats));
    signals_merge_fini(&merge);
    signals_free(&merging);
    signals_free(&others);
}

static void read_days(enum days_table table)
{
    struct store *days = fuzz->base->days.store;
    struct audit_counts counts;
    uint64_t end;
    fine_or_corrupt(audit_tables(days, &(struct audit_report){.day = on_day}, &counts));
    fine_or_corrupt(days_merge_end(days, &end));
    look();
    if (table == DAYS_WAITING || table == DAYS_META)
        read_waiting(table == DAYS_WAITING, false);
    for (size_t i = 0; i < N_OF(questions); i++)
        if (questions[i].table == table)
            ask(questions[i].text);
}

/* What would write over it. A position that is not this generation's is nobody's fault. */
static void write_days(enum days_table table)
{
    static const struct days_limits limits = {.activity_rows_max = 8, .popularity = true};
    struct store *days = fuzz->base->days.store;
    struct merge_stats stats;
    char why[256];
    uint64_t position;
    bool more;
    enum status st = days_prepare(days, &position, why);
    CHECK(st == ST_OK || st == ST_CORRUPT || st == ST_OTHER_FORMAT);
    if (table == DAYS_WAITING) {
        read_waiting(false, true);
    } else {
        st = days_merge_whole(days, fuzz->base->more, &limits, &stats);
        if (table != DAYS_META || st != ST_INTERNAL)
            fine_or_corrupt(st);
    }
    fine_or_corrupt(days_sweep(days, 100, &more));
    fine_or_corrupt(days_purge(days, BASE_TODAY + 1, 500, &more));
    base_restore(&fuzz->base->days);
}

/* ---- readers of the front tables, each in a transaction that is given up ---- */

static bool on_rejected(void *arg, const struct ingest_rejected *r)
{
    (void)arg, (void)r;
    return true;
}

static void on_faults(void *arg, int32_t day, const struct ingest_faults *n)
{
    (void)arg, (void)day, (void)n;
}

static void read_cursor(struct txn *t)
{
    struct cursor c;
    struct cursor_place place = {0};
    if (!cursor_get(t, (struct str){0}, STR("p"), &c))
        c = (struct cursor){0};
    (void)cursor_judge(&c, 1, 2, c.digest);
    (void)cursor_count(t, (struct str){0});
    cursor_put(t, (struct str){0}, STR("q"), &c, true);
    cursor_sweep(t, &place, INT32_MAX, 100);
}

static void read_ids(struct txn *t)
{
    const struct hash128 a = hash128("a", 1);
    const int64_t now_ms = clock_now().wall_ms;
    struct id_window w = {.bytes_max = 1 << 20, .hours = 48};
    (void)id_window_begin(&w, t);
    (void)id_window_has(t, 1, a, now_ms);
    CHECK(id_window_add(&w, t, 1, a, now_ms) != ST_DEDUPE_FULL);
    id_window_sweep(&w, t, now_ms + 100 * MS_PER_DAY);
}

static void read_rejected(struct txn *t)
{
    struct rejected table = {.rows_max = 2};
    ingest_rejected_each(t, UINT64_MAX, on_rejected, NULL);
    rejected_add(&table, t, &(struct ingest_rejected){.code = ST_INVALID});
    (void)rejected_trim(&table, t);
}

static void read_ledger(struct txn *t)
{
    const int32_t today = day_of_ms(clock_now().wall_ms);
    struct ledger_day units;
    for (int32_t day = today - 2; day <= today; day++)
        (void)ingest_ledger_day(t, day, &units);
    ledger_trim(t, today + 1000);
}

static void read_counters(struct txn *t)
{
    static const uint32_t accepted = 1;
    struct counters *c = calloc(1, sizeof(*c));
    CHECK(c != NULL);
    counters_load(t, c);
    CHECK(c->days_n <= INGEST_DAYS_MAX);
    CHECK(c->total.unknown_n <= UNKNOWN_FIELDS_MAX);
    counters_batch(c, &(struct tally){.day = BASE_TODAY, .accepted = accepted});
    counters_unknown(c, STR("another"), 1);
    counters_store(t, c);
    free(c);
}

static void read_faults(struct txn *t)
{
    const int32_t today = day_of_ms(clock_now().wall_ms);
    struct ingest_faults n;
    struct faults f = {0};
    ingest_faults(t, 1, 0, INT32_MAX, &n);
    ingest_faults_each(t, on_faults, NULL);
    faults_begin(&f);
    faults_add(&f, &(struct fault){.account = 1, .day = today, .duplicate = 1});
    faults_store(&f, t, today + 1);
    faults_fini(&f);
}

static void read_journal(struct txn *t)
{
    struct log_range range;
    struct log_entry e = {.n = 1, .frame = STR("{}")};
    uint8_t verdict[4096];
    struct log_reader r;
    (void)log_range(t, FRONT_JOURNAL, &range);
    log_read(t, FRONT_JOURNAL, LOG_FIRST, &r);
    for (struct log_entry one; log_next(&r, &one);)
        if (one.n <= sizeof(verdict))
            (void)log_verdicts(&one, verdict);
    log_read_end(&r);
    (void)log_trim(t, FRONT_JOURNAL, &range, UINT64_MAX, 100);
    if (t->status == ST_OK && range.end < UINT64_MAX - 1)
        (void)log_append(t, FRONT_JOURNAL, &range, &e, 1);
}

static void read_front(enum front_table table, struct span key, struct span val)
{
    static void (*const readers[FRONT_TABLES_N])(struct txn * t) = {
        [FRONT_JOURNAL] = read_journal, [FRONT_CURSOR] = read_cursor,
        [FRONT_ID_WINDOW] = read_ids,   [FRONT_REJECTED] = read_rejected,
        [FRONT_LEDGER] = read_ledger,   [FRONT_COUNTERS] = read_counters,
        [FRONT_FAULTS] = read_faults,
    };
    struct txn t;
    if (readers[table] == NULL)
        return;
    txn_begin(fuzz->base->front.store, true, &t);
    txn_put(&t, table, key.p, key.n, val.p, val.n);
    CHECK(t.status == ST_OK);
    readers[table](&t);
    fine_or_corrupt(t.status);
    txn_abort(&t);
}

/* A start: the writer reads its tables, and the log is folded again. */
static void start_front(void)
{
    const struct writer_start with = {fuzz->base->front.store, ingest_options_default};
    struct writer_found *found = calloc(1, sizeof(*found));
    struct checkpoint *c = calloc(1, sizeof(*c));
    struct writer *w = NULL;
    struct replay_stats stats;
    char why[256] = "";
    CHECK(found != NULL && c != NULL);
    enum status st = writer_open(&with, &w, found, why);
    CHECK(st == ST_OK || st == ST_CORRUPT || st == ST_OTHER_FORMAT);
    CHECK(st == ST_OK || why[0] != '\0');
    if (found->has_mark) {
        const struct clock now = clock_now();
        struct clock_gate gate;
        clock_gate_init(&gate, &found->mark, &now, found->mark.boot_id, false);
    }
    writer_close(&w);
    CHECK(checkpoint_init(c, fuzz->base->fresh, &with.options, 0) == ST_OK);
    why[0] = '\0';
    st = replay(fuzz->base->front.store, c, &stats, why);
    fine_or_corrupt(st);
    CHECK(st == ST_OK || why[0] != '\0');
    checkpoint_fini(c, false);
    free(c);
    free(found);
}

/* ---- the row ---- */

/* The checksum that the table's values begin with, over what follows it. */
static void seal(bool days, unsigned table, uint8_t *val, size_t n)
{
    const bool plain = table == DAYS_META || table == DAYS_ACTIVITY_ACCOUNT ||
                       table == DAYS_CARRY || table == DAYS_TYPE_NAME;
    const unsigned width = !days && table == FRONT_JOURNAL ? 8 : days && !plain ? 4 : 0;
    if (width == 0 || n < width)
        return;
    (void)put_be(val, hash64(val + width, n - width), width);
}

static void end(void)
{
    base_free(&fuzz->base);
    query_free(&fuzz->query);
    buf_fini(&fuzz->answer);
    arena_fini(&fuzz->arena);
    free(fuzz);
}

static void begin(void)
{
    fuzz = calloc(1, sizeof(*fuzz));
    CHECK(fuzz != NULL);
    fuzz->base = base_new();
    CHECK(query_new(&fuzz->query) == ST_OK);
    for (unsigned table = 0; table < DAYS_TABLES_N; table++)
        read_days(table); /* as they are */
    CHECK(atexit(end) == 0);
}

static void try_days(enum days_table table, struct span key, struct span val, bool writers)
{
    struct span old = {0};
    for (size_t i = 0; i < fuzz->base->days.rows_n; i++) {
        const struct base_row *r = &fuzz->base->days.rows[i];
        if (r->table == table && r->key_n == key.n && memcmp(r->bytes, key.p, key.n) == 0)
            old = (struct span){r->bytes + r->key_n, r->val_n};
    }
    base_put(&fuzz->base->days, table, key, val);
    read_days(table);
    if (writers)
        write_days(table);
    else
        base_put(&fuzz->base->days, table, key, old);
}

static void try_front(enum front_table table, struct span key, struct span val, bool start)
{
    read_front(table, key, val);
    if (!start && table != FRONT_META)
        return;
    base_put(&fuzz->base->front, table, key, val);
    start_front();
    base_restore(&fuzz->base->front);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (fuzz == NULL)
        begin();
    if (n < 3)
        return 0;
    unsigned table = data[0] % (DAYS_TABLES_N + FRONT_TABLES_N);
    const bool days = table < DAYS_TABLES_N;
    const uint8_t row = data[1], how = data[2];
    const struct base_store *s = days ? &fuzz->base->days : &fuzz->base->front;
    struct span key = {0};
    struct reader r = reader_of(data + 3, n - 3);
    table -= days ? 0 : DAYS_TABLES_N;
    if (row < 0xf0) {
        const struct base_row *was = base_row(s, table, row);
        key = (struct span){was->bytes, was->key_n};
    } else {
        key.n = read_u8(&r);
        key.p = read_span(&r, key.n);
    }
    if (key.p == NULL || key.n == 0)
        return 0;
    const size_t val_n = reader_left(&r);
    uint8_t *val = malloc(val_n + 1);
    CHECK(val != NULL);
    memcpy(val, r.p, val_n);
    if (how & 1)
        seal(days, table, val, val_n);
    if (days)
        try_days(table, key, (struct span){val, val_n}, how & 2);
    else
        try_front(table, key, (struct span){val, val_n}, how & 2);
    free(val);
    return 0;
}
