#ifndef TESTS_UNIT_NET_TURN_H
#define TESTS_UNIT_NET_TURN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/net/loop.h"

#define PATIENCE_MS 20000 /* of a test that would otherwise hang */

/* Turn f's loop until the condition holds. */
#define TURN_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        int64_t until_ms = clock_now().mono_ms + PATIENCE_MS;                                      \
        while (!(condition)) {                                                                     \
            assert_true(clock_now().mono_ms < until_ms);                                           \
            loop_turn((f)->loop, 1);                                                               \
        }                                                                                          \
    } while (0)

#endif
