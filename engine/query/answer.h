/* An answer in the making: what a view's function gets and fills. Internal to this folder. */
#ifndef ENGINE_QUERY_ANSWER_H
#define ENGINE_QUERY_ANSWER_H

#include "aggregators/view_apps.h"
#include "engine/query/page.h"
#include "engine/query/query.h"
#include "engine/query/question.h"

/* ---- catalogue: what is known of an app (catalogue.c) ---- */

enum app_kind { APP_KIND_UNKNOWN, APP_KIND_PRIVATE, APP_KIND_MARKETPLACE, APP_KIND_BUILT_IN };

struct catalogue_app {
    uint64_t app;
    bool known; /* there is a catalogue row */
    enum app_kind kind;
    struct str name, developer; /* p == NULL: none */
    struct str settings_url, marketplace_url, icon_url;
    bool user_level, multi_account, shows_status;
};

/* A built-in app shows a state only when its catalogue row says so. */
static inline bool catalogue_hides_state(const struct catalogue_app *c)
{
    return c->kind == APP_KIND_BUILT_IN && !c->shows_status;
}

/* The last activity of such apps would be that of somebody else. */
static inline bool catalogue_hides_activity(const struct catalogue_app *c)
{
    return c->user_level || c->multi_account;
}

/* Rows already looked up for this question: an open table. */
struct catalogue {
    struct catalogue_app *slots; /* in the arena */
    uint32_t cap, n;
};

struct answer {
    const struct query_context *context;
    struct arena *arena;   /* of this question */
    struct arena *scratch; /* for one table row or sheet; reset at will */
    struct question q;
    uint64_t account;        /* of views that have one */
    struct view view;        /* open */
    uint64_t work, work_max; /* rows, cells and look-ups: done so far, and the budget */
    struct catalogue catalogue;
    struct zones *zones;               /* borrowed: zones.h */
    const struct inventory *inventory; /* of this question, once it was asked for */

    /* The range asked for, clipped; by the view's shape. */
    int32_t from_day, to_day; /* DAYS: both inclusive; from > to: empty */
    int64_t from_ms, to_ms;   /* INSTANTS: to exclusive */
    const char *bound;        /* "retention", "floor" or NULL */
    bool ranged;              /* OBJECT: from_day and to_day are those of a part of it */
    int32_t open_day;         /* the day that is not over; 0: today in UTC */

    bool counted; /* it is known what was received on the days of the range: */
    struct query_day received;

    bool resumed;         /* the question carried a cursor: read `cursor` */
    struct reader cursor; /* its payload */

    struct page *page; /* rows go here */
    struct buf *next;  /* payload of the next page's cursor; meaningful when more */
    bool more;         /* there is a next page */
    bool parted;       /* an answer of several scans: the cursor begins with which one */
    uint64_t part;
    struct buf *object; /* OBJECT views: the value of `data`, encoded, instead of rows */

    char why[512]; /* a refusal's sentence */
};

/* Narrow the visible range to the last days_n days (quarter-hours). */
void answer_keep_days(struct answer *a, int32_t days_n);

/* False: the budget is used up. */
static inline bool answer_worked(struct answer *a, uint64_t units)
{
    a->work += units;
    return a->work < a->work_max;
}

/* Begin the payload of the next page's cursor. */
struct buf *answer_more(struct answer *a);

/* A fault of the cursor's payload: it was sealed by us, so a version of another shape made it. */
enum status answer_bad_cursor(struct answer *a) MUST_CHECK;

/* Refuse with a sentence. */
enum status answer_refuse(struct answer *a, enum status st, const char *fmt, ...) MUST_CHECK
    __attribute__((format(printf, 3, 4)));

/* The catalogue row of an app: the account's own, or that of the common catalogue (account 0).
 * Costs QUERY_LOOKUP when not seen before. NULL: no memory. */
const struct catalogue_app *catalogue_get(struct answer *a, uint64_t app);

/* The stored fields of that row; false: there is none. */
bool catalogue_fields(struct answer *a, uint64_t app, struct str *fields);

/* Read a catalogue row. False: corrupt. */
bool catalogue_read(struct str fields, struct catalogue_app *to);

const char *app_kind_name(enum app_kind kind); /* NULL when not known */

const char *connection_state_name(enum connection_state state);

/* ---- parts that views share ---- */

/* The first visible day. bound: which bound it is, "retention" or "floor". */
int32_t answer_first_day(const struct query_context *c, const char **bound);

/* The range of the question is clipped and its view's function fills the page: a whole answer but
 * for the envelope. For blocks (block.h). */
enum status answer_run(struct answer *a) MUST_CHECK;

/* Refuse a view of the connections home where only accounts in the beta may see it. */
enum status answer_check_beta(struct answer *a) MUST_CHECK;

/* The viewer of the question. Refused when it names none. */
enum status answer_viewer(struct answer *a, uint64_t *viewer) MUST_CHECK;

/* A list of one number, the place where to go on, as payload of the cursor: absent is 0. */
enum status answer_read_place(struct answer *a, uint64_t *place) MUST_CHECK;

const char *action_name(uint64_t action); /* of a record event; "" when it is none */

/* ---- the views: ST_OK, or a refusal whose sentence may be in why ---- */

#define VIEW(id, name, right, shape, help)                                                         \
    enum status view_##name##_answer(struct answer *a) MUST_CHECK;
#include "schemas/query.def"

#endif
