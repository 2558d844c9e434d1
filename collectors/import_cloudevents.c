/* CloudEvents 1.0, structured: one event, a batch (array), or one a line.
 *
 *   {"specversion":"1.0", "type":"app.connection.installed", "source":"/accounts/7/apps/42",
 *    "id":"a-1", "time":"2026-11-23T09:57:22Z", "data":{"user":9, "reason":"..."}}
 *
 * What happened and when is in the envelope; data holds the fields of the native event, which is
 * put together as JSON and judged like any other. Producers make source + id unique, so their hash
 * is the native id. */
#include "collectors/import_format.h"

#include "engine/base/check.h"

/* Families under which the types are published; the first match is replaced. */
static const struct {
    const char *from, *to;
} families[] = {
    {"app.connection.", "app."},
    {"app.sync.", "sync."},
    {"app.permission.", "permission."},
    {"crm.record.", "record."},
};

static struct str native_type(struct str type, char buf[static 80])
{
    for (size_t i = 0; i < N_OF(families); i++) {
        struct str from = str_of(families[i].from);
        if (type.n <= from.n || memcmp(type.p, from.p, from.n) != 0)
            continue;
        size_t n =
            text_fmt(buf, 80, "%s%.*s", families[i].to, (int)(type.n - from.n), type.p + from.n);
        return (struct str){buf, n};
    }
    return type;
}

/* The number behind "key/" in a path such as "/accounts/7/apps/42/collector/eu-1". */
static bool path_number(struct str path, const char *key, uint64_t *out)
{
    size_t key_n = strlen(key);
    for (size_t i = 0; i + key_n < path.n; i++) {
        if ((i > 0 && path.p[i - 1] != '/') || memcmp(path.p + i, key, key_n) != 0)
            continue;
        struct str v = {path.p + i + key_n, 0};
        while (v.p + v.n < path.p + path.n && v.p[v.n] != '/')
            v.n++;
        return text_u64(v, out) == ST_OK && *out <= WIRE_INT_MAX;
    }
    return false;
}

/* data, then an extension attribute, then source and subject, then the option. */
static bool find_number(const json_t *ce, const char *key, const char *path_key, uint64_t *out)
{
    struct str source = payload_as_text(json_object_get(ce, "source"));
    struct str subject = payload_as_text(json_object_get(ce, "subject"));
    return payload_u64(json_object_get(ce, "data"), key, out) || payload_u64(ce, key, out) ||
           path_number(source, path_key, out) || path_number(subject, path_key, out);
}

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* Account, app, and a user written as decimal text. */
static enum import_reason set_numbers(struct importer *im, const json_t *ce, json_t *native)
{
    uint64_t account, app, user;
    if (!find_number(ce, "account", "accounts/", &account)) {
        if (!im->o->has_account)
            return IR_NO_ACCOUNT;
        account = im->o->account;
    }
    if (!find_number(ce, "app", "apps/", &app)) {
        if (!im->o->has_app)
            return IR_NO_APP;
        app = im->o->app;
    }
    bool ok = set(native, "account", json_integer((json_int_t)account)) &&
              set(native, "app", json_integer((json_int_t)app));
    if (ok && payload_u64(native, "user", &user))
        ok = set(native, "user", json_integer((json_int_t)user));
    return ok ? IR_NONE : IR_NOT_JSON;
}

static enum import_reason set_time(struct importer *im, const json_t *ce, json_t *native)
{
    const json_t *time = json_object_get(ce, "time");
    int64_t ms = im->o->received_ms;
    if (time == NULL || json_is_null(time)) {
        if (ms == 0)
            return IR_NO_TIME;
    } else if (time_parse(payload_as_text(time), &ms) != ST_OK || ms < 0) {
        return IR_BAD_TIME;
    }
    return set(native, "time", json_integer((json_int_t)ms)) ? IR_NONE : IR_BAD_TIME;
}

static enum import_reason map(struct importer *im, const json_t *ce)
{
    struct str type, parts[2];
    if (!payload_text(ce, "specversion", &type) || !payload_text(ce, "type", &type))
        return IR_NO_TYPE;
    if (!payload_text(ce, "source", &parts[0]) || !payload_text(ce, "id", &parts[1]))
        return IR_NO_DATA;
    char buf[80];
    type = native_type(type, buf);
    if (event_kind_of(type) == EV_NONE)
        return IR_NO_COUNTERPART;
    json_t *data = json_object_get(ce, "data");
    if (data != NULL && !json_is_object(data))
        return IR_NO_DATA;
    im->native = data == NULL ? json_object() : json_copy(data);
    if (im->native == NULL)
        return IR_NO_DATA;
    enum import_reason why = set_numbers(im, ce, im->native);
    if (why == IR_NONE)
        why = set_time(im, ce, im->native);
    if (why != IR_NONE)
        return why;
    import_identity(im, "ce-", parts, N_OF(parts));
    struct str id = im->event.id;
    bool ok = set(im->native, "type", json_stringn(type.p, type.n)) &&
              set(im->native, "id", json_stringn(id.p, id.n));
    return ok ? IR_NONE : IR_NOT_JSON;
}

static enum import_step cloudevents_next(struct importer *im)
{
    json_t *ce;
    enum import_step step = payload_item(im, &ce);
    if (step != STEP_EVENT)
        return step;
    enum import_reason why = map(im, ce);
    if (why == IR_NONE)
        return STEP_EVENT;
    json_decref(im->native);
    im->native = NULL;
    struct str type = {0};
    (void)payload_text(ce, "type", &type);
    return import_skip(im, why, type);
}

const struct import_format import_cloudevents = {
    .name = "cloudevents",
    .summary = "CloudEvents 1.0, structured: one, a batch, or one a line",
    .help = "The type is a native one (record.created) or one of the families app.connection.*,\n"
            "app.sync.*, app.permission.*, crm.record.*; data holds the native fields. Account and "
            "app are\n"
            "taken from data, from extension attributes, from a source such as "
            "/accounts/7/apps/42, or\n"
            "from --account and --app. Events with equal source and id are counted once.",
    .next = cloudevents_next,
};
