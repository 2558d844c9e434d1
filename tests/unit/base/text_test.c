/* UTF-8 against a decoder that knows no shortcut, numbers at their edges, near misses. */
#include "engine/base/check.h"
#include "engine/base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Decode, refuse what the code point forbids, encode again, compare: RFC 3629 as it is written. */
static bool slow_utf8(const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint8_t c = p[at];
        size_t len = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
        if (c >= 0x80 && (c & 0xc0) == 0x80)
            return false;
        if (len == 4 && (c & 0xf8) != 0xf0)
            return false;
        if (at + len > n)
            return false;
        uint32_t cp = len == 1 ? c : c & (0x7fu >> len);
        for (size_t i = 1; i < len; i++) {
            if ((p[at + i] & 0xc0) != 0x80)
                return false;
            cp = cp << 6 | (p[at + i] & 0x3f);
        }
        size_t shortest = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff) || shortest != len)
            return false;
        at += len;
    }
    return true;
}

static void utf8_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        bool ok;
    } rows[] = {
        {"", 0, true},
        {"plain", 5, true},
        {"\x7f", 1, true},
        {"\xc3\xa9", 2, true},
        {"\xe2\x82\xac", 3, true},
        {"\xf0\x9f\x93\x93", 4, true},
        {"\xed\x9f\xbf", 3, true},      /* U+D7FF, last before the surrogates */
        {"\xee\x80\x80", 3, true},      /* U+E000, first after them */
        {"\xf4\x8f\xbf\xbf", 4, true},  /* U+10FFFF */
        {"\xef\xbf\xbf", 3, true},      /* U+FFFF is a code point */
        {"\xf4\x90\x80\x80", 4, false}, /* U+110000 */
        {"\xed\xa0\x80", 3, false},     /* U+D800 */
        {"\xed\xbf\xbf", 3, false},     /* U+DFFF */
        {"\xc0\x80", 2, false},         /* overlong NUL */
        {"\xc1\xbf", 2, false},
        {"\xe0\x9f\xbf", 3, false},
        {"\xf0\x8f\xbf\xbf", 4, false},
        {"\x80", 1, false},
        {"\xc3", 1, false},
        {"\xe2\x82", 2, false},
        {"\xf0\x9f\x93", 3, false},
        {"\xfe", 1, false},
        {"\xff", 1, false},
        {"\xf8\x88\x80\x80\x80", 5, false},
        {"a\0b", 3, false},
        {"\0", 1, false},
        {"12345678\0", 9, false},
        {"1234567\0", 8, false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        assert_int_equal(text_is_utf8(rows[i].text, rows[i].n), rows[i].ok);
        assert_int_equal(slow_utf8((const uint8_t *)rows[i].text, rows[i].n), rows[i].ok);
    }
    assert_true(text_is_utf8(NULL, 0));
}

/* Every sequence of one to three bytes, and of four with the lead bytes where rules change. */
static void utf8_all_short_sequences(void **state)
{
    (void)state;
    uint8_t p[4];
    for (unsigned v = 0; v < 1u << 24; v++) {
        p[0] = (uint8_t)(v >> 16);
        p[1] = (uint8_t)(v >> 8);
        p[2] = (uint8_t)v;
        size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : 3;
        if (text_is_utf8((char *)p, n) != slow_utf8(p, n))
            fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
    }
    static const uint8_t leads[] = {0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff};
    static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0};
    for (size_t i = 0; i < N_OF(leads) * 256 * N_OF(tails) * N_OF(tails); i++) {
        p[0] = leads[i % N_OF(leads)];
        p[1] = (uint8_t)(i / N_OF(leads));
        p[2] = tails[i / N_OF(leads) / 256 % N_OF(tails)];
        p[3] = tails[i / N_OF(leads) / 256 / N_OF(tails)];
        assert_int_equal(text_is_utf8((char *)p, 4), slow_utf8(p, 4));
    }
}

/* Plain text is read eight bytes at a time: one odd byte must be seen wherever it stands. */
static void utf8_odd_byte_at_every_place(void **state)
{
    (void)state;
    char text[40];
    for (size_t n = 1; n <= sizeof(text); n++) {
        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memset(text, 'x', n);
                text[at] = (char)c;
                assert_int_equal(text_is_utf8(text, n), c != 0 && c < 0x80);
            }
        }
    }
}

