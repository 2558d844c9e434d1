/* A stand-in for the engine's ingest socket: a ROUTER in a thread that speaks WIRE 2 for one
 * producer, with faults on demand. Batches of the tests are arrays of one number, so that every
 * batch can be told apart, whatever its sequence number is. */
#ifndef TESTS_UNIT_PUBLISH_FAKE_ENGINE_H
#define TESTS_UNIT_PUBLISH_FAKE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_VALUES_MAX (1u << 20)

struct fake_engine {
    char endpoint[64];

    /* Faults; 0 or false: none. Set while stopped, or any time (each is read once a message). */
    _Atomic uint64_t busy_seq;      /* answer this number busy ... */
    _Atomic uint64_t busy_times;    /* ... so many times */
    _Atomic uint64_t busy_after_ms; /* retry_after_ms of it; 0: left out */
    _Atomic uint64_t lose_seq;      /* once: do not even look at it */
    _Atomic uint64_t refuse_seq;    /* refuse for good: "invalid", and count the number as used */
    _Atomic uint64_t unnamed_seq;   /* refuse for good without naming the batch */
    _Atomic uint64_t deny_seq;      /* refuse for good without using the number, deny_times times */
    _Atomic uint64_t deny_times;
    _Atomic uint64_t reject_seq; /* take it, and reject its event */
    _Atomic bool deaf;           /* messages are lost on the way in */
    _Atomic bool mute;           /* answers are lost on the way out */
    _Atomic bool halted;         /* messages stay in the socket */

    /* The cursor; to be set while stopped or halted. */
    _Atomic uint64_t epoch;
    _Atomic uint64_t seq;

    /* What happened. */
    _Atomic uint64_t messages_n;
    _Atomic uint64_t applied_n;
    _Atomic uint64_t duplicate_n;
    _Atomic uint64_t gap_n;
    _Atomic uint64_t busy_n;
    _Atomic uint64_t probe_n;
    _Atomic uint64_t unreadable_n;
    _Atomic uint64_t events_n;
    _Atomic uint8_t *seen; /* how often each value was applied */
    void (*on_batch)(void *context, const void *frame, size_t n); /* applied ones; in the thread */
    void *context;

    pthread_t thread;
    _Atomic bool stop;
    bool running;
};

/* Zero everything and start on a free port of the loopback. */
void fake_engine_start(struct fake_engine *f);

/* Stop as a crash would: the socket goes, the cursor stays. Start again on the same port. */
void fake_engine_halt(struct fake_engine *f);
void fake_engine_resume(struct fake_engine *f);

void fake_engine_free(struct fake_engine *f);

/* How many of values from..end-1 were not applied exactly once. */
uint64_t fake_engine_wrong(const struct fake_engine *f, uint64_t from, uint64_t end);

#endif
