/* settings: the beta switch of an account, who turned it, and when. */
#include "engine/query/directory.h"
#include "engine/query/shared.h"

static bool take(void *arg, const struct reference_entry *e)
{
    enum { BETA, USER, FIELDS_N };
    static const char *const names[] = {"beta", "user"};
    struct field_value v[FIELDS_N];
    struct directory_user who;
    struct answer *a = arg;
    struct page *p = a->page;
    if (!fields_get(e->fields, names, FIELDS_N, v)) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return false;
    }
    directory_get(a, v[USER].number, &who);
    row_begin(p);
    row_bool(p, v[BETA].number);
    row_u64(p, v[USER].number);
    row_str_if(p, who.name);
    if (who.known)
        row_bool(p, who.super_admin);
    else
        row_null(p);
    row_u64(p, (uint64_t)e->time_ms);
    row_u64(p, e->position);
    return row_end(p) && false; /* an account has one set of them */
}

enum status view_settings_answer(struct answer *a)
{
    view_reference_walk(
        &a->view, &(struct reference_query){.account = a->account, .kind = EV_ACCOUNT_SETTINGS},
        take, a);
    return a->view.txn.status;
}
