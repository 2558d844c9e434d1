/* The shift of an import's first run, kept on disk. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/daybook/import_state.h"
#include "engine/base/text.h"

static int make_dir(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *dir = NULL;
    if (asprintf(&dir, "%s/daybook-state-XXXXXX", tmp != NULL ? tmp : "/tmp") < 0)
        return -1;
    *state = mkdtemp(dir);
    return *state == NULL ? -1 : 0;
}

static int drop_dir(void **state)
{
    char path[STATE_PATH_MAX];
    static const char *const parts[] = {"a/b/import-1.json", "a/b", "a", "file", ""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        text_fmt(path, sizeof path, "%s/%s", (char *)*state, parts[i]);
        (void)remove(path); /* what a test did not make is not there */
    }
    free(*state);
    return 0;
}

static void what_was_written_is_read(void **state)
{
    char dir[STATE_PATH_MAX], path[STATE_PATH_MAX], again[STATE_PATH_MAX];
    struct import_state s = {.shift_ms = -123456789012, .first_run_ms = 1795500000000}, out;
    text_fmt(dir, sizeof dir, "%s/a/b", (char *)*state); /* made on the way */
    assert_int_equal(import_state_read(dir, "import-1", &out, path), ST_NOT_FOUND);
    assert_int_equal(import_state_write(dir, "import-1", &s, again), ST_OK);
    assert_string_equal(path, again);
    assert_int_equal(import_state_read(dir, "import-1", &out, path), ST_OK);
    assert_int_equal(out.shift_ms, s.shift_ms);
    assert_int_equal(out.first_run_ms, s.first_run_ms);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void a_file_of_something_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "nonsense",
        "[]",
        "{}",
        "{\"version\":2,\"producer\":\"import-1\",\"shift_ms\":1,\"first_run_ms\":1}",
        "{\"version\":1,\"producer\":\"import-2\",\"shift_ms\":1,\"first_run_ms\":1}",
        "{\"version\":1,\"producer\":\"import-1\",\"shift_ms\":\"1\",\"first_run_ms\":1}",
        "{\"version\":1,\"producer\":\"import-1\",\"shift_ms\":1}",
        "{\"version\":1,\"producer\":\"import-1\",\"shift_ms\":1,\"first_run_ms\":1",
    };
    char dir[STATE_PATH_MAX], path[STATE_PATH_MAX];
    struct import_state s = {0}, out = {.shift_ms = 77};
    text_fmt(dir, sizeof dir, "%s/a/b", (char *)*state);
    assert_int_equal(import_state_write(dir, "import-1", &s, path), ST_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_file(path, texts[i]);
        assert_int_equal(import_state_read(dir, "import-1", &out, path), ST_CORRUPT);
        assert_int_equal(out.shift_ms, 77);
    }
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
    char file[STATE_PATH_MAX], dir[STATE_PATH_MAX + 8], path[STATE_PATH_MAX];
    struct import_state s = {0};
    text_fmt(file, sizeof file, "%s/file", (char *)*state);
    put_file(file, "x");
    text_fmt(dir, sizeof dir, "%.4000s/sub", file);
    assert_int_equal(import_state_write(dir, "import-1", &s, path), ST_IO_ERROR);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(import_state_read(dir, "import-1", &s, path), ST_NOT_FOUND);
}

static const char *xdg(const char *name)
{
    return strcmp(name, "XDG_STATE_HOME") == 0 ? "/x" : "/home/u";
}

static const char *home(const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/home/u" : NULL;
}

static const char *relative(const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/home/u" : "not/absolute";
}

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

static void the_directory_follows_the_usual_rules(void **state)
{
    (void)state;
    char dir[STATE_PATH_MAX];
    assert_int_equal(import_state_dir("here", nothing, dir, sizeof dir), ST_OK);
    assert_string_equal(dir, "here");
    assert_int_equal(import_state_dir(NULL, xdg, dir, sizeof dir), ST_OK);
    assert_string_equal(dir, "/x/daybook/imports");
    assert_int_equal(import_state_dir(NULL, home, dir, sizeof dir), ST_OK);
    assert_string_equal(dir, "/home/u/.local/state/daybook/imports");
    assert_int_equal(import_state_dir(NULL, relative, dir, sizeof dir), ST_OK);
    assert_string_equal(dir, "/home/u/.local/state/daybook/imports");
    assert_int_equal(import_state_dir(NULL, nothing, dir, sizeof dir), ST_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_file_of_something_else_is_refused, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_made_is_told, make_dir,
                                        drop_dir),
        cmocka_unit_test(the_directory_follows_the_usual_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
