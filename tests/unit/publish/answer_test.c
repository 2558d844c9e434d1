/* Answers in both encodings, and whatever else may arrive in their place. */
#include "clients/publish/answer.h"
#include "clients/publish/item.h"
#include "engine/base/check.h"
#include "schemas/ack.h"
#include "tests/draw.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char ack_json[] =
    "{\"ok\": true, \"seq\": 42, \"epoch\": 1763900000000, \"producer\": \"p\\u00e9 "
    "\\ud83d\\ude00\","
    " \"accepted\": 498, \"duplicate\": 1, \"rejected_n\": 1, \"rejected\": [{\"index\": 3, "
    "\"code\":"
    " \"too_old\", \"message\": \"a\\tb\\\"\", \"more\": {\"x\": [1, -2, 3.5e1, null]}}],"
    " \"later\": [[{}], \"x\"]}";

static void ack_in_json(void **state)
{
    (void)state;
    struct buf text = buf_of(1 << 20);
    struct answer a;
    assert_true(answer_read(ack_json, sizeof ack_json - 1, &text, &a));
    assert_true(a.ok && a.has_seq && a.has_epoch && !a.has_request && !a.has_expected_seq);
    assert_int_equal(a.seq, 42);
    assert_int_equal(a.epoch, UINT64_C(1763900000000));
    assert_int_equal(a.accepted, 498);
    assert_int_equal(a.duplicate, 1);
    assert_int_equal(a.rejected, 1);
    assert_int_equal(a.rejections_n, 1);
    assert_int_equal(a.rejections[0].index, 3);
    assert_string_equal(a.rejections[0].code, "too_old");
    assert_string_equal(a.rejections[0].message, "a\tb\"");
    buf_fini(&text);
}

/* The engine's own encoder, both encodings. */
static void acks_of_the_engine(void **state)
{
    (void)state;
    struct buf text = buf_of(1 << 20);
    struct buf bytes = buf_of(1 << 20);
    struct reject rejects[150];
    for (uint32_t i = 0; i < N_OF(rejects); i++)
        rejects[i] = (struct reject){i, ST_TOO_OLD, STR("older than the 30 days that are kept")};
    struct batch b = {.has_envelope = true,
                      .has_seq = true,
                      .epoch_given = true,
                      .seq_given = true,
                      .producer = STR("p"),
                      .epoch = UINT64_C(9007199254740991),
                      .seq = 300,
                      .request = {.type = TOKEN_INT, .number = 70000},
                      .n = 200,
                      .rejects = rejects,
                      .rejects_n = N_OF(rejects)};
    for (int encoding = ENCODING_JSON; encoding <= ENCODING_MSGPACK; encoding++) {
        struct answer a;
        struct outcome took = {.status = ST_OK, .accepted = 50, .rejected = N_OF(rejects)};
        struct outcome gap = {
            .status = ST_GAP, .message = STR("m"), .has_expected_seq = true, .expected_seq = 7};
        struct outcome busy = {.status = ST_BUSY, .retry_after_ms = 250};
        b.encoding = (enum encoding)encoding;
        buf_reset(&bytes);
        ack_encode(&b, &took, &bytes);
        assert_true(answer_read(bytes.p, bytes.n, &text, &a));
        assert_true(a.ok && a.has_epoch && a.has_seq && a.has_request);
        assert_int_equal(a.epoch, b.epoch);
        assert_int_equal(a.seq, 300);
        assert_int_equal(a.request, 70000);
        assert_int_equal(a.accepted, 50);
        assert_int_equal(a.rejected, 150);
        assert_int_equal(a.rejections_n, 100);
        assert_int_equal(a.rejections[99].index, 99);
        buf_reset(&bytes);
        ack_encode(&b, &gap, &bytes);
        assert_true(answer_read(bytes.p, bytes.n, &text, &a));
        assert_true(!a.ok && a.retry && a.has_expected_seq);
        assert_string_equal(a.code, "gap");
        assert_string_equal(a.message, "m");
        assert_int_equal(a.expected_seq, 7);
        buf_reset(&bytes);
        ack_encode(&b, &busy, &bytes);
        assert_true(answer_read(bytes.p, bytes.n, &text, &a));
        assert_true(!a.ok && a.retry);
        assert_int_equal(a.retry_after_ms, 250);
        /* No prefix of an answer is one. */
        for (size_t n = 0; n < bytes.n; n++)
            assert_false(answer_read(bytes.p, n, &text, &a));
    }
    buf_fini(&bytes);
    buf_fini(&text);
}

