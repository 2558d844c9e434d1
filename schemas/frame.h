/* Decode one ingest frame: one event, an array of events, or an envelope; JSON or msgpack, sniffed
 * by the first byte. Both encodings give the same verdict and the same struct for the same event.
 */
#ifndef SCHEMAS_FRAME_H
#define SCHEMAS_FRAME_H

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "schemas/event.h"

struct frame_limits {
    uint32_t batch_events_max; /* events in a batch (10,000) */
    uint32_t event_bytes_max;  /* one event (64 KiB) */
    uint32_t string_bytes_max; /* one string (256) */
    uint32_t depth_max;        /* nesting (8) */
    uint32_t scopes_max;       /* items of a list (256) */
};

extern const struct frame_limits frame_limits_default;

enum encoding { ENCODING_JSON, ENCODING_MSGPACK };

/* By the first byte: '{', '[' and white space mean JSON. An empty frame counts as msgpack. */
enum encoding frame_sniff(const void *frame, size_t bytes);

/* An opaque match token of a request: integer or string of at most 64 bytes. */
struct token {
    enum { TOKEN_NONE, TOKEN_INT, TOKEN_STR } type;
    uint64_t number;
    struct str text;
};

/* Why one event was not accepted. */
struct reject {
    uint32_t index;     /* of the event in its batch */
    enum status code;   /* UNKNOWN_TYPE, INVALID, TOO_LARGE, ... */
    struct str message; /* names field, value and what is allowed; in the arena */
};

/* A decoded frame. */
struct batch {
    enum encoding encoding;
    bool has_envelope;
    bool has_seq;     /* numbered: producer, epoch and seq are all there and valid */
    bool epoch_given; /* epoch and seq as the frame carried them, for the echo */
    bool seq_given;
    struct str producer; /* p == NULL: none */
    uint64_t epoch;
    uint64_t seq;
    struct token request;

    /* The body. status == ST_OK: ev[0..n) are the events in frame order. verdict[i] is ST_OK or the
     * event's own fault (then ev[i] is undefined but for account and app where readable).
     * status != ST_OK: the body as a whole is refused (MALFORMED, TOO_LARGE, INVALID, NO_MEMORY); n
     * is 0 and `message` says why. A readable envelope is still reported (has_envelope). */
    enum status status;
    struct str message;
    uint32_t n;
    struct event *ev;
    uint8_t *verdict;       /* enum status of each event */
    struct reject *rejects; /* one per verdict != ST_OK, ascending index */
    uint32_t rejects_n;
    uint32_t rejects_cap; /* batch_reject grows the list in the arena */

    /* Fields that the event's kind does not know, by name, with how often they were seen in this
     * frame (at most 16 names; the rest, and names over 64 bytes, under ""). */
    struct {
        struct str name;
        uint32_t n;
    } unknown[16];
    uint32_t unknown_n;
};

/* Decode frame into *out, allocating from a. `frame` is borrowed by *out. Never fails as a call:
 * what is wrong with the frame is out->status. Cost: linear in bytes. */
void frame_decode(const void *frame, size_t bytes, const struct frame_limits *limits,
                  struct arena *a, struct batch *out);

/* Only the envelope of a frame, without decoding its events (for refusals before decoding). What
 * cannot be read is left out; status is always ST_OK and n is 0. */
void frame_peek(const void *frame, size_t bytes, const struct frame_limits *limits, struct arena *a,
                struct batch *out);

/* Mark event i as not accepted: verdict, and a row in rejects (inserted in index order; an event
 * that already has a verdict keeps it). message may be empty. False: no memory. */
bool batch_reject(struct batch *b, struct arena *a, uint32_t i, enum status code,
                  struct str message);

#endif
