/* Turn recorded input into native events: one table of formats, one file each.
 *
 * An importer is a pure mapping from bytes to events: it reads no file, no clock and no network, so
 * that the command line and the HTTP face share it and the same bytes always give the same events.
 * Nothing in the input is fatal: what cannot be mapped comes out as an item with a reason.
 *
 * One importer belongs to one thread. */
#ifndef COLLECTORS_IMPORTER_H
#define COLLECTORS_IMPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/retime.h"
#include "engine/base/status.h"
#include "engine/base/text.h"

#define IMPORT_LINE_BYTES_MAX ((size_t)64 << 10) /* one line of a line-based format */
#define IMPORT_VALUE_BYTES_MAX                                                                     \
    ((size_t)256 << 20) /* one JSON value (an array of payloads, say)                              \
                         */

/* Why an item is no event. One row: NAME, "wire", "what it means". The wire name is stable. */
#define IMPORT_REASONS(X)                                                                          \
    X(NONE, "", "it is an event")                                                                  \
    X(NOT_JSON, "not_json", "the text is not JSON")                                                \
    X(NOT_OBJECT, "not_object", "a JSON object is expected here")                                  \
    X(NOT_UTF8, "not_utf8", "the text is not UTF-8")                                               \
    X(TOO_LONG, "too_long", "the line or value is over its size limit")                            \
    X(MALFORMED, "malformed", "readable JSON that no frame may carry: too deep or not an integer") \
    X(NO_TYPE, "no_type", "the payload does not say what happened")                                \
    X(NO_COUNTERPART, "no_counterpart", "what happened has no counterpart among the event types")  \
    X(NO_ACCOUNT, "no_account", "no account in it; --account fills it")                            \
    X(NO_APP, "no_app", "no app can be named as the author; --app fills it")                       \
    X(NO_OBJECT, "no_object", "the changed record is missing")                                     \
    X(NO_TIME, "no_time", "no time in it")                                                         \
    X(BAD_TIME, "bad_time", "the time cannot be read")                                             \
    X(NO_DATA, "no_data", "the data of the event is not a JSON object")                            \
    X(NO_USER, "no_user", "a connection event must name its user")                                 \
    X(NO_REQUEST, "no_request", "the line holds no HTTP request")                                  \
    X(BAD_METHOD, "bad_method", "the HTTP method is not one that is counted")                      \
    X(BAD_STATUS, "bad_status", "the HTTP status is not within 100..599")                          \
    X(BAD_NUMBER, "bad_number", "a number is missing, negative or over its limit")                 \
    X(ZERO_COUNT, "zero_count", "the count is 0: nothing happened")                                \
    X(BAD_ROW, "bad_row", "the row has another number of columns than the header")

enum import_reason {
#define X(name, wire, text) IR_##name,
    IMPORT_REASONS(X)
#undef X
        IR_N
};

/* "no_time", "no time in it". r must be below IR_N. */
const char *import_reason_name(enum import_reason r);
const char *import_reason_text(enum import_reason r);

/* The columns that the csv format can read. An option names the column; left out (n == 0), a column
 * of the event field's own name is used if there is one. */
enum csv_column {
    CSV_TIME,
    CSV_COUNT,
    CSV_TYPE,
    CSV_METHOD,
    CSV_STATUS,
    CSV_PATH,
    CSV_OBJECT_TYPE,
    CSV_RECORD,
    CSV_ACCOUNT,
    CSV_APP,
    CSV_USER,
    CSV_ID,
    CSV_COLUMN_N
};

/* "time", "count", ...: the name of the event field that the column fills. */
const char *csv_column_name(enum csv_column c);

/* What the input does not say. All strings are borrowed for the importer's life. */
struct import_options {
    bool has_account, has_app;
    uint64_t account;                /* for items without one */
    uint64_t app;                    /* for items without one */
    int64_t received_ms;             /* time of items without one, and of github's payloads, which
                                      * know only what was before; 0: those without are no_time */
    struct str event;                /* github: name of the webhook event (header X-GitHub-Event) */
    uint64_t hook_app;               /* github: the app whose webhook it is; 0: not known */
    struct str type;                 /* csv: event type of every row; "api.call" when empty */
    struct str method;               /* csv: method of rows without one; "GET" when empty */
    struct str object_type;          /* csv: object type of rows without one */
    uint64_t status;                 /* csv: status of rows without one; 200 when 0 */
    char delimiter;                  /* csv: ',' when 0 */
    struct str column[CSV_COLUMN_N]; /* csv: names of columns */
};

/* One item of the input: an event, or the reason why it is none. */
struct import_item {
    enum import_reason reason; /* IR_NONE: an event */
    uint64_t line;             /* of the input, from 1: where the item (or the JSON value that holds
                                * it) begins */
    uint64_t number;           /* of the item, from 1 */
    struct str detail;         /* what was met, for people; may be empty; until the next call */
    struct str json;           /* the native event; until the next call */
    bool has_time;             /* false: a native event whose time the engine will refuse */
    int64_t time_ms;           /* its own time, before any retiming */
};

struct importer;

/* One row of the table of formats. */
struct import_format;

/* The formats, for listings. NULL beyond the last. */
const struct import_format *import_format_at(size_t i);
const struct import_format *import_format_find(struct str name);
const char *import_format_name(const struct import_format *f);
const char *import_format_summary(const struct import_format *f); /* one line */
const char *import_format_help(const struct import_format *f);    /* paragraphs */
bool import_format_needs_account(const struct import_format *f);  /* its input never names one */
bool import_format_needs_app(const struct import_format *f);

/* Why importer_open refused. */
struct import_fault {
    char text[400];
};

/* What to read and how. Everything is borrowed until importer_free. */
struct import_input {
    const struct import_format *format;
    const struct import_options *options;
    const struct retime *retime; /* NULL: times stay */
    const char *bytes;
    size_t n;
};

/* ST_USAGE: an option is missing or wrong; ST_INVALID: the input lacks what the options name (a
 * column). fault says which. */
enum status importer_open(const struct import_input *in, struct importer **out,
                          struct import_fault *fault) MUST_CHECK;

/* The next item. False: the input is at its end. Cost: linear in the item's bytes. */
bool importer_next(struct importer *im, struct import_item *out);

/* Bytes of the input already read, for progress. */
size_t importer_at(const struct importer *im);

void importer_free(struct importer **im);

#endif
