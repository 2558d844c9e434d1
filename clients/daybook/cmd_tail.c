/* daybook tail: the activity of an account as it arrives. It asks in the order of arrival for what
 * stands after the last position seen, so a pause or a lost connection leaves no gap. */
#include <string.h>
#include <time.h>

#include "clients/daybook/ask.h"
#include "clients/daybook/rows.h"
#include "engine/base/check.h"

struct tail_options {
    struct arg query, timeout, json, account, app, type, user, after, lines, interval, once;
};

static const struct option_row rows_of_tail[] = {
    {.name = "account",
     .letter = 'A',
     .type = ARG_UINT,
     .at = offsetof(struct tail_options, account),
     .value = "N",
     .help = "the account to follow (required)"},
    {.name = "app",
     .type = ARG_TEXT,
     .at = offsetof(struct tail_options, app),
     .value = "N[,N]",
     .help = "only these apps"},
    {.name = "user",
     .type = ARG_TEXT,
     .at = offsetof(struct tail_options, user),
     .value = "N[,N]",
     .help = "only these users"},
    {.name = "type",
     .type = ARG_TEXT,
     .at = offsetof(struct tail_options, type),
     .value = "TYPE[,TYPE]",
     .help = "only these types, such as app.installed"},
    {.name = "after",
     .type = ARG_UINT,
     .at = offsetof(struct tail_options, after),
     .value = "POSITION",
     .help = "begin behind this log position"},
    {.name = "lines",
     .letter = 'l',
     .type = ARG_UINT,
     .at = offsetof(struct tail_options, lines),
     .value = "N",
     .max = 1000,
     .help = "begin with the newest N (10)"},
    {.name = "interval",
     .type = ARG_DURATION,
     .at = offsetof(struct tail_options, interval),
     .value = "TIME",
     .min = 50,
     .max = 3600000,
     .help = "ask so often (500ms)"},
    {.name = "once",
     .type = ARG_FLAG,
     .at = offsetof(struct tail_options, once),
     .help = "end when everything so far was shown"},
    {.name = "json",
     .letter = 'j',
     .type = ARG_FLAG,
     .at = offsetof(struct tail_options, json),
     .help = "one JSON object a line"},
    ROW_QUERY(struct tail_options),
    ROW_TIMEOUT(struct tail_options),
};

#define LINES_DEFAULT    10
#define INTERVAL_DEFAULT 500

static void put_line(struct cli *cli, const json_t *row)
{
    static const char *const extras[] = {"reason", "code",   "setting", "from",
                                         "to",     "scopes", "feature"};
    char buf[512];
    (void)fprintf(cli->out, "%s  ",
                  rows_cell(json_object_get(row, "time"), COLUMN_TIME, buf, sizeof buf));
    (void)fprintf(cli->out, "%-24s",
                  rows_cell(json_object_get(row, "type"), COLUMN_TEXT, buf, sizeof buf));
    (void)fprintf(cli->out, " app %s",
                  rows_cell(json_object_get(row, "app"), COLUMN_UINT, buf, sizeof buf));
    const json_t *user = json_object_get(row, "user");
    if (json_is_integer(user))
        (void)fprintf(cli->out, " user %lld", (long long)json_integer_value(user));
    for (size_t i = 0; i < N_OF(extras); i++) {
        const json_t *v = json_object_get(row, extras[i]);
        if (json_is_string(v) && json_string_length(v) > 0)
            (void)fprintf(cli->out, " %s=\"%s\"", extras[i], json_string_value(v));
    }
    (void)fputc('\n', cli->out);
}

static void put_row(struct cli *cli, const struct tail_options *o, const json_t *row)
{
    if (o->json.given) {
        (void)json_dumpf(row, cli->out, JSON_COMPACT);
        (void)fputc('\n', cli->out);
    } else {
        put_line(cli, row);
    }
}

