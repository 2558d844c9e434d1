/* The life of a generation: new, fold, advance, reset. What a batch means is in the aggregators'
 * own files; the registry below is the order in which they see it. */
#include "aggregators/generation.h"

#include "aggregators/block.h"
#include "aggregators/pending.h"
#include "aggregators/signals.h"
#include "engine/base/check.h"

#include <stdlib.h>
#include <string.h>

static void (*const folds[])(struct generation *, const struct fold *) = {
    sheet_fold,
    signals_fold,
    reference_fold,
};

void array_grow(void **p, size_t *bytes)
{
    const size_t to = *bytes ? *bytes * 2 : ARRAY_BYTES;
    *p = *bytes ? block_grow(*p, *bytes, to) : block_new(to);
    *bytes = to;
}

#define INDEXES_N 7

static struct index *index_of(struct generation *g, unsigned i)
{
    struct index *const all[INDEXES_N] = {&g->tally_index, &g->row_index,       &g->cell_index,
                                          &g->mark_index,  &g->reference_index, &g->name_index,
                                          &g->late_index};
    return all[i];
}

struct generation *generation_new(uint64_t begin)
{
    struct generation *g = calloc(1, sizeof *g);
    CHECK(g);
    for (unsigned i = 0; i < INDEXES_N; i++)
        index_init(index_of(g, i), 1024);
    g->text = buf_of(SIZE_MAX / 2);
    g->packed = buf_of(SIZE_MAX / 2);
    g->signals = signals_new(begin);
    g->begin = g->end = begin;
    return g;
}

void generation_free(struct generation **gp)
{
    struct generation *g = *gp;
    if (!g)
        return;
    for (unsigned i = 0; i < INDEXES_N; i++)
        index_fini(index_of(g, i));
    ARRAY_FINI(g->tally);
    ARRAY_FINI(g->row);
    ARRAY_FINI(g->cell);
    ARRAY_FINI(g->mark);
    ARRAY_FINI(g->reference);
    ARRAY_FINI(g->type_name);
    ARRAY_FINI(g->late);
    buf_fini(&g->text);
    buf_fini(&g->packed);
    signals_free(&g->signals);
    free(g);
    *gp = NULL;
}

void generation_reset(struct generation *g, uint64_t begin)
{
    for (unsigned i = 0; i < INDEXES_N; i++)
        index_clear(index_of(g, i));
    ARRAY_RESET(g->tally);
    ARRAY_RESET(g->row);
    ARRAY_RESET(g->cell);
    ARRAY_RESET(g->mark);
    ARRAY_RESET(g->reference);
    ARRAY_RESET(g->type_name);
    ARRAY_RESET(g->late);
    buf_reset_lean(&g->text);
    buf_reset_lean(&g->packed);
    if (g->signals)
        signals_reset(g->signals, begin);
    g->begin = g->end = begin;
    g->received_ms_max = 0;
}

void generation_begin_at(struct generation *g, uint64_t begin)
{
    CHECK(g->begin == g->end && !g->signals);
    g->begin = g->end = begin;
}

void generation_fold(struct generation *g, const struct fold *f)
{
    CHECK(f->position >= g->end);
    for (size_t i = 0; i < N_OF(folds); i++)
        folds[i](g, f);
    if (f->received_ms > g->received_ms_max)
        g->received_ms_max = f->received_ms;
    generation_advance(g, f->position + f->n);
}

void generation_advance(struct generation *g, uint64_t end)
{
    CHECK(end >= g->end);
    g->end = end;
    if (g->signals)
        g->signals->end = end;
}

struct signals *generation_take_signals(struct generation *g)
{
    struct signals *s = g->signals;
    g->signals = NULL;
    return s;
}

void generation_give_signals(struct generation *g, struct signals *s)
{
    CHECK(!g->signals && signals_end(s) == g->end);
    g->signals = s;
}

uint64_t generation_begin(const struct generation *g)
{
    return g->begin;
}

uint64_t generation_end(const struct generation *g)
{
    return g->end;
}

size_t generation_bytes(const struct generation *g)
{
    const size_t slot = INDEX_ENTRY_BYTES;
    return g->tally.n * (sizeof *g->tally.p + slot) + g->row.n * (sizeof *g->row.p + slot) +
           g->cell.n * (sizeof *g->cell.p + slot) + g->mark.n * (sizeof *g->mark.p + slot) +
           g->reference.n * (sizeof *g->reference.p + slot) +
           g->type_name.n * (sizeof *g->type_name.p + slot) +
           g->late.n * (sizeof *g->late.p + slot) + g->text.n + g->packed.n;
}

const struct tally *pending_tally(const struct generation *g, uint64_t account, int32_t day)
{
    const uint64_t h = tally_hash(account, day);
    uint32_t at;
    for (uint32_t i = index_first(&g->tally_index, h, &at); at != INDEX_NONE;
         i = index_next(&g->tally_index, h, i, &at))
        if (g->tally.p[at].account == account && g->tally.p[at].day == day)
            return &g->tally.p[at];
    return NULL;
}

size_t pending_text_add(struct generation *g, struct str s)
{
    const size_t at = g->text.n;
    buf_put(&g->text, s.p, s.n);
    CHECK(!g->text.bad);
    return at;
}
