/* What queries show, and what the stores hold, against the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregators/audit.h"
#include "aggregators/tables.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/sim/life.h"
#include "tests/sim/sim_time.h"
#include "tests/sim/workload.h"

#define COLUMNS_MAX 20
#define ANSWER_MAX  (1 << 20)
#define LIMIT_MAX   40

/* ---- asking ---- */

/* One row of CSV, its fields by the names in the first line. Nothing here has quotes in it. */
struct row {
    char *name[COLUMNS_MAX], *field[COLUMNS_MAX];
    unsigned names_n, fields_n;
};

static unsigned split(char *line, char **to)
{
    unsigned n = 0;

    for (char *save = NULL, *p = line; n < COLUMNS_MAX; p = save) {
        to[n++] = p;
        save = strchr(p, ',');
        if (save == NULL)
            break;
        *save++ = '\0';
    }
    return n;
}

static const char *text_at(const struct row *r, const char *name)
{
    for (unsigned i = 0; i < r->names_n && i < r->fields_n; i++)
        if (strcmp(r->name[i], name) == 0)
            return r->field[i];
    return "";
}

static uint64_t number_at(const struct row *r, const char *name)
{
    uint64_t n;

    return text_u64(str_of(text_at(r, name)), &n) == ST_OK ? n : UINT64_MAX; /* equal to nothing */
}

static int32_t day_at(const struct row *r)
{
    int64_t ms = 0;
    char text[32];

    text_fmt(text, sizeof text, "%sT00:00:00Z", text_at(r, "day"));
    return time_parse(str_of(text), &ms) == ST_OK ? model_day(ms) : 0;
}

struct ask {
    struct life *l;
    const char *view;
    uint32_t account;
    void (*row)(struct ask *a, const struct row *r);
    void *arg;
    uint32_t rows_n;
};

static void read_rows(struct ask *a, char *text)
{
    struct row r = {0};

    for (char *line = text, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\r\n");
        while (*end == '\r' || *end == '\n')
            *end++ = '\0';
        if (r.names_n == 0) {
            r.names_n = split(line, r.name);
            continue;
        }
        r.fields_n = split(line, r.field);
        a->rows_n++;
        a->row(a, &r);
    }
}

static void context(struct life *l, struct query_context *c)
{
    *c = (struct query_context){
        .query = l->query,
        .days = l->days,
        .now_ms = sim_time.now.wall_ms,
        .floor_day = l->options.floor_day,
        .degraded = ingest_degraded(l->ingest),
        .popularity = l->options.popularity,
    };
    c->gens_n = ingest_generations(l->ingest, c->gens);
}

/* Ask page by page. rest: more parameters, each with a comma before it. */
static void ask(struct ask *a, const char *rest)
{
    char cursor[2048] = "";
    struct query_context c;
    uint32_t limit = 1 + (uint32_t)draw(&a->l->seed, LIMIT_MAX);

    context(a->l, &c);
    for (unsigned page = 0; page < 2000 && !a->l->bad; page++) {
        struct buf out = buf_of(ANSWER_MAX);
        struct arena arena = {0};
        struct request r;
        struct query_result result = {0};
        char question[4096];
        text_fmt(question, sizeof question, "{\"view\":\"%s\",\"limit\":%u%s%s%s%s}", a->view,
                 limit, rest, cursor[0] != '\0' ? ",\"cursor\":\"" : "", cursor,
                 cursor[0] != '\0' ? "\"" : "");
        request_decode(question, strlen(question), &arena, &r);
        query_answer_as(&c, &r, QUERY_CSV, &out, &result);
        a->l->queries++;
        if (result.status != ST_OK) {
            violate(a->l, "%s: refused: %s: %s", a->view, status_row(result.status)->name,
                    result.why);
        } else {
            if (result.position + 1 != a->l->model.s.position)
                violate(a->l, "%s: complete up to position %llu, and not %llu", a->view,
                        (unsigned long long)result.position,
                        (unsigned long long)a->l->model.s.position - 1);
            text_fmt(cursor, sizeof cursor, "%.*s", (int)result.cursor.n,
                     result.cursor.p != NULL ? result.cursor.p : "");
            buf_put(&out, "", 1);
            CHECK(!out.bad);
            out.p[result.text.n] = '\0';
            read_rows(a, (char *)out.p);
        }
        buf_fini(&out);
        arena_fini(&arena);
        if (cursor[0] == '\0')
            break;
    }
}

/* ---- records, API calls ---- */

static struct cell_day *day_of(struct ask *a, const struct row *r, struct cell_day *days)
{
    int32_t at = day_at(r) - a->l->model.first_day;

    return at >= 0 && at < DAYS ? &days[at] : NULL;
}

static unsigned place(const char *name, const char *const *names, unsigned n)
{
    unsigned i = 0;

    while (i < n && strcmp(name, names[i]) != 0)
        i++;
    return i;
}

