/* accounts: which accounts there are, for those who do not know a number yet. */
#include "aggregators/view_accounts.h"
#include "engine/query/answer.h"

/* However long a page may be: so many pending accounts are kept in order meanwhile. */
#define ACCOUNTS_MAX 4096

static bool put(struct page *p, uint64_t account)
{
    row_begin(p);
    row_u64(p, account);
    return row_end(p);
}

static void list(struct answer *a, struct accounts *all, uint32_t most)
{
    uint64_t account, before = 0;
    for (uint32_t n = 0; accounts_next(all, &account); n++) {
        const uint64_t now = accounts_looked_up(all);
        const bool ends = !answer_worked(a, (now - before) * QUERY_LOOKUP) || n == most;
        before = now;
        if ((n > 0 && ends) || !put(a->page, account)) {
            buf_varint(answer_more(a), account);
            return;
        }
    }
}

enum status view_accounts_answer(struct answer *a)
{
    uint64_t from;
    enum status st = answer_read_place(a, &from);
    if (st != ST_OK)
        return st;
    const uint32_t most = a->page->rows_max < ACCOUNTS_MAX ? a->page->rows_max : ACCOUNTS_MAX;
    /* Account 0 is the common catalogue; one more than a page says where the next begins. */
    struct accounts *all = accounts_open(&a->view, from > 0 ? from : 1, most + 1, a->arena);
    if (all) {
        list(a, all, most);
        accounts_close(all);
    }
    return ST_OK;
}
