/* What a peer accepts, tags, and packing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/edge/http_form.h"

static void test_choose(void **state)
{
    static const char *const types[] = {"application/json", "application/x-ndjson", "text/csv"};
    static const struct {
        const char *accept;
        int want;
    } rows[] = {
        {"", 0},
        {"*/*", 0},
        {"text/csv", 2},
        {"Text/CSV", 2},
        {"text/*", 2},
        {"application/*", 0},
        {"text/csv, application/json", 0}, /* a draw: ours comes first */
        {"application/json;q=0.5, text/csv", 2},
        {"application/json;q=0.5, text/csv;q=0.4", 0},
        {"text/csv;q=0.300,*/*;q=0.29", 2},
        {"*/*, application/json;q=0", 1}, /* the closer range holds */
        {"text/csv;header=present;q=0.9", 2},
        {"image/png", -1},
        {"application/json;q=0", -1},
        {"text/csv;q=0.0", -1},
        {",,;q=1,", -1},
    };
    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++)
        if (form_choose(str_of(rows[i].accept), types, N_OF(types)) != rows[i].want)
            fail_msg("%s", rows[i].accept);
    assert_int_equal(form_choose((struct str){NULL, 0}, types, 3), 0);
}

static void test_takes_gzip(void **state)
{
    (void)state;
    assert_true(form_takes_gzip(STR("gzip")));
    assert_true(form_takes_gzip(STR("deflate, GZip;q=0.1")));
    assert_true(form_takes_gzip(STR("*")));
    assert_false(form_takes_gzip(STR("gzip;q=0")));
    assert_false(form_takes_gzip(STR("gzip;q=0, *")));
    assert_false(form_takes_gzip(STR("br")));
    assert_false(form_takes_gzip((struct str){NULL, 0}));
}

static void test_tags(void **state)
{
    char a[40], b[40], c[40];
    const struct str one[] = {STR("ab"), STR("c")}, other[] = {STR("a"), STR("bc")};
    char list[128];
    (void)state;
    form_tag(one, 2, a);
    form_tag(one, 2, b);
    form_tag(other, 2, c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(strlen(a), 36);
    text_fmt(list, sizeof(list), "\"x\", %s", a);
    assert_true(form_has_tag(str_of(list), a));
    assert_true(form_has_tag(str_of(a + 2), a));
    assert_true(form_has_tag(STR("*"), a));
    assert_false(form_has_tag(str_of(c), a));
    assert_false(form_has_tag((struct str){NULL, 0}, a));
}

static void test_packing(void **state)
{
    static char text[300000];
    struct gzip *g = NULL;
    struct buf packed = buf_of(1 << 20), plain = buf_of(1 << 20);
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "{\"app\":1234,\"count\":5},"[i * 7 % 23];
    assert_int_equal(gzip_new(&g), ST_OK);
    for (unsigned i = 0; i < 3; i++) { /* the packer is used again */
        assert_true(gzip_pack(g, (struct str){text, sizeof(text) - i}, &packed));
        assert_true(packed.n < sizeof(text) / 10);
        assert_true(gzip_unpack((struct str){(char *)packed.p, packed.n}, &plain));
        assert_int_equal(plain.n, sizeof(text) - i);
        assert_memory_equal(plain.p, text, plain.n);
    }
    assert_false(gzip_pack(g, (struct str){text, 100}, &packed));
    assert_false(gzip_unpack((struct str){text, 1000}, &plain));
    buf_fini(&plain);
    plain = buf_of(1000);
    assert_true(gzip_pack(g, (struct str){text, sizeof(text)}, &packed));
    assert_false(gzip_unpack((struct str){(char *)packed.p, packed.n}, &plain)); /* over its room */
    gzip_free(&g);
    buf_fini(&packed);
    buf_fini(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_takes_gzip),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_packing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
