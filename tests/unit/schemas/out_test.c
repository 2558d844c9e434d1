/* The writer of answers: bytes of both encodings, read back by jansson and by msgpack-c. */
#include "schemas/out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/schemas/frame_help.h"

static void expect_bytes(const struct buf *b, const void *want, size_t n)
{
    assert_false(b->bad);
    assert_int_equal(b->n, n);
    assert_memory_equal(b->p, want, n);
}

static void test_integers_are_as_short_as_they_can_be(void **state)
{
    (void)state;
    static const struct {
        int64_t v;
        const char *msgpack;
        size_t n;
        const char *json;
    } rows[] = {
#define ROW(v, bytes, text) {v, bytes, sizeof(bytes) - 1, text}
        ROW(0, "\x00", "0"),
        ROW(127, "\x7f", "127"),
        ROW(128, "\xcc\x80", "128"),
        ROW(255, "\xcc\xff", "255"),
        ROW(256, "\xcd\x01\x00", "256"),
        ROW(65535, "\xcd\xff\xff", "65535"),
        ROW(65536, "\xce\x00\x01\x00\x00", "65536"),
        ROW(4294967295, "\xce\xff\xff\xff\xff", "4294967295"),
        ROW(4294967296, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", "4294967296"),
        ROW(9007199254740991, "\xcf\x00\x1f\xff\xff\xff\xff\xff\xff", "9007199254740991"),
        ROW(-1, "\xff", "-1"),
        ROW(-32, "\xe0", "-32"),
        ROW(-33, "\xd0\xdf", "-33"),
        ROW(-128, "\xd0\x80", "-128"),
        ROW(-129, "\xd1\xff\x7f", "-129"),
        ROW(-32768, "\xd1\x80\x00", "-32768"),
        ROW(-32769, "\xd2\xff\xff\x7f\xff", "-32769"),
        ROW(-2147483649, "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", "-2147483649"),
        ROW(-9007199254740991, "\xd3\xff\xe0\x00\x00\x00\x00\x00\x01", "-9007199254740991"),
#undef ROW
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct buf b = buf_of(64);
        struct out o = out_to(ENCODING_MSGPACK, &b);
        out_i64(&o, rows[i].v);
        expect_bytes(&b, rows[i].msgpack, rows[i].n);
        buf_reset(&b);
        o = out_to(ENCODING_JSON, &b);
        out_i64(&o, rows[i].v);
        expect_bytes(&b, rows[i].json, strlen(rows[i].json));
        buf_fini(&b);
    }
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        struct str s;
        const char *json;
        struct str msgpack;
    } rows[] = {
#define S(text) {text, sizeof(text) - 1}
        {S(""), "\"\"", S("\xa0")},
        {{NULL, 0}, "\"\"", S("\xa0")},
        {S("a"), "\"a\"",
         S("\xa1"
           "a")},
        {S("\"\\/"), "\"\\\"\\\\/\"", S("\xa3\"\\/")},
        {S("\n\r\t\x01\x1f\x7f"), "\"\\n\\r\\t\\u0001\\u001f\\u007f\"",
         S("\xa6\n\r\t\x01\x1f\x7f")},
        {S("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"",
         S("\xa6\xc3\xa9\xf0\x9f\x98\x80")},
        /* What no reader would take never leaves. */
        {S("a\xff"
           "b"),
         "\"a?b\"",
         S("\xa3"
           "a?b")},
        {S("a\0b"), "\"a?b\"",
         S("\xa3"
           "a?b")},
#undef S
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct buf b = buf_of(64);
        struct out o = out_to(ENCODING_JSON, &b);
        out_str(&o, rows[i].s);
        expect_bytes(&b, rows[i].json, strlen(rows[i].json));
        buf_reset(&b);
        o = out_to(ENCODING_MSGPACK, &b);
        out_str(&o, rows[i].s);
        expect_bytes(&b, rows[i].msgpack.p, rows[i].msgpack.n);
        buf_fini(&b);
    }
}

/* Strings, lists and maps around the lengths at which msgpack's heads grow. */
static void test_lengths(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,   1,   15,  16,    17,    31,    32,   33,
                                     255, 256, 257, 65535, 65536, 65537, 70000};
    for (size_t i = 0; i < N_OF(lengths); i++) {
        struct buf text = buf_of(1 << 20);
        struct buf packed = buf_of(1 << 20);
        struct buf back = buf_of(1 << 20);
        for (size_t k = 0; k < lengths[i]; k++)
            buf_u8(&text, 'x');
        struct str s = {(const char *)text.p, text.n};
        struct out o = out_to(ENCODING_MSGPACK, &packed);
        out_array(&o, 2 + (uint32_t)lengths[i]);
        out_str(&o, s);
        out_map(&o, 1);
        out_pair_str(&o, "k", s);
        out_end(&o);
        for (size_t k = 0; k < lengths[i]; k++)
            out_u64(&o, k & 1);
        out_end(&o);
        assert_true(help_json_of((struct str){(const char *)packed.p, packed.n}, &back));
        json_t *v = json_loadb((const char *)back.p, back.n, 0, NULL);
        assert_int_equal(json_array_size(v), 2 + lengths[i]);
        assert_int_equal(json_string_length(json_array_get(v, 0)), lengths[i]);
        assert_int_equal(json_string_length(json_object_get(json_array_get(v, 1), "k")),
                         lengths[i]);
        json_decref(v);
        buf_fini(&text);
        buf_fini(&packed);
        buf_fini(&back);
    }
}

