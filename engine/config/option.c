/* The table and its types. Each type is one reader and one writer that agree with each other: what
 * option_format writes, option_set reads back to the same value (tested for every option). */
#include "engine/config/option.h"

#include "engine/base/check.h"
#include "engine/config/listen.h"

#define NEAR_MAX   3u /* edits up to which a name is taken for a slip */

#define WHEN_LIVE  true
#define WHEN_START false

static const struct option rows[] = {
#define O(type_, name_, unit_, min_, max_, def_, when_, help_)                                     \
    {.name = #name_,                                                                               \
     .unit = (unit_),                                                                              \
     .def = (def_),                                                                                \
     .help = (help_),                                                                              \
     .type = OPTION_##type_,                                                                       \
     .live = WHEN_##when_,                                                                         \
     .min = (min_),                                                                                \
     .max = UINT64_C(max_),                                                                        \
     .offset = (uint32_t)offsetof(struct config, name_)},
#include "engine/config/option.def"
#undef O
};
STATIC_CHECK(N_OF(rows) == OPTION_N);

/* Suffixes of numbers with a unit, by falling size: the first one that divides a value shows it. */
static const struct suffix {
    const char *unit;
    const char *text;
    uint64_t factor;
} suffixes[] = {
    {"bytes", "TiB", UINT64_C(1) << 40},
    {"bytes", "GiB", UINT64_C(1) << 30},
    {"bytes", "MiB", UINT64_C(1) << 20},
    {"bytes", "KiB", UINT64_C(1) << 10},
    {"ms", "h", 3600000},
    {"ms", "min", 60000},
    {"ms", "s", 1000},
    {"ms", "ms", 1},
    {"hours", "h", 1},
    {"days", "d", 1},
};

const struct option *option_row(enum option_id id)
{
    CHECK((unsigned)id < OPTION_N);
    return &rows[id];
}

static void *field(struct config *c, enum option_id id)
{
    return (char *)c + option_row(id)->offset;
}

static const void *field_of(const struct config *c, enum option_id id)
{
    return (const char *)c + option_row(id)->offset;
}

/* Names are compared with '-' read as '_': flags have dashes, files underscores. */
static struct str with_underscores(struct str name, char *buf, size_t cap)
{
    size_t n = name.n < cap ? name.n : cap;
    for (size_t i = 0; i < n; i++)
        buf[i] = name.p[i] == '-' ? '_' : name.p[i];
    return (struct str){buf, n};
}

enum option_id option_find(struct str name)
{
    char buf[64];
    if (name.n > sizeof(buf))
        return OPTION_N;
    struct str plain = with_underscores(name, buf, sizeof(buf));
    for (unsigned i = 0; i < OPTION_N; i++) {
        if (str_eq(plain, str_of(rows[i].name)))
            return (enum option_id)i;
    }
    return OPTION_N;
}

const char *option_nearest(struct str name)
{
    char buf[64];
    struct str plain = with_underscores(name, buf, sizeof(buf));
    const char *nearest = NULL;
    unsigned best = NEAR_MAX + 1;
    for (unsigned i = 0; i < OPTION_N; i++) {
        unsigned d = text_distance(plain, str_of(rows[i].name));
        if (d < best) {
            best = d;
            nearest = rows[i].name;
        }
    }
    return nearest;
}

static enum status refuse(enum option_id id, const char *what, char *why, size_t why_cap)
{
    char allowed[256];
    option_allowed(id, allowed, sizeof(allowed));
    text_fmt(why, why_cap, "%s; allowed: %s", what, allowed);
    return ST_INVALID;
}

/* Digits and, for a unit, one of its suffixes ("64KiB", "64 KiB"). ST_LIMIT: beyond 64 bits. */
static enum status number_parse(struct str s, const char *unit, uint64_t *out)
{
    size_t digits = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    struct str rest = {s.p + digits, s.n - digits};
    if (rest.n > 1 && rest.p[0] == ' ')
        rest = (struct str){rest.p + 1, rest.n - 1};
    uint64_t factor = rest.n == 0 ? 1 : 0;
    for (size_t i = 0; i < N_OF(suffixes); i++) {
        if (strcmp(suffixes[i].unit, unit) == 0 && str_eq(rest, str_of(suffixes[i].text)))
            factor = suffixes[i].factor;
    }
    uint64_t v;
    if (factor == 0 || digits == 0)
        return ST_INVALID;
    if (text_u64((struct str){s.p, digits}, &v) != ST_OK)
        return s.p[0] == '0' ? ST_INVALID : ST_LIMIT;
    if (__builtin_mul_overflow(v, factor, &v))
        return ST_LIMIT;
    *out = v;
    return ST_OK;
}

