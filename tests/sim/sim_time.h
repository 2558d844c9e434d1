/* Virtual time, and the two places that ask for it: engine/base/clock.h is served from here, and so
 * is engine/net/loop.h, by a loop without a kernel underneath. */
#ifndef TESTS_SIM_SIM_TIME_H
#define TESTS_SIM_SIM_TIME_H

#include "engine/base/clock.h"
#include "engine/net/loop.h"

struct sim_time {
    struct clock now;
    uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id */
};
extern struct sim_time sim_time;

/* All three clocks go on by so many ms. */
void sim_time_pass(int64_t ms);

/* fn(arg) at the start of every turn, once its clock is read: what a socket's source is. Of one
 * loop at a time. */
void sim_loop_source(struct loop *l, void (*fn)(void *arg), void *arg);

#endif
