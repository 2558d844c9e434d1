/* settings: the beta switch of an account, who turned it, and when. */
#include "engine/query/directory.h"

enum status view_settings_answer(struct answer *a)
{
    struct page *p = a->page;
    struct beta_word w;
    directory_beta(a, &w);
    if (a->view.txn.status != ST_OK || !w.said)
        return a->view.txn.status;
    row_begin(p);
    row_bool(p, w.beta);
    row_u64(p, w.user);
    row_str_if(p, w.who.name);
    if (w.who.known)
        row_bool(p, w.who.super_admin);
    else
        row_null(p);
    row_u64(p, (uint64_t)w.time_ms);
    row_u64(p, w.position);
    (void)row_end(p); /* one row fits every page */
    return ST_OK;
}
