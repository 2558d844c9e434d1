#include "bench/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/text.h"

#define READY_DEADLINE_NS UINT64_C(60000000000)
#define LOOK_EVERY_US     200 /* at the log, while waiting for the ready line */

static void child(const struct daemon *d, char flags[][600])
{
    char *argv[DAEMON_FLAGS_MAX + 8];
    unsigned n = 0;
    argv[n++] = (char *)d->binary;
    for (unsigned i = 0; i < 6; i++)
        argv[n++] = flags[i];
    for (unsigned i = 0; d->flags[i]; i++)
        argv[n++] = (char *)d->flags[i];
    argv[n] = NULL;
    int log = open(d->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0)
        _exit(127);
    execv(d->binary, argv);
    _exit(127);
}

/* Copy the value of key= in line, up to a blank or quote. */
static void value_of(const char *line, const char *key, char *to, size_t cap)
{
    const char *at = strstr(line, key);
    if (!at)
        return;
    at += strlen(key);
    text_fmt(to, cap, "%.*s", (int)strcspn(at, " \"\n"), at);
}

static bool look_for_ready(struct daemon *d)
{
    char line[2048];
    FILE *f = fopen(d->log_path, "r");
    bool ready = false;
    while (f && !ready && fgets(line, sizeof line, f)) {
        ready = strstr(line, "event=ready") && strchr(line, '\n');
        if (ready) {
            value_of(line, "ingest=", d->ingest, sizeof d->ingest);
            value_of(line, "query=", d->query, sizeof d->query);
        }
    }
    if (f)
        fclose(f);
    return ready;
}

enum status daemon_start(struct daemon *d)
{
    CHECK(d->pid == 0);
    if (access(d->binary, X_OK) != 0)
        return ST_NOT_FOUND;
    (void)mkdir(d->dir, 0700);
    text_fmt(d->log_path, sizeof d->log_path, "%s/log", d->dir);
    (void)unlink(d->log_path);
    char flags[6][600];
    text_fmt(flags[0], sizeof flags[0], "--data-dir=%s/data", d->dir);
    text_fmt(flags[1], sizeof flags[1], "--ingest-listen=%s",
             d->listen ? d->listen : "tcp://127.0.0.1:*");
    text_fmt(flags[2], sizeof flags[2], "--query-listen=tcp://127.0.0.1:*");
    text_fmt(flags[3], sizeof flags[3], "--push-listen=");
    text_fmt(flags[4], sizeof flags[4], "--http-listen=");
    text_fmt(flags[5], sizeof flags[5], "--feed-listen=");
    uint64_t start = clock_mono_ns();
    d->pid = fork();
    if (d->pid == 0)
        child(d, flags);
    while (!look_for_ready(d)) {
        int status;
        if (waitpid(d->pid, &status, WNOHANG) != 0) {
            d->pid = 0;
            return ST_INTERNAL;
        }
        if (clock_mono_ns() - start > READY_DEADLINE_NS) {
            (void)daemon_end(d, SIGKILL);
            return ST_INTERNAL;
        }
        usleep(LOOK_EVERY_US);
    }
    d->start_ns = clock_mono_ns() - start;
    return ST_OK;
}

int daemon_end(struct daemon *d, int signal)
{
    int status = 0;
    if (d->pid == 0)
        return 0;
    kill(d->pid, signal);
    while (waitpid(d->pid, &status, 0) < 0 && errno == EINTR) {
    }
    d->pid = 0;
    return status;
}

void daemon_memory(const struct daemon *d, uint64_t *resident, uint64_t *anonymous)
{
    char path[64], line[256];
    unsigned long long kib;
    text_fmt(path, sizeof path, "/proc/%d/status", (int)d->pid);
    FILE *f = fopen(path, "r");
    *resident = *anonymous = 0;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmRSS: %llu", &kib) == 1)
            *resident = kib * 1024;
        if (sscanf(line, "RssAnon: %llu", &kib) == 1)
            *anonymous = kib * 1024;
    }
    if (f)
        fclose(f);
}

uint64_t daemon_written(const struct daemon *d)
{
    char path[64], line[256];
    unsigned long long bytes = 0;
    text_fmt(path, sizeof path, "/proc/%d/io", (int)d->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "write_bytes: %llu", &bytes) != 1) {
    }
    if (f)
        fclose(f);
    return bytes;
}

double daemon_cpu_s(const struct daemon *d)
{
    char path[64];
    unsigned long long user = 0, kernel = 0;
    text_fmt(path, sizeof path, "/proc/%d/stat", (int)d->pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                    &kernel) != 2)
        user = kernel = 0;
    if (f)
        fclose(f);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

void daemon_wipe(const struct daemon *d)
{
    static const char *const files[] = {"front/data.mdb", "front/lock.mdb", "front/owner.lock",
                                        "days/data.mdb",  "days/lock.mdb",  "days/owner.lock"};
    char path[700];
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/data/%s", d->dir, files[i]);
        (void)unlink(path);
    }
}
