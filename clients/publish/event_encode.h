/* Encode a struct daybook_event in the compact msgpack form of the wire. */
#ifndef CLIENTS_PUBLISH_EVENT_ENCODE_H
#define CLIENTS_PUBLISH_EVENT_ENCODE_H

#include "clients/publish/daybook.h"
#include "engine/base/bytes.h"
#include "schemas/field.h"

/* The order of fields of every group, worked out once. */
struct event_encoder {
    struct field_slots slots[GROUP_N];
};

void event_encoder_init(struct event_encoder *enc);

/* Append e to `to`; now_ms stands in for a time of 0. On failure `to` is as before and *error (may
 * be NULL) holds the sentence: INVALID, TOO_LARGE (over 64 KiB), NO_MEMORY (no room in `to`). */
enum daybook_status event_encode(const struct event_encoder *enc, const struct daybook_event *e,
                                 int64_t now_ms, struct buf *to, struct daybook_error *error);

#endif
