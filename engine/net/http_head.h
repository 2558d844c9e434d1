/* The head of a request: request line and header fields, read as a whole or refused.
 *
 * Pure, and stricter than most: what two readers could take for two things is refused, so that
 * nothing can be smuggled past a proxy in front of the engine. */
#ifndef ENGINE_NET_HTTP_HEAD_H
#define ENGINE_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/text.h"

/* Refusals, one row of schemas/http_problem.def each. */
enum http_problem {
    HTTP_FINE,
#define P(name, code, http, retry, title) name,
#include "schemas/http_problem.def"
#undef P
    HTTP_PROBLEMS_N
};

struct http_problem_row {
    const char *code;  /* "headers_too_large" */
    unsigned http;     /* status */
    bool retry;        /* may succeed later unchanged */
    const char *title; /* one phrase */
};

/* The row of p, which is not HTTP_FINE. */
const struct http_problem_row *http_problem_row(enum http_problem p);

enum http_verb {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_VERBS_N
};

const char *http_verb_text(enum http_verb m); /* "GET" */

#define HTTP_FIELDS_MAX 64

struct http_field {
    struct str name; /* as sent; compare without regard to case */
    struct str value;
};

struct http_head {
    enum http_verb method;
    bool http_1_0;
    bool keep_alive;     /* the peer wants to go on after the reply */
    bool expects;        /* it waits for "100 Continue" before it sends the body */
    struct str path;     /* raw: still percent-encoded; begins with '/' */
    struct str query;    /* raw, without '?' */
    uint64_t body_bytes; /* Content-Length; 0 when there is none */
    uint32_t fields_n;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* Where the head at the start of these bytes ends (its blank line included); 0: not yet. Looks at
 * bytes from `from` on, which were not there at the last call. */
size_t http_head_end(const char *p, size_t n, size_t from);

/* These bytes, the start of a head that has not ended, can no longer become one: a bare LF, or a
 * first byte that no method begins with (TLS, say). */
bool http_head_broken(const char *p, size_t n, size_t from);

/* Read a whole head (n as of http_head_end). Everything in *out is borrowed from p. HTTP_FINE, or
 * the refusal with *why as one sentence; *out is undefined then but for its method. */
enum http_problem http_head_read(const char *p, size_t n, struct http_head *out, const char **why);

/* The value of a field by its name in lower case; p == NULL when there is none. */
struct str http_head_field(const struct http_head *h, const char *name);

/* Is the token among the comma-separated ones of a value, without regard to case? */
bool http_has_token(struct str value, const char *token);

bool http_name_eq(struct str a, const char *lower); /* without regard to case */

/* Undo percent-encoding (and '+' as blank, when plus) into to, which holds s.n bytes. False: a bad
 * escape, a NUL, or no UTF-8. *to_n: bytes written. */
bool http_unescape(struct str s, bool plus, char *to, size_t *to_n);

/* The next name=value of a raw query; false at its end. *rest moves on; both are still encoded. */
bool http_query_next(struct str *rest, struct str *name, struct str *value);

#endif
