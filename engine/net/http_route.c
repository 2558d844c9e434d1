/* Routes: which handler a path belongs to. A few dozen patterns, looked through one by one: the
 * comparison ends at the first segment that differs, mostly the first or second. */
#include "engine/net/http_internal.h"

#include "engine/base/check.h"

#define AT_MAX N_OF(((struct http_request *)0)->at)

void http_route(struct http *h, enum http_verb method, const char *pattern,
                void (*fn)(void *arg, struct exchange *x), void *arg)
{
    CHECK(h->routes_n < HTTP_ROUTES_MAX);
    CHECK(pattern[0] == '/');
    h->routes[h->routes_n++] =
        (struct route){method, pattern, fn, arg, {.method = method, .route = pattern}};
}

/* What a path fits, and how well. */
struct fit {
    struct str at[AT_MAX]; /* raw */
    uint32_t at_n;
    unsigned loose; /* placeholders; a final '*' weighs more than any number of them */
};

static struct str segment(struct str *rest)
{
    *rest = (struct str){rest->p + 1, rest->n - 1}; /* its '/' */
    const char *slash = memchr(rest->p, '/', rest->n);
    struct str s = {rest->p, slash == NULL ? rest->n : (size_t)(slash - rest->p)};
    *rest = (struct str){rest->p + s.n, rest->n - s.n};
    return s;
}

static bool fits(const char *pattern, struct str path, struct fit *out)
{
    struct str want = str_of(pattern);
    *out = (struct fit){.at_n = 0};
    while (want.n > 0 && path.n > 0) {
        struct str w = segment(&want);
        if (str_eq(w, STR("*"))) {
            out->loose += 100;
            return true;
        }
        struct str is = segment(&path);
        if (w.n > 0 && w.p[0] == '{') {
            CHECK(out->at_n < AT_MAX);
            if (is.n == 0)
                return false;
            out->at[out->at_n++] = is;
            out->loose++;
        } else if (!str_eq(w, is)) {
            return false;
        }
    }
    return want.n == 0 && path.n == 0;
}

/* The routes whose patterns fit the path best: which methods they have, and the one asked for. */
struct found {
    struct route *route; /* NULL: none of them has the method */
    struct fit fit;
    bool methods[HTTP_VERBS_N];
    bool any;
};

static void find(struct http *h, const struct http_head *head, struct found *f)
{
    enum http_verb method = head->method == HTTP_HEAD ? HTTP_GET : head->method;
    unsigned best = UINT32_MAX;
    for (uint32_t i = 0; i < h->routes_n; i++) {
        struct route *r = &h->routes[i];
        struct fit fit;
        if (!fits(r->pattern, head->path, &fit) || fit.loose > best)
            continue;
        if (fit.loose < best)
            *f = (struct found){.any = true};
        best = fit.loose;
        f->methods[r->method] = true;
        if (r->method == method) {
            f->route = r;
            f->fit = fit;
        }
    }
}

static void allow_text(const struct found *f, char to[static 80])
{
    size_t n = 0;
    to[0] = '\0';
    for (unsigned m = 0; m < HTTP_VERBS_N; m++) {
        bool has = f->methods[m] || (m == HTTP_HEAD && f->methods[HTTP_GET]) || m == HTTP_OPTIONS;
        if (has)
            n += text_fmt(to + n, 80 - n, "%s%s", n > 0 ? ", " : "", http_verb_text(m));
    }
}

static bool unescape_all(struct exchange *x, const struct fit *fit)
{
    char *to = x->unescaped, *end = to + sizeof(x->unescaped);
    for (uint32_t i = 0; i < fit->at_n; i++) {
        size_t n;
        if ((size_t)(end - to) < fit->at[i].n || !http_unescape(fit->at[i], false, to, &n))
            return false;
        x->request.at[x->request.at_n++] = (struct str){to, n};
        to += n;
    }
    return true;
}

static void refuse_method(struct exchange *x, const struct found *f)
{
    char allow[80];
    allow_text(f, allow);
    if (x->request.head.method == HTTP_OPTIONS) {
        struct http_field field = {STR("Allow"), str_of(allow)};
        http_reply(&x, &(struct http_reply){.status = 204, .fields = &field, .fields_n = 1});
        return;
    }
    const struct http_problem_row *row = http_problem_row(HTTP_METHOD);
    http_trouble(&x,
                 &(struct http_trouble){
                     .code = row->code, .title = row->title, .status = row->http, .allow = allow});
}

void route_run(struct exchange *x)
{
    struct found f = {0};
    find(x->h, &x->request.head, &f);
    if (f.route == NULL && f.any) {
        refuse_method(x, &f);
    } else if (f.route == NULL) {
        http_refuse(&x, ST_NOT_FOUND, STR("there is nothing under this path"));
    } else if (!unescape_all(x, &f.fit)) {
        http_refuse_as(&x, HTTP_MALFORMED, STR("the path has a bad escape or is no UTF-8"));
    } else {
        x->route = f.route;
        x->request.route = f.route->pattern;
        f.route->fn(f.route->arg, x);
    }
}

/* ---- numbers ---- */

void route_count(struct exchange *x, unsigned status)
{
    struct http_route_counters *c = x->route != NULL ? &x->route->counters : &x->h->unrouted;
    uint32_t i = 0;
    while (i < c->codes_n && c->codes[i].status != status)
        i++;
    if (i == HTTP_ROUTE_CODES_MAX)
        i--; /* more codes than there are: count it somewhere */
    if (i == c->codes_n) {
        c->codes[i].status = (uint16_t)status;
        c->codes_n++;
    }
    c->codes[i].n++;
}

bool http_route_counters(const struct http *h, uint32_t i, struct http_route_counters *out)
{
    if (i > h->routes_n)
        return false;
    *out = i < h->routes_n ? h->routes[i].counters : h->unrouted;
    if (i == h->routes_n)
        out->route = "";
    return true;
}
