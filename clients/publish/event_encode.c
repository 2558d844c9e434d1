/* The compact form: [kind, account, app, time_ms, fields of the kind's group ..., id, user,
 * direction], absent fields nil, trailing nils cut. Order, types and bounds of the fields are rows
 * of schemas/event.def; this file only says where struct daybook_event keeps each of them.
 *
 * Text is checked here, because one bad UTF-8 sequence would make the engine refuse the frame and
 * with it the whole batch. */
#include "clients/publish/event_encode.h"

#include "clients/publish/pack.h"
#include "clients/publish/status.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"

#define EVENT_BYTES_MAX  65536u
#define STRING_BYTES_MAX 256u
#define LEADING_N        4 /* kind, account, app, time */

/* The public numbers are the wire's. */
#define KIND(name, number, type, group) STATIC_CHECK((int)DAYBOOK_##name == (number));
#include "schemas/event.def"
STATIC_CHECK((int)DAYBOOK_CONNECT == (int)METHOD_CONNECT);
STATIC_CHECK((int)DAYBOOK_RECEIVED == (int)DIRECTION_RECEIVED);

/* A field's value before it is checked; absent unless `given`. */
struct value {
    bool given;
    enum daybook_field_type type;
    const char *text;
    uint64_t number;
    const char *const *texts;
    const uint64_t *numbers;
    size_t n;
};

/* One event being written. */
struct writer {
    struct buf *to;
    const struct daybook_event *e;
    const char *type; /* for messages */
    uint32_t n;       /* elements written */
    uint32_t nils;    /* absent fields since the last one written */
    struct daybook_error *error;
};

static struct value text_value(const char *text)
{
    return (struct value){.given = text != NULL, .type = DAYBOOK_TEXT, .text = text};
}

static struct value number_value(bool given, uint64_t number)
{
    return (struct value){.given = given, .type = DAYBOOK_NUMBER, .number = number};
}

/* A field of the reference kinds: looked up by name in the caller's list. */
static struct value listed_value(const struct daybook_event *e, const char *key)
{
    for (size_t i = 0; i < e->fields_n; i++) {
        const struct daybook_field *f = &e->fields[i];
        if (strcmp(f->name, key) == 0)
            return (struct value){.given = true,
                                  .type = f->type,
                                  .text = f->text,
                                  .number = f->number,
                                  .texts = f->texts,
                                  .numbers = f->numbers,
                                  .n = f->n};
    }
    return (struct value){0};
}

static struct value field_value(const struct daybook_event *e, int id)
{
    switch (id) {
    case F_COMMON_ID:
        return text_value(e->id);
    case F_COMMON_USER:
    case F_APP_APP_USER:
    case F_SYNC_SYNC_USER:
    case F_ACTION_ACTION_USER:
    case F_DIRECTORY_USER_DIR_USER:
    case F_ACCOUNT_SETTINGS_SETTINGS_USER:
        return number_value(e->has_user, e->user);
    case F_COMMON_DIRECTION:
        return number_value(e->direction != DAYBOOK_BY_KIND, e->direction);
    case F_API_METHOD:
        return number_value(e->method != DAYBOOK_METHOD_NONE, e->method);
    case F_API_STATUS:
        return number_value(e->status != 0, e->status);
    case F_API_COUNT:
    case F_RECORD_COUNT:
        return number_value(e->count != 0, e->count);
    case F_API_ENDPOINT:
        return text_value(e->endpoint);
    case F_API_PATH:
        return text_value(e->path);
    case F_API_LATENCY:
        return number_value(e->has_latency, e->latency_ms);
    case F_RECORD_OBJECT_TYPE:
        return text_value(e->object_type);
    case F_RECORD_RECORD:
        return e->record != NULL ? text_value(e->record)
                                 : number_value(e->has_record_number, e->record_number);
    case F_APP_REASON:
    case F_ACTION_ACTION_REASON:
        return text_value(e->reason);
    case F_APP_CODE:
    case F_ACTION_ACTION_CODE:
        return text_value(e->code);
    case F_SYNC_SETTING:
        return text_value(e->setting);
    case F_SYNC_FROM:
        return text_value(e->from);
    case F_SYNC_TO:
        return text_value(e->to);
    case F_PERMISSION_SCOPES:
        return (struct value){.given = e->scopes != NULL,
                              .type = DAYBOOK_TEXTS,
                              .texts = e->scopes,
                              .n = e->scopes_n};
    case F_PERMISSION_FEATURE:
        return text_value(e->feature);
    default:
        return listed_value(e, field_rows[id].key.p);
    }
}

