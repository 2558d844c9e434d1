/* The doctor at the files: reads both environments of a data directory and adds everything up.
 *
 * The ledger is written in the transaction that accepts a batch and knows nothing of aggregators.
 * It must equal the day tables plus what the log holds above them: that holds every unit ever
 * accepted in the visible days against what views show. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "aggregators/audit.h"
#include "aggregators/late.h"
#include "aggregators/tables.h"
#include "clients/daybook/doctor.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/ingest/counters.h"
#include "engine/ingest/ingest.h"
#include "engine/ingest/tables.h"
#include "engine/log/log.h"
#include "schemas/frame.h"

#define PATH_BYTES 4096
#define MAP_BYTES                                                                                  \
    (UINT64_C(1) << 40) /* address space only; a reader may map more than the file                 \
                         */
#define VISIBLE_DAYS   30
#define DAYS_N         (VISIBLE_DAYS + 2) /* and tomorrow, for clocks around midnight */
#define FAULTS_SHOWN   20
#define FIRST_POSITION 1 /* of a new log; tables that were never merged say 0 */

/* Units of the visible days, added up from tables and log; and what accounts say was received. */
struct found {
    int32_t first_day;
    struct ledger_day day[DAYS_N];
    struct ingest_day received[DAYS_N];
};

struct offline {
    struct doctor *d;
    struct found *found;    /* owned */
    uint64_t tables_end;    /* first log position that the day tables lack */
    struct txn days;        /* reads the day tables */
    struct merge_at merged; /* how far a merge had come */
    uint64_t faults;        /* of the tables, shown or not */
};

/* Open DIR/name; o names the tables. */
static int open_store(struct doctor *d, const char *data_dir, const char *name,
                      struct store_options o, struct store **out)
{
    char dir[PATH_BYTES], why[256];
    text_fmt(dir, sizeof dir, "%s/%s", data_dir, name);
    o.dir = dir;
    o.map_bytes = MAP_BYTES;
    o.read_only = true;
    enum status st = store_open(&o, out, why);
    if (st == ST_OK)
        return 0;
    int code = st == ST_NOT_FOUND ? EX_NOINPUT : st == ST_OTHER_FORMAT ? EX_CONFIG : EX_IOERR;
    return command_fault(d->cli, code, "%s: %s", dir, why);
}

static struct ledger_day *day_of(struct found *f, int32_t day)
{
    int32_t i = day - f->first_day;
    return i >= 0 && i < DAYS_N ? &f->day[i] : NULL;
}

static void on_day(void *arg, const struct audit_day *a)
{
    struct offline *o = arg;
    struct ledger_day *to = day_of(o->found, a->day);
    if (to == NULL)
        return;
    to->record_units[a->account % LEDGER_SHARDS] += a->record_total;
    to->call_units[a->account % LEDGER_SHARDS] += a->call_total;
}

static struct ingest_day *received_on(struct offline *o, int32_t day)
{
    int32_t i = day - o->found->first_day;
    return i >= 0 && i < DAYS_N ? &o->found->received[i] : NULL;
}

static void on_late(void *arg, int32_t day, uint64_t account, uint64_t events)
{
    struct ingest_day *to = received_on(arg, day);
    (void)account;
    if (to != NULL)
        to->late += events;
}

static void on_fault(void *arg, const char *table, const char *what)
{
    struct offline *o = arg;
    if (o->faults++ < FAULTS_SHOWN)
        doctor_check(o->d, DOCTOR_FAULT, table, "%s", what);
}

static void check_tables(struct offline *o, struct store *days)
{
    struct audit_counts n = {0};
    struct audit_report report = {.day = on_day, .late = on_late, .fault = on_fault, .arg = o};
    struct view v;
    view_open(days, NULL, 0, &v);
    o->tables_end = v.tables_end;
    o->merged = v.merged;
    view_close(&v);
    enum status st = audit_tables(days, &report, &n);
    if (st != ST_OK)
        doctor_check(o->d, DOCTOR_FAULT, "day tables", "they cannot be read: %s",
                     status_row(st)->text);
    else if (n.faults == 0)
        doctor_check(o->d, DOCTOR_OK, "day tables",
                     "%" PRIu64 " sheets, %" PRIu64 " sketches, %" PRIu64 " activities of %" PRIu64
                     " accounts, %" PRIu64 " connections, %" PRIu64 " references",
                     n.sheets, n.sketches, n.activities, n.accounts, n.connections, n.references);
}

/* A merge that a crash cut short has put a part of the log's tail into the tables. */
static bool merged_already(const struct offline *o, uint64_t position, const struct event *e)
{
    return position < o->merged.end &&
           merge_is_past(&o->merged, MERGE_SHEETS, day_of_ms(e->time_ms), e->account);
}

