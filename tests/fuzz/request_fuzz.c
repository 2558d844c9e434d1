/* Any bytes as a request of the query socket, in the encoding that its first byte says; the other
 * encoding must say the same. */
#include "schemas/request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/schemas/frame_help.h"

static bool same_value(const struct value *a, const struct value *b)
{
    return a->type == b->type && a->number == b->number && str_eq(a->text, b->text);
}

static void check_same(const struct request *a, const struct request *b)
{
    CHECK(a->status == b->status);
    CHECK(a->request.type == b->request.type);
    CHECK(a->request.number == b->request.number);
    CHECK(str_eq(a->request.text, b->request.text));
    CHECK(a->params_n == b->params_n);
    for (uint32_t i = 0; i < a->params_n; i++) {
        CHECK(str_eq(a->params[i].name, b->params[i].name));
        CHECK(a->params[i].is_array == b->params[i].is_array);
        CHECK(a->params[i].values_n == b->params[i].values_n);
        for (uint32_t k = 0; k < a->params[i].values_n; k++)
            CHECK(same_value(&a->params[i].values[k], &b->params[i].values[k]));
    }
}

static void check(const struct request *r)
{
    CHECK((r->status == ST_OK) == (r->message.n == 0));
    CHECK(r->status == ST_OK || r->params_n == 0);
    CHECK(r->params_n <= REQUEST_PARAMS_MAX);
    for (uint32_t i = 0; i < r->params_n; i++)
        CHECK(r->params[i].values_n <= REQUEST_VALUES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = {0};
    struct request r, other;
    struct buf twin = buf_of((size_t)16 << 20);
    struct str s = {(const char *)data, n};
    request_decode(data, n, &arena, &r);
    check(&r);
    if (r.status != ST_MALFORMED) {
        if (r.encoding == ENCODING_JSON)
            CHECK(help_msgpack_of(s, &twin));
        else
            CHECK(help_json_of(s, &twin));
        request_decode(twin.p, twin.n, &arena, &other);
        check(&other);
        check_same(&r, &other);
    }
    buf_fini(&twin);
    arena_fini(&arena);
    return 0;
}
