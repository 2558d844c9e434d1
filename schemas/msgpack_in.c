#include "schemas/msgpack_in.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/bytes.h"

struct mp mp_of(const void *frame, size_t bytes, const struct frame_limits *limits)
{
    struct mp m = {
        .p = frame, .base = frame, .end = bytes > 0 ? (const uint8_t *)frame + bytes : frame};
    m.depth_max = limits != NULL && limits->depth_max < DEPTH_CAP ? limits->depth_max : DEPTH_CAP;
    m.containers_left = limits != NULL ? containers_max(limits) : UINT32_MAX;
    if (bytes >= UINT32_MAX)
        m.why = "the frame is too long";
    return m;
}

void mp_fini(struct mp *m)
{
    free(m->keys.slot);
    m->keys = (struct key_set){0};
}

static bool fault(struct mp *m, const char *why)
{
    if (m->why == NULL)
        m->why = why;
    return false;
}

static size_t left(const struct mp *m)
{
    return (size_t)(m->end - m->p);
}

/* n (0..8) big-endian bytes; the caller has seen that they are there. */
static uint64_t take_be(struct mp *m, unsigned n)
{
    m->p += n;
    return n > 0 ? get_be(m->p - n, n) : 0;
}

static bool set_unsigned(struct mp *m, struct view *v, uint64_t n)
{
    v->number = n;
    v->type = n <= WIRE_INT_MAX ? VIEW_INT : VIEW_RANGE;
    if (n > INT64_MAX)
        return fault(m, "an integer over 2^63-1");
    return true;
}

static bool set_signed(struct view *v, int64_t n)
{
    v->number = (uint64_t)n;
    v->type = n >= 0 && n <= (int64_t)WIRE_INT_MAX ? VIEW_INT : VIEW_RANGE;
    return true;
}

static bool set_float(struct mp *m, struct view *v, double n)
{
    v->type = VIEW_FLOAT;
    return isfinite(n) ? true : fault(m, "a float that is not a number or not finite");
}

static bool set_str(struct mp *m, struct view *v, size_t n)
{
    if (n > left(m))
        return fault(m, "a string is longer than the frame");
    v->type = VIEW_STR;
    v->text = (struct str){(const char *)m->p, n};
    m->p += n;
    if (!text_is_utf8(v->text.p, n))
        return fault(m, "a string is not UTF-8, or holds a NUL character");
    return true;
}

static bool count_container(struct mp *m)
{
    if (m->containers_left == 0)
        return fault(m, "too many maps and arrays");
    m->containers_left--;
    return true;
}

static bool set_list(struct mp *m, struct view *v, uint64_t n)
{
    if (n > left(m))
        return fault(m, "an array announces more items than the frame has bytes");
    v->type = VIEW_LIST;
    v->n = (uint32_t)n;
    v->items = m->p;
    return count_container(m);
}

static bool set_map(struct mp *m, struct view *v, uint64_t n)
{
    if (n > left(m) / 2)
        return fault(m, "a map announces more pairs than the frame has bytes");
    v->type = VIEW_MAP;
    v->n = (uint32_t)n;
    v->items = m->p;
    return count_container(m);
}

/* Bytes that follow the codes 0xc0..0xdf before any content: a number or a length. */
static const uint8_t follow[32] = {
    [0xca - 0xc0] = 4, [0xcb - 0xc0] = 8, [0xcc - 0xc0] = 1, [0xcd - 0xc0] = 2, [0xce - 0xc0] = 4,
    [0xcf - 0xc0] = 8, [0xd0 - 0xc0] = 1, [0xd1 - 0xc0] = 2, [0xd2 - 0xc0] = 4, [0xd3 - 0xc0] = 8,
    [0xd9 - 0xc0] = 1, [0xda - 0xc0] = 2, [0xdb - 0xc0] = 4, [0xdc - 0xc0] = 2, [0xdd - 0xc0] = 4,
    [0xde - 0xc0] = 2, [0xdf - 0xc0] = 4,
};

static bool set_wide_float(struct mp *m, struct view *v, uint64_t bits, bool single)
{
    if (single) {
        uint32_t bits32 = (uint32_t)bits;
        float f;
        memcpy(&f, &bits32, sizeof f);
        return set_float(m, v, (double)f);
    }
    double d;
    memcpy(&d, &bits, sizeof d);
    return set_float(m, v, d);
}

