/* The importer: walks a format's items, gives each event its final time, writes it as JSON and asks
 * the engine's own decoder whether a frame may carry it, so that one odd line of a recording cannot
 * spoil the batch it travels in. */
#include "collectors/importer.h"

#include <stdlib.h>

#include "collectors/import_format.h"
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "schemas/frame.h"
#include "schemas/out.h"

#define FRAME_BYTES_MAX ((size_t)1 << 20) /* a message's limit: a larger event fits into none */
#define PATH_BYTES_MAX  256               /* of event.def; longer ones are cut */

static const char head[] = "{\"events\":[";
static const char tail[] = "]}";

static const struct import_format *const formats[] = {
    &import_ndjson, &import_cloudevents, &import_hubspot,
    &import_github, &import_combined,    &import_csv,
};

const char *import_reason_name(enum import_reason r)
{
    static const char *const names[] = {
#define X(name, wire, text) wire,
        IMPORT_REASONS(X)
#undef X
    };
    CHECK((unsigned)r < IR_N);
    return names[r];
}

const char *import_reason_text(enum import_reason r)
{
    static const char *const texts[] = {
#define X(name, wire, text) text,
        IMPORT_REASONS(X)
#undef X
    };
    CHECK((unsigned)r < IR_N);
    return texts[r];
}

const struct import_format *import_format_at(size_t i)
{
    return i < N_OF(formats) ? formats[i] : NULL;
}

const struct import_format *import_format_find(struct str name)
{
    for (size_t i = 0; i < N_OF(formats); i++)
        if (str_eq(name, str_of(formats[i]->name)))
            return formats[i];
    return NULL;
}

const char *import_format_name(const struct import_format *f)
{
    return f->name;
}

const char *import_format_summary(const struct import_format *f)
{
    return f->summary;
}

const char *import_format_help(const struct import_format *f)
{
    return f->help;
}

bool import_format_needs_account(const struct import_format *f)
{
    return f->needs_account;
}

bool import_format_needs_app(const struct import_format *f)
{
    return f->needs_app;
}

enum status importer_open(const struct import_input *in, struct importer **out,
                          struct import_fault *fault)
{
    *fault = (struct import_fault){0};
    struct importer *im = calloc(1, sizeof *im);
    if (im == NULL)
        return ST_NO_MEMORY;
    im->format = in->format;
    im->o = in->options;
    im->retime = in->retime;
    im->begin = im->at = in->bytes;
    im->end = im->begin + in->n;
    im->line = 1;
    im->frame = buf_of(FRAME_BYTES_MAX);
    enum status st = im->format->open != NULL ? im->format->open(im, fault) : ST_OK;
    if (st != ST_OK) {
        importer_free(&im);
        return st;
    }
    *out = im;
    return ST_OK;
}

void importer_free(struct importer **im_p)
{
    struct importer *im = *im_p;
    if (im == NULL)
        return;
    if (im->format->close != NULL)
        im->format->close(im);
    json_decref(im->native);
    json_decref(im->json.root);
    arena_fini(&im->arena);
    buf_fini(&im->frame);
    free(im);
    *im_p = NULL;
}

size_t importer_at(const struct importer *im)
{
    return (size_t)(im->at - im->begin);
}

enum import_step import_skip(struct importer *im, enum import_reason why, struct str what)
{
    size_t n = what.n < sizeof im->detail - 1 ? what.n : sizeof im->detail - 1;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)what.p[i];
        im->detail[i] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
    }
    im->detail[n] = '\0';
    im->reason = why;
    return STEP_SKIP;
}

bool import_line(struct importer *im, struct str *line)
{
    if (im->at == im->end)
        return false;
    const char *nl = memchr(im->at, '\n', (size_t)(im->end - im->at));
    const char *stop = nl == NULL ? im->end : nl;
    *line = (struct str){im->at, (size_t)(stop - im->at)};
    if (line->n > 0 && line->p[line->n - 1] == '\r')
        line->n--;
    im->item_line = im->line++;
    im->at = nl == NULL ? im->end : nl + 1;
    return true;
}

