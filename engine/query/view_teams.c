/* teams: the teams of an account's directory. */
#include "engine/query/shared.h"

struct walk {
    struct answer *a;
    struct str last; /* key of the last one answered */
};

static bool take(void *arg, const struct reference_entry *e)
{
    static const char *const names[] = {"name"};
    struct walk *w = arg;
    struct answer *a = w->a;
    struct page *p = a->page;
    struct field_value name;
    uint64_t team;
    if (text_u64(e->key, &team) != ST_OK || !fields_get(e->fields, names, 1, &name)) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return false;
    }
    bool fits = !page_full(p);
    if (fits) {
        row_begin(p);
        row_u64(p, team);
        row_str(p, name.text);
        row_u64(p, (uint64_t)e->time_ms);
        row_u64(p, e->position);
        fits = row_end(p);
    }
    if (fits)
        w->last = e->key;
    else
        buf_str(answer_more(a), w->last);
    return fits;
}

enum status view_teams_answer(struct answer *a)
{
    struct walk w = {.a = a};
    enum status st = shared_read_cursor(a, &w.last);
    if (st != ST_OK)
        return st;
    view_reference_walk(
        &a->view,
        &(struct reference_query){a->account, EV_DIRECTORY_TEAM, w.last.p != NULL, w.last}, take,
        &w);
    return a->view.txn.status;
}
