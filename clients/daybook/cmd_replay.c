/* daybook replay: send a recorded stream again, frame by frame as it came. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/daybook/flight.h"
#include "clients/daybook/input.h"
#include "clients/daybook/progress.h"
#include "clients/daybook/tally.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "schemas/recording.h"

#define WINDOW_DEFAULT 256
#define FRAME_MAX      (UINT32_C(64) << 20) /* the largest message limit that can be set */
#define TURN_MS        50

struct replay_options {
    struct arg speed, flat_out, window, ingest, timeout, json, quiet;
};

static const struct option_row rows_of_replay[] = {
    {.name = "speed",
     .letter = 's',
     .type = ARG_UINT,
     .at = offsetof(struct replay_options, speed),
     .value = "N",
     .min = 1,
     .max = 1000000,
     .help = "N times the recorded pace (1)"},
    {.name = "flat-out",
     .letter = 'f',
     .type = ARG_FLAG,
     .at = offsetof(struct replay_options, flat_out),
     .help = "as fast as the engine takes it"},
    {.name = "window",
     .letter = 'w',
     .type = ARG_UINT,
     .at = offsetof(struct replay_options, window),
     .value = "N",
     .min = 1,
     .max = FLIGHT_WINDOW_MAX,
     .help = "frames in flight (256)"},
    {.name = "quiet",
     .letter = 'q',
     .type = ARG_FLAG,
     .at = offsetof(struct replay_options, quiet),
     .help = "no progress"},
    ROW_JSON(struct replay_options),
    ROW_INGEST(struct replay_options),
    ROW_TIMEOUT(struct replay_options),
};

struct replay {
    struct cli *cli;
    const struct replay_options *o;
    struct flight flight;
    struct tally tally;
    struct progress progress;
    uint64_t frames, refused, answered_events;
    uint64_t at_bytes;
    uint64_t begin_ns;
    int64_t first_ms; /* receive time of the first frame */
};

static void on_answer(void *context, uint64_t tag, const struct answer *a)
{
    struct replay *r = context;
    (void)tag;
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
    if (!a->ok)
        r->refused++;
    tally_ack(&r->tally, &ack, 1, NULL);
    r->answered_events += a->accepted + a->duplicate + a->rejected;
}

/* Wait until the frame is due, taking answers meanwhile. */
static int await_due(struct replay *r, int64_t received_ms)
{
    if (r->o->flat_out.given)
        return 0;
    uint64_t speed = r->o->speed.given ? r->o->speed.number : 1;
    int64_t after_ms = received_ms > r->first_ms ? received_ms - r->first_ms : 0;
    uint64_t due_ns = r->begin_ns + (uint64_t)after_ms * 1000000 / speed;
    int code = 0;
    while (code == 0 && !*r->cli->stop) {
        uint64_t now_ns = clock_mono_ns();
        if (now_ns >= due_ns)
            break;
        int64_t left_ms = (int64_t)((due_ns - now_ns) / 1000000) + 1;
        (void)link_wait(&r->flight.link, false, left_ms < TURN_MS ? left_ms : TURN_MS);
        code = flight_poll(&r->flight);
        if (r->flight.answered == r->flight.n) /* nothing to wait for: really sleep */
            (void)nanosleep(&(struct timespec){0, (left_ms < 10 ? left_ms : 10) * 1000000}, NULL);
        progress_at(&r->progress, r->at_bytes, r->answered_events);
    }
    return code;
}

static int replay_all(struct replay *r, const struct input *in)
{
    size_t at = RECORDING_HEAD_BYTES;
    int code = 0;
    r->begin_ns = clock_mono_ns();
    while (code == 0 && in->n - at >= RECORD_HEAD_BYTES && !*r->cli->stop) {
        int64_t received_ms;
        uint32_t n;
        record_head_read((const uint8_t *)in->bytes + at, &received_ms, &n);
        if (n > FRAME_MAX)
            return command_fault(r->cli, EX_DATAERR,
                                 "byte %zu: a frame of %u bytes is over the limit "
                                 "of %u; the stream is damaged here",
                                 at, n, FRAME_MAX);
        if (in->n - at - RECORD_HEAD_BYTES < n)
            break; /* the writer died in this frame: what is complete counts */
        if (r->frames == 0)
            r->first_ms = received_ms;
        code = await_due(r, received_ms);
        if (code == 0 && !*r->cli->stop)
            code = flight_send(&r->flight, in->bytes + at + RECORD_HEAD_BYTES, n, r->frames);
        at += RECORD_HEAD_BYTES + n;
        r->at_bytes = at;
        r->frames++;
        progress_at(&r->progress, at, r->answered_events);
    }
    if (code == 0)
        code = flight_finish(&r->flight);
    if (code == 0 && at < in->n && !*r->cli->stop)
        (void)command_fault(r->cli, 0, "the stream ends inside a frame: %zu bytes left out",
                            in->n - at);
    return code;
}

