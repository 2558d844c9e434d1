/* daybook doctor: does everything add up? */
#include <stdarg.h>

#include "clients/daybook/doctor.h"
#include "engine/base/check.h"

struct doctor_options {
    struct arg data_dir, query, timeout, json;
};

static const struct option_row rows_of_doctor[] = {
    {.name = "data-dir",
     .letter = 'd',
     .type = ARG_TEXT,
     .at = offsetof(struct doctor_options, data_dir),
     .value = "DIR",
     .help = "read this data directory instead of asking the engine"},
    ROW_JSON(struct doctor_options),
    ROW_QUERY(struct doctor_options),
    ROW_TIMEOUT(struct doctor_options),
};

void doctor_check(struct doctor *d, enum doctor_result result, const char *name, const char *fmt,
                  ...)
{
    static const char *const words[] = {"ok", "FAULT", "skipped"};
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->checks++;
    d->faults += result == DOCTOR_FAULT;
    if (d->json)
        (void)json_array_append_new(d->list, json_pack("{s:s, s:s, s:s}", "check", name, "result",
                                                       words[result], "detail", text));
    else
        (void)fprintf(d->cli->out, "%-8s %-22s %s\n", words[result], name, text);
}

static int run(struct cli *cli, const void *options)
{
    const struct doctor_options *o = options;
    struct doctor d = {.cli = cli, .json = o->json.given, .list = json_array()};
    int code = o->data_dir.given
                   ? doctor_offline(&d, o->data_dir.text)
                   : doctor_online(&d, command_query(cli, &o->query), command_timeout(&o->timeout));
    if (d.json) {
        json_t *report = json_pack("{s:b, s:I, s:O}", "ok", code == 0 && d.faults == 0, "faults",
                                   (json_int_t)d.faults, "checks", d.list);
        (void)json_dumpf(report, cli->out, JSON_COMPACT);
        (void)fputc('\n', cli->out);
        json_decref(report);
    } else if (code == 0 && d.faults == 0) {
        (void)fprintf(cli->out, "everything adds up\n");
    } else if (code == 0) {
        (void)fprintf(cli->out, "%llu fault%s\n", (unsigned long long)d.faults,
                      d.faults == 1 ? "" : "s");
    }
    json_decref(d.list);
    return code == 0 && d.faults > 0 ? EX_FAILED : code;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "prove that totals, checksums and indexes add up",
    .synopsis = "",
    .help =
        "Checks what Daybook promises. Asked of a running engine: every event received was "
        "accepted, "
        "duplicate or rejected, and for each account and day the sum by app, by object type and by "
        "action equals the total that was kept apart.\n\n"
        "With --data-dir it reads the files themselves, changing nothing: besides the sums, every "
        "checksum, the order and counts of all tables, every entry of the log, and the ledger that "
        "is written with each commit against the day tables plus the log's tail. Best with the "
        "engine "
        "stopped.\n\n"
        "Exit code 0: all well; 1: a fault was found; 69: the engine does not answer.\n\n"
        "Examples\n"
        "  daybook doctor\n"
        "  daybook doctor --data-dir=./daybook-data --json\n",
    .rows = rows_of_doctor,
    .rows_n = N_OF(rows_of_doctor),
    .options_bytes = sizeof(struct doctor_options),
    .max = 0,
    .run = run,
};
