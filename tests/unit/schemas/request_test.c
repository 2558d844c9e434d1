/* Requests of the query socket, in both encodings. */
#include "schemas/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/schemas/frame_help.h"

struct twins {
    struct arena arena;
    struct buf packed;
    struct request json, msgpack;
};

static int setup(void **state)
{
    static struct twins t;
    t = (struct twins){.packed = buf_of(1 << 22)};
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct twins *t = *state;
    arena_fini(&t->arena);
    buf_fini(&t->packed);
    return 0;
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->type == b->type && a->number == b->number && str_eq(a->text, b->text);
}

static void expect_same(const struct request *a, const struct request *b)
{
    assert_int_equal(a->status, b->status);
    assert_true(str_eq(a->message, b->message) || a->status == ST_MALFORMED);
    assert_int_equal(a->request.type, b->request.type);
    assert_int_equal(a->request.number, b->request.number);
    assert_true(str_eq(a->request.text, b->request.text));
    assert_int_equal(a->params_n, b->params_n);
    for (uint32_t i = 0; i < a->params_n; i++) {
        assert_true(str_eq(a->params[i].name, b->params[i].name));
        assert_int_equal(a->params[i].is_array, b->params[i].is_array);
        assert_int_equal(a->params[i].values_n, b->params[i].values_n);
        for (uint32_t k = 0; k < a->params[i].values_n; k++)
            assert_true(same_value(&a->params[i].values[k], &b->params[i].values[k]));
    }
}

static const struct request *decode(struct twins *t, struct str text)
{
    buf_reset(&t->packed);
    assert_true(help_msgpack_of(text, &t->packed));
    request_decode(text.p, text.n, &t->arena, &t->json);
    request_decode(t->packed.p, t->packed.n, &t->arena, &t->msgpack);
    assert_int_equal(t->json.encoding, ENCODING_JSON);
    assert_int_equal(t->msgpack.encoding, ENCODING_MSGPACK);
    expect_same(&t->json, &t->msgpack);
    return &t->json;
}

static void test_parameters(void **state)
{
    const struct request *r = decode(
        *state, STR("{\"view\":\"records\",\"account\":123,\"fill\":true,\"to\":null,\"request\":"
                    "\"r\",\"app\":[1,\"x\",null,false],\"none\":[],\"max\":9007199254740991}"));
    assert_int_equal(r->status, ST_OK);
    assert_int_equal(r->params_n, 7);
    assert_true(str_eq(r->request.text, STR("r")));
    const struct param *p = request_param(r, "view");
    assert_false(p->is_array);
    assert_int_equal(p->values_n, 1);
    assert_int_equal(p->values[0].type, VALUE_STR);
    assert_true(str_eq(p->values[0].text, STR("records")));
    p = request_param(r, "account");
    assert_int_equal(p->values[0].type, VALUE_INT);
    assert_int_equal(p->values[0].number, 123);
    p = request_param(r, "fill");
    assert_int_equal(p->values[0].type, VALUE_BOOL);
    assert_int_equal(p->values[0].number, 1);
    assert_int_equal(request_param(r, "to")->values[0].type, VALUE_NULL);
    p = request_param(r, "app");
    assert_true(p->is_array);
    assert_int_equal(p->values_n, 4);
    assert_int_equal(p->values[0].number, 1);
    assert_true(str_eq(p->values[1].text, STR("x")));
    assert_int_equal(p->values[2].type, VALUE_NULL);
    assert_int_equal(p->values[3].type, VALUE_BOOL);
    p = request_param(r, "none");
    assert_true(p->is_array);
    assert_int_equal(p->values_n, 0);
    assert_int_equal(request_param(r, "max")->values[0].number, WIRE_INT_MAX);
    assert_null(request_param(r, "request"));
    assert_null(request_param(r, "vie"));
    assert_int_equal(decode(*state, STR("{}"))->params_n, 0);
}

