#include "engine/ingest/days_writer.h"

#include <stdlib.h>

#include "aggregators/popularity.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/net/worker.h"

/* Rows deleted in one purge transaction: some ms, so that a merge never waits long for it. */
#define PURGE_ROWS_MAX 2000

/* Accounts are counted for recommendations once in a while, and after a start. */
#define SWEEP_ROWS_MAX  2000
#define SWEEP_PERIOD_NS (UINT64_C(3600) * 1000000000)

struct days_writer {
    struct store *days;
    struct days_limits limits;
    struct worker *worker;
    uint64_t sweep_ns; /* next count of accounts: not before */
};

static void do_purge(struct days_writer *w, struct days_job *job)
{
    uint64_t now_ns = clock_mono_ns();
    bool more = false;
    enum status st;

    job->status = days_purge(w->days, job->first_day, PURGE_ROWS_MAX, &job->more);
    if (job->status != ST_OK || !w->limits.popularity || now_ns < w->sweep_ns)
        return;
    st = days_sweep(w->days, SWEEP_ROWS_MAX, &more);
    /* A count that finds no room is no harm: it goes on the next time. */
    if (st != ST_STORAGE_FULL)
        job->status = st;
    if (!more)
        w->sweep_ns = now_ns + SWEEP_PERIOD_NS;
    job->more |= more;
}

static void do_job(void *arg, void *letter)
{
    struct days_writer *w = arg;
    struct days_job *job = letter;
    uint64_t begin_ns = clock_mono_ns();

    job->status = ST_OK;
    job->more = false;
    switch (job->kind) {
    case DAYS_MERGE:
        job->stats = (struct merge_stats){0};
        pace_begin(w->limits.pace);
        job->status = days_merge(w->days, job->generation, &w->limits, &job->stats);
        break;
    case DAYS_SIGNALS:
        job->stats = (struct merge_stats){0};
        job->status =
            days_merge_signals(w->days, job->signals, &w->limits, job->signals_max, &job->stats);
        break;
    case DAYS_PURGE:
        do_purge(w, job);
        break;
    case DAYS_RESET:
        if (job->generation != NULL)
            generation_reset(job->generation, 0);
        if (job->emptied != NULL)
            signals_reset(job->emptied, 0);
        break;
    }
    job->ns = clock_mono_ns() - begin_ns;
}

enum status days_writer_open(struct store *days, const struct days_limits *limits,
                             struct days_writer **out)
{
    struct days_writer *w = calloc(1, sizeof(*w));
    enum status st;

    if (w == NULL)
        return ST_NO_MEMORY;
    w->days = days;
    w->limits = *limits;
    st = worker_new(do_job, w, &w->worker);
    if (st != ST_OK)
        days_writer_close(&w);
    else
        *out = w;
    return st;
}

void days_writer_close(struct days_writer **wp)
{
    struct days_writer *w = *wp;

    if (w == NULL)
        return;
    worker_free(&w->worker);
    free(w);
    *wp = NULL;
}

void days_writer_put(struct days_writer *w, struct days_job *job)
{
    worker_put(w->worker, job);
}

struct days_job *days_writer_take(struct days_writer *w)
{
    return worker_take(w->worker);
}

int days_writer_fd(const struct days_writer *w)
{
    return worker_fd(w->worker);
}
