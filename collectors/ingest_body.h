/* From the body of a request to one frame that ingest reads. Internal to ingest_http. */
#ifndef COLLECTORS_INGEST_BODY_H
#define COLLECTORS_INGEST_BODY_H

#include "engine/base/bytes.h"
#include "engine/net/http.h"

enum body_kind {
    BODY_NATIVE_JSON,
    BODY_NATIVE_MSGPACK,
    BODY_LINES,             /* NDJSON of native events */
    BODY_CLOUDEVENT,        /* structured: one */
    BODY_CLOUDEVENTS,       /* a batch of them */
    BODY_CLOUDEVENT_BINARY, /* its attributes are headers, the body is its data */
    BODY_HUBSPOT,           /* webhooks, by their path: notifications, */
    BODY_GITHUB,            /* a payload of the event in X-GitHub-Event */
    BODY_UNKNOWN,
};

/* By Content-Type and the ce- headers. */
enum body_kind body_kind_of(const struct exchange *x);

/* What the events may lack. */
struct body_defaults {
    bool has_account, has_app;
    uint64_t account, app;
    int64_t received_ms; /* CloudEvents without a time happened when they arrived */
};

/* Write the frame to *to (emptied first). A body that is no native batch becomes {"events": [...]}
 * with one item per event: what cannot be mapped stands there as a text that says why, so that it
 * is rejected and counted at its index like any bad event. ST_MALFORMED, ST_TOO_LARGE or
 * ST_NO_MEMORY: *why is one sentence. */
enum status body_to_frame(enum body_kind kind, const struct exchange *x,
                          const struct body_defaults *defaults, struct buf *to,
                          const char **why) MUST_CHECK;

#endif
