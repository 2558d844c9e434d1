#include "tests/sim/sim_time.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/net/internal.h"

struct sim_time sim_time;

void sim_time_pass(int64_t ms)
{
    sim_time.now.wall_ms += ms;
    sim_time.now.mono_ms += ms;
    sim_time.now.boot_ms += ms;
}

struct clock clock_now(void)
{
    return sim_time.now;
}

uint64_t clock_mono_ns(void)
{
    return (uint64_t)sim_time.now.mono_ms * 1000000;
}

/* By the linker's --wrap, in place of the kernel's. */
void __wrap_boot_id_read(uint8_t out[16]);
void __wrap_boot_id_read(uint8_t out[16])
{
    memcpy(out, sim_time.boot_id, sizeof sim_time.boot_id);
}

/* ---- the loop ---- */

#define CALLS_MAX 8

struct call {
    struct call **home; /* where the loop has it */
    void (*fn)(void *arg);
    void *arg;
    int64_t period_ms, next_ms; /* timers */
};
struct watch {
    struct call call;
};
struct timer {
    struct call call;
};

struct loop {
    struct clock clock;
    struct call source, hook[CALLS_MAX];
    unsigned hooks_n;
    struct call *watch[CALLS_MAX], *timer[CALLS_MAX]; /* owned by whoever asked for them */
};

enum status loop_new(struct loop **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return ST_NO_MEMORY;
    (*out)->clock = clock_now();
    return ST_OK;
}

void loop_free(struct loop **l)
{
    free(*l);
    *l = NULL;
}

static struct call *call_new(struct call *of[CALLS_MAX], void (*fn)(void *arg), void *arg)
{
    unsigned i = 0;

    while (i < CALLS_MAX && of[i] != NULL)
        i++;
    CHECK(i < CALLS_MAX);
    struct call *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    *c = (struct call){.home = &of[i], .fn = fn, .arg = arg};
    of[i] = c;
    return c;
}

static void call_free(struct call *c)
{
    if (c == NULL)
        return;
    *c->home = NULL;
    free(c);
}

/* What is watched is asked in every turn: readiness is only a hint, and the engine's answers to a
 * wrong one are tested by that, too. */
enum status loop_watch(struct loop *l, int fd, void (*fn)(void *arg), void *arg, struct watch **out)
{
    (void)fd;
    *out = (struct watch *)call_new(l->watch, fn, arg);
    return ST_OK;
}

void loop_unwatch(struct watch **w)
{
    call_free((struct call *)*w);
    *w = NULL;
}

enum status loop_every(struct loop *l, uint32_t period_ms, void (*fn)(void *arg), void *arg,
                       struct timer **out)
{
    struct call *c = call_new(l->timer, fn, arg);

    c->period_ms = period_ms;
    c->next_ms = clock_now().mono_ms + period_ms;
    *out = (struct timer *)c;
    return ST_OK;
}

void timer_free(struct timer **t)
{
    call_free((struct call *)*t);
    *t = NULL;
}

void loop_hook(struct loop *l, void (*fn)(void *arg), void *arg)
{
    CHECK(l->hooks_n < CALLS_MAX);
    l->hook[l->hooks_n++] = (struct call){.fn = fn, .arg = arg};
}

void sim_loop_source(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->source = (struct call){.fn = fn, .arg = arg};
}

void loop_turn(struct loop *l, int wait_ms)
{
    (void)wait_ms;
    l->clock = clock_now();
    for (unsigned i = 0; i < CALLS_MAX; i++)
        if (l->timer[i] != NULL && l->timer[i]->next_ms <= l->clock.mono_ms) {
            l->timer[i]->next_ms = l->clock.mono_ms + l->timer[i]->period_ms;
            l->timer[i]->fn(l->timer[i]->arg);
        }
    for (unsigned i = 0; i < CALLS_MAX; i++)
        if (l->watch[i] != NULL)
            l->watch[i]->fn(l->watch[i]->arg);
    if (l->source.fn != NULL)
        l->source.fn(l->source.arg);
    for (unsigned i = 0; i < l->hooks_n; i++)
        l->hook[i].fn(l->hook[i].arg);
}

const struct clock *loop_clock(const struct loop *l)
{
    return &l->clock;
}

void loop_again(struct loop *l)
{
    (void)l; /* the next turn never waits */
}

/* ---- what linking the rest of engine/net needs, and nothing here calls ---- */

enum status loop_source(struct loop *l, bool (*ready)(void *arg), void (*run)(void *arg), void *arg,
                        struct source **out)
{
    (void)l, (void)ready, (void)run, (void)arg, (void)out;
    CHECK(!"reached");
    return ST_INTERNAL;
}

void source_free(struct source **s)
{
    CHECK(*s == NULL);
}

int64_t loop_waited_ms(const struct loop *l)
{
    (void)l;
    return 0;
}

void loop_defer_free(struct loop *l, void (*free_fn)(void *), void *p)
{
    (void)l;
    free_fn(p);
}
