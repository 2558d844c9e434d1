/* When each app of an account last sent and received data: the sheets of the visible days, and what
 * is carried over of the days before them. */
#ifndef AGGREGATORS_LAST_ACTIVITY_H
#define AGGREGATORS_LAST_ACTIVITY_H

#include "aggregators/view.h"

struct last_activity {
    uint64_t app;
    int64_t sent_ms, received_ms; /* 0: none seen, though it has a row (failed calls, say) */
};

struct last_query {
    uint64_t account;
    uint64_t from_app, to_app; /* both inclusive */
    uint32_t rows_max;         /* of one day; 0: no bound */
};

struct last_list {
    const struct last_activity *rows; /* in the arena; ascending app; app 0 left out */
    uint32_t n;
    uint64_t to_app; /* complete up to this app: to_app of the question unless rows_max cut it */
    uint64_t rows_read;
};

/* Cost: about 20 ns a row and day. */
void view_last_activity(struct view *v, const struct last_query *q, struct arena *a,
                        struct last_list *out);

#endif
