/* daybook publish: events as JSON, from arguments or standard input.
 *
 * Without --producer batches carry no number: good for a try and for events with an id. With
 * --producer they are numbered and each is counted exactly once; with --outbox also when this
 * process is killed. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/daybook/flight.h"
#include "clients/daybook/tally.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define BATCH_EVENTS  100 /* an acknowledgement lists 100 rejections: every reason is known */
#define BATCH_BYTES   ((size_t)512 << 10)
#define READ_BYTES    ((size_t)64 << 10)
#define WINDOW        64
#define FLUSH_POLL_MS 200

struct publish_options {
    struct arg account, app, producer, outbox, ingest, timeout, json, quiet;
};

static const struct option_row rows_of_publish[] = {
    {.name = "account",
     .letter = 'A',
     .type = ARG_UINT,
     .at = offsetof(struct publish_options, account),
     .value = "N",
     .help = "account of events that name none"},
    {.name = "app",
     .letter = 'a',
     .type = ARG_UINT,
     .at = offsetof(struct publish_options, app),
     .value = "N",
     .help = "app of events that name none"},
    {.name = "producer",
     .letter = 'p',
     .type = ARG_TEXT,
     .at = offsetof(struct publish_options, producer),
     .value = "NAME",
     .help = "number the batches under this name, so that each counts exactly once"},
    {.name = "outbox",
     .letter = 'o',
     .type = ARG_TEXT,
     .at = offsetof(struct publish_options, outbox),
     .value = "DIR",
     .help = "keep unacknowledged batches here; a later run sends them (needs --producer)"},
    {.name = "quiet",
     .letter = 'q',
     .type = ARG_FLAG,
     .at = offsetof(struct publish_options, quiet),
     .help = "no summary"},
    ROW_JSON(struct publish_options),
    ROW_INGEST(struct publish_options),
    ROW_TIMEOUT(struct publish_options),
};

struct publish {
    struct cli *cli;
    const struct publish_options *o;
    struct tally tally;
    uint64_t events, lines;
    struct buf batch;     /* the array in the making */
    uint32_t n;           /* events in it */
    struct flight flight; /* without --producer */
    bool flying;
    struct daybook_publisher *p; /* with --producer */
};

static void on_answer(void *context, uint64_t tag, const struct answer *a)
{
    struct publish *u = context;
    struct daybook_ack ack = {
        .refused = !a->ok,
        .accepted = a->accepted,
        .duplicate = a->duplicate,
        .rejected = a->rejected,
        .code = a->code,
        .message = a->message,
        .rejections = a->rejections,
        .rejections_n = a->rejections_n,
    };
    tally_ack(&u->tally, &ack, (uint32_t)tag, NULL);
}

static void on_ack(void *context, const struct daybook_ack *ack)
{
    struct publish *u = context;
    /* How many events a refused or implied batch had is not told; batches of an earlier run are
     * among them. */
    tally_ack(&u->tally, ack, 1, NULL);
}

static void on_lost(void *context, const struct daybook_lost *lost)
{
    struct publish *u = context;
    (void)command_fault(u->cli, 0,
                        "batches %" PRIu64 "..%" PRIu64 " of epoch %" PRIu64
                        " cannot be delivered exactly once; publishing goes on in epoch %" PRIu64,
                        lost->from_seq, lost->to_seq, lost->epoch, lost->new_epoch);
}

static int open_sender(struct publish *u)
{
    struct cli *cli = u->cli;
    const char *endpoint = command_ingest(cli, &u->o->ingest);
    int timeout_ms = command_timeout(&u->o->timeout);
    if (!u->o->producer.given) {
        u->flying = true;
        int code = flight_open(&u->flight, cli, endpoint, WINDOW, timeout_ms);
        u->flight.context = u;
        u->flight.on_answer = on_answer;
        return code;
    }
    struct daybook_publisher_options o = {
        .endpoint = endpoint,
        .producer = u->o->producer.text,
        .outbox = u->o->outbox.given ? u->o->outbox.text : NULL,
        .block_ms = timeout_ms,
        .context = u,
        .on_ack = on_ack,
        .on_lost = on_lost,
    };
    struct daybook_error e;
    enum daybook_status st = daybook_publisher_open(&o, &u->p, &e);
    return st == DAYBOOK_OK ? 0 : command_fault(cli, command_code(st), "%s", e.text);
}

