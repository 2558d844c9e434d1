/* Write msgpack into a buf, each value in its shortest form. What fails is sticky in buf->bad. */
#ifndef CLIENTS_PUBLISH_PACK_H
#define CLIENTS_PUBLISH_PACK_H

#include "engine/base/bytes.h"

void pack_nil(struct buf *b);
void pack_bool(struct buf *b, bool v);
void pack_u64(struct buf *b, uint64_t v);
void pack_str(struct buf *b, struct str s); /* at most 4 GiB - 1 */
void pack_array(struct buf *b, uint32_t n);
void pack_map(struct buf *b, uint32_t n);

#endif
