/* Real environments in a temporary directory, a real loop, and ingest on top, for the tests of
 * engine/log and engine/ingest. Everything fails the test when it cannot be had. */
#ifndef TESTS_UNIT_INGEST_INGEST_HELP_H
#define TESTS_UNIT_INGEST_INGEST_HELP_H

#include "engine/ingest/ingest.h"

/* A directory that store_scratch_free removes with all that is in it. */
struct scratch {
    char dir[256];
};
void scratch_new(struct scratch *s);
void scratch_free(struct scratch *s);

/* The front and the day environment below s->dir. map_bytes 0: 256 MiB. */
struct store *scratch_front(const struct scratch *s, uint64_t map_bytes);
struct store *scratch_days(const struct scratch *s, uint64_t map_bytes);

/* A whole ingest that can be stopped and started again on the same data. */
struct engine {
    struct scratch scratch;
    struct ingest_options options;
    uint64_t front_map_bytes; /* 0: default */
    struct loop *loop;
    struct store *front, *days;
    struct ingest *ingest; /* NULL while stopped */
};
void engine_new(struct engine *e); /* default options; not started */
void engine_start(struct engine *e);
void engine_stop(struct engine *e, bool checkpoint); /* closes everything, keeps the data */
void engine_free(struct engine *e);
enum status engine_try_start(struct engine *e, char why[static 256]); /* stopped again on failure */

/* One submission and its answer. */
struct answer {
    bool done;
    struct outcome outcome; /* message is copied below */
    uint32_t rejects_n;
    enum status first_code; /* of the first rejected event; ST_OK: none */
    char message[256];      /* of the refusal, or of the first rejected event */
    uint32_t order;         /* running number of the answer in its engine */
};

extern const struct ingest_source source_plain; /* acknowledged, no key */

/* Submit without waiting; *a is filled when the answer comes. */
void engine_send(struct engine *e, const struct ingest_source *from, const char *frame,
                 struct answer *a);
/* Submit JSON and turn the loop until the answer is there. */
struct answer engine_ask(struct engine *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void engine_settle(struct engine *e); /* turn until everything is answered */
/* Turn until the day tables hold everything. */
void engine_checkpoint(struct engine *e);

/* ---- for tests of a whole engine: *state is a struct engine ---- */

int engine_setup(void **state); /* not started */
int engine_setup_started(void **state);
int engine_teardown(void **state);

#define STARTED(test) cmocka_unit_test_setup_teardown(test, engine_setup_started, engine_teardown)
#define ALONE(test)   cmocka_unit_test_setup_teardown(test, engine_setup, engine_teardown)

#define NOW           ((long long)clock_now().wall_ms)
#define CALL                                                                                       \
    "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"method\":\"GET\",\"status\":200,\"time\":%"  \
    "lld}"

#define WITH_ID                                                                                    \
    "{\"type\":\"api.call\",\"account\":%u,\"app\":2,\"method\":\"GET\",\"status\":200,"           \
    "\"time\":%lld,\"id\":\"%s\"}"

extern const struct ingest_source source_push; /* fire and forget */

struct ingest_status status_of(struct engine *e);
uint64_t sum_of(const uint64_t *by_code);
void check_adds_up(struct engine *e); /* promise 3 */

/* A batch of n calls of producer p. */
struct answer ask_seq(struct engine *e, unsigned long long epoch, unsigned long long seq,
                      unsigned n);

/* The sum of a day's ledger. */
struct ledger_total {
    uint64_t records, calls;
};
struct ledger_total engine_ledger(struct engine *e, int32_t day);

/* Totals of an account's day as queries see them. */
struct ledger_total engine_sheet(struct engine *e, uint64_t account, int32_t day);

/* What an account's days say was late, and not accepted: of the last 30 of them. */
uint64_t engine_late(struct engine *e, uint64_t account);
struct ingest_faults engine_faults(struct engine *e, uint64_t account);

#endif
