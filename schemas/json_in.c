#include "schemas/json_in.h"

#include "schemas/json_start.h"

#include <stdio.h>
#include <stdlib.h>

#define LOAD_FLAGS (JSON_REJECT_DUPLICATES)

struct scan {
    uint32_t depth;
    uint32_t containers;   /* seen so far */
    uint32_t events_depth; /* the elements of an array that stands this deep are the events */
    bool in_events;
    uint32_t index; /* of the element */
    size_t from;    /* its first byte; SIZE_MAX: not yet seen */
    size_t to;      /* behind its last byte that is no space */
    uint32_t *oversize;
    uint32_t oversize_n;
    uint32_t oversize_max; /* entries there is room for */
    uint32_t bytes_max;
};

static void element_begin(struct scan *s, uint32_t index)
{
    s->index = index;
    s->from = SIZE_MAX;
}

static void element_end(struct scan *s)
{
    if (s->from != SIZE_MAX && s->to - s->from > s->bytes_max && s->oversize_n < s->oversize_max)
        s->oversize[s->oversize_n++] = s->index;
}

/* One byte outside of strings. */
static void structure(struct scan *s, char c)
{
    switch (c) {
    case '[':
    case '{':
        s->depth++;
        s->containers++;
        if (s->depth == s->events_depth) {
            s->in_events = c == '[';
            s->oversize_n = 0;
            element_begin(s, 0);
        }
        break;
    case ']':
    case '}':
        if (s->depth == s->events_depth && s->in_events) {
            element_end(s);
            s->in_events = false;
        }
        if (s->depth > 0)
            s->depth--;
        break;
    case ',':
        if (s->depth == s->events_depth && s->in_events) {
            element_end(s);
            element_begin(s, s->index + 1);
        }
        break;
    default:
        break;
    }
}

/* Where the string that begins at s[i] ends: the index of its closing quote, or n. */
static size_t string_end(const char *s, size_t n, size_t i)
{
    for (i++; i < n && s[i] != '"'; i++) {
        if (s[i] == '\\')
            i++;
    }
    return i < n ? i : n;
}

static void note_byte(struct scan *s, size_t at, size_t behind)
{
    if (s->from == SIZE_MAX)
        s->from = at;
    s->to = behind;
}

bool json_scan(struct decode *d, struct json_scan *out)
{
    const char *p = d->frame;
    size_t n = d->bytes;
    size_t i = 0;
    uint32_t depth_max = d->limits->depth_max < DEPTH_CAP ? d->limits->depth_max : DEPTH_CAP;
    while (i < n && json_is_space(p[i]))
        i++;
    struct scan s = {.from = SIZE_MAX, .bytes_max = d->limits->event_bytes_max};
    s.events_depth = i < n && p[i] == '[' ? 1 : 2;
    if (n > s.bytes_max) {
        s.oversize_max = (uint32_t)(n / (s.bytes_max + 1u)) + 1;
        s.oversize = arena_alloc(d->arena, s.oversize_max * sizeof *s.oversize);
        if (s.oversize == NULL)
            return false;
    }
    *out = (struct json_scan){0};
    for (; i < n; i++) {
        size_t at = i;
        char c = p[i];
        if (json_is_space(c))
            continue;
        if (c == '"')
            i = string_end(p, n, i);
        structure(&s, c);
        if (s.depth > depth_max)
            out->fault = "nested too deep";
        else if (s.containers > containers_max(d->limits))
            out->fault = "too many maps and arrays";
        if (out->fault != NULL)
            return true;
        bool between = s.depth == s.events_depth && (c == '[' || c == ',');
        if (s.in_events && !between)
            note_byte(&s, at, i + 1);
    }
    out->oversize = s.oversize;
    out->oversize_n = s.oversize_n;
    return true;
}

static const char *reason(const json_error_t *e)
{
    switch ((unsigned)json_error_code(e)) {
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_invalid_utf8:
        return "a string is not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a string holds a NUL character";
    case json_error_duplicate_key:
        return "a map has the same key twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_out_of_memory:
        return "out of memory";
    default:
        return "not JSON";
    }
}

