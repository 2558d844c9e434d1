/* Acks and refusals, word for word, in both encodings. */
#include "schemas/ack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/schemas/frame_help.h"

/* The answer to the same batch in the other encoding must be the same. */
static void expect(struct batch *b, const struct outcome *o, const char *want)
{
    struct buf json = buf_of(1 << 16);
    struct buf packed = buf_of(1 << 16);
    struct buf back = buf_of(1 << 16);
    b->encoding = ENCODING_JSON;
    ack_encode(b, o, &json);
    b->encoding = ENCODING_MSGPACK;
    ack_encode(b, o, &packed);
    assert_false(json.bad || packed.bad);
    assert_true(help_json_of((struct str){(const char *)packed.p, packed.n}, &back));
    buf_u8(&json, 0);
    buf_u8(&back, 0);
    assert_string_equal((const char *)json.p, want);
    assert_string_equal((const char *)back.p, want);
    buf_fini(&json);
    buf_fini(&packed);
    buf_fini(&back);
}

static struct batch numbered(void)
{
    return (struct batch){.has_envelope = true,
                          .has_seq = true,
                          .seq_given = true,
                          .epoch_given = true,
                          .producer = STR("billing-eu-1"),
                          .epoch = 1763900000000,
                          .seq = 42};
}

#define ECHO "\"producer\":\"billing-eu-1\",\"epoch\":1763900000000,\"seq\":42"

static void test_ack(void **state)
{
    (void)state;
    struct reject rejects[] = {{3, ST_TOO_OLD, STR("time is 40 days old")}, {7, ST_INVALID, {0}}};
    struct batch b = numbered();
    b.rejects = rejects;
    b.rejects_n = 2;
    b.request = (struct token){.type = TOKEN_STR, .text = STR("r1")};
    struct outcome o = {.accepted = 498, .duplicate = 1, .rejected = 2};
    expect(&b, &o,
           "{\"ok\":true," ECHO ",\"request\":\"r1\",\"accepted\":498,\"duplicate\":1,"
           "\"rejected_n\":2,\"rejected\":[{\"index\":3,\"code\":\"too_old\",\"message\":\"time is "
           "40 days old\"},{\"index\":7,\"code\":\"invalid\",\"message\":\"a field is missing, of "
           "the wrong type or out of range\"}]}");
}

static void test_ack_of_a_bare_batch_echoes_nothing(void **state)
{
    (void)state;
    struct batch b = {0};
    struct outcome o = {.accepted = 3};
    expect(&b, &o, "{\"ok\":true,\"accepted\":3,\"duplicate\":0,\"rejected_n\":0,\"rejected\":[]}");
}

static void test_duplicate(void **state)
{
    (void)state;
    struct reject rejects[] = {{0, ST_TOO_OLD, STR("x")}};
    struct batch b = numbered();
    b.rejects = rejects; /* of this copy: they were told with the first one */
    b.rejects_n = 1;
    struct outcome o = {.status = ST_DUPLICATE, .duplicate = 500};
    expect(&b, &o,
           "{\"ok\":true," ECHO ",\"accepted\":0,\"duplicate\":500,\"rejected_n\":0,\"rejected\":[]"
           ",\"code\":\"duplicate\"}");
}

static void test_cursor(void **state)
{
    (void)state;
    struct batch b = {.has_envelope = true, .producer = STR("p")};
    struct outcome o = {.cursor = true, .epoch = 8, .seq = 9};
    expect(&b, &o,
           "{\"ok\":true,\"producer\":\"p\",\"epoch\":8,\"seq\":9,\"accepted\":0,\"duplicate\":0,"
           "\"rejected_n\":0,\"rejected\":[]}");
}

static void test_refusals(void **state)
{
    (void)state;
    struct batch b = numbered();
    struct outcome gap = {.status = ST_GAP, .has_expected_seq = true, .expected_seq = 41};
    expect(&b, &gap,
           "{\"ok\":false," ECHO ",\"code\":\"gap\",\"message\":\"sequence skipped; resend from "
           "expected_seq\",\"retry\":true,\"expected_seq\":41}");
    struct outcome stale = {
        .status = ST_STALE_EPOCH, .has_current_epoch = true, .current_epoch = 1763900000001};
    expect(&b, &stale,
           "{\"ok\":false," ECHO ",\"code\":\"stale_epoch\",\"message\":\"a newer epoch of this "
           "producer has been seen\",\"retry\":false,\"current_epoch\":1763900000001}");
    b.request = (struct token){.type = TOKEN_INT, .number = 7};
    struct outcome busy = {.status = ST_BUSY,
                           .message = STR("say it again"),
                           .has_expected_seq = true,
                           .expected_seq = 42,
                           .retry_after_ms = 250};
    expect(&b, &busy,
           "{\"ok\":false," ECHO ",\"request\":7,\"code\":\"busy\",\"message\":\"say it again\","
           "\"retry\":true,\"expected_seq\":42,\"retry_after_ms\":250}");
    struct batch malformed = {.seq_given = true, .seq = 5};
    struct outcome bad = {.status = ST_MALFORMED, .message = STR("not JSON")};
    expect(&malformed, &bad,
           "{\"ok\":false,\"seq\":5,\"code\":\"malformed\",\"message\":\"not JSON\",\"retry\":"
           "false}");
}

/* Every status can be answered with, and what never leaves the process has a code that may. */
static void test_every_status(void **state)
{
    (void)state;
    for (unsigned st = 0; st < ST_N; st++) {
        struct batch b = {0};
        struct outcome o = {.status = (enum status)st};
        struct buf json = buf_of(1 << 12);
        ack_encode(&b, &o, &json);
        json_t *v = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(v);
        bool ok = st == ST_OK || st == ST_DUPLICATE;
        assert_int_equal(json_is_true(json_object_get(v, "ok")), ok);
        if (!ok) {
            const struct status_row *row = status_row((enum status)st);
            assert_string_equal(json_string_value(json_object_get(v, "code")),
                                row->wire != NULL ? row->wire : "io_error");
            assert_int_equal(json_is_true(json_object_get(v, "retry")), row->retry);
        }
        json_decref(v);
        buf_fini(&json);
    }
}

static void test_at_most_100_are_listed(void **state)
{
    (void)state;
    static struct reject rejects[101];
    for (uint32_t n = 99; n <= 101; n++) {
        for (uint32_t i = 0; i < n; i++)
            rejects[i] = (struct reject){i, ST_INVALID, STR("m")};
        struct batch b = {.rejects = rejects, .rejects_n = n};
        struct outcome o = {.rejected = n};
        struct buf json = buf_of(1 << 16);
        ack_encode(&b, &o, &json);
        json_t *v = json_loadb((const char *)json.p, json.n, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(v, "rejected_n")), n);
        assert_int_equal(json_array_size(json_object_get(v, "rejected")), n <= 100 ? n : 100);
        json_decref(v);
        buf_fini(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ack),
        cmocka_unit_test(test_ack_of_a_bare_batch_echoes_nothing),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_status),
        cmocka_unit_test(test_at_most_100_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
