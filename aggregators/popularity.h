/* Which apps are connected together: counted over all accounts now and then, in slices, by the days
 * writer. It knows of apps in the common catalogue (that of account 0) only, and what it publishes
 * is a count of at least POPULARITY_ACCOUNTS_MIN accounts, so no account shows through.
 *
 * Keys of the table `popularity`; a count is begun from nothing and published app by app:
 *   'c' . ordered(app)                 -> accounts so far that have it       while it is counted
 *   'p' . ordered(app) . ordered(app)  -> accounts so far that have both     while it is counted
 *   'r' . ordered(app)                 -> crc(4) . accounts . n . n x { app, accounts with both }
 *                                         by falling count; numbers are varints */
#ifndef AGGREGATORS_POPULARITY_H
#define AGGREGATORS_POPULARITY_H

#include "aggregators/view.h"

#define POPULARITY_ACCOUNTS_MIN 10
#define POPULARITY_APPS_MAX     48 /* of one account: its first ones count */
#define POPULARITY_PARTNERS_MAX 16 /* published for one app: the most frequent */

struct popularity {
    uint64_t accounts; /* that have the app connected */
    uint32_t n;
    struct {
        uint64_t app;
        uint64_t accounts;               /* that have both */
    } partners[POPULARITY_PARTNERS_MAX]; /* by falling count, then app */
};

/* What was last published of an app; false: nothing. */
bool view_popularity(struct view *v, uint64_t app, struct popularity *out);

/* Count on for about rows_max rows in a transaction of its own, from where the last slice ended or
 * anew. *more: the count is not published whole yet. Days writer only. */
enum status days_sweep(struct store *days, uint32_t rows_max, bool *more) MUST_CHECK;

#endif
