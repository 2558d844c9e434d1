/* The real daemon as a child process: started in a directory of its own, known to be ready by its
 * ready line, ended by a signal. */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/status.h"

#define DAEMON_FLAGS_MAX 16

struct daemon {
    const char *binary;                  /* borrowed */
    const char *dir;                     /* borrowed; made if missing, data is kept */
    const char *listen;                  /* ingest endpoint, borrowed; NULL: a tcp port */
    const char *flags[DAEMON_FLAGS_MAX]; /* further options, "--name=value"; NULL ends them */
    pid_t pid;                           /* 0: not running */
    uint64_t start_ns;                   /* from exec to the ready line */
    char ingest[256], query[256];        /* endpoints */
    char log_path[600];                  /* its stderr */
};

/* ST_NOT_FOUND: cannot be run; ST_INTERNAL: ended before it was ready (see log_path). */
enum status daemon_start(struct daemon *d) MUST_CHECK;

/* Send a signal and wait for the end; returns the wait status. No-op when it is not running. */
int daemon_end(struct daemon *d, int signal);

/* Memory now, in bytes: all of it, and the part that is not the mapped store. */
void daemon_memory(const struct daemon *d, uint64_t *resident, uint64_t *anonymous);

/* Since its start: bytes that it caused to be written to the disk, and its processor time. */
uint64_t daemon_written(const struct daemon *d);
double daemon_cpu_s(const struct daemon *d);

/* Remove the directory's data and start afresh next time. */
void daemon_wipe(const struct daemon *d);

#endif