bool import_fill_account(struct importer *im)
{
    if (!im->event.has_account && im->o->has_account) {
        im->event.has_account = true;
        im->event.account = im->o->account;
    }
    return im->event.has_account;
}

struct str import_number(struct importer *im, unsigned i, uint64_t v)
{
    CHECK(i < N_OF(im->num_text));
    char *to = im->num_text[i];
    return (struct str){to, text_fmt(to, sizeof im->num_text[i], "%llu", (unsigned long long)v)};
}

void import_identity(struct importer *im, const char *prefix, const struct str *parts, size_t n)
{
    struct buf b = buf_of(FRAME_BYTES_MAX);
    for (size_t i = 0; i < n; i++)
        buf_str(&b, parts[i]);
    struct hash128 h = hash128(b.p, b.n);
    bool bad = b.bad;
    buf_fini(&b);
    if (bad) /* longer than any message: the event is refused for its size anyway */
        return;
    im->event.id.p = im->id_text;
    im->event.id.n = text_fmt(im->id_text, sizeof im->id_text, "%s%016llx%016llx", prefix,
                              (unsigned long long)h.hi, (unsigned long long)h.lo);
}

/* A path is cut, at a character, to what an event may carry: the call counts all the same. */
static struct str cut_path(struct str s)
{
    if (s.n <= PATH_BYTES_MAX)
        return s;
    s.n = PATH_BYTES_MAX;
    while (s.n > 0 && ((uint8_t)s.p[s.n] & 0xc0) == 0x80)
        s.n--;
    return s;
}

static uint32_t pairs_of(const struct import_event *e)
{
    uint32_t n = 4; /* type, account, app, time */
    n += e->has_user;
    n += (e->id.n > 0) + (e->object_type.n > 0) + (e->record.n > 0) + (e->method.n > 0);
    n += (e->path.n > 0) + (e->status > 0) + (e->count > 0) + (e->reason.n > 0);
    n += (e->code.n > 0) + (e->scopes_n > 0);
    return n;
}

static void put_text(struct out *o, const char *key, struct str s)
{
    if (s.n > 0)
        out_pair_str(o, key, s);
}

static void write_event(struct importer *im, int64_t time_ms)
{
    const struct import_event *e = &im->event;
    struct out o = out_to(ENCODING_JSON, &im->frame);
    out_map(&o, pairs_of(e));
    out_pair_z(&o, "type", event_type_name(e->kind));
    out_pair_u64(&o, "account", e->account);
    out_pair_u64(&o, "app", e->app);
    out_pair_i64(&o, "time", time_ms);
    put_text(&o, "id", e->id);
    if (e->has_user)
        out_pair_u64(&o, "user", e->user);
    put_text(&o, "object_type", e->object_type);
    put_text(&o, "record", e->record);
    put_text(&o, "method", e->method);
    put_text(&o, "path", cut_path(e->path));
    if (e->status > 0)
        out_pair_u64(&o, "status", e->status);
    if (e->count > 0)
        out_pair_u64(&o, "count", e->count);
    put_text(&o, "reason", e->reason);
    put_text(&o, "code", e->code);
    if (e->scopes_n > 0) {
        out_key(&o, "scopes");
        out_array(&o, e->scopes_n);
        for (uint32_t i = 0; i < e->scopes_n; i++)
            out_str(&o, e->scopes[i]);
        out_end(&o);
    }
    out_end(&o);
}

static int put_dump(const char *p, size_t n, void *frame)
{
    buf_put(frame, p, n);
    return ((struct buf *)frame)->bad ? -1 : 0;
}

/* Deeper JSON is refused before it is written: jansson's writer recurses without a limit. */
static bool json_deeper_than(const json_t *v, unsigned depth)
{
    if (!json_is_object(v) && !json_is_array(v))
        return false;
    if (depth == 0)
        return true;
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_object(v)) {
        json_object_foreach((json_t *)v, key,
                            item) if (json_deeper_than(item, depth - 1)) return true;
    } else {
        json_array_foreach(v, i, item) if (json_deeper_than(item, depth - 1)) return true;
    }
    return false;
}

static void frame_begin(struct importer *im)
{
    buf_reset(&im->frame);
    buf_put(&im->frame, head, sizeof head - 1);
}

