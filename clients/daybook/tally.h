/* What became of the events of an import: accepted, duplicate, rejected by reason, and what was no
 * event at all, each reason with the first place where it was met. */
#ifndef CLIENTS_DAYBOOK_TALLY_H
#define CLIENTS_DAYBOOK_TALLY_H

#include <jansson.h>

#include "clients/publish/daybook.h"
#include "collectors/importer.h"

#define TALLY_REASONS_MAX 32 /* distinct codes; the codes of the wire are fewer */

struct tally_reason {
    char code[32];
    uint64_t n;
    uint64_t line; /* first place; 0: not known */
    uint64_t item; /* its number among the items; 0: not known */
    char example[200];
};

struct tally {
    uint64_t accepted, duplicate, rejected;
    uint64_t unanswered; /* taken by the engine, their own answer was lost */
    struct tally_reason rejected_by[TALLY_REASONS_MAX];
    struct tally_reason skipped_by[IR_N];
};

/* Count one answer for a batch of n events at these lines (may be NULL). */
void tally_ack(struct tally *t, const struct daybook_ack *ack, uint32_t n, const uint64_t *lines);
void tally_skip(struct tally *t, const struct import_item *item);

uint64_t tally_skipped(const struct tally *t);

/* {"too_old": 832, ...}, new; NULL: no memory. */
json_t *tally_rejected_json(const struct tally *t);
json_t *tally_skipped_json(const struct tally *t);

#endif
