/* Names of the front environment's tables; they are part of the format. */
#include "engine/ingest/tables.h"

#include "engine/base/check.h"

const char *const front_table_names[FRONT_TABLES_N] = {
    [FRONT_META] = "meta",           [FRONT_JOURNAL] = "journal",   [FRONT_CURSOR] = "cursor",
    [FRONT_ID_WINDOW] = "id_window", [FRONT_REJECTED] = "rejected", [FRONT_LEDGER] = "ledger",
    [FRONT_COUNTERS] = "counters",   [FRONT_FAULTS] = "faults",
};
