/* A view of which accounts there are: every one of which something is kept, be it counts of a
 * visible day, activities, connections or reference data, stored or pending. */
#ifndef AGGREGATORS_VIEW_ACCOUNTS_H
#define AGGREGATORS_VIEW_ACCOUNTS_H

#include "aggregators/view.h"

struct accounts; /* opaque, in the arena */

/* Begin at or above `from`, to take at most `limit` accounts. NULL: no memory, v has failed. Cost:
 * a look through the pending accounts, of some ns each. */
struct accounts *accounts_open(struct view *v, uint64_t from, uint32_t limit, struct arena *a);

/* The next one, ascending; false at the end. Cost: up to 40 look-ups of about 1 us. */
bool accounts_next(struct accounts *g, uint64_t *account);

uint64_t accounts_looked_up(const struct accounts *g); /* entries of tables, so far */
void accounts_close(struct accounts *g);               /* before the view is closed */

#endif
