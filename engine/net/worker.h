/* A worker: one thread that takes letters from a mailbox, works on each, and puts it into another
 * for whoever gave it. What is with the worker is the worker's; when it comes back it is the
 * giver's. */
#ifndef ENGINE_NET_WORKER_H
#define ENGINE_NET_WORKER_H

#include "engine/base/status.h"

struct worker; /* opaque, heap */

/* work(arg, letter) runs in the thread, letter by letter, in the order given. */
enum status worker_new(void (*work)(void *arg, void *letter), void *arg,
                       struct worker **out) MUST_CHECK;

/* Waits for what was given to be worked on, then ends the thread. Letters not taken back stay their
 * owner's. At most WORKER_LETTERS - 1 may be on their way then. NULL-safe; nulls the pointer. */
void worker_free(struct worker **w);

void worker_put(struct worker *w, void *letter); /* at most WORKER_LETTERS are on their way */
void *worker_take(struct worker *w);             /* NULL: none is done */
void *worker_wait(struct worker *w);             /* blocks until one is done */
int worker_fd(const struct worker *w);           /* readable while letters are done; for the loop */

#define WORKER_LETTERS 4

#endif
