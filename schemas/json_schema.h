/* JSON Schemas (2020-12) of the wire, written from event.def and status.def, for the JSON form.
 * What a schema cannot say (repeated keys, sizes in bytes, floats like 1.0, real dates) is for
 * the decoder. */
#ifndef SCHEMAS_JSON_SCHEMA_H
#define SCHEMAS_JSON_SCHEMA_H

#include "engine/base/bytes.h"

/* "event", "batch", "ack", "refusal"; NULL-terminated. */
extern const char *const schema_names[];

/* Append the schema of that name to *to, as indented JSON with a final newline. ST_NOT_FOUND when
 * there is none; a full buffer shows in to->bad. */
enum status schema_write(const char *name, struct buf *to) MUST_CHECK;

#endif
