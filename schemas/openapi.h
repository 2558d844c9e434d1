/* The HTTP API as OpenAPI 3.1, written from query.def, status.def, http_problem.def and event.def.
 * schemas/openapi.json is its checked-in copy. */
#ifndef SCHEMAS_OPENAPI_H
#define SCHEMAS_OPENAPI_H

#include "engine/base/bytes.h"

/* Appends to `to`; check to->bad. */
void openapi_write(struct buf *to);

#endif