/* Codes 0xc0..0xdf. */
static bool wide_head(struct mp *m, struct view *v, uint8_t code)
{
    unsigned n = follow[code - 0xc0];
    if (n > left(m))
        return fault(m, "the frame ends inside a value");
    uint64_t bits = take_be(m, n);
    switch (code) {
    case 0xc0:
        v->type = VIEW_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        v->type = VIEW_BOOL;
        v->number = code & 1;
        return true;
    case 0xca:
    case 0xcb:
        return set_wide_float(m, v, bits, code == 0xca);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return set_unsigned(m, v, bits);
    case 0xd0:
        return set_signed(v, (int8_t)bits);
    case 0xd1:
        return set_signed(v, (int16_t)bits);
    case 0xd2:
        return set_signed(v, (int32_t)bits);
    case 0xd3:
        return set_signed(v, (int64_t)bits);
    case 0xd9:
    case 0xda:
    case 0xdb:
        return set_str(m, v, (size_t)bits);
    case 0xdc:
    case 0xdd:
        return set_list(m, v, bits);
    case 0xde:
    case 0xdf:
        return set_map(m, v, bits);
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return fault(m, "bin values are not part of the wire; send text as str");
    case 0xc1:
        return fault(m, "byte 0xc1 is no msgpack");
    default:
        return fault(m, "ext values are not part of the wire");
    }
}

bool mp_head(struct mp *m, struct view *v)
{
    if (m->p >= m->end)
        return fault(m, "the frame ends inside a value");
    uint8_t code = *m->p++;
    if (code < 0x80) {
        v->type = VIEW_INT;
        v->number = code;
        return true;
    }
    if (code < 0x90)
        return set_map(m, v, code & 15);
    if (code < 0xa0)
        return set_list(m, v, code & 15);
    if (code < 0xc0)
        return set_str(m, v, code & 31);
    if (code < 0xe0)
        return wide_head(m, v, code);
    return set_signed(v, (int8_t)code);
}

bool mp_key(struct mp *m, struct str *key)
{
    struct view v = {0};
    if (!mp_head(m, &v))
        return false;
    if (v.type != VIEW_STR)
        return fault(m, "a map has a key that is not a string");
    *key = v.text;
    return true;
}

/* ---- repeated keys ---- */

static struct str key_text(const struct mp *m, uint32_t key_at)
{
    struct mp at = *m;
    struct view v = {0};
    at.p = m->base + key_at;
    (void)mp_head(&at, &v); /* was valid when it entered the set */
    return v.text;
}

/* The slot depends on where the frame happens to lie, so that nobody can prepare keys that meet. */
static uint32_t key_place(const struct mp *m, struct str key, uint32_t map_at)
{
    uint64_t salt = hash_mix((uint64_t)(uintptr_t)m->base + map_at);
    return (uint32_t)hash_mix(hash64(key.p, key.n) ^ salt) & (m->keys.cap - 1);
}

static bool key_grow(struct mp *m)
{
    struct key_set old = m->keys;
    uint32_t cap = old.cap == 0 ? 64 : old.cap * 2;
    struct key_slot *slot = calloc(cap, sizeof *slot);
    if (slot == NULL) {
        m->no_memory = true;
        return fault(m, "out of memory");
    }
    m->keys = (struct key_set){slot, cap, old.n};
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.slot[i].key_at == 0)
            continue;
        struct str key = key_text(m, old.slot[i].key_at - 1);
        uint32_t at = key_place(m, key, old.slot[i].map_at);
        while (slot[at].key_at != 0)
            at = (at + 1) & (cap - 1);
        slot[at] = old.slot[i];
    }
    free(old.slot);
    return true;
}

bool mp_key_new(struct mp *m, uint32_t key_at, uint32_t map_at)
{
    if (m->keys.n >= m->keys.cap / 2 && !key_grow(m))
        return false;
    struct str key = key_text(m, key_at);
    uint32_t at = key_place(m, key, map_at);
    for (; m->keys.slot[at].key_at != 0; at = (at + 1) & (m->keys.cap - 1)) {
        const struct key_slot *s = &m->keys.slot[at];
        if (s->map_at == map_at && str_eq(key_text(m, s->key_at - 1), key))
            return fault(m, "a map has the same key twice");
    }
    m->keys.slot[at] = (struct key_slot){key_at + 1, map_at};
    m->keys.n++;
    return true;
}

/* ---- whole values ---- */

static uint32_t offset(const struct mp *m)
{
    return (uint32_t)(m->p - m->base);
}

