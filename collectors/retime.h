/* Move the times of a recording: close long silences, then shift the whole.
 *
 * A plan is made in two steps: retime_add every event's time in any order, then retime_close. After
 * that retime_map is a pure, monotonic function of the original time. */
#ifndef COLLECTORS_RETIME_H
#define COLLECTORS_RETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

struct retime {
    /* Set before the first retime_add. */
    int64_t max_gap_ms; /* longest silence kept between two events; 0: all are kept */

    /* Found by retime_add. */
    bool any;
    int64_t oldest_ms, newest_ms;
    int64_t *times; /* owned; only with max_gap_ms */
    size_t n, cap;

    /* Found by retime_close: silences that were cut, ascending. */
    struct retime_cut {
        int64_t from_ms; /* first event after the silence */
        int64_t cut_ms;  /* how much was cut up to here, in sum */
    } * cuts;            /* owned */
    size_t cuts_n;

    int64_t shift_ms; /* added to every time, after the cuts */
};

/* ST_OK, ST_NO_MEMORY, ST_TOO_LARGE (over 64 Mi events with max_gap_ms). */
enum status retime_add(struct retime *r, int64_t time_ms) MUST_CHECK;
enum status retime_close(struct retime *r) MUST_CHECK;

/* Choose the shift that puts the newest event at now_ms; 0 when there was no event. */
int64_t retime_shift_to(const struct retime *r, int64_t now_ms);

int64_t retime_map(const struct retime *r, int64_t time_ms);

void retime_fini(struct retime *r); /* frees; r may be used again as zeroed */

#endif