static void not_answers(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       " ",
                                       "{}",
                                       "[]",
                                       "{\"ok\": 1}",
                                       "{\"ok\": \"true\"}",
                                       "{\"ok\": true",
                                       "{\"ok\": true, \"seq\": [1]}",
                                       "{\"ok\": true, \"code\": 5}",
                                       "{\"ok\": true, \"rejected\": 5}",
                                       "{\"ok\": true, \"rejected\": [5]}",
                                       "{\"ok\": tru, \"x\": 1}",
                                       "{\"ok\": true, \"x\": \"\\q\"}",
                                       "{\"ok\": true, \"x\": \"\\ud800\"}",
                                       "{\"ok\": true, \"x\": \"a\nb\"}",
                                       "{\"ok\": true, \"x\": [[[[[[[[[[[[[[[[[[[[",
                                       "\xc1",
                                       "\x93\x01",
                                       "\x81\xa2ok",
                                       "\xdf\xff\xff\xff\xff",
                                       "\x81\xd9\xff",
                                       "\x82\xa2ok\xc3\xa1x\xc7\x01\x01\x01"};
    struct buf text = buf_of(1 << 20);
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct answer a;
        assert_false(answer_read(rows[i], strlen(rows[i]), &text, &a));
    }
    buf_fini(&text);
}

/* Answers with bytes changed at random, under the sanitizers: any verdict, no fault. */
static void mutations(void **state)
{
    (void)state;
    struct buf text = buf_of(1 << 20);
    uint64_t seed = 7;
    uint64_t read_n = 0;
    for (int i = 0; i < 20000; i++) {
        char bytes[sizeof ack_json];
        memcpy(bytes, ack_json, sizeof bytes);
        for (uint64_t k = draw(&seed, 4); k < 4; k++)
            bytes[draw(&seed, sizeof bytes)] = (char)draw(&seed, 256);
        if (i % 2 == 0)
            bytes[0] = (char)(0x80 | (bytes[0] & 0x0f));
        struct answer a;
        read_n += answer_read(bytes, sizeof bytes - 1, &text, &a);
    }
    assert_true(read_n > 100); /* most changes hit a text */
    buf_fini(&text);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        enum item_type type;
        uint64_t number;
    } rows[] = {{"\x7f", 1, ITEM_INT, 127},
                {"\xcc\xff", 2, ITEM_INT, 255},
                {"\xcd\x01\x00", 3, ITEM_INT, 256},
                {"\xce\x00\x00\x00\x05", 5, ITEM_INT, 5},
                {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, ITEM_INT, UINT64_MAX},
                {"\xd0\x05", 2, ITEM_INT, 5},
                {"\xd0\xff", 2, ITEM_OTHER, 0},
                {"\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", 9, ITEM_INT, INT64_MAX},
                {"\xff", 1, ITEM_OTHER, 0},
                {"\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9, ITEM_OTHER, 0},
                {"\xc0", 1, ITEM_NULL, 0},
                {" 0", 2, ITEM_INT, 0},
                {" 18446744073709551610", 21, ITEM_OTHER, 0},
                {" 9007199254740991", 17, ITEM_INT, UINT64_C(9007199254740991)},
                {" -1", 3, ITEM_OTHER, 0},
                {" 1.5", 4, ITEM_OTHER, 0}};
    struct buf text = buf_of(1024);
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct items it;
        assert_true(items_start(&it, rows[i].bytes, rows[i].n, &text));
        struct item item = items_next(&it);
        assert_int_equal(item.type, rows[i].type);
        if (item.type == ITEM_INT)
            assert_int_equal(item.number, rows[i].number);
        assert_int_equal(items_next(&it).type, ITEM_DONE);
    }
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack_in_json), cmocka_unit_test(acks_of_the_engine),
        cmocka_unit_test(not_answers), cmocka_unit_test(mutations),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