static void report(const struct replay *r)
{
    uint64_t ms = (clock_mono_ns() - r->begin_ns) / 1000000 + 1;
    char rate[32];
    const struct tally *t = &r->tally;
    if (r->o->json.given) {
        json_t *o =
            json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I}", "frames", (json_int_t)r->frames,
                      "accepted", (json_int_t)t->accepted, "duplicate", (json_int_t)t->duplicate,
                      "rejected_n", (json_int_t)t->rejected, "rejected", tally_rejected_json(t),
                      "frames_refused", (json_int_t)r->refused, "frames_resent",
                      (json_int_t)r->flight.resent, "elapsed_ms", (json_int_t)ms);
        (void)json_dumpf(o, r->cli->out, JSON_COMPACT);
        (void)fputc('\n', r->cli->out);
        json_decref(o);
        return;
    }
    (void)fprintf(r->cli->out,
                  "%" PRIu64 " frames: %" PRIu64 " events accepted, %" PRIu64 " duplicate, %" PRIu64
                  " rejected in %" PRIu64 ".%03" PRIu64 " s (%s events/s)\n",
                  r->frames, t->accepted, t->duplicate, t->rejected - r->refused, ms / 1000,
                  ms % 1000,
                  grouped((uint64_t)((double)r->answered_events * 1000 / (double)ms), rate));
    for (size_t i = 0; i < TALLY_REASONS_MAX; i++)
        if (t->rejected_by[i].n > 0)
            (void)fprintf(r->cli->out, "  %s %" PRIu64 ": %s\n", t->rejected_by[i].code,
                          t->rejected_by[i].n, t->rejected_by[i].example);
}

static bool is_stream(const struct input *in)
{
    uint8_t head[RECORDING_HEAD_BYTES];
    recording_head(head);
    return in->n >= sizeof head && memcmp(in->bytes, head, sizeof head) == 0;
}

static int run(struct cli *cli, const void *options)
{
    const struct replay_options *o = options;
    if (o->speed.given && o->flat_out.given)
        return command_fault(cli, EX_USAGE, "replay: --speed or --flat-out, not both");
    const char *file = cli->v[0];
    struct input in = {0};
    enum status st = input_open(file, &in);
    if (st != ST_OK)
        return command_fault(cli, errno == ENOENT ? EX_NOINPUT : EX_IOERR, "%s: %s", file,
                             strerror(errno));
    struct replay *r = calloc(1, sizeof *r);
    int code;
    if (r == NULL) {
        code = command_fault(cli, EX_OSERR, "out of memory");
    } else if (!is_stream(&in)) {
        code = command_fault(cli, EX_DATAERR,
                             "%s: not a recorded stream of version %d (daybook "
                             "generate and daybookd --record-to write them)",
                             file, RECORDING_VERSION);
    } else {
        r->cli = cli;
        r->o = o;
        code = flight_open(&r->flight, cli, command_ingest(cli, &o->ingest),
                           o->window.given ? (uint32_t)o->window.number : WINDOW_DEFAULT,
                           command_timeout(&o->timeout));
        r->flight.context = r;
        r->flight.on_answer = on_answer;
        progress_begin(&r->progress, cli, o->quiet.given || o->json.given, "replay", in.n);
        if (code == 0) {
            code = replay_all(r, &in);
            progress_end(&r->progress);
            report(r);
        }
        flight_close(&r->flight);
    }
    free(r);
    input_close(&in);
    return code;
}

const struct command cmd_replay = {
    .name = "replay",
    .summary = "send a recorded stream again, at its own pace or faster",
    .synopsis = "FILE",
    .help =
        "Sends the frames of a recorded stream (- is standard input) as they came, at their own "
        "pace, "
        "N times as fast, or flat out. What the engine cannot take just now is sent again in "
        "order. "
        "Frames that were numbered stay numbered: replaying them twice counts nothing twice.\n\n"
        "Examples\n"
        "  daybook replay yesterday.stream\n"
        "  daybook replay --speed=60 yesterday.stream\n"
        "  daybook generate --events=1000000 | daybook replay --flat-out -\n",
    .rows = rows_of_replay,
    .rows_n = N_OF(rows_of_replay),
    .options_bytes = sizeof(struct replay_options),
    .min = 1,
    .max = 1,
    .run = run,
};
