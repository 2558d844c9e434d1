/* The table is sound, and what is printed reads back as the same value, for every option. */
#include "engine/config/option.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void rows_are_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPTION_N; i++) {
        const struct option *o = option_row((enum option_id)i);
        assert_int_equal(option_find(str_of(o->name)), i);
        assert_true(o->min <= o->max);
        assert_true(o->help[0] != '\0' && strlen(o->name) <= 32);
        if (o->type != OPTION_UINT && o->type != OPTION_DAY && o->type != OPTION_BOOL &&
            o->type != OPTION_CHOICE)
            assert_true(o->max <= CONFIG_TEXT_MAX);
    }
    assert_int_equal(option_find(STR("data-dir")), OPTION_data_dir);
    assert_int_equal(option_find(STR("")), OPTION_N);
    assert_int_equal(option_find(STR("DATA_DIR")), OPTION_N);
}

static void set_ok(struct config *c, enum option_id id, const char *text)
{
    char why[384] = "";
    enum status st = option_set(c, id, str_of(text), why, sizeof(why));
    if (st != ST_OK)
        fail_msg("%s=%s: %s", option_row(id)->name, text, why);
}

/* The bounds themselves are allowed, one beyond is not; all of them survive print and read. */
static void bounds_of_numbers(void **state)
{
    (void)state;
    struct config a, b;
    char text[CONFIG_TEXT_MAX + 1], why[384];
    config_default(&a);
    config_default(&b);
    for (unsigned i = 0; i < OPTION_N; i++) {
        enum option_id id = (enum option_id)i;
        const struct option *o = option_row(id);
        if (o->type != OPTION_UINT)
            continue;
        const uint64_t ok[] = {o->min, o->max, (o->min + o->max) / 2};
        for (size_t k = 0; k < N_OF(ok); k++) {
            text_fmt(text, sizeof(text), "%llu", (unsigned long long)ok[k]);
            set_ok(&a, id, text);
            option_format(&a, id, text, sizeof(text));
            set_ok(&b, id, text);
            assert_true(option_same(&a, &b, id));
        }
        text_fmt(text, sizeof(text), "%llu", (unsigned long long)o->max + 1);
        assert_int_equal(option_set(&a, id, str_of(text), why, sizeof(why)), ST_INVALID);
        if (o->min == 0)
            continue;
        text_fmt(text, sizeof(text), "%llu", (unsigned long long)o->min - 1);
        assert_int_equal(option_set(&a, id, str_of(text), why, sizeof(why)), ST_INVALID);
        assert_true(option_same(&a, &b, id)); /* untouched by what was refused */
    }
}

static void other_types_read_back(void **state)
{
    (void)state;
    static const struct {
        enum option_id id;
        const char *text;
    } rows[] = {
        {OPTION_clock_accept, "true"},
        {OPTION_clock_accept, "false"},
        {OPTION_data_floor, "1970-01-01"},
        {OPTION_data_floor, "9999-12-31"},
        {OPTION_log_level, "error"},
        {OPTION_log_level, "debug"},
        {OPTION_log_format, "json"},
        {OPTION_data_dir, "a b=c"},
        {OPTION_keyring, ""},
        {OPTION_public_url, "https://x"},
        {OPTION_feed_listen, "ipc:///run/f"},
    };
    struct config c;
    char text[CONFIG_TEXT_MAX + 1];
    config_default(&c);
    for (size_t i = 0; i < N_OF(rows); i++) {
        set_ok(&c, rows[i].id, rows[i].text);
        option_format(&c, rows[i].id, text, sizeof(text));
        assert_string_equal(text, rows[i].text);
    }
}

/* A shorter text leaves nothing of the longer one behind, or equal values would differ. */
static void texts_are_padded(void **state)
{
    (void)state;
    struct config a, b;
    config_default(&a);
    config_default(&b);
    set_ok(&a, OPTION_data_dir, "/a/much/longer/name/than/the/other");
    set_ok(&a, OPTION_data_dir, "/x");
    set_ok(&b, OPTION_data_dir, "/x");
    assert_true(option_same(&a, &b, OPTION_data_dir));
}

static void text_length_bounds(void **state)
{
    (void)state;
    struct config c;
    char text[CONFIG_TEXT_MAX + 2], why[384];
    config_default(&c);
    memset(text, 'x', sizeof(text));
    assert_int_equal(
        option_set(&c, OPTION_data_dir, (struct str){text, CONFIG_TEXT_MAX}, why, sizeof(why)),
        ST_OK);
    assert_int_equal(strlen(c.data_dir), CONFIG_TEXT_MAX);
    assert_int_equal(
        option_set(&c, OPTION_data_dir, (struct str){text, CONFIG_TEXT_MAX + 1}, why, sizeof(why)),
        ST_INVALID);
    assert_non_null(strstr(why, "too long"));
}

static void nearest_name(void **state)
{
    (void)state;
    assert_string_equal(option_nearest(STR("datadir")), "data_dir");
    assert_string_equal(option_nearest(STR("journal-byte")), "journal_bytes");
    assert_null(option_nearest(STR("completely_different")));
    assert_null(option_nearest(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sound),        cmocka_unit_test(bounds_of_numbers),
        cmocka_unit_test(other_types_read_back), cmocka_unit_test(texts_are_padded),
        cmocka_unit_test(text_length_bounds),    cmocka_unit_test(nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
