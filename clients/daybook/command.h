/* A subcommand: one row of the table in main.c, one file cmd_<name>.c. */
#ifndef CLIENTS_DAYBOOK_COMMAND_H
#define CLIENTS_DAYBOOK_COMMAND_H

#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "clients/daybook/args.h"
#include "clients/publish/daybook.h"

#define EX_FAILED      1 /* beside sysexits: the command ran and what it looked at is not well */

#define INGEST_DEFAULT "tcp://127.0.0.1:7701"
#define QUERY_DEFAULT  "tcp://127.0.0.1:7703"

/* What every subcommand gets. */
struct cli {
    FILE *in, *out, *err;
    bool out_tty, err_tty;                /* they are terminals */
    unsigned columns;                     /* width of the terminal; 80 when there is none */
    const char *(*env)(const char *name); /* getenv, or a test's */
    size_t n;                             /* arguments behind the options */
    char **v;
    volatile const int *stop; /* set by SIGINT and SIGTERM */
};

struct command {
    const char *name;
    const char *summary;  /* one line, lower case */
    const char *synopsis; /* what follows the options: "FORMAT FILE..." */
    const char *help;     /* paragraphs and examples */
    const struct option_row *rows;
    size_t rows_n;
    size_t options_bytes; /* of the struct that the rows fill; zeroed before presets */
    unsigned min, max;    /* number of arguments */
    int (*run)(struct cli *cli, const void *options);
    /* More help that depends on tables (formats, views); NULL: none. */
    void (*more_help)(struct cli *cli);
};

extern const struct command cmd_publish, cmd_import, cmd_generate, cmd_replay, cmd_query, cmd_tail,
    cmd_action, cmd_status, cmd_doctor, cmd_schema, cmd_bench, cmd_version, cmd_completion;

/* The words of `daybook action`, in the order of schemas/action.def; NULL beyond the last. */
const char *action_word_at(size_t i);

/* The table, in the order of the help; NULL beyond the last. */
const struct command *command_at(size_t i);
const struct command *command_find(struct str name);

/* "daybook NAME: message" on cli->err; returns code, so that a fault is one statement. */
int command_fault(struct cli *cli, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void command_help(struct cli *cli, const struct command *c);

/* Exit code of an outcome of the library. */
int command_code(enum daybook_status st);

/* An endpoint: the option, else the environment (DAYBOOK_INGEST, DAYBOOK_QUERY), else the default.
 */
const char *command_ingest(const struct cli *cli, const struct arg *option);
const char *command_query(const struct cli *cli, const struct arg *option);

/* Rows that many subcommands share; `of` is the options struct with the member of that name. */
#define ROW_INGEST(of)                                                                             \
    {                                                                                              \
        .name = "ingest", .type = ARG_TEXT, .at = offsetof(of, ingest), .value = "ENDPOINT",       \
        .help = "ingest socket of the engine (DAYBOOK_INGEST; " INGEST_DEFAULT ")"                 \
    }
#define ROW_QUERY(of)                                                                              \
    {                                                                                              \
        .name = "query", .type = ARG_TEXT, .at = offsetof(of, query), .value = "ENDPOINT",         \
        .help = "query socket of the engine (DAYBOOK_QUERY; " QUERY_DEFAULT ")"                    \
    }
#define ROW_TIMEOUT(of)                                                                            \
    {                                                                                              \
        .name = "timeout", .type = ARG_DURATION, .at = offsetof(of, timeout), .value = "TIME",     \
        .min = 1, .max = 86400000, .help = "give up after so long without an answer (10s)"         \
    }
#define ROW_JSON(of)                                                                               \
    {                                                                                              \
        .name = "json", .type = ARG_FLAG, .at = offsetof(of, json),                                \
        .help = "answer in JSON, for scripts"                                                      \
    }

#define TIMEOUT_DEFAULT_MS 10000

/* The value of --timeout in ms. */
int command_timeout(const struct arg *option);

#endif
