/* The engine's answers (WIRE 2): acknowledgement, refusal, or the cursor that was asked for. */
#ifndef CLIENTS_PUBLISH_ANSWER_H
#define CLIENTS_PUBLISH_ANSWER_H

#include "clients/publish/daybook.h"
#include "engine/base/bytes.h"

#define ANSWER_REJECTIONS_MAX 100

/* Every field is 0, false or "" when the answer lacks it. */
struct answer {
    bool ok;
    bool retry;
    bool has_epoch, has_seq, has_request, has_expected_seq, has_current_epoch;
    uint64_t epoch, seq, request, expected_seq, current_epoch;
    uint64_t retry_after_ms;
    uint64_t accepted, duplicate, rejected;
    const char *code;    /* in the text buffer given to answer_read */
    const char *message; /* likewise */
    struct daybook_rejection rejections[ANSWER_REJECTIONS_MAX];
    size_t rejections_n;
};

/* Read bytes[0..n), JSON or msgpack. Texts go into *text and live until it is used again. false: it
 * is no map with a bool "ok", or memory ran out. */
bool answer_read(const void *bytes, size_t n, struct buf *text, struct answer *out);

#endif
