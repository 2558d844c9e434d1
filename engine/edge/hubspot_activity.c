/* The logs of HubSpot's API: the audit log, the security log and events. All three are the view
 * `activity`, newest first; a table says what their parameters are called there. */
#include "engine/base/check.h"
#include "engine/edge/hubspot.h"
#include "schemas/event.h"

#define LIMIT_DEFAULT  100
#define QUERY_BYTES    ((size_t)512 << 10)
#define BODY_BYTES_MAX ((size_t)8 << 20)
#define LINK_SLACK     1024 /* of a request's head, beside the link's target */

/* How a parameter of theirs is read. */
enum how {
    AS_NUMBER,   /* an integer */
    AS_CURSOR,   /* what paging.next.after said */
    AS_LIMIT,    /* rows of a page */
    AS_TYPE,     /* a type of activities */
    AS_AFTER,    /* an instant; later ones */
    AS_BEFORE,   /* an instant; earlier ones */
    AS_OBJECT,   /* "app" */
    AS_NEWEST,   /* the order that there is */
    AS_FLAG,     /* true or false, of no consequence here */
    AS_KEY,      /* read elsewhere */
    AS_BACKWARD, /* pages before this one: there are none to be had */
};

struct their_param {
    const char *name;
    const char *ours; /* parameter of `activity`; NULL: it becomes none */
    enum how how;
};

static const struct their_param audit_params[] = {
    {"actingUserId", "user", AS_NUMBER},   {"after", "cursor", AS_CURSOR},
    {"limit", "limit", AS_LIMIT},          {"occurredAfter", "from", AS_AFTER},
    {"occurredBefore", "to", AS_BEFORE},   {"sort", NULL, AS_NEWEST},
    {"fillFinalTimestamp", NULL, AS_FLAG}, {"hapikey", NULL, AS_KEY},
};

static const struct their_param security_params[] = {
    {"userId", "user", AS_NUMBER},    {"after", "cursor", AS_CURSOR},
    {"limit", "limit", AS_LIMIT},     {"fromTimestamp", "from", AS_AFTER},
    {"toTimestamp", "to", AS_BEFORE}, {"hapikey", NULL, AS_KEY},
};

static const struct their_param events_params[] = {
    {"objectType", NULL, AS_OBJECT},
    {"objectId", "app", AS_NUMBER},
    {"eventType", "type", AS_TYPE},
    {"after", "cursor", AS_CURSOR},
    {"before", NULL, AS_BACKWARD},
    {"limit", "limit", AS_LIMIT},
    {"sort", NULL, AS_NEWEST},
    {"occurredAfter", "from", AS_AFTER},
    {"occurredBefore", "to", AS_BEFORE},
    {"property.app", "app", AS_NUMBER},
    {"property.user", "user", AS_NUMBER},
    {"hapikey", NULL, AS_KEY},
};

static const struct log {
    const struct their_param *params;
    size_t params_n;
    uint64_t limit_max;
    const char *fixed; /* begin of our query string */
    const char *names; /* for a refusal */
} logs[] = {
    [HUBSPOT_AUDIT] = {audit_params, N_OF(audit_params), 1000, "",
                       "actingUserId, after, fillFinalTimestamp, limit, occurredAfter, "
                       "occurredBefore, sort"},
    [HUBSPOT_SECURITY] = {security_params, N_OF(security_params), 200,
                          "type=" HUBSPOT_SECURITY_TYPES "&",
                          "after, fromTimestamp, limit, toTimestamp, userId"},
    [HUBSPOT_EVENTS] = {events_params, N_OF(events_params), 1000, "",
                        "after, eventType, limit, objectId, objectType, occurredAfter, "
                        "occurredBefore, property.app, property.user, sort"},
};

/* ---- their parameters as a query string of ours ---- */

struct asked {
    const struct log *log;
    struct arena *arena;
    struct buf query; /* owned */
    uint64_t limit;
    bool object_id, object_type;
    char why[256]; /* empty: fine */
};

static bool refuse(struct asked *a, struct str name, struct str value, const char *allowed)
{
    text_fmt(a->why, sizeof(a->why), "%.*s is \"%.*s\"; allowed: %s", (int)name.n, name.p,
             value.n > 64 ? 64 : (int)value.n, value.p, allowed);
    return false;
}

static bool put_pair(struct asked *a, const char *name, struct str value)
{
    buf_put(&a->query, name, strlen(name));
    buf_u8(&a->query, '=');
    buf_put(&a->query, value.p, value.n);
    buf_u8(&a->query, '&');
    return true;
}

static bool put_number(struct asked *a, const char *name, uint64_t n)
{
    char text[24];
    size_t len = text_fmt(text, sizeof(text), "%llu", (unsigned long long)n);
    return put_pair(a, name, (struct str){text, len});
}

