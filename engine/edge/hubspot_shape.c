#include "engine/edge/hubspot_shape.h"

#include "engine/base/check.h"
#include "schemas/event.h"
#include "schemas/out.h"

#define INT32_LIMIT 2147483647 /* what HubSpot's counts are; more is said as this */

/* ---- rows ---- */

bool hubspot_row(struct str line, struct arena *a, struct request *out)
{
    request_decode(line.p, line.n, a, out);
    return out->status == ST_OK;
}

static const struct value *value_of(const struct request *row, const char *column)
{
    const struct param *p = request_param(row, column);
    return p != NULL && !p->is_array && p->values_n == 1 ? &p->values[0] : NULL;
}

bool hubspot_number(const struct request *row, const char *column, uint64_t *out)
{
    const struct value *v = value_of(row, column);
    *out = v != NULL && v->type == VALUE_INT ? v->number : 0;
    return v != NULL && v->type == VALUE_INT;
}

struct str hubspot_text(const struct request *row, const char *column)
{
    const struct value *v = value_of(row, column);
    return v != NULL && v->type == VALUE_STR ? v->text : (struct str){NULL, 0};
}

bool hubspot_line(struct str *rest, struct str *line)
{
    if (rest->n == 0)
        return false;
    const char *end = memchr(rest->p, '\n', rest->n);
    *line = (struct str){rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)};
    size_t taken = line->n + (end != NULL);
    *rest = (struct str){rest->p + taken, rest->n - taken};
    return true;
}

static void pair_time(struct out *o, const char *key, uint64_t ms)
{
    char text[25];
    out_pair_z(o, key, time_format((int64_t)ms, text));
}

/* Ids are texts there. */
static void pair_id(struct out *o, const char *key, uint64_t id)
{
    char text[24];
    text_fmt(text, sizeof(text), "%llu", (unsigned long long)id);
    out_pair_z(o, key, text);
}

/* ---- usage ---- */

void hubspot_usage_read(const struct request *row, struct hubspot_usage *out)
{
    uint64_t resets;
    out->has_limit = hubspot_number(row, "daily_limit", &out->limit);
    (void)hubspot_number(row, "calls", &out->calls);
    (void)hubspot_number(row, "resets", &resets);
    out->resets_ms = (int64_t)resets;
}

static uint64_t int32_of(uint64_t n)
{
    return n < INT32_LIMIT ? n : INT32_LIMIT;
}

static void put_counts(const struct hubspot_usage *u, const char *name, struct out *o)
{
    out_pair_z(o, "name", name);
    out_pair_u64(o, "usageLimit", u->has_limit ? int32_of(u->limit) : 0);
    out_pair_u64(o, "currentUsage", int32_of(u->calls));
    out_pair_z(o, "fetchStatus", !u->has_limit ? "NOTFOUND" : u->stale ? "CACHED" : "SUCCESS");
}

void hubspot_usage_put(const struct hubspot_usage *u, struct buf *to)
{
    struct out o = out_to(ENCODING_JSON, to);
    out_map(&o, 1);
    out_key(&o, "results");
    out_array(&o, 1);
    out_map(&o, 6);
    put_counts(u, "private-apps-api-calls-daily", &o);
    pair_time(&o, "collectedAt", (uint64_t)u->collected_ms);
    pair_time(&o, "resetsAt", (uint64_t)u->resets_ms);
    out_end(&o);
    out_end(&o);
    out_end(&o);
}

void hubspot_limit_put(const struct hubspot_usage *u, struct buf *to)
{
    struct out o = out_to(ENCODING_JSON, to);
    out_array(&o, 1);
    out_map(&o, 6);
    put_counts(u, "api-calls-daily", &o);
    out_pair_u64(&o, "collectedAt", (uint64_t)u->collected_ms);
    out_pair_u64(&o, "resetsAt", (uint64_t)u->resets_ms);
    out_end(&o);
    out_end(&o);
}

/* ---- activities ---- */

/* What HubSpot calls what happened. Its logs know of installations; the others follow the same
 * pattern: category of the group, subCategory of the type, and one of its verbs. */
