/* Walking an account app by app: what one app did on every day of a range at once. For what is
 * judged by an app's own history, as alerts are.
 *
 * Apps are read in windows over all days, each as wide as its share of the budget; the walk ends
 * when the view has enough, when all is through, or when the budget is used up after a window. */
#ifndef ENGINE_QUERY_SERIES_H
#define ENGINE_QUERY_SERIES_H

#include "engine/query/answer.h"

#define SERIES_DAYS_MAX 31

struct series_day {
    const struct cell *cells; /* ascending slot; borrowed until take returns */
    uint32_t cells_n;
};

struct series {
    /* Set by the view. */
    struct answer *a;
    const struct values *apps; /* the filter; not given: all */
    int32_t from_day, to_day;  /* UTC days, both inclusive, at most SERIES_DAYS_MAX */
    uint64_t slot_end;         /* cells of the slots below; 0: all */
    /* One app with anything on those days, ascending, never app 0. days: one a day. False: the walk
     * shall end, and the next page begin with this app again. */
    bool (*take)(struct series *s, uint64_t app, const struct series_day *days);
    /* The walk's result. */
    bool through;      /* all apps were taken; else: */
    uint64_t next_app; /* where the next page begins */
};

/* Take the apps from from_app on. */
enum status series_walk(struct series *s, uint64_t from_app) MUST_CHECK;

#endif
