/* app: the overview of one app, each block with the rows of a view of its own. */
#include "engine/query/app_row.h"
#include "engine/query/block.h"

#include "engine/base/check.h"

enum { HEALTH, LOG, PERMISSIONS, RECORDS, ACADEMY, BLOCKS_N };

static const enum query_view_id views[BLOCKS_N] = {VIEW_ATTENTION, VIEW_ACTIVITY, VIEW_PERMISSIONS,
                                                   VIEW_DISTINCT_RECORDS, VIEW_ACADEMY};

#define RECORDS_ROWS 1000 /* 30 days of 6 actions are 180 */

static void narrow(const struct answer *a, struct answer *sub, unsigned block)
{
    static const uint64_t by_day_and_action[] = {0, 2}; /* words of group_by: day, action */
    if (block == LOG) {
        sub->q.v[QUERY_ACTIVITY_TYPE] = a->q.v[QUERY_APP_TYPE];
        sub->q.v[QUERY_ACTIVITY_USER] = a->q.v[QUERY_APP_USER];
    }
    if (block == RECORDS)
        sub->q.v[QUERY_DISTINCT_RECORDS_GROUP_BY] =
            (struct values){.given = true, .n = 2, .numbers = by_day_and_action};
}

static enum status read_blocks(struct answer *a, uint64_t app, struct block to[static BLOCKS_N])
{
    const uint32_t rows = (uint32_t)question_number(&a->q, QUERY_APP_ROWS, 0);
    enum status st = ST_OK;
    for (unsigned i = 0; i < BLOCKS_N && st == ST_OK; i++) {
        struct answer *sub;
        st = block_begin(a, views[i], app, &sub);
        if (st != ST_OK)
            break;
        narrow(a, sub, i);
        st = block_end(a, sub, i == RECORDS || i == PERMISSIONS ? RECORDS_ROWS : rows, &to[i]);
        if (i == RECORDS) {
            a->ranged = true;
            a->from_day = sub->from_day;
            a->to_day = sub->to_day;
            a->bound = sub->bound;
        }
    }
    return st;
}

enum status view_app_answer(struct answer *a)
{
    struct app_list found;
    struct block blocks[BLOCKS_N] = {0};
    struct page *p = a->page;
    const uint64_t app = question_number(&a->q, QUERY_APP_APP, 0);
    enum status st = answer_check_beta(a);
    if (st != ST_OK)
        return st;
    view_apps(&a->view, &(struct apps_query){.account = a->account, .from_app = app, .limit = 1},
              a->arena, &found);
    const struct catalogue_app *c = catalogue_get(a, app);
    if (a->view.txn.status != ST_OK || !c)
        return a->view.txn.status;
    if (found.n == 0 || found.rows[0].app != app)
        return answer_refuse(a, ST_NOT_FOUND, "account %llu has no app %llu",
                             (unsigned long long)a->account, (unsigned long long)app);
    st = read_blocks(a, app, blocks);
    if (st != ST_OK)
        return st;
    p->rows_max = 1;
    page_begin(p, VIEW_APP, p->encoding, PAGE_ANSWER);
    row_begin(p);
    app_row_put(a, &found.rows[0], c, false);
    app_row_put_links(a, c);
    for (unsigned i = 0; i < BLOCKS_N; i++) {
        row_table(p, blocks[i].rows, blocks[i].n);
        if (i == RECORDS)
            row_bool(p, blocks[i].more);
    }
    CHECK(row_end(p));
    block_object(a);
    return a->view.txn.status;
}
