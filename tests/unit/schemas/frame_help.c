#include "tests/unit/schemas/frame_help.h"

#include <inttypes.h>

#include <jansson.h>
#include <msgpack.h>

/* ---- JSON to msgpack ---- */

static void pack_head(struct buf *to, uint8_t fix, uint32_t fix_n, uint8_t wide, size_t n)
{
    if (n < fix_n) {
        buf_u8(to, (uint8_t)(fix | n));
        return;
    }
    buf_u8(to, wide);
    buf_be(to, n, 4);
}

static void pack_str(struct buf *to, const char *p, size_t n)
{
    pack_head(to, 0xa0, 32, 0xdb, n);
    buf_put(to, p, n);
}

static void pack_int(struct buf *to, int64_t v)
{
    if (v >= 0 && v < 128) {
        buf_u8(to, (uint8_t)v);
    } else if (v >= 0 && v <= UINT16_MAX) {
        buf_u8(to, 0xcd);
        buf_be(to, (uint64_t)v, 2);
    } else {
        buf_u8(to, 0xd3);
        buf_be(to, (uint64_t)v, 8);
    }
}

static void pack_real(struct buf *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_u8(to, 0xcb);
    buf_be(to, bits, 8);
}

static void pack_value(struct buf *to, json_t *v)
{
    size_t i;
    json_t *item;
    const char *key;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        pack_head(to, 0x80, 16, 0xdf, json_object_size(v));
        json_object_foreach(v, key, item)
        {
            pack_str(to, key, strlen(key));
            pack_value(to, item);
        }
        break;
    case JSON_ARRAY:
        pack_head(to, 0x90, 16, 0xdd, json_array_size(v));
        json_array_foreach(v, i, item) pack_value(to, item);
        break;
    case JSON_STRING:
        pack_str(to, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        pack_int(to, json_integer_value(v));
        break;
    case JSON_REAL:
        pack_real(to, json_real_value(v));
        break;
    case JSON_TRUE:
        buf_u8(to, 0xc3);
        break;
    case JSON_FALSE:
        buf_u8(to, 0xc2);
        break;
    case JSON_NULL:
        buf_u8(to, 0xc0);
        break;
    }
}

