/* The days environment from the writer's side: format, position, and the merge that drives the
 * aggregators in key order. */
#include "aggregators/days.h"

#include "aggregators/merge.h"
#include "engine/base/check.h"
#include "engine/base/crash_point.h"

#include <stdlib.h>

/* The order of enum merge_stage: sheets, then what may be merged twice. */
static void (*const merges[])(struct merge *) = {
    sheet_merge, distinct_merge, reference_merge, late_merge, waiting_put,
};

void *merge_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    CHECK(p);
    return p;
}

void *merge_more(void *p, uint32_t need, uint32_t *cap, size_t size)
{
    if (need <= *cap)
        return p;
    *cap = need + need / 2 + 64;
    void *q = realloc(p, *cap * size);
    CHECK(q);
    return q;
}

void sort_items(struct sort_item *items, struct sort_item *tmp, size_t n)
{
    uint64_t lo_or = 0, lo_and = UINT64_MAX;
    uint32_t hi_or = 0, hi_and = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        lo_or |= items[i].lo;
        lo_and &= items[i].lo;
        hi_or |= items[i].hi;
        hi_and &= items[i].hi;
    }
    struct sort_item *from = items, *to = tmp;
    for (unsigned byte = 0; byte < 12; byte++) {
        const unsigned shift = 8 * (byte < 8 ? byte : byte - 8);
        const uint64_t differs = byte < 8 ? lo_or ^ lo_and : hi_or ^ hi_and;
        if (((differs >> shift) & 0xff) == 0)
            continue;
        size_t at[257] = {0};
        for (size_t i = 0; i < n; i++)
            at[1 + (((byte < 8 ? from[i].lo : from[i].hi) >> shift) & 0xff)]++;
        for (unsigned i = 0; i < 256; i++)
            at[i + 1] += at[i];
        for (size_t i = 0; i < n; i++)
            to[at[((byte < 8 ? from[i].lo : from[i].hi) >> shift) & 0xff]++] = from[i];
        struct sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, n * sizeof *items);
}

uint64_t meta_get(struct txn *t, enum days_meta key, uint64_t absent)
{
    const uint8_t k = (uint8_t)key;
    struct span val;
    if (!txn_get(t, DAYS_META, &k, 1, &val))
        return absent;
    struct reader r = reader_of(val.p, val.n);
    const uint64_t v = read_varint(&r);
    if (r.bad || reader_left(&r))
        txn_fail(t, ST_CORRUPT);
    return v;
}

void meta_put(struct txn *t, enum days_meta key, uint64_t value)
{
    const uint8_t k = (uint8_t)key;
    uint8_t v[10];
    txn_put(t, DAYS_META, &k, 1, v, (size_t)(put_varint(v, value) - v));
}

enum status days_prepare(struct store *days, uint64_t *position, char why[static 256])
{
    struct txn t;
    txn_begin(days, true, &t);
    const uint64_t format = meta_get(&t, META_FORMAT, 0);
    if (t.status == ST_OK && format != 0 && format != DAYS_FORMAT) {
        txn_abort(&t);
        text_fmt(why, 256,
                 "the day tables have format %llu and this version knows format %u only; they are "
                 "left untouched",
                 (unsigned long long)format, DAYS_FORMAT);
        return ST_OTHER_FORMAT;
    }
    const uint64_t at = meta_get(&t, META_POSITION, 0);
    if (format == 0) {
        meta_put(&t, META_POSITION, 0);
        meta_put(&t, META_FORMAT, DAYS_FORMAT);
    }
    const enum status st = txn_commit(&t);
    if (st) {
        text_fmt(why, 256, "cannot prepare the day tables: %s", status_row(st)->text);
        return st;
    }
    *position = at;
    return ST_OK;
}

