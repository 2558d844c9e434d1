/* A small engine for tests of queries: day tables, two generations, a twin that remembers every
 * event, and questions asked in both encodings at once. */
#ifndef TESTS_UNIT_QUERY_HELP_H
#define TESTS_UNIT_QUERY_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "aggregators/days.h"
#include "engine/base/hash.h"
#include "engine/query/query.h"

#define TODAY  20780 /* 2026-11-23 */
#define NOW_MS (TODAY * MS_PER_DAY + 36000000)

struct twin_event {
    struct event e;
    struct event_more more;
    uint64_t position;
    int64_t received_ms;
};

struct engine {
    char dir[64];
    struct store *days;
    struct generation *frozen, *active;
    uint64_t position;
    struct query *query;
    struct arena arena;
    struct buf answer;
    struct query_context context; /* change what a test needs changed */
    struct query_source source;
    struct twin_event *twin; /* what was folded, in order */
    uint32_t twin_n, twin_cap;
};

void engine_open(struct engine *t);
void engine_close(struct engine *t);

/* Fold one event and remember it. Strings in more must live as long as the engine. */
void engine_fold(struct engine *t, const struct event *e, const struct event_more *more);
/* Fold events as they come on the wire: JSON, printf'ed, with ' for ". None may be rejected. */
void engine_publish(struct engine *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void engine_freeze(struct engine *t); /* active -> frozen */
void engine_merge(struct engine *t);  /* frozen (or active) -> tables */

/* Ask in JSON and in msgpack; both answers must say the same. The question is printf'ed with ' for
 * ". Returns the answer, to be given back by json_decref. */
json_t *ask(struct engine *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, and the answer must be ok / a refusal with that code. */
json_t *ask_ok(struct engine *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ask_refused(struct engine *t, const char *code, const char *words, const char *question);

/* All rows over all pages of a question (given without cursor and closing brace), as an array;
 * counts the pages. Fails when a page repeats or the cursors do not end. */
json_t *ask_all(struct engine *t, const char *question, unsigned *pages);

json_t *rows_of(json_t *answer); /* borrowed */
int64_t int_of(json_t *row, const char *key);
const char *text_of(json_t *row, const char *key);

/* A seeded stream of numbers; print the seed. */
extern uint64_t help_seed;
uint64_t rnd(uint64_t below);

struct event random_event(struct event_more *more);

#endif
