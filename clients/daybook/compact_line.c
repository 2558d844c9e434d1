/* Compact events are read by event.def's own order of fields. Decoding to struct event and writing
 * that would lose record ids: of those the decoder keeps the hash only. */
#include "clients/daybook/compact_line.h"

#include "schemas/event.h"
#include "schemas/out.h"

enum { FIELDS_MAX = 16, HEAD_N = 4 };

struct field {
    enum event_group group;
    const char *name;
    enum { IS_UINT, IS_METHOD, IS_OBJECT, IS_RECORD, IS_OTHER } type;
};

#define IS_STRING   IS_OTHER
#define IS_WAY      IS_OTHER
#define IS_STRINGS  IS_OTHER
#define IS_UINTS    IS_OTHER
#define IS_BOOL     IS_OTHER
#define IS_APP_KIND IS_OTHER

static const struct field fields[] = {
#define FIELD(group, id, name, type, required, min, max, text) {GROUP_##group, name, IS_##type},
#include "schemas/event.def"
};

static const char *const methods[METHOD_N] = {"",      "GET",    "HEAD",    "POST",  "PUT",
                                              "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};

/* An integer or nil. */
struct item {
    bool nil;
    uint64_t v;
};

static struct item read_item(struct reader *r)
{
    uint8_t c = read_u8(r);
    if (c < 0x80)
        return (struct item){.v = c};
    if (c >= 0xcc && c <= 0xcf)
        return (struct item){.v = read_be(r, 1u << (c - 0xcc))};
    r->bad = r->bad || c != 0xc0;
    return (struct item){.nil = true};
}

static uint32_t read_array(struct reader *r)
{
    uint8_t c = read_u8(r);
    if ((c & 0xf0) == 0x90)
        return c & 0x0f;
    if (c == 0xdc)
        return (uint32_t)read_be(r, 2);
    if (c == 0xdd)
        return (uint32_t)read_be(r, 4);
    r->bad = true;
    return 0;
}

static bool put_field(struct out *o, const struct field *f, uint64_t v)
{
    char text[32];
    switch (f->type) {
    case IS_UINT:
    case IS_RECORD:
        out_pair_u64(o, f->name, v);
        return true;
    case IS_METHOD:
        if (v == METHOD_NONE || v >= METHOD_N)
            return false;
        out_pair_z(o, f->name, methods[v]);
        return true;
    case IS_OBJECT:
        text_fmt(text, sizeof text, "0-%llu", (unsigned long long)v);
        out_pair_z(o, f->name, text);
        return true;
    case IS_OTHER:
        break;
    }
    return false;
}

/* The k-th field of a group; NULL when it has no more. */
static const struct field *field_at(enum event_group group, uint32_t k)
{
    for (size_t i = 0; i < N_OF(fields); i++)
        if (fields[i].group == group && k-- == 0)
            return &fields[i];
    return NULL;
}

static bool put_event(struct reader *r, struct buf *to)
{
    static const char *const head[HEAD_N] = {"type", "account", "app", "time"};
    struct item item[FIELDS_MAX];
    uint32_t n = read_array(r);
    uint32_t pairs = 0;
    if (n < HEAD_N || n > FIELDS_MAX)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        item[i] = read_item(r);
        pairs += !item[i].nil;
    }
    const char *type =
        item[0].nil || item[0].v >= EV_KIND_MAX ? NULL : event_type_name((unsigned)item[0].v);
    if (r->bad || type == NULL)
        return false;
    struct out o = out_to(ENCODING_JSON, to);
    out_map(&o, pairs);
    out_pair_z(&o, head[0], type);
    for (uint32_t i = 1; i < HEAD_N; i++)
        out_pair_u64(&o, head[i], item[i].v);
    for (uint32_t i = HEAD_N; i < n; i++) {
        const struct field *f = field_at(event_group((unsigned)item[0].v), i - HEAD_N);
        if (!item[i].nil && (f == NULL || !put_field(&o, f, item[i].v)))
            return false;
    }
    out_end(&o);
    buf_u8(to, '\n');
    return true;
}

bool compact_lines(const uint8_t *frame, size_t n, struct buf *to)
{
    struct reader r = reader_of(frame, n);
    uint32_t events = read_array(&r);
    for (uint32_t i = 0; i < events; i++)
        if (!put_event(&r, to))
            return false;
    return !r.bad && reader_left(&r) == 0;
}
