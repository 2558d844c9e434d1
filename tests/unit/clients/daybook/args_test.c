/* Options by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/daybook/args.h"
#include "engine/base/check.h"

struct given {
    struct arg flag, text, number, wait, size, word;
};

static const struct option_row rows[] = {
    {.name = "flag",
     .letter = 'f',
     .type = ARG_FLAG,
     .at = offsetof(struct given, flag),
     .help = "a flag"},
    {.name = "text",
     .letter = 't',
     .type = ARG_TEXT,
     .at = offsetof(struct given, text),
     .value = "TEXT",
     .help = "some text"},
    {.name = "number",
     .letter = 'n',
     .type = ARG_UINT,
     .at = offsetof(struct given, number),
     .value = "N",
     .min = 2,
     .max = 9,
     .help = "a number"},
    {.name = "wait",
     .type = ARG_DURATION,
     .at = offsetof(struct given, wait),
     .value = "TIME",
     .min = 1,
     .max = 86400000,
     .help = "a time"},
    {.name = "size",
     .type = ARG_SIZE,
     .at = offsetof(struct given, size),
     .value = "BYTES",
     .min = 1024,
     .help = "a size"},
    {.name = "word",
     .type = ARG_WORD,
     .at = offsetof(struct given, word),
     .value = "WORD",
     .words = "one|two|three",
     .help = "a word"},
};

static const struct option_table table_of_rows = {rows, N_OF(rows)};

/* Parse a line of words separated by single spaces. */
static enum status parse(const char *line, struct given *g, struct args *a)
{
    static char copy[512];
    static char *argv[64];
    int argc = 1;
    text_fmt(copy, sizeof copy, "%s", line);
    argv[0] = copy;
    for (char *p = copy; *p != '\0';) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p == ' ')
            *p++ = '\0';
    }
    *g = (struct given){0};
    return args_parse(&table_of_rows, argc, argv, g, a);
}

static void every_way_to_write_an_option(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "--number=5 --text=x --flag a b",
        "--number 5 --text x --flag a b",
        "-n5 -tx -f a b",
        "-n 5 -t x -f a b",
        "a --number=5 b --text=x --flag",
        "-n3 -n5 -tx -f a b",
    };
    for (size_t i = 0; i < N_OF(lines); i++) {
        struct given g;
        struct args a;
        assert_int_equal(parse(lines[i], &g, &a), ST_OK);
        assert_true(g.number.given && g.text.given && g.flag.given);
        assert_int_equal(g.number.number, 5);
        assert_string_equal(g.text.text, "x");
        assert_int_equal(a.n, 2);
        assert_string_equal(a.v[0], "a");
        assert_string_equal(a.v[1], "b");
        assert_false(a.help);
    }
}

static void what_is_left_out_is_not_given(void **state)
{
    (void)state;
    struct given g;
    struct args a;
    assert_int_equal(parse("x", &g, &a), ST_OK);
    assert_false(g.flag.given || g.text.given || g.number.given || g.wait.given);
    assert_int_equal(a.n, 1);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct given g;
    struct args a;
    assert_int_equal(parse("-- --flag - -n5", &g, &a), ST_OK);
    assert_false(g.flag.given || g.number.given);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.v[0], "--flag");
    assert_string_equal(a.v[1], "-");
}

static void a_lone_dash_and_pairs_are_arguments(void **state)
{
    (void)state;
    struct given g;
    struct args a;
    assert_int_equal(parse("- account=7 -f", &g, &a), ST_OK);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.v[1], "account=7");
    assert_true(g.flag.given);
}

static void help_is_seen_anywhere(void **state)
{
    (void)state;
    struct given g;
    struct args a;
    assert_int_equal(parse("records --help", &g, &a), ST_OK);
    assert_true(a.help);
    assert_int_equal(a.n, 1);
    assert_int_equal(parse("-h", &g, &a), ST_OK);
    assert_true(a.help);
}

