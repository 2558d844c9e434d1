/* Frames in msgpack. Events are decoded where the cursor meets them; nothing is looked at twice
 * but a map that turns out to be an event after it began like an envelope. */
#include "schemas/frame_in.h"

#include "schemas/compact.h"
#include "schemas/envelope.h"

#define COMPACT_HEAD 4 /* kind, account, app, time */

struct reader_state {
    struct decode *d;
    struct mp m;
    struct event_reader events;
    const uint8_t *from;                /* first byte of the event at hand */
    struct pair pairs[EVENT_PAIRS_MAX]; /* of the event at hand */
};

static bool depth_fits(struct reader_state *r, uint32_t depth)
{
    if (depth <= r->m.depth_max)
        return true;
    r->m.why = "nested too deep";
    return false;
}

static enum status compact_kind(struct reader_state *r, const struct view *kind,
                                enum event_kind *out)
{
    char text[64];
    if (kind->type == VIEW_INT && event_group((unsigned)kind->number) != GROUP_NONE &&
        kind->number < EV_KIND_MAX) {
        *out = (enum event_kind)kind->number;
        return ST_OK;
    }
    return decode_fault(r->d, ST_UNKNOWN_TYPE,
                        "kind is %s; allowed: the number of a known kind such as 1",
                        kind->type == VIEW_NIL ? "missing" : view_describe(kind, text));
}

/* A compact event of n items, read into views; what is beyond the slots only counts. */
static enum status compact_event(struct reader_state *r, const struct view *item, uint32_t n,
                                 struct event *e)
{
    struct event_views v = {.compact = true};
    enum status st = compact_kind(r, &item[0], &v.kind);
    if (st != ST_OK) {
        *e = (struct event){0};
        if (n > 1 && item[1].type == VIEW_INT)
            e->account = item[1].number;
        if (n > 2 && item[2].type == VIEW_INT)
            e->app = item[2].number;
        return st;
    }
    v.slots = event_reader_slots(&r->events, v.kind);
    v.account = item[1];
    v.app = item[2];
    v.time = item[3];
    memcpy(v.slot, item + COMPACT_HEAD, v.slots->n * sizeof v.slot[0]);
    st = event_from_views(&r->events, &v, e);
    if (st == ST_OK && n > COMPACT_HEAD + v.slots->n) {
        *e = (struct event){.account = e->account, .app = e->app};
        st = decode_fault(r->d, ST_INVALID, "%u elements; allowed: at most %u for %s", n,
                          COMPACT_HEAD + v.slots->n, event_type_name(v.kind));
    }
    return st;
}

/* False: malformed. *st is the verdict. depth is that of the event itself. */
static bool read_compact(struct reader_state *r, uint32_t n, uint32_t depth, struct event *e,
                         enum status *st)
{
    struct view item[COMPACT_HEAD + FIELD_SLOTS_MAX];
    memset(item, 0, sizeof item);
    for (uint32_t i = 0; i < n; i++) {
        struct view rest = {0};
        if (!mp_value(&r->m, i < N_OF(item) ? &item[i] : &rest, depth))
            return false;
    }
    size_t bytes = (size_t)(r->m.p - r->from);
    if (bytes > r->d->limits->event_bytes_max)
        *st = event_too_large(r->d, bytes);
    else
        *st = compact_event(r, item, n, e);
    return true;
}

static bool read_map(struct reader_state *r, const struct view *map, uint32_t depth,
                     struct event *e, enum status *st)
{
    bool many = map->n > EVENT_PAIRS_MAX;
    if (many ? !mp_descend(&r->m, map, depth) : !mp_pairs(&r->m, map->n, depth, r->pairs))
        return false;
    size_t bytes = (size_t)(r->m.p - r->from);
    if (bytes > r->d->limits->event_bytes_max)
        *st = event_too_large(r->d, bytes);
    else if (many)
        *st = event_too_many_fields(r->d);
    else
        *st = event_from_pairs(&r->events, r->pairs, map->n, e);
    return true;
}

/* One event of any form. False: malformed. */
static bool read_event(struct reader_state *r, uint32_t i, uint32_t depth)
{
    struct view v = {0};
    struct event *e = &r->d->batch->ev[i];
    enum status st = ST_OK;
    r->from = r->m.p;
    if (!mp_head(&r->m, &v))
        return false;
    if (v.type == VIEW_LIST || v.type == VIEW_MAP) {
        if (!depth_fits(r, depth))
            return false;
        if (v.type == VIEW_LIST ? !read_compact(r, v.n, depth, e, &st)
                                : !read_map(r, &v, depth, e, &st))
            return false;
    } else {
        st = event_wrong_shape(r->d, &v);
    }
    batch_verdict(r->d, i, st);
    return true;
}

/* The items of a list whose head has been read; depth is that of the list. False: malformed. */
static bool read_events(struct reader_state *r, const struct view *list, uint32_t depth)
{
    struct batch *b = r->d->batch;
    if (!depth_fits(r, depth))
        return false;
    if (!batch_begin(r->d, list->n))
        return mp_descend(&r->m, list, depth);
    bool compact = depth < r->m.depth_max;
    for (uint32_t i = 0; i < list->n && b->status == ST_OK; i++) {
        if (compact)
            i += compact_run(&r->m, list->n - i, &b->ev[i]);
        if (i < list->n && !read_event(r, i, depth + 1))
            return false;
    }
    return true;
}

/* ---- envelopes ---- */