static bool put_instant(struct asked *a, const struct their_param *p, struct str name,
                        struct str value)
{
    int64_t ms;
    uint64_t number;
    if (text_u64(value, &number) == ST_OK && number < WIRE_INT_MAX)
        ms = (int64_t)number;
    else if (time_parse(value, &ms) != ST_OK || ms < 0)
        return refuse(a, name, value, "2026-11-23T09:57:22.401Z, or ms since 1970");
    return put_number(a, p->ours, (uint64_t)ms + (p->how == AS_AFTER));
}

static bool put_limit(struct asked *a, struct str name, struct str value)
{
    char allowed[32];
    text_fmt(allowed, sizeof(allowed), "1..%llu", (unsigned long long)a->log->limit_max);
    if (text_u64(value, &a->limit) != ST_OK || a->limit == 0 || a->limit > a->log->limit_max)
        return refuse(a, name, value, allowed);
    return true;
}

/* A cursor's letters need no escape; anything else is none. */
static bool put_cursor(struct asked *a, const struct their_param *p, struct str name,
                       struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.' || c == '~'))
            return refuse(a, name, value, "paging.next.after of an earlier answer");
    }
    return put_pair(a, p->ours, value);
}

static bool put_param(struct asked *a, const struct their_param *p, struct str name,
                      struct str value)
{
    uint64_t n;
    switch (p->how) {
    case AS_NUMBER:
        a->object_id |= str_eq(name, STR("objectId"));
        if (text_u64(value, &n) != ST_OK || n > WIRE_INT_MAX)
            return refuse(a, name, value, "an integer 0..9007199254740991");
        return put_number(a, p->ours, n);
    case AS_CURSOR:
        return put_cursor(a, p, name, value);
    case AS_LIMIT:
        return put_limit(a, name, value);
    case AS_TYPE:
        if (!event_is_activity(event_kind_of(value)))
            return refuse(a, name, value, "a type of activities, such as app.installed");
        return put_pair(a, p->ours, value);
    case AS_AFTER:
    case AS_BEFORE:
        return put_instant(a, p, name, value);
    case AS_OBJECT:
        a->object_type = true;
        if (!http_name_eq(value, "app"))
            return refuse(a, name, value, "app, of which all these events are");
        return true;
    case AS_NEWEST:
        if (!str_eq(value, STR("-occurredAt")) && !str_eq(value, STR("DESCENDING")))
            return refuse(a, name, value, "-occurredAt or DESCENDING, the newest first");
        return true;
    case AS_FLAG:
        if (!str_eq(value, STR("true")) && !str_eq(value, STR("false")))
            return refuse(a, name, value, "true, false");
        return true;
    case AS_BACKWARD:
        return refuse(a, name, value, "after; pages are turned forward only");
    case AS_KEY:
        break;
    }
    return true;
}

static bool take(struct asked *a, struct str raw_name, struct str raw_value)
{
    char *to = arena_alloc(a->arena, raw_name.n + raw_value.n + 1);
    struct str name, value;
    if (to == NULL)
        return text_fmt(a->why, sizeof(a->why), "no memory"), false;
    name.p = to;
    if (!http_unescape(raw_name, true, to, &name.n))
        return text_fmt(a->why, sizeof(a->why), "the query string has a bad escape"), false;
    value.p = to + name.n;
    if (!http_unescape(raw_value, true, to + name.n, &value.n))
        return text_fmt(a->why, sizeof(a->why), "the query string has a bad escape"), false;
    for (size_t i = 0; i < a->log->params_n; i++)
        if (str_eq(name, str_of(a->log->params[i].name)))
            return value.n == 0 || put_param(a, &a->log->params[i], name, value);
    text_fmt(a->why, sizeof(a->why), "%.*s is no parameter of this; allowed: %s",
             name.n > 64 ? 64 : (int)name.n, name.p, a->log->names);
    return false;
}

static bool translate(struct asked *a, struct str query)
{
    struct str name, value;
    bool ok = true;
    buf_put(&a->query, a->log->fixed, strlen(a->log->fixed));
    while (ok && http_query_next(&query, &name, &value))
        ok = take(a, name, value);
    if (ok && a->object_id && !a->object_type) {
        text_fmt(a->why, sizeof(a->why),
                 "objectId is given without objectType; allowed: "
                 "objectType=app beside it");
        ok = false;
    }
    if (ok)
        put_number(a, "limit", a->limit);
    return ok;
}

/* ---- the answer ---- */

/* The rows of NDJSON, in the arena. */
static bool read_rows(struct http_api *api, const struct query_result *r, struct request **rows,
                      uint32_t *n)
{
    struct str rest = r->data, line;
    *n = 0;
    *rows = arena_alloc(&api->arena, (r->rows_n + 1) * sizeof(**rows));
    while (*rows != NULL && hubspot_line(&rest, &line)) {
        CHECK(*n < r->rows_n);
        if (!hubspot_row(line, &api->arena, &(*rows)[*n]))
            return false;
        *n += 1;
    }
    return *rows != NULL;
}

