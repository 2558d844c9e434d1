/* daybook schema: the JSON Schemas that this program was built with. */
#include <string.h>

#include "clients/daybook/command.h"
#include "engine/base/check.h"
#include "schemas/json_schema.h"
#include "schemas/openapi.h"
#include "schemas/query_schema.h"

#define SCHEMA_BYTES_MAX ((size_t)4 << 20)

struct schema_options {
    struct arg all;
};

static const struct option_row rows_of_schema[] = {
    {.name = "all",
     .letter = 'a',
     .type = ARG_FLAG,
     .at = offsetof(struct schema_options, all),
     .help = "every schema, as one JSON object by name"},
};

static enum status write_one(const char *name, struct buf *to)
{
    if (strcmp(name, "openapi") == 0) {
        openapi_write(to);
        return ST_OK;
    }
    enum status st = schema_write(name, to);
    if (st != ST_NOT_FOUND)
        return st;
    enum query_view_id view = query_view_find(str_of(name));
    if (view == VIEW_N)
        return ST_NOT_FOUND;
    query_schema_write(view, to);
    return ST_OK;
}

static void list(struct cli *cli)
{
    for (size_t i = 0; schema_names[i] != NULL; i++)
        (void)fprintf(cli->out, "%s\n", schema_names[i]);
    for (enum query_view_id v = 0; v < VIEW_N; v++)
        (void)fprintf(cli->out, "%s\n", query_views[v].name);
    (void)fprintf(cli->out, "openapi\n");
}

static void put_member(struct buf *to, const char *name, bool first)
{
    buf_put(to, first ? "{\"" : ",\"", 2);
    buf_put(to, name, strlen(name));
    buf_put(to, "\": ", 3);
    (void)write_one(name, to); /* names come from the tables */
}

static int print(struct cli *cli, struct buf *b)
{
    int code = 0;
    if (b->bad)
        code = command_fault(cli, EX_SOFTWARE, "schema: over %zu bytes", SCHEMA_BYTES_MAX);
    else if (fwrite(b->p, 1, b->n, cli->out) != b->n)
        code = command_fault(cli, EX_IOERR, "the output could not be written");
    return code;
}

static int run(struct cli *cli, const void *options)
{
    const struct schema_options *o = options;
    struct buf b = buf_of(SCHEMA_BYTES_MAX);
    int code = 0;
    if (o->all.given) {
        for (size_t i = 0; schema_names[i] != NULL; i++)
            put_member(&b, schema_names[i], i == 0);
        for (enum query_view_id v = 0; v < VIEW_N; v++)
            put_member(&b, query_views[v].name, false);
        buf_put(&b, "}\n", 2);
        code = print(cli, &b);
    } else if (cli->n == 0) {
        list(cli);
    }
    for (size_t i = 0; i < cli->n && code == 0 && !o->all.given; i++) {
        buf_reset(&b);
        if (write_one(cli->v[i], &b) == ST_NOT_FOUND)
            code = command_fault(cli, EX_USAGE,
                                 "schema: there is no schema \"%s\"; \"daybook schema\" "
                                 "lists them",
                                 cli->v[i]);
        else
            code = print(cli, &b);
    }
    buf_fini(&b);
    return code;
}

const struct command cmd_schema = {
    .name = "schema",
    .summary = "print the JSON Schemas of events, batches, answers and views",
    .synopsis = "[NAME...]",
    .help =
        "Prints JSON Schemas (2020-12), written from the same tables that the engine decodes by. "
        "Without a name: the list of names.\n\n"
        "openapi is the description of the HTTP API (OpenAPI 3.1).\n\n"
        "Examples\n"
        "  daybook schema event\n"
        "  daybook schema openapi > openapi.json\n"
        "  daybook schema records > records.schema.json\n",
    .rows = rows_of_schema,
    .rows_n = N_OF(rows_of_schema),
    .options_bytes = sizeof(struct schema_options),
    .max = 64,
    .run = run,
};
