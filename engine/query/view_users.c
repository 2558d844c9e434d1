/* users: the directory of an account. */
#include "engine/query/directory.h"
#include "engine/query/shared.h"

#define USERS_LOOKED_AT_MAX 4000 /* for one page, however few of them the filters admit */

struct walk {
    struct answer *a;
    uint32_t looked;
    struct str last; /* key of the last one looked at */
};

static bool admits_flag(const struct answer *a, enum query_param_id filter, bool is)
{
    return !a->q.v[filter].given || (a->q.v[filter].numbers[0] != 0) == is;
}

static bool in_team(struct answer *a, const struct field_list *teams)
{
    if (!a->q.v[QUERY_USERS_TEAM].given)
        return true;
    for (uint32_t i = 0; i < teams->n; i++)
        if (question_admits(&a->q, QUERY_USERS_TEAM, teams->items[i].number))
            return true;
    return false;
}

struct row {
    uint64_t user;
    struct directory_user u;
    struct field_list teams;
};

static bool put(struct answer *a, const struct row *row, const struct reference_entry *e)
{
    struct page *p = a->page;
    if (page_full(p))
        return false;
    row_begin(p);
    row_u64(p, row->user);
    row_str(p, row->u.name);
    row_str_if(p, row->u.email);
    row_str_if(p, row->u.role);
    row_bool(p, row->u.super_admin);
    row_bool(p, row->u.deactivated);
    row_str_if(p, shared_join(a, &row->teams, " "));
    row_u64(p, (uint64_t)e->time_ms);
    row_u64(p, e->position);
    return row_end(p);
}

static bool take(void *arg, const struct reference_entry *e)
{
    struct walk *w = arg;
    struct answer *a = w->a;
    struct row row;
    if (text_u64(e->key, &row.user) != ST_OK || !directory_read(e->fields, &row.u) ||
        !fields_list(e->fields, "teams", a->arena, &row.teams)) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return false;
    }
    const bool wanted = question_admits(&a->q, QUERY_USERS_USER, row.user) &&
                        in_team(a, &row.teams) &&
                        admits_flag(a, QUERY_USERS_SUPER_ADMIN, row.u.super_admin) &&
                        admits_flag(a, QUERY_USERS_DEACTIVATED, row.u.deactivated);
    if (w->looked++ == USERS_LOOKED_AT_MAX || (wanted && !put(a, &row, e))) {
        buf_str(answer_more(a), w->last);
        return false;
    }
    w->last = e->key;
    return true;
}

enum status view_users_answer(struct answer *a)
{
    struct walk w = {.a = a};
    enum status st = shared_read_cursor(a, &w.last);
    if (st != ST_OK)
        return st;
    view_reference_walk(
        &a->view,
        &(struct reference_query){a->account, EV_DIRECTORY_USER, w.last.p != NULL, w.last}, take,
        &w);
    return a->view.txn.status;
}
