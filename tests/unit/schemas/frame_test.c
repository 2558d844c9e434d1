/* Frames: what is one, what is refused as a whole, the envelope, and every limit at L-1, L, L+1. A
 * JSON text here is always decoded in msgpack too, with the same outcome. */
#include "tests/unit/schemas/frame_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define CALL                                                                                       \
    "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"GET\",\"status\":200}"

static const struct batch *decode_within(struct help_twins *t, struct str text,
                                         const struct frame_limits *limits)
{
    const char *why = help_twins_decode(t, text, limits);
    if (why != NULL)
        fail_msg("%.*s differs in msgpack: %s", (int)(text.n < 300 ? text.n : 300), text.p, why);
    return &t->json;
}

static const struct batch *decode(struct help_twins *t, const char *text)
{
    return decode_within(t, str_of(text), &frame_limits_default);
}

static void test_a_batch_is_an_event_an_array_or_an_envelope(void **state)
{
    static const struct {
        const char *text;
        uint32_t n;
        bool envelope;
    } rows[] = {
        {CALL, 1, false},
        {"[]", 0, false},
        {"[" CALL "]", 1, false},
        {"[" CALL "," CALL "]", 2, false},
        {"{\"events\":[]}", 0, true},
        {"{\"events\":[" CALL "," CALL "," CALL "]}", 3, true},
        {" \n\t\r[" CALL "] ", 1, false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct batch *b = decode(*state, rows[i].text);
        assert_int_equal(b->status, ST_OK);
        assert_int_equal(b->n, rows[i].n);
        assert_int_equal(b->has_envelope, rows[i].envelope);
        assert_int_equal(b->rejects_n, 0);
        for (uint32_t e = 0; e < b->n; e++) {
            assert_int_equal(b->verdict[e], ST_OK);
            assert_int_equal(b->ev[e].kind, EV_API_CALL);
            assert_int_equal(b->ev[e].account, 7);
            assert_int_equal(b->ev[e].app, 8);
            assert_int_equal(b->ev[e].time_ms, 9);
            assert_int_equal(b->ev[e].method, METHOD_GET);
            assert_int_equal(b->ev[e].status, 200);
            assert_int_equal(b->ev[e].count, 1);
            assert_null(b->ev[e].more);
        }
    }
}

static void test_encoding_is_sniffed_by_the_first_byte(void **state)
{
    (void)state;
    const char *json[] = {"{", "[", " ", "\t", "\n", "\r"};
    for (size_t i = 0; i < N_OF(json); i++)
        assert_int_equal(frame_sniff(json[i], 1), ENCODING_JSON);
    for (unsigned c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_json = memchr("{[ \t\n\r", (int)c, 6) != NULL;
        assert_int_equal(frame_sniff(&byte, 1), is_json ? ENCODING_JSON : ENCODING_MSGPACK);
    }
    assert_int_equal(frame_sniff("", 0), ENCODING_MSGPACK);
}

static void test_envelope_fields(void **state)
{
    const struct batch *b =
        decode(*state, "{\"producer\":\"p \xc3\xa9\",\"epoch\":0,\"seq\":1,\"request\":\"r\","
                       "\"events\":[" CALL "]}");
    assert_int_equal(b->status, ST_OK);
    assert_true(b->has_seq);
    assert_true(str_eq(b->producer, STR("p \xc3\xa9")));
    assert_int_equal(b->epoch, 0);
    assert_int_equal(b->seq, 1);
    assert_int_equal(b->request.type, TOKEN_STR);
    assert_true(str_eq(b->request.text, STR("r")));
    assert_int_equal(b->n, 1);

    b = decode(*state, "{\"events\":[],\"request\":9007199254740991,\"producer\":\"p\"}");
    assert_int_equal(b->status, ST_OK);
    assert_false(b->has_seq);
    assert_int_equal(b->request.type, TOKEN_INT);
    assert_int_equal(b->request.number, WIRE_INT_MAX);
    assert_int_equal(b->n, 0);
}

#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X128 X64 X64

static void test_envelope_is_refused_as_a_whole(void **state)
{
    static const struct {
        const char *text, *word; /* the message holds the word */
        bool numbered;           /* it still consumes its seq */
    } rows[] = {
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":0,\"events\":[]}", "seq is 0", false},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":-1,\"events\":[]}", "seq is -1", false},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1.5,\"events\":[]}", "seq is a float", false},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":9007199254740992,\"events\":[]}", "seq is 900",
         false},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":null,\"events\":[]}", "seq is null", false},
        {"{\"producer\":\"p\",\"epoch\":\"1\",\"seq\":1,\"events\":[]}", "epoch is \"1\"", false},
        {"{\"producer\":\"\",\"epoch\":1,\"seq\":1,\"events\":[]}", "producer is \"\"", false},
        {"{\"producer\":\"a\\nb\",\"epoch\":1,\"seq\":1,\"events\":[]}", "producer is", false},
        {"{\"producer\":\"a\x7f\",\"epoch\":1,\"seq\":1,\"events\":[]}", "producer is", false},
        {"{\"producer\":\"" X128 "x\",\"epoch\":1,\"seq\":1,\"events\":[]}", "producer is", false},
        {"{\"producer\":7,\"epoch\":1,\"seq\":1,\"events\":[]}", "producer is 7", false},
        {"{\"seq\":1,\"events\":[]}", "seq needs a valid producer", false},
        {"{\"producer\":\"p\",\"seq\":1,\"events\":[]}", "seq needs a valid epoch", false},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1}", "events is missing", true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":{}}", "events is a map", true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":7}", "events is 7", true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":null}", "events is null", true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[],\"key\":1}", "key \"key\"", true},
        {"{\"x\":[[]],\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[" CALL "]}", "\"x\"",
         true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[],\"request\":\"" X64 "x\"}",
         "request is", true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[],\"request\":-1}", "request is -1",
         true},
        {"{\"producer\":\"p\",\"epoch\":1,\"seq\":1,\"events\":[],\"request\":[]}", "request is a",
         true},
        {"{}", "events is missing", false},
        {"{\"account\":1,\"app\":1,\"time\":1}", "a map with type is an event", false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct batch *b = decode(*state, rows[i].text);
        if (b->status != ST_INVALID || strstr(b->message.p, rows[i].word) == NULL)
            fail_msg("%s: %s, %s", rows[i].text, status_wire(b->status),
                     b->message.p != NULL ? b->message.p : "");
        assert_true(b->has_envelope);
        assert_int_equal(b->has_seq, rows[i].numbered);
        assert_int_equal(b->n, 0);
        assert_null(b->ev);
    }
}

