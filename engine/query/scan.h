/* Scanning sheets into groups, page by page: what records, api_usage and distinct_records share.
 *
 * Sheets are read day by day; when rows are wanted by app but not by day, in windows of apps over
 * all days, so that whole groups can be answered early. A scan ends when the page has its rows,
 * when the range is through, or when the budget is used up. Then the next page begins after a key
 * the last row answered; groups are formed again from there, or at a position    the first (day,
 * app) not scanned, with the sums of the groups that were begun and not finished. They travel in
 * the cursor: nothing is kept in the engine. A group is answered whole or not at all, so a row
 * never holds part of a sum. */
#ifndef ENGINE_QUERY_SCAN_H
#define ENGINE_QUERY_SCAN_H

#include "engine/query/answer.h"
#include "engine/query/sums.h"

struct scan;

/* Add what one app did on one day to scan->sums, under scan_key(scan, day, app, sub). */
typedef void scan_add_fn(struct scan *s, int32_t day, const struct sheet_row *row);

/* Write one row for the group. False: it did not fit, the page ends before it. */
typedef bool scan_emit_fn(struct scan *s, const struct sum *group);

struct scan {
    /* Set by the view. */
    struct answer *a;
    const struct values *apps; /* the filter; not given: all */
    bool by_day, by_app;       /* dimensions wanted */
    bool fill;                 /* rows of zero for days without; needs by_day */
    uint32_t fill_subs;        /* fill: subs 0..fill_subs-1 exist for every app; 0: those seen */
    scan_add_fn *add;
    scan_emit_fn *emit;

    /* The scan's own. */
    struct sums sums;
    bool after; /* groups up to after_key have been answered */
    struct sum_key after_key;
    bool at; /* resume at this place */
    int32_t at_day;
    uint64_t at_app;
    bool whole; /* the range is through; else it ends before (end_day, end_app) */
    int32_t end_day;
    uint64_t end_app;
};

static inline struct sum_key scan_key(const struct scan *s, int32_t day, uint64_t app, uint64_t sub)
{
    return (struct sum_key){s->by_day ? day : 0, s->by_app ? app : 0, sub};
}

/* Scan and write the page. ST_LIMIT: fill needs the whole range at once and that is over the
 * budget. */
enum status scan_page(struct scan *s) MUST_CHECK;

#endif
