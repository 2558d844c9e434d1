/* Any bytes through any format: items to the end, never a crash, and each event is JSON that the
 * engine's decoder takes as one event. The first byte picks the format, whether times move, and
 * whether it is a delivery that arrives now. */
#include "tests/fuzz/fuzz.h"

#include "collectors/importer.h"
#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "schemas/frame.h"

static void check_event(const struct import_item *item, struct arena *a)
{
    struct batch b = {0};
    struct buf frame = buf_of((size_t)1 << 20);
    buf_u8(&frame, '[');
    buf_put(&frame, item->json.p, item->json.n);
    buf_u8(&frame, ']');
    arena_reset(a);
    frame_decode(frame.p, frame.n, &frame_limits_default, a, &b);
    buf_fini(&frame);
    CHECK(b.status == ST_OK);
    CHECK(b.n == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const unsigned formats = 6;
    struct import_options o = {.has_account = true, .account = 7, .has_app = true, .app = 42};
    const struct import_options live = {
        .received_ms = 1764000000000, .event = STR("issues"), .has_app = true, .hook_app = 55};
    struct retime r = {.shift_ms = 1000000};
    struct import_fault fault;
    struct importer *im;
    struct arena a = {0};
    if (n == 0)
        return 0;
    struct import_input in = {
        .format = import_format_at(data[0] % formats),
        .options = (data[0] & 64) != 0 ? &live : &o,
        .retime = data[0] >= 128 ? &r : NULL,
        .bytes = (const char *)data + 1,
        .n = n - 1,
    };
    if (importer_open(&in, &im, &fault) != ST_OK) {
        CHECK(fault.text[0] != '\0');
        return 0;
    }
    struct import_item item;
    size_t items = 0;
    uint64_t line = 0;
    while (importer_next(im, &item)) {
        CHECK(++items <= n);
        CHECK(item.line >= line);
        line = item.line;
        if (item.reason == IR_NONE)
            check_event(&item, &a);
    }
    CHECK(importer_at(im) == n - 1);
    importer_free(&im);
    arena_fini(&a);
    return 0;
}
