#include "aggregators/tables.h"

const char *const days_table_names[DAYS_TABLES_N] = {
    [DAYS_META] = "meta",
    [DAYS_SHEET] = "sheet",
    [DAYS_DISTINCT] = "distinct",
    [DAYS_ACTIVITY] = "activity",
    [DAYS_ACTIVITY_ACCOUNT] = "activity_account",
    [DAYS_CONNECTION] = "connection",
    [DAYS_SCOPE] = "scope",
    [DAYS_CARRY] = "carry",
    [DAYS_REFERENCE] = "reference",
    [DAYS_TYPE_NAME] = "type_name",
    [DAYS_POPULARITY] = "popularity",
    [DAYS_WAITING] = "waiting",
    [DAYS_LATE] = "late",
};
