/* A view: one consistent answer from the day tables and the generations above them.
 *
 * It holds a read transaction: open it, answer, close it within the turn. It includes exactly the
 * log positions below `end`: the tables up to the position committed with them, then the
 * generations that begin there. */
#ifndef AGGREGATORS_VIEW_H
#define AGGREGATORS_VIEW_H

#include "aggregators/generation.h"
#include "aggregators/slot.h"
#include "engine/base/arena.h"
#include "engine/store/store.h"

#define VIEW_GENERATIONS_MAX 2
#define VIEW_SIGNALS_MAX     4

/* How far a merge has come: it commits in parts. Counts are merged in the order of (day, account),
 * and what lies before this place must not be added again; the rest may be merged twice without a
 * difference. */
enum merge_stage { MERGE_SHEETS, MERGE_REST };

struct merge_at {
    uint64_t end; /* of the generation; 0: no merge is under way */
    enum merge_stage stage;
    int32_t day; /* MERGE_SHEETS */
    uint64_t account;
};

/* Does a place lie before `at`: are its counts in the tables? */
static inline bool merge_is_past(const struct merge_at *at, enum merge_stage stage, int32_t day,
                                 uint64_t account)
{
    if (at->end == 0 || stage != at->stage)
        return at->end != 0 && stage < at->stage;
    return day != at->day ? day < at->day : account < at->account;
}

/* The same of a merge of signals, which goes by account. */
struct signals_at {
    uint64_t end; /* of the signals; 0: no merge is under way */
    uint64_t account;
    bool logged; /* the entries of this account are in the activity log too */
};

struct view {
    struct txn txn; /* read transaction of the days environment */
    const struct generation *gen[VIEW_GENERATIONS_MAX]; /* ascending, above the tables; borrowed */
    unsigned gen_n;
    uint64_t tables_end;    /* first position that the tables do not cover */
    struct merge_at merged; /* of gen[0]: what lies before this is in the tables already */
    const struct signals *signals[VIEW_SIGNALS_MAX]; /* ascending, not in the tables; borrowed */
    unsigned signals_n;
    struct signals_at signals_merged;
    uint64_t end;      /* first position not included */
    int32_t today;     /* UTC day of the question */
    int32_t first_day; /* first visible day: max(today - 29, floor) */
};

/* gens: the frozen (if any) and the active generation, ascending; those already in the tables of
 * the snapshot are left out. Check v->txn.status after reading. */
void view_open(struct store *days, const struct generation *const gens[], unsigned gens_n,
               struct view *v);
void view_close(struct view *v);

/* ---- sheets: what an account did on one day ---- */

struct sheet_row {
    uint64_t app;
    int64_t sent_ms;          /* last activity that day; 0: none */
    int64_t received_ms;      /* likewise */
    const struct cell *cells; /* ascending slot */
    uint32_t cells_n;
};

struct sheet {
    uint64_t record_total; /* kept apart from the cells (promise 8) */
    uint64_t call_total;
    const struct sheet_row *rows; /* ascending app */
    uint32_t rows_n;
    bool cut;          /* it ended at cells_max: */
    uint64_t next_app; /* the first app that may be missing */
};

/* Totals are those of the whole day only when neither apps nor cells are bounded. */
struct sheet_query {
    uint64_t account;
    int32_t day;
    const uint64_t *only_app; /* NULL: all */
    bool no_cells;      /* rows without cells: who was active when, at a fraction of the cost */
    uint64_t slot_end;  /* cells of the slots below; 0: all. SLOT_WITH_RECORD: calls alone */
    uint64_t from_app;  /* apps at or above */
    uint64_t to_app;    /* apps at or below; 0: no bound */
    uint32_t cells_max; /* end at the next app after so many rows and cells; 0: no bound */
};

/* The merged day of an account; empty when nothing happened. Allocates from a. */
void view_sheet(struct view *v, const struct sheet_query *q, struct arena *a, struct sheet *out);

/* ---- distinct records ---- */

struct distinct {
    uint64_t records; /* exact, or the estimate */
    bool exact;
};

struct distinct_query {
    uint64_t account;
    int32_t from, to;    /* days, both inclusive */
    const uint64_t *app; /* NULL: any app of the account */
    uint32_t action;     /* enum record_action; ACTION_N: any */
};

/* How many different records were touched: a union over the days, not a sum. */
void view_distinct(struct view *v, const struct distinct_query *q, struct distinct *out);

/* ---- activity log ---- */

struct activity {
    uint64_t position;
    int64_t time_ms;
    int64_t received_ms;
    uint64_t app;
    uint64_t user;
    enum event_kind kind;
    bool has_user;
    bool has_by; /* action.*: the user who asked for it */
    uint64_t by;
    /* Borrowed from the view or its arena; p == NULL when absent. */
    struct str reason, code, setting, from, to, feature;
    const struct str *scopes;
    uint32_t scopes_n;
};

struct activity_query {
    uint64_t account;
    const uint64_t *apps; /* NULL: any */
    uint32_t apps_n;
    const uint64_t *users;
    uint32_t users_n;
    uint64_t kinds;  /* bit per kind number; 0: any */
    int64_t from_ms; /* inclusive */
    int64_t to_ms;   /* exclusive */
    bool arrival;    /* ascending position above `after`; else newest (time, position) first */
    bool has_after;
    uint64_t
        after; /* arrival: positions > after. newest: together with after_ms, entries below it */
    int64_t after_ms;
    uint32_t limit;    /* rows wanted */
    uint32_t scan_max; /* entries looked at */
};

struct activity_page {
    const struct activity *rows; /* in the arena */
    uint32_t rows_n;
    bool more; /* stopped at limit or scan_max: continue after (next_ms, next_position) */
    int64_t next_ms;
    uint64_t next_position;
};

void view_activity(struct view *v, const struct activity_query *q, struct arena *a,
                   struct activity_page *out);

/* Rows kept and trimmed of the account. */
void view_activity_counts(struct view *v, uint64_t account, uint64_t *kept, uint64_t *trimmed);

/* ---- reference data ---- */

/* The stored fields (a msgpack map) of one entry: kind is the upsert's kind (EV_CATALOG_APP, ...),
 * key its text ("45" for app 45). False: none, or removed. */
bool view_reference(struct view *v, uint64_t account, enum event_kind kind, struct str key,
                    struct str *fields);

/* The same with its version: when it was said, and where in the log. */
struct reference_entry {
    struct str key, fields; /* borrowed from the view */
    int64_t time_ms;
    uint64_t position;
};

struct reference_query {
    uint64_t account;
    enum event_kind kind;
    bool has_after; /* only keys above `after` */
    struct str after;
};

/* Entries of one kind of the account by (length, bytes) of their keys, which is the order of
 * numbers, until fn returns false. */
void view_reference_walk(struct view *v, const struct reference_query *q,
                         bool (*fn)(void *arg, const struct reference_entry *e), void *arg);

/* Every entry of one kind of the account, in that order: fn(arg, key, fields). Both are borrowed
 * from the view. */
void view_reference_each(struct view *v, uint64_t account, enum event_kind kind,
                         void (*fn)(void *arg, struct str key, struct str fields), void *arg);

/* Text of a class-2 object type; empty when unknown. */
struct str view_type_name(struct view *v, object_type_id id);

#endif