static void test_echo_of_an_envelope_that_is_refused(void **state)
{
    const struct batch *b = decode(*state, "{\"seq\":5,\"epoch\":6,\"events\":[]}");
    assert_int_equal(b->status, ST_INVALID);
    assert_false(b->has_seq);
    assert_true(b->seq_given);
    assert_int_equal(b->seq, 5);
    assert_true(b->epoch_given);
    assert_int_equal(b->epoch, 6);
}

static void test_type_makes_a_map_an_event_wherever_it_stands(void **state)
{
    const struct batch *b =
        decode(*state, "{\"events\":[" CALL "," CALL "],\"seq\":0,\"type\":\"api.call\","
                       "\"account\":7,\"app\":8,\"time\":9,\"method\":\"GET\",\"status\":200}");
    assert_int_equal(b->status, ST_OK);
    assert_false(b->has_envelope);
    assert_int_equal(b->n, 1);
    assert_int_equal(b->verdict[0], ST_OK);
    assert_int_equal(b->unknown_n, 2);
    assert_true(str_eq(b->unknown[0].name, STR("events")));
    assert_true(str_eq(b->unknown[1].name, STR("seq")));
}

static void test_a_bad_event_never_blocks_the_good_ones(void **state)
{
    const struct batch *b =
        decode(*state,
               "[" CALL ",{\"type\":\"api.call\"},7,null,\"x\",1.5,{},{\"type\":\"nope\"},{\"type\""
               ":5,\"account\":3,\"app\":4}," CALL "]");
    static const enum status want[] = {
        ST_OK,      ST_INVALID,      ST_INVALID,      ST_INVALID,      ST_INVALID,
        ST_INVALID, ST_UNKNOWN_TYPE, ST_UNKNOWN_TYPE, ST_UNKNOWN_TYPE, ST_OK};
    assert_int_equal(b->status, ST_OK);
    assert_int_equal(b->n, N_OF(want));
    for (uint32_t i = 0; i < b->n; i++)
        assert_int_equal(b->verdict[i], want[i]);
    assert_int_equal(b->rejects_n, 8);
    for (uint32_t i = 0; i < b->rejects_n; i++) {
        assert_int_equal(b->rejects[i].index, i + 1);
        assert_int_equal(b->rejects[i].code, want[i + 1]);
        assert_true(b->rejects[i].message.n > 0);
    }
    assert_int_equal(b->ev[8].account, 3); /* for the scope and for the table of rejected events */
    assert_int_equal(b->ev[8].app, 4);
}

