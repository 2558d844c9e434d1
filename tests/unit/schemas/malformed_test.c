/* Frames that cannot be read: whatever is wrong anywhere makes the whole frame malformed, in both
 * encodings, and the envelope is saved where it can be. */
#include "tests/unit/schemas/frame_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define CALL                                                                                       \
    "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"GET\",\"status\":200}"

static void expect_malformed(struct help_twins *t, const void *p, size_t n, const char *word)
{
    frame_decode(p, n, &frame_limits_default, &t->arena, &t->json);
    if (t->json.status != ST_MALFORMED || strstr(t->json.message.p, word) == NULL)
        fail_msg("%.*s: %s, %s", (int)n, (const char *)p, status_wire(t->json.status),
                 t->json.message.p != NULL ? t->json.message.p : "");
    assert_int_equal(t->json.n, 0);
}

static void test_malformed_json(void **state)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {" ", "too early"},
        {"[", "too early"},
        {"[]]", "follows"},
        {"[] []", "follows"},
        {"[nope]", "not JSON"},
        {"[1,]", "not JSON"},
        {"[NaN]", "not JSON"},
        {"{'a':1}", "not JSON"},
        {"[\"\xff\"]", "UTF-8"},
        {"[\"\xed\xa0\x80\"]", "UTF-8"},
        {"[\"\\ud800\"]", "not JSON"},
        {"[\"a\\u0000b\"]", "NUL"},
        {"[{\"a\\u0000b\":1}]", "NUL"},
        {"[{\"a\":1,\"a\":2}]", "twice"},
        {"{\"events\":[],\"events\":[]}", "twice"},
        {"[{\"type\":\"api.call\",\"x\":[{\"k\":1,\"k\":1}]}]", "twice"},
        {"[9223372036854775808]", "too large"},
        {"[-9223372036854775809]", "too large"},
        {"[1e999]", "too large"},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        expect_malformed(*state, rows[i].text, strlen(rows[i].text), rows[i].word);
    expect_malformed(*state, "[\0]", 3, "");
    expect_malformed(*state, "[\"a\0b\"]", 7, "");
    expect_malformed(*state, "[]\0", 3, "follows");
}

/* Each row stands as an event of its own, as an unknown field's value, and deeper still. */
static const struct {
    const char *bytes;
    size_t n;
    const char *word;
} bad_values[] = {
#define BAD(bytes, word)                                                                           \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, word                                                             \
    }
    BAD("\xc1", "0xc1"),
    BAD("\xc4\x01x", "bin"),
    BAD("\xc5\x00\x01x", "bin"),
    BAD("\xc6\x00\x00\x00\x01x", "bin"),
    BAD("\xc7\x01\x05x", "ext"),
    BAD("\xc8\x00\x01\x05x", "ext"),
    BAD("\xc9\x00\x00\x00\x01\x05x", "ext"),
    BAD("\xd4\x05x", "ext"),
    BAD("\xd5\x05xx", "ext"),
    BAD("\xd6\xff\x00\x00\x00\x00", "ext"),
    BAD("\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x00", "ext"),
    BAD("\xd8\x05xxxxxxxxxxxxxxxx", "ext"),
    BAD("\xa1\xff", "UTF-8"),
    BAD("\xa3\xed\xa0\x80", "UTF-8"),
    BAD("\xa3"
        "a\0b",
        "NUL"),
    BAD("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", "2^63"),
    BAD("\xca\x7f\x80\x00\x00", "finite"),
    BAD("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "not a number"),
    BAD("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00", "finite"),
    BAD("\x82\xa1"
        "a\x01\xa1"
        "a\x02",
        "twice"),
    BAD("\x82\xa1"
        "a\x01\xd9\x01"
        "a\x02",
        "twice"),
    BAD("\x81\x01\x02", "not a string"),
    BAD("\x81\xc0\x02", "not a string"),
    BAD("\x81\x90\x02", "not a string"),
#undef BAD
};

static void test_malformed_msgpack_anywhere(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } places[] = {
#define PLACE(bytes) {(bytes), sizeof(bytes) - 1}
        PLACE("\x91"),                         /* [..] */
        PLACE("\x91\x91"),                     /* [[..]] */
        PLACE("\x91\x96\x01\x07\x08\x09\x01"), /* as the last item of a compact event */
        /* behind the fields of a compact event */
        PLACE("\x91\xdc\x00\x0f\x01\x07\x08\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"),
        PLACE("\x91\x81\xa1x"),     /* [{"x":..}] */
        PLACE("\x91\x81\xa1x\x91"), /* [{"x":[..]}] */
        PLACE("\x91\x81\xa1x\x81\xa1y\x91"),
        PLACE("\x81\xa6"
              "events"), /* {"events":..} */
        PLACE("\x81\xa6"
              "events\x91"),
        PLACE("\x81\xa3seq"), PLACE("\x81\xa1x\x91"), /* an unknown key of an envelope */
        PLACE("\x82\xa4type\xa8"
              "api.call\xa1x"), /* a single event */
#undef PLACE
    };
    for (size_t p = 0; p < N_OF(places); p++) {
        for (size_t v = 0; v < N_OF(bad_values); v++) {
            char frame[128];
            memcpy(frame, places[p].bytes, places[p].n);
            memcpy(frame + places[p].n, bad_values[v].bytes, bad_values[v].n);
            expect_malformed(*state, frame, places[p].n + bad_values[v].n, bad_values[v].word);
        }
    }
}

