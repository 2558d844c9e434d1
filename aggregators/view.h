/* A view: one consistent answer from the day tables and the generations above them.
 *
 * It holds a read transaction: open it, answer, close it within the turn. It includes exactly the
 * log positions below `end`: the tables up to the position committed with them, then the
 * generations that begin there. */
#ifndef AGGREGATORS_VIEW_H
#define AGGREGATORS_VIEW_H

#include "aggregators/generation.h"
#include "engine/base/arena.h"
#include "engine/store/store.h"

#define VIEW_GENERATIONS_MAX 2

struct view {
    struct txn txn; /* read transaction of the days environment */
    const struct generation *gen[VIEW_GENERATIONS_MAX]; /* ascending, above the tables; borrowed */
    unsigned gen_n;
    uint64_t tables_end; /* first position that the tables do not cover */
    uint64_t end;        /* first position not included */
    int32_t today;       /* UTC day of the question */
    int32_t first_day;   /* first visible day: max(today - 29, floor) */
};

/* gens: the frozen (if any) and the active generation, ascending; those already in the tables of
 * the snapshot are left out. Check v->txn.status after reading. */
void view_open(struct store *days, const struct generation *const gens[], unsigned gens_n,
               struct view *v);
void view_close(struct view *v);

/* ---- sheets: what an account did on one day ---- */

/* A cell's slot says what it counts.
 *   API calls     quarter * 4 + which; quarter 0..95 of the day, 96 = of the day, quarter unknown
 *   records       SLOT_RECORD + type * 8 + action
 *   with identity SLOT_WITH_RECORD + action: record events that carried `record` */
enum api_which { API_CALLS, API_ERRORS, API_LIMITED };
enum record_action {
    ACTION_CREATED,
    ACTION_UPDATED,
    ACTION_DELETED,
    ACTION_MERGED,
    ACTION_RESTORED,
    ACTION_ASSOCIATED,
    ACTION_N
};
#define QUARTERS_PER_DAY 96
#define SLOT_WITH_RECORD 400
#define SLOT_RECORD      512

struct cell {
    uint64_t slot;
    uint64_t count;
};

static inline bool slot_is_api(uint64_t slot)
{
    return slot < SLOT_WITH_RECORD;
}
static inline unsigned slot_quarter(uint64_t slot)
{
    return (unsigned)slot / 4;
}
static inline enum api_which slot_which(uint64_t slot)
{
    return (enum api_which)(slot % 4);
}
static inline bool slot_is_record(uint64_t slot)
{
    return slot >= SLOT_RECORD;
}
static inline object_type_id slot_type(uint64_t slot)
{
    return (slot - SLOT_RECORD) / 8;
}
static inline enum record_action slot_action(uint64_t slot)
{
    return (enum record_action)((slot - SLOT_RECORD) % 8);
}

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
};

/* The same without cells (rows[i].cells_n is 0): who was active when, at a fraction of the cost. */
void view_sheet_rows(struct view *v, uint64_t account, int32_t day, struct arena *a,
                     struct sheet *out);

/* The merged day of an account; empty when nothing happened. only_app: NULL for all, else one app
 * (totals are then 0 unless it was in the first chunk; do not use them). Allocates from a. */
void view_sheet(struct view *v, uint64_t account, int32_t day, const uint64_t *only_app,
                struct arena *a, struct sheet *out);

/* ---- distinct records ---- */

struct distinct {
    uint64_t records; /* exact, or the estimate */
    bool exact;
};

/* Union over days from..to of the records that `app` touched with `action` (UINT32_MAX: any action;
 * app NULL: any app of the account). */
void view_distinct(struct view *v, uint64_t account, int32_t from, int32_t to, const uint64_t *app,
                   uint32_t action, struct distinct *out);

/* The apps and actions that have record identities on one day (for listing): calls fn for each. */
void view_distinct_each(struct view *v, uint64_t account, int32_t day,
                        void (*fn)(void *arg, uint64_t app, enum record_action action,
                                   const struct distinct *d),
                        void *arg);

