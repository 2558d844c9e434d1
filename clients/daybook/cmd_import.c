/* daybook import FORMAT FILE...: recorded input into the engine, each event counted once however
 * often the command is run. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clients/daybook/command.h"
#include "clients/daybook/import_job.h"
#include "clients/daybook/import_state.h"
#include "clients/daybook/input.h"
#include "clients/daybook/progress.h"
#include "clients/daybook/tally.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define WINDOW      1024 /* batches in flight */
#define BATCHES_MAX 2048 /* batches whose lines are remembered: sent and not answered */
#define POLL_MS     100

struct import_cli_options {
    struct arg account, app, event, type, method, status, object_type, delimiter;
    struct arg column[CSV_COLUMN_N];
    struct arg shift_to_now, max_gap, state_dir, dry_run, strict, quiet, json, ingest, timeout;
};

#define COLUMN_ROW(c, name_, help_)                                                                \
    {                                                                                              \
        .name = name_ "-column", .type = ARG_TEXT,                                                 \
        .at = offsetof(struct import_cli_options, column) + (c) * sizeof(struct arg),              \
        .value = "NAME", .help = help_                                                             \
    }

static const struct option_row rows_of_import[] = {
    {.name = "account",
     .letter = 'A',
     .type = ARG_UINT,
     .at = offsetof(struct import_cli_options, account),
     .value = "N",
     .help = "account of events that name none"},
    {.name = "app",
     .letter = 'a',
     .type = ARG_UINT,
     .at = offsetof(struct import_cli_options, app),
     .value = "N",
     .help = "app of events that name none; 0: no app, a person"},
    {.name = "shift-to-now",
     .letter = 's',
     .type = ARG_FLAG,
     .at = offsetof(struct import_cli_options, shift_to_now),
     .help = "move all times so that the newest event is now; fixed at the first run"},
    {.name = "max-gap",
     .type = ARG_DURATION,
     .at = offsetof(struct import_cli_options, max_gap),
     .value = "TIME",
     .min = 1,
     .max = UINT64_C(86400000) * 365,
     .help = "shorten longer silences of the recording to this, such as 8h"},
    {.name = "state-dir",
     .type = ARG_TEXT,
     .at = offsetof(struct import_cli_options, state_dir),
     .value = "DIR",
     .help = "where the shift is kept ($XDG_STATE_HOME/daybook/imports)"},
    {.name = "dry-run",
     .letter = 'n',
     .type = ARG_FLAG,
     .at = offsetof(struct import_cli_options, dry_run),
     .help = "print the events as ndjson instead of sending them"},
    {.name = "strict",
     .type = ARG_FLAG,
     .at = offsetof(struct import_cli_options, strict),
     .help = "exit with 65 when anything was skipped or rejected"},
    {.name = "event",
     .type = ARG_TEXT,
     .at = offsetof(struct import_cli_options, event),
     .value = "NAME",
     .help = "github: event of bare payloads (X-GitHub-Event)"},
    COLUMN_ROW(CSV_TIME, "time", "csv: column of the time"),
    COLUMN_ROW(CSV_COUNT, "count", "csv: column of the count"),
    COLUMN_ROW(CSV_TYPE, "type", "csv: column of the event type"),
    COLUMN_ROW(CSV_METHOD, "method", "csv: column of the HTTP method"),
    COLUMN_ROW(CSV_STATUS, "status", "csv: column of the HTTP status"),
    COLUMN_ROW(CSV_PATH, "path", "csv: column of the path"),
    COLUMN_ROW(CSV_OBJECT_TYPE, "object_type", "csv: column of the object type"),
    COLUMN_ROW(CSV_RECORD, "record", "csv: column of the record's identity"),
    COLUMN_ROW(CSV_ACCOUNT, "account", "csv: column of the account"),
    COLUMN_ROW(CSV_APP, "app", "csv: column of the app"),
    COLUMN_ROW(CSV_USER, "user", "csv: column of the user"),
    COLUMN_ROW(CSV_ID, "id", "csv: column of the event's identity"),
    {.name = "type",
     .type = ARG_TEXT,
     .at = offsetof(struct import_cli_options, type),
     .value = "TYPE",
     .help = "csv: event type without a column (api.call)"},
    {.name = "method",
     .type = ARG_TEXT,
     .at = offsetof(struct import_cli_options, method),
     .value = "METHOD",
     .help = "csv: HTTP method without a column (GET)"},
    {.name = "status",
     .type = ARG_UINT,
     .at = offsetof(struct import_cli_options, status),
     .value = "N",
     .min = 100,
     .max = 599,
     .help = "csv: HTTP status without a column (200)"},
    {.name = "object-type",
     .type = ARG_TEXT,
     .at = offsetof(struct import_cli_options, object_type),
     .value = "NAME",
     .help = "csv: object type without a column"},
    {.name = "delimiter",
     .type = ARG_WORD,
     .at = offsetof(struct import_cli_options, delimiter),
     .value = "WORD",
     .words = "comma|semicolon|tab",
     .help = "csv: between fields (comma)"},
    {.name = "quiet",
     .letter = 'q',
     .type = ARG_FLAG,
     .at = offsetof(struct import_cli_options, quiet),
     .help = "no progress"},
    ROW_JSON(struct import_cli_options),
    ROW_INGEST(struct import_cli_options),
    ROW_TIMEOUT(struct import_cli_options),
};