static enum status set_uint(void *at, enum option_id id, struct str s, char *why, size_t why_cap)
{
    const struct option *o = option_row(id);
    uint64_t v;
    enum status st = number_parse(s, o->unit, &v);
    if (st == ST_INVALID)
        return refuse(id, "not a number", why, why_cap);
    if (st != ST_OK || v < o->min || v > o->max)
        return refuse(id, "out of range", why, why_cap);
    *(uint64_t *)at = v;
    return ST_OK;
}

static enum status set_bool(void *at, enum option_id id, struct str s, char *why, size_t why_cap)
{
    bool yes = str_eq(s, STR("true"));
    if (!yes && !str_eq(s, STR("false")))
        return refuse(id, "not a truth value", why, why_cap);
    *(bool *)at = yes;
    return ST_OK;
}

static enum status set_day(void *at, enum option_id id, struct str s, char *why, size_t why_cap)
{
    int32_t day;
    if (day_parse(s, &day) != ST_OK)
        return refuse(id, "not a day", why, why_cap);
    if (day < (int64_t)option_row(id)->min || day > (int64_t)option_row(id)->max)
        return refuse(id, "out of range", why, why_cap);
    *(int32_t *)at = day;
    return ST_OK;
}

/* The word at the front of a '|' list, which is moved behind it. */
static struct str next_word(const char **list)
{
    size_t n = strcspn(*list, "|");
    struct str word = {*list, n};
    *list += n + ((*list)[n] == '|');
    return word;
}

