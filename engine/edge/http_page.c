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

#define FIELDS_MAX      (N_OF(security) + 5)
#define LINKS_BYTES_MAX 4096

static const struct page_file *find(const struct page_table *t, struct str path)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(path, str_of(t->files[i].path)))
            return &t->files[i];
    return NULL;
}

static bool begins(struct str s, struct str with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static struct str after(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

static bool is_address_of_page(struct str path)
{
    return begins(path, STR("/accounts/"));
}

/* ---- what the page will need first ---- */

/* One of the page's own addresses, /accounts/{account}/{screen}?viewer={viewer}. */
struct address {
    struct str account, screen;
    struct str viewer; /* empty: it names none */
};

/* Digits alone, so that it may stand in a header as it is. */
static bool is_number(struct str s)
{
    uint64_t n;
    return text_u64(s, &n) == ST_OK && n <= WIRE_INT_MAX;
}

static struct str take_segment(struct str *path)
{
    const char *end = path->n > 0 ? memchr(path->p, '/', path->n) : NULL;
    const struct str s = {path->p, end != NULL ? (size_t)(end - path->p) : path->n};
    *path = after(*path, s.n + (end != NULL));
    return s;
}

static bool read_address(const struct http_head *head, struct address *to)
{
    struct str query = head->query, name, value;
    *to = (struct address){.screen = STR("home")};
    if (!is_address_of_page(head->path))
        return false;
    struct str path = after(head->path, STR("/accounts/").n);
    to->account = take_segment(&path);
    if (path.n > 0)
        to->screen = take_segment(&path);
    while (to->viewer.n == 0 && http_query_next(&query, &name, &value))
        if (str_eq(name, STR("viewer")) && is_number(value))
            to->viewer = value;
    return is_number(to->account);
}

/* "<address>; how". False: it is for another screen, or needs a number that the address lacks. */
static bool put_link(const struct page_ahead *ahead, const struct address *at, struct buf *to)
{
    static const struct str account = STR("{account}"), viewer = STR("{viewer}");
    struct str rest = str_of(ahead->address);
    if (ahead->screen[0] != '\0' && !str_eq(at->screen, str_of(ahead->screen)))
        return false;
    buf_u8(to, '<');
    while (rest.n > 0) {
        const bool is_account = begins(rest, account), is_viewer = begins(rest, viewer);
        const struct str number = is_account ? at->account : at->viewer;
        if (!is_account && !is_viewer) {
            buf_u8(to, (uint8_t)rest.p[0]);
            rest = after(rest, 1);
            continue;
        }
        if (number.n == 0)
            return false;
        buf_put(to, number.p, number.n);
        rest = after(rest, is_account ? account.n : viewer.n);
    }
    buf_put(to, ">; ", 3);
    buf_put(to, ahead->how, strlen(ahead->how));
    return true;
}

/* The value of a Link header; empty: there is nothing to say. */
static void put_links(const struct page_table *t, const struct http_head *head, struct buf *to)
{
    struct address at;
    if (!read_address(head, &at))
        return;
    for (size_t i = 0; i < t->ahead_n; i++) {
        const size_t before = to->n;
        buf_put(to, ", ", before > 0 ? 2 : 0);
        if (!put_link(&t->ahead[i], &at, to))
            to->n = before;
    }
}

/* ---- files ---- */

static void reply_file(struct exchange **x, const struct page_table *t,
                       const struct page_file *file, struct str links)
{
    struct http_field fields[FIELDS_MAX];
    uint32_t n = N_OF(security);
    struct buf plain = buf_of(file->plain_n + 16384);
    memcpy(fields, security, sizeof(security));
    fields[n++] = (struct http_field){STR("Content-Security-Policy"), str_of(t->policy)};
    fields[n++] = (struct http_field){STR("ETag"), str_of(file->etag)};
    fields[n++] = (struct http_field){STR("Cache-Control"), str_of(file->cache)};
    if (links.n > 0)
        fields[n++] = (struct http_field){STR("Link"), links};
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
    const struct http_head *head = &http_request_of(x)->head;
    const struct page_file *file = find(t, head->path);
    struct buf links = buf_of(LINKS_BYTES_MAX);
    if (file == NULL && is_address_of_page(head->path))
        file = find(t, STR("/"));
    put_links(t, head, &links);
    if (links.bad)
        buf_reset(&links); /* it is only sooner with them */
    if (file != NULL)
        reply_file(&x, t, file, (struct str){(const char *)links.p, links.n});
    else
        http_refuse(&x, ST_NOT_FOUND, STR("there is nothing under this path"));
    buf_fini(&links);
}

void http_page_open(struct http *h, const struct page_table *t)
{
    http_route(h, HTTP_GET, "/*", on_get, (void *)(uintptr_t)t);
}
