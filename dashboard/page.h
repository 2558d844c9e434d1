/* The files of the web page, embedded in the program by dashboard/build.mjs.
 *
 * All of them are gzipped: send Content-Encoding: gzip to who accepts it, inflate for the others.
 * Every response that carries one of them carries page_policy as its Content-Security-Policy.
 * The file "/" is the page itself; it also answers every path below "/accounts/", because the
 * page's own addresses stand there ("/accounts/123/insights/api?viewer=7"). */
#ifndef DASHBOARD_PAGE_H
#define DASHBOARD_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct page_file {
    const char *path;  /* "/", "/favicon.svg", "/assets/app-4KX2PQ7M.js" */
    const char *type;  /* Content-Type */
    const char *etag;  /* quoted, strong */
    const char *cache; /* Cache-Control: immutable where the name holds the content's hash */
    const unsigned char *bytes;
    size_t bytes_n;
    size_t plain_n; /* when inflated */
};

extern const struct page_file page_files[];
extern const size_t page_files_n;

extern const char page_policy[];

/* What the page loads and asks first at one of its own addresses, most urgent first. The browser is
 * told of it with the page (a Link header), so that all of it is on its way at once. */
struct page_ahead {
    const char *screen;  /* of /accounts/{account}/{screen}; "": of every one */
    const char *address; /* {account} and {viewer} stand for numbers of the page's address */
    const char *how;     /* "rel=preload; as=fetch; crossorigin" */
};

extern const struct page_ahead page_ahead[];
extern const size_t page_ahead_n;

/* False: there was no node when this program was built, and "/" is a page that says so. */
extern const bool page_built;

#endif
