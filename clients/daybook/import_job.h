/* One input as numbered batches: the same bytes and options always give the same producer name and
 * the same batches, so that an import can be repeated and resumed without counting anything twice.
 *
 * Where batches go is behind a seam (struct import_sink): the engine, or a test's. */
#ifndef CLIENTS_DAYBOOK_IMPORT_JOB_H
#define CLIENTS_DAYBOOK_IMPORT_JOB_H

#include "collectors/importer.h"

/* An acknowledgement lists at most 100 rejections: with batches of 100 every reason is known. */
#define IMPORT_BATCH_EVENTS 100
#define IMPORT_BATCH_BYTES  ((size_t)512 << 10)
#define IMPORT_EPOCH        1 /* a fixed one: the number of a batch follows from the input alone */

struct import_job {
    const struct import_format *format;
    struct import_options o;
    bool shift_to_now;
    int64_t max_gap_ms; /* 0: silences are kept */
    const char *bytes;
    size_t n;
    const struct retime *retime; /* of import_job_run: how times move; NULL: they stay */
};

#define IMPORT_NAME_MAX 48
/* "import-" and 32 hex digits: the digest of the content and of every option that shapes events. */
void import_job_name(const struct import_job *job, char name[static IMPORT_NAME_MAX]);

/* Read the input once and plan how its times move; r->shift_ms is left to the caller. Statuses and
 * fault as importer_open, or ST_NO_MEMORY, ST_TOO_LARGE. r is the caller's to retime_fini. */
enum status import_job_plan(const struct import_job *job, struct retime *r,
                            struct import_fault *fault) MUST_CHECK;

struct import_batch {
    uint64_t seq;          /* from 1 */
    struct str json;       /* an array of events */
    uint32_t n;            /* events */
    const uint64_t *lines; /* where each event stands in the input */
};

struct import_sink {
    void *context;
    /* Take one batch, blocking as needed; borrowed for the call. Any status but ST_OK ends the run
     * and is returned by it. */
    enum status (*send)(void *context, const struct import_batch *b);
    /* An item that is no event. */
    void (*skip)(void *context, const struct import_item *item);
    /* Where reading stands, about once a batch. */
    void (*progress)(void *context, size_t at_bytes, uint64_t events);
};

struct import_count {
    uint64_t events;  /* that the input holds */
    uint64_t before;  /* of them in batches up to done_seq: not sent again */
    uint64_t skipped; /* items that are no events */
    uint64_t batches; /* number of the last batch */
};

/* Map the input and hand every batch above done_seq to the sink. Statuses of importer_open and of
 * send. */
enum status import_job_run(const struct import_job *job, uint64_t done_seq,
                           const struct import_sink *sink, struct import_count *out,
                           struct import_fault *fault) MUST_CHECK;

#endif
