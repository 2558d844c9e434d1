/* Lines as they leave: level, both forms, and no byte that could forge a second line. */
#include "engine/base/log.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/text.h"

static int stderr_kept;
static int pipe_out;

/* stderr becomes a pipe whose other end the test reads. */
static int capture_start(void **state)
{
    (void)state;
    int fds[2];
    stderr_kept = dup(STDERR_FILENO);
    if (stderr_kept < 0 || pipe(fds) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
        return -1;
    pipe_out = fds[0];
    return close(fds[1]);
}

static int capture_stop(void **state)
{
    (void)state;
    log_setup(LOG_INFO, false);
    int rc = dup2(stderr_kept, STDERR_FILENO);
    (void)close(stderr_kept);
    (void)close(pipe_out);
    return rc < 0 ? -1 : 0;
}

/* What was logged since the last call; a mark written behind it makes an empty log readable. */
static char *captured(void)
{
    static char text[16384];
    assert_int_equal(write(STDERR_FILENO, "#", 1), 1);
    size_t n = 0;
    while (n == 0 || text[n - 1] != '#') {
        ssize_t got = read(pipe_out, text + n, sizeof(text) - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    text[n - 1] = '\0';
    return text;
}

/* The line without its time, whose form is checked here. */
static const char *after_time(const char *line)
{
    int64_t ms;
    assert_true(strlen(line) > 25);
    assert_int_equal(time_parse((struct str){line, 24}, &ms), ST_OK);
    return line + 25;
}

static void text_line(void **state)
{
    (void)state;
    log_line(LOG_WARN, "store", "event=commit_failed status=%s n=%d", "io_error", 3);
    assert_string_equal(after_time(captured()),
                        "warn store event=commit_failed status=io_error n=3\n");
}

static void level_is_a_threshold(void **state)
{
    (void)state;
    static const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
    for (size_t i = 0; i < N_OF(levels); i++) {
        log_setup(levels[i], false);
        for (size_t j = 0; j < N_OF(levels); j++) {
            log_line(levels[j], "a", "x");
            assert_int_equal(captured()[0] != '\0', j <= i);
        }
    }
    log_setup(LOG_INFO, false);
}

static void text_cannot_forge_a_line(void **state)
{
    (void)state;
    log_line(LOG_INFO, "net", "peer=%s", "a\nb\r\x1b[0m\x7f\xff\xc3\xa9\xc2\x9b.");
    assert_string_equal(
        after_time(captured()),
        "info net peer=a\\u000ab\\u000d\\u001b[0m\\u007f\\u00ff\xc3\xa9\\u00c2\\u009b.\n");
}

static const char *json_line(const char *fmt, const char *arg)
{
    log_setup(LOG_INFO, true);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    log_line(LOG_ERROR, "net", fmt, arg);
#pragma GCC diagnostic pop
    log_setup(LOG_INFO, false);
    const char *line = captured();
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_memory_equal(line + 33, "\",", 2);
    return line + 35;
}

static void json_members(void **state)
{
    (void)state;
#define HEAD "\"level\":\"error\",\"area\":\"net\""
    static const struct {
        const char *fmt;
        const char *arg;
        const char *want;
    } rows[] = {
        {"event=%s", "x", HEAD ",\"event\":\"x\"}\n"},
        {"event=listen error=%s", "Address in use hint=other",
         HEAD ",\"event\":\"listen\",\"error\":\"Address in use\",\"hint\":\"other\"}\n"},
        {"no keys%s", "", HEAD ",\"message\":\"no keys\"}\n"},
        {"words first k=%s", "v", HEAD ",\"message\":\"words first\",\"k\":\"v\"}\n"},
        {"a=%s", "b=c", HEAD ",\"a\":\"b=c\"}\n"},
        {"a=%s b=", "", HEAD ",\"a\":\"\",\"b\":\"\"}\n"},
        {"%s", "", HEAD "}\n"},
        {"q=%s", "say \"hi\" \\", HEAD ",\"q\":\"say \\\"hi\\\" \\\\\"}\n"},
        {"q=%s", "a\nb", HEAD ",\"q\":\"a\\u000ab\"}\n"},
    };
    for (size_t i = 0; i < N_OF(rows); i++)
        assert_string_equal(json_line(rows[i].fmt, rows[i].arg), rows[i].want);
}

/* A long message is cut, and the line still ends as a line of its form does. */
static void long_message_is_cut(void **state)
{
    (void)state;
    char big[5000];
    memset(big, '\x01', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    const char *line = json_line("a=%s", big);
    size_t n = strlen(line);
    assert_true(n > 5000 && n < 8192);
    assert_string_equal(line + n - 3, "\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_line),
        cmocka_unit_test(level_is_a_threshold),
        cmocka_unit_test(text_cannot_forge_a_line),
        cmocka_unit_test(json_members),
        cmocka_unit_test(long_message_is_cut),
    };
    return cmocka_run_group_tests(tests, capture_start, capture_stop);
}
