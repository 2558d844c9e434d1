/* The thread between two mailboxes. The worker itself as a letter says: stop. */
#include "engine/net/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/net/mailbox.h"

struct worker {
    struct mailbox *in;
    struct mailbox *out;
    void (*work)(void *arg, void *letter);
    void *arg;
    pthread_t thread;
    bool running;
};

static void *worker_main(void *arg)
{
    struct worker *w = arg;

    for (;;) {
        void *letter = mailbox_wait(w->in);

        if (letter == w)
            return NULL;
        w->work(w->arg, letter);
        CHECK(mailbox_put(w->out, letter));
    }
}

enum status worker_new(void (*work)(void *arg, void *letter), void *arg, struct worker **out)
{
    struct worker *w = calloc(1, sizeof(*w));
    enum status st;

    if (w == NULL)
        return ST_NO_MEMORY;
    w->work = work;
    w->arg = arg;
    st = mailbox_new(WORKER_LETTERS, &w->in);
    if (st == ST_OK)
        st = mailbox_new(WORKER_LETTERS, &w->out);
    if (st == ST_OK && pthread_create(&w->thread, NULL, worker_main, w) != 0)
        st = ST_NO_MEMORY;
    w->running = st == ST_OK;
    if (st != ST_OK)
        worker_free(&w);
    else
        *out = w;
    return st;
}

void worker_free(struct worker **wp)
{
    struct worker *w = *wp;

    if (w == NULL)
        return;
    if (w->running) {
        CHECK(mailbox_put(w->in, w));
        pthread_join(w->thread, NULL);
    }
    mailbox_free(&w->in);
    mailbox_free(&w->out);
    free(w);
    *wp = NULL;
}

void worker_put(struct worker *w, void *letter)
{
    CHECK(mailbox_put(w->in, letter));
}

void *worker_take(struct worker *w)
{
    return mailbox_take(w->out);
}

void *worker_wait(struct worker *w)
{
    return mailbox_wait(w->out);
}

int worker_fd(const struct worker *w)
{
    return mailbox_fd(w->out);
}