static int flush(struct publish *u)
{
    if (u->n == 0)
        return 0;
    buf_put(&u->batch, "]", 1);
    if (u->batch.bad)
        return command_fault(u->cli, EX_OSERR, "out of memory");
    int code = 0;
    if (u->flying) {
        code = flight_send(&u->flight, u->batch.p, u->batch.n, u->n);
    } else {
        enum daybook_status st = daybook_publish_raw(u->p, u->batch.p, u->batch.n, NULL);
        if (st == DAYBOOK_OK)
            st = daybook_poll(u->p, 0);
        if (st != DAYBOOK_OK && st != DAYBOOK_AGAIN)
            code = command_fault(u->cli, command_code(st), "%s", daybook_publisher_error(u->p));
    }
    buf_reset(&u->batch);
    u->n = 0;
    return code;
}

/* Events of a text: native ones, a line each. */
static int add_text(struct publish *u, const char *text, size_t n)
{
    struct import_options io = {
        .has_account = u->o->account.given,
        .account = u->o->account.number,
        .has_app = u->o->app.given,
        .app = u->o->app.number,
        .received_ms = clock_now().wall_ms,
    };
    struct importer *im;
    struct import_item item;
    struct import_fault fault;
    struct import_input in = {import_format_find(STR("ndjson")), &io, NULL, text, n};
    enum status st = importer_open(&in, &im, &fault);
    if (st != ST_OK)
        return command_fault(u->cli, EX_OSERR, "%s", status_row(st)->text);
    int code = 0;
    while (code == 0 && importer_next(im, &item)) {
        item.line += u->lines;
        if (item.reason != IR_NONE) {
            tally_skip(&u->tally, &item);
            (void)command_fault(u->cli, 0, "line %" PRIu64 ": %s%s%.*s", item.line,
                                import_reason_text(item.reason), item.detail.n > 0 ? ": " : "",
                                (int)item.detail.n, item.detail.p);
            continue;
        }
        if (u->n == BATCH_EVENTS || (u->n > 0 && u->batch.n + item.json.n + 2 > BATCH_BYTES))
            code = flush(u);
        buf_put(&u->batch, u->n == 0 ? "[" : ",", 1);
        buf_put(&u->batch, item.json.p, item.json.n);
        u->n++;
        u->events++;
    }
    importer_free(&im);
    return code;
}

static int from_arguments(struct publish *u)
{
    int code = 0;
    for (size_t i = 0; i < u->cli->n && code == 0; i++) {
        code = add_text(u, u->cli->v[i], strlen(u->cli->v[i]));
        u->lines++;
    }
    return code;
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        lines++;
    return lines;
}

/* Lines as they come; what was read is sent when nothing more is waiting, so that a slow stream (a
 * log being followed) is published line by line. */
static int from_stream(struct publish *u, int fd)
{
    struct buf in = buf_of(IMPORT_LINE_BYTES_MAX * 2 + READ_BYTES);
    int code = 0;
    bool end = false;
    while (code == 0 && !end && !*u->cli->stop) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 0) == 0) {
            code = flush(u);
            if (code == 0 && u->flying)
                code = flight_poll(&u->flight);
            if (code != 0 || poll(&ready, 1, FLUSH_POLL_MS) == 0)
                continue;
        }
        if (!buf_room(&in, READ_BYTES)) {
            code = command_fault(u->cli, EX_DATAERR, "line %" PRIu64 " is longer than 64 KiB",
                                 u->lines + 1);
            break;
        }
        ssize_t k = read(fd, in.p + in.n, READ_BYTES);
        if (k < 0 && errno != EINTR)
            code = command_fault(u->cli, EX_IOERR, "standard input: %s", strerror(errno));
        end = k == 0;
        in.n += k > 0 ? (size_t)k : 0;
        const char *text = (const char *)in.p;
        const char *last = in.n > 0 ? memrchr(text, '\n', in.n) : NULL;
        size_t whole = end ? in.n : last != NULL ? (size_t)(last + 1 - text) : 0;
        if (code != 0 || whole == 0)
            continue;
        code = add_text(u, text, whole);
        u->lines += count_lines(text, whole);
        memmove(in.p, in.p + whole, in.n - whole);
        in.n -= whole;
    }
    buf_fini(&in);
    return code;
}

