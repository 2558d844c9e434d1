/* apps: what is known of each app of an account.
 *
 * The catalogue rules what is shown: a built-in app shows a state only when the catalogue says so,
 * and user-level and multi-account apps show no last activity, for it would be somebody else's. */
#include "aggregators/view_apps.h"
#include "engine/query/answer.h"

#define APPS_PER_WINDOW        250
#define CONNECTIONS_PER_WINDOW 5000
#define LOOKED_AT_WORK         40 /* of a connection, or of an app on one day */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool put_app(struct answer *a, const struct app_summary *s, const struct catalogue_app *c)
{
    struct page *p = a->page;
    const bool hides_state = catalogue_hides_state(c);
    const bool hides_activity = catalogue_hides_activity(c);
    const int64_t sent = hides_activity ? 0 : s->sent_ms;
    const int64_t received = hides_activity ? 0 : s->received_ms;
    row_begin(p);
    row_u64(p, s->app);
    row_str_if(p, c->name);
    row_z(p, app_kind_name(c->kind));
    row_z(p, hides_state ? NULL : connection_state_name(s->state));
    row_time_if(p, hides_state ? 0 : s->since_ms);
    row_time_if(p, s->has_install ? s->installed_ms : 0);
    row_u64_if(p, s->has_installer, s->installer);
    row_time_if(p, later(sent, received));
    row_time_if(p, sent);
    row_time_if(p, received);
    row_u64(p, s->connections_n);
    return row_end(p);
}

/* Write those of rows that the filter of states admits; false when the page is full before *at. */
static bool put_apps(struct answer *a, const struct app_summary *rows, uint32_t n, uint64_t *at)
{
    for (uint32_t i = 0; i < n; i++) {
        *at = rows[i].app;
        if (!question_admits(&a->q, QUERY_APPS_STATE, rows[i].state))
            continue;
        const struct catalogue_app *c = catalogue_get(a, rows[i].app);
        if (!c || page_full(a->page) || !put_app(a, &rows[i], c))
            return false;
    }
    return true;
}

static void more_from(struct answer *a, uint64_t app)
{
    buf_varint(answer_more(a), app);
}

/* The apps that the filter names, one by one. */
static void put_named(struct answer *a, uint64_t from)
{
    const struct values *apps = &a->q.v[QUERY_APPS_APP];
    for (uint32_t i = 0; i < apps->n; i++) {
        struct app_list found;
        uint64_t at = apps->numbers[i];
        if (at < from)
            continue;
        view_apps(&a->view, &(struct apps_query){.account = a->account, .from_app = at, .limit = 1},
                  a->arena, &found);
        const uint32_t n = found.n && found.rows[0].app == at;
        if (!put_apps(a, found.rows, n, &at)) {
            more_from(a, at);
            return;
        }
        if (!answer_worked(a, 35 * QUERY_LOOKUP) && i + 1 < apps->n) {
            more_from(a, at + 1);
            return;
        }
    }
}

/* Window after window, until the page or the budget ends: a filter of states may admit few. */
static void put_all(struct answer *a, uint64_t from)
{
    struct apps_query q = {
        .account = a->account, .from_app = from, .connections_max = CONNECTIONS_PER_WINDOW};
    q.limit = a->page->rows_max < APPS_PER_WINDOW ? a->page->rows_max : APPS_PER_WINDOW;
    for (;;) {
        struct app_list found;
        uint64_t at = q.from_app;
        view_apps(&a->view, &q, a->arena, &found);
        if (!put_apps(a, found.rows, found.n, &at)) {
            more_from(a, at);
            return;
        }
        if (!found.more || a->view.txn.status != ST_OK)
            return;
        q.from_app = found.next_app;
        if (!answer_worked(a, found.looked_at * LOOKED_AT_WORK)) {
            more_from(a, q.from_app);
            return;
        }
    }
}

enum status view_apps_answer(struct answer *a)
{
    uint64_t from;
    enum status st = answer_read_place(a, &from);
    if (st != ST_OK)
        return st;
    if (a->q.v[QUERY_APPS_APP].given)
        put_named(a, from);
    else
        put_all(a, from);
    return ST_OK;
}
