/* Command line of one subcommand: a table of options, read into a struct of the subcommand's own.
 *
 * --name=value, --name value, -n value, -nvalue; options and arguments may be mixed; "--" ends the
 * options. Faults are sentences that name the option, what was given and what is allowed. */
#ifndef CLIENTS_DAYBOOK_ARGS_H
#define CLIENTS_DAYBOOK_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/status.h"
#include "engine/base/text.h"

enum arg_type {
    ARG_FLAG,     /* no value */
    ARG_TEXT,     /* not empty */
    ARG_UINT,     /* min..max */
    ARG_DURATION, /* ms, s, m, h, d; a bare number is seconds; kept in ms, min..max in ms */
    ARG_SIZE,     /* bytes; K, M, G are powers of 1024; min..max in bytes */
    ARG_WORD      /* one of `words`; number is its place */
};

/* The value of an option; presets are put into it before parsing. */
struct arg {
    bool given;
    const char *text; /* as written; borrowed from argv */
    uint64_t number;
};

struct option_row {
    const char *name; /* "json", for --json */
    char letter;      /* 'j', or 0 */
    enum arg_type type;
    size_t at;         /* offset of its struct arg */
    const char *value; /* "N", for the help; NULL for flags */
    uint64_t min, max; /* UINT, DURATION, SIZE; max 0: no bound */
    const char *words; /* WORD: "a|b|c" */
    const char *help;
};

struct option_table {
    const struct option_row *rows;
    size_t n;
};

#define ARGS_MAX 4096 /* arguments that are no options */

struct args {
    bool help; /* --help or -h was given */
    size_t n;
    char **v;        /* borrowed: argv, its front overwritten by the arguments */
    char fault[320]; /* of ST_USAGE */
};

/* Read argv[1..argc) by the table into the struct at `into`. ST_OK or ST_USAGE. argv is permuted.
 */
enum status args_parse(const struct option_table *table, int argc, char **argv, void *into,
                       struct args *out) MUST_CHECK;

/* The options as aligned lines, wrapped at `columns`. */
void args_help(const struct option_row *rows, size_t n, unsigned columns, FILE *to);

/* Text wrapped at `columns`, behind `indent` spaces; lines that begin with a space stay as they
 * are. */
void args_wrap(const char *text, unsigned indent, unsigned columns, FILE *to);

/* "1500", "5s", "2h": ms. "64K": bytes. ST_INVALID otherwise. */
enum status args_duration(struct str s, uint64_t *ms) MUST_CHECK;
enum status args_size(struct str s, uint64_t *bytes) MUST_CHECK;

#endif
