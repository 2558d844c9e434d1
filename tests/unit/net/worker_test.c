/* A worker does what it is given in order, gives it back, and ends only when all of it is done. */
#include "engine/net/worker.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/check.h"

struct log {
    int order[3 * WORKER_LETTERS];
    int n;
};

static void note(void *arg, void *letter)
{
    struct log *log = arg;

    log->order[log->n++] = *(int *)letter;
}

static void letters_come_back_in_order(void **state)
{
    static const int rounds = 3;
    struct log log = {0};
    int letters[WORKER_LETTERS];
    struct worker *w = NULL;

    (void)state;
    assert_int_equal(worker_new(note, &log, &w), ST_OK);
    assert_null(worker_take(w));
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < WORKER_LETTERS; i++) {
            letters[i] = round * WORKER_LETTERS + i;
            worker_put(w, &letters[i]);
        }
        for (int i = 0; i < WORKER_LETTERS;) {
            struct pollfd bell = {.fd = worker_fd(w), .events = POLLIN};
            assert_int_equal(poll(&bell, 1, 10000), 1);
            for (int *done; (done = worker_take(w)) != NULL; i++)
                assert_ptr_equal(done, &letters[i]);
        }
    }
    worker_free(&w);
    assert_null(w);
    assert_int_equal(log.n, rounds * WORKER_LETTERS);
    for (int i = 0; i < log.n; i++)
        assert_int_equal(log.order[i], i);
}

static void waiting_takes_the_next_that_is_done(void **state)
{
    struct log log = {0};
    int letters[2] = {5, 6};
    struct worker *w = NULL;

    (void)state;
    assert_int_equal(worker_new(note, &log, &w), ST_OK);
    for (size_t i = 0; i < N_OF(letters); i++)
        worker_put(w, &letters[i]);
    for (size_t i = 0; i < N_OF(letters); i++)
        assert_ptr_equal(worker_wait(w), &letters[i]);
    assert_null(worker_take(w));
    worker_free(&w);
}

static void freeing_waits_for_what_was_given(void **state)
{
    struct log log = {0};
    int letters[WORKER_LETTERS - 1] = {7, 8, 9}; /* the last place is for the letter that ends it */
    struct worker *w = NULL;

    (void)state;
    assert_int_equal(worker_new(note, &log, &w), ST_OK);
    for (size_t i = 0; i < N_OF(letters); i++)
        worker_put(w, &letters[i]);
    worker_free(&w);
    worker_free(&w); /* of nothing */
    assert_int_equal(log.n, (int)N_OF(letters));
    assert_int_equal(log.order[2], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_come_back_in_order),
        cmocka_unit_test(waiting_takes_the_next_that_is_done),
        cmocka_unit_test(freeing_waits_for_what_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