bool help_msgpack_of(struct str json, struct buf *to)
{
    json_t *v = json_loadb(json.p, json.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (v == NULL)
        return false;
    pack_value(to, v);
    json_decref(v);
    return !to->bad;
}

static json_t *json_of(const msgpack_object *o)
{
    json_t *to;
    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(o->via.i64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(o->via.str.size ? o->via.str.ptr : "", o->via.str.size);
    case MSGPACK_OBJECT_ARRAY:
        to = json_array();
        for (uint32_t i = 0; i < o->via.array.size; i++)
            json_array_append_new(to, json_of(&o->via.array.ptr[i]));
        return to;
    case MSGPACK_OBJECT_MAP:
        to = json_object();
        for (uint32_t i = 0; i < o->via.map.size; i++) {
            const msgpack_object_kv *kv = &o->via.map.ptr[i];
            CHECK(kv->key.type == MSGPACK_OBJECT_STR);
            const char *key = kv->key.via.str.size ? kv->key.via.str.ptr : "";
            json_object_setn_new(to, key, kv->key.via.str.size, json_of(&kv->val));
        }
        return to;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_real(o->via.f64);
    case MSGPACK_OBJECT_BIN:
    case MSGPACK_OBJECT_EXT:
        break;
    }
    return json_string("(no part of the wire)");
}

bool help_json_of(struct str msgpack, struct buf *to)
{
    msgpack_unpacked u;
    size_t at = 0;
    msgpack_unpacked_init(&u);
    bool good = msgpack_unpack_next(&u, msgpack.p, msgpack.n, &at) == MSGPACK_UNPACK_SUCCESS &&
                at == msgpack.n;
    if (good) {
        json_t *v = json_of(&u.data);
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        buf_put(to, text, strlen(text));
        free(text);
        json_decref(v);
    }
    msgpack_unpacked_destroy(&u);
    return good && !to->bad;
}

const char *help_twins_decode(struct help_twins *t, struct str text,
                              const struct frame_limits *limits)
{
    arena_reset(&t->arena);
    if (t->packed.cap_max == 0)
        t->packed = buf_of((size_t)16 << 20);
    buf_reset(&t->packed);
    frame_decode(text.p, text.n, limits, &t->arena, &t->json);
    if (!help_msgpack_of(text, &t->packed))
        return "not JSON";
    frame_decode(t->packed.p, t->packed.n, limits, &t->arena, &t->msgpack);
    return help_batch_differs(&t->json, &t->msgpack);
}

void help_twins_fini(struct help_twins *t)
{
    arena_fini(&t->arena);
    buf_fini(&t->packed);
}

int help_twins_setup(void **state)
{
    static struct help_twins twins;
    twins = (struct help_twins){0};
    *state = &twins;
    return 0;
}

int help_twins_teardown(void **state)
{
    help_twins_fini(*state);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool help_unhex(struct str hex, struct buf *to)
{
    for (size_t i = 0; i < hex.n; i++) {
        char c = hex.p[i];
        if (c == '#') {
            while (i < hex.n && hex.p[i] != '\n')
                i++;
            continue;
        }
        if (c == ' ' || c == '\n')
            continue;
        if (i + 1 >= hex.n || hex_digit(c) < 0 || hex_digit(hex.p[i + 1]) < 0)
            return false;
        buf_u8(to, (uint8_t)(hex_digit(c) << 4 | hex_digit(hex.p[++i])));
    }
    return !to->bad;
}

/* ---- comparison ---- */

static bool same(struct str a, struct str b)
{
    return (a.p == NULL) == (b.p == NULL) && str_eq(a, b);
}

static const char *more_differs(const struct event_more *a, const struct event_more *b)
{
    if (a == NULL || b == NULL)
        return a == b ? NULL : "more";
    const struct {
        const char *name;
        struct str a, b;
    } texts[] = {
        {"id", a->id, b->id},
        {"object_name", a->object_name, b->object_name},
        {"record_text", a->record_text, b->record_text},
        {"endpoint", a->endpoint, b->endpoint},
        {"reason", a->reason, b->reason},
        {"code", a->code, b->code},
        {"setting", a->setting, b->setting},
        {"from", a->from, b->from},
        {"to", a->to, b->to},
        {"feature", a->feature, b->feature},
        {"reference_key", a->reference_key, b->reference_key},
        {"reference_fields", a->reference_fields, b->reference_fields},
    };
    for (size_t i = 0; i < N_OF(texts); i++) {
        if (!same(texts[i].a, texts[i].b))
            return texts[i].name;
    }
    if (a->id_hash.lo != b->id_hash.lo || a->id_hash.hi != b->id_hash.hi)
        return "id_hash";
    if (a->record_number != b->record_number)
        return "record_number";
    if (a->latency_ms != b->latency_ms)
        return "latency_ms";
    if (a->list_n != b->list_n || (a->list == NULL) != (b->list == NULL))
        return "list_n";
    for (uint32_t i = 0; i < a->list_n; i++) {
        if (!same(a->list[i], b->list[i]))
            return "list";
    }
    return NULL;
}

static const char *event_differs(const struct event *a, const struct event *b)
{
    struct event x = *a;
    struct event y = *b;
    x.more = NULL;
    y.more = NULL;
    if (memcmp(&x, &y, sizeof x) != 0)
        return "event";
    return more_differs(a->more, b->more);
}

static const char *envelope_differs(const struct batch *a, const struct batch *b)
{
    if (a->has_envelope != b->has_envelope)
        return "has_envelope";
    if (a->has_seq != b->has_seq || a->seq_given != b->seq_given || a->seq != b->seq)
        return "seq";
    if (a->epoch_given != b->epoch_given || a->epoch != b->epoch)
        return "epoch";
    if (!same(a->producer, b->producer))
        return "producer";
    if (a->request.type != b->request.type || a->request.number != b->request.number ||
        !same(a->request.text, b->request.text))
        return "request";
    return NULL;
}

const char *help_batch_differs(const struct batch *a, const struct batch *b)
{
    if (a->status != b->status)
        return "status";
    const char *why = envelope_differs(a, b);
    if (why != NULL)
        return why;
    if (a->n != b->n || a->rejects_n != b->rejects_n)
        return "n";
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->verdict[i] != b->verdict[i])
            return "verdict";
        why = event_differs(&a->ev[i], &b->ev[i]);
        if (why != NULL)
            return why;
    }
    for (uint32_t i = 0; i < a->rejects_n; i++) {
        if (a->rejects[i].index != b->rejects[i].index || a->rejects[i].code != b->rejects[i].code)
            return "rejects";
    }
    if (a->unknown_n != b->unknown_n)
        return "unknown_n";
    for (uint32_t i = 0; i < a->unknown_n; i++) {
        if (a->unknown[i].n != b->unknown[i].n || !same(a->unknown[i].name, b->unknown[i].name))
            return "unknown";
    }
    return NULL;
}

/* ---- what always holds ---- */

static void check_text(struct str s)
{
    CHECK(s.p != NULL || s.n == 0);
    CHECK(s.n == 0 || text_is_utf8(s.p, s.n));
}

static void check_more(const struct event *e)
{
    const struct event_more *m = e->more;
    const struct str texts[] = {m->id,     m->object_name, m->record_text,  m->endpoint,
                                m->reason, m->code,        m->setting,      m->from,
                                m->to,     m->feature,     m->reference_key};
    for (size_t i = 0; i < N_OF(texts); i++)
        check_text(texts[i]);
    for (uint32_t i = 0; i < m->list_n; i++)
        check_text(m->list[i]);
    CHECK((m->id.p != NULL) == (e->has_id != 0));
    CHECK((m->reference_key.p != NULL) == (event_group(e->kind) >= GROUP_REMOVED));
    CHECK((m->reference_fields.n != 0) == (event_group(e->kind) >= GROUP_REMOVED));
}