static enum daybook_status put_text(struct writer *w, const struct field_row *f, const char *text,
                                    uint64_t max)
{
    struct str s = str_of(text);
    if (s.n < f->min || s.n > max)
        return fail(w->error, DAYBOOK_INVALID, "%s: %s has %zu bytes, %llu..%llu are allowed",
                    w->type, f->key.p, s.n, (unsigned long long)f->min, (unsigned long long)max);
    if (!text_is_utf8(s.p, s.n))
        return fail(w->error, DAYBOOK_INVALID, "%s: %s is not UTF-8", w->type, f->key.p);
    pack_str(w->to, s);
    return DAYBOOK_OK;
}

static enum daybook_status put_number(struct writer *w, const struct field_row *f, uint64_t v,
                                      uint64_t min, uint64_t max)
{
    if (v < min || v > max)
        return fail(w->error, DAYBOOK_INVALID, "%s: %s is %llu, %llu..%llu are allowed", w->type,
                    f->key.p, (unsigned long long)v, (unsigned long long)min,
                    (unsigned long long)max);
    pack_u64(w->to, v);
    return DAYBOOK_OK;
}

static enum daybook_status put_list(struct writer *w, const struct field_row *f,
                                    const struct value *v)
{
    if (v->n > f->max)
        return fail(w->error, DAYBOOK_INVALID, "%s: %s has %zu items, at most %llu are allowed",
                    w->type, f->key.p, v->n, (unsigned long long)f->max);
    enum daybook_field_type want = f->type == FT_STRINGS ? DAYBOOK_TEXTS : DAYBOOK_NUMBERS;
    bool missing = want == DAYBOOK_TEXTS ? v->texts == NULL : v->numbers == NULL;
    if (v->type != want || (v->n > 0 && missing))
        return fail(w->error, DAYBOOK_INVALID, "%s: %s must be a list", w->type, f->key.p);
    pack_array(w->to, (uint32_t)v->n);
    const struct field_row item = {.key = f->key};
    enum daybook_status st = DAYBOOK_OK;
    for (size_t i = 0; i < v->n && st == DAYBOOK_OK; i++) {
        if (f->type == FT_UINTS)
            st = put_number(w, &item, v->numbers[i], 0, WIRE_INT_MAX);
        else if (v->texts[i] == NULL)
            st =
                fail(w->error, DAYBOOK_INVALID, "%s: item %zu of %s is NULL", w->type, i, f->key.p);
        else
            st = put_text(w, &item, v->texts[i], STRING_BYTES_MAX);
    }
    return st;
}

/* "0-n" travels as the integer n. */
static bool standard_object(const char *text, uint64_t *n)
{
    struct str s = str_of(text);
    return s.n > 2 && s.p[0] == '0' && s.p[1] == '-' &&
           text_u64((struct str){s.p + 2, s.n - 2}, n) == ST_OK && *n <= WIRE_INT_MAX;
}

static enum daybook_status put_way(struct writer *w, const struct field_row *f, uint64_t way)
{
    if (way != DIRECTION_SENT && way != DIRECTION_RECEIVED)
        return fail(w->error, DAYBOOK_INVALID, "%s: %s is %llu, 0..2 are allowed", w->type,
                    f->key.p, (unsigned long long)way);
    pack_str(w->to, way == DIRECTION_SENT ? STR("sent") : STR("received"));
    return DAYBOOK_OK;
}

static enum daybook_status put_app_kind(struct writer *w, const struct field_row *f,
                                        const struct value *v)
{
    for (size_t i = 0; v->type == DAYBOOK_TEXT && v->text != NULL && app_kind_names[i] != NULL;
         i++) {
        if (strcmp(v->text, app_kind_names[i]) == 0) {
            pack_str(w->to, str_of(v->text));
            return DAYBOOK_OK;
        }
    }
    return fail(w->error, DAYBOOK_INVALID, "%s: %s must be marketplace, private or built-in",
                w->type, f->key.p);
}