static void test_compact_events_exist_in_msgpack_only(void **state)
{
    struct help_twins *t = *state;
    const char *text = "[[1,7,8,9,1,200]]";
    (void)help_twins_decode(t, str_of(text), &frame_limits_default);
    assert_int_equal(t->json.status, ST_OK);
    assert_int_equal(t->json.verdict[0], ST_INVALID);
    assert_non_null(strstr(t->json.rejects[0].message.p, "in msgpack also"));
    assert_int_equal(t->msgpack.status, ST_OK);
    assert_int_equal(t->msgpack.verdict[0], ST_OK);
    assert_int_equal(t->msgpack.ev[0].status, 200);
}

static void test_unknown_fields_are_ignored_and_counted(void **state)
{
    const struct batch *b = decode(
        *state, "[{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"GET\","
                "\"status\":200,\"colour\":1.5,\"reason\":{\"a\":[1,{\"b\":null}]},\"" X64 "x\":1},"
                "{\"type\":\"api.call\",\"colour\":\"red\"}," CALL "]");
    assert_int_equal(b->status, ST_OK);
    assert_int_equal(b->verdict[0], ST_OK);
    assert_int_equal(b->unknown_n, 3);
    assert_true(str_eq(b->unknown[0].name, STR("colour")));
    assert_int_equal(b->unknown[0].n, 2);
    assert_true(str_eq(b->unknown[1].name, STR("reason")));
    assert_int_equal(b->unknown[1].n, 1);
    assert_true(str_eq(b->unknown[2].name, STR("")));
    assert_int_equal(b->unknown[2].n, 1);
}

/* An event with n unknown fields named f0, f1, ... */
static void put_fields(struct buf *to, unsigned n)
{
    static const char head[] = "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,"
                               "\"method\":\"GET\",\"status\":200";
    buf_put(to, head, sizeof head - 1);
    for (unsigned i = 0; i < n; i++) {
        char field[32];
        size_t len = text_fmt(field, sizeof field, ",\"f%u\":1", i);
        buf_put(to, field, len);
    }
    buf_u8(to, '}');
}

static struct str text_of(const struct buf *b)
{
    return (struct str){(const char *)b->p, b->n};
}

static void test_unknown_names_have_a_limit(void **state)
{
    struct buf text = buf_of(1 << 20);
    put_fields(&text, 100);
    const struct batch *b = decode_within(*state, text_of(&text), &frame_limits_default);
    assert_int_equal(b->verdict[0], ST_OK);
    assert_int_equal(b->unknown_n, 16);
    assert_true(str_eq(b->unknown[14].name, STR("f14")));
    assert_true(str_eq(b->unknown[15].name, STR("")));
    assert_int_equal(b->unknown[15].n, 85);
    buf_fini(&text);
}

static void test_limit_of_fields(void **state)
{
    for (unsigned n = 249; n <= 251; n++) { /* and 6 known ones */
        struct buf text = buf_of(1 << 20);
        put_fields(&text, n);
        const struct batch *b = decode_within(*state, text_of(&text), &frame_limits_default);
        assert_int_equal(b->status, ST_OK);
        assert_int_equal(b->verdict[0], n <= 250 ? ST_OK : ST_TOO_LARGE);
        buf_fini(&text);
    }
}

