/* A server in a loop, and raw sockets that talk to it. */
#ifndef TESTS_UNIT_NET_HTTP_HELP_H
#define TESTS_UNIT_NET_HTTP_HELP_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/net/http.h"
#include "tests/unit/net/turn.h"

#define PEERS_MAX 64

struct peer {
    int fd; /* -1: none */
    bool closed;
    size_t n;
    char got[1 << 16];
};

struct fixture {
    struct loop *loop;
    struct http_options o;
    struct http *http;
    struct peer *peers[PEERS_MAX];
    unsigned peers_n;

    struct exchange *held[8]; /* by the handler of /later */
    unsigned held_n;
    struct exchange *stream;
    unsigned stream_closed;
    unsigned calls;
    char seen[256];
};

int setup(void **state);
int teardown(void **state);

/* Serve with the fixture's options, and the routes of these tests. */
void serve(struct fixture *f);

struct peer *dial(struct fixture *f);
void say(struct peer *p, const char *text);
bool heard(struct peer *p, const char *text);
bool hung_up(struct peer *p);
void fresh(struct peer *p); /* forget what was heard */
struct http_counters counters(const struct fixture *f);

#define H       "Host: a\r\n\r\n"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
