/* Alerts: days on which an app did something unusual, page by page. What is unusual, a view's
 * judge says, app by app; this orders, filters, pages. */
#ifndef ENGINE_QUERY_ALERTS_H
#define ENGINE_QUERY_ALERTS_H

#include "engine/query/rhythm.h"
#include "engine/query/series.h"

/* One alert of an app; ordered by its first four members. */
struct alert {
    int32_t day;
    unsigned rule;   /* place of the word in query.def */
    uint64_t type;   /* object type + 1; 0: none */
    unsigned action; /* record action + 1; 0: none */
    uint64_t value, expected;
};

struct alerts {
    struct series series; /* first; its take is set by alerts_page */
    const struct values *rules;
    void (*judge)(struct alerts *al, uint64_t app, const struct series_day *days);
    bool (*put)(struct alerts *al, uint64_t app, const struct alert *alert);

    struct alert *rows; /* of the app being judged */
    uint32_t n, cap;
    uint64_t after_app; /* alerts of this app up to `after` have been answered */
    bool has_after;
    struct alert after;
};

/* For judges. Out of memory is seen in the view's status. */
void alerts_add(struct alerts *al, const struct alert *alert);

/* Days of [from_day, to_day] that are too high or too low for the series' own rhythm. The last day
 * is open. */
void alerts_add_rhythm(struct alerts *al, const uint64_t *days, const struct alert *high,
                       const struct alert *low);

/* The alerts of a.from_day..to_day, judged by all visible days. */
enum status alerts_page(struct alerts *al) MUST_CHECK;

#endif