static enum status set_choice(void *at, enum option_id id, struct str s, char *why, size_t why_cap)
{
    const char *list = option_row(id)->unit;
    for (uint32_t i = 0; *list != '\0'; i++) {
        if (str_eq(s, next_word(&list))) {
            *(uint32_t *)at = i;
            return ST_OK;
        }
    }
    return refuse(id, "unknown word", why, why_cap);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool is_url(struct str s)
{
    struct str http = STR("http://"), https = STR("https://");
    return (s.n > http.n && memcmp(s.p, http.p, http.n) == 0) ||
           (s.n > https.n && memcmp(s.p, https.p, https.n) == 0);
}

static enum status set_text(void *at, enum option_id id, struct str s, char *why, size_t why_cap)
{
    const struct option *o = option_row(id);
    if (!text_is_utf8(s.p, s.n) || has_control(s))
        return refuse(id, "not plain UTF-8 text", why, why_cap);
    if (s.n < o->min || s.n > o->max)
        return refuse(id, s.n < o->min ? "too short" : "too long", why, why_cap);
    bool off = s.n == 0;
    if (o->type == OPTION_SOCKET && !off && listen_socket(s) == LISTEN_BAD)
        return refuse(id, "not an endpoint", why, why_cap);
    if (o->type == OPTION_ADDRESS && !off && listen_address(s) == LISTEN_BAD)
        return refuse(id, "not an address", why, why_cap);
    if (o->type == OPTION_URL && !off && !is_url(s))
        return refuse(id, "not a URL", why, why_cap);
    char *z = at;
    memcpy(z, s.p, s.n);
    memset(z + s.n, 0, CONFIG_TEXT_MAX + 1 - s.n);
    return ST_OK;
}

enum status option_set(struct config *c, enum option_id id, struct str s, char *why, size_t why_cap)
{
    static enum status (*const set[])(void *, enum option_id, struct str, char *, size_t) = {
        [OPTION_UINT] = set_uint,     [OPTION_BOOL] = set_bool, [OPTION_DAY] = set_day,
        [OPTION_CHOICE] = set_choice, [OPTION_TEXT] = set_text, [OPTION_SOCKET] = set_text,
        [OPTION_ADDRESS] = set_text,  [OPTION_URL] = set_text,
    };
    return set[option_row(id)->type](field(c, id), id, s, why, why_cap);
}

static void number_format(uint64_t v, const char *unit, char *buf, size_t cap)
{
    for (size_t i = 0; i < N_OF(suffixes); i++) {
        const struct suffix *s = &suffixes[i];
        if (strcmp(s->unit, unit) == 0 && v != 0 && v % s->factor == 0) {
            text_fmt(buf, cap, "%llu%s", (unsigned long long)(v / s->factor), s->text);
            return;
        }
    }
    text_fmt(buf, cap, "%llu", (unsigned long long)v);
}

void option_format(const struct config *c, enum option_id id, char *buf, size_t cap)
{
    const struct option *o = option_row(id);
    const void *at = field_of(c, id);
    char day[11];
    switch (o->type) {
    case OPTION_UINT:
        number_format(*(const uint64_t *)at, o->unit, buf, cap);
        return;
    case OPTION_BOOL:
        text_fmt(buf, cap, "%s", *(const bool *)at ? "true" : "false");
        return;
    case OPTION_DAY:
        text_fmt(buf, cap, "%s", day_format(*(const int32_t *)at, day));
        return;
    case OPTION_CHOICE: {
        const char *list = o->unit;
        struct str word = next_word(&list);
        for (uint32_t i = *(const uint32_t *)at; i > 0; i--)
            word = next_word(&list);
        text_fmt(buf, cap, "%.*s", (int)word.n, word.p);
        return;
    }
    case OPTION_TEXT:
    case OPTION_SOCKET:
    case OPTION_ADDRESS:
    case OPTION_URL:
        text_fmt(buf, cap, "%s", (const char *)at);
        return;
    }
}

static void allowed_words(const char *list, char *buf, size_t cap)
{
    size_t n = 0;
    while (*list != '\0') {
        struct str word = next_word(&list);
        n += text_fmt(buf + n, cap - n, "%s%.*s", n == 0 ? "" : ", ", (int)word.n, word.p);
    }
}

static void allowed_number(const struct option *o, char *buf, size_t cap)
{
    char min[32], max[32];
    number_format(o->min, o->unit, min, sizeof(min));
    number_format(o->max, o->unit, max, sizeof(max));
    size_t n = text_fmt(buf, cap, "%s to %s", min, max);
    if (o->unit[0] != '\0')
        text_fmt(buf + n, cap - n, " (a plain number is in %s)", o->unit);
}

void option_allowed(enum option_id id, char *buf, size_t cap)
{
    const struct option *o = option_row(id);
    char from[11], to[11];
    switch (o->type) {
    case OPTION_UINT:
        allowed_number(o, buf, cap);
        return;
    case OPTION_BOOL:
        text_fmt(buf, cap, "true, false");
        return;
    case OPTION_DAY:
        text_fmt(buf, cap, "%s to %s, as YYYY-MM-DD", day_format((int32_t)o->min, from),
                 day_format((int32_t)o->max, to));
        return;
    case OPTION_CHOICE:
        allowed_words(o->unit, buf, cap);
        return;
    case OPTION_TEXT:
        text_fmt(buf, cap, "%llu to %llu bytes of UTF-8 without control characters",
                 (unsigned long long)o->min, (unsigned long long)o->max);
        return;
    case OPTION_SOCKET:
        text_fmt(buf, cap, "tcp://HOST:PORT, ipc://PATH, or empty (not opened)");
        return;
    case OPTION_ADDRESS:
        text_fmt(buf, cap, "HOST:PORT, or empty (not opened)");
        return;
    case OPTION_URL:
        text_fmt(buf, cap, "http://... or https://..., or empty");
        return;
    }
}

static size_t field_bytes(enum option_type type)
{
    switch (type) {
    case OPTION_UINT:
        return sizeof(uint64_t);
    case OPTION_BOOL:
        return sizeof(bool);
    case OPTION_DAY:
        return sizeof(int32_t);
    case OPTION_CHOICE:
        return sizeof(uint32_t);
    case OPTION_TEXT:
    case OPTION_SOCKET:
    case OPTION_ADDRESS:
    case OPTION_URL:
        return CONFIG_TEXT_MAX + 1;
    }
    CHECK(false);
}

/* Texts are padded with zeros, so bytes decide for every type. */
bool option_same(const struct config *a, const struct config *b, enum option_id id)
{
    return memcmp(field_of(a, id), field_of(b, id), field_bytes(option_row(id)->type)) == 0;
}

void option_copy(struct config *to, const struct config *from, enum option_id id)
{
    memcpy(field(to, id), field_of(from, id), field_bytes(option_row(id)->type));
    to->origin[id] = from->origin[id];
}
