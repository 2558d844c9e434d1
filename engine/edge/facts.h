/* What queries may ask about the engine around them: ingest, both stores and the sockets, brought
 * together for engine/query, which may not look sideways. One for all faces of the engine. */
#ifndef ENGINE_EDGE_FACTS_H
#define ENGINE_EDGE_FACTS_H

#include "engine/ingest/ingest.h"
#include "engine/query/query.h"

struct facts; /* opaque, heap */

struct facts_setup {
    struct loop *loop; /* borrowed until facts_free, as is all of this */
    struct ingest *ingest;
    struct store *front; /* tables of engine/ingest/tables.h */
    struct store *days;  /* tables of aggregators/tables.h */
    int32_t floor_day;
    uint32_t page_rows_max;
    uint64_t answer_bytes_max;
    bool popularity;   /* recommendations may compare accounts */
    bool enforce_beta; /* the connections home is for accounts in the beta only */
};

enum status facts_new(const struct facts_setup *setup, struct facts **out) MUST_CHECK;
void facts_free(struct facts **f); /* NULL-safe */

/* New values of the reloadable options. */
void facts_reload(struct facts *f, uint32_t page_rows_max, uint64_t answer_bytes_max);

void facts_enforce_beta(struct facts *f, bool on);

/* Count a socket's connections, unroutable answers and missed edges in the status. At most 8. */
void facts_add_socket(struct facts *f,
                      void (*counters)(const void *arg, struct zsock_counters *out),
                      const void *arg);

/* Count the live feed in the status; NULL: no longer. */
struct feed;
void facts_set_feed(struct facts *f, const struct feed *feed);

/* The context of a question asked in this turn. */
void facts_context(struct facts *f, struct query_context *out);

/* Answer a question in this turn, and count and time it. As query_answer_as. */
void facts_answer(struct facts *f, const struct request *r, enum query_form form, struct buf *out,
                  struct query_result *result);

/* How long the questions to a view took, since the start. */
const struct metric_hist *facts_times(const struct facts *f, enum query_view_id view);

/* The numbers of the status view, and those of ingest behind them; borrowed until the next call. */
const struct ingest_status *facts_status(struct facts *f, struct query_status *out);

#endif
