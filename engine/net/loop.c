/* Turns on top of a libevent base.
 *
 * The one idea: everything happens at a fixed place of a turn. libevent waits and calls what is
 * ready; then the sources run, then the hooks, then what was deferred is freed. Nothing is freed
 * while it may still be on the stack. */
#include "engine/net/loop.h"

#include "engine/net/internal.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/time.h>

#include "engine/base/check.h"

#define HOOKS_MAX   32
#define SIGNALS_MAX 8
#define SOURCES_MAX 64

struct hook {
    void (*fn)(void *arg);
    void *arg;
};

struct source {
    struct loop *loop;
    bool (*ready)(void *arg);
    void (*run)(void *arg);
    void *arg;
};

struct watch {
    struct loop *loop;
    struct event *event; /* owned */
    void (*fn)(void *arg);
    void *arg;
};

struct timer {
    struct watch watch; /* the same thing with a period */
};

struct deferred {
    void (*free_fn)(void *p);
    void *p;
};

struct loop {
    struct event_base *base;
    struct event *heartbeat; /* keeps the base from being empty, and wakes it once a second */
    struct event *alarm;     /* one shot: the end of loop_turn's wait */
    struct hook hooks[HOOKS_MAX];
    unsigned hooks_n;
    struct watch signals[SIGNALS_MAX];
    unsigned signals_n;
    struct source *sources[SOURCES_MAX]; /* owned; NULL where one was freed */
    unsigned sources_n;
    struct deferred *deferred; /* owned list, grows */
    size_t deferred_n;
    size_t deferred_cap;

    /* Changes per turn. */
    struct clock clock;
    int64_t waited_ms;
    bool stamped; /* the clock has been read in this turn */
    bool again;
    bool stopping;
};

/* Once per turn, after the wait and before the first callback. */
static void stamp(struct loop *l)
{
    if (!l->stamped)
        l->clock = clock_now();
    l->stamped = true;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    (void)fd, (void)what;
    stamp(w->loop);
    w->fn(w->arg); /* may free w */
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    stamp(arg);
}

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* ---- life ---- */

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    struct event_base *base = NULL;
    /* One thread: no locks. */
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

enum status loop_new(struct loop **out)
{
    struct loop *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ST_NO_MEMORY;
    const struct timeval second = timeval_of(1000);
    l->base = base_new();
    if (l->base != NULL) {
        l->heartbeat = event_new(l->base, -1, EV_PERSIST, on_tick, l);
        l->alarm = event_new(l->base, -1, 0, on_tick, l);
    }
    if (l->heartbeat == NULL || l->alarm == NULL || event_add(l->heartbeat, &second) != 0) {
        loop_free(&l);
        return ST_IO_ERROR;
    }
    l->clock = clock_now();
    *out = l;
    return ST_OK;
}

static void run_deferred(struct loop *l)
{
    /* A free function may defer more: go by index. */
    for (size_t i = 0; i < l->deferred_n; i++)
        l->deferred[i].free_fn(l->deferred[i].p);
    l->deferred_n = 0;
}

