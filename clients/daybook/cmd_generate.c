/* daybook generate: a deterministic workload as a recorded stream or as JSON lines. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workload.h"
#include "clients/daybook/command.h"
#include "clients/daybook/compact_line.h"
#include "clients/daybook/progress.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "schemas/recording.h"

#define EVENTS_DEFAULT 10000
#define BATCH_DEFAULT  500

struct generate_options {
    struct arg workload, events, seed, batch, rate, ndjson, producer, output, quiet;
};

static const struct option_row rows_of_generate[] = {
    {.name = "workload",
     .letter = 'w',
     .type = ARG_WORD,
     .at = offsetof(struct generate_options, workload),
     .value = "NAME",
     .words = "w|w1m|wr|life",
     .help = "w (default): 10,000 accounts, a few busy; w1m: 1,000,000 accounts evenly; wr: w with "
             "record ids; life: mostly API calls"},
    {.name = "events",
     .letter = 'e',
     .type = ARG_UINT,
     .at = offsetof(struct generate_options, events),
     .value = "N",
     .min = 1,
     .max = UINT64_C(100000000000),
     .help = "how many, rounded up to whole batches (10000)"},
    {.name = "seed",
     .type = ARG_UINT,
     .at = offsetof(struct generate_options, seed),
     .value = "N",
     .help = "another seed gives another stream (1)"},
    {.name = "batch",
     .letter = 'b',
     .type = ARG_UINT,
     .at = offsetof(struct generate_options, batch),
     .value = "N",
     .min = 1,
     .max = 10000,
     .help = "events a batch (500)"},
    {.name = "rate",
     .letter = 'r',
     .type = ARG_UINT,
     .at = offsetof(struct generate_options, rate),
     .value = "N",
     .min = 1,
     .max = UINT64_C(1000000000),
     .help = "recorded pace in events a second, for replay (100000)"},
    {.name = "producer",
     .letter = 'p',
     .type = ARG_TEXT,
     .at = offsetof(struct generate_options, producer),
     .value = "NAME",
     .help = "number the batches under this name: a second replay changes nothing"},
    {.name = "ndjson",
     .letter = 'n',
     .type = ARG_FLAG,
     .at = offsetof(struct generate_options, ndjson),
     .help = "one event a line instead of a stream"},
    {.name = "output",
     .letter = 'o',
     .type = ARG_TEXT,
     .at = offsetof(struct generate_options, output),
     .value = "FILE",
     .help = "write here instead of standard output"},
    {.name = "quiet",
     .letter = 'q',
     .type = ARG_FLAG,
     .at = offsetof(struct generate_options, quiet),
     .help = "no progress"},
};

#define RATE_DEFAULT 100000

static int write_lines(struct cli *cli, FILE *to, struct buf *text, const uint8_t *frame, size_t n)
{
    buf_reset(text);
    CHECK(compact_lines(frame, n, text)); /* the generator's own form */
    (void)fwrite(text->p, 1, text->n, to);
    return text->bad ? command_fault(cli, EX_OSERR, "out of memory") : 0;
}

static void write_record(FILE *to, int64_t received_ms, const uint8_t *frame, size_t n)
{
    uint8_t head[RECORD_HEAD_BYTES];
    record_head(head, received_ms, (uint32_t)n);
    (void)fwrite(head, 1, sizeof head, to);
    (void)fwrite(frame, 1, n, to);
}

static int generate(struct cli *cli, const struct generate_options *o, const struct workload *w,
                    FILE *to)
{
    uint8_t *frame = malloc(workload_batch_bytes_max(w));
    if (frame == NULL)
        return command_fault(cli, EX_OSERR, "out of memory");
    uint64_t each = workload_batch_events(w);
    uint64_t batches = ((o->events.given ? o->events.number : EVENTS_DEFAULT) + each - 1) / each;
    uint64_t rate = o->rate.given ? o->rate.number : RATE_DEFAULT;
    int64_t now_ms = clock_now().wall_ms;
    struct buf text = buf_of((size_t)16 << 20);
    struct progress p;
    progress_begin(&p, cli, o->quiet.given, "generate", batches);
    if (!o->ndjson.given) {
        uint8_t head[RECORDING_HEAD_BYTES];
        recording_head(head);
        (void)fwrite(head, 1, sizeof head, to);
    }
    int code = 0;
    for (uint64_t i = 0; i < batches && code == 0 && !*cli->stop && !ferror(to); i++) {
        size_t n = workload_batch(w, i, now_ms, frame);
        if (o->ndjson.given)
            code = write_lines(cli, to, &text, frame, n);
        else
            write_record(to, now_ms + (int64_t)(i * each * 1000 / rate), frame, n);
        progress_at(&p, i + 1, (i + 1) * each);
    }
    progress_end(&p);
    buf_fini(&text);
    free(frame);
    return code;
}

static int run(struct cli *cli, const void *options)
{
    const struct generate_options *o = options;
    if (!o->ndjson.given && !o->output.given && cli->out_tty)
        return command_fault(cli, EX_USAGE,
                             "generate: a recorded stream is binary: give "
                             "--output=FILE, a pipe, or --ndjson");
    struct workload_options wo = {
        .shape = (enum workload_shape)o->workload.number,
        .seed = o->seed.given ? o->seed.number : 1,
        .batch_events = o->batch.given ? (uint32_t)o->batch.number : BATCH_DEFAULT,
        .producer = o->producer.given && !o->ndjson.given ? o->producer.text : NULL,
        .epoch = (uint64_t)clock_now().wall_ms,
    };
    struct workload *w;
    enum status st = workload_new(&wo, &w);
    if (st != ST_OK)
        return command_fault(cli, EX_OSERR, "generate: %s", status_row(st)->text);
    FILE *to = o->output.given ? fopen(o->output.text, "wbe") : cli->out;
    int code = to == NULL
                   ? command_fault(cli, EX_CANTCREAT, "%s: %s", o->output.text, strerror(errno))
                   : generate(cli, o, w, to);
    if (to != NULL && (fflush(to) != 0 || ferror(to)) && code == 0)
        code = command_fault(cli, EX_IOERR, "%s: %s", o->output.given ? o->output.text : "output",
                             strerror(errno));
    if (to != NULL && to != cli->out && fclose(to) != 0 && code == 0)
        code = command_fault(cli, EX_IOERR, "%s: %s", o->output.text, strerror(errno));
    workload_free(&w);
    return code;
}

const struct command cmd_generate = {
    .name = "generate",
    .summary = "make a workload: a recorded stream or JSON lines",
    .synopsis = "",
    .help =
        "Makes a seeded workload: the same options always give the same events (times count back "
        "from now: nine of ten in the last hour, the rest over the 29 days before today). A "
        "recorded stream is for \"daybook replay\", JSON lines are for people and other tools.\n\n"
        "Examples\n"
        "  daybook generate --events=1000000 -o w.stream\n"
        "  daybook generate --workload=w1m --events=500000 | daybook replay --flat-out -\n"
        "  daybook generate --events=500 --ndjson | head -3\n",
    .rows = rows_of_generate,
    .rows_n = N_OF(rows_of_generate),
    .options_bytes = sizeof(struct generate_options),
    .max = 0,
    .run = run,
};
