/* Refusals as problem+json (RFC 9457): the codes of status.def, and those only HTTP knows. */
#include "engine/net/http_internal.h"

#include "engine/base/check.h"
#include "schemas/out.h"

#define TROUBLE_BYTES_MAX ((size_t)8192)
#define RETRY_MS          1000 /* said when nobody knows better */

static void put_problem(const struct http_trouble *t, struct buf *to)
{
    char type[96];
    bool detail = t->detail.n > 0, after = t->retry_after_ms > 0;
    struct out o = out_to(ENCODING_JSON, to);
    text_fmt(type, sizeof(type), "urn:daybook:problem:%s", t->code);
    out_map(&o, 5 + (uint32_t)detail + (uint32_t)after);
    out_pair_z(&o, "type", type);
    out_pair_z(&o, "title", t->title);
    out_pair_u64(&o, "status", t->status);
    if (detail)
        out_pair_str(&o, "detail", t->detail);
    out_pair_z(&o, "code", t->code);
    out_pair_bool(&o, "retry", t->retry);
    if (after)
        out_pair_u64(&o, "retry_after_ms", t->retry_after_ms);
    out_end(&o);
}

void http_refuse_in(struct http *h, const struct http_manner *manner)
{
    CHECK(h->manners_n < HTTP_MANNERS_MAX);
    h->manners[h->manners_n++] = manner;
}

/* A request whose head could not be read has no path, and gets a problem. */
static const struct http_manner *manner_of(const struct exchange *x)
{
    static const struct http_manner problem = {"", "application/problem+json", "Signature",
                                               put_problem};
    struct str path = x->fault == HTTP_FINE ? x->request.head.path : (struct str){NULL, 0};
    for (uint32_t i = 0; i < x->h->manners_n; i++) {
        struct str prefix = str_of(x->h->manners[i]->prefix);
        if (path.n >= prefix.n && memcmp(path.p, prefix.p, prefix.n) == 0)
            return x->h->manners[i];
    }
    return &problem;
}

void http_trouble(struct exchange **x, const struct http_trouble *t)
{
    const struct http_manner *manner = manner_of(*x);
    struct buf b = buf_of(TROUBLE_BYTES_MAX);
    struct http_field fields[3];
    uint32_t n = 0;
    char seconds[16];
    manner->put(t, &b);
    if (t->status == 401) /* RFC 9110, 15.5.2 */
        fields[n++] = (struct http_field){STR("WWW-Authenticate"), str_of(manner->scheme)};
    if (t->retry && t->status == 503) {
        uint32_t ms = t->retry_after_ms > 0 ? t->retry_after_ms : RETRY_MS;
        text_fmt(seconds, sizeof(seconds), "%u", (ms + 999) / 1000);
        fields[n++] = (struct http_field){STR("Retry-After"), str_of(seconds)};
    }
    if (t->allow != NULL)
        fields[n++] = (struct http_field){STR("Allow"), str_of(t->allow)};
    struct http_reply r = {.status = t->status,
                           .type = manner->type,
                           .fields = fields,
                           .fields_n = n,
                           .body = b.p,
                           .body_n = b.bad ? 0 : b.n};
    http_reply(x, &r);
    buf_fini(&b);
}

void http_refuse(struct exchange **x, enum status st, struct str detail)
{
    const struct status_row *row = status_row(st);
    http_trouble(x, &(struct http_trouble){.code = status_wire(st),
                                           .title = row->text,
                                           .detail = detail,
                                           .status = (unsigned)row->http,
                                           .retry = row->retry});
}

void http_refuse_as(struct exchange **x, enum http_problem p, struct str detail)
{
    const struct http_problem_row *row = http_problem_row(p);
    http_trouble(x, &(struct http_trouble){.code = row->code,
                                           .title = row->title,
                                           .detail = detail,
                                           .status = row->http,
                                           .retry = row->retry});
}