static void test_wide_maps(void **state)
{
    (void)state;
    static const uint32_t pairs[] = {15, 16, 65535, 65536};
    for (size_t i = 0; i < N_OF(pairs); i++) {
        struct buf packed = buf_of(1 << 21);
        struct buf back = buf_of(1 << 21);
        struct out o = out_to(ENCODING_MSGPACK, &packed);
        out_map(&o, pairs[i]);
        for (uint32_t k = 0; k < pairs[i]; k++) {
            char key[16];
            text_fmt(key, sizeof key, "%u", k);
            out_pair_u64(&o, key, k);
        }
        out_end(&o);
        assert_true(help_json_of((struct str){(const char *)packed.p, packed.n}, &back));
        json_t *v = json_loadb((const char *)back.p, back.n, 0, NULL);
        assert_int_equal(json_object_size(v), pairs[i]);
        json_decref(v);
        buf_fini(&packed);
        buf_fini(&back);
    }
}

static void write_everything(struct out *o)
{
    struct token number = {.type = TOKEN_INT, .number = 5};
    struct token text = {.type = TOKEN_STR, .text = STR("t")};
    struct token none = {0};
    out_map(o, 9);
    out_pair_u64(o, "u", 1);
    out_pair_i64(o, "i", -1);
    out_pair_str(o, "s", STR("x"));
    out_pair_z(o, "z", "y");
    out_pair_z(o, "n", NULL);
    out_pair_bool(o, "t", true);
    out_pair_bool(o, "f", false);
    out_pair_null(o, "0");
    out_key(o, "list");
    out_array(o, 5);
    out_token(o, &number);
    out_token(o, &text);
    out_token(o, &none);
    out_array(o, 0);
    out_end(o);
    out_map(o, 0);
    out_end(o);
    out_end(o);
    out_end(o);
}

static void test_both_encodings_say_the_same(void **state)
{
    (void)state;
    static const char want[] = "{\"u\":1,\"i\":-1,\"s\":\"x\",\"z\":\"y\",\"n\":null,\"t\":true,"
                               "\"f\":false,\"0\":null,\"list\":[5,\"t\",null,[],{}]}";
    struct buf json = buf_of(1 << 12);
    struct buf packed = buf_of(1 << 12);
    struct buf back = buf_of(1 << 12);
    struct out o = out_to(ENCODING_JSON, &json);
    write_everything(&o);
    expect_bytes(&json, want, sizeof want - 1);
    o = out_to(ENCODING_MSGPACK, &packed);
    write_everything(&o);
    assert_true(help_json_of((struct str){(const char *)packed.p, packed.n}, &back));
    expect_bytes(&back, want, sizeof want - 1);
    buf_fini(&json);
    buf_fini(&packed);
    buf_fini(&back);
}

static void test_a_full_buffer_is_seen_at_the_end(void **state)
{
    (void)state;
    struct buf whole = buf_of(1 << 12);
    struct out o = out_to(ENCODING_JSON, &whole);
    write_everything(&o);
    for (size_t cap = 0; cap < whole.n + 5; cap++) {
        struct buf b = buf_of(cap);
        o = out_to(ENCODING_JSON, &b);
        write_everything(&o);
        assert_int_equal(b.bad, cap < whole.n);
        assert_true(b.n <= cap);
        buf_fini(&b);
    }
    buf_fini(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_are_as_short_as_they_can_be),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_wide_maps),
        cmocka_unit_test(test_both_encodings_say_the_same),
        cmocka_unit_test(test_a_full_buffer_is_seen_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
