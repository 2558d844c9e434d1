/* Reference data (catalog.*, directory.*, account.*): which entry an event is about, and its fields
 * in the form in which they are stored. Internal to schemas/. */
#ifndef SCHEMAS_REFERENCE_H
#define SCHEMAS_REFERENCE_H

#include "schemas/event_read.h"

/* Fill more->reference_key and more->reference_fields from views that passed the table's checks. */
enum status reference_read(struct decode *d, const struct event_views *v, const struct event *e,
                           struct event_more *more) MUST_CHECK;

#endif
