/* What the loop judges about single events: the sender's scope, the time, the limits of an account.
 */
#ifndef ENGINE_INGEST_ADMIT_H
#define ENGINE_INGEST_ADMIT_H

#include "engine/ingest/group.h"

#define EVENT_FUTURE_MS INT64_C(300000) /* a clock may be 5 minutes ahead of ours */
#define EVENT_DAYS      30              /* today and the 29 days before it */

/* The times that are accepted at received_ms. */
struct admit_range {
    int64_t oldest_ms; /* start of the 30 days */
    int64_t from_ms;   /* inclusive: that, or the floor */
    int64_t to_ms;     /* inclusive */
};
struct admit_range admit_range(int64_t received_ms, int32_t floor_day);

struct admit_rules {
    const struct ingest_source *from;
    int32_t floor_day;
    struct census *census;
};

/* Reject the events of s that are outside the sender's scope or the range, or that would take their
 * account over a limit. Sets s->has_ids. */
void admit_events(struct group *g, struct slot *s, const struct admit_rules *rules);

#endif