/* Close the frame, judge it, give out the event between head and tail. False: no frame may carry
 * it. */
static bool frame_judge(struct importer *im, struct import_item *out)
{
    size_t n = im->frame.n;
    buf_put(&im->frame, tail, sizeof tail - 1);
    if (im->frame.bad) {
        (void)import_skip(im, IR_TOO_LONG, (struct str){0});
        return false;
    }
    arena_reset(&im->arena);
    struct batch b = {0};
    frame_decode(im->frame.p, im->frame.n, &frame_limits_default, &im->arena, &b);
    if (b.status != ST_OK || b.n != 1) {
        (void)import_skip(im, IR_MALFORMED, b.message);
        return false;
    }
    out->json = (struct str){(const char *)im->frame.p + sizeof head - 1, n - (sizeof head - 1)};
    out->has_time = b.verdict[0] == ST_OK;
    out->time_ms = out->has_time ? b.ev[0].time_ms : 0;
    return true;
}

/* An event that came as JSON: judged as it is, then written again if its time moves. */
static bool native_item(struct importer *im, struct import_item *out)
{
    frame_begin(im);
    if (im->native == NULL) {
        buf_put(&im->frame, im->raw.p, im->raw.n);
    } else {
        if (json_deeper_than(im->native, frame_limits_default.depth_max)) {
            (void)import_skip(im, IR_MALFORMED, STR("nested too deep"));
            return false;
        }
        (void)json_dump_callback(im->native, put_dump, &im->frame, JSON_COMPACT);
    }
    if (!frame_judge(im, out))
        return false;
    if (im->retime == NULL || !out->has_time)
        return true;
    if (im->native == NULL)
        im->native = json_loadb(im->raw.p, im->raw.n, JSON_REJECT_DUPLICATES, NULL);
    int64_t time_ms = out->time_ms;
    if (im->native == NULL ||
        json_object_set_new(im->native, "time", json_integer(retime_map(im->retime, time_ms)))) {
        (void)import_skip(im, IR_NOT_JSON, (struct str){0});
        return false;
    }
    frame_begin(im);
    (void)json_dump_callback(im->native, put_dump, &im->frame, JSON_COMPACT);
    bool fits = frame_judge(im, out);
    out->time_ms = time_ms;
    out->has_time = true;
    return fits;
}

static bool mapped_item(struct importer *im, struct import_item *out)
{
    if (!im->event.has_time && im->o->received_ms != 0) {
        im->event.has_time = true;
        im->event.time_ms = im->o->received_ms;
    }
    if (!im->event.has_time) {
        (void)import_skip(im, IR_NO_TIME, (struct str){0});
        return false;
    }
    if (!import_fill_account(im)) {
        (void)import_skip(im, IR_NO_ACCOUNT, (struct str){0});
        return false;
    }
    int64_t time_ms = im->event.time_ms;
    int64_t moved_ms = im->retime == NULL ? time_ms : retime_map(im->retime, time_ms);
    if (time_ms < 0 || moved_ms < 0 || (uint64_t)moved_ms > WIRE_INT_MAX) {
        (void)import_skip(im, IR_BAD_TIME, (struct str){0});
        return false;
    }
    frame_begin(im);
    write_event(im, moved_ms);
    if (!frame_judge(im, out))
        return false;
    out->time_ms = time_ms;
    out->has_time = true;
    return true;
}

bool importer_next(struct importer *im, struct import_item *out)
{
    json_decref(im->native);
    im->native = NULL;
    im->raw = (struct str){0};
    im->event = (struct import_event){0};
    im->reason = IR_NONE;
    im->detail[0] = '\0';
    enum import_step step = im->format->next(im);
    if (step == STEP_END)
        return false;
    struct import_item item = {.line = im->item_line, .number = ++im->number};
    bool ok = false;
    if (step == STEP_EVENT) {
        bool native = im->native != NULL || im->raw.n > 0;
        ok = native ? native_item(im, &item) : mapped_item(im, &item);
    }
    if (!ok) {
        CHECK(im->reason != IR_NONE);
        item.reason = im->reason;
        item.json = (struct str){0};
        item.detail = str_of(im->detail);
    }
    *out = item;
    return true;
}
