/* The options in force: one typed field per row of option.def, from four places, later winning:
 * default, JSON file (--config=FILE or DAYBOOK_CONFIG), environment (DAYBOOK_DATA_DIR=...), command
 * line (--data-dir=...).
 *
 * struct config is a plain value: no pointers, copied by assignment, nothing to free. */
#ifndef ENGINE_CONFIG_CONFIG_H
#define ENGINE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/status.h"

#define CONFIG_TEXT_MAX 1023 /* bytes of the longest text value */

/* sysexits(3); both are what daybookd exits with. */
#define CONFIG_EXIT_USAGE  64 /* the command line cannot be read */
#define CONFIG_EXIT_CONFIG 78 /* a value is wrong */

enum option_id {
#define O(type, name, unit, min, max, def, when, help) OPTION_##name,
#include "engine/config/option.def"
#undef O
    OPTION_N
};

/* CHOICE options hold the index of the word. log_level is enum log_level (engine/base/log.h). */
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

enum config_mode { CONFIG_RUN, CONFIG_CHECK, CONFIG_PRINT, CONFIG_HELP, CONFIG_VERSION };

/* Where a value came from. */
struct config_origin {
    enum { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_COMMAND_LINE } place;
    uint32_t line; /* of the file; 0 elsewhere */
};

#define CONFIG_FIELD_UINT(name)    uint64_t name;
#define CONFIG_FIELD_BOOL(name)    bool name;
#define CONFIG_FIELD_DAY(name)     int32_t name;
#define CONFIG_FIELD_CHOICE(name)  uint32_t name;
#define CONFIG_FIELD_TEXT(name)    char name[CONFIG_TEXT_MAX + 1];
#define CONFIG_FIELD_SOCKET(name)  CONFIG_FIELD_TEXT(name)
#define CONFIG_FIELD_ADDRESS(name) CONFIG_FIELD_TEXT(name)
#define CONFIG_FIELD_URL(name)     CONFIG_FIELD_TEXT(name)

struct config {
#define O(type, name, unit, min, max, def, when, help) CONFIG_FIELD_##type(name)
#include "engine/config/option.def"
#undef O
    struct config_origin origin[OPTION_N];
    char file[CONFIG_TEXT_MAX + 1]; /* the configuration file; empty: none */
    enum config_mode mode;          /* what the command line asks for */
};

/* What is to be told to the user: one line a finding. With ST_OK they are notes, else errors. */
struct config_report {
    uint32_t lines_n;
    int exit_code;   /* 0, CONFIG_EXIT_USAGE or CONFIG_EXIT_CONFIG */
    size_t n;        /* bytes in text */
    char text[8192]; /* lines, each with its newline; what does not fit is left out, but counted */
};

/* What the process was started with. Borrowed for the call. */
struct config_words {
    int argc;
    char *const *argv; /* argv[0] is the program's name */
    char *const *envp; /* NULL-terminated; NULL: no environment */
};

/* The defaults alone. */
void config_default(struct config *out);

/* Read all places and check the values, alone and together. ST_USAGE or ST_INVALID with every
 * finding in *report; *out is then untouched. With --help or --version nothing but the command line
 * is read. */
enum status config_load(const struct config_words *words, struct config *out,
                        struct config_report *report) MUST_CHECK;

/* Read all places anew (SIGHUP). ST_OK: *out is `now` with the LIVE options as they are in force
 * from now on; the report notes each START option that differs and waits for a restart. Else: the
 * errors are in the report, *out is untouched and `now` stays in force. out may be a copy of now.
 */
enum status config_reload(const struct config *now, const struct config_words *words,
                          struct config *out, struct config_report *report) MUST_CHECK;

/* One line an option: name, value, and where it came from. The values are written in the form in
 * which they may be given. */
void config_print(const struct config *c, FILE *out);

/* Usage and every option with its range, default and meaning. */
void config_help(FILE *out);

#endif
