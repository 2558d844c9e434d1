/* Which addresses stay on this machine. A wrong LOOPBACK here would open the engine to everybody.
 */
#include "engine/config/listen.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum listen_reach want;
    } rows[] = {
        {"127.0.0.1:7700", LISTEN_LOOPBACK},
        {"127.255.255.254:1", LISTEN_LOOPBACK},
        {"localhost:65535", LISTEN_LOOPBACK},
        {"[::1]:7700", LISTEN_LOOPBACK},
        {"[0:0:0:0:0:0:0:1]:7700", LISTEN_LOOPBACK},
        {"127.0.0.1:0", LISTEN_LOOPBACK},
        {"127.0.0.1:*", LISTEN_LOOPBACK},
        {"*:7700", LISTEN_NETWORK},
        {"0.0.0.0:7700", LISTEN_NETWORK},
        {"[::]:7700", LISTEN_NETWORK},
        {"[::ffff:127.0.0.1]:7700", LISTEN_NETWORK},
        {"128.0.0.1:7700", LISTEN_NETWORK},
        {"10.0.0.1:7700", LISTEN_NETWORK},
        {"eth0:7700", LISTEN_NETWORK},
        {"127.0.0.1.example.org:7700", LISTEN_NETWORK},
        {"localhost.example.org:7700", LISTEN_NETWORK},
        {"LOCALHOST:7700", LISTEN_NETWORK},
        {"127.0.0.1", LISTEN_BAD},
        {"127.0.0.1:", LISTEN_BAD},
        {":7700", LISTEN_BAD},
        {"", LISTEN_BAD},
        {"127.0.0.1:65536", LISTEN_BAD},
        {"127.0.0.1:-1", LISTEN_BAD},
        {"127.0.0.1:07", LISTEN_BAD},
        {"127.0.0.1:http", LISTEN_BAD},
        {"127.0.0:7700", LISTEN_BAD},
        {"127.1:7700", LISTEN_BAD},
        {"127.0.0.256:7700", LISTEN_BAD},
        {"2130706433:7700", LISTEN_BAD},
        {"::1:7700", LISTEN_BAD},
        {"[::1:7700", LISTEN_BAD},
        {"[::1]", LISTEN_BAD},
        {"[]:1", LISTEN_BAD},
        {"[::g]:1", LISTEN_BAD},
        {"ho st:1", LISTEN_BAD},
        {"host/x:1", LISTEN_BAD},
        {"127.0.0.1;10.0.0.1:1", LISTEN_BAD},
        {"-x:1", LISTEN_BAD},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        if (listen_address(str_of(rows[i].text)) != rows[i].want)
            fail_msg("%s", rows[i].text);
        char socket[128];
        text_fmt(socket, sizeof(socket), "tcp://%s", rows[i].text);
        assert_int_equal(listen_socket(str_of(socket)), rows[i].want);
        assert_int_equal(listen_socket(str_of(rows[i].text)), LISTEN_BAD);
    }
}

static void sockets(void **state)
{
    (void)state;
    char path[200];
    assert_int_equal(listen_socket(STR("ipc:///run/daybook/ingest")), LISTEN_LOOPBACK);
    assert_int_equal(listen_socket(STR("ipc://relative")), LISTEN_LOOPBACK);
    assert_int_equal(listen_socket(STR("ipc://")), LISTEN_BAD);
    assert_int_equal(listen_socket(STR("udp://127.0.0.1:1")), LISTEN_BAD);
    assert_int_equal(listen_socket(STR("inproc://x")), LISTEN_BAD);
    memset(path, 'x', sizeof(path));
    memcpy(path, "ipc://", 6);
    assert_int_equal(listen_socket((struct str){path, 6 + 107}), LISTEN_LOOPBACK);
    assert_int_equal(listen_socket((struct str){path, 6 + 108}), LISTEN_BAD);
    memset(path, 'a', sizeof(path));
    memcpy(path + 190, ":1", 2);
    assert_int_equal(listen_address((struct str){path, 192}), LISTEN_NETWORK);
}

static void names_have_a_longest_length(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    memcpy(text + 253, ":1", 2);
    assert_int_equal(listen_address((struct str){text, 255}), LISTEN_NETWORK);
    memset(text, 'a', sizeof(text));
    memcpy(text + 254, ":1", 2);
    assert_int_equal(listen_address((struct str){text, 256}), LISTEN_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(sockets),
        cmocka_unit_test(names_have_a_longest_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