static int finish(struct publish *u)
{
    int code = flush(u);
    if (code != 0)
        return code;
    if (u->flying)
        return flight_finish(&u->flight);
    enum daybook_status st = daybook_flush(u->p, command_timeout(&u->o->timeout));
    if (st == DAYBOOK_OK)
        return 0;
    const char *kept = u->o->outbox.given ? "; what is missing stays in the outbox for the next run"
                                          : "; what is missing is lost (--outbox keeps it)";
    return command_fault(u->cli, command_code(st), "not everything was acknowledged (%s)%s",
                         daybook_status_text(st), kept);
}

static void report(const struct publish *u)
{
    FILE *to = u->cli->out;
    if (u->o->json.given) {
        json_t *o = json_pack(
            "{s:I, s:I, s:I, s:I, s:o, s:I}", "events", (json_int_t)u->events, "accepted",
            (json_int_t)u->tally.accepted, "duplicate", (json_int_t)u->tally.duplicate,
            "rejected_n", (json_int_t)u->tally.rejected, "rejected", tally_rejected_json(&u->tally),
            "skipped_n", (json_int_t)tally_skipped(&u->tally));
        (void)json_dumpf(o, to, JSON_COMPACT);
        (void)fputc('\n', to);
        json_decref(o);
        return;
    }
    if (!u->o->quiet.given)
        (void)fprintf(to, "%" PRIu64 " accepted, %" PRIu64 " duplicate, %" PRIu64 " rejected\n",
                      u->tally.accepted, u->tally.duplicate, u->tally.rejected);
    for (size_t i = 0; i < TALLY_REASONS_MAX; i++)
        if (u->tally.rejected_by[i].n > 0)
            (void)fprintf(u->cli->err, "daybook: rejected %" PRIu64 " as %s: %s\n",
                          u->tally.rejected_by[i].n, u->tally.rejected_by[i].code,
                          u->tally.rejected_by[i].example);
}

static int run(struct cli *cli, const void *options)
{
    const struct publish_options *o = options;
    if (o->outbox.given && !o->producer.given)
        return command_fault(cli, EX_USAGE,
                             "publish: --outbox needs --producer=NAME: an outbox "
                             "belongs to one producer");
    struct publish *u = calloc(1, sizeof *u);
    if (u == NULL)
        return command_fault(cli, EX_OSERR, "out of memory");
    u->cli = cli;
    u->o = o;
    u->batch = buf_of(BATCH_BYTES * 2);
    int code = open_sender(u);
    if (code == 0)
        code = cli->n > 0 ? from_arguments(u) : from_stream(u, fileno(cli->in));
    if (code == 0)
        code = finish(u);
    report(u);
    if (code == 0 && u->tally.rejected + tally_skipped(&u->tally) > 0)
        code = EX_DATAERR;
    if (u->flying)
        flight_close(&u->flight);
    (void)daybook_publisher_close(&u->p, 0); /* finish has waited already */
    buf_fini(&u->batch);
    free(u);
    return code;
}

const struct command cmd_publish = {
    .name = "publish",
    .summary = "send events, as JSON lines from arguments or standard input",
    .synopsis = "[EVENT...]",
    .help =
        "Publishes events, one JSON object each; without arguments, one a line from standard "
        "input, "
        "sent as they come. An event without a time is taken to happen now. Exit code 0: every "
        "event "
        "is on the engine's disk; 65: some were rejected, and standard error says why.\n\n"
        "Examples\n"
        "  daybook publish '{\"type\":\"api.call\",\"account\":7,\"app\":42,\"method\":\"GET\","
        "\"status\":200}'\n"
        "  daybook publish < events.ndjson\n"
        "  tail -F events.ndjson | daybook publish --producer=web-1 --outbox=/var/spool/daybook\n",
    .rows = rows_of_publish,
    .rows_n = N_OF(rows_of_publish),
    .options_bytes = sizeof(struct publish_options),
    .max = ARGS_MAX,
    .run = run,
};