static const struct {
    enum event_kind kind;
    const char *category, *sub_category, *action;
} names[] = {
    {EV_APP_INSTALLED, "CRITICAL_ACTION", "INSTALL_INTEGRATION", "PERFORM"},
    {EV_APP_REINSTALLED, "CRITICAL_ACTION", "INSTALL_INTEGRATION", "PERFORM"},
    {EV_APP_UNINSTALLED, "CRITICAL_ACTION", "UNINSTALL_INTEGRATION", "PERFORM"},
    {EV_APP_CONNECTED, "INTEGRATION", "CONNECT", "PERFORM"},
    {EV_APP_DISCONNECTED, "INTEGRATION", "DISCONNECT", "PERFORM"},
    {EV_APP_RECONNECTED, "INTEGRATION", "RECONNECT", "PERFORM"},
    {EV_APP_EXPIRED, "INTEGRATION", "EXPIRE", "PERFORM"},
    {EV_APP_ERROR, "INTEGRATION", "ERROR", "PERFORM"},
    {EV_APP_RECOVERED, "INTEGRATION", "RECOVER", "PERFORM"},
    {EV_SYNC_ENABLED, "INTEGRATION_SETTING", "DATA_SYNC", "CREATE"},
    {EV_SYNC_DISABLED, "INTEGRATION_SETTING", "DATA_SYNC", "DELETE"},
    {EV_SYNC_CHANGED, "INTEGRATION_SETTING", "DATA_SYNC", "UPDATE"},
    {EV_PERMISSION_GRANTED, "INTEGRATION_PERMISSION", "SCOPE", "CREATE"},
    {EV_PERMISSION_REVOKED, "INTEGRATION_PERMISSION", "SCOPE", "DELETE"},
    {EV_PERMISSION_REAUTH, "INTEGRATION_PERMISSION", "REAUTHORIZATION", "UPDATE"},
};

/* The type in capitals, for those that the table lacks. */
static const char *capitals(struct str type, char to[static 64])
{
    size_t n = text_fmt(to, 64, "%.*s", (int)type.n, type.p);
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(to[i] == '.' ? '_' : to[i] >= 'a' && to[i] <= 'z' ? to[i] - 32 : to[i]);
    return to;
}

static void put_names(const struct request *row, struct out *o)
{
    struct str type = hubspot_text(row, "type");
    enum event_kind kind = event_kind_of(type);
    char text[64];
    size_t i = 0;
    while (i < N_OF(names) && names[i].kind != kind)
        i++;
    bool known = i < N_OF(names);
    out_pair_z(o, "category", known ? names[i].category : "INTEGRATION");
    out_pair_z(o, "subCategory", known ? names[i].sub_category : capitals(type, text));
    out_pair_z(o, "action", known ? names[i].action : "PERFORM");
}

static const char *security_type(const struct request *row)
{
    return event_kind_of(hubspot_text(row, "type")) == EV_APP_UNINSTALLED ? "UNINSTALL_INTEGRATION"
                                                                          : "INSTALL_INTEGRATION";
}

/* The mail address of a user; p == NULL: not known. */
static struct str email_of(const struct hubspot_page *page, bool has_user, uint64_t user)
{
    uint64_t is;
    for (uint32_t i = 0; has_user && i < page->users_n; i++)
        if (hubspot_number(&page->users[i], "user", &is) && is == user)
            return hubspot_text(&page->users[i], "email");
    return (struct str){NULL, 0};
}

/* What every log needs of a row. */
struct facts_of {
    uint64_t time, position, app, user;
    bool has_user;
    struct str email;
};

static struct facts_of facts_of(const struct hubspot_page *page, const struct request *row)
{
    struct facts_of f;
    (void)hubspot_number(row, "time", &f.time);
    (void)hubspot_number(row, "position", &f.position);
    (void)hubspot_number(row, "app", &f.app);
    f.has_user = hubspot_number(row, "user", &f.user);
    f.email = email_of(page, f.has_user, f.user);
    return f;
}

static void put_audit(const struct hubspot_page *page, const struct request *row, struct out *o)
{
    const struct facts_of f = facts_of(page, row);
    out_map(o, 7);
    pair_id(o, "id", f.position);
    put_names(row, o);
    pair_id(o, "targetObjectId", f.app);
    pair_time(o, "occurredAt", f.time);
    out_key(o, "actingUser");
    out_map(o, 1 + (uint32_t)(f.email.p != NULL));
    out_pair_u64(o, "userId", f.user);
    if (f.email.p != NULL)
        out_pair_str(o, "userEmail", f.email);
    out_end(o);
    out_end(o);
}

