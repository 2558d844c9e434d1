/* Identity over HTTP. Everything is decided from the head of the request, never from its body. */
#include "engine/edge/http_auth.h"

#include <arpa/inet.h>

#include "engine/base/check.h"

static bool ends_with(struct str s, struct str tail)
{
    return s.n >= tail.n && memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0;
}

/* "name:80" -> "name", "[::1]:80" -> "[::1]". */
static struct str without_port(struct str host)
{
    size_t n = host.n;
    while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
        n--;
    if (n > 0 && host.p[n - 1] == ':')
        host.n = n - 1;
    return host;
}

void http_auth_init(struct http_auth *a, const char *public_url)
{
    const char *from = strstr(public_url, "://");
    a->host[0] = '\0';
    if (from == NULL)
        return;
    struct str host = {from + 3, strcspn(from + 3, "/?#")};
    host = without_port(host);
    text_fmt(a->host, sizeof(a->host), "%.*s", (int)host.n, host.p);
    for (char *c = a->host; *c != '\0'; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
}

static bool is_ipv4(struct str s)
{
    char z[INET_ADDRSTRLEN];
    struct in_addr in;
    if (s.n >= sizeof(z))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return inet_pton(AF_INET, z, &in) == 1;
}

bool http_auth_host(const struct http_auth *a, struct str host)
{
    host = without_port(host);
    if (host.n == 0 || host.p[0] == '[' || memchr(host.p, '.', host.n) == NULL)
        return true;
    return is_ipv4(host) || ends_with(host, STR(".localhost")) ||
           (a->host[0] != '\0' && http_name_eq(host, a->host));
}

/* The number between prefix and the next '-' or the end. */
static bool part(struct str *s, struct str prefix, uint64_t *out)
{
    if (s->n <= prefix.n || memcmp(s->p, prefix.p, prefix.n) != 0)
        return false;
    struct str digits = {s->p + prefix.n, 0};
    while (prefix.n + digits.n < s->n && digits.p[digits.n] != '-')
        digits.n++;
    *s = (struct str){digits.p + digits.n, s->n - prefix.n - digits.n};
    return text_u64(digits, out) == ST_OK && *out <= WIRE_INT_MAX;
}

bool http_auth_token(struct str token, struct http_identity *out)
{
    struct http_identity found = {.has_account = true};
    if (!part(&token, STR("account-"), &found.account))
        return false;
    if (token.n > 0) {
        if (!part(&token, STR("-app-"), &found.app) || token.n > 0)
            return false;
        found.has_app = true;
    }
    *out = found;
    return true;
}

/* A browser says where a page came from that sends more than a plain GET. */
static bool from_elsewhere(const struct exchange *x)
{
    struct str origin = http_field_of(x, "origin"), site = http_field_of(x, "sec-fetch-site");
    struct str host = http_field_of(x, "host");
    if (http_request_of(x)->head.method == HTTP_GET || http_request_of(x)->head.method == HTTP_HEAD)
        return false;
    if (site.p != NULL && http_name_eq(site, "cross-site"))
        return true;
    if (origin.p == NULL)
        return false;
    return !(ends_with(origin, host) && origin.n > host.n &&
             origin.p[origin.n - host.n - 1] == '/');
}

bool http_auth_check(const struct http_auth *a, enum http_right right, struct exchange **x,
                     struct http_identity *out)
{
    struct str authorization = http_field_of(*x, "authorization");
    (void)right; /* without keys everybody has every right */
    *out = (struct http_identity){0};
    if (!http_auth_host(a, http_field_of(*x, "host"))) {
        http_refuse(x, ST_FORBIDDEN,
                    STR("the Host header names a host that is neither loopback nor that of the "
                        "option public_url"));
        return false;
    }
    if (from_elsewhere(*x)) {
        http_refuse(x, ST_FORBIDDEN, STR("pages of other origins may not send this"));
        return false;
    }
    if (authorization.n > 7 && http_name_eq((struct str){authorization.p, 7}, "bearer "))
        (void)http_auth_token((struct str){authorization.p + 7, authorization.n - 7}, out);
    return true;
}
