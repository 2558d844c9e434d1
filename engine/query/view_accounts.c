/* accounts: which accounts there are, for those who do not know a number yet. */
#include "aggregators/view_accounts.h"
#include "engine/query/answer.h"

#define ACCOUNTS_PER_WINDOW 64

static bool put(struct page *p, uint64_t account)
{
    row_begin(p);
    row_u64(p, account);
    return row_end(p);
}

enum status view_accounts_answer(struct answer *a)
{
    struct accounts_query q = {.limit = ACCOUNTS_PER_WINDOW};
    struct account_list found = {.more = true};
    enum status st = answer_read_place(a, &q.from);
    if (st != ST_OK)
        return st;
    if (q.from == 0)
        q.from = 1; /* account 0 is the common catalogue */
    for (bool first = true; found.more; first = false) {
        if (!first && !answer_worked(a, found.looked_up * QUERY_LOOKUP)) {
            buf_varint(answer_more(a), q.from);
            return ST_OK;
        }
        view_accounts(&a->view, &q, a->arena, &found);
        for (uint32_t i = 0; i < found.n; i++)
            if (page_full(a->page) || !put(a->page, found.rows[i])) {
                buf_varint(answer_more(a), found.rows[i]);
                return ST_OK;
            }
        q.from = found.next;
    }
    return ST_OK;
}
