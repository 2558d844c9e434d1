/* The activity log: fold signals into the generation, and merge them into blocks. Reading is in
 * activity_view.c. */
#include "aggregators/activity.h"
#include "aggregators/merge.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* ---- fold ---- */

static void detail_add(struct generation *g, enum detail_tag tag, struct str s)
{
    if (!s.p)
        return;
    buf_u8(&g->text, (uint8_t)tag);
    buf_str(&g->text, s);
}

static void detail_of(struct generation *g, const struct event_more *more)
{
    if (!more)
        return;
    detail_add(g, DETAIL_REASON, more->reason);
    detail_add(g, DETAIL_CODE, more->code);
    detail_add(g, DETAIL_SETTING, more->setting);
    detail_add(g, DETAIL_FROM, more->from);
    detail_add(g, DETAIL_TO, more->to);
    detail_add(g, DETAIL_FEATURE, more->feature);
    for (uint32_t i = 0; i < more->list_n; i++)
        detail_add(g, DETAIL_SCOPE, more->list[i]);
    if (more->by1) {
        char text[24];
        const size_t n = text_fmt(text, sizeof(text), "%llu", (unsigned long long)(more->by1 - 1));
        detail_add(g, DETAIL_BY, (struct str){text, n});
    }
    CHECK(!g->text.bad);
}

static struct signal_account *account_find_or_add(struct generation *g, uint64_t account)
{
    const struct signal_account *found = pending_signals(g, account);
    if (found)
        return &g->signal_account.p[found - g->signal_account.p];
    const uint32_t at = ARRAY_MORE(g->signal_account);
    g->signal_account.p[at] = (struct signal_account){account, NONE, 0};
    index_add(&g->signal_index, hash_mix(account), at);
    return &g->signal_account.p[at];
}

void activity_fold(struct generation *g, const struct fold *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct event *e = &f->ev[i];
        if (f->verdict[i] || !event_is_activity(e->kind))
            continue;
        struct signal_account *a = account_find_or_add(g, e->account);
        const size_t detail = g->text.n;
        detail_of(g, e->more);
        const uint32_t at = ARRAY_MORE(g->signal);
        g->signal.p[at] = (struct signal){.position = f->position + i,
                                          .time_ms = e->time_ms,
                                          .received_ms = f->received_ms,
                                          .account = e->account,
                                          .app = e->app,
                                          .user = e->user,
                                          .detail = detail,
                                          .detail_n = (uint32_t)(g->text.n - detail),
                                          .next = a->last,
                                          .kind = (uint8_t)e->kind,
                                          .has_user = e->has_user};
        a->last = at;
        a->n++;
    }
}

/* ---- merge ---- */

struct writer {
    struct merge *m;
    struct cur cur;
    struct entries run; /* new entries of one account, ascending */
    struct entries all; /* a stored block joined with its share of run */
    struct buf copy;    /* of the stored block: writing ends the borrowed value */
    struct buf value;
};

static void put_blocks(struct writer *w, uint64_t account)
{
    for (uint32_t at = 0; at < w->all.n;) {
        uint8_t key[ACTIVITY_KEY_MAX];
        const struct entry *first = &w->all.p[at];
        const size_t key_n = activity_key(key, account, first->time_ms, first->position);
        block_write(w->all.p, w->all.n, &at, &w->value);
        cur_put(&w->cur, key, key_n, w->value.p, w->value.n);
        w->m->stats->bytes += w->value.n;
        w->m->dirty_bytes += MERGE_STRAY_BYTES;
    }
}

static int by_time(const void *a, const void *b)
{
    return entry_before(a, b) ? -1 : entry_before(b, a);
}

/* Load the entries of an opened block into `all`, by way of a copy: writing ends the borrowed
 * value. */
static void load_entries(struct writer *w, const struct block_head *head, const struct reader *r)
{
    buf_reset(&w->copy);
    buf_put(&w->copy, r->p, reader_left(r));
    CHECK(!w->copy.bad);
    struct reader copy = reader_of(w->copy.p, w->copy.n);
    if (block_read(head, &copy, &w->all))
        txn_fail(&w->m->txn, ST_CORRUPT);
}

/* Load the block where e belongs into `all` (or nothing); *bound: first entry of the block behind.
 */
static void load_home(struct writer *w, uint64_t account, const struct entry *e,
                      struct entry *bound)
{
    uint8_t key[ACTIVITY_KEY_MAX];
    const size_t key_n = activity_key(key, account, e->time_ms, e->position);
    struct block_head head;
    struct reader r;
    bool behind;
    w->all.n = 0;
    *bound = (struct entry){.time_ms = INT64_MAX, .position = UINT64_MAX};
    if (cur_seek_before(&w->cur, key, key_n)) {
        if (block_open(w->cur.key, w->cur.val, true, &head, &r)) {
            txn_fail(&w->m->txn, ST_CORRUPT);
            return;
        }
        if (head.account == account)
            load_entries(w, &head, &r);
        behind = cur_next(&w->cur);
    } else {
        behind = cur_first(&w->cur);
    }
    if (behind && block_open(w->cur.key, w->cur.val, false, &head, &r) == ST_OK &&
        head.account == account)
        *bound = (struct entry){.time_ms = head.first_ms, .position = head.first_position};
}

