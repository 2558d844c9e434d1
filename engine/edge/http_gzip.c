/* gzip by zlib: the only file that knows it. The fastest level, since the loop waits for it:
 * answers are rows of like shape, which it packs ten times and more all the same. */
#include "engine/edge/http_form.h"

#define ZLIB_CONST /* its input may be const */

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define PACK_BYTES_MIN ((size_t)860)     /* below, headers and a packet are what it costs anyway */
#define PACK_BYTES_MAX ((size_t)1 << 20) /* about 5 ms */
#define WINDOW_GZIP    (15 + 16)         /* 16: gzip's frame instead of zlib's */

struct gzip {
    z_stream z;
};

enum status gzip_new(struct gzip **out)
{
    struct gzip *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return ST_NO_MEMORY;
    if (deflateInit2(&g->z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        return ST_NO_MEMORY;
    }
    *out = g;
    return ST_OK;
}

void gzip_free(struct gzip **gp)
{
    if (*gp == NULL)
        return;
    (void)deflateEnd(&(*gp)->z);
    free(*gp);
    *gp = NULL;
}

bool gzip_pack(struct gzip *g, struct str from, struct buf *to)
{
    buf_reset(to);
    if (from.n < PACK_BYTES_MIN || from.n > PACK_BYTES_MAX || deflateReset(&g->z) != Z_OK)
        return false;
    size_t room = deflateBound(&g->z, from.n);
    if (!buf_room(to, room))
        return false;
    g->z.next_in = (const Bytef *)from.p;
    g->z.avail_in = (uInt)from.n;
    g->z.next_out = to->p;
    g->z.avail_out = (uInt)room;
    if (deflate(&g->z, Z_FINISH) != Z_STREAM_END)
        return false;
    to->n = room - g->z.avail_out;
    return to->n < from.n;
}

bool gzip_unpack(struct str from, struct buf *to)
{
    z_stream z = {0};
    int code = Z_OK;
    buf_reset(to);
    if (from.n > UINT_MAX || inflateInit2(&z, WINDOW_GZIP) != Z_OK)
        return false;
    z.next_in = (const Bytef *)from.p;
    z.avail_in = (uInt)from.n;
    while (code == Z_OK && buf_room(to, 16384)) {
        z.next_out = to->p + to->n;
        z.avail_out = 16384;
        code = inflate(&z, Z_NO_FLUSH);
        to->n += 16384 - z.avail_out;
    }
    (void)inflateEnd(&z);
    return code == Z_STREAM_END;
}
