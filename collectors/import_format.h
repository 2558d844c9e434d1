/* What a format is to the importer, and what both share. Only collectors/import*.c include this. */
#ifndef COLLECTORS_IMPORT_FORMAT_H
#define COLLECTORS_IMPORT_FORMAT_H

#include <jansson.h>

#include "collectors/importer.h"
#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "schemas/event.h"

#define IMPORT_SCOPES_MAX 64

/* One mapped event. Strings are borrowed until the next item. Absent strings have n == 0. */
struct import_event {
    enum event_kind kind;
    bool has_account, has_app, has_time, has_user;
    uint64_t account;
    uint64_t app;
    int64_t time_ms;
    uint64_t user;
    struct str id;          /* the event's own; see import_identity for composite ones */
    struct str object_type; /* record.* */
    struct str record;
    struct str method, path; /* api.call */
    uint64_t status;
    uint64_t count; /* 0: left out */
    struct str reason, code;
    struct str scopes[IMPORT_SCOPES_MAX];
    uint32_t scopes_n;
};

enum import_step { STEP_END, STEP_EVENT, STEP_SKIP };

struct import_format {
    const char *name;
    const char *summary;
    const char *help;
    bool needs_account, needs_app;
    /* Prepare im->state; NULL: nothing to prepare. */
    enum status (*open)(struct importer *im, struct import_fault *fault);
    /* Fill im->event, im->native or im->raw and return STEP_EVENT, or call import_skip. */
    enum import_step (*next)(struct importer *im);
    void (*close)(struct importer *im); /* release im->state; NULL: nothing to release */
};

extern const struct import_format import_ndjson, import_cloudevents, import_hubspot, import_github,
    import_combined, import_csv;

struct importer {
    const struct import_format *format;
    const struct import_options *o;
    const struct retime *retime;
    const char *begin, *at, *end; /* of the input */
    uint64_t line;                /* line number of `at` */
    void *state;                  /* of the format */
    struct {                      /* of payload_item */
        json_t *root;             /* owned */
        size_t i;                 /* next element of an array */
    } json;

    /* The item in the making. */
    struct import_event event;
    json_t *native; /* owned: the event as JSON, instead of `event` */
    struct str raw; /* the event as text, instead of both */
    enum import_reason reason;
    uint64_t item_line;
    uint64_t number;
    char detail[160];
    char id_text[48];     /* behind event.id */
    char num_text[4][24]; /* numbers as text, behind strings of the event */
    struct arena arena;   /* of the check; reset per item */
    struct buf frame;     /* {"events":[ ... ]} */
};

/* Give up the item: remembers why and, for people, what was met (cut, control characters hidden).
 */
enum import_step import_skip(struct importer *im, enum import_reason why, struct str what);

/* The next line without its end (also CRLF); false at the end of the input. */
bool import_line(struct importer *im, struct str *line);

/* The next JSON object of a sequence of JSON values, each an object or an array of objects: so a
 * file may hold one payload, an array, or one value a line. STEP_EVENT: *out is borrowed until the
 * next call. */
enum import_step payload_item(struct importer *im, json_t **out);

/* Members of JSON objects. Absent or of another type: false, *out untouched. */
bool payload_u64(const json_t *object, const char *key, uint64_t *out);    /* also "123" */
bool payload_text(const json_t *object, const char *key, struct str *out); /* not empty */
struct str payload_as_text(const json_t *value); /* strings only; n == 0 otherwise */

/* Fill the account from the options when the payload had none. */
bool import_fill_account(struct importer *im);

/* The identity of a mapped event: prefix and the 128-bit hash of the parts, each preceded by its
 * length, so that no two lists of parts collide by concatenation. Sets im->event.id. */
void import_identity(struct importer *im, const char *prefix, const struct str *parts, size_t n);

/* v as text, in slot i (0..3) of the item. */
struct str import_number(struct importer *im, unsigned i, uint64_t v);

/* Instants as recordings write them: RFC 3339, "2015/01/31 13:00:00" (also with dashes, T, without
 * seconds, or the date alone) read as UTC, seconds (up to 11 digits) or ms (12 to 16) since 1970.
 */
enum status import_time(struct str s, int64_t *out_ms) MUST_CHECK;

/* "22/Apr/2009:18:52:51 +1200" */
enum status import_log_time(struct str s, int64_t *out_ms) MUST_CHECK;

#endif
