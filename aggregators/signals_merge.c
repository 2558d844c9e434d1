/* The merge of frozen signals: account by account, its entries into the activity log, then into
 * its connections and scopes.
 *
 * Entries of the log must be merged once, so how far it has come is noted with every commit; the
 * rest may be merged twice without a difference. */
#include "aggregators/activity.h"
#include "aggregators/connection.h"
#include "aggregators/merge.h"
#include "aggregators/signals.h"
#include "engine/base/check.h"
#include "engine/base/crash_point.h"

#include <stdlib.h>

void signals_at_get(struct txn *t, struct signals_at *out)
{
    const uint8_t k = META_SIGNALS_MERGE;
    struct span val;
    *out = (struct signals_at){0};
    if (!txn_get(t, DAYS_META, &k, 1, &val))
        return;
    struct reader r = reader_of(val.p, val.n);
    out->end = read_varint(&r);
    out->account = read_varint(&r);
    out->logged = read_u8(&r) != 0;
    if (r.bad || !out->end)
        txn_fail(t, ST_CORRUPT);
}

/* Note how far the merge has come, and what it dropped since the last note. */
static void note(struct merge *m, uint64_t account, bool logged)
{
    const uint8_t k = META_SIGNALS_MERGE;
    uint8_t val[24], *p = put_varint(put_varint(val, m->signals->end), account);
    *p++ = logged;
    txn_put(&m->txn, DAYS_META, &k, 1, val, (size_t)(p - val));
    merge_note_dropped(m);
}

void signals_part(struct merge *m, uint64_t account, bool logged)
{
    note(m, account, logged);
    merge_part_commit(m);
}

static int by_connection(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->app != y->app)
        return x->app < y->app ? -1 : 1;
    if (x->user1 != y->user1)
        return x->user1 < y->user1 ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* The entries of an account, the newest arrival first. */
static void gather(struct merge *m, const struct signal_account *a, struct entries *to)
{
    const struct signals *s = m->signals;
    to->n = 0;
    for (uint32_t at = a->last; at != NONE; at = s->signal.p[at].next)
        *entries_more(to) = entry_of_signal(s, &s->signal.p[at]);
}

static void merge_account(struct activity_writer *w, const struct signal_account *a,
                          struct entries *all)
{
    struct merge *m = w->m;
    const uint64_t account = a->account;
    gather(m, a, all);
    if (m->signals_at.end == 0 || account != m->signals_at.account || !m->signals_at.logged) {
        entries_sort(all);
        activity_merge(w, account, all);
        if (merge_is_due(m))
            signals_part(m, account, true);
    }
    qsort(all->p, all->n, sizeof *all->p, by_connection);
    connection_merge(m, account, all);
    scope_merge(m, account, all);
}

/* Accounts ascending; s->next is the first one that `at` has not passed. */
static void order_accounts(struct signals_merge *s, const struct signals_at *at)
{
    const size_t n = s->of->account.n;
    struct sort_item *items = merge_alloc(2 * n * sizeof *items);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct sort_item){s->of->account.p[i].account, 0, (uint32_t)i};
    sort_items(items, items + n, n);
    s->order = merge_alloc(n * sizeof *s->order);
    s->next = 0;
    for (size_t i = 0; i < n; i++) {
        s->order[i] = items[i].at;
        s->next += at->end && items[i].lo < at->account;
    }
    free(items);
}

void signals_merge_fini(struct signals_merge *s)
{
    free(s->order);
    *s = (struct signals_merge){0};
}

/* The next accounts; how many signals they had counts in m->stats. */
static void merge_accounts(struct merge *m, struct signals_merge *s, uint32_t max)
{
    const size_t unbounded = SIZE_MAX / 2;
    struct activity_writer w = {.m = m, .copy = buf_of(unbounded), .value = buf_of(unbounded)};
    struct entries all = {0};
    while (s->next < s->of->account.n && m->stats->signals < max && m->txn.status == ST_OK) {
        const struct signal_account *a = &s->of->account.p[s->order[s->next]];
        if (merge_is_due(m))
            signals_part(m, a->account, false);
        merge_account(&w, a, &all);
        m->stats->signals += a->n;
        s->next++;
    }
    buf_fini(&w.copy);
    buf_fini(&w.value);
    free(w.run.p);
    free(w.all.p);
    free(all.p);
}

static void begin(struct merge *m)
{
    txn_begin(m->store, true, &m->txn);
    signals_at_get(&m->txn, &m->signals_at);
    if (m->txn.status == ST_OK && (meta_get(&m->txn, META_SIGNALS, 0) != m->signals->begin ||
                                   meta_get(&m->txn, META_POSITION, 0) < m->signals->end ||
                                   (m->signals_at.end && m->signals_at.end != m->signals->end)))
        txn_fail(&m->txn, ST_INTERNAL);
    m->purge_day = (int32_t)meta_get(&m->txn, META_PURGE_DAY, 0);
}

static void finish(struct merge *m)
{
    const uint8_t k = META_SIGNALS_MERGE;
    waiting_drop(m, m->signals->end);
    (void)txn_del(&m->txn, DAYS_META, &k, 1);
    meta_put(&m->txn, META_SIGNALS, m->signals->end);
    merge_note_dropped(m);
}

enum status days_merge_signals(struct store *days, struct signals_merge *s,
                               const struct days_limits *limits, uint32_t max,
                               struct merge_stats *out)
{
    struct merge_stats stats = {0};
    struct merge m = {.store = days, .signals = s->of, .limits = limits, .stats = &stats};
    begin(&m);
    if (!s->order && m.txn.status == ST_OK)
        order_accounts(s, &m.signals_at);
    if (m.txn.status == ST_OK)
        merge_accounts(&m, s, max);
    stats.more = s->next < s->of->account.n;
    if (stats.more && m.txn.status == ST_OK)
        note(&m, s->of->account.p[s->order[s->next]].account, false);
    else if (m.txn.status == ST_OK)
        finish(&m);
    CRASH_POINT("signals_before_commit");
    const enum status st = txn_commit(&m.txn);
    CRASH_POINT("signals_after_commit");
    if (st) { /* what was committed last says where to go on */
        free(s->order);
        s->order = NULL;
    } else {
        *out = stats;
    }
    return st;
}
