/* Finding the bytes of single events in a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/raw.h"
#include "tests/draw.h"

#define BYTES(literal) literal, sizeof(literal) - 1

/* Events joined by '|'. */
static const char *walk(const char *frame, size_t n, char out[static 512])
{
    struct raw_walk w;
    struct str e;
    size_t at = 0;

    out[0] = '\0';
    raw_walk_begin((struct str){frame, n}, &w);
    while (raw_walk_next(&w, &e)) {
        assert_true(at + e.n + 1 < 512);
        memcpy(out + at, e.p, e.n);
        at += e.n;
        out[at++] = '|';
        out[at] = '\0';
    }
    assert_false(raw_walk_next(&w, &e)); /* the end stays the end */
    return out;
}

static void json_frames(void **state)
{
    static const struct {
        const char *frame, *want;
    } rows[] = {
        {"{\"type\":\"a\"}", "{\"type\":\"a\"}|"},
        {" [ {\"a\":1} , {\"b\":[1,2]},3 ,\"x,]\" ] ", "{\"a\":1}|{\"b\":[1,2]}|3|\"x,]\"|"},
        {"[]", ""},
        {"{\"seq\":1,\"events\":[{\"a\":\"}\"},{\"b\":\"\\\"]\"}],\"epoch\":2}",
         "{\"a\":\"}\"}|{\"b\":\"\\\"]\"}|"},
        {"{\"events\": []}", ""},
        {"{\"request\":\"events\",\"x\":{\"events\":[1]},\"events\":[2]}", "2|"},
        {"{\"type\":\"a\",\"events\":7}", "{\"type\":\"a\",\"events\":7}|"},
        /* cut off: what is whole is found, nothing beyond the end is read */
        {"[{\"a\":1},{\"b\"", "{\"a\":1}|"},
        {"[\"abc", ""},
        {"[\"abc\\", ""},
        {"[", ""},
        {"{", "{|"},
        {"{\"events\":", "{\"events\":|"},
        {"{\"events\"", "{\"events\"|"},
        {"{\"a\":\"x", "{\"a\":\"x|"},
        {"{\"a\":1", "{\"a\":1|"},
        /* other names, other values, and what is no object */
        {"{\"names\":[1,2],\"events\":[3]}", "3|"},
        {"{\"a\" 1,\"events\":[3]}", "{\"a\" 1,\"events\":[3]}|"},
        {"{\"a\":1 \"events\":[3]}", "{\"a\":1 \"events\":[3]}|"},
        {"{\"a\":{\"b\":1},\"events\":[3]}", "3|"},
    };
    char out[512];

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++)
        assert_string_equal(walk(rows[i].frame, strlen(rows[i].frame), out), rows[i].want);
}

static void msgpack_frames(void **state)
{
    static const struct {
        const char *frame;
        size_t n;
        const char *want;
    } rows[] = {
        {BYTES("\x92\x93\x01\xa1x\xcd\x01\x02\x81\xa1k\xc0"),
         "\x93\x01\xa1x\xcd\x01\x02|\x81\xa1k\xc0|"},
        {BYTES("\x81\xa4type\xa1x"), "\x81\xa4type\xa1x|"},
        {BYTES("\x82\xa3seq\x01\xa6"
               "events\x92\x05\xd9\x02hi"),
         "\x05|\xd9\x02hi|"},
        {BYTES("\x81\xd9\x06"
               "events\xdc\x00\x01\xde\x00\x01\xa1k\xdb\x00\x00\x00\x01v"),
         "\xde"}, /* holds NUL: only its first byte is compared */
        {BYTES("\x90"), ""},
        {BYTES("\x92\x01"), "\x01|"}, /* cut off */
        {BYTES("\x91\xd9\x05"
               "abc"),
         ""},
        {BYTES("\x91\xdd\xff\xff\xff\xff"), ""}, /* more items than bytes */
        {BYTES("\xdd\xff\xff\xff\xff\x01"), "\x01|"},
        {BYTES("\x91\xc7\x01\x01\x01"), ""}, /* an extension */
        {BYTES("\xdc"), ""},
        {BYTES(""), ""},
        /* events that are no list, or not there: the map is the event */
        {BYTES("\x81\xa6"
               "events\x05"),
         "\x81\xa6"
         "events\x05|"},
        {BYTES("\x81\xa6"
               "events"),
         "\x81\xa6"
         "events|"},
        {BYTES("\x81\xa6"
               "eve"),
         "\x81\xa6"
         "eve|"},
        {BYTES("\x82\xa1x\x92\x01\x02\xa6"
               "events\x91\x07"),
         "\x07|"},
    };
    char out[512];

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        walk(rows[i].frame, rows[i].n, out);
        if (strncmp(out, rows[i].want, strlen(rows[i].want)) != 0 ||
            (rows[i].want[0] == '\0' && out[0] != '\0'))
            fail_msg("row %zu", i);
    }
}

/* Any bytes at all: the walk ends, and stays inside. Run under the sanitizer it proves it. */
static void random_bytes(void **state)
{
    uint64_t x = 88172645463325252;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t n = 1 + round % 40;
        char *frame = malloc(n);
        struct raw_walk w;
        struct str e;

        for (size_t i = 0; i < n; i++)
            frame[i] = (char)draw(&x, 256);
        if (round % 3 == 0)
            frame[0] = "{[\x92"[round % 9 / 3];
        raw_walk_begin((struct str){frame, n}, &w);
        while (raw_walk_next(&w, &e)) {
            assert_true(e.p >= frame && e.n > 0);
            assert_true(e.p + e.n <= frame + n);
        }
        free(frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_frames),
        cmocka_unit_test(msgpack_frames),
        cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