/* Tallies by (day, account): the key order of the sheets. */
static uint32_t *tally_order(const struct generation *g)
{
    const size_t n = g->tally.n;
    struct sort_item *items = merge_alloc(2 * n * sizeof *items);
    for (size_t i = 0; i < n; i++)
        items[i] =
            (struct sort_item){g->tally.p[i].account, (uint32_t)g->tally.p[i].day, (uint32_t)i};
    sort_items(items, items + n, n);
    uint32_t *order = merge_alloc(n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = items[i].at;
    free(items);
    return order;
}

void merge_at_get(struct txn *t, struct merge_at *out)
{
    const uint8_t k = META_MERGE;
    struct span val;
    *out = (struct merge_at){0};
    if (!txn_get(t, DAYS_META, &k, 1, &val))
        return;
    struct reader r = reader_of(val.p, val.n);
    out->end = read_varint(&r);
    out->stage = (enum merge_stage)read_varint(&r);
    out->day = (int32_t)read_varint(&r);
    out->account = read_varint(&r);
    if (r.bad || out->stage > MERGE_REST)
        txn_fail(t, ST_CORRUPT);
}

void merge_note_dropped(struct merge *m)
{
    const uint64_t fresh = m->stats->rows_dropped - m->dropped_noted;
    if (fresh)
        meta_put(&m->txn, META_DROPPED, meta_get(&m->txn, META_DROPPED, 0) + fresh);
    m->dropped_noted = m->stats->rows_dropped;
}

void merge_part_commit(struct merge *m)
{
    CRASH_POINT("merge_before_part");
    const enum status st = txn_commit(&m->txn);
    CRASH_POINT("merge_between_parts");
    if (st) {
        m->txn.status = st; /* ended, and it says why */
        return;
    }
    m->dirty_bytes = 0;
    m->stats->parts++;
    txn_begin(m->store, true, &m->txn);
}

void merge_part(struct merge *m, enum merge_stage stage, int32_t day, uint64_t account)
{
    const uint8_t k = META_MERGE;
    uint8_t val[40], *p = val;
    p = put_varint(p, m->g->end);
    p = put_varint(p, stage);
    p = put_varint(p, (uint64_t)day);
    p = put_varint(p, account);
    txn_put(&m->txn, DAYS_META, &k, 1, val, (size_t)(p - val));
    merge_note_dropped(m);
    merge_part_commit(m);
}

enum status days_merge_end(struct store *days, uint64_t *end)
{
    struct txn t;
    struct merge_at at;
    txn_begin(days, false, &t);
    merge_at_get(&t, &at);
    const enum status st = t.status;
    txn_abort(&t);
    if (st == ST_OK)
        *end = at.end;
    return st;
}

static void merge_begin(struct merge *m)
{
    txn_begin(m->store, true, &m->txn);
    merge_at_get(&m->txn, &m->at);
    if (m->txn.status == ST_OK && (meta_get(&m->txn, META_POSITION, 0) != m->g->begin ||
                                   (m->at.end && m->at.end != m->g->end)))
        txn_fail(&m->txn, ST_INTERNAL);
    m->purge_day = (int32_t)meta_get(&m->txn, META_PURGE_DAY, 0);
    m->open_day = day_of_ms(m->g->received_ms_max) - 2;
}

static void merge_finish(struct merge *m)
{
    const uint8_t k = META_MERGE;
    (void)txn_del(&m->txn, DAYS_META, &k, 1);
    meta_put(&m->txn, META_POSITION, m->g->end);
    merge_note_dropped(m);
}

enum status days_merge(struct store *days, const struct generation *g,
                       const struct days_limits *limits, struct merge_stats *out)
{
    struct merge_stats stats = {0};
    struct merge m = {
        .store = days, .g = g, .limits = limits, .stats = &stats, .order = tally_order(g)};
    merge_begin(&m);
    for (size_t i = 0; i < N_OF(merges) && m.txn.status == ST_OK; i++)
        merges[i](&m);
    if (m.txn.status == ST_OK)
        merge_finish(&m);
    CRASH_POINT("merge_before_last_commit");
    const enum status st = txn_commit(&m.txn);
    CRASH_POINT("merge_before_trim");
    free(m.order);
    if (st == ST_OK)
        *out = stats;
    return st;
}
