/* Web-server access logs as API calls.
 *
 *   host ident user [22/Apr/2009:18:52:51 +1200] "GET /path?query HTTP/1.1" 200 986 "referer"
 * "agent" ...
 *
 * The time is looked for by its shape and the rest follows it, so fields in front (a virtual host)
 * and behind (nothing at all in the common format, extra ones in custom formats) do not matter. The
 * query string is left out of the path: it is where secrets and personal data stand. */
#include "collectors/import_format.h"

#include "engine/base/check.h"

static bool is_counted_method(struct str s)
{
    static const char *const names[] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                        "DELETE", "OPTIONS", "TRACE", "CONNECT"};
    for (size_t i = 0; i < N_OF(names); i++)
        if (str_eq(s, str_of(names[i])))
            return true;
    return false;
}

/* Move *s behind "[...time...]" and read the time. */
static enum import_reason take_time(struct str *s, int64_t *ms)
{
    bool bracket = false;
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i] != '[')
            continue;
        bracket = true;
        if (s->n - i >= 28 && s->p[i + 27] == ']' &&
            import_log_time((struct str){s->p + i + 1, 26}, ms) == ST_OK) {
            *s = (struct str){s->p + i + 28, s->n - i - 28};
            return IR_NONE;
        }
    }
    return bracket ? IR_BAD_TIME : IR_NO_TIME;
}

/* Move *s behind the quoted text; a quote inside it is written \". */
static bool take_quoted(struct str *s, struct str *out)
{
    const char *open = memchr(s->p, '"', s->n);
    if (open == NULL)
        return false;
    const char *stop = s->p + s->n;
    for (const char *p = open + 1; p < stop; p++) {
        if (*p == '\\' && p + 1 < stop) {
            p++;
        } else if (*p == '"') {
            *out = (struct str){open + 1, (size_t)(p - open - 1)};
            *s = (struct str){p + 1, (size_t)(stop - p - 1)};
            return true;
        }
    }
    return false;
}

/* "GET /path?query HTTP/1.1" */
static enum import_reason take_request(struct str r, struct str *method, struct str *path)
{
    const char *space = memchr(r.p, ' ', r.n);
    if (space == NULL || space == r.p)
        return IR_NO_REQUEST;
    *method = (struct str){r.p, (size_t)(space - r.p)};
    struct str target = {space + 1, r.n - method->n - 1};
    const char *version = memrchr(target.p, ' ', target.n);
    if (version != NULL && target.n - (size_t)(version - target.p) > 5 &&
        memcmp(version + 1, "HTTP/", 5) == 0)
        target.n = (size_t)(version - target.p);
    if (!is_counted_method(*method))
        return IR_BAD_METHOD;
    const char *scheme = target.n > 3 ? memmem(target.p, target.n, "://", 3) : NULL;
    const char *query = memchr(target.p, '?', target.n);
    if (query != NULL)
        target.n = (size_t)(query - target.p);
    if (scheme != NULL && scheme + 3 < target.p + target.n && target.p[0] != '/') {
        const char *slash = memchr(scheme + 3, '/', (size_t)(target.p + target.n - scheme - 3));
        if (slash != NULL)
            target = (struct str){slash, (size_t)(target.p + target.n - slash)};
    }
    if (target.n == 0)
        return IR_NO_REQUEST;
    *path = target;
    return IR_NONE;
}

/* " 200 986 ..." */
static bool take_status(struct str s, uint64_t *status)
{
    size_t i = 0;
    while (i < s.n && s.p[i] == ' ')
        i++;
    size_t n = 0;
    while (i + n < s.n && s.p[i + n] != ' ')
        n++;
    return text_u64((struct str){s.p + i, n}, status) == ST_OK && *status >= 100 && *status <= 599;
}

static enum import_step combined_next(struct importer *im)
{
    struct str line;
    do {
        if (!import_line(im, &line))
            return STEP_END;
    } while (line.n == 0);
    if (line.n > IMPORT_LINE_BYTES_MAX)
        return import_skip(im, IR_TOO_LONG, (struct str){line.p, 40});
    struct import_event *e = &im->event;
    struct str rest = line;
    struct str request;
    enum import_reason why = take_time(&rest, &e->time_ms);
    if (why == IR_NONE)
        why = take_quoted(&rest, &request) ? take_request(request, &e->method, &e->path)
                                           : IR_NO_REQUEST;
    if (why == IR_NONE && !take_status(rest, &e->status))
        why = IR_BAD_STATUS;
    if (why == IR_NONE && !text_is_utf8(e->path.p, e->path.n))
        why = IR_NOT_UTF8;
    if (why != IR_NONE)
        return import_skip(im, why, line);
    e->kind = EV_API_CALL;
    e->has_time = true;
    e->app = im->o->app;
    return STEP_EVENT;
}

const struct import_format import_combined = {
    .name = "combined",
    .summary = "web-server access logs (common and combined), one API call a line",
    .help =
        "Access logs of Apache, nginx and others, in the common or combined format, with or "
        "without\n"
        "further fields behind. Each line becomes one api.call with its method, path (without the\n"
        "query string, cut at 256 bytes), status and time (the offset in the line is honoured).\n"
        "A log names neither account nor app: give both with --account and --app.",
    .needs_account = true,
    .needs_app = true,
    .next = combined_next,
};