static int filters(struct ask *a, const struct tail_options *o)
{
    const struct {
        const char *name;
        const struct arg *arg;
    } given[] = {{"app", &o->app}, {"user", &o->user}, {"type", &o->type}};
    int code = ask_view(a, "activity");
    if (code == 0)
        code = ask_set_number(a, "account", o->account.number);
    for (size_t i = 0; i < N_OF(given) && code == 0; i++) {
        char pair[4096];
        if (!given[i].arg->given)
            continue;
        text_fmt(pair, sizeof pair, "%s=%s", given[i].name, given[i].arg->text);
        code = ask_param(a, pair);
    }
    return code;
}

/* The newest lines, oldest first; *after becomes the position that the answer is complete to. */
static int newest(struct ask *a, const struct tail_options *o, uint64_t *after)
{
    uint64_t lines = o->lines.given ? o->lines.number : LINES_DEFAULT;
    json_t *answer;
    int code = filters(a, o);
    if (code == 0)
        code = ask_set_number(a, "limit", lines > 0 ? lines : 1);
    if (code == 0)
        code = ask_answer(a, &answer);
    if (code != 0)
        return code;
    json_t *rows = ask_rows(answer);
    for (size_t i = lines > 0 ? json_array_size(rows) : 0; i > 0; i--)
        put_row(a->cli, o, json_array_get(rows, i - 1));
    json_t *position = json_object_get(answer, "position");
    if (json_is_integer(position))
        *after = (uint64_t)json_integer_value(position);
    json_decref(answer);
    return 0;
}

/* Everything behind *after, which moves to the last row shown or, once there is nothing more, to
 * the position that the answer is complete to. */
static int catch_up(struct ask *a, const struct tail_options *o, uint64_t *after)
{
    bool more = true;
    int code = 0;
    while (more && code == 0 && !*a->cli->stop) {
        json_t *answer;
        code = filters(a, o);
        if (code == 0)
            code = ask_set(a, "order", "arrival");
        if (code == 0)
            code = ask_set_number(a, "after", *after);
        if (code == 0)
            code = ask_answer(a, &answer);
        if (code != 0)
            break;
        const json_t *rows = ask_rows(answer);
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row)
        {
            put_row(a->cli, o, row);
            json_t *position = json_object_get(row, "position");
            if (json_is_integer(position))
                *after = (uint64_t)json_integer_value(position);
        }
        more = json_is_string(json_object_get(answer, "cursor")) && json_array_size(rows) > 0;
        json_decref(answer);
    }
    return code;
}

static void wait_ms(uint64_t ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL); /* a signal ends it early: the caller looks at stop */
}

static int run(struct cli *cli, const void *options)
{
    const struct tail_options *o = options;
    if (!o->account.given)
        return command_fault(cli, EX_USAGE, "tail: --account=N says whose activity to follow");
    struct ask a;
    uint64_t after = o->after.number;
    int code = ask_open(&a, cli, command_query(cli, &o->query), command_timeout(&o->timeout));
    if (code == 0 && !o->after.given)
        code = newest(&a, o, &after);
    while (code == 0 && !*cli->stop) {
        code = catch_up(&a, o, &after);
        if (fflush(cli->out) != 0 && code == 0)
            code = EX_IOERR;
        if (o->once.given || code != 0)
            break;
        wait_ms(o->interval.given ? o->interval.number : INTERVAL_DEFAULT);
    }
    ask_close(&a);
    return code;
}

const struct command cmd_tail = {
    .name = "tail",
    .summary = "follow the activity of an account",
    .synopsis = "--account=N",
    .help =
        "Shows connections, settings and permissions of an account as they arrive, until Ctrl-C. "
        "Nothing is left out or shown twice: it goes on behind the last log position seen, also "
        "after the engine was away.\n\n"
        "Examples\n"
        "  daybook tail --account=7\n"
        "  daybook tail --account=7 --type=app.installed,app.uninstalled --json\n",
    .rows = rows_of_tail,
    .rows_n = sizeof rows_of_tail / sizeof rows_of_tail[0],
    .options_bytes = sizeof(struct tail_options),
    .max = 0,
    .run = run,
};
