/* Frames in JSON: scanned for nesting and sizes, parsed by jansson, then read as views. */
#include "schemas/frame_in.h"

#include "schemas/envelope.h"
#include "schemas/json_in.h"

/* Longest text of an envelope's value that is looked at when the frame as a whole is no JSON. Every
 * character of the longest producer may be escaped. */
#define PEEK_VALUE_BYTES_MAX 2048

struct reader_state {
    struct decode *d;
    struct json_scan scan;
    struct event_reader events;
    struct pair pairs[EVENT_PAIRS_MAX];
};

static enum status read_event(struct reader_state *r, const json_t *event, bool oversize,
                              struct event *e)
{
    if (oversize)
        return event_too_large(r->d, 0);
    if (!json_is_object(event)) {
        struct view v = json_view(event);
        return event_wrong_shape(r->d, &v);
    }
    if (json_object_size(event) > EVENT_PAIRS_MAX)
        return event_too_many_fields(r->d);
    uint32_t n = json_pairs(event, r->pairs);
    return event_from_pairs(&r->events, r->pairs, n, e);
}

static void read_events(struct reader_state *r, const json_t *list)
{
    struct batch *b = r->d->batch;
    uint32_t over = 0;
    if (!batch_begin(r->d, json_array_size(list)))
        return;
    for (uint32_t i = 0; i < b->n && b->status == ST_OK; i++) {
        bool oversize = over < r->scan.oversize_n && r->scan.oversize[over] == i;
        over += oversize;
        batch_verdict(r->d, i, read_event(r, json_array_get(list, i), oversize, &b->ev[i]));
    }
}

static void read_single(struct reader_state *r, const json_t *event)
{
    if (!batch_begin(r->d, 1))
        return;
    bool oversize = r->d->bytes > r->d->limits->event_bytes_max;
    batch_verdict(r->d, 0, read_event(r, event, oversize, &r->d->batch->ev[0]));
}

static void read_envelope_pair(struct reader_state *r, struct str key, const json_t *value)
{
    struct view v = json_view(value);
    enum envelope_key which = envelope_key_of(key);
    if (which == ENVELOPE_OTHER) {
        envelope_refuse_key(r->d, key);
    } else if (which != ENVELOPE_EVENTS) {
        enum status st = envelope_take(r->d, which, &v);
        if (st != ST_OK)
            decode_refuse(r->d, st, r->d->why);
    } else if (v.type == VIEW_LIST) {
        read_events(r, value);
    } else {
        envelope_refuse_events(r->d, &v);
    }
}

static void read_envelope(struct reader_state *r, json_t *top)
{
    r->d->batch->has_envelope = true;
    for (void *it = json_object_iter(top); it != NULL; it = json_object_iter_next(top, it))
        read_envelope_pair(r, str_of(json_object_iter_key(it)), json_object_iter_value(it));
    enum status st = envelope_finish(r->d);
    if (st != ST_OK)
        decode_refuse(r->d, st, r->d->why);
    if (json_object_get(top, "events") == NULL)
        envelope_refuse_missing(r->d);
}

void frame_json(struct decode *d)
{
    struct reader_state r;
    r.d = d;
    r.events = (struct event_reader){.d = d};
    if (!json_scan(d, &r.scan)) {
        decode_refuse(d, ST_NO_MEMORY, STR("no memory for the frame"));
        return;
    }
    if (r.scan.fault != NULL) {
        decode_refuse(d, ST_MALFORMED, str_of(r.scan.fault));
        return;
    }
    json_t *top;
    enum status st = json_frame_load(d, &top);
    if (st != ST_OK) {
        decode_refuse(d, st, d->why);
        return;
    }
    if (json_is_array(top))
        read_events(&r, top);
    else if (json_object_get(top, "type") != NULL)
        read_single(&r, top);
    else
        read_envelope(&r, top);
    json_decref(top);
}

/* ---- what can be read of a frame that is no JSON as a whole ---- */

/* The longest way to write the longest key that means something: every character escaped. */
#define PEEK_KEY_BYTES_MAX 64

/* The text of a quoted key, "" when it is too long to mean something. Borrowed from the frame or,
 * where something is escaped in it, from buf. */
static struct str key_text(struct str quoted, char buf[static PEEK_KEY_BYTES_MAX])
{
    struct str bare = {quoted.p + 1, quoted.n - 2};
    if (quoted.n > PEEK_KEY_BYTES_MAX)
        return STR("");
    if (memchr(bare.p, '\\', bare.n) == NULL)
        return bare;
    json_t *value = json_value_load(quoted);
    struct str text = STR("");
    if (value != NULL && json_is_string(value)) {
        text = (struct str){buf, json_string_length(value)};
        memcpy(buf, json_string_value(value), text.n);
    }
    json_decref(value);
    return text;
}

static void peek_value(struct decode *d, enum envelope_key which, struct str text)
{
    json_t *value = text.n <= PEEK_VALUE_BYTES_MAX ? json_value_load(text) : NULL;
    if (value == NULL)
        return;
    struct view v = json_view(value);
    envelope_peek(d, which, &v);
    json_decref(value);
}

void peek_json(struct decode *d)
{
    struct json_walk w = {d->frame, (const char *)d->frame + d->bytes, false};
    struct str quoted, text;
    char buf[PEEK_KEY_BYTES_MAX];
    unsigned seen = 0;
    while (json_walk_next(&w, &quoted, &text)) {
        struct str key = key_text(quoted, buf);
        d->batch->has_envelope = true;
        enum envelope_key which = envelope_key_of(key);
        bool twice = which != ENVELOPE_OTHER && (seen & 1u << which) != 0;
        if (twice || str_eq(key, STR("type"))) {
            batch_no_envelope(d);
            return;
        }
        seen |= 1u << which;
        if (which != ENVELOPE_OTHER && which != ENVELOPE_EVENTS)
            peek_value(d, which, text);
    }
    envelope_number(d);
}
