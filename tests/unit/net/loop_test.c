/* The loop: what happens in a turn, in which order, and what may be freed where. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/net/internal.h"

struct scene {
    struct loop *loop;
    int pipe[2];
    struct watch *watch;
    struct timer *timer;
    struct source *source;
    char log[64]; /* one letter per thing that happened */
    size_t n;
    int ready_left; /* times that the source says it is ready */
    int64_t seen_ms;
};

static void note(struct scene *s, char what)
{
    CHECK(s->n < sizeof(s->log) - 1);
    s->log[s->n++] = what;
    s->log[s->n] = '\0';
}

static void on_fd(void *arg)
{
    struct scene *s = arg;
    char c;
    assert_int_equal(read(s->pipe[0], &c, 1), 1);
    note(s, 'f');
    s->seen_ms = loop_clock(s->loop)->mono_ms;
}

static void on_hook_1(void *arg)
{
    struct scene *s = arg;
    note(s, '1');
    /* One clock for the whole turn. */
    if (s->seen_ms != 0)
        assert_int_equal(loop_clock(s->loop)->mono_ms, s->seen_ms);
}

static void on_hook_2(void *arg)
{
    note(arg, '2');
}

static void freed(void *arg)
{
    note(arg, 'x');
}

static bool source_ready(void *arg)
{
    struct scene *s = arg;
    note(s, '?');
    return s->ready_left > 0 && s->ready_left-- > 0;
}

static void source_run(void *arg)
{
    note(arg, 's');
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    *state = s;
    return pipe(s->pipe) == 0 && loop_new(&s->loop) == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    loop_unwatch(&s->watch);
    timer_free(&s->timer);
    source_free(&s->source);
    loop_free(&s->loop);
    close(s->pipe[0]);
    close(s->pipe[1]);
    free(s);
    return 0;
}

static void test_order_of_a_turn(void **state)
{
    struct scene *s = *state;
    loop_hook(s->loop, on_hook_1, s);
    loop_hook(s->loop, on_hook_2, s);
    assert_int_equal(loop_watch(s->loop, s->pipe[0], on_fd, s, &s->watch), ST_OK);
    assert_int_equal(loop_source(s->loop, source_ready, source_run, s, &s->source), ST_OK);
    loop_defer_free(s->loop, freed, s);
    assert_int_equal(write(s->pipe[1], "a", 1), 1);
    loop_turn(s->loop, 5000);
    assert_string_equal(s->log, "?fs12x");
}

static void test_ready_source_and_again_do_not_wait(void **state)
{
    struct scene *s = *state;
    assert_int_equal(loop_source(s->loop, source_ready, source_run, s, &s->source), ST_OK);
    s->ready_left = 3;
    for (int i = 0; i < 3; i++) {
        loop_turn(s->loop, 5000);
        assert_int_equal(loop_waited_ms(s->loop), 0);
    }
    assert_string_equal(s->log, "?s?s?s");
    loop_again(s->loop);
    loop_turn(s->loop, 5000);
    assert_int_equal(loop_waited_ms(s->loop), 0);
    loop_turn(s->loop, 30); /* nothing to do: it waits */
    assert_true(loop_waited_ms(s->loop) >= 20);
    assert_string_equal(s->log, "?s?s?s?s?s");
}

/* ---- freeing what is running ---- */

struct victim {
    struct scene *scene;
    int magic;
};

static void victim_free(void *p)
{
    struct victim *v = p;
    note(v->scene, 'x');
    v->magic = 0;
    free(v);
}

static void on_victim(void *arg)
{
    struct victim *v = arg;
    loop_unwatch(&v->scene->watch); /* from inside its own callback */
    loop_defer_free(v->scene->loop, victim_free, v);
    assert_int_equal(v->magic, 77); /* still there */
    note(v->scene, 'v');
}

static void test_close_inside_own_callback(void **state)
{
    struct scene *s = *state;
    struct victim *v = malloc(sizeof(*v));
    *v = (struct victim){s, 77};
    loop_hook(s->loop, on_hook_2, s);
    assert_int_equal(loop_watch(s->loop, s->pipe[0], on_victim, v, &s->watch), ST_OK);
    assert_int_equal(write(s->pipe[1], "ab", 2), 2);
    loop_turn(s->loop, 5000);
    loop_turn(s->loop, 0);
    assert_string_equal(s->log, "v2x2");
}

static void run_once(void *arg)
{
    struct scene *s = arg;
    note(s, 's');
    source_free(&s->source);
}

static void test_source_frees_itself(void **state)
{
    struct scene *s = *state;
    assert_int_equal(loop_source(s->loop, source_ready, run_once, s, &s->source), ST_OK);
    loop_turn(s->loop, 0);
    loop_turn(s->loop, 0);
    assert_string_equal(s->log, "s");
}

static void defer_more(void *arg)
{
    struct scene *s = arg;
    note(s, 'm');
    if (s->n < 40)
        loop_defer_free(s->loop, defer_more, s);
}

static void test_deferred_may_defer(void **state)
{
    struct scene *s = *state;
    loop_defer_free(s->loop, defer_more, s);
    loop_turn(s->loop, 0);
    assert_int_equal(s->n, 40);
}

/* ---- timers and signals ---- */

static void on_timer(void *arg)
{
    struct scene *s = arg;
    note(s, 't');
    if (s->n == 3)
        timer_free(&s->timer); /* from inside its own callback */
    if (s->n == 3)
        loop_stop(s->loop);
}

static void test_timer(void **state)
{
    struct scene *s = *state;
    int64_t from_ms = clock_now().mono_ms;
    assert_int_equal(loop_every(s->loop, 10, on_timer, s, &s->timer), ST_OK);
    assert_int_equal(loop_run(s->loop), ST_OK);
    assert_string_equal(s->log, "ttt");
    assert_true(clock_now().mono_ms - from_ms >= 24); /* libevent's clock is coarse */
    loop_turn(s->loop, 20);
    assert_string_equal(s->log, "ttt");
}

static void on_signal(void *arg)
{
    note(arg, 'g');
}

static void on_stop_signal(void *arg)
{
    struct scene *s = arg;
    note(s, 'G');
    loop_stop(s->loop);
}

static void test_signals(void **state)
{
    struct scene *s = *state;
    assert_int_equal(loop_signal(s->loop, SIGHUP, on_signal, s), ST_OK);
    assert_int_equal(loop_signal(s->loop, SIGTERM, on_stop_signal, s), ST_OK);
    raise(SIGHUP);
    assert_string_equal(s->log, ""); /* nothing happens in the handler */
    loop_turn(s->loop, 5000);
    assert_string_equal(s->log, "g");
    raise(SIGTERM);
    assert_int_equal(loop_run(s->loop), ST_OK);
    assert_string_equal(s->log, "gG");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_order_of_a_turn),
        T(test_ready_source_and_again_do_not_wait),
        T(test_close_inside_own_callback),
        T(test_source_frees_itself),
        T(test_deferred_may_defer),
        T(test_timer),
        T(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