/* ---- activity log ---- */

struct activity {
    uint64_t position;
    int64_t time_ms;
    int64_t received_ms;
    uint64_t app;
    uint64_t user;
    enum event_kind kind;
    bool has_user;
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

/* ---- apps and their connections ---- */

enum connection_state {
    STATE_NONE, /* only data seen, no lifecycle signal yet */
    STATE_CONNECTED,
    STATE_DISCONNECTED,
    STATE_EXPIRED,
    STATE_ERROR,
    STATE_REAUTH, /* needs re-authentication */
    STATE_UNINSTALLED,
    STATE_N
};

/* A problem is a bad state of a connection (aggregators/connection.h). */
enum problem_kind {
    PROBLEM_DISCONNECTED,
    PROBLEM_EXPIRED,
    PROBLEM_ERROR,
    PROBLEM_REAUTH,
    PROBLEM_N
};

struct problem {
    uint32_t episodes;       /* 0: never; above 1: reopened */
    uint64_t repeats;        /* signals of this episode */
    int64_t opened_ms;       /* of this episode, the newest */
    int64_t last_ms;         /* newest signal of it */
    int64_t ended_ms;        /* 0: still open */
    struct str reason, code; /* of the newest signal; borrowed from the arena or the view */
};

struct connection {
    uint64_t app;
    uint64_t user;
    bool has_user; /* false: signals that name no user */
    enum connection_state state;
    int64_t since_ms;        /* of the state */
    int64_t installed_ms;    /* first install ever seen; 0: none */
    struct str reason, code; /* of the state; borrowed from the arena or the view */
    bool sync_known, sync_on;
    struct problem problems[PROBLEM_N];
};

struct app_summary {
    uint64_t app;
    bool has_install;
    int64_t installed_ms; /* first install ever seen in the account */
    bool has_installer;
    uint64_t installer;          /* user of that first install */
    enum connection_state state; /* worst of its connections, uninstalled ones left out */
    int64_t since_ms;
    uint32_t connections_n; /* not uninstalled */
    int64_t sent_ms;        /* last activity; 0: none seen */
    int64_t received_ms;
};

/* Every app of the account but app 0, ascending, apps >= from_app, at most `limit`; *more when cut.
 */
void view_apps(struct view *v, uint64_t account, uint64_t from_app, uint32_t limit, struct arena *a,
               const struct app_summary **rows, uint32_t *rows_n, bool *more);

/* The connections of the account, ascending (app, user); app: NULL for all apps. */
void view_connections(struct view *v, uint64_t account, const uint64_t *app, struct arena *a,
                      const struct connection **rows, uint32_t *rows_n);

/* ---- permissions ---- */

/* What the newest permission event said of one scope of one app. */
struct scope {
    struct str name, feature; /* borrowed from the view; feature may be empty */
    int64_t since_ms;
    enum event_kind said; /* EV_PERMISSION_GRANTED, _REVOKED or _REAUTH */
};

/* The scopes of one app of the account, ascending name. */
void view_scopes(struct view *v, uint64_t account, uint64_t app, struct arena *a,
                 const struct scope **rows, uint32_t *rows_n);

/* ---- reference data ---- */

/* The stored fields (a msgpack map) of one entry: kind is the upsert's kind (EV_CATALOG_APP, ...),
 * key its text ("45" for app 45). False: none, or removed. */
bool view_reference(struct view *v, uint64_t account, enum event_kind kind, struct str key,
                    struct str *fields);

/* Every entry of one kind of the account, in the order of their keys: fn(arg, key, fields). Both
 * are borrowed from the view. */
void view_reference_each(struct view *v, uint64_t account, enum event_kind kind, struct arena *a,
                         void (*fn)(void *arg, struct str key, struct str fields), void *arg);

/* Text of a class-2 object type; empty when unknown. */
struct str view_type_name(struct view *v, object_type_id id);

#endif