static void check_event(const struct event *e)
{
    enum event_group group = event_group(e->kind);
    CHECK(group != GROUP_NONE);
    CHECK(e->account <= WIRE_INT_MAX && e->app <= WIRE_INT_MAX && e->user <= WIRE_INT_MAX);
    CHECK(e->time_ms >= 0 && e->time_ms <= (int64_t)WIRE_INT_MAX);
    CHECK(e->count >= 1 && e->count <= 1000000000);
    CHECK((group == GROUP_API) == (e->status >= 100 && e->status <= 599));
    CHECK((group == GROUP_API) == (e->method != METHOD_NONE));
    CHECK(e->direction <= DIRECTION_RECEIVED);
    if (e->more != NULL)
        check_more(e);
}

void help_batch_check(const struct batch *b)
{
    uint32_t rejects = 0;
    check_text(b->message);
    check_text(b->producer);
    check_text(b->request.text);
    CHECK(!b->has_seq || (b->producer.n > 0 && b->seq_given && b->epoch_given && b->seq > 0));
    CHECK(b->status == ST_OK || b->status == ST_MALFORMED || b->status == ST_INVALID ||
          b->status == ST_TOO_LARGE || b->status == ST_NO_MEMORY);
    CHECK((b->status == ST_OK) == (b->message.n == 0));
    CHECK(b->status == ST_OK || b->n == 0);
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->verdict[i] == ST_OK) {
            check_event(&b->ev[i]);
            continue;
        }
        CHECK(rejects < b->rejects_n);
        CHECK(b->rejects[rejects].index == i);
        CHECK(b->rejects[rejects].code == (enum status)b->verdict[i]);
        CHECK(b->rejects[rejects].message.n > 0);
        check_text(b->rejects[rejects].message);
        rejects++;
    }
    CHECK(rejects == b->rejects_n);
    CHECK(b->unknown_n <= N_OF(b->unknown));
    for (uint32_t i = 0; i < b->unknown_n; i++) {
        check_text(b->unknown[i].name);
        CHECK(b->unknown[i].n > 0);
    }
}

bool help_has_compact(struct str json)
{
    json_t *v = json_loadb(json.p, json.n, 0, NULL);
    json_t *events = json_is_object(v) ? json_object_get(v, "events") : v;
    bool found = false;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event) found |= json_is_array(event);
    json_decref(v);
    return found;
}

/* ---- golden listings ---- */

static void print_text(struct buf *to, const char *name, struct str s)
{
    if (s.p != NULL)
        buf_fmt(to, " %s=\"%.*s\"", name, (int)s.n, s.p);
}

static void print_more(struct buf *to, const struct event_more *m)
{
    print_text(to, "id", m->id);
    print_text(to, "object_name", m->object_name);
    print_text(to, "record_text", m->record_text);
    print_text(to, "endpoint", m->endpoint);
    print_text(to, "reason", m->reason);
    print_text(to, "code", m->code);
    print_text(to, "setting", m->setting);
    print_text(to, "from", m->from);
    print_text(to, "to", m->to);
    print_text(to, "feature", m->feature);
    for (uint32_t i = 0; i < m->list_n; i++)
        print_text(to, "item", m->list[i]);
    if (m->latency_ms != 0)
        buf_fmt(to, " latency_ms=%" PRIu64, m->latency_ms);
    print_text(to, "key", m->reference_key);
    if (m->reference_fields.n != 0) {
        buf_fmt(to, " fields=");
        for (size_t i = 0; i < m->reference_fields.n; i++)
            buf_fmt(to, "%02x", (uint8_t)m->reference_fields.p[i]);
    }
}

void help_event_text(const struct batch *b, uint32_t i, struct buf *to)
{
    static const char *const ways[] = {"", " sent", " received"};
    const struct event *e = &b->ev[i];
    buf_fmt(to, "%u %s", i, status_wire((enum status)b->verdict[i]));
    if (b->verdict[i] != ST_OK) {
        for (uint32_t r = 0; r < b->rejects_n; r++) {
            if (b->rejects[r].index == i)
                buf_fmt(to, " %.*s", (int)b->rejects[r].message.n, b->rejects[r].message.p);
        }
        return;
    }
    buf_fmt(to, " %s account=%" PRIu64 " app=%" PRIu64 " time=%" PRId64, event_type_name(e->kind),
            e->account, e->app, e->time_ms);
    if (e->has_user)
        buf_fmt(to, " user=%" PRIu64, e->user);
    buf_fmt(to, "%s", ways[e->direction]);
    if (event_group(e->kind) == GROUP_API)
        buf_fmt(to, " method=%u status=%u count=%u", e->method, e->status, e->count);
    if (event_group(e->kind) == GROUP_RECORD) {
        buf_fmt(to, " object=%" PRIx64 " record=%016" PRIx64 " count=%u", e->object_type,
                e->record_hash, e->count);
    }
    if (e->more != NULL)
        print_more(to, e->more);
}
