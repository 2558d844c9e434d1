/* engine/net/worker.h without threads: a letter is worked on when the simulator says so, in its own
 * thread, and is there to be taken back at a moment of its own. */
#ifndef TESTS_SIM_SIM_WORKER_H
#define TESTS_SIM_SIM_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/net/worker.h"

/* How long letters take, drawn for each: until work begins, and until it can be taken back. */
struct sim_workers {
    void (*delays)(void *arg, int64_t *begin_ms, int64_t *done_ms);
    void *arg;
    bool dead; /* the process has ended: what was not worked on never will be */
};
extern struct sim_workers sim_workers;

/* Begin what is due by now. True: something was worked on. */
bool sim_workers_step(void);

/* Letters that are on their way. */
unsigned sim_workers_busy(void);

#endif
