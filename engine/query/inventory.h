/* The inventory: the apps of an account with what is known of each, read once for a question
 * however many of its parts want it. A large account comes in windows of apps. */
#ifndef ENGINE_QUERY_INVENTORY_H
#define ENGINE_QUERY_INVENTORY_H

#include "engine/query/answer.h"

/* Of one window: what can be read without holding the loop for 5 ms. */
#define INVENTORY_APPS_MAX        1000
#define INVENTORY_CONNECTIONS_MAX 15000 /* and the rest of the app that goes beyond */

/* Apps that seem to do the same as one app. */
struct duplicates {
    struct str of;  /* their numbers, separated by spaces; p == NULL: none */
    struct str why; /* of the first of them */
};

struct inventory {
    uint64_t from_app;
    bool with_activity;
    struct app_list apps;
    const struct duplicates *duplicates; /* one per app; NULL until inventory_duplicates */
};

/* The window of apps from from_app on. NULL: see a->view.txn.status. */
const struct inventory *inventory_get(struct answer *a, uint64_t from_app);

/* The same for who needs no last activity: perhaps without it, and then without apps that have no
 * connections. */
const struct inventory *inventory_connections(struct answer *a, uint64_t from_app);

/* Which apps of the window seem to do the same (overlap.c). NULL: see a->view.txn.status. */
const struct duplicates *inventory_duplicates(struct answer *a, uint64_t from_app);

/* Internal: work them out. */
const struct duplicates *overlap_find(struct answer *a, const struct inventory *inv);

/* No activity for so many days, nor installed within them. An app that hides its last activity is
 * judged by it all the same. */
bool app_is_unused(const struct app_summary *s, int64_t now_ms, uint64_t unused_days);

#endif
