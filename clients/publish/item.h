/* Read JSON and msgpack as one stream of items, without building anything.
 *
 * {"ok": true, "rejected": [1]} reads in both encodings as
 *   MAP  TEXT "ok"  BOOL 1  TEXT "rejected"  ARRAY  INT 1  END  END  DONE
 * For answers of the engine: lenient about JSON's commas, strict about bounds. */
#ifndef CLIENTS_PUBLISH_ITEM_H
#define CLIENTS_PUBLISH_ITEM_H

#include "engine/base/bytes.h"

#define ITEM_DEPTH_MAX 16

enum item_type {
    ITEM_BAD, /* unreadable; stays so */
    ITEM_DONE,
    ITEM_MAP,
    ITEM_ARRAY,
    ITEM_END,
    ITEM_TEXT,
    ITEM_INT, /* 0..2^64-1 */
    ITEM_BOOL,
    ITEM_NULL,
    ITEM_OTHER /* negative or fractional number, binary: skipped over */
};

struct item {
    enum item_type type;
    uint64_t number;  /* INT, BOOL */
    const char *text; /* TEXT: in items.text, NUL-terminated */
    size_t text_n;
};

struct items {
    struct reader r;
    bool json;
    bool started;
    uint32_t depth;
    uint64_t left[ITEM_DEPTH_MAX]; /* msgpack: items still to come on each level */
    struct buf *text;              /* borrowed; room for all texts, so pointers into it stay */
};

/* Begin to read bytes[0..n); false: no memory. The items live until `text` is used again. */
bool items_start(struct items *it, const void *bytes, size_t n, struct buf *text);

struct item items_next(struct items *it);

/* Read past the next value, whatever it holds. */
void items_skip(struct items *it);

#endif