/* An accepted event of the log that came late, and that the day tables do not count yet. */
static void add_late(struct offline *o, const struct log_entry *e, const struct event *ev)
{
    int32_t day = day_of_ms(e->received_ms);
    struct ingest_day *to = received_on(o, day);
    uint64_t end;
    if (to == NULL || day_of_ms(ev->time_ms) >= day)
        return;
    (void)late_stored(&o->days, ev->account, day, &end);
    to->late += e->position >= end;
}

/* Add the accepted events of one entry of the log. */
static void add_entry(struct offline *o, const struct log_entry *e, struct arena *a)
{
    /* The engine took it, so no limit of today may refuse it. */
    static const struct frame_limits wide = {
        .batch_events_max = 1000000,
        .event_bytes_max = 64 << 20,
        .string_bytes_max = 1 << 20,
        .depth_max = 32,
        .scopes_max = 100000,
    };
    struct batch b = {0};
    uint8_t *verdict = calloc(e->n, 1);
    arena_reset(a);
    frame_decode(e->frame.p, e->frame.n, &wide, a, &b);
    bool good = verdict != NULL && (e->faults_n == 0 || log_verdicts(e, verdict));
    for (uint32_t i = 0; good && i < e->n && i < b.n; i++) {
        struct ledger_day *to =
            verdict[i] == 0 ? day_of(o->found, day_of_ms(b.ev[i].time_ms)) : NULL;
        enum event_group group = event_group(b.ev[i].kind);
        if (verdict[i] == 0)
            add_late(o, e, &b.ev[i]);
        if (to == NULL || merged_already(o, e->position, &b.ev[i]))
            continue;
        if (group == GROUP_RECORD)
            to->record_units[b.ev[i].account % LEDGER_SHARDS] += b.ev[i].count;
        else if (group == GROUP_API)
            to->call_units[b.ev[i].account % LEDGER_SHARDS] += b.ev[i].count;
    }
    free(verdict);
}

/* Every entry and its checksum; what lies above the day tables is added to them. */
static void check_log(struct offline *o, struct txn *t)
{
    struct log_range range = {0};
    struct log_reader r = {0};
    struct log_entry e;
    struct arena a = {0};
    uint64_t entries = 0;
    if (log_range(t, FRONT_JOURNAL, &range)) {
        log_read(t, FRONT_JOURNAL, range.first, &r);
        while (log_next(&r, &e)) {
            entries++;
            if (e.position >= o->tables_end)
                add_entry(o, &e, &a);
        }
        log_read_end(&r);
    }
    arena_fini(&a);
    if (t->status != ST_OK)
        doctor_check(o->d, DOCTOR_FAULT, "log", "%s",
                     r.why[0] != '\0' ? r.why : status_row(t->status)->text);
    else if (range.first > o->tables_end && range.first > FIRST_POSITION)
        doctor_check(o->d, DOCTOR_FAULT, "log",
                     "it begins at position %" PRIu64 ", the day tables end at %" PRIu64
                     ": what lies between is nowhere",
                     range.first, o->tables_end);
    else
        doctor_check(o->d, DOCTOR_OK, "log",
                     "%" PRIu64 " batches, positions %" PRIu64 " to %" PRIu64
                     "; the day tables cover it up to %" PRIu64,
                     entries, range.first, range.end > 0 ? range.end - 1 : 0,
                     o->tables_end > 0 ? o->tables_end - 1 : 0);
}

static void check_counters(struct offline *o, struct txn *t)
{
    struct counters *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;
    counters_load(t, c);
    uint64_t rejected = 0;
    for (unsigned i = 0; i < ST_N; i++)
        rejected += c->total.rejected[i];
    bool well = t->status == ST_OK &&
                c->total.received == c->total.accepted + c->total.duplicate + rejected;
    doctor_check(o->d, well ? DOCTOR_OK : DOCTOR_FAULT, "every event",
                 "received %" PRIu64 " = accepted %" PRIu64 " + duplicate %" PRIu64
                 " + rejected %" PRIu64,
                 c->total.received, c->total.accepted, c->total.duplicate, rejected);
    free(c);
}

static void on_refused(void *arg, int32_t day, const struct ingest_faults *n)
{
    struct ingest_day *to = received_on(arg, day);
    if (to == NULL)
        return;
    to->duplicate += n->duplicate;
    to->rejected += n->rejected;
}

/* What was counted, and what accounts say; where they were not asked from the start, it is less. */
static bool agree(uint64_t counted, uint64_t found, bool partly)
{
    return partly ? found <= counted : found == counted;
}

/* Late, duplicate and rejected events of each visible day: those of all accounts, and those without
 * one, against the engine's own counters. */
