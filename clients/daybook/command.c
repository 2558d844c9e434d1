/* The table of subcommands and what they share. */
#include "clients/daybook/command.h"

#include <stdarg.h>
#include <string.h>

#include "engine/base/check.h"

static const struct command *const commands[] = {
    &cmd_publish, &cmd_import,  &cmd_generate,   &cmd_replay, &cmd_query,
    &cmd_tail,    &cmd_action,  &cmd_status,     &cmd_doctor, &cmd_schema,
    &cmd_bench,   &cmd_version, &cmd_completion,
};

const struct command *command_at(size_t i)
{
    return i < N_OF(commands) ? commands[i] : NULL;
}

const struct command *command_find(struct str name)
{
    for (size_t i = 0; i < N_OF(commands); i++)
        if (str_eq(name, str_of(commands[i]->name)))
            return commands[i];
    return NULL;
}

int command_fault(struct cli *cli, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fflush(cli->out);
    (void)fprintf(cli->err, "daybook: ");
    (void)vfprintf(cli->err, fmt, ap);
    (void)fputc('\n', cli->err);
    va_end(ap);
    return code;
}

void command_help(struct cli *cli, const struct command *c)
{
    unsigned columns = cli->columns > 100 ? 100 : cli->columns;
    (void)fprintf(cli->out, "Usage: daybook %s [OPTION...]%s%s\n\n", c->name,
                  c->synopsis[0] != '\0' ? " " : "", c->synopsis);
    args_wrap(c->help, 0, columns, cli->out);
    if (c->more_help != NULL) {
        (void)fputc('\n', cli->out);
        c->more_help(cli);
    }
    (void)fprintf(cli->out, "\nOptions\n");
    static const struct option_row help[] = {
        {.name = "help", .letter = 'h', .type = ARG_FLAG, .help = "this text"}};
    args_help(c->rows, c->rows_n, columns, cli->out);
    args_help(help, 1, columns, cli->out);
}

int command_code(enum daybook_status st)
{
    switch (st) {
    case DAYBOOK_OK:
        return 0;
    case DAYBOOK_AGAIN:
    case DAYBOOK_TIMEOUT:
    case DAYBOOK_NETWORK:
    case DAYBOOK_FENCED:
        return EX_UNAVAILABLE;
    case DAYBOOK_INVALID:
    case DAYBOOK_TOO_LARGE:
    case DAYBOOK_CORRUPT:
        return EX_DATAERR;
    case DAYBOOK_NO_MEMORY:
        return EX_OSERR;
    case DAYBOOK_IO:
        return EX_IOERR;
    case DAYBOOK_LOCKED:
        return EX_TEMPFAIL;
    case DAYBOOK_REFUSED:
        return EX_FAILED;
    }
    return EX_SOFTWARE;
}

static const char *endpoint(const struct cli *cli, const struct arg *option, const char *variable,
                            const char *otherwise)
{
    if (option->given)
        return option->text;
    const char *from_env = cli->env(variable);
    return from_env != NULL && from_env[0] != '\0' ? from_env : otherwise;
}

const char *command_ingest(const struct cli *cli, const struct arg *option)
{
    return endpoint(cli, option, "DAYBOOK_INGEST", INGEST_DEFAULT);
}

const char *command_query(const struct cli *cli, const struct arg *option)
{
    return endpoint(cli, option, "DAYBOOK_QUERY", QUERY_DEFAULT);
}

int command_timeout(const struct arg *option)
{
    return option->given ? (int)option->number : TIMEOUT_DEFAULT_MS;
}
