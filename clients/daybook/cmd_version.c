/* daybook version: of this program and the libraries it runs with. */
#include <jansson.h>
#include <zmq.h>

#include "clients/daybook/command.h"

struct version_options {
    struct arg json;
};

static const struct option_row rows_of_version[] = {
    ROW_JSON(struct version_options),
};

static int run(struct cli *cli, const void *options)
{
    const struct version_options *o = options;
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    if (o->json.given)
        (void)fprintf(cli->out,
                      "{\"version\":\"%s\",\"libdaybook\":\"%s\",\"libzmq\":\"%d.%d.%d\","
                      "\"jansson\":\"%s\"}\n",
                      DAYBOOK_VERSION, daybook_version(), major, minor, patch, JANSSON_VERSION);
    else
        (void)fprintf(cli->out, "daybook %s (libdaybook %s, libzmq %d.%d.%d, jansson %s)\n",
                      DAYBOOK_VERSION, daybook_version(), major, minor, patch, JANSSON_VERSION);
    return 0;
}

const struct command cmd_version = {
    .name = "version",
    .summary = "version of this program and its libraries",
    .synopsis = "",
    .help = "Prints the version. \"daybook status\" tells that of the engine.",
    .rows = rows_of_version,
    .rows_n = 1,
    .options_bytes = sizeof(struct version_options),
    .max = 0,
    .run = run,
};