static void test_limit_of_events(void **state)
{
    struct frame_limits limits = frame_limits_default;
    limits.batch_events_max = 3;
    static const char *const rows[] = {
        "[" CALL "," CALL "]",
        "[" CALL "," CALL "," CALL "]",
        "[" CALL "," CALL "," CALL "," CALL "]",
    };
    for (uint32_t n = 2; n <= 4; n++) {
        const struct batch *b = decode_within(*state, str_of(rows[n - 2]), &limits);
        assert_int_equal(b->status, n <= 3 ? ST_OK : ST_TOO_LARGE);
        assert_int_equal(b->n, n <= 3 ? n : 0);
    }
    /* The envelope is readable although its seq stands behind the events. */
    const struct batch *b = decode_within(
        *state, STR("{\"events\":[1,2,3,4],\"producer\":\"p\",\"epoch\":1,\"seq\":7}"), &limits);
    assert_int_equal(b->status, ST_TOO_LARGE);
    assert_true(b->has_seq);
    assert_int_equal(b->seq, 7);
    assert_non_null(strstr(b->message.p, "4 events"));
}

static void test_limit_of_events_by_default(void **state)
{
    for (unsigned n = 9999; n <= 10001; n++) {
        struct buf text = buf_of(1 << 20);
        buf_u8(&text, '[');
        for (unsigned i = 0; i < n; i++)
            buf_put(&text, i == 0 ? "{}" : ",{}", i == 0 ? 2 : 3);
        buf_u8(&text, ']');
        const struct batch *b = decode_within(*state, text_of(&text), &frame_limits_default);
        assert_int_equal(b->status, n <= 10000 ? ST_OK : ST_TOO_LARGE);
        assert_int_equal(b->rejects_n, n <= 10000 ? n : 0);
        buf_fini(&text);
    }
}

/* An event of exactly n bytes of JSON, or of msgpack when packed. */
static void put_sized(struct buf *to, size_t n, bool packed)
{
    char head[] = "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"GET\","
                  "\"status\":200,\"pad\":\"";
    struct buf probe = buf_of(1 << 20);
    struct buf text = buf_of(1 << 20);
    buf_put(&text, head, sizeof head - 1);
    buf_put(&text, "\"}", 2);
    size_t empty = text.n;
    if (packed) {
        assert_true(help_msgpack_of(text_of(&text), &probe));
        empty = probe.n + 4; /* the head of a long string has 5 bytes */
    }
    buf_put(to, head, sizeof head - 1);
    for (size_t i = empty; i < n; i++)
        buf_u8(to, 'x');
    buf_put(to, "\"}", 2);
    buf_fini(&probe);
    buf_fini(&text);
}

static void test_limit_of_event_bytes(void **state)
{
    struct help_twins *t = *state;
    const size_t max = frame_limits_default.event_bytes_max;
    for (int shape = 0; shape < 3; shape++) {
        for (size_t n = max - 1; n <= max + 1; n++) {
            enum status want = n <= max ? ST_OK : ST_TOO_LARGE;
            struct buf text = buf_of(1 << 20);
            static const char *const before[] = {"", "[" CALL ", ", "{\"events\":[\"a,b\",[1,2], "};
            static const char *const after[] = {"", " ," CALL "]", " ," CALL "]}"};
            uint32_t at = (uint32_t)shape;
            buf_put(&text, before[shape], strlen(before[shape]));
            put_sized(&text, n, false);
            buf_put(&text, after[shape], strlen(after[shape]));
            (void)help_twins_decode(t, text_of(&text), &frame_limits_default);
            assert_int_equal(t->json.status, ST_OK);
            assert_int_equal(t->json.verdict[at], want);
            if (shape != 0)
                assert_int_equal(t->json.verdict[at + 1], ST_OK);

            buf_reset(&text);
            buf_put(&text, before[shape], strlen(before[shape]));
            put_sized(&text, n, true);
            buf_put(&text, after[shape], strlen(after[shape]));
            (void)help_twins_decode(t, text_of(&text), &frame_limits_default);
            assert_int_equal(t->msgpack.status, ST_OK);
            assert_int_equal(t->msgpack.verdict[at], want);
            buf_fini(&text);
        }
    }
}

