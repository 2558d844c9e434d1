/* plan: what the account has booked. */
#include "engine/query/shared.h"

static bool take(void *arg, const struct reference_entry *e)
{
    enum { TIER, DAILY, TEN_SECONDS, ZONE, FIELDS_N };
    static const char *const names[] = {"tier", "daily_limit", "ten_seconds_limit", "reset_zone"};
    struct field_value v[FIELDS_N];
    struct answer *a = arg;
    struct page *p = a->page;
    if (!fields_get(e->fields, names, FIELDS_N, v)) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return false;
    }
    row_begin(p);
    row_str(p, v[TIER].text);
    row_u64_if(p, v[DAILY].type == FIELD_INT, v[DAILY].number);
    row_u64_if(p, v[TEN_SECONDS].type == FIELD_INT, v[TEN_SECONDS].number);
    row_str_if(p, v[ZONE].text);
    row_u64(p, (uint64_t)e->time_ms);
    row_u64(p, e->position);
    return row_end(p) && false; /* an account has one */
}

enum status view_plan_answer(struct answer *a)
{
    view_reference_walk(&a->view,
                        &(struct reference_query){.account = a->account, .kind = EV_ACCOUNT_PLAN},
                        take, a);
    return a->view.txn.status;
}
