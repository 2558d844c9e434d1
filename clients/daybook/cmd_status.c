/* daybook status: how the engine is. */
#include "clients/daybook/ask.h"
#include "clients/daybook/tree.h"

struct status_options {
    struct arg query, timeout, json;
};

static const struct option_row rows_of_status[] = {
    ROW_JSON(struct status_options),
    ROW_QUERY(struct status_options),
    ROW_TIMEOUT(struct status_options),
};

static int run(struct cli *cli, const void *options)
{
    const struct status_options *o = options;
    struct ask a;
    json_t *answer = NULL;
    int code = ask_open(&a, cli, command_query(cli, &o->query), command_timeout(&o->timeout));
    if (code == 0)
        code = ask_view(&a, "status");
    if (code == 0)
        code = ask_answer(&a, &answer);
    if (code == 0) {
        const json_t *data = json_object_get(answer, "data");
        if (o->json.given) {
            (void)json_dumpf(data, cli->out, JSON_COMPACT);
            (void)fputc('\n', cli->out);
        } else if (!tree_write(cli->out, VIEW_STATUS, data)) {
            code = command_fault(cli, EX_IOERR, "the output could not be written");
        }
        if (json_is_true(json_object_get(data, "degraded")))
            code = command_fault(cli, EX_FAILED,
                                 "the engine is degraded: a write failed for good, it only reads "
                                 "until it is restarted");
    }
    json_decref(answer);
    ask_close(&a);
    return code;
}

const struct command cmd_status = {
    .name = "status",
    .summary = "version, rates, counters, positions and sizes of the engine",
    .synopsis = "",
    .help = "Shows how the engine is: uptime, events a second, what became of every event received "
            "(accepted + duplicate + rejected = received), log and checkpoint positions, store "
            "sizes. Exit code 1 when the engine is degraded, 69 when it does not answer.\n\n"
            "Examples\n"
            "  daybook status\n"
            "  daybook status --json | jq .rejected\n",
    .rows = rows_of_status,
    .rows_n = sizeof rows_of_status / sizeof rows_of_status[0],
    .options_bytes = sizeof(struct status_options),
    .max = 0,
    .run = run,
};
