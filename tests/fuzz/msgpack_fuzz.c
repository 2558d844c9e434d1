/* Any bytes as a msgpack frame. What is read is within its bounds; and what is not malformed means
 * the same when msgpack-c reads it and it is written as JSON. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/schemas/frame_help.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = {0};
    struct batch msgpack, json, peek;
    struct buf text = buf_of((size_t)16 << 20);
    if (frame_sniff(data, n) == ENCODING_JSON)
        return 0;
    frame_decode(data, n, &frame_limits_default, &arena, &msgpack);
    help_batch_check(&msgpack);
    frame_peek(data, n, &frame_limits_default, &arena, &peek);
    help_batch_check(&peek);
    CHECK(msgpack.status == ST_MALFORMED || peek.has_seq == msgpack.has_seq);
    CHECK(peek.seq == msgpack.seq);
    if (msgpack.status != ST_MALFORMED && msgpack.status != ST_NO_MEMORY) {
        CHECK(help_json_of((struct str){(const char *)data, n}, &text));
        struct str s = {(const char *)text.p, text.n};
        frame_decode(s.p, s.n, &frame_limits_default, &arena, &json);
        help_batch_check(&json);
        /* A JSON event has other sizes, and no compact form. */
        if (text.n < frame_limits_default.event_bytes_max && !help_has_compact(s))
            CHECK(help_batch_differs(&msgpack, &json) == NULL);
    }
    buf_fini(&text);
    arena_fini(&arena);
    return 0;
}