/* "[[[...]]]" as the value of an unknown field, so that the deepest stands at nesting n. */
static void put_nested(struct buf *to, unsigned n, bool map)
{
    static const char head[] = "[{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,"
                               "\"method\":\"GET\",\"status\":200,\"x\":";
    buf_put(to, head, sizeof head - 1);
    for (unsigned i = 2; i < n; i++)
        buf_put(to, map ? "{\"a\":" : "[", map ? 5 : 1);
    if (map)
        buf_u8(to, '1');
    for (unsigned i = 2; i < n; i++)
        buf_u8(to, map ? '}' : ']');
    buf_put(to, "}]", 2);
}

static void test_limit_of_nesting(void **state)
{
    static const unsigned rows[] = {7, 8, 9, 32, 33, 500};
    for (size_t i = 0; i < N_OF(rows); i++) {
        for (int map = 0; map < 2; map++) {
            struct buf text = buf_of(1 << 20);
            put_nested(&text, rows[i], map);
            const struct batch *b = decode_within(*state, text_of(&text), &frame_limits_default);
            assert_int_equal(b->status, rows[i] <= 8 ? ST_OK : ST_MALFORMED);
            buf_fini(&text);
        }
    }
}

static void test_nesting_of_a_million_is_only_malformed(void **state)
{
    struct help_twins *t = *state;
    static char deep[1000000];
    static const struct {
        int byte;
        enum encoding encoding;
    } rows[] = {{'[', ENCODING_JSON}, {'{', ENCODING_JSON}, {0x91, ENCODING_MSGPACK}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        memset(deep, rows[i].byte, sizeof deep);
        frame_decode(deep, sizeof deep, &frame_limits_default, &t->arena, &t->json);
        assert_int_equal(t->json.status, ST_MALFORMED);
        assert_int_equal(t->json.encoding, rows[i].encoding);
    }
}

static void test_limits_are_options(void **state)
{
    struct frame_limits limits = frame_limits_default;
    const char *text = "[{\"type\":\"app.error\",\"account\":7,\"app\":8,\"time\":9,\"user\":1,"
                       "\"reason\":\"12345678\"},{\"type\":\"permission.granted\",\"account\":7,"
                       "\"app\":8,\"time\":9,\"scopes\":[\"12345678\",\"b\"]}]";
    limits.string_bytes_max = 8;
    limits.scopes_max = 2;
    limits.depth_max = 3;
    const struct batch *b = decode_within(*state, str_of(text), &limits);
    assert_int_equal(b->status, ST_OK);
    assert_int_equal(b->rejects_n, 0);
    limits.string_bytes_max = 7;
    b = decode_within(*state, str_of(text), &limits);
    assert_int_equal(b->rejects_n, 2);
    assert_non_null(strstr(b->rejects[0].message.p, "0..7 bytes"));
    limits.string_bytes_max = 8;
    limits.scopes_max = 1;
    b = decode_within(*state, str_of(text), &limits);
    assert_int_equal(b->rejects_n, 1);
    limits.scopes_max = 2;
    limits.depth_max = 2;
    b = decode_within(*state, str_of(text), &limits);
    assert_int_equal(b->status, ST_MALFORMED);
    /* Over the default: strings may be longer than the table says by default. */
    limits = frame_limits_default;
    limits.string_bytes_max = 300;
    b = decode_within(*state,
                      STR("[{\"type\":\"app.error\",\"account\":7,\"app\":8,\"time\":9,\"user\":1,"
                          "\"reason\":\"" X128 X128 "xyz\"}]"),
                      &limits);
    assert_int_equal(b->rejects_n, 0);
}

/* ---- rejects and memory ---- */

