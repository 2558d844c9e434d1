/* One option as a row: how its text is read, stored and shown. Internal to engine/config. */
#ifndef ENGINE_CONFIG_OPTION_H
#define ENGINE_CONFIG_OPTION_H

#include "engine/base/text.h"
#include "engine/config/config.h"

enum option_type {
    OPTION_UINT,
    OPTION_BOOL,
    OPTION_DAY,
    OPTION_CHOICE,
    OPTION_TEXT,
    OPTION_SOCKET,
    OPTION_ADDRESS,
    OPTION_URL,
};

struct option {
    const char *name;
    const char *unit; /* of UINT; the words of CHOICE */
    const char *def;  /* default, as text */
    const char *help;
    enum option_type type;
    bool live;       /* a reload takes it over */
    uint64_t min;    /* number, day number, or length of a text */
    uint64_t max;    /* inclusive */
    uint32_t offset; /* of the field in struct config */
};

/* The row of an option; id below OPTION_N. */
const struct option *option_row(enum option_id id);

/* The option of that name ('-' and '_' are the same), or OPTION_N. */
enum option_id option_find(struct str name);

/* The most similar known name, or NULL when none is similar. */
const char *option_nearest(struct str name);

/* Read text into the option's field of *c. ST_INVALID: *c is untouched and why says what is wrong
 * and what is allowed, without the option's name. */
enum status option_set(struct config *c, enum option_id id, struct str text, char *why,
                       size_t why_cap) MUST_CHECK;

/* The option's value in *c, as option_set would read it. Cut at cap. */
void option_format(const struct config *c, enum option_id id, char *buf, size_t cap);

/* What may be given: "1 to 16", "text or json", ... Cut at cap. */
void option_allowed(enum option_id id, char *buf, size_t cap);

/* Same value in both. */
bool option_same(const struct config *a, const struct config *b, enum option_id id);

/* Copy value and origin of one option. */
void option_copy(struct config *to, const struct config *from, enum option_id id);

#endif
