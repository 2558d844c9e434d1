/* A loop with one socket, and peers in a context of their own. Static inline: each test program is
 * one file. */
#ifndef TESTS_UNIT_NET_HARNESS_H
#define TESTS_UNIT_NET_HARNESS_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/net/zsock_internal.h"
#include "tests/draw.h"
#include "tests/unit/net/turn.h"

struct fixture {
    struct loop *loop;
    struct znet *net;
    struct zsock *sock;
    struct zsock_options o;
    void *peers;  /* the peers' context: a different one, as in another process */
    void *at[16]; /* its sockets, open or NULL */

    /* What arrived. */
    unsigned messages, refused;
    struct zpeer last_from;
    char last[64];
    size_t last_n;
    bool echo;
    bool close_in_callback;
    struct zmsg kept;
    bool keep;
};

static inline void on_message(void *arg, const struct zpeer *from, struct zmsg *m)
{
    struct fixture *f = arg;
    f->last_from = *from;
    if (m == NULL) {
        f->refused++;
        if (f->echo)
            zsock_send(f->sock, from, (struct str){0}, "refused", 7);
        return;
    }
    f->messages++;
    f->last_n = m->bytes < sizeof(f->last) ? m->bytes : sizeof(f->last);
    memcpy(f->last, m->data, f->last_n);
    if (f->echo)
        zsock_send(f->sock, from, (struct str){0}, m->data, m->bytes);
    if (f->close_in_callback)
        zsock_close(&f->sock);
    if (f->keep)
        f->kept = *m;
    else
        zmsg_free(m);
}

static inline void open_sock(struct fixture *f, enum zsock_type type, const char *endpoint)
{
    char why[256] = "";
    f->o.type = type;
    f->o.endpoint = endpoint;
    if (zsock_open(f->net, &f->o, &f->sock, why) != ST_OK)
        fail_msg("%s", why);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->peers = zmq_ctx_new();
    f->o = (struct zsock_options){.message_bytes_max = 1 << 20,
                                  .receive_queue = 1000,
                                  .send_queue = 1000,
                                  .turn_messages_max = 64,
                                  .turn_bytes_max = 1 << 20,
                                  .on_message = on_message,
                                  .arg = f};
    return loop_new(&f->loop) == ST_OK && znet_new(f->loop, 1, 16, &f->net) == ST_OK ? 0 : -1;
}

static inline void hang_up(struct fixture *f, void *p)
{
    for (size_t i = 0; i < N_OF(f->at); i++)
        if (f->at[i] == p)
            f->at[i] = NULL;
    zmq_close(p);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < N_OF(f->at); i++)
        if (f->at[i] != NULL)
            zmq_close(f->at[i]); /* left by a test that failed */
    zmq_ctx_term(f->peers);
    znet_free(&f->net);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static inline void *peer(struct fixture *f, int type)
{
    void *p = zmq_socket(f->peers, type);
    int linger = 0, patience = PATIENCE_MS, yes = 1;
    size_t i = 0;
    while (f->at[i] != NULL)
        i++;
    CHECK(i < N_OF(f->at));
    f->at[i] = p;
    zmq_setsockopt(p, ZMQ_IPV6, &yes, sizeof(yes));
    zmq_setsockopt(p, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(p, ZMQ_RCVTIMEO, &patience, sizeof(patience));
    zmq_setsockopt(p, ZMQ_SNDTIMEO, &patience, sizeof(patience));
    assert_int_equal(zmq_connect(p, zsock_endpoint(f->sock)), 0);
    return p;
}

static inline void say(void *p, const char *text)
{
    assert_int_equal(zmq_send(p, text, strlen(text), 0), strlen(text));
}

static inline struct zsock_counters counters(const struct fixture *f)
{
    struct zsock_counters n;
    zsock_counters(f->sock, &n);
    return n;
}

/* The next message of p, turning meanwhile. */
static inline void expect(struct fixture *f, void *p, const char *want)
{
    char got[64] = "";
    int n = -1;
    TURN_UNTIL(f, (n = zmq_recv(p, got, sizeof(got) - 1, ZMQ_DONTWAIT)) >= 0);
    assert_int_equal(n, strlen(want));
    assert_string_equal(got, want);
}

#define ZSOCK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
