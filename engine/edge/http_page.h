/* The page: files that are built into the program, served as they are.
 *
 * Each was packed by gzip when it was built; peers that cannot unpack get it unpacked. A file whose
 * name holds a hash of its content is immutable. A path without a file, as a deep link into the
 * page is, gives /index.html. */
#ifndef ENGINE_EDGE_HTTP_PAGE_H
#define ENGINE_EDGE_HTTP_PAGE_H

#include "engine/net/http.h"

struct page_file {
    const char *path; /* "/index.html" */
    const char *type; /* "text/html; charset=utf-8" */
    const char *etag; /* with its quotes */
    bool immutable;
    const uint8_t *gzip;
    size_t gzip_n;
    size_t plain_n; /* unpacked */
};

struct page_table {
    const struct page_file *files;
    size_t n;
};

/* The files of this build; none when the page was not built. */
extern const struct page_table http_page_table;

/* Serve GET of every path that has no other route. t is borrowed for the server's life; without
 * files nothing is put on the server. */
void http_page_open(struct http *h, const struct page_table *t);

#endif
