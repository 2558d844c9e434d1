/* Two stores with some rows in every table, for what reads stored rows: made by the engine's own
 * writers, and put back as they were after each change. */
#ifndef TESTS_FUZZ_STORED_BASE_H
#define TESTS_FUZZ_STORED_BASE_H

#include "aggregators/days.h"
#include "engine/store/store.h"
#include "tests/unit/ingest/ingest_help.h"

#define BASE_TODAY  20780
#define BASE_NOW_MS (BASE_TODAY * MS_PER_DAY + 36000000)

/* A row as it was, owned. */
struct base_row {
    unsigned table;
    size_t key_n, val_n;
    uint8_t *bytes; /* key, then value */
};

struct base_store {
    struct store *store;
    unsigned tables_n;
    struct base_row *rows;
    size_t rows_n, rows_cap;
};

struct base {
    struct scratch front_dir, days_dir;
    struct base_store front, days;
    struct store *fresh; /* day tables without anything, for a log that is folded from its start */
    struct generation *more; /* what a merge may add to these rows */
};

/* Both stores, in memory where there is /dev/shm. */
struct base *base_new(void);
void base_free(struct base **b);

/* Row `at` of a table, counted round; NULL: it has none. */
const struct base_row *base_row(const struct base_store *s, unsigned table, size_t at);

/* Write one row and commit. val.p == NULL: delete it. */
void base_put(const struct base_store *s, unsigned table, struct span key, struct span val);

/* All rows as they were. */
void base_restore(const struct base_store *s);

#endif
