/* conservation: promise 8, day by day. Each (account, day) of the tables is added up again in every
 * way and held against the total that was kept apart. */
#include "engine/query/answer.h"

#include "aggregators/audit.h"

struct walk {
    struct answer *a;
    struct audit_at next; /* where the page ends */
    bool full;
};

static bool put(struct page *p, const struct audit_day *d)
{
    row_begin(p);
    row_day(p, d->day);
    row_u64(p, d->account);
    row_bool(p, d->ok);
    row_u64(p, d->record_total);
    row_u64(p, d->by_app);
    row_u64(p, d->by_type);
    row_u64(p, d->by_action);
    row_u64(p, d->call_total);
    row_u64(p, d->calls_by_app);
    return row_end(p);
}

static void take(void *arg, const struct audit_day *d)
{
    struct walk *w = arg;
    w->a->work += 2 * d->cells + QUERY_LOOKUP; /* read, then added up in four ways */
    const bool all = !question_number(&w->a->q, QUERY_CONSERVATION_FAULTS, 0);
    if (d->ok && !all)
        return;
    if (page_full(w->a->page) || !put(w->a->page, d)) {
        w->full = true;
        w->next = (struct audit_at){d->day, d->account, true};
    }
}

static void put_accounts(struct walk *w)
{
    struct audit_at at = w->next;
    for (bool more = true; more;) {
        more = audit_days(&w->a->view, &at, 1, take, w);
        if (w->full)
            return;
        if (more && !answer_worked(w->a, 0)) {
            w->full = true;
            w->next = at;
            return;
        }
    }
}

static bool is_empty(const struct audit_day *d)
{
    return (d->record_total | d->call_total | d->by_app | d->calls_by_app) == 0;
}

static void put_account(struct walk *w)
{
    int32_t day = w->a->view.first_day;
    if (w->next.started && w->next.day > day)
        day = w->next.day;
    for (; day <= w->a->view.today && !w->full; day++) {
        struct audit_day d;
        arena_reset(w->a->scratch);
        audit_one(&w->a->view, w->a->account, day, w->a->scratch, &d);
        if (!is_empty(&d))
            take(w, &d);
    }
}

enum status view_conservation_answer(struct answer *a)
{
    struct walk w = {.a = a};
    if (a->resumed) {
        w.next.started = true;
        w.next.day = (int32_t)read_varint(&a->cursor);
        w.next.account = read_varint(&a->cursor);
        if (a->cursor.bad || reader_left(&a->cursor))
            return answer_bad_cursor(a);
    }
    if (a->q.v[QUERY_CONSERVATION_ACCOUNT].given)
        put_account(&w);
    else
        put_accounts(&w);
    if (w.full) {
        struct buf *next = answer_more(a);
        buf_varint(next, (uint64_t)w.next.day);
        buf_varint(next, w.next.account);
    }
    return ST_OK;
}
