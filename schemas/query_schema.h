/* JSON Schemas (2020-12) of questions and answers, written from query.def. */
#ifndef SCHEMAS_QUERY_SCHEMA_H
#define SCHEMAS_QUERY_SCHEMA_H

#include "engine/base/bytes.h"
#include "schemas/query_table.h"

/* The schema of one view: $defs request and answer, and refusal. Appends to `to`; check to->bad. */
void query_schema_write(enum query_view_id view, struct buf *to);

#endif
