/* A writer of indented JSON, for descriptions that people read too. Everything is constant text out
 * of tables, so it checks nothing: who opens, shuts. */
#ifndef SCHEMAS_JSON_PUT_H
#define SCHEMAS_JSON_PUT_H

#include "engine/base/bytes.h"

struct json {
    struct buf *to; /* borrowed; check its fault once at the end */
    unsigned depth;
    bool first; /* nothing stands in the innermost map or list yet */
};

void json_put(struct json *j, const char *text);       /* as it is */
void json_quote(struct json *j, struct str s);         /* text as a string */
void json_next(struct json *j);                        /* comma, new line, indentation */
void json_key(struct json *j, const char *name);       /* the same, and a key */
void json_open(struct json *j, const char *name);      /* a map; name NULL: not under a key */
void json_open_item(struct json *j);                   /* a map that is an item of a list */
void json_shut(struct json *j);                        /* of the innermost map */
void json_open_list(struct json *j, const char *name); /* items on lines of their own */
void json_shut_list(struct json *j);

/* Pairs of a map: a text, JSON as it is, a number. */
void json_pair(struct json *j, const char *name, const char *text);
void json_raw(struct json *j, const char *name, const char *json);
void json_number(struct json *j, const char *name, uint64_t n);

#endif
