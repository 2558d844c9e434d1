/* The one decoder of event fields: views in, struct event or a verdict out. It is driven by the
 * table of event.def and does not know which encoding the views came from. Internal to schemas/. */
#ifndef SCHEMAS_EVENT_READ_H
#define SCHEMAS_EVENT_READ_H

#include "schemas/field.h"
#include "schemas/view.h"

/* An event's values, sorted by field. VIEW_NIL is absent. */
struct event_views {
    struct view account, app, time;
    struct view slot[FIELD_SLOTS_MAX]; /* as field_slots_of orders them */
    const struct field_slots *slots;
    enum event_kind kind;
    bool compact; /* methods and object types may be integers */
};

/* What the reader keeps between events. */
struct event_reader {
    struct decode *d;
    struct field_slots slots[GROUP_N]; /* n == 0: not looked up yet */
};

/* Both: ST_OK and *e filled; else a verdict with d->why, and *e zero but for account and app where
 * they could be read. ST_NO_MEMORY is no verdict: the frame is lost. */
enum status event_from_pairs(struct event_reader *r, const struct pair *pairs, uint32_t n,
                             struct event *e) MUST_CHECK;
enum status event_from_views(struct event_reader *r, const struct event_views *v,
                             struct event *e) MUST_CHECK;

const struct field_slots *event_reader_slots(struct event_reader *r, enum event_kind kind);

/* 64-bit hash of a record: of the number's 8 little-endian bytes, or of the text's bytes. The two
 * cannot meet, for a wire integer has a NUL byte in its 8 and a text has none. Never 0. */
uint64_t record_hash_number(uint64_t number);
uint64_t record_hash_text(struct str text);

#endif
