/* home: four sections of one page, each with the rows of a view of its own. */
#include "engine/query/attention.h"
#include "engine/query/block.h"

#include "engine/base/check.h"

/* How many apps there are of each sort. */
struct tally {
    uint64_t apps, connections, connected, mine, others, seen_only;
    uint64_t by_state[STATE_N];
};

/* As what an app is counted: each as one, so that the numbers add up to `apps`. An error that
 * attention still shows makes it failing; a built-in app that shows no state shows no problem. */
static enum connection_state counted_as(const struct answer *a, const struct app_summary *s,
                                        const struct catalogue_app *c, uint32_t *at)
{
    const struct app_list *apps = &a->inventory->apps;
    uint32_t open = 0;
    while (*at < apps->troubled_n && apps->troubled[*at].app < s->app)
        ++*at;
    for (uint32_t i = *at; i < apps->troubled_n && apps->troubled[i].app == s->app; i++)
        open += attention_open_of(a, &apps->troubled[i]);
    if (catalogue_hides_state(c))
        return STATE_CONNECTED;
    if (state_severity(s->state) > state_severity(STATE_CONNECTED))
        return s->state;
    return open ? STATE_ERROR : STATE_CONNECTED;
}

static void count(struct answer *a, const struct inventory *inv, struct tally *to)
{
    uint32_t troubled = 0;
    for (uint32_t i = 0; i < inv->apps.n; i++) {
        const struct app_summary *s = &inv->apps.rows[i];
        to->seen_only += s->connections_n == 0 && s->state != STATE_UNINSTALLED;
        const struct catalogue_app *c = s->connections_n ? catalogue_get(a, s->app) : NULL;
        if (!c)
            continue;
        to->apps++;
        to->connections += s->connections_n;
        to->connected += catalogue_hides_state(c) ? s->connections_n : s->connected_n;
        to->mine += s->mine;
        to->others += !s->mine;
        to->by_state[counted_as(a, s, c, &troubled)]++;
    }
}

enum { ATTENTION, MY_APPS, OTHER_APPS, RECOMMENDATIONS, BLOCKS_N };

static enum status read_blocks(struct answer *a, struct block to[static BLOCKS_N])
{
    static const enum query_view_id views[BLOCKS_N] = {VIEW_ATTENTION, VIEW_MY_APPS,
                                                       VIEW_OTHER_APPS, VIEW_RECOMMENDATIONS};
    const uint32_t rows = (uint32_t)question_number(&a->q, QUERY_HOME_ROWS, 0);
    enum status st = ST_OK;
    for (unsigned i = 0; i < BLOCKS_N && st == ST_OK; i++) {
        struct answer *sub;
        st = block_begin(a, views[i], 0, &sub);
        if (st != ST_OK)
            break;
        sub->q.v[QUERY_MY_APPS_UNUSED_DAYS] = a->q.v[QUERY_HOME_UNUSED_DAYS];
        sub->q.v[QUERY_OTHER_APPS_UNUSED_DAYS] = a->q.v[QUERY_HOME_UNUSED_DAYS];
        st = block_end(a, sub, rows, &to[i]);
    }
    return st;
}

static void put(struct answer *a, const struct tally *t, const struct block b[static BLOCKS_N])
{
    static const enum connection_state shown[] = {STATE_CONNECTED, STATE_DISCONNECTED,
                                                  STATE_EXPIRED, STATE_REAUTH, STATE_ERROR};
    struct page *p = a->page;
    const bool whole = !a->inventory->apps.more;
    const uint32_t problems = attention_open_n(a, a->inventory);
    a->page->rows_max = 1;
    page_begin(p, VIEW_HOME, p->encoding, PAGE_ANSWER);
    row_begin(p);
    row_u64(p, t->apps);
    row_u64(p, t->connections);
    row_u64(p, t->connected);
    for (size_t i = 0; i < N_OF(shown); i++)
        row_u64(p, t->by_state[shown[i]]);
    row_u64(p, problems);
    row_u64(p, t->mine);
    row_u64(p, t->others);
    row_u64(p, t->seen_only);
    row_bool(p, whole);
    for (unsigned i = 0; i < BLOCKS_N; i++)
        row_table(p, b[i].rows, b[i].n);
    CHECK(row_end(p));
    block_object(a);
}

enum status view_home_answer(struct answer *a)
{
    struct tally t = {0};
    struct block blocks[BLOCKS_N] = {0};
    uint64_t viewer;
    enum status st = answer_viewer(a, &viewer);
    if (st == ST_OK)
        st = answer_check_beta(a);
    if (st != ST_OK)
        return st;
    const struct inventory *inv = inventory_get(a, 0);
    if (!inv)
        return a->view.txn.status;
    count(a, inv, &t);
    st = read_blocks(a, blocks);
    if (st != ST_OK)
        return st;
    if (!inventory_get(a, 0)) /* a section of a large account may have gone on to the next window */
        return a->view.txn.status;
    put(a, &t, blocks);
    return a->view.txn.status;
}