static void put_security(const struct hubspot_page *page, const struct request *row, struct out *o)
{
    const struct facts_of f = facts_of(page, row);
    out_map(o, 5 + (uint32_t)(f.email.p != NULL));
    pair_id(o, "id", f.position);
    out_pair_z(o, "type", security_type(row));
    pair_time(o, "createdAt", f.time);
    out_pair_u64(o, "userId", f.user);
    if (f.email.p != NULL)
        out_pair_str(o, "actingUser", f.email);
    pair_id(o, "objectId", f.app);
    out_end(o);
}

static void put_event(const struct hubspot_page *page, const struct request *row, struct out *o)
{
    static const char *const numbers[] = {"app", "user", "by"};
    static const char *const texts[] = {"reason", "code",   "setting", "from",
                                        "to",     "scopes", "feature"};
    const struct facts_of f = facts_of(page, row);
    uint64_t n;
    uint32_t pairs = (uint32_t)(f.email.p != NULL);
    for (size_t i = 0; i < N_OF(numbers); i++)
        pairs += hubspot_number(row, numbers[i], &n);
    for (size_t i = 0; i < N_OF(texts); i++)
        pairs += hubspot_text(row, texts[i]).p != NULL;
    out_map(o, 6);
    pair_id(o, "id", f.position);
    out_pair_str(o, "eventType", hubspot_text(row, "type"));
    out_pair_z(o, "objectType", "app");
    pair_id(o, "objectId", f.app);
    pair_time(o, "occurredAt", f.time);
    out_key(o, "properties");
    out_map(o, pairs);
    for (size_t i = 0; i < N_OF(numbers); i++)
        if (hubspot_number(row, numbers[i], &n))
            pair_id(o, numbers[i], n);
    if (f.email.p != NULL)
        out_pair_str(o, "email", f.email);
    for (size_t i = 0; i < N_OF(texts); i++) {
        struct str text = hubspot_text(row, texts[i]);
        if (text.p != NULL)
            out_pair_str(o, texts[i], text);
    }
    out_end(o);
    out_end(o);
}

void hubspot_page_put(enum hubspot_log log, const struct hubspot_page *page, struct buf *to)
{
    static void (*const put[])(const struct hubspot_page *, const struct request *,
                               struct out *) = {[HUBSPOT_AUDIT] = put_audit,
                                                [HUBSPOT_SECURITY] = put_security,
                                                [HUBSPOT_EVENTS] = put_event};
    struct out o = out_to(ENCODING_JSON, to);
    bool more = page->after.p != NULL;
    out_map(&o, 1 + (uint32_t)more);
    out_key(&o, "results");
    out_array(&o, page->rows_n);
    for (uint32_t i = 0; i < page->rows_n; i++)
        put[log](page, &page->rows[i], &o);
    out_end(&o);
    if (more) {
        out_key(&o, "paging");
        out_map(&o, 1);
        out_key(&o, "next");
        out_map(&o, 1 + (uint32_t)(page->link.p != NULL));
        out_pair_str(&o, "after", page->after);
        if (page->link.p != NULL)
            out_pair_str(&o, "link", page->link);
        out_end(&o);
        out_end(&o);
    }
    out_end(&o);
}

/* ---- refusals ---- */

static const char *category_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *category;
    } rows[] = {
        {401, "INVALID_AUTHENTICATION"},
        {403, "MISSING_SCOPES"},
        {404, "OBJECT_NOT_FOUND"},
        {405, "METHOD_NOT_ALLOWED"},
        {408, "REQUEST_TIMEOUT"},
        {409, "CONFLICT"},
        {429, "RATE_LIMITS"},
        {503, "SERVICE_UNAVAILABLE"},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        if (rows[i].status == status)
            return rows[i].category;
    return status >= 500 ? "INTERNAL_ERROR" : "VALIDATION_ERROR";
}

const char *hubspot_uuid(const uint8_t random[static 16], char to[static 37])
{
    size_t n = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned byte = random[i];
        if (i == 6)
            byte = (byte & 0x0f) | 0x40;
        if (i == 8)
            byte = (byte & 0x3f) | 0x80;
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        n += text_fmt(to + n, 37 - n, "%s%02x", dash ? "-" : "", byte);
    }
    return to;
}

void hubspot_refusal_put(const struct hubspot_refusal *r, struct buf *to)
{
    struct out o = out_to(ENCODING_JSON, to);
    char id[37];
    out_map(&o, 4);
    out_pair_z(&o, "status", "error");
    out_pair_str(&o, "message", r->message);
    out_pair_z(&o, "correlationId", hubspot_uuid(r->correlation, id));
    out_pair_z(&o, "category", category_of(r->status));
    out_end(&o);
}
