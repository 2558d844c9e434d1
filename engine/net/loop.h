/* The loop: one thread, libevent underneath, turn by turn.
 *
 * A turn: read the clock once, run what is ready (sockets within their budgets, timers, fds), then
 * the end-of-turn hooks in the order of their registration, then free what was deferred. */
#ifndef ENGINE_NET_LOOP_H
#define ENGINE_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/clock.h"
#include "engine/base/status.h"

struct loop; /* opaque, heap */

enum status loop_new(struct loop **out) MUST_CHECK;
void loop_free(struct loop **l);

/* Run turns until loop_stop. */
enum status loop_run(struct loop *l) MUST_CHECK;
void loop_stop(struct loop *l);

/* One turn that waits at most wait_ms for something to do (tests, shutdown). */
void loop_turn(struct loop *l, int wait_ms);

/* The time of this turn. */
const struct clock *loop_clock(const struct loop *l);

/* fn(arg) at the end of every turn, in the order of registration. */
void loop_hook(struct loop *l, void (*fn)(void *arg), void *arg);

/* fn(arg) whenever fd is readable. The fd stays the caller's. Returned handle: loop_unwatch. */
struct watch;
enum status loop_watch(struct loop *l, int fd, void (*fn)(void *arg), void *arg,
                       struct watch **out) MUST_CHECK;
void loop_unwatch(struct watch **w);

/* fn(arg) every period_ms (monotonic). */
struct timer;
enum status loop_every(struct loop *l, uint32_t period_ms, void (*fn)(void *arg), void *arg,
                       struct timer **out) MUST_CHECK;
void timer_free(struct timer **t);

/* fn(arg) in the loop when the process receives signo (through libevent: no work in handlers). */
enum status loop_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg) MUST_CHECK;

/* Make the next turn not wait: something is ready that no fd announces. */
void loop_again(struct loop *l);

/* free_fn(p) after this turn's hooks. */
void loop_defer_free(struct loop *l, void (*free_fn)(void *), void *p);

#endif
