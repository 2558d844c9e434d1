/* Read single fields of stored reference data (event_more.reference_fields): a msgpack map that
 * this engine wrote. fields_get passes over lists. */
#ifndef SCHEMAS_FIELDS_H
#define SCHEMAS_FIELDS_H

#include "engine/base/arena.h"

struct field_value {
    enum { FIELD_ABSENT, FIELD_BOOL, FIELD_INT, FIELD_TEXT } type;
    uint64_t number; /* INT; BOOL: 0 or 1 */
    struct str text; /* TEXT; borrowed from the map */
};

/* Look up n fields in one walk; out[i] is the value of names[i]. False: not such a map. */
bool fields_get(struct str map, const char *const names[], uint32_t n, struct field_value out[]);

struct field_list {
    const struct field_value *items; /* in the arena; texts are borrowed from the map */
    uint32_t n;                      /* 0: empty, absent or no list */
};

/* The list of that name. False: not such a map, or no memory. */
bool fields_list(struct str map, const char *name, struct arena *a, struct field_list *out);

#endif
