/* Zone files: any bytes. Holds: what is taken for a zone has days that follow each other, and
 * offsets within a day and two hours. */
#include "engine/base/check.h"
#include "engine/base/zone.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *z = NULL;
    (void)zone_name_ok((struct str){(const char *)data, size}); /* must not read beyond it */
    if (zone_parse(data, size, &z) != ST_OK) {
        CHECK(z == NULL);
        return 0;
    }
    for (int32_t day = 20000; day < 21200; day += 13) {
        const int64_t start = zone_day_start_ms(z, day), next = zone_day_start_ms(z, day + 1);
        const int32_t off = zone_offset_s(z, start);
        CHECK(off >= -26 * 3600 && off <= 26 * 3600);
        CHECK(start <= next);
        CHECK(start == next || zone_day(z, start) == day);
        CHECK(zone_day(z, start - 1) < day);
    }
    zone_free(&z);
    return 0;
}
