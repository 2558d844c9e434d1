/* One life: an engine, its publishers, its disk and its clock, from a seed. Nothing in it waits,
 * and nothing but the seed decides. */
#ifndef TESTS_SIM_LIFE_H
#define TESTS_SIM_LIFE_H

#include "engine/ingest/ingest.h"
#include "engine/query/query.h"
#include "tests/draw.h"
#include "tests/sim/model.h"

#define BOX       16 /* batches that a producer keeps until they are acknowledged */
#define LOOSE     6  /* batches without a number that are sent until they are */
#define NET_MAX   512
#define QUEUE_MAX 1024

struct producer {
    uint64_t epoch, made, sent, acked; /* sequences */
    struct sim_batch *box[BOX];        /* by seq % BOX */
    int64_t wake_ms, wait_ms, sent_ms; /* monotonic: next look, not before, last sent */
};

/* On its way to the engine. */
struct delivery {
    struct sim_batch *batch;
    int64_t due_ms;
};

/* An answer on its way back. */
struct reply {
    struct sim_batch *batch;
    int64_t due_ms;
    enum status status;
    uint64_t expected_seq; /* 0: none was said */
    uint32_t retry_after_ms;
};

/* What this life is made of: odds are once in so many steps, 0 never. */
struct profile {
    uint32_t batches;
    uint32_t crash, power, stop, full, fail, slow, query, idle;
    uint32_t clock_small, clock_day, clock_bad;
    uint32_t zombie, forge;
    uint32_t lose, twice, late; /* deliveries, in 1,000 */
    int64_t late_ms;
};

struct life {
    uint64_t seed_given, seed;
    bool trace;
    struct profile profile;
    struct model model;
    /* the engine; loop is NULL while it is down */
    char dir[64];
    struct ingest_options options;
    struct loop *loop;
    struct store *front, *days;
    struct ingest *ingest;
    struct query *query;
    int64_t restart_ms; /* while it is down */
    bool rebooted;
    /* between publishers and engine */
    struct sim_batch *batches; /* all of them, owned */
    uint32_t made_n, ids_used;
    struct producer producer[PRODUCERS];
    struct {
        struct sim_batch *batch;
        int64_t send_ms;
    } loose[LOOSE];
    struct delivery net[NET_MAX];
    struct reply replies[NET_MAX];
    uint32_t net_n, replies_n;
    /* submitted, not answered; and refused by a failed commit that may yet be on the disk */
    struct submission queue[QUEUE_MAX], limbo[QUEUE_MAX];
    uint32_t queue_n, limbo_n;
    /* faults under way; monotonic ms */
    bool calm; /* no new ones: what is left must come right */
    int64_t full_until_ms, slow_until_ms, bad_until_ms;
    int64_t bad_ms;    /* what the wall clock is wrong by */
    int64_t jump_ms;   /* the last jump of a clock that is believed */
    bool jump_settled; /* a commit has stored the clock since */
    int64_t last_full_ms;
    int32_t purged_day; /* what lies before may be gone */
    /* outcome */
    bool bad;
    char why[512];
    uint32_t steps, answers, crashes, cuts, queries, faults;
    uint64_t digest;
};

/* Live. False: a promise was broken, l->why says which. l is filled in here. */
bool life_run(struct life *l, uint64_t seed, bool trace);

/* A promise is broken; only the first is kept. */
void violate(struct life *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace(struct life *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- engine.c ---- */

void engine_begin(struct life *l);          /* start it; it may fail while a fault is on */
void engine_end(struct life *l, bool kill); /* kill: whatever it was doing */
void engine_submit(struct life *l, struct sim_batch *b);
void engine_settle_model(struct life *l); /* after a start: what did the disk keep? */

/* ---- publish.c ---- */

void publish_step(struct life *l);
void publish_deliver(struct life *l); /* what is due, in a turn of the engine */
void publish_reply(struct life *l, struct sim_batch *b, const struct outcome *o);
bool publish_is_done(const struct life *l);

/* ---- fault.c ---- */

void fault_profile(struct life *l);
void fault_step(struct life *l);
void fault_crash(struct life *l, bool power); /* now */
void fault_calm(struct life *l);

/* ---- check.c ---- */

void check_some(struct life *l); /* one view of one account */
void check_all(struct life *l);
void check_audit(struct life *l); /* while the engine is down */

static inline bool odds(struct life *l, uint32_t once_in)
{
    return once_in > 0 && draw(&l->seed, once_in) == 0;
}

#endif
