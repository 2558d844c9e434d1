/* The table of commands: every row is whole, and what is written from it (help, completion) is what
 * a shell can read. Event lines of the generator decode to the events they came from. */
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/workload.h"
#include "clients/daybook/command.h"
#include "clients/daybook/compact_line.h"
#include "engine/base/arena.h"
#include "engine/base/check.h"
#include "schemas/frame.h"

static void every_command_is_whole(void **state)
{
    (void)state;
    size_t n = 0;
    for (; command_at(n) != NULL; n++) {
        const struct command *c = command_at(n);
        assert_ptr_equal(command_find(str_of(c->name)), c);
        assert_true(strlen(c->summary) > 10 && strlen(c->summary) < 70);
        assert_true(strlen(c->help) > 40);
        assert_true(c->min <= c->max && c->max <= ARGS_MAX);
        assert_non_null(c->run);
        for (size_t i = 0; i < c->rows_n; i++) {
            const struct option_row *r = &c->rows[i];
            assert_true(strlen(r->help) > 5);
            assert_true((r->type == ARG_FLAG) == (r->value == NULL));
            assert_true((r->type == ARG_WORD) == (r->words != NULL));
            assert_true(r->at + sizeof(struct arg) <= c->options_bytes);
            assert_true(r->letter != 'h' && strcmp(r->name, "help") != 0);
            for (size_t k = 0; k < i; k++) {
                assert_string_not_equal(r->name, c->rows[k].name);
                assert_true(r->letter == 0 || r->letter != c->rows[k].letter);
                assert_true(r->at != c->rows[k].at);
            }
        }
    }
    assert_int_equal(n, 13);
    assert_null(command_find(STR("importt")));
}

static const char *no_env(const char *name)
{
    (void)name;
    return NULL;
}

static const char *some_env(const char *name)
{
    return strcmp(name, "DAYBOOK_INGEST") == 0 ? "ipc://x" : "";
}

static void endpoints_come_from_option_environment_default(void **state)
{
    (void)state;
    struct cli cli = {.env = no_env};
    struct arg none = {0}, given = {.given = true, .text = "tcp://h:1"};
    assert_string_equal(command_ingest(&cli, &none), INGEST_DEFAULT);
    assert_string_equal(command_query(&cli, &none), QUERY_DEFAULT);
    cli.env = some_env;
    assert_string_equal(command_ingest(&cli, &none), "ipc://x");
    assert_string_equal(command_query(&cli, &none), QUERY_DEFAULT);
    assert_string_equal(command_ingest(&cli, &given), "tcp://h:1");
    assert_int_equal(command_timeout(&none), TIMEOUT_DEFAULT_MS);
}

/* Run a command whose output is a text. */
static char *output_of(const struct command *c, const char *argument)
{
    static const int never = 0;
    char *text = NULL;
    size_t n = 0;
    char *argv[] = {(char *)argument};
    struct cli cli = {
        .out = open_memstream(&text, &n),
        .err = stderr,
        .columns = 80,
        .env = no_env,
        .n = argument != NULL,
        .v = argv,
        .stop = &never,
    };
    assert_non_null(cli.out);
    if (argument != NULL)
        assert_int_equal(c->run(&cli, NULL), 0);
    else
        command_help(&cli, c);
    assert_int_equal(fclose(cli.out), 0);
    return text;
}

static void help_shows_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *c = command_at(i);
        char *text = output_of(c, NULL);
        for (size_t k = 0; k < c->rows_n; k++) {
            char option[80];
            text_fmt(option, sizeof option, "--%s", c->rows[k].name);
            assert_non_null(strstr(text, option));
        }
        free(text);
    }
}

static void completion_knows_every_command_view_and_format(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static const char *const words[] = {"distinct_records", "cloudevents", "combined"};
    for (size_t i = 0; i < N_OF(shells); i++) {
        char *text = output_of(&cmd_completion, shells[i]);
        for (size_t k = 0; command_at(k) != NULL; k++)
            assert_non_null(strstr(text, command_at(k)->name));
        for (size_t k = 0; k < N_OF(words); k++)
            assert_non_null(strstr(text, words[k]));
        free(text);
    }
}

