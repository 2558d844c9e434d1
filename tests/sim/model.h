/* The judge: what an engine that keeps its promises must say and hold. It is written from the
 * promises and the wire, shares no code with the engine, and keeps everything in plain arrays. */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"

#define ACCOUNTS     4
#define APPS         4 /* 0: no app */
#define TYPES        2
#define ACTIONS      3
#define DAYS         160 /* that a life may touch */
#define PRODUCERS    3
#define EVENTS_MAX   25 /* events of a batch; the engine's limit is BATCH_LIMIT */
#define BATCH_LIMIT  20
#define IDS_MAX      4096
#define ACTIVITY_MAX 8192
#define VISIBLE      30
#define FUTURE_MS    (5 * INT64_C(60000)) /* that events may be ahead of the clock */
#define HOUR_MS      INT64_C(3600000)
#define DAY_MS       INT64_C(86400000)

/* Two of them share a shard of the ledger. */
extern const uint64_t account_numbers[ACCOUNTS];
extern const char *const type_names[TYPES], *const action_names[ACTIONS];

enum what { CALL, RECORD, SIGNAL, UNKNOWN };

struct sim_event {
    enum what what;
    uint32_t account, app; /* places, not numbers */
    uint32_t type, action; /* RECORD; SIGNAL: type is its kind; CALL: type is its status */
    uint32_t count, user;
    int64_t time_ms;
    uint32_t id; /* 0: none */
};

struct sim_batch {
    struct sim_batch *next; /* all of a life */
    uint32_t n;
    struct sim_event ev[EVENTS_MAX];
    bool numbered, garbage, forged, retried;
    uint32_t producer;
    uint64_t epoch, seq;
    uint64_t content; /* equal only for equal batches */
    char *frame;      /* owned */
    uint32_t frame_n;
    uint32_t applied; /* times that its events were counted */
    bool acked;       /* its sender knows that it is done */
};

/* A batch that has reached the engine. */
struct submission {
    struct sim_batch *batch;
    int64_t received_ms;
    int64_t mono_ms;      /* the same moment by the clock that never jumps */
    enum status standing; /* what the engine was refusing everything with; ST_OK: nothing */
};

struct verdict {
    enum status status;
    uint32_t accepted, duplicate, rejected;
    bool has_expected, has_current;
    uint64_t expected_seq, current_epoch;
};

struct cell_day {
    uint32_t records[APPS][TYPES][ACTIONS];
    uint32_t calls[APPS], errors[APPS], limited[APPS];
};

/* What a crash may take back; copied whole. Lists only grow, so their lengths are enough. */
struct model_state {
    struct cell_day day[ACCOUNTS][DAYS];
    struct {
        uint64_t epoch, seq, content;
    } cursor[PRODUCERS];
    uint64_t received, accepted, duplicate, rejected, late, batches;
    uint64_t position; /* first one not taken */
    uint32_t ids_n, activity_n;
};

struct model {
    struct model_state s;
    int32_t first_day, floor_day;
    uint32_t id_hours;
    struct {
        uint32_t account, id;
        int64_t received_ms;
    } id[IDS_MAX];
    struct activity_row {
        uint32_t account, kind, app, user;
        int64_t time_ms;
        uint64_t position;
    } activity[ACTIVITY_MAX];
    uint64_t refused; /* batches refused, for good or for now: volatile until a commit */
};

/* Judge and apply. */
struct verdict model_take(struct model *m, const struct submission *s);

/* Is an id of it in the hour in which the engine may have forgotten it, or not? */
bool model_unsure(const struct model *m, const struct sim_batch *b, int64_t received_ms);
/* The same because of s, which has not been answered. */
bool model_unsure_after(const struct model *m, const struct sim_batch *b, int64_t received_ms,
                        const struct submission *s);

/* The first day that a query shows. */
int32_t model_first_visible(const struct model *m, int64_t now_ms);
int32_t model_day(int64_t ms);

#endif
