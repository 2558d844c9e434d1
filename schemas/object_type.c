/* Object types as integers: the standard ids and names of HubSpot's CRM, custom ids, and any other
 * name by its hash. The table below only adds names: an id that it lacks is as good as one it has.
 */
#include "schemas/event.h"

#define CLASS_STANDARD        0
#define CLASS_CUSTOM          1
#define CLASS_NAMED           2

#define OBJECT_TYPE_BYTES_MAX 64

static const struct {
    uint16_t id; /* n of "0-n" */
    struct str name;
} aliases[] = {
#define ALIAS(id, text)                                                                            \
    {                                                                                              \
        id,                                                                                        \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }
    ALIAS(1, "contacts"),       ALIAS(2, "companies"),
    ALIAS(3, "deals"),          ALIAS(5, "tickets"),
    ALIAS(7, "products"),       ALIAS(8, "line_items"),
    ALIAS(14, "quotes"),        ALIAS(18, "communications"),
    ALIAS(19, "feedback"),      ALIAS(27, "tasks"),
    ALIAS(46, "notes"),         ALIAS(47, "meetings"),
    ALIAS(48, "calls"),         ALIAS(49, "emails"),
    ALIAS(53, "invoices"),      ALIAS(54, "marketing_events"),
    ALIAS(69, "subscriptions"), ALIAS(74, "goals"),
    ALIAS(84, "discounts"),     ALIAS(85, "fees"),
    ALIAS(86, "taxes"),         ALIAS(101, "payments"),
    ALIAS(115, "users"),        ALIAS(116, "postal_mail"),
    ALIAS(123, "orders"),       ALIAS(136, "leads"),
    ALIAS(142, "carts"),        ALIAS(162, "services"),
    ALIAS(410, "courses"),      ALIAS(420, "listings"),
    ALIAS(421, "appointments"), ALIAS(970, "projects"),
#undef ALIAS
};

struct str object_type_text(object_type_id id, struct str name, char buf[static 32])
{
    uint64_t value = id >> 2;
    unsigned class = (unsigned)(id & 3);
    if (class == CLASS_NAMED && name.n != 0)
        return name;
    for (size_t i = 0; class == CLASS_STANDARD && i < N_OF(aliases); i++) {
        if (aliases[i].id == value)
            return aliases[i].name;
    }
    size_t n;
    if (class == CLASS_NAMED)
        n = text_fmt(buf, 32, "#%llx", (unsigned long long)value);
    else
        n = text_fmt(buf, 32, "%c-%llu", class == CLASS_CUSTOM ? '2' : '0',
                     (unsigned long long)value);
    return (struct str){buf, n};
}

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return text_is_utf8(s.p, s.n);
}

enum status object_type_parse(struct str s, object_type_id *out)
{
    if (s.n == 0 || s.n > OBJECT_TYPE_BYTES_MAX)
        return ST_INVALID;
    if (s.n > 2 && s.p[1] == '-' && (s.p[0] == '0' || s.p[0] == '2')) {
        uint64_t value;
        if (text_u64((struct str){s.p + 2, s.n - 2}, &value) == ST_OK && value <= WIRE_INT_MAX) {
            *out = value << 2 | (s.p[0] == '2' ? CLASS_CUSTOM : CLASS_STANDARD);
            return ST_OK;
        }
    }
    for (size_t i = 0; i < N_OF(aliases); i++) {
        if (aliases[i].name.n == s.n && memcmp(aliases[i].name.p, s.p, s.n) == 0) {
            *out = (object_type_id)aliases[i].id << 2 | CLASS_STANDARD;
            return ST_OK;
        }
    }
    if (!printable(s))
        return ST_INVALID;
    *out = (hash64(s.p, s.n) & ((UINT64_C(1) << 59) - 1)) << 2 | CLASS_NAMED;
    return ST_OK;
}
