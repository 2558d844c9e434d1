/* Static files out of memory. Nothing of the page is inline and nothing comes from elsewhere, and
 * the headers say so to the browser: what an app's name smuggles in cannot run. */
#include "engine/edge/http_page.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/edge/http_form.h"

static const struct http_field security[] = {
    {STR("X-Frame-Options"), STR("DENY")},
    {STR("Referrer-Policy"), STR("no-referrer")},
    {STR("Cross-Origin-Opener-Policy"), STR("same-origin")},
    {STR("Cross-Origin-Resource-Policy"), STR("same-origin")},
    {STR("Permissions-Policy"), STR("camera=(), geolocation=(), microphone=()")},
    {STR("Vary"), STR("Accept-Encoding")},
};

#define FIELDS_MAX (N_OF(security) + 4)

static const struct page_file *find(const struct page_table *t, struct str path)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(path, str_of(t->files[i].path)))
            return &t->files[i];
    return NULL;
}

static bool is_address_of_page(struct str path)
{
    static const struct str below = STR("/accounts/");
    return path.n >= below.n && memcmp(path.p, below.p, below.n) == 0;
}

static void reply_file(struct exchange **x, const struct page_table *t,
                       const struct page_file *file)
{
    struct http_field fields[FIELDS_MAX];
    uint32_t n = N_OF(security);
    struct buf plain = buf_of(file->plain_n + 16384);
    memcpy(fields, security, sizeof(security));
    fields[n++] = (struct http_field){STR("Content-Security-Policy"), str_of(t->policy)};
    fields[n++] = (struct http_field){STR("ETag"), str_of(file->etag)};
    fields[n++] = (struct http_field){STR("Cache-Control"), str_of(file->cache)};
    struct http_reply r = {.status = 200,
                           .type = file->type,
                           .fields = fields,
                           .body = file->bytes,
                           .body_n = file->bytes_n};
    if (form_has_tag(http_field_of(*x, "if-none-match"), file->etag)) {
        r = (struct http_reply){.status = 304, .fields = fields};
    } else if (form_takes_gzip(http_field_of(*x, "accept-encoding"))) {
        fields[n++] = (struct http_field){STR("Content-Encoding"), STR("gzip")};
    } else if (gzip_unpack((struct str){(const char *)file->bytes, file->bytes_n}, &plain)) {
        r.body = plain.p;
        r.body_n = plain.n;
    } else {
        buf_fini(&plain);
        http_refuse(x, ST_NO_MEMORY, (struct str){0});
        return;
    }
    r.fields_n = n;
    http_reply(x, &r);
    buf_fini(&plain);
}

static void on_get(void *arg, struct exchange *x)
{
    const struct page_table *t = arg;
    struct str path = http_request_of(x)->head.path;
    const struct page_file *file = find(t, path);
    if (file == NULL && is_address_of_page(path))
        file = find(t, STR("/"));
    if (file != NULL)
        reply_file(&x, t, file);
    else
        http_refuse(&x, ST_NOT_FOUND, STR("there is nothing under this path"));
}

void http_page_open(struct http *h, const struct page_table *t)
{
    http_route(h, HTTP_GET, "/*", on_get, (void *)(uintptr_t)t);
}
