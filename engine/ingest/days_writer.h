/* The days writer: a thread that merges frozen generations, purges what is over and counts which
 * apps are connected together, one job at a time. It decides nothing; engine/ingest/checkpoint.h
 * does. */
#ifndef ENGINE_INGEST_DAYS_WRITER_H
#define ENGINE_INGEST_DAYS_WRITER_H

#include "aggregators/signals.h"

struct days_job {
    enum { DAYS_MERGE, DAYS_SIGNALS, DAYS_PURGE, DAYS_RESET } kind;
    struct generation *generation; /* MERGE: frozen, read only; RESET: emptied for reuse */
    struct signals *emptied;       /* RESET: likewise */
    struct signals_merge *signals; /* SIGNALS: goes on with it */
    uint32_t signals_max;          /* SIGNALS: about so many */
    int32_t first_day;             /* PURGE: first day that stays */
    /* result */
    enum status status;
    struct merge_stats stats; /* MERGE, SIGNALS */
    bool more;                /* PURGE: there is more to delete or to count */
    uint64_t ns;              /* time it took */
};

struct days_writer; /* opaque, heap */

enum status days_writer_open(struct store *days, const struct days_limits *limits,
                             struct days_writer **out) MUST_CHECK;
void days_writer_close(struct days_writer **w); /* lets the current job finish; NULL-safe */

/* One job at a time: the next one only after the last was taken back. Borrowed until then. */
void days_writer_put(struct days_writer *w, struct days_job *job);
struct days_job *days_writer_take(struct days_writer *w); /* NULL: not done yet */
int days_writer_fd(const struct days_writer *w);          /* readable when one is done */

#endif
