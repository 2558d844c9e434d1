/* A view of which accounts there are. */
#ifndef AGGREGATORS_VIEW_ACCOUNTS_H
#define AGGREGATORS_VIEW_ACCOUNTS_H

#include "aggregators/view.h"

struct accounts_query {
    uint64_t from; /* accounts at or above */
    uint32_t limit;
};

struct account_list {
    const uint64_t *rows; /* in the arena; ascending */
    uint32_t n;
    bool more;          /* cut at the limit */
    uint64_t next;      /* more: the first account that is missing */
    uint64_t looked_up; /* entries of tables that were looked up: what it cost */
};

/* Every account of which something is kept: counts of a visible day, activities, connections,
 * reference data; stored or pending. Cost: up to 40 look-ups of about 1 us an account, and a look
 * through the pending accounts of some ns each. */
void view_accounts(struct view *v, const struct accounts_query *q, struct arena *a,
                   struct account_list *out);

#endif