static void take_records(struct ask *a, const struct row *r)
{
    struct cell_day *d = day_of(a, r, a->arg);
    uint64_t app = number_at(r, "app");
    unsigned type = place(text_at(r, "object_type"), type_names, TYPES);
    unsigned action = place(text_at(r, "action"), action_names, ACTIONS);

    if (d == NULL || app >= APPS || type >= TYPES || action >= ACTIONS)
        violate(a->l, "records: a row of nothing: day %s app %llu", text_at(r, "day"),
                (unsigned long long)app);
    else
        d->records[app][type][action] += (uint32_t)number_at(r, "count");
}

static void take_calls(struct ask *a, const struct row *r)
{
    struct cell_day *d = day_of(a, r, a->arg);
    uint64_t app = number_at(r, "app");

    if (d == NULL || app >= APPS) {
        violate(a->l, "api_usage: a row of nothing: day %s", text_at(r, "day"));
        return;
    }
    d->calls[app] += (uint32_t)number_at(r, "calls");
    d->errors[app] += (uint32_t)number_at(r, "errors");
    d->limited[app] += (uint32_t)number_at(r, "limited");
}

/* Days that a believed clock may have had purged are equal or not there. */
static void same_days(struct life *l, const struct cell_day *got, uint32_t account, bool calls)
{
    int32_t first = model_first_visible(&l->model, sim_time.now.wall_ms);
    int32_t today = model_day(sim_time.now.wall_ms);
    static const struct cell_day none;

    for (int32_t i = 0; i < DAYS; i++) {
        int32_t day = l->model.first_day + i;
        const struct cell_day *want =
            day >= first && day <= today ? &l->model.s.day[account][i] : &none;
        bool same = calls ? memcmp(got[i].calls, want->calls, sizeof want->calls * 3) == 0
                          : memcmp(got[i].records, want->records, sizeof want->records) == 0;
        if (same || (day < l->purged_day && memcmp(&got[i], &none, sizeof none) == 0))
            continue;
        violate(l, "%s of account %llu, day %d (today is %d): not what was counted; %u and not %u",
                calls ? "api_usage" : "records", (unsigned long long)account_numbers[account], day,
                today, calls ? got[i].calls[1] : got[i].records[1][0][0],
                calls ? want->calls[1] : want->records[1][0][0]);
        return;
    }
}

static void check_cells(struct life *l, uint32_t account, bool calls)
{
    static struct cell_day got[DAYS];
    char rest[64];
    struct ask a = {.l = l,
                    .view = calls ? "api_usage" : "records",
                    .account = account,
                    .row = calls ? take_calls : take_records,
                    .arg = got};

    memset(got, 0, sizeof got);
    text_fmt(rest, sizeof rest, ",\"account\":%llu%s", (unsigned long long)account_numbers[account],
             calls ? ",\"kind\":\"all\"" : "");
    ask(&a, rest);
    same_days(l, got, account, calls);
}

/* ---- the activity log ---- */

struct list {
    const struct activity_row *row[ACTIVITY_MAX];
    uint32_t n, at;
};

static int newest_first(const void *a, const void *b)
{
    const struct activity_row *x = *(const struct activity_row *const *)a;
    const struct activity_row *y = *(const struct activity_row *const *)b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? 1 : -1;
    return x->position < y->position ? 1 : -1;
}

static void take_activity(struct ask *a, const struct row *r)
{
    struct list *want = a->arg;
    const struct activity_row *w = want->at < want->n ? want->row[want->at] : NULL;
    const char *type = text_at(r, "type");

    want->at++;
    if (w == NULL || number_at(r, "position") != w->position || strncmp(type, "app.", 4) != 0 ||
        strcmp(type + 4, signal_names[w->kind]) != 0 || number_at(r, "app") != w->app ||
        number_at(r, "user") != w->user)
        violate(a->l, "activity of account %llu: entry %u is at position %s, and not %llu",
                (unsigned long long)account_numbers[a->account], want->at - 1,
                text_at(r, "position"), w != NULL ? (unsigned long long)w->position : 0);
}

static void check_activity(struct life *l, uint32_t account, bool arrival)
{
    static struct list want;
    const struct model *m = &l->model;
    int32_t first = model_first_visible(m, sim_time.now.wall_ms);
    int64_t end_ms = sim_time.now.wall_ms + FUTURE_MS;
    struct ask a = {
        .l = l, .view = "activity", .account = account, .row = take_activity, .arg = &want};
    char rest[96];

    if (first < l->purged_day) /* a clock that is wrong: some may be gone */
        return;
    want.n = want.at = 0;
    for (uint32_t i = 0; i < m->s.activity_n; i++) {
        const struct activity_row *r = &m->activity[i];
        if (r->account == account && model_day(r->time_ms) >= first && r->time_ms <= end_ms)
            want.row[want.n++] = r;
    }
    if (!arrival)
        qsort(want.row, want.n, sizeof want.row[0], newest_first);
    text_fmt(rest, sizeof rest, ",\"account\":%llu%s", (unsigned long long)account_numbers[account],
             arrival ? ",\"order\":\"arrival\"" : "");
    ask(&a, rest);
    if (want.at != want.n)
        violate(l, "activity of account %llu: %u entries, and not %u",
                (unsigned long long)account_numbers[account], want.at, want.n);
}