static void test_malformed_msgpack_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *word;
    } rows[] = {
#define ROW(bytes, word) {bytes, sizeof(bytes) - 1, word}
        ROW("", "ends"),
        ROW("\x01", "a map or an array"),
        ROW("\xc0", "a map or an array"),
        ROW("\xa1x", "a map or an array"),
        ROW("\x90\xc0", "follows"),
        ROW("\x80\x80", "follows"),
        ROW("\x91", "more items"),
        ROW("\xdd\xff\xff\xff\xff", "more items"),
        ROW("\xdd\xff\x00\x00\x00", "more items"),
        ROW("\xdf\xff\xff\xff\xff", "more pairs"),
        ROW("\xdf\x00\x00\x00\x01\xa1", "more pairs"),
        ROW("\x91\xdd\xff\xff\xff\xff", "more items"),
        ROW("\x91\xdb\xff\xff\xff\xff", "longer"),
        ROW("\x91\xa2x", "longer"),
        ROW("\x91\xcd\x01", "ends inside"),
        ROW("\x92\x90", "more items"),
        ROW("\x92\x97\x01", "more items"),
        ROW("\x82\xa1x\x01\xa1x\x02", "twice"),
        ROW("\x82\xa3seq\x01\xa3seq\x02", "twice"),
        ROW("\x82\xa6"
            "events\x90\xa6"
            "events\x90",
            "twice"),
        ROW("\x82\xa4type\x01\xa4type\x02", "twice"),
#undef ROW
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        expect_malformed(*state, rows[i].bytes, rows[i].n, rows[i].word);
}

/* Every prefix of a good frame is malformed, and so is one with a byte more. */
static void test_cut_frames(void **state)
{
    struct help_twins *t = *state;
    struct help_twins cut = {0};
    const char *text = "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"events\":[" CALL "," CALL "]}";
    assert_null(help_twins_decode(t, str_of(text), &frame_limits_default));
    for (size_t n = 0; n < strlen(text); n++) {
        if (n > 0)
            expect_malformed(&cut, text, n, "");
    }
    for (size_t n = 0; n < t->packed.n; n++)
        expect_malformed(&cut, t->packed.p, n, "");
    buf_u8(&t->packed, 0xc0);
    expect_malformed(&cut, t->packed.p, t->packed.n, "follows");
    help_twins_fini(&cut);
}

static void test_many_keys_are_compared_too(void **state)
{
    for (int twice = 0; twice < 2; twice++) {
        for (unsigned n = 100; n <= 1000; n += 900) {
            struct help_twins *t = *state;
            struct buf frame = buf_of(1 << 20);
            /* [{"k0":1, "k1":1, ...}], the last key perhaps the first once more */
            buf_put(&frame, "\x91\xde", 2);
            buf_be(&frame, n, 2);
            for (unsigned i = 0; i < n; i++) {
                char key[16];
                size_t len = text_fmt(key, sizeof key, "k%u", twice && i == n - 1 ? 0 : i);
                buf_u8(&frame, (uint8_t)(0xa0 | len));
                buf_put(&frame, key, len);
                buf_u8(&frame, 1);
            }
            frame_decode(frame.p, frame.n, &frame_limits_default, &t->arena, &t->msgpack);
            assert_int_equal(t->msgpack.status, twice ? ST_MALFORMED : ST_OK);
            buf_fini(&frame);
        }
    }
}

/* ---- what is left of the envelope ---- */

