/* A front store with a write transaction: the fixture of what stores rows in it. */
#ifndef TESTS_UNIT_INGEST_FRONT_TXN_H
#define TESTS_UNIT_INGEST_FRONT_TXN_H

#include <stdlib.h>

#include "engine/base/check.h"
#include "tests/unit/ingest/ingest_help.h"

struct fixture {
    struct scratch scratch;
    struct store *store;
    struct txn t; /* a write transaction, open during the test */
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    CHECK(f != NULL);
    scratch_new(&f->scratch);
    f->store = scratch_front(&f->scratch, 0);
    txn_begin(f->store, true, &f->t);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    txn_abort(&f->t);
    store_close(&f->store);
    scratch_free(&f->scratch);
    free(f);
    return 0;
}

#endif