static enum daybook_status put_value(struct writer *w, const struct field_row *f,
                                     const struct value *v)
{
    uint64_t n;
    switch ((int)f->type) {
    case FT_STRINGS:
    case FT_UINTS:
        return put_list(w, f, v);
    case FT_METHOD:
        return put_number(w, f, v->number, METHOD_GET, METHOD_CONNECT);
    case FT_WAY:
        return put_way(w, f, v->number);
    case FT_APP_KIND:
        return put_app_kind(w, f, v);
    case FT_BOOL:
        if ((v->type != DAYBOOK_BOOL && v->type != DAYBOOK_NUMBER) || v->number > 1)
            return fail(w->error, DAYBOOK_INVALID, "%s: %s must be true or false", w->type,
                        f->key.p);
        pack_bool(w->to, v->number == 1);
        return DAYBOOK_OK;
    case FT_UINT:
        if (v->type != DAYBOOK_NUMBER)
            return fail(w->error, DAYBOOK_INVALID, "%s: %s must be a number", w->type, f->key.p);
        return put_number(w, f, v->number, f->min, f->max);
    case FT_RECORD:
        if (v->type == DAYBOOK_NUMBER)
            return put_number(w, f, v->number, 0, WIRE_INT_MAX);
        return put_text(w, f, v->text, f->max);
    default:
        if (v->type != DAYBOOK_TEXT || v->text == NULL)
            return fail(w->error, DAYBOOK_INVALID, "%s: %s must be text", w->type, f->key.p);
        if (f->type == FT_OBJECT && standard_object(v->text, &n)) {
            pack_u64(w->to, n);
            return DAYBOOK_OK;
        }
        return put_text(w, f, v->text, f->max);
    }
}

static enum daybook_status put_field(struct writer *w, int id)
{
    const struct field_row *f = &field_rows[id];
    struct value v = field_value(w->e, id);
    if (!v.given && f->required)
        return fail(w->error, DAYBOOK_INVALID, "%s: %s is missing", w->type, f->key.p);
    if (!v.given) {
        w->nils++;
        return DAYBOOK_OK;
    }
    for (; w->nils > 0; w->nils--, w->n++)
        pack_nil(w->to);
    w->n++;
    return put_value(w, f, &v);
}

static bool slots_have(const struct field_slots *slots, const char *key)
{
    for (uint32_t i = 0; i < slots->n; i++) {
        const struct field_row *f = &field_rows[slots->field[i]];
        if (f->group != GROUP_COMMON && f->key.p != NULL && strcmp(f->key.p, key) == 0)
            return true;
    }
    return false;
}

/* Every name in the caller's list must be a field of the kind, once. */
static enum daybook_status check_listed(struct writer *w, const struct field_slots *slots)
{
    const struct daybook_event *e = w->e;
    for (size_t i = 0; i < e->fields_n; i++) {
        const char *name = e->fields[i].name;
        if (name == NULL)
            return fail(w->error, DAYBOOK_INVALID, "%s: field %zu has no name", w->type, i);
        if (!slots_have(slots, name))
            return fail(w->error, DAYBOOK_INVALID, "%s has no field %s", w->type, name);
        if (strcmp(name, "user") == 0)
            return fail(w->error, DAYBOOK_INVALID, "%s: user has a member of its own", w->type);
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, e->fields[j].name) == 0)
                return fail(w->error, DAYBOOK_INVALID, "%s: %s is given twice", w->type, name);
    }
    return DAYBOOK_OK;
}

