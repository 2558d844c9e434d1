/* Text of peers: UTF-8, numbers, days and times. The first byte chooses the reader.
 * Holds: what a reader accepts is written back to the same value, and a refusal touches nothing. */
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#define UNTOUCHED 4711

static void fuzz_u64(struct str s)
{
    uint64_t v = UNTOUCHED;
    char back[32];
    if (text_u64(s, &v) != ST_OK) {
        CHECK(v == UNTOUCHED);
        return;
    }
    size_t n = text_fmt(back, sizeof(back), "%llu", (unsigned long long)v);
    CHECK(str_eq(s, (struct str){back, n}));
}

static void fuzz_day(struct str s)
{
    int32_t day = UNTOUCHED;
    char back[11];
    if (day_parse(s, &day) == ST_OK)
        CHECK(str_eq(s, str_of(day_format(day, back))));
    else
        CHECK(day == UNTOUCHED);
}

static void fuzz_time(struct str s)
{
    int64_t ms = UNTOUCHED, again = 0;
    char back[25];
    if (time_parse(s, &ms) != ST_OK) {
        CHECK(ms == UNTOUCHED);
        return;
    }
    /* An offset may reach beyond the years that can be written, by less than a day. */
    enum status st = time_parse(str_of(time_format(ms, back)), &again);
    CHECK(st == ST_OK);
    CHECK(again == ms || ms < -INT64_C(62167219200000) || ms > INT64_C(253402300799999));
    CHECK(text_is_utf8(s.p, s.n));
}

/* Valid text stays valid when cut at the front of a character, and is never mended by an addition.
 */
static void fuzz_utf8(struct str s)
{
    bool ok = text_is_utf8(s.p, s.n);
    for (size_t i = 0; i <= s.n && i < 64; i++) {
        bool starts = i == s.n || ((uint8_t)s.p[i] & 0xc0) != 0x80;
        bool parts = text_is_utf8(s.p, i) && text_is_utf8(s.p + i, s.n - i);
        CHECK(!parts || ok);
        CHECK(!(ok && starts) || parts);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const readers[])(struct str) = {fuzz_u64, fuzz_day, fuzz_time, fuzz_utf8};
    if (n == 0)
        return 0;
    readers[data[0] % N_OF(readers)]((struct str){(const char *)data + 1, n - 1});
    return 0;
}
