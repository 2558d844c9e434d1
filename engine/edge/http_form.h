/* Forms of a reply: which one the peer accepts, whether it has it already, and how it is packed. */
#ifndef ENGINE_EDGE_HTTP_FORM_H
#define ENGINE_EDGE_HTTP_FORM_H

#include "engine/base/bytes.h"
#include "engine/net/http.h"

/* The index of the media type that an Accept header likes best; the earlier at a draw. p == NULL or
 * empty: 0. -1: it accepts none. */
int form_choose(struct str accept, const char *const *types, unsigned types_n);

bool form_takes_gzip(struct str accept_encoding);

/* Is the (weak) tag among those of an If-None-Match header? */
bool form_has_tag(struct str if_none_match, const char *tag);

/* 'W/"' and 32 hex digits, of the n parts together. to holds 40 bytes. */
void form_tag(const struct str *parts, unsigned n, char to[static 40]);

struct gzip; /* a packer whose memory is used again; opaque, heap */

enum status gzip_new(struct gzip **out) MUST_CHECK;
void gzip_free(struct gzip **g); /* NULL-safe */

/* Pack into *to (emptied first). False: not worth it, too large to be packed within a turn, or no
 * memory. */
bool gzip_pack(struct gzip *g, struct str from, struct buf *to);

/* The inverse, for peers that cannot. to->cap_max bounds it. */
bool gzip_unpack(struct str from, struct buf *to);

#endif
