/* A decoded event as JSON: the map form of the wire, for events that the generator makes (api.call,
 * record.*, app.*, sync.*, permission.*). Reference data is not written. */
#ifndef CLIENTS_DAYBOOK_EVENT_LINE_H
#define CLIENTS_DAYBOOK_EVENT_LINE_H

#include "engine/base/bytes.h"
#include "schemas/event.h"

/* Append e to `to`, without a line end; to->bad when it is full. */
void event_line(const struct event *e, struct buf *to);

#endif