static struct str text_of(const struct arg *a)
{
    return a->given ? str_of(a->text) : (struct str){0};
}

static struct import_options mapping(const struct import_cli_options *o)
{
    static const char delimiters[] = {',', ';', '\t'};
    struct import_options m = {
        .has_account = o->account.given,
        .account = o->account.number,
        .has_app = o->app.given,
        .app = o->app.number,
        .event = text_of(&o->event),
        .type = text_of(&o->type),
        .method = text_of(&o->method),
        .object_type = text_of(&o->object_type),
        .status = o->status.number,
        .delimiter = delimiters[o->delimiter.number],
    };
    for (size_t i = 0; i < CSV_COLUMN_N; i++)
        m.column[i] = text_of(&o->column[i]);
    return m;
}

/* One import under way. */
struct run {
    struct cli *cli;
    const struct import_cli_options *o;
    const char *file;
    struct daybook_publisher *p;
    struct progress progress;
    struct tally tally;
    uint64_t answered; /* batches */
    uint64_t sent;     /* batches */
    uint64_t events;   /* read so far */
    size_t at_bytes;
    uint64_t quiet_ns; /* when the last answer came */
    int code;          /* why the run ended */
    struct sent {
        uint32_t n;
        uint64_t lines[IMPORT_BATCH_EVENTS];
    } * ring; /* owned; batch seq is at seq % BATCHES_MAX */
};

static void on_ack(void *context, const struct daybook_ack *ack)
{
    struct run *r = context;
    const struct sent *s = &r->ring[ack->seq % BATCHES_MAX];
    tally_ack(&r->tally, ack, s->n, s->lines);
    r->answered++;
    r->quiet_ns = clock_mono_ns();
}

/* Let answers come in. False: the run is over, r->code says how. */
static bool turn(struct run *r, int wait_ms)
{
    struct cli *cli = r->cli;
    enum daybook_status st = daybook_poll(r->p, wait_ms);
    progress_at(&r->progress, r->at_bytes, r->events);
    uint64_t quiet_ms = (clock_mono_ns() - r->quiet_ns) / 1000000;
    if (*cli->stop) {
        r->code = EX_TEMPFAIL;
    } else if (st != DAYBOOK_OK && st != DAYBOOK_AGAIN) {
        r->code =
            command_fault(cli, command_code(st), "%s: %s", r->file, daybook_publisher_error(r->p));
    } else if (quiet_ms > (uint64_t)command_timeout(&r->o->timeout) && r->answered < r->sent) {
        const char *why = daybook_publisher_error(r->p);
        r->code = command_fault(cli, EX_UNAVAILABLE, "%s: no answer for %" PRIu64 " s%s%s", r->file,
                                quiet_ms / 1000, why[0] != '\0' ? ": " : "", why);
    }
    return r->code == 0;
}

