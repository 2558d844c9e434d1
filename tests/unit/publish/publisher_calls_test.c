/* The calls of a publisher: blocking and not, batches, an event loop, signals, wrong arguments. */
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "tests/unit/publish/publish_help.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#define MINUTE_MS 60000

static void close_all(struct daybook_publisher **p, struct fake_engine *f)
{
    assert_int_equal(daybook_publisher_close(p, MINUTE_MS), DAYBOOK_OK);
    assert_null(*p);
    fake_engine_free(f);
}

static void full_outbox_blocks_or_says_so(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    uint8_t body[16];
    fake_engine_start(&f);
    f.halted = true;
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox_batches_max = 10;
    options.block_ms = 20;
    options.batch_events_max = 1;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 10);
    size_t n = test_body(10, body);
    assert_int_equal(daybook_try_publish_raw(p, body, n, NULL), DAYBOOK_AGAIN);
    assert_int_equal(daybook_publish_raw(p, body, n, NULL), DAYBOOK_TIMEOUT);
    assert_string_equal(daybook_publisher_error(p), "the outbox was full for 20 ms");
    const struct daybook_event e = {.kind = DAYBOOK_APP_INSTALLED,
                                    .account = FAKE_VALUES_MAX,
                                    .app = 1,
                                    .has_user = true,
                                    .user = 2};
    assert_int_equal(daybook_try_publish(p, &e), DAYBOOK_OK); /* the open batch has room for one */
    assert_int_equal(daybook_try_publish(p, &e), DAYBOOK_AGAIN);
    assert_int_equal(daybook_seal(p), DAYBOOK_AGAIN);
    assert_int_equal(daybook_flush(p, 20), DAYBOOK_TIMEOUT);
    f.halted = false;
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 10), 0);
    assert_int_equal(f.events_n, 11);
    close_all(&p, &f);
}

/* The blocking call goes on by itself as acknowledgements make room. */
static void blocking_publish_outruns_a_small_outbox(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox_batches_max = 3;
    options.window = 2;
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 5000);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(fake_engine_wrong(&f, 0, 5000), 0);
    close_all(&p, &f);
}

/* An event loop that does nothing but what the header says, edge-triggered: nothing may stall. */
static void descriptor_misses_nothing(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.window = 16;
    options.outbox_batches_max = 32;
    options.probe_ms = MINUTE_MS; /* no timer may help out */
    options.ack_timeout_ms = MINUTE_MS;
    struct daybook_publisher *p = test_open(&options);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, daybook_publisher_fd(p), &event), 0);
    uint64_t value = 0;
    const uint64_t end = 20000;
    uint64_t stalled_n = 0;
    while (value < end || test_stats(p).outbox_batches > 0) {
        uint8_t body[16];
        enum daybook_status st = DAYBOOK_OK;
        for (int burst = 0; burst < (int)(value % 7) && value < end && st == DAYBOOK_OK; burst++) {
            st = daybook_try_publish_raw(p, body, test_body(value, body), NULL);
            value += st == DAYBOOK_OK;
        }
        if (value % 7 == 0 && value < end) {
            test_publish(p, value, value + 1);
            value++;
            continue;
        }
        if (st != DAYBOOK_AGAIN && value < end)
            continue;
        int wait_ms = daybook_publisher_wait_ms(p);
        if (wait_ms < 0 || wait_ms > 5000)
            wait_ms = 5000;
        stalled_n += epoll_wait(epoll, &event, 1, wait_ms) == 0 && wait_ms == 5000;
        (void)daybook_poll(p, 0);
        assert_int_equal(stalled_n, 0);
    }
    assert_int_equal(fake_engine_wrong(&f, 0, end), 0);
    assert_int_equal(test_stats(p).probes, 0);
    (void)close(epoll);
    close_all(&p, &f);
}

