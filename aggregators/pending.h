/* Inside a generation: what each aggregator keeps pending. Private to this folder.
 *
 *   tally (account, day) ──▶ rows (app) ──▶ cells (slot)      sheet.c: counters
 *                                     └───▶ marks (action, record hash)   distinct.c
 *   signals: account ──▶ signals                              signals.c
 *   references, names                                         reference.c
 *   late: (account, day received) ──▶ events                  late.c
 *
 * All are dense arrays linked by 32-bit places, so that a generation is a few large blocks: cheap
 * to grow, to walk in any order, and to throw away whole. */
#ifndef AGGREGATORS_PENDING_H
#define AGGREGATORS_PENDING_H

#include "aggregators/block.h"
#include "aggregators/generation.h"
#include "aggregators/index.h"
#include "engine/base/bytes.h"

#define NONE UINT32_MAX /* end of a chain */

struct tally {
    uint64_t account;
    int32_t day;
    uint32_t first_row;
    uint64_t record_total; /* units of accepted record events */
    uint64_t call_total;   /* units of accepted API calls */
};

struct row {
    uint64_t app;
    uint32_t tally;
    uint32_t next; /* row of the same tally */
    uint32_t first_cell;
    uint32_t first_mark;
    uint32_t sent_ms1;     /* last activity: ms within the day + 1; 0: none */
    uint32_t received_ms1; /* likewise */
};

struct pending_cell {
    uint64_t slot;
    uint64_t count;
    uint32_t row;
    uint32_t next; /* cell of the same row */
};

/* One record identity that an app touched with an action on a day. */
struct mark {
    uint64_t record_hash;
    uint32_t row;
    uint32_t next : 29; /* mark of the same row; MARK_NONE ends */
    uint32_t action : 3;
};
#define MARK_NONE ((1u << 29) - 1)

/* A lifecycle, sync, permission or action event. */
struct signal {
    uint64_t position;
    int64_t time_ms;
    int64_t received_ms;
    uint64_t account;
    uint64_t app;
    uint64_t user;
    size_t detail;     /* offset in signals.text of its packed strings */
    uint32_t detail_n; /* bytes */
    uint32_t next;     /* signal of the same account, older in arrival */
    uint8_t kind;
    bool has_user;
};

struct signal_account {
    uint64_t account;
    uint32_t last; /* newest signal in arrival order */
    uint32_t n;
};

/* The newest version of one entry of reference data. */
struct reference {
    uint64_t account;
    int64_t time_ms;
    uint64_t position;
    size_t key, fields;       /* offsets in generation.text */
    uint32_t key_n, fields_n; /* bytes */
    uint8_t kind;             /* of the upsert */
    bool removed;
};

struct type_name {
    object_type_id id;
    size_t text; /* offset in generation.text */
    uint32_t text_n;
};

/* Events that came after their day was over. */
struct late {
    uint64_t account;
    int32_t day; /* received */
    uint32_t n;
};

/* A dense array: p[0..n), in a block that first reserves ARRAY_BYTES of address space. */
#define ARRAY_BYTES ((size_t)256 << 20)
#define ARRAY(type)                                                                                \
    struct {                                                                                       \
        type *p;                                                                                   \
        uint32_t n;                                                                                \
        size_t bytes;                                                                              \
    }

struct generation {
    uint64_t begin, end;     /* log positions [begin, end) */
    int64_t received_ms_max; /* newest receive time folded */
    ARRAY(struct tally) tally;
    ARRAY(struct row) row;
    ARRAY(struct pending_cell) cell;
    ARRAY(struct mark) mark;
    ARRAY(struct reference) reference;
    ARRAY(struct type_name) type_name;
    ARRAY(struct late) late;
    struct index tally_index, row_index, cell_index, mark_index, reference_index, name_index;
    struct index late_index;
    struct buf text;         /* strings of references and names */
    struct buf packed;       /* its signals, as the table keeps them (signals.c) */
    struct signals *signals; /* owned; NULL: they were taken on by the next generation */
};

/* Signals that wait to be merged; see signals.h. */
struct signals {
    uint64_t begin, end; /* log positions [begin, end) */
    ARRAY(struct signal) signal;
    ARRAY(struct signal_account) account;
    struct index index;          /* of the accounts */
    struct buf text;             /* packed strings */
    const struct signals *older; /* borrowed; being merged, or NULL */
};

void array_grow(void **p, size_t *bytes);

/* Make room for one more element; its place. May move p; what it held before is not cleared. */
#define ARRAY_MORE(a)                                                                              \
    ((((size_t)(a).n + 1) * sizeof *(a).p > (a).bytes ? array_grow((void **)&(a).p, &(a).bytes)    \
                                                      : (void)0),                                  \
     (a).n++)
#define ARRAY_FINI(a) block_free((a).p, (a).bytes)

/* Empty it. It keeps the memory that was in use and no more: two generations that take turns then
 * never hold more than both have used at once. */
#define ARRAY_RESET(a)                                                                             \
    (block_trim((a).p, (a).bytes, (size_t)(a).n * sizeof *(a).p), (void)((a).n = 0))

static inline uint64_t tally_hash(uint64_t account, int32_t day)
{
    return hash_mix(account * UINT64_C(0x9e3779b97f4a7c15) + (uint32_t)day);
}

static inline uint64_t row_hash(uint32_t tally, uint64_t app)
{
    return hash_mix(app * UINT64_C(0x9e3779b97f4a7c15) + tally);
}

static inline uint64_t cell_hash(uint32_t row, uint64_t slot)
{
    return hash_mix(slot * UINT64_C(0x9e3779b97f4a7c15) + row);
}

/* Find without adding; NULL: absent. */
const struct tally *pending_tally(const struct generation *g, uint64_t account, int32_t day);
const struct signal_account *pending_signals(const struct signals *s, uint64_t account);

struct view;

/* The same of generation i, or of signals i, of a view, without what a merge under way has put in
 * the tables already. */
const struct tally *view_tally(const struct view *v, unsigned i, uint64_t account, int32_t day);
const struct signal_account *view_signals(const struct view *v, unsigned i, uint64_t account);

/* Text of a generation. */
static inline struct str pending_text(const struct generation *g, size_t at, uint32_t n)
{
    return (struct str){g->text.p ? (const char *)g->text.p + at : NULL, n};
}
size_t pending_text_add(struct generation *g, struct str s);

/* The fold functions of the aggregators, in the order of the registry (generation.c). */
void sheet_fold(struct generation *g, const struct fold *f);
void distinct_fold_one(struct generation *g, uint32_t row, const struct event *e, unsigned action);
void late_fold(struct generation *g, const struct event *const *ev, uint32_t n, int32_t day);
void signals_fold(struct generation *g, const struct fold *f);
void reference_fold(struct generation *g, const struct fold *f);

#endif