static enum status send_batch(void *context, const struct import_batch *b)
{
    struct run *r = context;
    struct sent *s = &r->ring[b->seq % BATCHES_MAX];
    if (r->sent == r->answered)
        r->quiet_ns = clock_mono_ns();
    for (;;) {
        bool room = r->sent - r->answered < BATCHES_MAX;
        uint64_t seq = 0;
        enum daybook_status st = DAYBOOK_AGAIN;
        if (room) {
            s->n = b->n;
            memcpy(s->lines, b->lines, b->n * sizeof b->lines[0]);
            st = daybook_try_publish_raw(r->p, b->json.p, b->json.n, &seq);
        }
        if (st == DAYBOOK_OK) {
            CHECK(seq == b->seq);
            r->sent++;
            return turn(r, 0) ? ST_OK : ST_AGAIN;
        }
        if (st != DAYBOOK_AGAIN) {
            r->code = command_fault(r->cli, command_code(st), "%s: %s", r->file,
                                    daybook_publisher_error(r->p));
            return ST_AGAIN;
        }
        if (!turn(r, POLL_MS))
            return ST_AGAIN;
    }
}

static void skip_item(void *context, const struct import_item *item)
{
    tally_skip(&((struct run *)context)->tally, item);
}

static void note_progress(void *context, size_t at_bytes, uint64_t events)
{
    struct run *r = context;
    r->at_bytes = at_bytes;
    r->events = events;
    progress_at(&r->progress, at_bytes, events);
}

/* Ask where the import stands and open a publisher that goes on behind it. */
static int open_publisher(struct run *r, const char *producer, uint64_t *done_seq)
{
    struct cli *cli = r->cli;
    struct daybook_publisher_options o = {
        .endpoint = command_ingest(cli, &r->o->ingest),
        .producer = producer,
        .window = WINDOW,
        .outbox_batches_max = BATCHES_MAX,
        .epoch = IMPORT_EPOCH,
        .first_seq = 1,
        .context = r,
        .on_ack = on_ack,
    };
    struct daybook_error e;
    uint64_t epoch = 0;
    enum daybook_status st = daybook_publisher_open(&o, &r->p, &e);
    if (st != DAYBOOK_OK)
        return command_fault(cli, command_code(st), "%s: %s", o.endpoint, e.text);
    st = daybook_publisher_cursor(r->p, command_timeout(&r->o->timeout), &epoch, done_seq);
    if (st != DAYBOOK_OK)
        return command_fault(cli, command_code(st),
                             "%s does not say how far this import is (%s); is daybookd running?",
                             o.endpoint, daybook_status_text(st));
    if (epoch > IMPORT_EPOCH)
        return command_fault(cli, EX_DATAERR,
                             "%s: the engine knows the producer %s in epoch %" PRIu64
                             ": somebody else uses an import's name",
                             r->file, producer, epoch);
    if (*done_seq == 0)
        return 0;
    (void)daybook_publisher_close(&r->p, 0); /* it has sent nothing */
    o.first_seq = *done_seq + 1;
    st = daybook_publisher_open(&o, &r->p, &e);
    return st == DAYBOOK_OK ? 0 : command_fault(cli, command_code(st), "%s", e.text);
}

