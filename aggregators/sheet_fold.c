/* Counters: fold API calls and record events into tallies, rows and cells; and set aside what is
 * late, of any kind, for late.c.
 *
 * The one hot loop of the engine. Events are taken in blocks; each pass over a block does one hash
 * step and prefetches what the next pass needs, so that the cache misses of a block overlap. */
#include "aggregators/pending.h"
#include "aggregators/view.h"
#include "engine/base/check.h"

#define BLOCK          64
#define MS_PER_QUARTER (MS_PER_DAY / QUARTERS_PER_DAY)

/* Days of which quarter hours are kept: the day received and the two before it, so that today and
 * yesterday of any time zone can be answered. */
#define QUARTER_DAYS 3

/* One data event between two passes. */
struct lane {
    const struct event *e;
    uint64_t hash;
    uint64_t slot;
    int32_t day;
    uint32_t at; /* place of the tally, then of the row */
};

static uint32_t tally_find_or_add(struct generation *g, const struct lane *l)
{
    uint32_t at;
    for (uint32_t i = index_first(&g->tally_index, l->hash, &at); at != INDEX_NONE;
         i = index_next(&g->tally_index, l->hash, i, &at))
        if (g->tally.p[at].account == l->e->account && g->tally.p[at].day == l->day)
            return at;
    at = ARRAY_MORE(g->tally);
    g->tally.p[at] = (struct tally){l->e->account, l->day, NONE, 0, 0};
    index_add(&g->tally_index, l->hash, at);
    return at;
}

static uint32_t row_find_or_add(struct generation *g, const struct lane *l)
{
    uint32_t at;
    for (uint32_t i = index_first(&g->row_index, l->hash, &at); at != INDEX_NONE;
         i = index_next(&g->row_index, l->hash, i, &at))
        if (g->row.p[at].app == l->e->app && g->row.p[at].tally == l->at)
            return at;
    at = ARRAY_MORE(g->row);
    g->row.p[at] = (struct row){.app = l->e->app,
                                .tally = l->at,
                                .next = g->tally.p[l->at].first_row,
                                .first_cell = NONE,
                                .first_mark = MARK_NONE};
    g->tally.p[l->at].first_row = at;
    index_add(&g->row_index, l->hash, at);
    return at;
}

static void cell_add(struct generation *g, uint32_t row, uint64_t slot, uint64_t hash,
                     uint64_t count)
{
    uint32_t at;
    for (uint32_t i = index_first(&g->cell_index, hash, &at); at != INDEX_NONE;
         i = index_next(&g->cell_index, hash, i, &at))
        if (g->cell.p[at].slot == slot && g->cell.p[at].row == row) {
            g->cell.p[at].count += count;
            return;
        }
    at = ARRAY_MORE(g->cell);
    g->cell.p[at] = (struct pending_cell){slot, count, row, g->row.p[row].first_cell};
    g->row.p[row].first_cell = at;
    index_add(&g->cell_index, hash, at);
}

/* Where the likely entry of a hash lies: a hint, may be wrong. */
static uint32_t index_hint(const struct index *x, uint64_t hash)
{
    return x->slots[(uint32_t)hash & x->mask].at1 - 1;
}

static bool is_record(const struct event *e)
{
    return e->kind >= EV_RECORD_CREATED && e->kind <= EV_RECORD_ASSOCIATED;
}

/* The first cell of an event; errors and identities add more. */
static uint64_t event_slot(const struct event *e, int32_t day, int32_t received_day)
{
    if (is_record(e))
        return SLOT_RECORD + e->object_type * 8 + (e->kind - EV_RECORD_CREATED);
    const int64_t ms = e->time_ms - day * MS_PER_DAY;
    const uint64_t quarter =
        day > received_day - QUARTER_DAYS ? (uint64_t)(ms / MS_PER_QUARTER) : QUARTERS_PER_DAY;
    return quarter * 4 + API_CALLS;
}