enum walk { WALK_DONE, WALK_MALFORMED, WALK_IS_EVENT };

static bool read_events_value(struct reader_state *r)
{
    struct view v = {0};
    if (!mp_head(&r->m, &v))
        return false;
    if (v.type == VIEW_LIST)
        return read_events(r, &v, 2);
    envelope_refuse_events(r->d, &v);
    return v.type != VIEW_MAP || mp_descend(&r->m, &v, 2);
}

/* The value of any key but events. */
static bool read_envelope_value(struct reader_state *r, struct str key, enum envelope_key which)
{
    struct view v = {0};
    if (!mp_value(&r->m, &v, 1))
        return false;
    if (which == ENVELOPE_OTHER) {
        envelope_refuse_key(r->d, key);
        return true;
    }
    enum status st = envelope_take(r->d, which, &v);
    if (st != ST_OK)
        decode_refuse(r->d, st, r->d->why);
    return true;
}

static enum walk walk_envelope(struct reader_state *r, uint32_t n)
{
    uint32_t map_at = (uint32_t)(r->m.p - r->m.base);
    unsigned seen = 0;
    r->d->batch->has_envelope = true;
    for (uint32_t i = 0; i < n; i++) {
        struct str key;
        uint32_t key_at = (uint32_t)(r->m.p - r->m.base);
        if (!mp_key(&r->m, &key))
            return WALK_MALFORMED;
        if (str_eq(key, STR("type")))
            return WALK_IS_EVENT;
        enum envelope_key which = envelope_key_of(key);
        if (which == ENVELOPE_OTHER) {
            if (!mp_key_new(&r->m, key_at, map_at))
                return WALK_MALFORMED;
        } else if ((seen & 1u << which) != 0) {
            r->m.why = "a map has the same key twice";
            return WALK_MALFORMED;
        }
        seen |= 1u << which;
        if (which == ENVELOPE_EVENTS ? !read_events_value(r) : !read_envelope_value(r, key, which))
            return WALK_MALFORMED;
    }
    enum status st = envelope_finish(r->d);
    if (st != ST_OK)
        decode_refuse(r->d, st, r->d->why);
    if ((seen & 1u << ENVELOPE_EVENTS) == 0)
        envelope_refuse_missing(r->d);
    return WALK_DONE;
}

/* The whole frame is one event. */
static bool read_single(struct reader_state *r)
{
    batch_no_envelope(r->d);
    mp_fini(&r->m); /* keys of the envelope that it is not */
    r->m = mp_of(r->d->frame, r->d->bytes, r->d->limits);
    if (!batch_begin(r->d, 1))
        return mp_skip_blindly(&r->m);
    return read_event(r, 0, 1);
}

static bool read_frame(struct reader_state *r)
{
    struct view v = {0};
    if (r->m.why != NULL || !mp_head(&r->m, &v))
        return false;
    if (v.type == VIEW_LIST)
        return read_events(r, &v, 1);
    if (v.type != VIEW_MAP) {
        r->m.why = "a frame is a map or an array";
        return false;
    }
    enum walk walk = walk_envelope(r, v.n);
    return walk == WALK_IS_EVENT ? read_single(r) : walk == WALK_DONE;
}

void frame_msgpack(struct decode *d)
{
    struct reader_state r;
    r.d = d;
    r.m = mp_of(d->frame, d->bytes, d->limits);
    r.events = (struct event_reader){.d = d};
    bool good = read_frame(&r);
    if (good && d->batch->status != ST_NO_MEMORY && r.m.p != r.m.end) {
        r.m.why = "something follows the value";
        good = false;
    }
    if (!good && r.m.no_memory) {
        decode_refuse(d, ST_NO_MEMORY, STR("no memory for the frame"));
    } else if (!good && d->batch->status != ST_NO_MEMORY) {
        decode_say(d, "%s, near byte %zu of the frame", r.m.why != NULL ? r.m.why : "not msgpack",
                   (size_t)(r.m.p - r.m.base));
        decode_refuse(d, ST_MALFORMED, d->why);
    }
    mp_fini(&r.m);
}

/* The value that stands between from and m->p, as a view; VIEW_NIL when it is none. */
static struct view slice_view(const struct mp *m, const uint8_t *from)
{
    struct mp value = mp_of(from, (size_t)(m->p - from), NULL);
    struct view v = {0};
    return mp_head(&value, &v) ? v : (struct view){0};
}

void peek_msgpack(struct decode *d)
{
    struct mp m = mp_of(d->frame, d->bytes, NULL);
    struct view top = {0};
    unsigned seen = 0;
    if (m.why != NULL || !mp_head(&m, &top) || top.type != VIEW_MAP)
        return;
    d->batch->has_envelope = true;
    for (uint32_t i = 0; i < top.n; i++) {
        struct str key;
        if (!mp_key(&m, &key))
            break;
        const uint8_t *from = m.p;
        if (!mp_skip_blindly(&m))
            break;
        enum envelope_key which = envelope_key_of(key);
        bool twice = which != ENVELOPE_OTHER && (seen & 1u << which) != 0;
        if (twice || str_eq(key, STR("type"))) {
            batch_no_envelope(d);
            return;
        }
        seen |= 1u << which;
        struct view v = slice_view(&m, from);
        if (which != ENVELOPE_OTHER && which != ENVELOPE_EVENTS)
            envelope_peek(d, which, &v);
    }
    envelope_number(d);
}
