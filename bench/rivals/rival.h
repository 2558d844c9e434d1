/* What each rival of bench/compare implements, and the one program around it: `rival_main.c` makes
 * the events, decodes them, sums them up where the setting says so, writes them from one or more
 * clients, and at the end holds every day bucket that the rival answers against `bench/model.h`.
 *
 * A client here is in the process that has the events: it pays for making and decoding them as
 * Daybook's publisher pays for making them, but for no transport of events and no acks. */
#ifndef BENCH_RIVALS_RIVAL_H
#define BENCH_RIVALS_RIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/workload.h"

/* A day bucket, packed: account 24 bits, app 13, day 16, kind 6, object type 5. The order of the
 * numbers is the order of the fields. */
static inline uint64_t rival_key(uint64_t account, uint64_t app, uint64_t day, uint64_t kind,
                                 uint64_t type)
{
    return account << 40 | app << 27 | day << 11 | kind << 5 | type;
}

static inline uint32_t rival_account(uint64_t key)
{
    return (uint32_t)(key >> 40);
}

static inline uint16_t rival_app(uint64_t key)
{
    return key >> 27 & 0x1fff;
}

static inline uint16_t rival_day(uint64_t key)
{
    return key >> 11 & 0xffff;
}

static inline uint8_t rival_kind(uint64_t key)
{
    return key >> 5 & 0x3f;
}

static inline uint8_t rival_type(uint64_t key)
{
    return key & 0x1f;
}

struct rival_row {
    uint64_t key;
    uint64_t n; /* events */
};

struct rival_run {
    const char *where; /* what bench/compare says the server is reached by */
    struct workload *workload;
    uint64_t batches;
    int64_t now_ms;
    double acked_s; /* out, `whole` only: until the last ack */
};

struct rival {
    const char *name;
    bool by_account; /* a client writes accounts of its own: two never wait for one row */
    bool sorted;     /* summed rows are wanted in key order */

    /* Make what the clients need; called once before them. */
    void (*prepare)(const char *where);
    void *(*open)(const char *where);
    /* Write n rows; durable as the rival's setting promises when it returns, or at `close`. */
    void (*write)(void *client, const struct rival_row *rows, size_t n);
    void (*close)(void *client);
    /* Instead of these three: takes the messages themselves. */
    void (*whole)(struct rival_run *run);
    /* Call rival_have for each bucket that is stored. */
    void (*dump)(const char *where);
};

extern const struct rival rival_this;

void rival_have(uint64_t key, uint64_t n);
/* "account app day kind type n", divided by tabs or blanks. */
void rival_have_line(const char *line);
/* Only buckets of accounts divisible by this are answered; set before the model is made. */
void rival_sample(uint64_t account_one_in);

_Noreturn void rival_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