static void test_rejects_stay_in_order(void **state)
{
    struct help_twins *t = *state;
    const char *text = "[" CALL ",{}," CALL ",{}," CALL "]";
    frame_decode(text, strlen(text), &frame_limits_default, &t->arena, &t->json);
    struct batch *b = &t->json;
    assert_int_equal(b->rejects_n, 2);
    assert_true(batch_reject(b, &t->arena, 4, ST_TOO_OLD, STR("")));
    assert_true(batch_reject(b, &t->arena, 0, ST_TOO_NEW, STR("late")));
    assert_true(batch_reject(b, &t->arena, 2, ST_FORBIDDEN, STR("")));
    assert_true(batch_reject(b, &t->arena, 1, ST_FORBIDDEN, STR("keeps the verdict it has")));
    static const enum status want[] = {ST_TOO_NEW, ST_UNKNOWN_TYPE, ST_FORBIDDEN, ST_UNKNOWN_TYPE,
                                       ST_TOO_OLD};
    assert_int_equal(b->rejects_n, N_OF(want));
    for (uint32_t i = 0; i < N_OF(want); i++) {
        assert_int_equal(b->rejects[i].index, i);
        assert_int_equal(b->rejects[i].code, want[i]);
        assert_int_equal(b->verdict[i], want[i]);
    }
}

static void test_many_rejects(void **state)
{
    struct help_twins *t = *state;
    struct buf text = buf_of(1 << 20);
    buf_u8(&text, '[');
    for (unsigned i = 0; i < 1000; i++)
        buf_put(&text, "{},", 3);
    buf_put(&text, CALL "]", sizeof CALL);
    const struct batch *b = decode_within(t, text_of(&text), &frame_limits_default);
    assert_int_equal(b->rejects_n, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(b->rejects[i].index, i);
    buf_fini(&text);
}

/* Whatever the arena allows, the outcome is right or it is NO_MEMORY, and never half. */
static void test_little_memory(void **state)
{
    (void)state;
    struct help_twins full = {0};
    const char *text = "{\"producer\":\"p\",\"epoch\":1,\"seq\":2,\"events\":[" CALL
                       ",{\"type\":\"x\"},{\"type\":\"permission.granted\",\"account\":1,\"app\":2,"
                       "\"time\":3,\"scopes\":[\"a\",\"b\"],\"id\":\"i\",\"x\":1},{\"type\":"
                       "\"directory.user\",\"account\":1,\"time\":1,\"user\":3,\"name\":\"n\"}]}";
    assert_null(help_twins_decode(&full, str_of(text), &frame_limits_default));
    unsigned refused = 0;
    unsigned right = 0;
    for (size_t max = 16; max < 8192; max += 16) {
        struct arena small = {.max_bytes = max};
        struct batch b;
        frame_decode(text, strlen(text), &frame_limits_default, &small, &b);
        bool whole = b.status == ST_OK && help_batch_differs(&full.json, &b) == NULL;
        if (!whole)
            assert_int_equal(b.status, ST_NO_MEMORY);
        arena_reset(&small);
        frame_decode(full.packed.p, full.packed.n, &frame_limits_default, &small, &b);
        bool packed = b.status == ST_OK && help_batch_differs(&full.msgpack, &b) == NULL;
        if (!packed)
            assert_int_equal(b.status, ST_NO_MEMORY);
        refused += !whole + !packed;
        right += whole + packed;
        arena_fini(&small);
    }
    assert_true(refused > 10);
    assert_true(right > 10);
    help_twins_fini(&full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, help_twins_setup, help_twins_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_an_event_an_array_or_an_envelope),
        TEST(test_encoding_is_sniffed_by_the_first_byte),
        TEST(test_envelope_fields),
        TEST(test_envelope_is_refused_as_a_whole),
        TEST(test_echo_of_an_envelope_that_is_refused),
        TEST(test_type_makes_a_map_an_event_wherever_it_stands),
        TEST(test_a_bad_event_never_blocks_the_good_ones),
        TEST(test_compact_events_exist_in_msgpack_only),
        TEST(test_unknown_fields_are_ignored_and_counted),
        TEST(test_unknown_names_have_a_limit),
        TEST(test_limit_of_fields),
        TEST(test_limit_of_events),
        TEST(test_limit_of_events_by_default),
        TEST(test_limit_of_event_bytes),
        TEST(test_limit_of_nesting),
        TEST(test_nesting_of_a_million_is_only_malformed),
        TEST(test_limits_are_options),
        TEST(test_rejects_stay_in_order),
        TEST(test_many_rejects),
        TEST(test_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