/* The shift: that of the first run, or now's, remembered before anything is sent. */
static int fix_shift(struct run *r, const char *producer, struct retime *plan, bool *first)
{
    struct cli *cli = r->cli;
    char dir[STATE_PATH_MAX], path[STATE_PATH_MAX];
    const char *given = r->o->state_dir.given ? r->o->state_dir.text : NULL;
    struct import_state s;
    if (import_state_dir(given, cli->env, dir, sizeof dir) != ST_OK)
        return command_fault(cli, EX_CONFIG,
                             "--shift-to-now keeps its shift in a file: set HOME or "
                             "XDG_STATE_HOME, or give --state-dir=DIR");
    enum status st = import_state_read(dir, producer, &s, path);
    *first = st == ST_NOT_FOUND;
    if (st == ST_NOT_FOUND) {
        s.first_run_ms = clock_now().wall_ms;
        s.shift_ms = retime_shift_to(plan, s.first_run_ms);
        st = import_state_write(dir, producer, &s, path);
    }
    if (st == ST_CORRUPT)
        return command_fault(cli, EX_DATAERR,
                             "%s is not the state of this import; repeating it with "
                             "another shift could count events twice. Remove the file only if the "
                             "import never ran against this engine.",
                             path);
    if (st != ST_OK)
        return command_fault(cli, EX_IOERR, "%s: %s", path, strerror(errno));
    plan->shift_ms = s.shift_ms;
    return 0;
}

static void put_reasons(FILE *to, const struct tally_reason *rows, size_t n)
{
    char count[32];
    for (size_t i = 0; i < n; i++) {
        if (rows[i].n == 0)
            continue;
        (void)fprintf(to, "  %14s    %s", grouped(rows[i].n, count), rows[i].code);
        if (rows[i].line > 0)
            (void)fprintf(to, ", first at line %" PRIu64, rows[i].line);
        if (rows[i].item > 0 && rows[i].item != rows[i].line)
            (void)fprintf(to, " (item %" PRIu64 ")", rows[i].item);
        if (rows[i].example[0] != '\0')
            (void)fprintf(to, ": %.160s", rows[i].example);
        (void)fputc('\n', to);
    }
}

static void put_count(FILE *to, const char *name, uint64_t n, const char *note)
{
    char count[32];
    (void)fprintf(to, "  %-10s %12s%s%s\n", name, grouped(n, count), note[0] != '\0' ? "  " : "",
                  note);
}

static void report_text(const struct run *r, const struct import_count *c,
                        const struct retime *plan, bool first)
{
    FILE *to = r->cli->out;
    char note[120] = "", count[32];
    (void)fprintf(to, "%s: %s events\n", r->file, grouped(c->events, count));
    put_count(to, "accepted", r->tally.accepted, "");
    if (c->before > 0)
        text_fmt(note, sizeof note, "(%s of them counted by an earlier run)",
                 grouped(c->before, count));
    put_count(to, "duplicate", r->tally.duplicate + c->before, note);
    put_count(to, "rejected", r->tally.rejected, "");
    put_reasons(to, r->tally.rejected_by, TALLY_REASONS_MAX);
    if (c->skipped > 0)
        put_count(to, "skipped", c->skipped, "(no events)");
    put_reasons(to, r->tally.skipped_by, IR_N);
    if (r->tally.unanswered > 0)
        put_count(to, "unanswered", r->tally.unanswered, "(taken, but their own answer was lost)");
    if (r->o->shift_to_now.given)
        (void)fprintf(to, "  times moved by %+.2f days%s\n", (double)plan->shift_ms / 86400000.0,
                      first ? "" : ", as at the first run");
}

static int report_json(const struct run *r, const struct import_count *c, const struct retime *plan,
                       const char *producer)
{
    json_t *o = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:I, s:b}", "file", r->file,
        "producer", producer, "events", (json_int_t)c->events, "batches", (json_int_t)c->batches,
        "accepted", (json_int_t)r->tally.accepted, "duplicate",
        (json_int_t)(r->tally.duplicate + c->before), "counted_before", (json_int_t)c->before,
        "rejected_n", (json_int_t)r->tally.rejected, "rejected", tally_rejected_json(&r->tally),
        "skipped_n", (json_int_t)c->skipped, "skipped", tally_skipped_json(&r->tally), "shift_ms",
        (json_int_t)plan->shift_ms, "complete", r->code == 0);
    if (o == NULL)
        return command_fault(r->cli, EX_DATAERR, "%s: the report cannot be written as JSON",
                             r->file);
    (void)json_dumpf(o, r->cli->out, JSON_COMPACT);
    (void)fputc('\n', r->cli->out);
    json_decref(o);
    return 0;
}

