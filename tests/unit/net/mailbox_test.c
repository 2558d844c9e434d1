/* Mailboxes: order, bounds, the bell, and two threads. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/net/loop.h"
#include "engine/net/mailbox.h"

static bool rings(const struct mailbox *m)
{
    struct pollfd p = {.fd = mailbox_fd(m), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void test_order_and_bounds(void **state)
{
    (void)state;
    int letters[4];
    struct mailbox *m = NULL;
    assert_int_equal(mailbox_new(3, &m), ST_OK);
    for (int round = 0; round < 5; round++) { /* the ring turns over */
        assert_null(mailbox_take(m));
        assert_false(rings(m));
        for (int i = 0; i < 3; i++) {
            assert_true(mailbox_put(m, &letters[i]));
            assert_true(rings(m));
        }
        assert_false(mailbox_put(m, &letters[3]));
        assert_ptr_equal(mailbox_take(m), &letters[0]);
        assert_true(mailbox_put(m, &letters[3]));
        assert_ptr_equal(mailbox_wait(m), &letters[1]);
        assert_ptr_equal(mailbox_take(m), &letters[2]);
        assert_true(rings(m));
        assert_ptr_equal(mailbox_take(m), &letters[3]);
        assert_false(rings(m));
    }
    mailbox_free(&m);
    assert_null(m);
    mailbox_free(&m);
}

/* ---- two threads ---- */

#define LETTERS 20000

struct letter {
    uint64_t number; /* written by the sender, read by the receiver, without any lock of theirs */
};

struct post {
    struct mailbox *there, *back;
};

/* Adds one to each letter and sends it back. */
static void *answer(void *arg)
{
    struct post *p = arg;
    for (int i = 0; i < LETTERS; i++) {
        struct letter *l = mailbox_wait(p->there);
        l->number++;
        while (!mailbox_put(p->back, l))
            sched_yield();
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    static struct letter letters[LETTERS];
    struct post p;
    pthread_t thread;
    assert_int_equal(mailbox_new(16, &p.there), ST_OK);
    assert_int_equal(mailbox_new(7, &p.back), ST_OK);
    assert_int_equal(pthread_create(&thread, NULL, answer, &p), 0);
    uint64_t sent = 0, got = 0;
    while (got < LETTERS) {
        while (sent < LETTERS) {
            letters[sent].number = 2 * sent;
            if (!mailbox_put(p.there, &letters[sent]))
                break;
            sent++;
        }
        struct letter *l = sent == LETTERS ? mailbox_wait(p.back) : mailbox_take(p.back);
        if (l == NULL)
            continue;
        assert_ptr_equal(l, &letters[got]);
        assert_int_equal(l->number, 2 * got + 1);
        got++;
    }
    pthread_join(thread, NULL);
    mailbox_free(&p.there);
    mailbox_free(&p.back);
}

/* ---- in the loop ---- */

struct reader {
    struct mailbox *m;
    struct loop *loop;
    int got;
};

static void read_one(void *arg)
{
    struct reader *r = arg;
    struct letter *l = mailbox_take(r->m); /* one only: the bell goes on ringing for the rest */
    assert_non_null(l);
    if (++r->got == 1000)
        loop_stop(r->loop);
}

static void *post_1000(void *arg)
{
    static struct letter l;
    for (int i = 0; i < 1000; i++)
        while (!mailbox_put(arg, &l))
            sched_yield();
    return NULL;
}

static void test_bell_wakes_the_loop(void **state)
{
    (void)state;
    struct reader r = {0};
    struct watch *w = NULL;
    pthread_t thread;
    assert_int_equal(mailbox_new(8, &r.m), ST_OK);
    assert_int_equal(loop_new(&r.loop), ST_OK);
    assert_int_equal(loop_watch(r.loop, mailbox_fd(r.m), read_one, &r, &w), ST_OK);
    assert_int_equal(pthread_create(&thread, NULL, post_1000, r.m), 0);
    assert_int_equal(loop_run(r.loop), ST_OK);
    assert_int_equal(r.got, 1000);
    pthread_join(thread, NULL);
    loop_unwatch(&w);
    loop_free(&r.loop);
    mailbox_free(&r.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bounds),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_bell_wakes_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
