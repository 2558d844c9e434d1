/* Two tokenizers with one face. Texts are copied into a side buffer that was made large enough at
 * the start, because JSON escapes shrink and every text gets a NUL after it. */
#include "clients/publish/item.h"

static struct item bad(struct items *it)
{
    it->r.bad = true;
    return (struct item){.type = ITEM_BAD};
}

bool items_start(struct items *it, const void *bytes, size_t n, struct buf *text)
{
    *it = (struct items){.r = reader_of(bytes, n), .text = text};
    it->json = n > 0 && (*it->r.p == '{' || *it->r.p == '[' || *it->r.p == ' ');
    buf_reset(text);
    /* A text of k bytes takes at least k + 1 bytes of input in either encoding. */
    return buf_room(text, n + 1);
}

static struct item text_item(struct items *it, size_t start)
{
    size_t n = it->text->n - start;
    buf_u8(it->text, 0);
    if (it->text->bad)
        return bad(it);
    return (struct item){.type = ITEM_TEXT, .text = (const char *)it->text->p + start, .text_n = n};
}

static struct item open_level(struct items *it, enum item_type type, uint64_t n)
{
    if (it->depth == ITEM_DEPTH_MAX || n > reader_left(&it->r))
        return bad(it);
    it->left[it->depth++] = type == ITEM_MAP ? 2 * n : n;
    return (struct item){.type = type};
}

/* ---- msgpack ---- */

static struct item pack_text(struct items *it, uint64_t n)
{
    const uint8_t *p = n <= SIZE_MAX ? read_span(&it->r, (size_t)n) : NULL;
    if (p == NULL)
        return bad(it);
    size_t start = it->text->n;
    buf_put(it->text, p, (size_t)n);
    return text_item(it, start);
}

static struct item pack_other(struct items *it, uint64_t n)
{
    if (n > SIZE_MAX || read_span(&it->r, (size_t)n) == NULL)
        return bad(it);
    return (struct item){.type = ITEM_OTHER};
}

static struct item pack_signed(struct items *it, unsigned bytes_n)
{
    uint64_t v = read_be(&it->r, bytes_n);
    bool negative = v >> (8 * bytes_n - 1) != 0;
    return (struct item){.type = negative ? ITEM_OTHER : ITEM_INT, .number = v};
}

/* Tags c0..df. */
static struct item pack_tagged(struct items *it, uint8_t tag)
{
    struct reader *r = &it->r;
    switch (tag) {
    case 0xc0:
        return (struct item){.type = ITEM_NULL};
    case 0xc2:
    case 0xc3:
        return (struct item){.type = ITEM_BOOL, .number = tag & 1};
    case 0xc4:
    case 0xc5:
    case 0xc6: /* bin 8, 16, 32 */
        return pack_other(it, read_be(r, 1u << (tag - 0xc4)));
    case 0xca:
    case 0xcb: /* float 32, 64 */
        return pack_other(it, tag == 0xca ? 4 : 8);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: /* uint 8..64 */
        return (struct item){.type = ITEM_INT, .number = read_be(r, 1u << (tag - 0xcc))};
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: /* int 8..64 */
        return pack_signed(it, 1u << (tag - 0xd0));
    case 0xd9:
    case 0xda:
    case 0xdb: /* str 8, 16, 32 */
        return pack_text(it, read_be(r, 1u << (tag - 0xd9)));
    case 0xdc:
    case 0xdd: /* array 16, 32 */
        return open_level(it, ITEM_ARRAY, read_be(r, tag == 0xdc ? 2 : 4));
    case 0xde:
    case 0xdf: /* map 16, 32 */
        return open_level(it, ITEM_MAP, read_be(r, tag == 0xde ? 2 : 4));
    default: /* ext and the unused c1 */
        return bad(it);
    }
}

