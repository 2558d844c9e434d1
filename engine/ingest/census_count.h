/* What an account has, counted from everything that ingest knows: day tables, generations, and the
 * groups that are still on their way. */
#ifndef ENGINE_INGEST_CENSUS_COUNT_H
#define ENGINE_INGEST_CENSUS_COUNT_H

#include "engine/ingest/census.h"

/* arg: struct ingest. For struct census_setup. Cost: 30 look-ups in the day tables and more where
 * there is more. */
void census_count(void *arg, uint64_t account, enum census_kind kind, struct value_set *out);

#endif
