/* Slots: what a cell of a sheet counts, as one integer. Part of the stored format. */
#ifndef AGGREGATORS_SLOT_H
#define AGGREGATORS_SLOT_H

#include "schemas/event.h"

/* A cell's slot says what it counts.
 *   API calls     quarter * 4 + which; quarter 0..95 of the day, 96 = of the day, quarter unknown
 *   records       SLOT_RECORD + type * 8 + action
 *   with identity SLOT_WITH_RECORD + action: record events that carried `record` */
enum api_which { API_CALLS, API_ERRORS, API_LIMITED };
enum record_action {
    ACTION_CREATED,
    ACTION_UPDATED,
    ACTION_DELETED,
    ACTION_MERGED,
    ACTION_RESTORED,
    ACTION_ASSOCIATED,
    ACTION_N
};
#define QUARTERS_PER_DAY 96
#define SLOT_WITH_RECORD 400
#define SLOT_RECORD      512

struct cell {
    uint64_t slot;
    uint64_t count;
};

static inline bool slot_is_api(uint64_t slot)
{
    return slot < SLOT_WITH_RECORD;
}
static inline unsigned slot_quarter(uint64_t slot)
{
    return (unsigned)slot / 4;
}
static inline enum api_which slot_which(uint64_t slot)
{
    return (enum api_which)(slot % 4);
}
static inline bool slot_is_record(uint64_t slot)
{
    return slot >= SLOT_RECORD;
}
static inline object_type_id slot_type(uint64_t slot)
{
    return (slot - SLOT_RECORD) / 8;
}
static inline enum record_action slot_action(uint64_t slot)
{
    return (enum record_action)((slot - SLOT_RECORD) % 8);
}

#endif
