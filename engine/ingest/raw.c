/* Walks by lengths and brackets alone: the frame has been validated by its decoder, so nothing is
 * judged here, but nothing is trusted either. */
#include "engine/ingest/raw.h"

#include "engine/base/bytes.h"

/* ---- msgpack ---- */

struct head {
    bool list, map;
    uint64_t n;     /* items, pairs, or bytes that follow */
    struct str str; /* of a string */
};

/* The head of the value at p and, of a scalar, all of it. NULL: no msgpack, or its end is missing.
 */
static const char *mp_head(const char *p, const char *end, struct head *h)
{
    struct reader r = reader_of(p, (size_t)(end - p));
    uint8_t b = read_u8(&r);
    unsigned length = 0; /* bytes of the length field */
    uint64_t skip = 0;

    *h = (struct head){0};
    if (b >= 0x80 && b <= 0x8f) {
        h->map = true;
        h->n = b & 0x0f;
    } else if (b >= 0x90 && b <= 0x9f) {
        h->list = true;
        h->n = b & 0x0f;
    } else if (b >= 0xa0 && b <= 0xbf) {
        skip = b & 0x1f;
        h->str.p = (const char *)r.p;
    } else if (b >= 0xc4 && b <= 0xc6) {
        length = 1u << (b - 0xc4);
    } else if (b >= 0xca && b <= 0xd3) {
        static const uint8_t bytes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};

        skip = bytes[b - 0xca];
    } else if (b >= 0xd9 && b <= 0xdb) {
        length = 1u << (b - 0xd9);
        h->str.p = (const char *)r.p + length;
    } else if (b == 0xdc || b == 0xdd) {
        h->list = true;
        h->n = read_be(&r, b == 0xdc ? 2 : 4);
    } else if (b == 0xde || b == 0xdf) {
        h->map = true;
        h->n = read_be(&r, b == 0xde ? 2 : 4);
    } else if (b >= 0xc7 && b <= 0xc9) {
        return NULL; /* extensions are not accepted */
    }
    if (length > 0)
        skip = read_be(&r, length);
    if (skip > 0)
        (void)read_span(&r, skip); /* r.bad says the same */
    if (h->str.p != NULL)
        h->str.n = skip;
    return r.bad ? NULL : (const char *)r.p;
}

/* The end of the value at p. */
static const char *mp_skip(const char *p, const char *end)
{
    uint64_t left = 1;

    while (left > 0 && p != NULL) {
        struct head h;

        p = mp_head(p, end, &h);
        left--;
        if (h.list || h.map)
            left += h.map ? 2 * h.n : h.n;
        if (p != NULL && left > (uint64_t)(end - p))
            return NULL; /* each value takes a byte */
    }
    return p;
}

/* Find the list of events of a map; without one the map is the event. */
static void mp_events(struct raw_walk *w, uint64_t pairs, const char *p)
{
    for (uint64_t i = 0; i < pairs && p != NULL; i++) {
        struct head key, list;

        p = mp_head(p, w->end, &key);
        if (p != NULL && str_eq(key.str, STR("events"))) {
            p = mp_head(p, w->end, &list);
            if (p != NULL && list.list) {
                w->p = p;
                w->left = (uint32_t)list.n;
                return;
            }
        }
        p = p != NULL ? mp_skip(p, w->end) : NULL;
    }
    w->single = true;
}

static void mp_begin(struct raw_walk *w)
{
    struct head h;
    const char *p = mp_head(w->p, w->end, &h);

    if (p == NULL) {
        w->p = w->end;
    } else if (h.list) {
        w->p = p;
        w->left = (uint32_t)h.n;
    } else {
        mp_events(w, h.map ? h.n : 0, p);
    }
}

/* ---- JSON ---- */

static const char *json_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* The end of the string that begins at p. */
static const char *json_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p < end ? p + 1 : NULL;
}

/* The end of the value at p: a bracketed one ends with its bracket, any other before what cannot be
 * part of it. */
static const char *json_skip(const char *p, const char *end)
{
    unsigned depth = 0;

    while (p != NULL && p < end) {
        if (*p == '"') {
            p = json_string(p, end);
        } else if (*p == '[' || *p == '{') {
            depth++;
            p++;
        } else if (depth > 0) {
            depth -= *p == ']' || *p == '}';
            p++;
        } else {
            while (p < end && strchr(",:]} \t\n\r", *p) == NULL)
                p++;
            return p;
        }
        if (depth == 0)
            return p;
    }
    return NULL;
}

static void json_begin(struct raw_walk *w)
{
    const char *p = json_space(w->p, w->end);

    if (p < w->end && *p == '[') {
        w->p = p + 1;
        return;
    }
    w->p = p;
    for (p++; p < w->end;) {
        const char *key = json_space(p, w->end), *value;

        p = key < w->end && *key == '"' ? json_string(key, w->end) : NULL;
        if (p == NULL)
            break;
        value = json_space(p, w->end);
        value = value < w->end && *value == ':' ? json_space(value + 1, w->end) : w->end;
        if (value < w->end && *value == '[' &&
            str_eq((struct str){key, (size_t)(p - key)}, STR("\"events\""))) {
            w->p = value + 1;
            return;
        }
        p = json_skip(value, w->end);
        p = p != NULL ? json_space(p, w->end) : NULL;
        if (p == NULL || p == w->end || *p != ',')
            break;
        p++;
    }
    w->single = true;
}

/* ---- both ---- */

void raw_walk_begin(struct str frame, struct raw_walk *w)
{
    *w = (struct raw_walk){.p = frame.p, .end = frame.p + frame.n};
    w->json = frame.n > 0 && memchr("{[ \t\n\r", frame.p[0], 6) != NULL;
    if (w->json)
        json_begin(w);
    else if (frame.n > 0)
        mp_begin(w);
}

static const char *json_next(struct raw_walk *w)
{
    w->p = json_space(w->p, w->end);
    if (w->p < w->end && *w->p == ',')
        w->p = json_space(w->p + 1, w->end);
    if (w->p == w->end || *w->p == ']')
        return NULL;
    return json_skip(w->p, w->end);
}

bool raw_walk_next(struct raw_walk *w, struct str *event)
{
    const char *end;

    if (w->p == w->end)
        return false;
    if (w->single)
        end = w->end;
    else if (w->json)
        end = json_next(w);
    else
        end = w->left-- > 0 ? mp_skip(w->p, w->end) : NULL;
    if (end == NULL || end == w->p) {
        w->p = w->end;
        return false;
    }
    *event = (struct str){w->p, (size_t)(end - w->p)};
    w->p = end;
    return true;
}