/* ---- sums ---- */

static void take_fault(struct ask *a, const struct row *r)
{
    violate(a->l, "conservation: account %s, day %s does not add up", text_at(r, "account"),
            text_at(r, "day"));
}

static void check_sums(struct life *l)
{
    struct ask a = {.l = l, .view = "conservation", .row = take_fault};

    ask(&a, ",\"faults\":true");
}

static void check_counters(struct life *l)
{
    const struct model_state *m = &l->model.s;
    struct ingest_status s;
    uint64_t rejected = 0;

    ingest_status(l->ingest, &s);
    for (unsigned i = 0; i < ST_N; i++)
        rejected += s.counters.rejected[i];
    if (s.counters.received != m->received || s.counters.accepted != m->accepted ||
        s.counters.duplicate != m->duplicate || rejected != m->rejected ||
        m->received != m->accepted + m->duplicate + m->rejected || s.counters.late != m->late)
        violate(l,
                "counters: %llu received, %llu accepted, %llu duplicate, %llu rejected; and not "
                "%llu, %llu, %llu, %llu",
                (unsigned long long)s.counters.received, (unsigned long long)s.counters.accepted,
                (unsigned long long)s.counters.duplicate, (unsigned long long)rejected,
                (unsigned long long)m->received, (unsigned long long)m->accepted,
                (unsigned long long)m->duplicate, (unsigned long long)m->rejected);
    if (s.clock_suspect != (l->bad_ms != 0) && l->jump_settled)
        violate(l, "the clock is %s", s.clock_suspect ? "doubted without reason" : "believed");
}

/* The ledger is ahead of the answers while a group is under way. */
static void check_ledger(struct life *l)
{
    int32_t today = model_day(sim_time.now.wall_ms - l->bad_ms);
    struct txn t;

    if (l->queue_n > 0 || l->limbo_n > 0 || store_failed(l->front))
        return;
    txn_begin(l->front, false, &t);
    for (int32_t day = today - VISIBLE + 1; day <= today && !l->bad; day++) {
        struct ledger_day units;
        uint64_t records[LEDGER_SHARDS] = {0}, calls[LEDGER_SHARDS] = {0};
        (void)ingest_ledger_day(&t, day, &units); /* absent: zero */
        for (uint32_t a = 0; a < ACCOUNTS; a++) {
            const struct cell_day *c = &l->model.s.day[a][day - l->model.first_day];
            unsigned shard = account_numbers[a] % LEDGER_SHARDS;
            for (unsigned app = 0; app < APPS; app++) {
                calls[shard] += c->calls[app];
                for (unsigned i = 0; i < TYPES * ACTIONS; i++)
                    records[shard] += c->records[app][i / ACTIONS][i % ACTIONS];
            }
        }
        if (memcmp(units.record_units, records, sizeof records) != 0 ||
            memcmp(units.call_units, calls, sizeof calls) != 0)
            violate(l, "the ledger of day %d (today is %d) is not what was accepted", day, today);
    }
    txn_abort(&t);
}

/* ---- all ---- */

static void check_account(struct life *l, uint32_t account, uint64_t what)
{
    switch (what) {
    case 0:
        check_cells(l, account, false);
        break;
    case 1:
        check_cells(l, account, true);
        break;
    case 2:
        check_activity(l, account, false);
        break;
    default:
        check_activity(l, account, true);
        break;
    }
}

void check_some(struct life *l)
{
    uint64_t what = draw(&l->seed, 8);

    if (what < 6)
        check_account(l, (uint32_t)draw(&l->seed, ACCOUNTS), what % 4);
    else if (what == 6)
        check_ledger(l);
    else
        check_counters(l);
}

void check_all(struct life *l)
{
    for (uint32_t a = 0; a < ACCOUNTS && !l->bad; a++)
        for (uint64_t what = 0; what < 4; what++)
            check_account(l, a, what);
    check_counters(l);
    check_ledger(l);
    check_sums(l);
}

static void on_fault(void *arg, const char *table, const char *what)
{
    violate(arg, "audit of %s: %s", table, what);
}

void check_audit(struct life *l)
{
    const struct audit_report report = {.fault = on_fault, .arg = l};
    struct audit_counts counts;
    struct store *days;
    char dir[128], why[256];

    text_fmt(dir, sizeof dir, "%s/days", l->dir);
    struct store_options o = {.dir = dir,
                              .tables = days_table_names,
                              .tables_n = DAYS_TABLES_N,
                              .map_bytes = UINT64_C(32) << 20,
                              .read_only = true};
    if (store_open(&o, &days, why) != ST_OK) {
        violate(l, "audit: %s", why);
        return;
    }
    enum status st = audit_tables(days, &report, &counts);
    store_close(&days);
    if (st != ST_OK)
        violate(l, "audit: %s", status_row(st)->name);
}
