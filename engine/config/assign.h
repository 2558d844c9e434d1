/* Findings, and giving an option a value by name from one of the places. Internal to engine/config.
 */
#ifndef ENGINE_CONFIG_ASSIGN_H
#define ENGINE_CONFIG_ASSIGN_H

#include "engine/config/option.h"

/* Append one line. exit_code 0: a note; a usage error outweighs a configuration error. */
void report_add(struct config_report *r, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Where values are read from at the moment. */
struct assign {
    struct config *config;        /* borrowed; gains the values */
    struct config_report *report; /* borrowed; gains the faults */
    struct config_origin origin;
};

/* Give the option `name`, spelled as its place spells it, the value `text`. An unknown name or a
 * bad value is reported with the place, the allowed values and the nearest known name. */
void assign_named(const struct assign *a, struct str name, struct str text);

/* "daybook.json:7", "environment", "command line", "default". Cut at cap. */
void assign_where(const struct config *c, struct config_origin from, char *buf, size_t cap);

/* Values and options as a whole: what no single option can know. */
void config_check(const struct config *c, struct config_report *r);

/* The JSON file c->file. */
void config_json_read(struct config *c, struct config_report *r);

#endif
