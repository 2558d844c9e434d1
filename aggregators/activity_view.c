/* Read the activity log: stored blocks and pending signals as one ordered sequence. */
#include "aggregators/activity.h"
#include "aggregators/merge.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* A filter, with the bits that a block must share with it. */
struct filter {
    const struct activity_query *q;
    uint64_t apps, users;
    uint64_t looked; /* entries read, and blocks passed over at a share of that */
};

static bool listed(uint64_t x, const uint64_t *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == x)
            return true;
    return false;
}

static bool entry_wanted(const struct filter *f, const struct entry *e)
{
    const struct activity_query *q = f->q;
    return e->time_ms >= q->from_ms && e->time_ms < q->to_ms &&
           (!q->kinds || (q->kinds >> e->kind & 1)) &&
           (!q->apps || listed(e->app, q->apps, q->apps_n)) &&
           (!q->users || (e->user1 && listed(e->user1 - 1, q->users, q->users_n)));
}

static bool block_wanted(const struct filter *f, const struct block_head *h)
{
    const struct activity_query *q = f->q;
    return (!q->kinds || (h->kinds & q->kinds)) && (!q->apps || (h->apps & f->apps)) &&
           (!q->users || (h->users & f->users)) && h->last_ms >= q->from_ms &&
           h->first_ms < q->to_ms && (!q->arrival || !q->has_after || h->max_position > q->after);
}

static int newest_first(const void *a, const void *b)
{
    return entry_before(b, a) ? -1 : entry_before(a, b);
}

static int arrival_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->position < y->position ? -1 : x->position > y->position;
}

static void sort_entries(struct entries *e, int (*order)(const void *, const void *))
{
    if (e->n > 1)
        qsort(e->p, e->n, sizeof *e->p, order);
}

/* Read the block at the cursor; keep what passes (and lies beyond the cursor of the page). */
static void read_wanted(struct view *v, struct filter *f, const struct block_head *h,
                        struct reader *r, struct entries *to)
{
    const uint32_t before = to->n;
    if (block_read(h, r, to)) {
        txn_fail(&v->txn, ST_CORRUPT);
        to->n = before;
        return;
    }
    f->looked += h->n;
    uint32_t kept = before;
    for (uint32_t i = before; i < to->n; i++)
        if (entry_wanted(f, &to->p[i]))
            to->p[kept++] = to->p[i];
    to->n = kept;
}

static void read_pending(struct view *v, const struct filter *f, struct entries *to)
{
    for (unsigned i = 0; i < v->signals_n; i++) {
        const struct signals *s = v->signals[i];
        const struct signal_account *a = view_signals(v, i, f->q->account);
        for (uint32_t at = a ? a->last : NONE; at != NONE; at = s->signal.p[at].next) {
            const struct entry e = entry_of_signal(s, &s->signal.p[at]);
            if (entry_wanted(f, &e))
                *entries_more(to) = e;
        }
    }
}

/* ---- newest first ---- */

/* Join sorted pending entries below the bound with stored blocks walked backwards, until `limit`
 * rows are certain or the scan budget is spent. */
static bool newest_page(struct view *v, struct filter *f, struct entries *rows)
{
    const struct activity_query *q = f->q;
    struct entry bound = {.time_ms = q->to_ms};
    if (q->has_after)
        bound = (struct entry){.time_ms = q->after_ms, .position = q->after};
    read_pending(v, f, rows);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows->n; i++)
        if (entry_before(&rows->p[i], &bound))
            rows->p[kept++] = rows->p[i];
    rows->n = kept;

    uint8_t key[ACTIVITY_KEY_MAX];
    struct cur c;
    cur_open(&v->txn, DAYS_ACTIVITY, &c);
    bool on =
        cur_seek_before(&c, key, activity_key(key, q->account, bound.time_ms, bound.position));
    bool cut = false;
    for (; on && !cut; on = cur_prev(&c)) {
        struct block_head h;
        struct reader r;
        if (block_open(c.key, c.val, true, &h, &r)) {
            txn_fail(&v->txn, ST_CORRUPT);
            break;
        }
        if (h.account != q->account || h.last_ms < q->from_ms)
            break;
        f->looked += 8;
        if (block_wanted(f, &h)) {
            const uint32_t before = rows->n;
            read_wanted(v, f, &h, &r, rows);
            for (kept = before; kept < rows->n && entry_before(&rows->p[kept], &bound);)
                kept++;
            rows->n = kept;
        }
        /* Everything from this block's first entry on is known now. */
        const struct entry known = {.time_ms = h.first_ms, .position = h.first_position};
        uint32_t certain = 0;
        for (uint32_t i = 0; i < rows->n; i++)
            certain += !entry_before(&rows->p[i], &known);
        cut = certain > q->limit || f->looked >= q->scan_max;
        if (cut) { /* drop what lies beyond what is known */
            for (uint32_t i = kept = 0; i < rows->n; i++)
                if (!entry_before(&rows->p[i], &known))
                    rows->p[kept++] = rows->p[i];
            rows->n = kept;
            bound = known;
        }
    }
    cur_close(&c);
    sort_entries(rows, newest_first);
    if (cut && rows->n <= q->limit)
        *entries_more(rows) = bound; /* marks where the budget ended; not a row */
    return cut;
}