static int job_fault(struct cli *cli, const char *file, enum status st,
                     const struct import_fault *fault)
{
    int code = st == ST_USAGE ? EX_USAGE : st == ST_NO_MEMORY ? EX_OSERR : EX_DATAERR;
    return command_fault(cli, code, "%s: %s", file,
                         fault->text[0] != '\0' ? fault->text : status_row(st)->text);
}

/* Wait for the answers to everything sent. */
static void wait_for_answers(struct run *r)
{
    r->quiet_ns = clock_mono_ns();
    while (r->code == 0 && r->answered < r->sent)
        (void)turn(r, POLL_MS);
}

static int send_all(struct run *r, const struct import_job *job, struct retime *plan)
{
    char producer[IMPORT_NAME_MAX];
    bool first = true;
    uint64_t done_seq = 0;
    struct import_fault fault;
    struct import_count count = {0};
    import_job_name(job, producer);
    int code = job->shift_to_now ? fix_shift(r, producer, plan, &first) : 0;
    if (code == 0)
        code = open_publisher(r, producer, &done_seq);
    if (code != 0)
        return code;
    struct import_sink sink = {r, send_batch, skip_item, note_progress};
    progress_begin(&r->progress, r->cli, r->o->quiet.given || r->o->json.given, r->file, job->n);
    enum status st = import_job_run(job, done_seq, &sink, &count, &fault);
    if (st == ST_OK)
        wait_for_answers(r);
    progress_end(&r->progress);
    if (st != ST_OK && r->code == 0)
        return job_fault(r->cli, r->file, st, &fault);
    if (r->o->json.given)
        code = report_json(r, &count, plan, producer);
    else
        report_text(r, &count, plan, first);
    if (r->code != 0)
        return command_fault(r->cli, r->code,
                             "%s: interrupted after %" PRIu64
                             " batches; run the same command again and it goes on from there",
                             r->file, done_seq + r->answered);
    if (count.events == 0 && count.skipped > 0)
        return command_fault(r->cli, EX_DATAERR, "%s: nothing in it is a %s event", r->file,
                             import_format_name(job->format));
    if (r->o->strict.given && count.skipped + r->tally.rejected > 0)
        return EX_DATAERR;
    return code;
}

/* Without an engine: the events as lines. */
static int print_all(struct run *r, const struct import_job *job, struct retime *plan)
{
    struct importer *im;
    struct import_item item;
    struct import_fault fault;
    if (job->shift_to_now)
        plan->shift_ms = retime_shift_to(plan, clock_now().wall_ms);
    struct import_input in = {job->format, &job->o, plan, job->bytes, job->n};
    enum status st = importer_open(&in, &im, &fault);
    if (st != ST_OK)
        return job_fault(r->cli, r->file, st, &fault);
    while (importer_next(im, &item) && !*r->cli->stop) {
        if (item.reason == IR_NONE)
            (void)fprintf(r->cli->out, "%.*s\n", (int)item.json.n, item.json.p);
        else
            tally_skip(&r->tally, &item);
    }
    importer_free(&im);
    put_reasons(r->cli->err, r->tally.skipped_by, IR_N);
    return r->o->strict.given && tally_skipped(&r->tally) > 0 ? EX_DATAERR : 0;
}

