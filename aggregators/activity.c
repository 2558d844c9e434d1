/* The activity log: the merge of an account's entries into its blocks. Reading is in
 * activity_view.c. */
#include "aggregators/activity.h"
#include "aggregators/merge.h"
#include "engine/base/check.h"

#include <stdlib.h>

static void put_blocks(struct activity_writer *w, uint64_t account)
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

/* Load the entries of an opened block into `all`, by way of a copy: writing ends the borrowed
 * value. */
static void load_entries(struct activity_writer *w, const struct block_head *head,
                         const struct reader *r)
{
    buf_reset(&w->copy);
    buf_put(&w->copy, r->p, reader_left(r));
    CHECK(!w->copy.bad);
    struct reader copy = reader_of(w->copy.p, w->copy.n);
    if (block_read(head, &copy, &w->all)) {
        txn_fail(&w->m->txn, ST_CORRUPT);
        w->all.n = 0;
    }
}

/* Load the block where e belongs into `all` (or nothing); *bound: first entry of the block behind.
 */
static void load_home(struct activity_writer *w, uint64_t account, const struct entry *e,
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
static void trim(struct activity_writer *w, uint64_t account, uint64_t *kept, uint64_t *trimmed)
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

/* Put w->run where it belongs, block by block. */
static void merge_run(struct activity_writer *w, uint64_t account)
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
            entries_sort(&w->all);
        put_blocks(w, account);
    }
}

void activity_merge(struct activity_writer *w, uint64_t account, const struct entries *fresh)
{
    struct merge *m = w->m;
    uint64_t kept, trimmed;
    w->run.n = 0;
    for (uint32_t i = 0; i < fresh->n; i++)
        if (day_of_ms(fresh->p[i].time_ms) < m->purge_day)
            m->stats->rows_dropped++;
        else
            *entries_more(&w->run) = fresh->p[i];
    cur_open(&m->txn, DAYS_ACTIVITY, &w->cur);
    merge_run(w, account);
    activity_counts(&m->txn, account, &kept, &trimmed);
    kept += w->run.n;
    trim(w, account, &kept, &trimmed);
    cur_close(&w->cur);
    activity_counts_put(&m->txn, account, kept, trimmed);
    m->stats->activities += w->run.n;
}
