#include "tests/sim/sim_worker.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "tests/sim/sim_time.h"

#define WORKERS_MAX 4

struct letter {
    void *p;
    int64_t begin_ms, done_ms;
    bool worked;
};

struct worker {
    void (*work)(void *arg, void *letter);
    void *arg;
    struct letter letter[WORKER_LETTERS];
    unsigned n;
};

struct sim_workers sim_workers;
static struct worker *workers[WORKERS_MAX];

enum status worker_new(void (*work)(void *arg, void *letter), void *arg, struct worker **out)
{
    unsigned i = 0;

    while (i < WORKERS_MAX && workers[i] != NULL)
        i++;
    CHECK(i < WORKERS_MAX);
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return ST_NO_MEMORY;
    w->work = work;
    w->arg = arg;
    workers[i] = w;
    *out = w;
    return ST_OK;
}

static bool work_one(struct worker *w, struct letter *l)
{
    if (l->worked || sim_workers.dead)
        return false;
    l->worked = true;
    w->work(w->arg, l->p);
    return true;
}

void worker_free(struct worker **wp)
{
    struct worker *w = *wp;

    if (w == NULL)
        return;
    for (unsigned i = 0; i < w->n; i++)
        (void)work_one(w, &w->letter[i]);
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (workers[i] == w)
            workers[i] = NULL;
    free(w);
    *wp = NULL;
}

void worker_put(struct worker *w, void *letter)
{
    int64_t begin_ms = 0, done_ms = 0;

    CHECK(w->n < WORKER_LETTERS);
    if (sim_workers.delays != NULL)
        sim_workers.delays(sim_workers.arg, &begin_ms, &done_ms);
    begin_ms += sim_time.now.mono_ms;
    done_ms += begin_ms;
    w->letter[w->n++] = (struct letter){letter, begin_ms, done_ms, false};
}

static void *take_first(struct worker *w)
{
    void *p = w->letter[0].p;

    w->n--;
    for (unsigned i = 0; i < w->n; i++)
        w->letter[i] = w->letter[i + 1];
    return p;
}

void *worker_take(struct worker *w)
{
    if (w->n == 0 || !w->letter[0].worked || w->letter[0].done_ms > sim_time.now.mono_ms)
        return NULL;
    return take_first(w);
}

/* Who waits sees no time pass. */
void *worker_wait(struct worker *w)
{
    CHECK(w->n > 0);
    CHECK(work_one(w, &w->letter[0]) || w->letter[0].worked);
    return take_first(w);
}

int worker_fd(const struct worker *w)
{
    (void)w;
    return -1; /* the loop here asks in every turn */
}

bool sim_workers_step(void)
{
    bool any = false;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        for (unsigned k = 0; workers[i] != NULL && k < workers[i]->n; k++)
            if (workers[i]->letter[k].begin_ms <= sim_time.now.mono_ms)
                any |= work_one(workers[i], &workers[i]->letter[k]);
    return any;
}

unsigned sim_workers_busy(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        n += workers[i] != NULL ? workers[i]->n : 0;
    return n;
}