bool mp_descend(struct mp *m, const struct view *v, uint32_t depth)
{
    struct {
        uint32_t left;   /* items or pairs to come */
        uint32_t map_at; /* 0: a list */
    } level[DEPTH_CAP];
    uint32_t top = 0;
    if (depth > m->depth_max)
        return fault(m, "nested too deep");
    level[0].left = v->n;
    level[0].map_at = v->type == VIEW_MAP ? offset(m) : 0;
    for (;;) {
        while (level[top].left == 0) {
            if (top-- == 0)
                return true;
        }
        level[top].left--;
        struct view item = {0};
        struct str key;
        uint32_t key_at = offset(m);
        if (level[top].map_at != 0 &&
            !(mp_key(m, &key) && mp_key_new(m, key_at, level[top].map_at)))
            return false;
        if (!mp_head(m, &item))
            return false;
        if (item.type != VIEW_LIST && item.type != VIEW_MAP)
            continue;
        if (depth + top + 1 > m->depth_max)
            return fault(m, "nested too deep");
        top++;
        level[top].left = item.n;
        level[top].map_at = item.type == VIEW_MAP ? offset(m) : 0;
    }
}

bool mp_value(struct mp *m, struct view *v, uint32_t depth)
{
    if (!mp_head(m, v))
        return false;
    if (v->type != VIEW_LIST && v->type != VIEW_MAP)
        return true;
    return mp_descend(m, v, depth + 1);
}

/* Few keys are compared with each other, and only those that share a bit of `seen`. */
#define PAIRS_COMPARED_MAX 24

static bool keys_differ(struct mp *m, const struct pair *pairs, uint32_t n)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct str k = pairs[i].key;
        unsigned mark = (unsigned)k.n * 7;
        if (k.n != 0)
            mark += (unsigned char)k.p[0] + 3u * (unsigned char)k.p[k.n - 1];
        uint64_t bit = UINT64_C(1) << (mark & 63);
        for (uint32_t j = 0; (seen & bit) != 0 && j < i; j++) {
            if (str_eq(pairs[j].key, k))
                return fault(m, "a map has the same key twice");
        }
        seen |= bit;
    }
    return true;
}

bool mp_pairs(struct mp *m, uint32_t n, uint32_t depth, struct pair *to)
{
    uint32_t map_at = offset(m);
    if (depth > m->depth_max)
        return fault(m, "nested too deep");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t key_at = offset(m);
        if (!mp_key(m, &to[i].key))
            return false;
        if (n > PAIRS_COMPARED_MAX && !mp_key_new(m, key_at, map_at))
            return false;
        to[i].value = (struct view){0};
        if (!mp_value(m, &to[i].value, depth))
            return false;
    }
    return n > PAIRS_COMPARED_MAX || keys_differ(m, to, n);
}

bool mp_skip_blindly(struct mp *m)
{
    for (uint64_t values = 1; values > 0; values--) {
        if (m->p >= m->end)
            return false;
        uint8_t code = *m->p++;
        uint64_t bytes = 0;
        if (code >= 0x80 && code < 0x90) {
            values += 2 * (uint64_t)(code & 15);
        } else if (code >= 0x90 && code < 0xa0) {
            values += code & 15;
        } else if (code >= 0xa0 && code < 0xc0) {
            bytes = code & 31;
        } else if (code == 0xc1) {
            return false;
        } else if (code >= 0xc0 && code < 0xe0) {
            bool bin = code >= 0xc4 && code <= 0xc6;
            bool ext = code >= 0xc7 && code <= 0xc9;
            bool fixext = code >= 0xd4 && code <= 0xd8;
            unsigned n = bin   ? 1u << (code - 0xc4)
                         : ext ? 1u << (code - 0xc7)
                               : follow[code - 0xc0];
            if (n > left(m))
                return false;
            uint64_t bits = take_be(m, n);
            if (bin || (code >= 0xd9 && code <= 0xdb))
                bytes = bits;
            else if (ext)
                bytes = bits + 1;
            else if (fixext)
                bytes = 1 + (UINT64_C(1) << (code - 0xd4));
            else if (code == 0xdc || code == 0xdd)
                values += bits;
            else if (code == 0xde || code == 0xdf)
                values += 2 * bits;
        }
        if (bytes > left(m) || values > left(m) + 1)
            return false;
        m->p += bytes;
    }
    return true;
}
