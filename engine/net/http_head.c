/* Reading heads. What RFC 9112 lets a server tolerate is not tolerated: bare LF, folded lines,
 * blanks before the colon, any transfer coding, a field twice that can stand only once. The order
 * of checks is that of the bytes, so the first fault is the one that is named.
 *
 *   GET /v1/status?x=1 HTTP/1.1\r\n
 *   Host: 127.0.0.1:7700\r\n
 *   \r\n */
#include "engine/net/http_head.h"

#include "engine/base/check.h"

static const struct http_problem_row problem_rows[HTTP_PROBLEMS_N] = {
#define P(name, code, http, retry, title) [name] = {code, http, retry, title},
#include "schemas/http_problem.def"
#undef P
};

static const char *const method_names[HTTP_VERBS_N] = {
    [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",      [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS"};

/* Fields that may stand once only: two of them would let two readers see two requests. */
static const char *const single_fields[] = {
    "authorization", "content-encoding", "content-length", "content-type", "expect",
    "host",          "idempotency-key",  "last-event-id",  "origin",
};

const struct http_problem_row *http_problem_row(enum http_problem p)
{
    CHECK(p > HTTP_FINE);
    CHECK(p < HTTP_PROBLEMS_N);
    return &problem_rows[p];
}

const char *http_verb_text(enum http_verb m)
{
    CHECK((unsigned)m < HTTP_VERBS_N);
    return method_names[m];
}

/* ---- characters ---- */

static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char((unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = (struct str){s.p + 1, s.n - 1};
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool http_name_eq(struct str a, const char *b)
{
    size_t i = 0;
    while (i < a.n && b[i] != '\0' && lower(a.p[i]) == b[i])
        i++;
    return i == a.n && b[i] == '\0';
}

bool http_has_token(struct str value, const char *token)
{
    while (value.n > 0) {
        const char *comma = memchr(value.p, ',', value.n);
        size_t n = comma == NULL ? value.n : (size_t)(comma - value.p);
        if (http_name_eq(trim((struct str){value.p, n}), token))
            return true;
        n += comma != NULL;
        value = (struct str){value.p + n, value.n - n};
    }
    return false;
}

struct str http_head_field(const struct http_head *h, const char *name)
{
    for (uint32_t i = 0; i < h->fields_n; i++)
        if (http_name_eq(h->fields[i].name, name))
            return h->fields[i].value;
    return (struct str){NULL, 0};
}

/* ---- lines ---- */

size_t http_head_end(const char *p, size_t n, size_t from)
{
    size_t i = from > 3 ? from - 3 : 0;
    while (i + 4 <= n) {
        const char *at = memchr(p + i, '\r', n - 3 - i);
        if (at == NULL)
            return 0;
        if (memcmp(at, "\r\n\r\n", 4) == 0)
            return (size_t)(at - p) + 4;
        i = (size_t)(at - p) + 1;
    }
    return 0;
}

bool http_head_broken(const char *p, size_t n, size_t from)
{
    if (n > 0 && !is_token_char((unsigned char)p[0]))
        return true;
    for (size_t i = from > 1 ? from - 1 : 0; i < n; i++)
        if (p[i] == '\0' || (p[i] == '\n' && p[i - 1] != '\r'))
            return true;
    return false;
}

/* The next line without its CRLF; the rest moves on. False: the line does not end in CRLF, or holds
 * a CR, an LF or another control character. */
static bool next_line(struct str *rest, struct str *line)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    if (end == NULL || end == rest->p || end[-1] != '\r')
        return false;
    *line = (struct str){rest->p, (size_t)(end - rest->p) - 1};
    for (size_t i = 0; i < line->n; i++) {
        unsigned char c = (unsigned char)line->p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    rest->n -= line->n + 2;
    rest->p = end + 1;
    return true;
}

static enum http_problem malformed(const char **why, const char *text)
{
    *why = text;
    return HTTP_MALFORMED;
}

static enum http_problem read_version(struct str v, struct http_head *out, const char **why)
{
    bool http = v.n == 8 && memcmp(v.p, "HTTP/", 5) == 0 && v.p[6] == '.';
    if (!http)
        return malformed(why, "the request line does not end in a version such as HTTP/1.1");
    if (v.p[5] != '1' || (v.p[7] != '0' && v.p[7] != '1')) {
        *why = "the version is neither HTTP/1.0 nor HTTP/1.1";
        return HTTP_VERSION;
    }
    out->http_1_0 = v.p[7] == '0';
    return HTTP_FINE;
}

/* Origin form; the absolute form, which proxies are sent, is cut to it. */
static enum http_problem read_target(struct str t, struct http_head *out, const char **why)
{
    for (size_t i = 0; i < t.n; i++)
        if ((unsigned char)t.p[i] <= 0x20 || (unsigned char)t.p[i] >= 0x7f)
            return malformed(why, "the target has characters that must be percent-encoded");
    if (t.n > 7 && memcmp(t.p, "http://", 7) == 0) {
        const char *slash = memchr(t.p + 7, '/', t.n - 7);
        t = slash == NULL ? STR("/") : (struct str){slash, t.n - (size_t)(slash - t.p)};
    }
    if (t.n == 1 && t.p[0] == '*' && out->method == HTTP_OPTIONS)
        t = STR("/");
    if (t.n == 0 || t.p[0] != '/')
        return malformed(why, "the target is no path that begins with /");
    if (memchr(t.p, '#', t.n) != NULL)
        return malformed(why, "the target has a fragment");
    const char *mark = memchr(t.p, '?', t.n);
    out->path = (struct str){t.p, mark == NULL ? t.n : (size_t)(mark - t.p)};
    if (mark != NULL)
        out->query = (struct str){mark + 1, t.n - out->path.n - 1};
    return HTTP_FINE;
}

static enum http_problem read_request_line(struct str line, struct http_head *out, const char **why)
{
    const char *first = memchr(line.p, ' ', line.n);
    const char *last = first == NULL ? NULL : memrchr(line.p, ' ', line.n);
    if (first == NULL || last == first)
        return malformed(why, "the request line is not METHOD TARGET VERSION, parted by one blank");
    struct str method = {line.p, (size_t)(first - line.p)};
    struct str target = {first + 1, (size_t)(last - first) - 1};
    struct str version = {last + 1, line.n - (size_t)(last - line.p) - 1};
    if (!is_token(method))
        return malformed(why, "the method is no token");
    enum http_problem p = read_version(version, out, why);
    unsigned m = 0;
    while (m < HTTP_VERBS_N && !str_eq(method, str_of(method_names[m])))
        m++;
    if (p == HTTP_FINE && m == HTTP_VERBS_N) {
        *why = "the method is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
        return HTTP_NOT_IMPLEMENTED;
    }
    out->method = m == HTTP_VERBS_N ? HTTP_GET : (enum http_verb)m;
    return p == HTTP_FINE ? read_target(target, out, why) : p;
}

static enum http_problem read_field(struct str line, struct http_head *out, const char **why)
{
    if (is_blank(line.p[0]))
        return malformed(why, "a header line is folded");
    const char *colon = memchr(line.p, ':', line.n);
    if (colon == NULL)
        return malformed(why, "a header line has no colon");
    struct str name = {line.p, (size_t)(colon - line.p)};
    if (!is_token(name))
        return malformed(why,
                         "the name of a header is no token, or a blank stands before its colon");
    if (out->fields_n == HTTP_FIELDS_MAX) {
        *why = "there are over 64 headers";
        return HTTP_HEADERS;
    }
    struct str value = {colon + 1, line.n - name.n - 1};
    out->fields[out->fields_n++] = (struct http_field){name, trim(value)};
    return HTTP_FINE;
}

/* ---- what the fields mean together ---- */

static enum http_problem read_body_bytes(struct str v, struct http_head *out, const char **why)
{
    if (v.p == NULL)
        return HTTP_FINE;
    uint64_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return malformed(why, "Content-Length is not one decimal number");
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    if (v.n == 0 || v.n > 18)
        return malformed(why, "Content-Length is not one decimal number of at most 18 digits");
    out->body_bytes = n;
    return HTTP_FINE;
}

static enum http_problem check_single(const struct http_head *h, const char **why)
{
    for (size_t k = 0; k < N_OF(single_fields); k++) {
        unsigned n = 0;
        for (uint32_t i = 0; i < h->fields_n; i++)
            n += http_name_eq(h->fields[i].name, single_fields[k]);
        if (n > 1)
            return malformed(why, "a header stands twice that may stand only once");
    }
    return HTTP_FINE;
}

static bool is_host(struct str v)
{
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/?#@\\,\"<>^`{|}", c) != NULL)
            return false;
    }
    return true;
}

static enum http_problem check_host(const struct http_head *h, const char **why)
{
    struct str host = http_head_field(h, "host");
    if (host.p == NULL)
        return h->http_1_0 ? HTTP_FINE : malformed(why, "there is no Host header");
    return is_host(host) ? HTTP_FINE : malformed(why, "the Host header is no host");
}

static enum http_problem read_meaning(struct http_head *h, const char **why)
{
    if (http_head_field(h, "transfer-encoding").p != NULL)
        return malformed(why, "Transfer-Encoding is not taken; send Content-Length");
    enum http_problem p = check_single(h, why);
    if (p == HTTP_FINE)
        p = check_host(h, why);
    if (p == HTTP_FINE)
        p = read_body_bytes(http_head_field(h, "content-length"), h, why);
    if (p != HTTP_FINE)
        return p;
    struct str expect = http_head_field(h, "expect");
    if (expect.p != NULL && !http_name_eq(expect, "100-continue")) {
        *why = "only Expect: 100-continue is known";
        return HTTP_EXPECTATION;
    }
    h->expects = expect.p != NULL && !h->http_1_0 && h->body_bytes > 0;
    struct str connection = http_head_field(h, "connection");
    h->keep_alive = h->http_1_0 ? http_has_token(connection, "keep-alive")
                                : !http_has_token(connection, "close");
    return HTTP_FINE;
}

enum http_problem http_head_read(const char *p, size_t n, struct http_head *out, const char **why)
{
    struct str rest = {p, n}, line;
    *out = (struct http_head){.method = HTTP_GET};
    if (!next_line(&rest, &line))
        return malformed(why, "the request line does not end in CRLF, or has control characters");
    enum http_problem found = read_request_line(line, out, why);
    while (found == HTTP_FINE) {
        if (!next_line(&rest, &line))
            return malformed(why, "a header line does not end in CRLF, or has control characters");
        if (line.n == 0)
            break;
        found = read_field(line, out, why);
    }
    return found == HTTP_FINE ? read_meaning(out, why) : found;
}

/* ---- encoded text ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_unescape(struct str s, bool plus, char *to, size_t *to_n)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        to[n++] = c;
    }
    *to_n = n;
    return text_is_utf8(to, n);
}

bool http_query_next(struct str *rest, struct str *name, struct str *value)
{
    while (rest->n > 0) {
        const char *amp = memchr(rest->p, '&', rest->n);
        struct str pair = {rest->p, amp == NULL ? rest->n : (size_t)(amp - rest->p)};
        size_t taken = pair.n + (amp != NULL);
        *rest = (struct str){rest->p + taken, rest->n - taken};
        if (pair.n == 0)
            continue;
        const char *equals = memchr(pair.p, '=', pair.n);
        *name = (struct str){pair.p, equals == NULL ? pair.n : (size_t)(equals - pair.p)};
        *value = (struct str){pair.p + name->n, 0};
        if (equals != NULL)
            *value = (struct str){equals + 1, pair.n - name->n - 1};
        return true;
    }
    return false;
}
