/* Structure-aware: the bytes choose a kind and a value for each of its fields, so that most inputs
 * are events. The event is written as a JSON map, as a msgpack map and in the compact form, and all
 * three must come out as the same verdict and the same struct. */
#include <stdarg.h>
#include <stdio.h>

#include "schemas/field.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/schemas/frame_help.h"

/* The input, read as choices. */
struct choices {
    const uint8_t *p;
    size_t left;
};

static unsigned choose(struct choices *c, unsigned n)
{
    if (c->left == 0)
        return 0;
    c->left--;
    return *c->p++ % n;
}

static void put(struct buf *to, const char *text)
{
    buf_put(to, text, strlen(text));
}

static void put_number(struct buf *to, struct choices *c)
{
    static const char *const edges[] = {"0",
                                        "1",
                                        "99",
                                        "100",
                                        "599",
                                        "600",
                                        "1000000000",
                                        "1000000001",
                                        "86400000",
                                        "86400001",
                                        "9007199254740991",
                                        "9007199254740992",
                                        "9223372036854775807",
                                        "-1",
                                        "-0",
                                        "1763891842401"};
    char text[32];
    unsigned which = choose(c, 24);
    if (which < N_OF(edges)) {
        put(to, edges[which]);
        return;
    }
    uint64_t n = 0;
    for (unsigned i = 0; i < which - N_OF(edges); i++)
        n = n << 8 | choose(c, 256);
    text_fmt(text, sizeof text, "%llu", (unsigned long long)(n & INT64_MAX));
    put(to, text);
}

static void put_string(struct buf *to, struct choices *c)
{
    static const char *const words[] = {"",
                                        "x",
                                        "7",
                                        "07",
                                        "contacts",
                                        "0-1",
                                        "2-9",
                                        "0-01",
                                        "GET",
                                        "POST",
                                        "get",
                                        "sent",
                                        "received",
                                        "private",
                                        "built-in",
                                        "\\u00e9",
                                        "\\\\\\\"",
                                        "\\u0001",
                                        "9007199254740991",
                                        "9007199254740992",
                                        "2025-11-23T09:57:22.401Z",
                                        "2025-11-23T09:57:22+05:45",
                                        "1969-12-31T23:59:59Z"};
    unsigned which = choose(c, N_OF(words) + 4);
    buf_u8(to, '"');
    if (which < N_OF(words)) {
        put(to, words[which]);
    } else {
        static const unsigned lengths[] = {32, 64, 65, 256};
        unsigned n = lengths[which - N_OF(words)] + choose(c, 2);
        for (unsigned i = 0; i < n; i++)
            buf_u8(to, 'y');
    }
    buf_u8(to, '"');
}

static void put_value(struct buf *to, struct choices *c, unsigned depth)
{
    unsigned n;
    switch (choose(c, depth < 4 ? 9 : 7)) {
    case 0:
    case 1:
        put_number(to, c);
        break;
    case 2:
    case 3:
        put_string(to, c);
        break;
    case 4:
        put(to, choose(c, 2) ? "true" : "false");
        break;
    case 5:
        put(to, "null");
        break;
    case 6:
        put(to, choose(c, 2) ? "1.5" : "1e300");
        break;
    case 7:
        n = choose(c, 5);
        buf_u8(to, '[');
        for (unsigned i = 0; i < n; i++) {
            put(to, i == 0 ? "" : ",");
            put_value(to, c, depth + 1);
        }
        buf_u8(to, ']');
        break;
    default:
        put(to, "{\"k\":");
        put_value(to, c, depth + 1);
        put(to, "}");
        break;
    }
}

