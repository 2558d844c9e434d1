/* Publishers with an outbox that are killed at random moments: what publish had accepted must be
 * counted exactly once, and nothing twice, by an engine that is killed as well. */
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/draw.h"
#include "tests/unit/publish/publish_help.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS       25
#define ROUND_VALUES 20000u /* room for the values of one process */
#define MINUTE_MS    60000

/* The process to be killed: publishes first, first + 1, ... and tells each one accepted on stdout.
 * It is this program, executed anew: a fork of a process with threads could do little. */
_Noreturn static void publish_for_ever(char **argv)
{
    static struct fake_engine f; /* for its endpoint only */
    struct heard heard;
    uint64_t first, relaxed;
    (void)text_fmt(f.endpoint, sizeof f.endpoint, "%s", argv[1]);
    CHECK(text_u64(str_of(argv[3]), &first) == ST_OK);
    CHECK(text_u64(str_of(argv[4]), &relaxed) == ST_OK);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox = argv[2];
    options.sync = relaxed != 0 ? DAYBOOK_SYNC_RELAXED : DAYBOOK_SYNC_BATCH;
    options.window = 64;
    struct daybook_publisher *p = test_open(&options);
    for (uint32_t i = 0; i < ROUND_VALUES; i++) {
        uint8_t body[16];
        size_t n = test_body(first + i, body);
        CHECK(daybook_publish_raw(p, body, n, NULL) == DAYBOOK_OK);
        CHECK(write(STDOUT_FILENO, &i, sizeof i) == (ssize_t)sizeof i);
        CHECK(daybook_poll(p, 0) != DAYBOOK_IO);
    }
    for (;;)
        (void)pause();
}

static pid_t start(const struct fake_engine *f, const char *path, uint64_t first,
                   enum daybook_sync sync, int tell)
{
    char endpoint[64], folder[128], number[24], relaxed[2];
    (void)text_fmt(endpoint, sizeof endpoint, "%s", f->endpoint);
    (void)text_fmt(folder, sizeof folder, "%s", path);
    (void)text_fmt(number, sizeof number, "%llu", (unsigned long long)first);
    (void)text_fmt(relaxed, sizeof relaxed, "%d", sync == DAYBOOK_SYNC_RELAXED);
    char name[] = "publisher";
    char *argv[] = {name, endpoint, folder, number, relaxed, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, tell, STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return child;
}

/* Values from first on that the killed process had accepted. */
static uint32_t run_and_kill(const struct fake_engine *f, const char *path, uint64_t first,
                             enum daybook_sync sync, uint32_t kill_after)
{
    int pipe_fd[2];
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    pid_t child = start(f, path, first, sync, pipe_fd[1]);
    (void)close(pipe_fd[1]);
    uint32_t accepted_n = 0, told;
    while (read(pipe_fd[0], &told, sizeof told) == (ssize_t)sizeof told) {
        accepted_n = told + 1;
        if (accepted_n == kill_after)
            assert_int_equal(kill(child, SIGKILL), 0);
    }
    (void)close(pipe_fd[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return accepted_n;
}

static void killed_at_random(enum daybook_sync sync, uint64_t seed)
{
    static struct fake_engine f;
    struct heard heard;
    char path[128];
    uint32_t accepted[ROUNDS];
    fake_engine_start(&f);
    (void)test_directory(path);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t kill_after = 1 + (uint32_t)draw(&seed, 400);
        accepted[round] = run_and_kill(&f, path, round * ROUND_VALUES, sync, kill_after);
        if (round % 5 == 4) { /* the engine dies, too; its cursor is durable */
            fake_engine_halt(&f);
            fake_engine_resume(&f);
        }
    }
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox = path;
    struct daybook_publisher *p = test_open(&options);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(heard.lost_n, 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t first = round * ROUND_VALUES;
        assert_int_equal(fake_engine_wrong(&f, first, first + accepted[round]), 0);
        /* Killed between storing and telling: at most one more, and that one once. */
        uint64_t more_n = 0;
        for (uint64_t v = first + accepted[round]; v < first + ROUND_VALUES; v++) {
            assert_true(f.seen[v] <= 1);
            more_n += f.seen[v];
        }
        assert_true(more_n <= 1);
    }
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    fake_engine_free(&f);
    test_remove(path);
}

static void synced(void **state)
{
    (void)state;
    killed_at_random(DAYBOOK_SYNC_BATCH, 1);
}

static void relaxed(void **state)
{
    (void)state;
    killed_at_random(DAYBOOK_SYNC_RELAXED, 2);
}

/* The window lets few through, the engine is away: the rest waits on disk and is read back. */
static void backlog_on_disk(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    char path[128];
    fake_engine_start(&f);
    fake_engine_halt(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox = test_directory(path);
    options.sync = DAYBOOK_SYNC_RELAXED;
    options.window = 8;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 3000);
    assert_int_equal(test_stats(p).outbox_batches, 3000);
    assert_int_equal(daybook_publisher_close(&p, 0), DAYBOOK_TIMEOUT);
    fake_engine_resume(&f);
    p = test_open(&options);
    assert_int_equal(test_stats(p).outbox_batches, 3000);
    test_publish(p, 3000, 3100);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 3100), 0);
    assert_int_equal(f.duplicate_n, 0);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);

    uint64_t messages_n = f.messages_n;
    p = test_open(&options); /* closed with nothing to do: nothing is sent again */
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(f.messages_n, messages_n);
    assert_int_equal(test_stats(p).next_seq, 3101);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    fake_engine_free(&f);
    test_remove(path);
}

/* Epochs that end while batches wait on disk: stale, and an engine that lost its data. */
static void epochs_on_disk(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    char path[128];
    fake_engine_start(&f);
    f.epoch = UINT64_C(9000000000000);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox = test_directory(path);
    options.sync = DAYBOOK_SYNC_RELAXED;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 100);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(heard.lost_n, 0);
    assert_int_equal(test_stats(p).epoch, UINT64_C(9000000000001));
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    fake_engine_halt(&f);
    f.epoch = 0;
    f.seq = 0;
    fake_engine_resume(&f);
    heard.last_seq = 0;
    p = test_open(&options);
    assert_int_equal(test_stats(p).epoch, UINT64_C(9000000000001));
    test_publish(p, 100, 200);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 200), 0);
    assert_int_equal(heard.lost.why, DAYBOOK_LOST_BY_ENGINE);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    fake_engine_free(&f);
    test_remove(path);
}

int main(int argc, char **argv)
{
    if (argc == 5)
        publish_for_ever(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synced),
        cmocka_unit_test(relaxed),
        cmocka_unit_test(backlog_on_disk),
        cmocka_unit_test(epochs_on_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
