/* Bodies as frames. Native ones travel as they are; the others go through the importers, the same
 * that read files. Time that is missing is the request's: a retry says the same event later, and
 * its id makes it one. */
#include "collectors/ingest_body.h"

#include "collectors/importer.h"
#include "engine/base/check.h"
#include "schemas/out.h"

#define ATTRIBUTES_MAX 32

/* ---- what it is ---- */

static const struct {
    const char *type;
    enum body_kind kind;
} kinds[] = {
    {"application/json", BODY_NATIVE_JSON},
    {"application/msgpack", BODY_NATIVE_MSGPACK},
    {"application/x-msgpack", BODY_NATIVE_MSGPACK},
    {"application/vnd.msgpack", BODY_NATIVE_MSGPACK},
    {"application/vnd.daybook.batch+msgpack", BODY_NATIVE_MSGPACK},
    {"application/x-ndjson", BODY_LINES},
    {"application/ndjson", BODY_LINES},
    {"application/jsonl", BODY_LINES},
    {"application/cloudevents+json", BODY_CLOUDEVENT},
    {"application/cloudevents-batch+json", BODY_CLOUDEVENTS},
};

static struct str media_type(const struct exchange *x)
{
    struct str type = http_field_of(x, "content-type");
    size_t n = 0;
    while (n < type.n && type.p[n] != ';' && type.p[n] != ' ' && type.p[n] != '\t')
        n++;
    return (struct str){type.p, n};
}

enum body_kind body_kind_of(const struct exchange *x)
{
    struct str type = media_type(x);
    enum body_kind kind = BODY_UNKNOWN;
    for (size_t i = 0; i < N_OF(kinds); i++)
        if (http_name_eq(type, kinds[i].type))
            kind = kinds[i].kind;
    bool structured = kind == BODY_CLOUDEVENT || kind == BODY_CLOUDEVENTS;
    bool binary = http_field_of(x, "ce-specversion").p != NULL;
    return binary && !structured ? BODY_CLOUDEVENT_BINARY : kind;
}

/* ---- CloudEvents in binary mode: put together as a structured one ---- */

/* "ce-source" -> "source"; false for other headers, and for what no attribute is called. */
static bool attribute(struct str header, char name[static 64])
{
    if (header.n <= 3 || header.n > 60 || !http_name_eq((struct str){header.p, 3}, "ce-"))
        return false;
    for (size_t i = 3; i < header.n; i++) {
        char c = header.p[i];
        c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return false;
        name[i - 3] = c;
    }
    name[header.n - 3] = '\0';
    return strcmp(name, "data") != 0;
}

/* Values are percent-encoded where they are not plain ASCII (the HTTP binding, 3.1.3). */
static void put_attribute(struct out *o, const char *name, struct str value)
{
    char text[1024];
    size_t n;
    if (value.n <= sizeof(text) && http_unescape(value, false, text, &n))
        value = (struct str){text, n};
    out_pair_str(o, name, value);
}

static void put_binary(const struct exchange *x, struct buf *to)
{
    const struct http_head *head = &http_request_of(x)->head;
    struct str body = http_request_of(x)->body;
    struct out o = out_to(ENCODING_JSON, to);
    char name[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < head->fields_n; i++)
        n += attribute(head->fields[i].name, name);
    out_map(&o, n + (body.n > 0));
    for (uint32_t i = 0; i < head->fields_n; i++)
        if (attribute(head->fields[i].name, name))
            put_attribute(&o, name, head->fields[i].value);
    if (body.n > 0) {
        out_key(&o, "data");
        out_raw(&o, body.p, body.n, 1); /* a body that is no JSON makes the whole no JSON */
    }
    out_end(&o);
}

/* ---- through an importer ---- */

static void put_reason(const struct import_item *item, struct buf *to)
{
    char text[256];
    struct out o = out_to(ENCODING_JSON, to);
    size_t n = text_fmt(text, sizeof(text), "%s: %s%s%.*s", import_reason_name(item->reason),
                        import_reason_text(item->reason), item->detail.n > 0 ? ": " : "",
                        (int)item->detail.n, item->detail.n > 0 ? item->detail.p : "");
    out_str(&o, (struct str){text, n});
}