static enum daybook_status put_leading(struct writer *w, int64_t now_ms)
{
    static const struct field_row account = {.key = STR("account")}, app = {.key = STR("app")},
                                  time = {.key = STR("time")};
    const struct daybook_event *e = w->e;
    pack_u64(w->to, (uint64_t)e->kind);
    enum daybook_status st = put_number(w, &account, e->account, 0, WIRE_INT_MAX);
    if (st == DAYBOOK_OK)
        st = put_number(w, &app, e->app, 0, WIRE_INT_MAX);
    if (st != DAYBOOK_OK)
        return st;
    int64_t time_ms = e->time_ms != 0 ? e->time_ms : now_ms;
    if (time_ms < 0)
        return fail(w->error, DAYBOOK_INVALID, "%s: time is %lld, before 1970", w->type,
                    (long long)time_ms);
    return put_number(w, &time, (uint64_t)time_ms, 0, WIRE_INT_MAX);
}

/* One byte for up to 15 elements; the few longer events move over for two bytes more. */
static void put_array_header(struct writer *w, size_t start)
{
    struct buf *to = w->to;
    if (w->n >= 16 && buf_room(to, 2)) {
        memmove(to->p + start + 3, to->p + start + 1, to->n - start - 1);
        to->n += 2;
    }
    if (to->bad)
        return;
    to->p[start] = w->n < 16 ? (uint8_t)(0x90 | w->n) : 0xdc;
    if (w->n >= 16) {
        to->p[start + 1] = 0;
        to->p[start + 2] = (uint8_t)w->n; /* at most FIELD_SLOTS_MAX + 4 */
    }
}

static enum daybook_status put_elements(struct writer *w, const struct field_slots *slots,
                                        int64_t now_ms)
{
    enum daybook_status st = w->e->fields_n > 0 ? check_listed(w, slots) : DAYBOOK_OK;
    if (st == DAYBOOK_OK)
        st = put_leading(w, now_ms);
    w->n = LEADING_N;
    for (uint32_t i = 0; i < slots->n && st == DAYBOOK_OK; i++)
        st = put_field(w, slots->field[i]);
    return st;
}

void event_encoder_init(struct event_encoder *enc)
{
    for (unsigned g = 0; g < GROUP_N; g++)
        enc->slots[g] = field_slots_of((enum event_group)g);
}

enum daybook_status event_encode(const struct event_encoder *enc, const struct daybook_event *e,
                                 int64_t now_ms, struct buf *to, struct daybook_error *error)
{
    const char *type = event_type_name((unsigned)e->kind);
    if (type == NULL)
        return fail(error, DAYBOOK_INVALID, "no such kind of event: %d", (int)e->kind);
    struct writer w = {.to = to, .e = e, .type = type, .error = error};
    size_t start = to->n;
    buf_u8(to, 0); /* the array's header, known when its elements are counted */
    enum daybook_status st = put_elements(&w, &enc->slots[event_group((unsigned)e->kind)], now_ms);
    if (st == DAYBOOK_OK)
        put_array_header(&w, start);
    if (st == DAYBOOK_OK && to->bad)
        st = fail(error, DAYBOOK_NO_MEMORY, "no room to encode the event");
    if (st == DAYBOOK_OK && to->n - start > EVENT_BYTES_MAX)
        st = fail(error, DAYBOOK_TOO_LARGE, "%s: %zu bytes encoded, at most %u are allowed", w.type,
                  to->n - start, EVENT_BYTES_MAX);
    if (st != DAYBOOK_OK) {
        to->n = start;
        to->bad = false;
    }
    return st;
}

enum daybook_status daybook_event_encode(const struct daybook_event *event, void *bytes, size_t cap,
                                         size_t *n, struct daybook_error *error)
{
    if (event == NULL || bytes == NULL || n == NULL)
        return fail(error, DAYBOOK_INVALID, "event, bytes and n must not be NULL");
    struct buf b = buf_of(2 * EVENT_BYTES_MAX);
    struct event_encoder enc;
    event_encoder_init(&enc);
    enum daybook_status st = event_encode(&enc, event, clock_now().wall_ms, &b, error);
    if (st == DAYBOOK_OK && b.n > cap)
        st = fail(error, DAYBOOK_TOO_LARGE, "the event takes %zu bytes, cap is %zu", b.n, cap);
    if (st == DAYBOOK_OK) {
        memcpy(bytes, b.p, b.n);
        *n = b.n;
    }
    buf_fini(&b);
    return st;
}