/* Delete the oldest rows of the account beyond the limit. */
static void trim(struct writer *w, uint64_t account, uint64_t *kept, uint64_t *trimmed)
{
    const uint64_t max = w->m->limits->activity_rows_max;
    uint8_t prefix[ACTIVITY_KEY_MAX];
    const size_t prefix_n = activity_prefix(prefix, account);
    while (*kept > max && cur_seek(&w->cur, prefix, prefix_n) &&
           cur_has_prefix(&w->cur, prefix, prefix_n)) {
        struct block_head head;
        struct reader r;
        if (block_open(w->cur.key, w->cur.val, true, &head, &r)) {
            txn_fail(&w->m->txn, ST_CORRUPT);
            return;
        }
        const uint64_t over = *kept - max < head.n ? *kept - max : head.n;
        w->all.n = 0;
        if (over < head.n) { /* the newer part of the block stays */
            load_entries(w, &head, &r);
            if (w->m->txn.status != ST_OK)
                return;
            w->all.n -= (uint32_t)over;
            memmove(w->all.p, w->all.p + over, w->all.n * sizeof *w->all.p);
        }
        cur_del(&w->cur);
        put_blocks(w, account);
        *kept -= over;
        *trimmed += over;
        w->m->stats->trimmed += over;
    }
}

static void merge_account(struct writer *w, uint64_t account)
{
    for (uint32_t i = 0; i < w->run.n && w->m->txn.status == ST_OK;) {
        struct entry bound;
        load_home(w, account, &w->run.p[i], &bound);
        const uint32_t stored_n = w->all.n;
        bool late = false;
        for (; i < w->run.n && entry_before(&w->run.p[i], &bound); i++) {
            late |= stored_n && entry_before(&w->run.p[i], &w->all.p[stored_n - 1]);
            *entries_more(&w->all) = w->run.p[i];
        }
        if (late)
            qsort(w->all.p, w->all.n, sizeof *w->all.p, by_time);
        put_blocks(w, account);
    }
    uint64_t kept, trimmed;
    activity_counts(&w->m->txn, account, &kept, &trimmed);
    kept += w->run.n;
    trim(w, account, &kept, &trimmed);
    activity_counts_put(&w->m->txn, account, kept, trimmed);
    w->m->stats->activities += w->run.n;
}

/* Signals in (account, time, position) order. They arrive in position order, and the sort is
 * stable. */
static struct sort_item *signal_order(const struct generation *g)
{
    const size_t n = g->signal.n;
    struct sort_item *items = merge_alloc(2 * n * sizeof *items);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct sort_item){(uint64_t)g->signal.p[i].time_ms, 0, (uint32_t)i};
    sort_items(items, items + n, n);
    for (size_t i = 0; i < n; i++)
        items[i].lo = g->signal.p[items[i].at].account;
    sort_items(items, items + n, n);
    return items;
}

void activity_merge(struct merge *m)
{
    const struct generation *g = m->g;
    if (g->signal.n == 0)
        return;
    struct sort_item *order = signal_order(g);
    const size_t max = SIZE_MAX / 2;
    struct writer w = {.m = m, .copy = buf_of(max), .value = buf_of(max)};
    cur_open(&m->txn, DAYS_ACTIVITY, &w.cur);
    for (uint32_t i = 0; i < g->signal.n && m->txn.status == ST_OK;) {
        const uint64_t account = g->signal.p[order[i].at].account;
        if (merge_is_past(&m->at, MERGE_ACTIVITY, 0, account)) {
            i++;
            continue;
        }
        if (merge_is_due(m)) {
            cur_close(&w.cur);
            merge_part(m, MERGE_ACTIVITY, 0, account);
            cur_open(&m->txn, DAYS_ACTIVITY, &w.cur);
        }
        w.run.n = 0;
        for (; i < g->signal.n && g->signal.p[order[i].at].account == account; i++) {
            const struct signal *s = &g->signal.p[order[i].at];
            if (day_of_ms(s->time_ms) < m->purge_day)
                m->stats->rows_dropped++;
            else
                *entries_more(&w.run) = entry_of_signal(g, s);
        }
        merge_account(&w, account);
    }
    cur_close(&w.cur);
    buf_fini(&w.copy);
    buf_fini(&w.value);
    free(w.run.p);
    free(w.all.p);
    free(order);
}
