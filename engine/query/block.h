/* A block: the rows of another view as part of an object, so that what home and app show is what
 * the views of these rows answer. */
#ifndef ENGINE_QUERY_BLOCK_H
#define ENGINE_QUERY_BLOCK_H

#include "engine/query/answer.h"

struct block {
    struct str rows; /* encoded, in the arena */
    uint32_t n;
    bool more; /* there are rows beyond */
};

/* Begin a question to `view` about the same account, viewer and (where not 0) app, with the
 * defaults of query.def: its parameters may be changed in (*out)->q. */
enum status block_begin(struct answer *a, enum query_view_id view, uint64_t app,
                        struct answer **out) MUST_CHECK;

/* Answer it with at most rows_max rows. Work, catalogue and faults go to a; the page is reused. */
enum status block_end(struct answer *a, struct answer *sub, uint32_t rows_max,
                      struct block *out) MUST_CHECK;

/* Make the one row just written to a's page the object that is answered. */
void block_object(struct answer *a);

#endif