/* Mail addresses of the users in the rows, as far as the directory has them at hand. */
static bool read_users(struct http_api *api, uint64_t account, struct hubspot_page *page)
{
    struct buf query = buf_of(QUERY_BYTES);
    struct query_result r;
    struct request *users;
    uint64_t user;
    char text[24];
    bool any = false;
    buf_put(&query, "user=", 5);
    for (uint32_t i = 0; i < page->rows_n; i++)
        if (hubspot_number(&page->rows[i], "user", &user)) {
            size_t n = text_fmt(text, sizeof(text), "%llu,", (unsigned long long)user);
            buf_put(&query, text, n);
            any = true;
        }
    bool ok = !query.bad;
    if (ok && any) {
        query.n--; /* the last comma */
        hubspot_ask(api, "users", account, (struct str){(const char *)query.p, query.n}, &r);
        ok = r.status == ST_OK && read_rows(api, &r, &users, &page->users_n);
        page->users = ok ? users : NULL;
    }
    buf_fini(&query);
    return ok;
}

/* The next page's address into api->text; p == NULL: it would not fit into a request. */
static struct str link_of(struct http_api *api, const struct exchange *x, struct str after)
{
    const struct http_head *head = &http_request_of(x)->head;
    struct str host = http_field_of(x, "host"), rest = head->query, name, value;
    struct buf *to = &api->text;
    buf_reset(to);
    buf_put(to, "http://", 7);
    buf_put(to, host.p, host.n);
    buf_put(to, head->path.p, head->path.n);
    buf_u8(to, '?');
    while (http_query_next(&rest, &name, &value))
        if (!str_eq(name, STR("after"))) {
            buf_put(to, name.p, (size_t)(value.p + value.n - name.p));
            buf_u8(to, '&');
        }
    buf_put(to, "after=", 6);
    buf_put(to, after.p, after.n);
    if (to->bad || host.n == 0 || to->n + LINK_SLACK > api->setup.headers_bytes_max)
        return (struct str){NULL, 0};
    return (struct str){(const char *)to->p, to->n};
}

static void reply(struct http_api *api, struct exchange *x, uint64_t account, enum hubspot_log log,
                  const struct hubspot_page *page)
{
    struct buf body = buf_of(BODY_BYTES_MAX);
    struct query_result result;
    struct hubspot_usage u;
    hubspot_page_put(log, page, &body);
    if (!hubspot_usage_ask(api, account, (struct str){0}, &result, &u))
        u.has_limit = false; /* too many apps for one turn */
    hubspot_reply(api, x, &body, &u);
    buf_fini(&body);
}

static void answer(struct http_api *api, struct exchange *x, uint64_t account, struct asked *asked)
{
    struct hubspot_page page = {0};
    struct query_result r;
    struct request *rows;
    enum hubspot_log log = (enum hubspot_log)(asked->log - logs);
    hubspot_ask(api, "activity", account,
                (struct str){(const char *)asked->query.p, asked->query.n}, &r);
    if (r.status == ST_BAD_CURSOR) {
        http_refuse(&x, r.status,
                    STR("after is of another question, or of an older engine; "
                        "allowed: paging.next.after of this question"));
        return;
    }
    if (r.status != ST_OK) {
        http_refuse(&x, r.status, str_of(r.why));
        return;
    }
    if (r.cursor.p != NULL)
        page.after = arena_str(&api->arena, r.cursor);
    bool ok =
        read_rows(api, &r, &rows, &page.rows_n) && (r.cursor.p == NULL || page.after.p != NULL);
    page.rows = rows;
    if (!ok || !read_users(api, account, &page)) {
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
        return;
    }
    if (page.after.p != NULL)
        page.link = link_of(api, x, page.after);
    reply(api, x, account, log, &page);
}

static void get(struct hubspot *h, struct exchange *x, enum hubspot_log log)
{
    struct http_api *api = hubspot_api(h);
    struct http_identity who;
    struct asked asked = {.log = &logs[log],
                          .arena = &api->arena,
                          .query = buf_of(QUERY_BYTES),
                          .limit = LIMIT_DEFAULT};
    if (!hubspot_who(h, HTTP_MAY_QUERY, &x, &who))
        return;
    arena_reset(&api->arena);
    if (!translate(&asked, http_request_of(x)->head.query))
        http_refuse(&x, ST_BAD_PARAMETER, str_of(asked.why));
    else if (asked.query.bad)
        http_refuse(&x, ST_NO_MEMORY, (struct str){0});
    else
        answer(api, x, who.account, &asked);
    buf_fini(&asked.query);
}

void hubspot_audit_get(void *hubspot, struct exchange *x)
{
    get(hubspot, x, HUBSPOT_AUDIT);
}

void hubspot_security_get(void *hubspot, struct exchange *x)
{
    get(hubspot, x, HUBSPOT_SECURITY);
}

void hubspot_events_get(void *hubspot, struct exchange *x)
{
    get(hubspot, x, HUBSPOT_EVENTS);
}
