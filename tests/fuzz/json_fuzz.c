/* Any bytes as a JSON frame. What is read is within its bounds; and what is not malformed means the
 * same in msgpack. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/schemas/frame_help.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = {0};
    struct batch msgpack, json, peek;
    struct buf packed = buf_of((size_t)16 << 20);
    struct str s = {(const char *)data, n};
    if (frame_sniff(data, n) == ENCODING_MSGPACK)
        return 0;
    frame_decode(s.p, s.n, &frame_limits_default, &arena, &json);
    help_batch_check(&json);
    frame_peek(s.p, s.n, &frame_limits_default, &arena, &peek);
    help_batch_check(&peek);
    CHECK(json.status == ST_MALFORMED || peek.has_seq == json.has_seq);
    CHECK(peek.seq == json.seq);
    if (json.status != ST_MALFORMED && json.status != ST_NO_MEMORY &&
        n < frame_limits_default.event_bytes_max && !help_has_compact(s)) {
        CHECK(help_msgpack_of(s, &packed));
        frame_decode(packed.p, packed.n, &frame_limits_default, &arena, &msgpack);
        help_batch_check(&msgpack);
        CHECK(help_batch_differs(&msgpack, &json) == NULL);
    }
    buf_fini(&packed);
    arena_fini(&arena);
    return 0;
}
