/* The FIELD rows of event.def as a table, and the order of fields in the compact form. */
#ifndef SCHEMAS_FIELD_H
#define SCHEMAS_FIELD_H

#include "schemas/event.h"

enum field_type {
    FT_UINT,
    FT_STRING,
    FT_METHOD,
    FT_OBJECT,
    FT_RECORD,
    FT_WAY,
    FT_STRINGS,
    FT_UINTS,
    FT_BOOL,
    FT_APP_KIND,
    FT_N
};

/* One value per FIELD row, in the order of event.def: F_API_METHOD, F_COMMON_ID, ... */
enum field {
#define FIELD(group, name, key, type, required, min, max, text) F_##group##_##name,
#include "schemas/event.def"
    F_N
};

struct field_row {
    struct str key;    /* name on the wire */
    const char *text;  /* what it means */
    uint64_t min, max; /* of the value, the length in bytes or the items */
    enum event_group group;
    enum field_type type;
    bool required;
};

extern const struct field_row field_rows[F_N];

#define FIELD_SLOTS_MAX 16

/* The fields of a group in compact order (after kind, account, app, time): its own rows, then the
 * common rows whose key it does not have itself. */
struct field_slots {
    uint32_t n;
    uint8_t field[FIELD_SLOTS_MAX]; /* enum field */
};

/* Cost: two walks over the table, some 50 ns; keep the answer. */
struct field_slots field_slots_of(enum event_group group);

/* Does every event of this kind need `app`? Reference data about the account itself does not. */
bool field_app_required(enum event_kind kind);

/* Names of enum http_method; NULL for METHOD_NONE. */
const char *http_method_name(unsigned method);

/* METHOD_NONE when s is no known method in upper case. */
enum http_method http_method_of(struct str s);

/* NULL-terminated list of the catalogue's values of `kind`. */
extern const char *const app_kind_names[];

#endif