void loop_free(struct loop **lp)
{
    struct loop *l = *lp;
    if (l == NULL)
        return;
    *lp = NULL;
    run_deferred(l);
    for (unsigned i = 0; i < l->signals_n; i++)
        event_free(l->signals[i].event);
    for (unsigned i = 0; i < l->sources_n; i++)
        free(l->sources[i]);
    if (l->alarm != NULL)
        event_free(l->alarm);
    if (l->heartbeat != NULL)
        event_free(l->heartbeat);
    if (l->base != NULL)
        event_base_free(l->base);
    free(l->deferred);
    free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

/* ---- a turn ---- */

static bool may_wait(struct loop *l)
{
    /* Ask all of them: asking is what makes a ZeroMQ socket take in its internal commands. */
    bool ready = l->again || l->stopping;
    for (unsigned i = 0; i < l->sources_n; i++)
        if (l->sources[i] != NULL && l->sources[i]->ready(l->sources[i]->arg))
            ready = true;
    return !ready;
}

static void run_sources(struct loop *l)
{
    for (unsigned i = 0; i < l->sources_n; i++)
        if (l->sources[i] != NULL)
            l->sources[i]->run(l->sources[i]->arg);
    unsigned kept = 0;
    for (unsigned i = 0; i < l->sources_n; i++)
        if (l->sources[i] != NULL)
            l->sources[kept++] = l->sources[i];
    l->sources_n = kept;
}

/* wait_ms < 0: no limit. */
static void turn(struct loop *l, int wait_ms)
{
    int flags = EVLOOP_ONCE;
    l->stamped = false;
    if (wait_ms == 0 || !may_wait(l)) {
        /* ONCE too: by itself NONBLOCK goes on for as long as anything is ready, and a ZeroMQ fd is
         * until its source runs. */
        flags = EVLOOP_ONCE | EVLOOP_NONBLOCK;
    } else if (wait_ms > 0) {
        const struct timeval wait = timeval_of(wait_ms);
        CHECK(event_add(l->alarm, &wait) == 0);
    }
    l->again = false;
    int64_t before_ms = flags == EVLOOP_ONCE ? clock_now().mono_ms : INT64_MAX;
    CHECK(event_base_loop(l->base, flags) >= 0);
    stamp(l);
    l->waited_ms = l->clock.mono_ms > before_ms ? l->clock.mono_ms - before_ms : 0;
    if (wait_ms > 0)
        event_del(l->alarm);

    run_sources(l);
    for (unsigned i = 0; i < l->hooks_n; i++)
        l->hooks[i].fn(l->hooks[i].arg);
    run_deferred(l);
}

void loop_turn(struct loop *l, int wait_ms)
{
    CHECK(wait_ms >= 0);
    turn(l, wait_ms);
}

enum status loop_run(struct loop *l)
{
    while (!l->stopping)
        turn(l, -1);
    l->stopping = false;
    return ST_OK;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

void loop_again(struct loop *l)
{
    l->again = true;
}

const struct clock *loop_clock(const struct loop *l)
{
    return &l->clock;
}

int64_t loop_waited_ms(const struct loop *l)
{
    return l->waited_ms;
}

/* ---- what a turn calls ---- */

void loop_hook(struct loop *l, void (*fn)(void *arg), void *arg)
{
    CHECK(l->hooks_n < HOOKS_MAX);
    l->hooks[l->hooks_n++] = (struct hook){fn, arg};
}

enum status loop_source(struct loop *l, bool (*ready)(void *arg), void (*run)(void *arg), void *arg,
                        struct source **out)
{
    struct source *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ST_NO_MEMORY;
    CHECK(l->sources_n < SOURCES_MAX);
    *s = (struct source){l, ready, run, arg};
    l->sources[l->sources_n++] = s;
    *out = s;
    return ST_OK;
}

void source_free(struct source **sp)
{
    struct source *s = *sp;
    if (s == NULL)
        return;
    *sp = NULL;
    for (unsigned i = 0; i < s->loop->sources_n; i++)
        if (s->loop->sources[i] == s)
            s->loop->sources[i] = NULL;
    free(s);
}

static enum status watch_start(struct watch *w, int what, int fd, const struct timeval *period)
{
    w->event = event_new(w->loop->base, fd, (short)(what | EV_PERSIST), on_event, w);
    if (w->event == NULL)
        return ST_NO_MEMORY;
    if (event_add(w->event, period) == 0)
        return ST_OK;
    event_free(w->event);
    w->event = NULL;
    return ST_IO_ERROR;
}

enum status loop_watch(struct loop *l, int fd, void (*fn)(void *arg), void *arg, struct watch **out)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ST_NO_MEMORY;
    *w = (struct watch){.loop = l, .fn = fn, .arg = arg};
    enum status st = watch_start(w, EV_READ, fd, NULL);
    if (st == ST_OK)
        *out = w;
    else
        free(w);
    return st;
}

void loop_unwatch(struct watch **wp)
{
    struct watch *w = *wp;
    if (w == NULL)
        return;
    *wp = NULL;
    event_free(w->event);
    free(w);
}

enum status loop_every(struct loop *l, uint32_t period_ms, void (*fn)(void *arg), void *arg,
                       struct timer **out)
{
    CHECK(period_ms > 0);
    struct timer *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ST_NO_MEMORY;
    const struct timeval period = timeval_of(period_ms);
    t->watch = (struct watch){.loop = l, .fn = fn, .arg = arg};
    enum status st = watch_start(&t->watch, 0, -1, &period);
    if (st == ST_OK)
        *out = t;
    else
        free(t);
    return st;
}

void timer_free(struct timer **tp)
{
    struct timer *t = *tp;
    if (t == NULL)
        return;
    *tp = NULL;
    event_free(t->watch.event);
    free(t);
}

enum status loop_signal(struct loop *l, int signo, void (*fn)(void *arg), void *arg)
{
    CHECK(l->signals_n < SIGNALS_MAX);
    struct watch *w = &l->signals[l->signals_n];
    *w = (struct watch){.loop = l, .fn = fn, .arg = arg};
    enum status st = watch_start(w, EV_SIGNAL, signo, NULL);
    if (st == ST_OK)
        l->signals_n++;
    return st;
}

void loop_defer_free(struct loop *l, void (*free_fn)(void *), void *p)
{
    if (l->deferred_n == l->deferred_cap) {
        size_t cap = l->deferred_cap > 0 ? l->deferred_cap * 2 : 16;
        struct deferred *grown = realloc(l->deferred, cap * sizeof(*grown));
        /* Freeing now may pull it from under its own callback; leaking is the lesser evil. */
        if (grown == NULL)
            return;
        l->deferred = grown;
        l->deferred_cap = cap;
    }
    l->deferred[l->deferred_n++] = (struct deferred){free_fn, p};
}