static void test_envelope_of_a_malformed_frame(void **state)
{
    struct help_twins *t = *state;
    static const char *const texts[] = {
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"request\":7,\"events\":[{\"a\":1,\"a\":2}]}",
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"request\":7,\"events\":[nope]}",
        "{\"events\":[\"\xff\"],\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"request\":7}",
        "{\"events\":[\"\\\"]}\",[{}]],\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"request\":7,",
        ("{\"events\":[[[[[[[[[[1]]]]]]]]]],\"\\u0070roducer\":\"\\u0070\",\"epoch\":1,\"seq\":2,"
         "\"request\":7}"),
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"request\":7,\"x\":",
    };
    for (size_t i = 0; i < N_OF(texts); i++) {
        frame_decode(texts[i], strlen(texts[i]), &frame_limits_default, &t->arena, &t->json);
        assert_int_equal(t->json.status, ST_MALFORMED);
        assert_true(t->json.has_envelope);
        assert_true(t->json.has_seq);
        assert_true(str_eq(t->json.producer, STR("p")));
        assert_int_equal(t->json.seq, 2);
        assert_int_equal(t->json.request.number, 7);
    }
    /* The same with events that hold ext, bin and a float that is no number. */
    static const char packed[] = "\x84\xa6"
                                 "events\x93\xd4\x05x\xc4\x01\xff\xca\x7f\x80\x00\x00"
                                 "\xa8producer\xa1p\xa5"
                                 "epoch\x01\xa3seq\x02";
    frame_decode(packed, sizeof packed - 1, &frame_limits_default, &t->arena, &t->json);
    assert_int_equal(t->json.status, ST_MALFORMED);
    assert_true(t->json.has_seq);
    assert_int_equal(t->json.seq, 2);
}

static void test_no_envelope_is_made_up(void **state)
{
    struct help_twins *t = *state;
    static const char *const texts[] = {
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"seq\":3,\"events\":[]}",
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"type\":\"api.call\",\"x\":\"\xff\"}",
        "{\"producer\":\"\xff\",\"epoch\":1,\"seq\":2,\"events\":[]}",
        "{\"producer\":\"p\",\"epoch\":1,\"seq\":2e999,\"events\":[]}",
        "[{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"events\":[]}",
    };
    for (size_t i = 0; i < N_OF(texts); i++) {
        frame_decode(texts[i], strlen(texts[i]), &frame_limits_default, &t->arena, &t->json);
        assert_int_equal(t->json.status, ST_MALFORMED);
        assert_false(t->json.has_seq);
    }
}

static void test_peek(void **state)
{
    struct help_twins *t = *state;
    static const struct {
        const char *text;
        bool envelope, numbered;
    } rows[] = {
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"events\":[" CALL "]}", true, true},
        {"{\"events\":[" CALL "],\"seq\":2,\"epoch\":1,\"producer\":\"p\"}", true, true},
        {"{\"events\":[{\"seq\":9}],\"epoch\":1,\"producer\":\"p\"}", true, false},
        {"{\"events\":[]}", true, false},
        {"[" CALL "]", false, false},
        {CALL, false, false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct batch json, packed;
        struct str text = str_of(rows[i].text);
        buf_reset(&t->packed);
        t->packed.cap_max = 1 << 20;
        assert_true(help_msgpack_of(text, &t->packed));
        frame_peek(text.p, text.n, &frame_limits_default, &t->arena, &json);
        frame_peek(t->packed.p, t->packed.n, &frame_limits_default, &t->arena, &packed);
        assert_null(help_batch_differs(&json, &packed));
        assert_int_equal(json.status, ST_OK);
        assert_int_equal(json.n, 0);
        assert_int_equal(json.has_envelope, rows[i].envelope);
        assert_int_equal(json.has_seq, rows[i].numbered);
        assert_int_equal(json.seq, rows[i].numbered ? 2 : 0);
    }
}

/* An event's unknown field with n - 2 empty lists, so n maps and arrays in the frame. */
static void test_limit_of_maps_and_arrays(void **state)
{
    struct help_twins *t = *state;
    struct frame_limits limits = frame_limits_default;
    limits.batch_events_max = 1;
    for (unsigned n = 1031; n <= 1033; n++) {
        struct buf text = buf_of(1 << 20);
        static const char head[] = "{\"type\":\"api.call\",\"x\":[";
        buf_put(&text, head, sizeof head - 1);
        for (unsigned i = 2; i < n; i++)
            buf_put(&text, i == 2 ? "[]" : ",[]", i == 2 ? 2 : 3);
        buf_put(&text, "]}", 2);
        assert_null(help_twins_decode(t, (struct str){(const char *)text.p, text.n}, &limits));
        assert_int_equal(t->json.status, n <= 1032 ? ST_OK : ST_MALFORMED);
        buf_fini(&text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_twins_setup, help_twins_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_malformed_json),
        TEST(test_malformed_msgpack_anywhere),
        TEST(test_malformed_msgpack_frames),
        TEST(test_cut_frames),
        TEST(test_many_keys_are_compared_too),
        TEST(test_envelope_of_a_malformed_frame),
        TEST(test_no_envelope_is_made_up),
        TEST(test_peek),
        TEST(test_limit_of_maps_and_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