static void values_are_read_in_their_units(void **state)
{
    (void)state;
    struct given g;
    struct args a;
    assert_int_equal(parse("--wait=1500ms --size=64K --word=three", &g, &a), ST_OK);
    assert_int_equal(g.wait.number, 1500);
    assert_int_equal(g.size.number, 65536);
    assert_int_equal(g.word.number, 2);
    static const struct {
        const char *text;
        uint64_t ms;
    } times[] = {{"2", 2000},    {"1ms", 1},      {"3s", 3000},
                 {"5m", 300000}, {"2h", 7200000}, {"1d", 86400000}};
    for (size_t i = 0; i < N_OF(times); i++) {
        uint64_t ms = 0;
        assert_int_equal(args_duration(str_of(times[i].text), &ms), ST_OK);
        assert_int_equal(ms, times[i].ms);
    }
    static const char *const bad[] = {"", "h", "1w", "-1s", "1.5s", "1 s", "99999999999999999999d"};
    for (size_t i = 0; i < N_OF(bad); i++) {
        uint64_t ms;
        assert_int_equal(args_duration(str_of(bad[i]), &ms), ST_INVALID);
        assert_int_equal(args_size(str_of(bad[i]), &ms), ST_INVALID);
    }
}

static void faults_teach(void **state)
{
    (void)state;
    static const struct {
        const char *line, *fault;
    } table[] = {
        {"--nubmer=5", "there is no option --nubmer; did you mean --number?"},
        {"--zzzzzzzzz", "there is no option --zzzzzzzzz; --help lists them"},
        {"-z", "there is no option -z; --help lists them"},
        {"--number=1", "--number=1: a number within 2..9 is expected"},
        {"--number=10", "--number=10: a number within 2..9 is expected"},
        {"--number=x", "--number=x: a number within 2..9 is expected"},
        {"--number=", "--number=: a number within 2..9 is expected"},
        {"--number=-3", "--number=-3: a number within 2..9 is expected"},
        {"--number", "--number needs a value: --number=N"},
        {"--text=", "--text needs a value: --text=TEXT"},
        {"--flag=yes", "--flag takes no value (given: yes)"},
        {"--word=four", "--word=four: one of one|two|three is expected"},
        {"--word=on", "--word=on: one of one|two|three is expected"},
        {"--wait=2d", "--wait=2d: a number of ms (units ms, s, m, h, d) within 1..86400000 is "
                      "expected"},
        {"--size=1", "--size=1: a number of bytes (units K, M, G) of at least 1024 is expected"},
    };
    for (size_t i = 0; i < N_OF(table); i++) {
        struct given g;
        struct args a;
        assert_int_equal(parse(table[i].line, &g, &a), ST_USAGE);
        assert_string_equal(a.fault, table[i].fault);
    }
}

static void too_many_arguments_are_refused(void **state)
{
    (void)state;
    static char *argv[ARGS_MAX + 2];
    for (size_t i = 0; i < N_OF(argv); i++)
        argv[i] = "x";
    struct given g = {0};
    struct args a;
    assert_int_equal(args_parse(&table_of_rows, ARGS_MAX + 1, argv, &g, &a), ST_OK);
    assert_int_equal(a.n, ARGS_MAX);
    assert_int_equal(args_parse(&table_of_rows, ARGS_MAX + 2, argv, &g, &a), ST_USAGE);
}

static void help_fits_its_width(void **state)
{
    (void)state;
    static const struct option_row one[] = {
        {.name = "text",
         .letter = 't',
         .type = ARG_TEXT,
         .value = "TEXT",
         .help = "a rather long explanation that cannot stand on one line of this width"}};
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    args_help(one, 1, 50, to);
    (void)fclose(to);
    assert_string_equal(text, "  -t, --text=TEXT  a rather long explanation that\n"
                              "                   cannot stand on one line of\n"
                              "                   this width\n");
    free(text);
}

static void text_is_wrapped_and_examples_are_kept(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    args_wrap("one two three\nfour five six\n\nExamples\n  a b c d e f g h i j k l m\n", 2, 20, to);
    (void)fclose(to);
    assert_string_equal(text, "  one two three four\n  five six\n\n  Examples\n"
                              "    a b c d e f g h i j k l m\n\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_an_option),
        cmocka_unit_test(what_is_left_out_is_not_given),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_lone_dash_and_pairs_are_arguments),
        cmocka_unit_test(help_is_seen_anywhere),
        cmocka_unit_test(values_are_read_in_their_units),
        cmocka_unit_test(faults_teach),
        cmocka_unit_test(too_many_arguments_are_refused),
        cmocka_unit_test(help_fits_its_width),
        cmocka_unit_test(text_is_wrapped_and_examples_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
