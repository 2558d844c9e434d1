/* Values and faults, for both encodings. */
#include "schemas/view.h"

#include <stdarg.h>
#include <stdio.h>

#include "schemas/json_in.h"
#include "schemas/msgpack_in.h"

struct view_items view_items(const struct decode *d, const struct view *list)
{
    struct view_items it = {.d = d, .list = list};
    if (d->encoding == ENCODING_MSGPACK)
        it.at = list->items;
    return it;
}

bool view_next(struct view_items *it, struct view *item)
{
    if (it->i >= it->list->n)
        return false;
    *item = (struct view){0};
    if (it->d->encoding == ENCODING_JSON) {
        *item = json_item(it->list, it->i++);
        return true;
    }
    /* Read once more: the list was validated when its view was made. */
    struct mp m = mp_of(it->d->frame, it->d->bytes, NULL);
    m.p = it->at;
    it->i++;
    if (!mp_head(&m, item))
        return false;
    it->at = m.p;
    return true;
}

/* At most n bytes of s, not ending inside a character. */
static size_t cut(struct str s, size_t n)
{
    if (s.n <= n)
        return s.n;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

const char *view_describe(const struct view *v, char buf[static 64])
{
    size_t n;
    switch (v->type) {
    case VIEW_NIL:
        return "null";
    case VIEW_BOOL:
        return v->number ? "true" : "false";
    case VIEW_INT:
    case VIEW_RANGE:
        text_fmt(buf, 64, "%lld", (long long)v->number);
        return buf;
    case VIEW_FLOAT:
        return "a float";
    case VIEW_STR:
        n = cut(v->text, 48);
        text_fmt(buf, 64, n < v->text.n ? "\"%.*s...\"" : "\"%.*s\"", (int)n, v->text.p);
        return buf;
    case VIEW_LIST:
        return "a list";
    case VIEW_MAP:
        return "a map";
    }
    return "?";
}

struct str decode_keep(struct decode *d, struct str s)
{
    return d->encoding == ENCODING_MSGPACK ? s : arena_str(d->arena, s);
}

static void say(struct decode *d, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static void say(struct decode *d, const char *fmt, va_list args)
{
    int n = vsnprintf(d->why_text, sizeof d->why_text, fmt, args);
    CHECK(n >= 0);
    size_t fits = sizeof d->why_text - 1;
    d->why = (struct str){d->why_text, (size_t)n};
    if (d->why.n > fits)
        d->why.n = cut((struct str){d->why_text, fits + 1}, fits);
}

void decode_say(struct decode *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(d, fmt, args);
    va_end(args);
}

enum status decode_fault(struct decode *d, enum status st, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(d, fmt, args);
    va_end(args);
    return st;
}

static bool outranks(enum status st, enum status old)
{
    if (old == ST_OK || st == ST_NO_MEMORY)
        return true;
    return st == ST_MALFORMED && old != ST_NO_MEMORY && old != ST_MALFORMED;
}

void decode_refuse(struct decode *d, enum status st, struct str message)
{
    struct batch *b = d->batch;
    if (!outranks(st, b->status))
        return;
    b->status = st;
    b->message = arena_str(d->arena, message);
    if (b->message.p == NULL)
        b->message = (struct str){0}; /* the status speaks for itself */
}
