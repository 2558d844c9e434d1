/* Cursors: what goes in comes out; anything else is refused. */
#include "tests/unit/query/help.h"

#include "engine/query/cursor.h"

static struct arena arena;

static struct str seal(uint64_t question, const uint8_t *p, size_t n)
{
    struct buf b = buf_of(1 << 20);
    buf_put(&b, p, n);
    const struct str text = cursor_seal(question, &b, &arena);
    assert_non_null(text.p);
    buf_fini(&b);
    return text;
}

static enum status open_text(struct str text, uint64_t question, struct reader *r)
{
    char why[512] = "";
    const enum status st = cursor_open(text, question, &arena, r, why);
    if (st != ST_OK)
        assert_true(strlen(why) > 20);
    return st;
}

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t p[300];
    for (size_t n = 0; n <= sizeof p; n++) {
        struct reader r;
        arena_reset(&arena);
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)rnd(256);
        const uint64_t question = rnd(UINT64_MAX);
        const struct str text = seal(question, p, n);
        for (size_t i = 0; i < text.n; i++)
            assert_non_null(strchr(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text.p[i]));
        assert_int_equal(open_text(text, question, &r), ST_OK);
        assert_int_equal(reader_left(&r), n);
        assert_memory_equal(r.p, p, n);
        assert_int_equal(open_text(text, question + 1, &r), ST_BAD_CURSOR);
    }
}

/* Every change of one character, every cut and every addition is seen. */
static void test_tampering(void **state)
{
    (void)state;
    static const uint8_t payload[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \x01\xff";
    struct reader r;
    for (size_t n = 0; n < sizeof payload; n++) {
        arena_reset(&arena);
        const struct str text = seal(42, payload, n);
        char copy[128];
        for (size_t i = 0; i < text.n; i++)
            for (const char *c = alphabet; *c; c++) {
                memcpy(copy, text.p, text.n);
                copy[i] = *c;
                const enum status want = *c == text.p[i] ? ST_OK : ST_BAD_CURSOR;
                assert_int_equal(open_text((struct str){copy, text.n}, 42, &r), want);
            }
        for (size_t i = 0; i < text.n; i++)
            assert_int_equal(open_text((struct str){text.p, i}, 42, &r), ST_BAD_CURSOR);
        memcpy(copy, text.p, text.n);
        copy[text.n] = 'A';
        assert_int_equal(open_text((struct str){copy, text.n + 1}, 42, &r), ST_BAD_CURSOR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_tampering),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