static enum status import(const char *format, struct str bytes,
                          const struct import_options *options, struct buf *to, const char **why)
{
    struct import_fault fault;
    struct import_item item;
    struct importer *im = NULL;
    bool first = true;
    const struct import_input input = {.format = import_format_find(str_of(format)),
                                       .options = options,
                                       .bytes = bytes.n > 0 ? bytes.p : "",
                                       .n = bytes.n};
    enum status st = importer_open(&input, &im, &fault);
    if (st != ST_OK)
        return st;
    buf_put(to, "{\"events\":[", 11);
    while (importer_next(im, &item)) {
        if (!first)
            buf_u8(to, ',');
        first = false;
        if (item.reason == IR_NONE)
            buf_put(to, item.json.p, item.json.n);
        else
            put_reason(&item, to);
    }
    buf_put(to, "]}", 2);
    importer_free(&im);
    if (!to->bad)
        return ST_OK;
    *why = "the events are over the size limit once they are mapped";
    return ST_TOO_LARGE;
}

/* An app's webhook says in its headers which app that is; payloads mostly name its installation. */
static uint64_t hook_app(const struct exchange *x)
{
    const struct str type = http_field_of(x, "x-github-hook-installation-target-type");
    uint64_t app = 0;
    if (!str_eq(type, STR("integration")) ||
        text_u64(http_field_of(x, "x-github-hook-installation-target-id"), &app) != ST_OK ||
        app > WIRE_INT_MAX)
        return 0;
    return app;
}

/* ---- the whole ---- */

static enum status native(struct str body, bool packed, struct buf *to, const char **why)
{
    enum encoding encoding = frame_sniff(body.p, body.n);
    if (body.n == 0 || (encoding == ENCODING_MSGPACK) != packed) {
        *why = "the body is not what Content-Type says";
        return ST_MALFORMED;
    }
    buf_put(to, body.p, body.n);
    return to->bad ? ST_NO_MEMORY : ST_OK;
}

static enum status binary(const struct exchange *x, const struct import_options *options,
                          struct buf *to, const char **why)
{
    struct buf event = buf_of(to->cap_max);
    struct str type = media_type(x);
    bool json = type.n == 0 || http_name_eq(type, "application/json") ||
                (type.n > 5 && http_name_eq((struct str){type.p + type.n - 5, 5}, "+json"));
    enum status st = ST_MALFORMED;
    put_binary(x, &event);
    if (!json && http_request_of(x)->body.n > 0)
        *why = "the data of an event is application/json";
    else if (event.bad)
        st = ST_NO_MEMORY;
    else
        st = import("cloudevents", (struct str){(const char *)event.p, event.n}, options, to, why);
    buf_fini(&event);
    return st;
}

enum status body_to_frame(enum body_kind kind, const struct exchange *x,
                          const struct body_defaults *defaults, struct buf *to, const char **why)
{
    struct str body = http_request_of(x)->body;
    struct import_options o = {.has_account = defaults->has_account,
                               .has_app = defaults->has_app,
                               .account = defaults->account,
                               .app = defaults->app,
                               .received_ms = defaults->received_ms};
    buf_reset(to);
    *why = "";
    switch (kind) {
    case BODY_NATIVE_JSON:
    case BODY_NATIVE_MSGPACK:
        return native(body, kind == BODY_NATIVE_MSGPACK, to, why);
    case BODY_LINES:
        o.received_ms = 0; /* native events say when they happened */
        return import("ndjson", body, &o, to, why);
    case BODY_CLOUDEVENT:
    case BODY_CLOUDEVENTS:
        return import("cloudevents", body, &o, to, why);
    case BODY_CLOUDEVENT_BINARY:
        return binary(x, &o, to, why);
    case BODY_HUBSPOT:
        return import("hubspot", body, &o, to, why);
    case BODY_GITHUB:
        o.event = http_field_of(x, "x-github-event");
        o.hook_app = hook_app(x);
        o.has_app = true; /* what no app did is a person's change, app 0 */
        return import("github", body, &o, to, why);
    case BODY_UNKNOWN:
        break;
    }
    CHECK(!"reached");
    return ST_INTERNAL;
}
