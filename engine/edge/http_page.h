/* The page: files that are built into the program (dashboard/page.h), served as they are. */
#ifndef ENGINE_EDGE_HTTP_PAGE_H
#define ENGINE_EDGE_HTTP_PAGE_H

#include "dashboard/page.h"
#include "engine/net/http.h"

struct page_table {
    const struct page_file *files;
    size_t n;
    const char *policy; /* Content-Security-Policy of every file */
    const struct page_ahead *ahead;
    size_t ahead_n;
};

/* Serve GET of every path that has no other route: the file of that path; "/" also for the page's
 * own addresses below "/accounts/", with what it will need there first. t is borrowed for the
 * server's life. */
void http_page_open(struct http *h, const struct page_table *t);

#endif