static void test_bad_values(void **state)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"{\"a\":1.5,\"request\":7}", "\"a\" is a float"},
        {"{\"a\":-1,\"request\":7}", "\"a\" is -1"},
        {"{\"a\":9007199254740992,\"request\":7}", "\"a\" is 9007199254740992"},
        {"{\"a\":{},\"request\":7}", "\"a\" is a map"},
        {"{\"request\":7,\"a\":[1,[2]]}", "\"a\" is a list"},
        {"{\"a\":[1,{\"b\":2},3],\"request\":7,\"c\":1.5}", "\"a\" is a map"},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct request *r = decode(*state, str_of(rows[i].text));
        assert_int_equal(r->status, ST_BAD_PARAMETER);
        assert_non_null(strstr(r->message.p, rows[i].word));
        assert_int_equal(r->params_n, 0);
        assert_int_equal(r->request.number, 7); /* is echoed all the same */
    }
    static const char *const tokens[] = {"{\"request\":null}", "{\"request\":[1]}",
                                         "{\"request\":-1}", "{\"request\":1.5}"};
    for (size_t i = 0; i < N_OF(tokens); i++) {
        const struct request *r = decode(*state, str_of(tokens[i]));
        assert_int_equal(r->status, ST_BAD_PARAMETER);
        assert_int_equal(r->request.type, TOKEN_NONE);
    }
}

static void test_token_limit(void **state)
{
    for (unsigned n = 63; n <= 65; n++) {
        char text[128] = "{\"request\":\"";
        size_t at = strlen(text);
        memset(text + at, 'x', n);
        memcpy(text + at + n, "\"}", 3);
        const struct request *r = decode(*state, str_of(text));
        assert_int_equal(r->status, n <= 64 ? ST_OK : ST_BAD_PARAMETER);
        assert_int_equal(r->request.text.n, n <= 64 ? n : 0);
    }
}

static void test_limits(void **state)
{
    for (unsigned n = REQUEST_PARAMS_MAX - 1; n <= REQUEST_PARAMS_MAX + 1; n++) {
        char text[2048] = "{";
        size_t at = 1;
        for (unsigned i = 0; i < n; i++)
            at += text_fmt(text + at, sizeof text - at, "%s\"p%u\":%u", i == 0 ? "" : ",", i, i);
        text_fmt(text + at, sizeof text - at, "}");
        const struct request *r = decode(*state, str_of(text));
        assert_int_equal(r->status, n <= REQUEST_PARAMS_MAX ? ST_OK : ST_TOO_LARGE);
    }
    for (unsigned n = REQUEST_VALUES_MAX - 1; n <= REQUEST_VALUES_MAX + 1; n++) {
        static char text[8192];
        size_t at = text_fmt(text, sizeof text, "{\"a\":[1");
        for (unsigned i = 1; i < n; i++)
            at += text_fmt(text + at, sizeof text - at, ",%u", i & 7);
        text_fmt(text + at, sizeof text - at, "]}");
        const struct request *r = decode(*state, str_of(text));
        assert_int_equal(r->status, n <= REQUEST_VALUES_MAX ? ST_OK : ST_TOO_LARGE);
    }
}

static void test_malformed(void **state)
{
    struct twins *t = *state;
    static const struct {
        const char *p;
        size_t n;
    } rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
        ROW(""),
        ROW("{"),
        ROW("[]"),
        ROW(" 5"),
        ROW("{\"a\":1,\"a\":2}"),
        ROW("{\"a\":\"\\u0000\"}"),
        ROW("{\"a\":\"\xff\"}"),
        ROW("{\"a\":[[[[[[[[1]]]]]]]]}"),
        ROW("{} {}"),
        ROW("\x90"),
        ROW("\x80\x80"),
        ROW("\x81\xa1"
            "a"),
        ROW("\x82\xa1"
            "a\x01\xa1"
            "a\x02"),
        ROW("\x81\x01\x02"),
        ROW("\x81\xa1"
            "a\xa1\xff"),
        ROW("\x81\xa1"
            "a\xc4\x01x"),
        ROW("\x81\xa1"
            "a\xd4\x01x"),
        ROW("\xdf\xff\xff\xff\xff"),
        ROW("\x81\xa1"
            "a\x91\x91\x91\x91\x91\x91\x91\x91\x01"),
#undef ROW
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        request_decode(rows[i].p, rows[i].n, &t->arena, &t->json);
        assert_int_equal(t->json.status, ST_MALFORMED);
        assert_true(t->json.message.n > 0);
        assert_int_equal(t->json.params_n, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_parameters), TEST(test_bad_values), TEST(test_token_limit),
        TEST(test_limits),     TEST(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
