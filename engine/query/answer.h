/* An answer in the making: what a view's function gets and fills. Internal to this folder. */
#ifndef ENGINE_QUERY_ANSWER_H
#define ENGINE_QUERY_ANSWER_H

#include "engine/query/page.h"
#include "engine/query/query.h"
#include "engine/query/question.h"

/* ---- catalogue: what is known of an app (catalogue.c) ---- */

enum app_kind { APP_KIND_UNKNOWN, APP_KIND_PRIVATE, APP_KIND_MARKETPLACE, APP_KIND_BUILT_IN };

struct catalogue_app {
    uint64_t app;
    bool known; /* there is a catalogue row */
    enum app_kind kind;
    struct str name; /* p == NULL: none */
    bool user_level, multi_account, shows_status;
};

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

    /* The range asked for, clipped; by the view's shape. */
    int32_t from_day, to_day; /* DAYS: both inclusive; from > to: empty */
    int64_t from_ms, to_ms;   /* INSTANTS: to exclusive */
    const char *bound;        /* "retention", "floor" or NULL */

    bool resumed;         /* the question carried a cursor: read `cursor` */
    struct reader cursor; /* its payload */

    struct page *page;  /* rows go here */
    struct buf *next;   /* payload of the next page's cursor; meaningful when more */
    bool more;          /* there is a next page */
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

/* The catalogue row of an app; costs QUERY_LOOKUP when not seen before. NULL: no memory. */
const struct catalogue_app *catalogue_get(struct answer *a, uint64_t app);
const char *app_kind_name(enum app_kind kind); /* NULL when not known */

const char *action_name(uint64_t action); /* of a record event; "" when it is none */

/* ---- the views: ST_OK, or a refusal whose sentence may be in why ---- */

#define VIEW(id, name, right, shape, help)                                                         \
    enum status view_##name##_answer(struct answer *a) MUST_CHECK;
#include "schemas/query.def"

#endif