static void check_received(struct offline *o, struct txn *t)
{
    static const uint8_t partly_key = FRONT_META_FAULTS_PARTLY;
    struct counters *c = calloc(1, sizeof *c);
    struct span val;
    bool partly = txn_get(t, FRONT_META, &partly_key, 1, &val);
    uint64_t days = 0, bad = 0, late = 0, duplicate = 0, rejected = 0;
    char text[11];
    if (c == NULL)
        return;
    counters_load(t, c);
    ingest_faults_each(t, on_refused, o);
    for (uint32_t i = 0; i < c->days_n; i++) {
        const struct ingest_day *n = &c->days[i], *found = received_on(o, n->day);
        if (found == NULL)
            continue;
        days++;
        late += found->late;
        duplicate += found->duplicate;
        rejected += found->rejected;
        if (n->late == found->late && agree(n->duplicate, found->duplicate, partly) &&
            agree(n->rejected, found->rejected, partly))
            continue;
        bad++;
        doctor_check(o->d, DOCTOR_FAULT, "received",
                     "%s: late %" PRIu64 ", duplicate %" PRIu64 ", rejected %" PRIu64
                     "; by account %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                     day_format(n->day, text), n->late, n->duplicate, n->rejected, found->late,
                     found->duplicate, found->rejected);
    }
    if (bad == 0 && t->status == ST_OK)
        doctor_check(o->d, DOCTOR_OK, "received",
                     "%" PRIu64 " days: late %" PRIu64 ", duplicate %" PRIu64 ", rejected %" PRIu64
                     ", the same by account",
                     days, late, duplicate, rejected);
    free(c);
}

static uint64_t sum(const uint64_t shards[LEDGER_SHARDS])
{
    uint64_t n = 0;
    for (unsigned i = 0; i < LEDGER_SHARDS; i++)
        n += shards[i];
    return n;
}

/* The ledger of each visible day against what was found, shard by shard of accounts. */
static void check_ledger(struct offline *o, struct txn *t)
{
    struct ledger_day *ledger = calloc(1, sizeof *ledger);
    uint64_t days = 0, bad = 0, records = 0, calls = 0;
    char text[11];
    if (ledger == NULL)
        return;
    for (int32_t i = 0; i < DAYS_N; i++) {
        const struct ledger_day *found = &o->found->day[i];
        *ledger = (struct ledger_day){0};
        bool kept = ingest_ledger_day(t, o->found->first_day + i, ledger);
        days += kept;
        records += sum(ledger->record_units);
        calls += sum(ledger->call_units);
        if (memcmp(ledger, found, sizeof *ledger) == 0)
            continue;
        bad++;
        doctor_check(o->d, DOCTOR_FAULT, "ledger",
                     "%s: accepted %" PRIu64 " record events and %" PRIu64
                     " calls; tables and log hold %" PRIu64 " and %" PRIu64,
                     day_format(o->found->first_day + i, text), sum(ledger->record_units),
                     sum(ledger->call_units), sum(found->record_units), sum(found->call_units));
    }
    if (bad == 0 && t->status == ST_OK)
        doctor_check(o->d, DOCTOR_OK, "ledger",
                     "%" PRIu64 " days: %" PRIu64 " record events and %" PRIu64
                     " calls accepted, all of them in tables and log",
                     days, records, calls);
    free(ledger);
}

/* Is an engine at work on the directory? It holds a lock on front/owner.lock. */
static bool in_use(const char *data_dir)
{
    char path[PATH_BYTES];
    text_fmt(path, sizeof path, "%s/front/owner.lock", data_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd); /* releases the lock */
    return held;
}

static int check_all(struct offline *o, const char *data_dir, struct store *days)
{
    struct store_options tables = {.tables = front_table_names, .tables_n = FRONT_TABLES_N};
    struct store *front;
    struct txn t;
    int code = open_store(o->d, data_dir, "front", tables, &front);
    if (code != 0)
        return code;
    bool running = in_use(data_dir);
    check_tables(o, days);
    txn_begin(front, false, &t);
    txn_begin(days, false, &o->days);
    check_log(o, &t);
    check_counters(o, &t);
    if (running) {
        doctor_check(o->d, DOCTOR_SKIPPED, "ledger",
                     "an engine is at work on these files; stop it to compare them");
    } else {
        check_ledger(o, &t);
        check_received(o, &t);
    }
    txn_abort(&o->days);
    if (t.status != ST_OK)
        doctor_check(o->d, DOCTOR_FAULT, "front", "%s", status_row(t.status)->text);
    txn_abort(&t);
    store_close(&front);
    return 0;
}

int doctor_offline(struct doctor *d, const char *data_dir)
{
    struct offline o = {.d = d, .found = calloc(1, sizeof *o.found)};
    if (o.found == NULL)
        return command_fault(d->cli, EX_OSERR, "out of memory");
    o.found->first_day = day_of_ms(clock_now().wall_ms) - VISIBLE_DAYS + 1;
    struct store_options tables = {.tables = days_table_names, .tables_n = DAYS_TABLES_N};
    struct store *days;
    int code = open_store(d, data_dir, "days", tables, &days);
    if (code == 0) {
        code = check_all(&o, data_dir, days);
        store_close(&days);
    }
    if (o.faults > FAULTS_SHOWN)
        doctor_check(d, DOCTOR_FAULT, "day tables", "and %" PRIu64 " more faults",
                     o.faults - FAULTS_SHOWN);
    free(o.found);
    return code;
}