static int import_file(struct cli *cli, const struct import_cli_options *o, struct import_job *job,
                       const char *file)
{
    struct input in = {0};
    struct retime plan = {0};
    struct import_fault fault;
    struct run *r = calloc(1, sizeof *r);
    struct sent *ring = calloc(BATCHES_MAX, sizeof *ring);
    int code = 0;
    if (r == NULL || ring == NULL) {
        code = command_fault(cli, EX_OSERR, "out of memory");
        goto out;
    }
    *r = (struct run){.cli = cli, .o = o, .file = file, .ring = ring};
    enum status st = input_open(file, &in);
    if (st != ST_OK) {
        code = command_fault(cli, errno == ENOENT ? EX_NOINPUT : EX_IOERR, "%s: %s", file,
                             st == ST_NO_MEMORY ? "out of memory" : strerror(errno));
        goto out;
    }
    job->bytes = in.bytes;
    job->n = in.n;
    job->retime = &plan;
    if (job->shift_to_now || job->max_gap_ms > 0) {
        st = import_job_plan(job, &plan, &fault);
        if (st != ST_OK) {
            code = job_fault(cli, file, st, &fault);
            goto out;
        }
    }
    code = o->dry_run.given ? print_all(r, job, &plan) : send_all(r, job, &plan);
out:
    if (r != NULL && r->p != NULL)
        (void)daybook_publisher_close(&r->p, 0); /* what was not answered is sent by the next run */
    job->retime = NULL; /* the job goes on to the next file; plan and input end here */
    job->bytes = NULL;
    job->n = 0;
    retime_fini(&plan);
    input_close(&in);
    free(ring);
    free(r);
    return code;
}

static int unknown_format(struct cli *cli, const char *name)
{
    char names[200];
    size_t n = 0;
    for (size_t i = 0; import_format_at(i) != NULL; i++)
        n += text_fmt(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "",
                      import_format_name(import_format_at(i)));
    return command_fault(cli, EX_USAGE, "import: there is no format \"%s\"; there are %s", name,
                         names);
}

static int run(struct cli *cli, const void *options)
{
    const struct import_cli_options *o = options;
    const struct import_format *f = import_format_find(str_of(cli->v[0]));
    if (f == NULL)
        return unknown_format(cli, cli->v[0]);
    if (import_format_needs_account(f) && !o->account.given)
        return command_fault(cli, EX_USAGE, "import: %s names no account: give --account=N",
                             import_format_name(f));
    if (import_format_needs_app(f) && !o->app.given)
        return command_fault(cli, EX_USAGE, "import: %s names no app: give --app=N (0: no app)",
                             import_format_name(f));
    struct import_job job = {
        .format = f,
        .o = mapping(o),
        .shift_to_now = o->shift_to_now.given,
        .max_gap_ms = (int64_t)o->max_gap.number,
    };
    int code = 0;
    for (size_t i = 1; i < cli->n && !*cli->stop; i++) {
        int one = import_file(cli, o, &job, cli->v[i]);
        code = code != 0 ? code : one;
    }
    return code;
}

static void more_help(struct cli *cli)
{
    (void)fprintf(cli->out, "Formats\n");
    for (size_t i = 0; import_format_at(i) != NULL; i++) {
        const struct import_format *f = import_format_at(i);
        (void)fprintf(cli->out, "  %s: %s\n", import_format_name(f), import_format_summary(f));
        args_wrap(import_format_help(f), 6, cli->columns > 100 ? 100 : cli->columns, cli->out);
    }
}

const struct command cmd_import = {
    .name = "import",
    .summary = "bring recorded input in: logs, webhooks, CloudEvents, tables",
    .synopsis = "FORMAT FILE...",
    .help =
        "Maps files (- is standard input) to events and publishes them. It says how many were "
        "accepted, duplicate, rejected and why. Running it twice changes nothing and an "
        "interrupted "
        "import resumes: its producer is named by the digest of the content and the options, its "
        "batches are numbered from 1, and the engine is asked first how far it is.\n\n"
        "Examples\n"
        "  daybook import combined --account=7 --app=42 --shift-to-now access.log\n"
        "  daybook import csv --account=7 --app=42 --time-column=when --count-column=hits "
        "hits.csv\n"
        "  daybook import hubspot webhooks.json\n"
        "  daybook import github --dry-run index.json | head\n"
        "  zcat access.log.2.gz | daybook import combined --account=7 --app=42 -\n",
    .rows = rows_of_import,
    .rows_n = N_OF(rows_of_import),
    .options_bytes = sizeof(struct import_cli_options),
    .min = 2,
    .max = ARGS_MAX,
    .run = run,
    .more_help = more_help,
};