/* ---- in order of arrival ---- */

static void keep_first(struct entries *e, uint32_t limit)
{
    sort_entries(e, arrival_order);
    if (e->n > limit)
        e->n = limit;
}

static void arrival_page(struct view *v, struct filter *f, struct entries *rows)
{
    const struct activity_query *q = f->q;
    const uint32_t want = q->limit + 1;
    uint64_t highest = UINT64_MAX; /* positions above cannot be on the page */
    uint8_t prefix[ACTIVITY_KEY_MAX];
    const size_t prefix_n = activity_prefix(prefix, q->account);
    struct cur c;
    cur_open(&v->txn, DAYS_ACTIVITY, &c);
    for (bool on = cur_seek(&c, prefix, prefix_n); on && cur_has_prefix(&c, prefix, prefix_n);
         on = cur_next(&c)) {
        struct block_head h;
        struct reader r;
        if (block_open(c.key, c.val, false, &h, &r)) {
            txn_fail(&v->txn, ST_CORRUPT);
            break;
        }
        if (!block_wanted(f, &h) || h.min_position > highest)
            continue;
        const uint32_t before = rows->n;
        read_wanted(v, f, &h, &r, rows);
        uint32_t kept = before;
        for (uint32_t i = before; i < rows->n; i++)
            if (!q->has_after || rows->p[i].position > q->after)
                rows->p[kept++] = rows->p[i];
        rows->n = kept;
        if (rows->n >= 4 * want) {
            keep_first(rows, want);
            highest = rows->p[want - 1].position;
        }
    }
    cur_close(&c);
    const uint32_t before = rows->n;
    read_pending(v, f, rows);
    uint32_t kept = before;
    for (uint32_t i = before; i < rows->n; i++)
        if (!q->has_after || rows->p[i].position > q->after)
            rows->p[kept++] = rows->p[i];
    rows->n = kept;
    keep_first(rows, want);
}

/* ---- rows ---- */

static struct activity activity_of(struct view *v, const struct entry *e, struct arena *a)
{
    struct activity row = {.position = e->position,
                           .time_ms = e->time_ms,
                           .received_ms = e->received_ms,
                           .app = e->app,
                           .user = e->user1 ? e->user1 - 1 : 0,
                           .kind = (enum event_kind)e->kind,
                           .has_user = e->user1 != 0};
    struct str *const fields[] = {
        [DETAIL_REASON] = &row.reason, [DETAIL_CODE] = &row.code, [DETAIL_SETTING] = &row.setting,
        [DETAIL_FROM] = &row.from,     [DETAIL_TO] = &row.to,     [DETAIL_FEATURE] = &row.feature};
    struct reader r = reader_of(e->detail.p, e->detail.n);
    struct str *scopes = NULL;
    while (reader_left(&r) && !r.bad) {
        const uint8_t tag = read_u8(&r);
        const struct str s = read_str(&r);
        if (tag == DETAIL_SCOPE && !scopes)
            scopes = arena_alloc(a, (reader_left(&r) / 2 + 1) * sizeof *scopes);
        if (tag == DETAIL_SCOPE && scopes)
            scopes[row.scopes_n++] = s;
        else if (tag >= DETAIL_REASON && tag <= DETAIL_FEATURE)
            *fields[tag] = s;
        else if (tag == DETAIL_BY)
            row.has_by = text_u64(s, &row.by) == ST_OK;
    }
    row.scopes = scopes;
    if (r.bad)
        txn_fail(&v->txn, ST_CORRUPT);
    return row;
}

void view_activity(struct view *v, const struct activity_query *q, struct arena *a,
                   struct activity_page *out)
{
    struct filter f = {.q = q};
    for (uint32_t i = 0; i < q->apps_n; i++)
        f.apps |= block_bit(q->apps[i]);
    for (uint32_t i = 0; i < q->users_n; i++)
        f.users |= block_bit(q->users[i] + 1);
    struct entries e = {0};
    bool cut = false;
    *out = (struct activity_page){0};
    if (q->arrival)
        arrival_page(v, &f, &e);
    else
        cut = newest_page(v, &f, &e);
    uint32_t n = e.n < q->limit ? e.n : q->limit;
    out->more = cut || e.n > q->limit;
    if (cut && e.n <= q->limit) { /* the last one is where the budget ended */
        n = e.n - 1;
        out->next_ms = e.p[n].time_ms;
        out->next_position = e.p[n].position;
    } else if (out->more) {
        out->next_ms = e.p[n - 1].time_ms;
        out->next_position = e.p[n - 1].position;
    }
    struct activity *rows = arena_alloc(a, (n ? n : 1) * sizeof *rows);
    if (!rows)
        txn_fail(&v->txn, ST_NO_MEMORY);
    for (uint32_t i = 0; rows && i < n; i++)
        rows[i] = activity_of(v, &e.p[i], a);
    out->rows = rows;
    out->rows_n = rows ? n : 0;
    free(e.p);
}

void view_activity_counts(struct view *v, uint64_t account, uint64_t *kept, uint64_t *trimmed)
{
    activity_counts(&v->txn, account, kept, trimmed);
    for (unsigned i = 0; i < v->signals_n; i++) {
        const struct signal_account *a = view_signals(v, i, account);
        *kept += a ? a->n : 0;
    }
}
