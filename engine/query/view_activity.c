/* activity: what happened to connections, settings and permissions. */
#include "engine/query/answer.h"

#define SCAN_MAX 20000 /* entries looked at for one page: about 100 ns each at worst */

enum { ORDER_TIME, ORDER_ARRIVAL }; /* words of query.def */

static void filters_of(const struct answer *a, struct activity_query *q)
{
    const struct values *apps = &a->q.v[QUERY_ACTIVITY_APP], *users = &a->q.v[QUERY_ACTIVITY_USER];
    const struct values *types = &a->q.v[QUERY_ACTIVITY_TYPE];
    if (apps->given) {
        q->apps = apps->numbers;
        q->apps_n = apps->n;
    }
    if (users->given) {
        q->users = users->numbers;
        q->users_n = users->n;
    }
    for (uint32_t i = 0; types->given && i < types->n; i++)
        q->kinds |= UINT64_C(1) << types->numbers[i];
}

static enum status start_of(struct answer *a, struct activity_query *q)
{
    const struct values *after = &a->q.v[QUERY_ACTIVITY_AFTER];
    q->arrival = question_number(&a->q, QUERY_ACTIVITY_ORDER, ORDER_TIME) == ORDER_ARRIVAL;
    if (after->given && !q->arrival)
        return answer_refuse(a, ST_BAD_PARAMETER,
                             "after is given with order time; allowed: after with order arrival");
    q->has_after = after->given;
    q->after = question_number(&a->q, QUERY_ACTIVITY_AFTER, 0);
    if (!a->resumed)
        return ST_OK;
    q->has_after = true;
    q->after_ms = (int64_t)read_varint(&a->cursor);
    q->after = read_varint(&a->cursor);
    return a->cursor.bad || reader_left(&a->cursor) ? answer_bad_cursor(a) : ST_OK;
}

/* Scopes as one text: rows are flat. */
static struct str join(struct answer *a, const struct str *items, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += items[i].n + 1;
    char *to = n ? arena_alloc(a->arena, bytes) : NULL;
    if (!to)
        return (struct str){NULL, 0};
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            to[at++] = ' ';
        memcpy(to + at, items[i].p, items[i].n);
        at += items[i].n;
    }
    return (struct str){to, at};
}

static bool put(struct answer *a, const struct activity *e)
{
    struct page *p = a->page;
    row_begin(p);
    row_u64(p, (uint64_t)e->time_ms);
    row_u64(p, e->position);
    row_z(p, event_type_name(e->kind));
    row_u64(p, e->app);
    row_u64_if(p, e->has_user, e->user);
    row_str_if(p, e->reason);
    row_str_if(p, e->code);
    row_str_if(p, e->setting);
    row_str_if(p, e->from);
    row_str_if(p, e->to);
    row_str_if(p, join(a, e->scopes, e->scopes_n));
    row_str_if(p, e->feature);
    row_u64(p, (uint64_t)e->received_ms);
    row_u64_if(p, e->has_by, e->by);
    return row_end(p);
}

enum status view_activity_answer(struct answer *a)
{
    struct activity_query q = {.account = a->account,
                               .from_ms = a->from_ms,
                               .to_ms = a->to_ms,
                               .limit = a->page->rows_max,
                               .scan_max = SCAN_MAX};
    filters_of(a, &q);
    enum status st = start_of(a, &q);
    if (st != ST_OK || q.from_ms >= q.to_ms)
        return st;
    struct activity_page found;
    view_activity(&a->view, &q, a->arena, &found);
    if (a->view.txn.status != ST_OK)
        return a->view.txn.status;
    uint32_t n = 0;
    while (n < found.rows_n && put(a, &found.rows[n]))
        n++;
    if (n == found.rows_n && !found.more)
        return ST_OK;
    if (n < found.rows_n) { /* full: the next page begins after the last row of this one */
        found.next_ms = found.rows[n - 1].time_ms;
        found.next_position = found.rows[n - 1].position;
    }
    struct buf *next = answer_more(a);
    buf_varint(next, (uint64_t)found.next_ms);
    buf_varint(next, found.next_position);
    return ST_OK;
}
