/* The audit: do the day tables add up? Reads everything, changes nothing, in pages.
 *
 * Promise 8: per account and day, the sum by app = the sum by record type = the sum by action = the
 * total that was kept apart. Besides: every checksum, the order and bounds of sheet chunks, the
 * order of the activity log within and between its blocks, and its row counts. */
#ifndef AGGREGATORS_AUDIT_H
#define AGGREGATORS_AUDIT_H

#include "aggregators/view.h"

/* One (account, day), every way it can be added up. */
struct audit_day {
    uint64_t account;
    int32_t day;
    uint64_t record_total, call_total;   /* as kept apart */
    uint64_t by_app, by_type, by_action; /* sums of record cells */
    uint64_t calls_by_app;               /* sum of API calls cells */
    uint64_t cells;                      /* read for it: what it cost */
    bool ok;
};

/* Where a page of the audit begins; zeroed: at the start. */
struct audit_at {
    int32_t day;
    uint64_t account;
    bool started;
};

/* Audit the stored (account, day) pairs from *at on, at most `limit` of them, through fn; pending
 * generations are added in. Moves *at. False: that was the last. Check v->txn.status. */
bool audit_days(struct view *v, struct audit_at *at, uint32_t limit,
                void (*fn)(void *arg, const struct audit_day *d), void *arg);

/* One (account, day), stored or pending. */
void audit_one(struct view *v, uint64_t account, int32_t day, struct arena *a,
               struct audit_day *out);

/* Where the findings of audit_tables go. */
struct audit_report {
    void (*day)(void *arg,
                const struct audit_day *d); /* every stored (account, day); may be NULL */
    /* Late events of a stored (day received, account); may be NULL. */
    void (*late)(void *arg, int32_t day, uint64_t account, uint64_t events);
    void (*fault)(void *arg, const char *table, const char *what); /* one sentence; may be NULL */
    void *arg;
};

struct audit_counts {
    uint64_t sheets, sketches, activities, accounts, connections, references; /* rows read */
    uint64_t faults;
};

/* Read every row of the day tables in one read transaction: for an offline store, or a copy. */
enum status audit_tables(struct store *days, const struct audit_report *report,
                         struct audit_counts *out) MUST_CHECK;

#endif