static struct item pack_next(struct items *it)
{
    if (it->depth > 0 && it->left[it->depth - 1] == 0) {
        it->depth--;
        return (struct item){.type = ITEM_END};
    }
    if (it->depth > 0)
        it->left[it->depth - 1]--;
    uint8_t tag = read_u8(&it->r);
    if (it->r.bad)
        return bad(it);
    if (tag < 0x80)
        return (struct item){.type = ITEM_INT, .number = tag};
    if (tag < 0x90)
        return open_level(it, ITEM_MAP, tag & 0x0f);
    if (tag < 0xa0)
        return open_level(it, ITEM_ARRAY, tag & 0x0f);
    if (tag < 0xc0)
        return pack_text(it, tag & 0x1f);
    return tag >= 0xe0 ? (struct item){.type = ITEM_OTHER} : pack_tagged(it, tag);
}

/* ---- JSON ---- */

static bool hex4(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = read_u8(r);
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

static void put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_u8(b, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buf_u8(b, (uint8_t)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_u8(b, (uint8_t)(0xe0 | c >> 12));
        } else {
            buf_u8(b, (uint8_t)(0xf0 | c >> 18));
            buf_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
}

/* What follows \u: one unit, or a surrogate pair. */
static bool json_unicode(struct items *it)
{
    uint32_t c, low;
    if (!hex4(&it->r, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (read_u8(&it->r) != '\\' || read_u8(&it->r) != 'u' || !hex4(&it->r, &low) ||
            low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(it->text, c);
    return true;
}

static bool json_escape(struct items *it)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint8_t c = read_u8(&it->r);
    if (c == 'u')
        return json_unicode(it);
    const char *at = c != 0 ? strchr(from, c) : NULL;
    if (at == NULL)
        return false;
    buf_u8(it->text, (uint8_t)to[at - from]);
    return true;
}

static struct item json_text(struct items *it)
{
    size_t start = it->text->n;
    for (;;) {
        uint8_t c = read_u8(&it->r);
        if (it->r.bad || c < 0x20)
            return bad(it);
        if (c == '"')
            return text_item(it, start);
        if (c != '\\')
            buf_u8(it->text, c);
        else if (!json_escape(it))
            return bad(it);
    }
}

/* Digits become an INT; what is not a plain integer is read over. */
static struct item json_number(struct items *it, uint8_t c)
{
    bool plain = c != '-';
    uint64_t v = plain ? c - '0' : 0;
    while (reader_left(&it->r) > 0 && strchr("0123456789+-.eE", *it->r.p) != NULL && *it->r.p) {
        c = *it->r.p++;
        plain = plain && c >= '0' && c <= '9' && v <= (UINT64_MAX - 9) / 10;
        v = plain ? v * 10 + (uint64_t)(c - '0') : 0;
    }
    return (struct item){.type = plain ? ITEM_INT : ITEM_OTHER, .number = v};
}

static struct item json_word(struct items *it, const char *rest, struct item value)
{
    const uint8_t *p = read_span(&it->r, strlen(rest));
    return p != NULL && memcmp(p, rest, strlen(rest)) == 0 ? value : bad(it);
}

static struct item json_next(struct items *it)
{
    uint8_t c;
    do {
        c = read_u8(&it->r);
    } while (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':');
    if (c == '{' || c == '[')
        return open_level(it, c == '{' ? ITEM_MAP : ITEM_ARRAY, 0);
    if ((c == '}' || c == ']') && it->depth > 0) {
        it->depth--;
        return (struct item){.type = ITEM_END};
    }
    if (c == '"')
        return json_text(it);
    if (c == '-' || (c >= '0' && c <= '9'))
        return json_number(it, c);
    if (c == 't')
        return json_word(it, "rue", (struct item){.type = ITEM_BOOL, .number = 1});
    if (c == 'f')
        return json_word(it, "alse", (struct item){.type = ITEM_BOOL});
    if (c == 'n')
        return json_word(it, "ull", (struct item){.type = ITEM_NULL});
    return bad(it);
}

struct item items_next(struct items *it)
{
    if (it->r.bad)
        return (struct item){.type = ITEM_BAD};
    if (it->started && it->depth == 0)
        return (struct item){.type = ITEM_DONE};
    it->started = true;
    return it->json ? json_next(it) : pack_next(it);
}

void items_skip(struct items *it)
{
    uint32_t depth = it->depth;
    enum item_type type;
    do {
        type = items_next(it).type;
    } while (it->depth > depth && type != ITEM_BAD);
}