extern char **environ;

static void bash_can_read_its_completion(void **state)
{
    (void)state;
    char path[] = "/tmp/daybook-completion-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *text = output_of(&cmd_completion, "bash");
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
    free(text);
    char *argv[] = {"bash", "-n", path, NULL};
    pid_t pid;
    int status;
    assert_int_equal(posix_spawnp(&pid, "bash", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)unlink(path);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void decode(struct arena *a, struct str frame, struct batch *b)
{
    *b = (struct batch){0};
    frame_decode(frame.p, frame.n, &frame_limits_default, a, b);
    assert_int_equal(b->status, ST_OK);
    assert_int_equal(b->rejects_n, 0);
}

static void generated_lines_are_the_same_events(void **state)
{
    (void)state;
    for (enum workload_shape shape = 0; shape < WORKLOAD_SHAPE_N; shape++) {
        struct workload_options o = {.shape = shape, .seed = 3, .batch_events = 500};
        struct workload *w;
        assert_int_equal(workload_new(&o, &w), ST_OK);
        uint8_t *frame = malloc(workload_batch_bytes_max(w));
        size_t n = workload_batch(w, 0, 1795500000000, frame);
        struct arena a = {0}, a2 = {0};
        struct buf text = buf_of(1 << 20);
        struct batch b, line;
        decode(&a, (struct str){(char *)frame, n}, &b);
        assert_int_equal(b.n, 500);
        assert_true(compact_lines(frame, n, &text));
        assert_false(text.bad);
        const char *p = (const char *)text.p;
        for (uint32_t i = 0; i < b.n; i++) {
            const char *nl = memchr(p, '\n', (size_t)((const char *)text.p + text.n - p));
            assert_non_null(nl);
            arena_reset(&a2);
            decode(&a2, (struct str){p, (size_t)(nl - p)}, &line);
            struct event x = b.ev[i], y = line.ev[0];
            x.more = y.more = NULL;
            assert_memory_equal(&x, &y, sizeof x);
            p = nl + 1;
        }
        assert_ptr_equal(p, text.p + text.n);
        buf_fini(&text);
        arena_fini(&a);
        arena_fini(&a2);
        free(frame);
        workload_free(&w);
    }
}

static void a_compact_batch_as_lines(void **state)
{
    (void)state;
    static const uint8_t frame[] = {
        0x94, /* four events */
        0x97, 1,    7,    42,   0xcf, 0, 0,    1,    0xa2, 0x0c, 0x23, 0xc3, 0, 5, 0xcd,
        1,    0x94, 0xc0, 0x97, 11,   7, 0xcc, 200,  0,    1,    0xce, 0,    0, 2, 0,
        3,    0x96, 10,   7,    0,    0, 3,    0xc0, 0x95, 20,   7,    42,   0, 9,
    };
    struct buf text = buf_of(4096);
    assert_true(compact_lines(frame, sizeof frame, &text));
    buf_u8(&text, 0);
    assert_string_equal(
        (char *)text.p,
        "{\"type\":\"api.call\",\"account\":7,\"app\":42,\"time\":1795500000000,\"method\":"
        "\"PATCH\","
        "\"status\":404}\n"
        "{\"type\":\"record.updated\",\"account\":7,\"app\":200,\"time\":0,\"object_type\":\"0-1\","
        "\"record\":512,\"count\":3}\n"
        "{\"type\":\"record.created\",\"account\":7,\"app\":0,\"time\":0,\"object_type\":\"0-3\"}\n"
        "{\"type\":\"app.installed\",\"account\":7,\"app\":42,\"time\":0,\"user\":9}\n");
    for (size_t cut = 0; cut < sizeof frame; cut++) {
        buf_reset(&text);
        assert_false(compact_lines(frame, cut, &text));
    }
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_whole),
        cmocka_unit_test(endpoints_come_from_option_environment_default),
        cmocka_unit_test(help_shows_every_option),
        cmocka_unit_test(completion_knows_every_command_view_and_format),
        cmocka_unit_test(bash_can_read_its_completion),
        cmocka_unit_test(generated_lines_are_the_same_events),
        cmocka_unit_test(a_compact_batch_as_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