/* An event of some 50 bytes, or of `long_bytes` more. */
static void publish_event(struct daybook_publisher *p, size_t long_bytes)
{
    static char text[257];
    static const char *scopes[256];
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < N_OF(scopes); i++)
        scopes[i] = text;
    const struct daybook_event e = {.kind = DAYBOOK_PERMISSION_GRANTED,
                                    .account = 1,
                                    .app = 2,
                                    .id = "01234567890123456789012345678901",
                                    .scopes = scopes,
                                    .scopes_n = long_bytes / 256};
    assert_int_equal(daybook_publish(p, &e), DAYBOOK_OK);
}

static void batches_by_count_bytes_and_age(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.batch_events_max = 10;
    options.linger_ms = -1;
    struct daybook_publisher *p = test_open(&options);
    for (int i = 0; i < 25; i++)
        publish_event(p, 0);
    test_poll_until(p, &f.applied_n, 2);
    assert_int_equal(f.events_n, 20);
    assert_int_equal(test_stats(p).open_events, 5);
    assert_true(daybook_publisher_wait_ms(p) != 0 || test_stats(p).in_flight > 0);
    assert_int_equal(daybook_seal(p), DAYBOOK_OK);
    assert_int_equal(test_stats(p).open_events, 0);
    assert_int_equal(test_stats(p).next_seq, 4);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(f.events_n, 25);

    options.batch_events_max = 10000;
    options.batch_bytes_max = 2000;
    p = test_open(&options);
    heard.last_seq = 0;
    for (int i = 0; i < 9; i++) /* 570 bytes each: three fit */
        publish_event(p, 512);
    publish_event(p, 60000); /* alone in its batch */
    publish_event(p, 0);
    assert_int_equal(test_stats(p).next_seq, 5);
    assert_int_equal(test_stats(p).open_events, 1);
    assert_int_equal(daybook_publisher_close(&p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(f.events_n, 25 + 11);

    options.linger_ms = 1;
    p = test_open(&options);
    heard.last_seq = 0;
    publish_event(p, 0);
    uint64_t applied_n = f.applied_n;
    test_poll_until(p, &f.applied_n, applied_n + 1); /* by its age alone */
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    close_all(&p, &f);
}

static void too_large_is_not_taken(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    static uint8_t body[4096] = {0xdd};
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.message_bytes_max = 4096;
    struct daybook_publisher *p = test_open(&options);
    assert_int_equal(daybook_publish_raw(p, body, 4096, NULL), DAYBOOK_TOO_LARGE);
    assert_non_null(strstr(daybook_publisher_error(p), "message_bytes_max is 4096"));
    assert_int_equal(daybook_publish_raw(p, "{}", 2, NULL), DAYBOOK_INVALID);
    assert_int_equal(daybook_publish_raw(p, "", 0, NULL), DAYBOOK_INVALID);
    assert_int_equal(daybook_publish_raw(p, NULL, 5, NULL), DAYBOOK_INVALID);
    assert_int_equal(daybook_publish(p, NULL), DAYBOOK_INVALID);
    assert_int_equal(daybook_publish(NULL, NULL), DAYBOOK_INVALID);
    assert_int_equal(test_stats(p).next_seq, 1);
    test_publish(p, 0, 1);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    close_all(&p, &f);
}

static void on_alarm(int signal)
{
    (void)signal;
}

/* A signal a millisecond: no call may fail or lose anything by it. */
static void signals_change_nothing(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    char path[128];
    fake_engine_start(&f); /* its thread blocks signals */
    struct daybook_publisher_options options = test_options(&f, &heard);
    options.outbox = test_directory(path);
    options.sync = DAYBOOK_SYNC_RELAXED;
    options.outbox_batches_max = 100;
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval each_ms = {{0, 1000}, {0, 1000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct daybook_publisher *p = test_open(&options);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &each_ms, NULL), 0);
    test_publish(p, 0, 10000);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(fake_engine_wrong(&f, 0, 10000), 0);
    close_all(&p, &f);
    test_remove(path);
}

static void wrong_options_are_told(void **state)
{
    (void)state;
    static const struct {
        struct daybook_publisher_options o;
        enum daybook_status st;
        const char *says;
    } rows[] = {
        {{.producer = "p"}, DAYBOOK_INVALID, "endpoint is missing"},
        {{.endpoint = "e"}, DAYBOOK_INVALID, "producer must be 1..128"},
        {{.endpoint = "e", .producer = ""}, DAYBOOK_INVALID, "producer must be 1..128"},
        {{.endpoint = "e", .producer = "a\xff"}, DAYBOOK_INVALID, "UTF-8"},
        {{.endpoint = "e", .producer = "a\n"}, DAYBOOK_INVALID, "control characters"},
        {{.endpoint = "e", .producer = "p"}, DAYBOOK_NETWORK, "endpoint e"},
        {{.endpoint = "e", .producer = "p", .outbox = ""}, DAYBOOK_INVALID, "outbox is empty"},
        {{.endpoint = "e", .producer = "p", .outbox = "/no/where"}, DAYBOOK_IO, "/no/where"},
        {{.endpoint = "e", .producer = "p", .window = 65537}, DAYBOOK_INVALID, "1..65536"},
        {{.endpoint = "e", .producer = "p", .batch_events_max = 10001},
         DAYBOOK_INVALID,
         "1..10000 are allowed (0: 500)"},
        {{.endpoint = "e", .producer = "p", .batch_bytes_max = 1 << 20},
         DAYBOOK_INVALID,
         "too much for message_bytes_max"},
        {{.endpoint = "e", .producer = "p", .probe_ms = -1}, DAYBOOK_INVALID, "negative"},
        {{.endpoint = "e", .producer = "p", .first_seq = 2}, DAYBOOK_INVALID, "needs an epoch"},
        {{.endpoint = "e", .producer = "p", .epoch = 1, .outbox = "/tmp"},
         DAYBOOK_INVALID,
         "outbox in memory"},
        {{.endpoint = "e", .producer = "p", .epoch = UINT64_MAX}, DAYBOOK_INVALID, "2^53-1"},
        {{.endpoint = "tcp://127.0.0.1:1", .producer = "p", .public_key = "k"},
         DAYBOOK_INVALID,
         "server_key must be 40"}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct daybook_publisher *p = NULL;
        struct daybook_error error = {.text = ""};
        assert_int_equal(daybook_publisher_open(&rows[i].o, &p, &error), rows[i].st);
        assert_null(p);
        assert_int_equal(error.status, rows[i].st);
        if (strstr(error.text, rows[i].says) == NULL)
            fail_msg("row %zu: \"%s\" lacks \"%s\"", i, error.text, rows[i].says);
    }
}

static void callbacks_must_not_call_back(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    heard.call_back = p;
    test_publish(p, 0, 1);
    assert_int_equal(daybook_flush(p, MINUTE_MS), DAYBOOK_OK);
    assert_int_equal(heard.called, DAYBOOK_INVALID);
    close_all(&p, &f);
}

static void close_says_what_is_left(void **state)
{
    (void)state;
    static struct fake_engine f;
    struct heard heard;
    fake_engine_start(&f);
    f.halted = true;
    struct daybook_publisher_options options = test_options(&f, &heard);
    struct daybook_publisher *p = test_open(&options);
    test_publish(p, 0, 3);
    assert_int_equal(daybook_publisher_close(&p, 10), DAYBOOK_TIMEOUT);
    assert_null(p);
    assert_int_equal(daybook_publisher_close(&p, 10), DAYBOOK_OK);
    fake_engine_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_outbox_blocks_or_says_so),
        cmocka_unit_test(blocking_publish_outruns_a_small_outbox),
        cmocka_unit_test(descriptor_misses_nothing),
        cmocka_unit_test(batches_by_count_bytes_and_age),
        cmocka_unit_test(too_large_is_not_taken),
        cmocka_unit_test(signals_change_nothing),
        cmocka_unit_test(wrong_options_are_told),
        cmocka_unit_test(callbacks_must_not_call_back),
        cmocka_unit_test(close_says_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