/* What the field wants, most of the time. */
static void put_wanted(struct buf *to, struct choices *c, enum field_type type)
{
    unsigned n;
    if (choose(c, 8) == 0) {
        put_value(to, c, 0);
        return;
    }
    switch (type) {
    case FT_UINT:
        put_number(to, c);
        break;
    case FT_BOOL:
        put(to, "true");
        break;
    case FT_METHOD:
        put(to, "\"DELETE\"");
        break;
    case FT_STRINGS:
    case FT_UINTS:
        n = choose(c, 4);
        buf_u8(to, '[');
        for (unsigned i = 0; i < n; i++) {
            put(to, i == 0 ? "" : ",");
            put_wanted(to, c, type == FT_UINTS ? FT_UINT : FT_STRING);
        }
        buf_u8(to, ']');
        break;
    case FT_STRING:
    case FT_OBJECT:
    case FT_RECORD:
    case FT_WAY:
    case FT_APP_KIND:
    case FT_N:
        put_string(to, c);
        break;
    }
}

/* A value of one field as text, into both forms. Integers that only the compact form knows are
 * made strings. */
static void put_both(struct buf *map, struct buf *compact, struct str key, const struct buf *value,
                     enum field_type type)
{
    bool number =
        value->n > 0 && ((value->p[0] >= '0' && value->p[0] <= '9') || value->p[0] == '-');
    const char *quote = number && (type == FT_METHOD || type == FT_OBJECT) ? "\"" : "";
    put(map, ",\"");
    buf_put(map, key.p, key.n);
    put(map, "\":");
    put(map, quote);
    buf_put(map, value->p, value->n);
    put(map, quote);
    put(compact, ",");
    put(compact, quote);
    buf_put(compact, value->p, value->n);
    put(compact, quote);
}

static void put_event(struct choices *c, struct buf *map, struct buf *compact)
{
    static const char *const head[] = {"account", "app", "time"};
    struct buf value = buf_of(1 << 16);
    unsigned kind = choose(c, EV_KIND_MAX);
    char text[80];
    while (event_type_name(kind) == NULL)
        kind = (kind + 1) % EV_KIND_MAX;
    struct field_slots slots = field_slots_of(event_group(kind));
    text_fmt(text, sizeof text, "{\"type\":\"%s\"", event_type_name(kind));
    put(map, text);
    text_fmt(text, sizeof text, "[%u", kind);
    put(compact, text);
    for (unsigned i = 0; i < 3 + slots.n; i++) {
        const struct field_row *row = i < 3 ? NULL : &field_rows[slots.field[i - 3]];
        enum field_type type = row == NULL ? FT_UINT : row->type;
        buf_reset(&value);
        if (row == NULL || row->required || choose(c, 2))
            put_wanted(&value, c, type);
        else
            put(&value, "null");
        put_both(map, compact, row == NULL ? str_of(head[i]) : row->key, &value, type);
    }
    buf_u8(map, '}');
    buf_u8(compact, ']');
    buf_fini(&value);
}

/* Kept between inputs: making and freeing them would be most of the work. */
struct memory {
    struct help_twins map, compact;
    struct buf map_text, compact_text;
};

static struct memory *memory(void)
{
    static struct memory m;
    m.map_text.cap_max = 1 << 18;
    m.compact_text.cap_max = 1 << 18;
    buf_reset(&m.map_text);
    buf_reset(&m.compact_text);
    return &m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct choices c = {data, n < 4096 ? n : 4096};
    struct memory *m = memory();
    unsigned events = 1 + choose(&c, 4);
    for (unsigned i = 0; i < events; i++) {
        buf_u8(&m->map_text, i == 0 ? '[' : ',');
        buf_u8(&m->compact_text, i == 0 ? '[' : ',');
        put_event(&c, &m->map_text, &m->compact_text);
    }
    put(&m->map_text, "]");
    put(&m->compact_text, "]");
    CHECK(!m->map_text.bad && !m->compact_text.bad);
    struct str s = {(const char *)m->map_text.p, m->map_text.n};
    CHECK(help_twins_decode(&m->map, s, &frame_limits_default) == NULL);
    help_batch_check(&m->map.json);
    help_batch_check(&m->map.msgpack);
    s = (struct str){(const char *)m->compact_text.p, m->compact_text.n};
    (void)help_twins_decode(&m->compact, s, &frame_limits_default); /* JSON has no compact form */
    CHECK(help_batch_differs(&m->map.msgpack, &m->compact.msgpack) == NULL);
    return 0;
}