enum status json_frame_load(struct decode *d, json_t **out)
{
    json_error_t e = {.text = ""}; /* jansson leaves its code unset where memory runs out */
    json_t *top = json_loadb(d->frame, d->bytes, LOAD_FLAGS, &e);
    /* Or calls it bad syntax, which would be the end of a good batch: ask again. */
    if (top == NULL)
        top = json_loadb(d->frame, d->bytes, LOAD_FLAGS, &e);
    if (top == NULL) {
        bool ours = e.text[0] == '\0' || json_error_code(&e) == json_error_out_of_memory;
        return decode_fault(d, ours ? ST_NO_MEMORY : ST_MALFORMED, "%s, near byte %d of the frame",
                            reason(&e), e.position);
    }
    *out = top;
    return ST_OK;
}

struct view json_view(const json_t *value)
{
    struct view v = {0};
    json_int_t n;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        v.type = VIEW_MAP;
        v.n = (uint32_t)json_object_size(value);
        v.items = value;
        break;
    case JSON_ARRAY:
        v.type = VIEW_LIST;
        v.n = (uint32_t)json_array_size(value);
        v.items = value;
        break;
    case JSON_STRING:
        v.type = VIEW_STR;
        v.text = (struct str){json_string_value(value), json_string_length(value)};
        break;
    case JSON_INTEGER:
        n = json_integer_value(value);
        v.type = n >= 0 && n <= (json_int_t)WIRE_INT_MAX ? VIEW_INT : VIEW_RANGE;
        v.number = (uint64_t)n;
        break;
    case JSON_REAL:
        v.type = VIEW_FLOAT;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        v.type = VIEW_BOOL;
        v.number = json_is_true(value);
        break;
    case JSON_NULL:
        v.type = VIEW_NIL;
        break;
    }
    return v;
}

struct view json_item(const struct view *list, uint32_t i)
{
    return json_view(json_array_get(list->items, i));
}

uint32_t json_pairs(const json_t *object, struct pair *to)
{
    uint32_t n = 0;
    /* jansson's iterator takes a mutable object but only reads it. */
    json_t *o = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        CHECK(n < EVENT_PAIRS_MAX);
        to[n].key = str_of(json_object_iter_key(it));
        to[n].value = json_view(json_object_iter_value(it));
        n++;
    }
    return n;
}

/* ---- reading what is not JSON as a whole ---- */

static void skip_space(struct json_walk *w)
{
    while (w->p < w->end && json_is_space(*w->p))
        w->p++;
}

static bool expect(struct json_walk *w, char c)
{
    skip_space(w);
    if (w->p >= w->end || *w->p != c)
        return false;
    w->p++;
    return true;
}

static bool walk_string(struct json_walk *w, struct str *out)
{
    size_t n = (size_t)(w->end - w->p);
    size_t at = string_end(w->p, n, 0);
    if (at >= n)
        return false;
    *out = (struct str){w->p, at + 1};
    w->p += at + 1;
    return true;
}

/* Brackets are only counted: what is between them does not matter here. */
static bool walk_container(struct json_walk *w)
{
    size_t depth = 0;
    struct str text;
    do {
        if (w->p >= w->end)
            return false;
        char c = *w->p;
        if (c == '"') {
            if (!walk_string(w, &text))
                return false;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
        w->p++;
    } while (depth > 0);
    return true;
}

static bool walk_value(struct json_walk *w, struct str *out)
{
    skip_space(w);
    if (w->p >= w->end)
        return false;
    const char *from = w->p;
    if (*from == '"')
        return walk_string(w, out);
    if (*from == '{' || *from == '[') {
        if (!walk_container(w))
            return false;
    } else {
        while (w->p < w->end && *w->p != ',' && *w->p != '}' && !json_is_space(*w->p))
            w->p++;
    }
    *out = (struct str){from, (size_t)(w->p - from)};
    return out->n != 0;
}

bool json_walk_next(struct json_walk *w, struct str *key, struct str *value)
{
    if (!expect(w, w->begun ? ',' : '{'))
        return false;
    w->begun = true;
    skip_space(w);
    if (w->p >= w->end || *w->p != '"')
        return false;
    return walk_string(w, key) && expect(w, ':') && walk_value(w, value);
}

json_t *json_value_load(struct str text)
{
    return json_loadb(text.p, text.n, LOAD_FLAGS | JSON_DECODE_ANY, NULL);
}

/* ---- start ---- */

static void *alloc(size_t n)
{
    void *p = malloc(n);

    if (p == NULL) {
        (void)fprintf(stderr, "out of memory: no %zu bytes for JSON\n", n);
        abort();
    }
    return p;
}

void json_start(void)
{
    json_set_alloc_funcs(alloc, free);
    json_object_seed(0); /* a random one */
}
