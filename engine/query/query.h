/* Queries: one question in, one whole answer out, in the encoding of the question.
 *
 * A question runs in the loop thread against one view of the day tables (aggregators/view.h), so an
 * answer holds everything that was acknowledged before it and is complete up to the position it
 * names. It never scans more than its budget: then the page is short and carries a cursor.
 *
 * What the engine knows about itself (status, rejected events) comes through struct query_source,
 * for this folder may not look sideways into ingest. */
#ifndef ENGINE_QUERY_QUERY_H
#define ENGINE_QUERY_QUERY_H

#include "aggregators/view.h"
#include "engine/base/bytes.h"
#include "engine/query/source.h"
#include "schemas/query_table.h"
#include "schemas/request.h"

struct query; /* memory that is used again from one question to the next; opaque, heap */

enum status query_new(struct query **out) MUST_CHECK;
void query_free(struct query **q); /* NULL-safe */

struct query_context {
    struct query *query;                                 /* borrowed; one question at a time */
    struct store *days;                                  /* borrowed */
    const struct generation *gens[VIEW_GENERATIONS_MAX]; /* ascending, borrowed for the call */
    unsigned gens_n;
    int64_t now_ms;                    /* the time of this turn */
    int32_t floor_day;                 /* first day of data */
    bool degraded;                     /* a write failed for good: answers say so */
    bool popularity;                   /* recommendations may compare accounts */
    bool enforce_beta;                 /* the connections home is for accounts in the beta only */
    uint32_t page_rows_max;            /* rows of a page; 0: 1,000 */
    uint64_t answer_bytes_max;         /* of one answer; 0: 4 MiB */
    uint32_t scan_max;                 /* work of one question; 0: QUERY_SCAN_MAX */
    const struct query_source *source; /* borrowed */
};

/* Answer r: the whole message, an answer or a refusal, is written to *out (emptied first; its
 * cap_max is set). out->bad afterwards: no memory, nothing can be said. Cost: bounded by the scan
 * budget, below 5 ms; a 30-day view of one app takes some 20 us. */
void query_answer(const struct query_context *c, const struct request *r, struct buf *out);

/* The same rows in another form, for HTTP. r must be in JSON. */
enum query_form {
    QUERY_ANSWER, /* as query_answer */
    QUERY_LINES,  /* NDJSON: rows (or the one object) alone, one a line */
    QUERY_CSV, /* rows alone, below a line of column names; BAD_PARAMETER for views of one object */
    QUERY_EVENTS, /* rows as server-sent events, by their position */
};

/* What an answer is besides its text. Texts are borrowed from `out`, or from the struct itself. */
struct query_result {
    enum status status;      /* else a refusal, also written to `out` */
    char why[512];           /* its sentence; may be empty */
    enum query_view_id view; /* VIEW_N: none was found */
    int64_t as_of_ms;
    uint64_t position;
    bool degraded;
    bool counted; /* what was received on the days of the range: */
    uint64_t late, duplicate, rejected;
    const char *bound;     /* NULL: none */
    char from[24], to[24]; /* as in the answer; empty: none */
    uint32_t rows_n;       /* of views of rows */
    struct str text;       /* of the form wanted */
    struct str data;       /* the part of it that is rows, or the object */
    struct str cursor;     /* p == NULL: there is no next page */
};

void query_answer_as(const struct query_context *c, const struct request *r, enum query_form form,
                     struct buf *out, struct query_result *result);

/* Is there what an action is about? Of install: an app of the catalogue or of the account; of
 * uninstall: an app that somebody has connected; of the others: a connection of the user to it, or
 * signals of the app that name no user. ST_NOT_FOUND: why says what is missing. */
struct action;
enum status query_action_target(const struct query_context *c, const struct action *a,
                                char why[static 256]) MUST_CHECK;

/* Refuse r without looking at it. message: one sentence; empty: that of the code. */
void query_refuse(const struct request *r, enum status code, struct str message, struct buf *out);

/* Work that one question may do: a cell or row of a sheet is 1 (some 7 ns), a look-up in a table
 * QUERY_LOOKUP. Used up in about 2 ms on a hot store; one piece of work more may begin below it.
 */
#define QUERY_SCAN_MAX 300000
#define QUERY_LOOKUP   100

/* Sketches that one row of distinct_records may unite; more is refused with `limit`. */
#define QUERY_SKETCHES_MAX 300

#endif
