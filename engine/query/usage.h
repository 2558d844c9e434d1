/* What the views of API usage share: whose calls are meant, and the rule of errors. */
#ifndef ENGINE_QUERY_USAGE_H
#define ENGINE_QUERY_USAGE_H

#include "engine/query/series.h"

/* An app whose errors (status 400 and above, 429 included) reach 5 % of its calls is at fault, from
 * 100 calls a day on. */
#define USAGE_ERRORS_PERMILLE 50
#define USAGE_CALLS_MIN       100

/* Does the question want an app of that kind? An app that the catalogue lacks counts as private,
 * app 0 as no kind. param: of the words of USAGE_KINDS. */
bool usage_admits(struct answer *a, enum query_param_id kind, uint64_t app);

/* Is there any call on the days of the walk? */
bool usage_any(const struct series *s, const struct series_day *days);

/* Add the calls of a day to n: by enum api_which. */
void usage_add(uint64_t n[static API_LIMITED + 1], const struct series_day *day);

/* part * 1000 / whole, rounded down; 0 of nothing. */
uint64_t usage_permille(uint64_t part, uint64_t whole);

/* Are so many errors too many? */
bool usage_errs(uint64_t calls, uint64_t errors);

#endif