static void u64_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status want;
        uint64_t value;
    } rows[] = {
        {"0", ST_OK, 0},
        {"7", ST_OK, 7},
        {"9007199254740991", ST_OK, WIRE_INT_MAX},
        {"18446744073709551615", ST_OK, UINT64_MAX},
        {"18446744073709551616", ST_INVALID, 0},
        {"18446744073709551625", ST_INVALID, 0},
        {"99999999999999999999", ST_INVALID, 0},
        {"100000000000000000000", ST_INVALID, 0},
        {"", ST_INVALID, 0},
        {"00", ST_INVALID, 0},
        {"01", ST_INVALID, 0},
        {"-1", ST_INVALID, 0},
        {"+1", ST_INVALID, 0},
        {" 1", ST_INVALID, 0},
        {"1 ", ST_INVALID, 0},
        {"1.0", ST_INVALID, 0},
        {"1e3", ST_INVALID, 0},
        {"0x10", ST_INVALID, 0},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        uint64_t v = 4711;
        assert_int_equal(text_u64(str_of(rows[i].text), &v), rows[i].want);
        assert_true(v == (rows[i].want == ST_OK ? rows[i].value : 4711));
    }
}

static void fmt_is_bounded(void **state)
{
    (void)state;
    char buf[8];
    assert_int_equal(text_fmt(buf, sizeof(buf), "%d", 1234), 4);
    assert_string_equal(buf, "1234");
    assert_int_equal(text_fmt(buf, sizeof(buf), "%s", "12345678"), 7);
    assert_string_equal(buf, "1234567");
    assert_int_equal(text_fmt(buf, 1, "%s", "x"), 0);
    assert_string_equal(buf, "");
    buf[0] = 'z';
    assert_int_equal(text_fmt(buf, 0, "%s", "x"), 0);
    assert_int_equal(buf[0], 'z');
}

/* The definition, exponential but obvious. */
static unsigned slow_distance(struct str a, struct str b)
{
    if (a.n == 0 || b.n == 0)
        return (unsigned)(a.n + b.n);
    struct str ra = {a.p + 1, a.n - 1}, rb = {b.p + 1, b.n - 1};
    if (a.p[0] == b.p[0])
        return slow_distance(ra, rb);
    unsigned drop = slow_distance(ra, b), add = slow_distance(a, rb), swap = slow_distance(ra, rb);
    unsigned best = drop < add ? drop : add;
    return 1 + (swap < best ? swap : best);
}

static void distance_rows_and_twin(void **state)
{
    (void)state;
    assert_int_equal(text_distance(STR("data_dir"), STR("data_dir")), 0);
    assert_int_equal(text_distance(STR("data_dri"), STR("data_dir")), 2);
    assert_int_equal(text_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(text_distance(STR(""), STR("abc")), 3);
    char deep[65];
    memset(deep, 'a', sizeof(deep));
    assert_int_equal(text_distance((struct str){deep, 64}, STR("")), 64);
    assert_int_equal(text_distance((struct str){deep, 65}, (struct str){deep, 65}), 64);
    char a[6], b[6];
    for (unsigned seed = 0; seed < 4096; seed++) {
        for (unsigned i = 0; i < 6; i++) {
            a[i] = (char)('a' + (seed >> i) % 2);
            b[i] = (char)('a' + (seed >> (i + 6)) % 3 % 2);
        }
        struct str sa = {a, 1 + seed % 6}, sb = {b, 1 + seed / 6 % 6};
        assert_int_equal(text_distance(sa, sb), slow_distance(sa, sb));
    }
}

static void str_eq_is_by_bytes(void **state)
{
    (void)state;
    assert_true(str_eq((struct str){NULL, 0}, STR("")));
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_false(str_eq(STR("a"), STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_rows),
        cmocka_unit_test(utf8_all_short_sequences),
        cmocka_unit_test(utf8_odd_byte_at_every_place),
        cmocka_unit_test(u64_rows),
        cmocka_unit_test(fmt_is_bounded),
        cmocka_unit_test(distance_rows_and_twin),
        cmocka_unit_test(str_eq_is_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