static void extra_cells(struct generation *g, const struct lane *l)
{
    const struct event *e = l->e;
    if (e->kind == EV_API_CALL) {
        if (e->status >= 400)
            cell_add(g, l->at, l->slot + API_ERRORS, cell_hash(l->at, l->slot + API_ERRORS),
                     e->count);
        if (e->status == 429)
            cell_add(g, l->at, l->slot + API_LIMITED, cell_hash(l->at, l->slot + API_LIMITED),
                     e->count);
        return;
    }
    if (e->record_hash) {
        const unsigned action = e->kind - EV_RECORD_CREATED;
        const uint64_t slot = SLOT_WITH_RECORD + action;
        cell_add(g, l->at, slot, cell_hash(l->at, slot), e->count);
        distinct_fold_one(g, l->at, e, action);
    }
}

static void touch(struct row *r, const struct lane *l)
{
    const enum direction way = event_activity(l->e);
    const uint32_t ms1 = (uint32_t)(l->e->time_ms - l->day * MS_PER_DAY) + 1;
    if (way == DIRECTION_SENT && ms1 > r->sent_ms1)
        r->sent_ms1 = ms1;
    if (way == DIRECTION_RECEIVED && ms1 > r->received_ms1)
        r->received_ms1 = ms1;
}

/* A hint may point nowhere (a new key, an empty array): the address is worked out as a number, for
 * a pointer may not leave its array. */
static inline void prefetch_hint(const void *array, uint32_t at, size_t size)
{
    __builtin_prefetch((const void *)((uintptr_t)array + at * size));
}
#define PREFETCH_HINT(a, index, hash)                                                              \
    prefetch_hint((a).p, index_hint(&(index), hash), sizeof *(a).p)

static void fold_block(struct generation *g, struct lane *lanes, uint32_t n, int32_t received_day)
{
    for (uint32_t i = 0; i < n; i++)
        PREFETCH_HINT(g->tally, g->tally_index, lanes[i].hash);
    for (uint32_t i = 0; i < n; i++) {
        struct lane *l = &lanes[i];
        l->at = tally_find_or_add(g, l);
        struct tally *t = &g->tally.p[l->at];
        if (is_record(l->e))
            t->record_total += l->e->count;
        else
            t->call_total += l->e->count;
        l->hash = row_hash(l->at, l->e->app);
        index_prefetch(&g->row_index, l->hash);
    }
    for (uint32_t i = 0; i < n; i++)
        PREFETCH_HINT(g->row, g->row_index, lanes[i].hash);
    for (uint32_t i = 0; i < n; i++) {
        struct lane *l = &lanes[i];
        l->at = row_find_or_add(g, l);
        touch(&g->row.p[l->at], l);
        l->slot = event_slot(l->e, l->day, received_day);
        l->hash = cell_hash(l->at, l->slot);
        index_prefetch(&g->cell_index, l->hash);
    }
    for (uint32_t i = 0; i < n; i++)
        PREFETCH_HINT(g->cell, g->cell_index, lanes[i].hash);
    for (uint32_t i = 0; i < n; i++) {
        const struct lane *l = &lanes[i];
        cell_add(g, l->at, l->slot, l->hash, l->e->count);
        if (l->e->status >= 400 || l->e->record_hash)
            extra_cells(g, l);
    }
}

void sheet_fold(struct generation *g, const struct fold *f)
{
    const int32_t received_day = day_of_ms(f->received_ms);
    const int64_t today_ms = received_day * MS_PER_DAY;
    const struct event *late[BLOCK];
    struct lane lanes[BLOCK];
    uint32_t n = 0, late_n = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct event *e = &f->ev[i];
        if (f->verdict[i])
            continue;
        late[late_n] = e; /* without a branch: one event in ten, say, is hard to predict */
        late_n += e->time_ms < today_ms;
        if (late_n == BLOCK) {
            late_fold(g, late, late_n, received_day);
            late_n = 0;
        }
        if (e->kind != EV_API_CALL && !is_record(e))
            continue;
        struct lane *l = &lanes[n++];
        l->e = e;
        l->day = day_of_ms(e->time_ms);
        l->hash = tally_hash(e->account, l->day);
        index_prefetch(&g->tally_index, l->hash);
        if (n == BLOCK) {
            fold_block(g, lanes, n, received_day);
            n = 0;
        }
    }
    fold_block(g, lanes, n, received_day);
    late_fold(g, late, late_n, received_day);
}
