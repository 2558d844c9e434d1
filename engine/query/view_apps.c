/* apps and connections: what is known of each app of an account, and of each of its users.
 *
 * The catalogue rules what is shown: a built-in app shows a state only when the catalogue says so,
 * and user-level and multi-account apps show no last activity, for it would be somebody else's. */
#include "aggregators/view_apps.h"
#include "engine/query/answer.h"

#define APPS_PER_WINDOW        250
#define CONNECTIONS_PER_WINDOW 5000
#define LOOKED_AT_WORK         40 /* of a connection, or of an app on one day */

static const char *const state_names[STATE_N] = {[STATE_NONE] = "none",
                                                 [STATE_CONNECTED] = "connected",
                                                 [STATE_DISCONNECTED] = "disconnected",
                                                 [STATE_EXPIRED] = "expired",
                                                 [STATE_ERROR] = "error",
                                                 [STATE_REAUTH] = "reauth",
                                                 [STATE_UNINSTALLED] = "uninstalled"};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool put_app(struct answer *a, const struct app_summary *s, const struct catalogue_app *c)
{
    struct page *p = a->page;
    const bool hides_state = c->kind == APP_KIND_BUILT_IN && !c->shows_status;
    const bool hides_activity = c->user_level || c->multi_account;
    const int64_t sent = hides_activity ? 0 : s->sent_ms;
    const int64_t received = hides_activity ? 0 : s->received_ms;
    row_begin(p);
    row_u64(p, s->app);
    row_str_if(p, c->name);
    row_z(p, app_kind_name(c->kind));
    row_z(p, hides_state ? NULL : state_names[s->state]);
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

static enum status read_from(struct answer *a, uint64_t *from)
{
    *from = a->resumed ? read_varint(&a->cursor) : 0;
    return a->resumed && (a->cursor.bad || reader_left(&a->cursor)) ? answer_bad_cursor(a) : ST_OK;
}

enum status view_apps_answer(struct answer *a)
{
    uint64_t from;
    enum status st = read_from(a, &from);
    if (st != ST_OK)
        return st;
    if (a->q.v[QUERY_APPS_APP].given)
        put_named(a, from);
    else
        put_all(a, from);
    return ST_OK;
}

static bool put_connection(struct page *p, const struct connection *c)
{
    row_begin(p);
    row_u64_if(p, c->has_user, c->user);
    row_z(p, state_names[c->state]);
    row_time_if(p, c->since_ms);
    row_time_if(p, c->installed_ms);
    row_str_if(p, c->reason.n ? c->reason : (struct str){NULL, 0});
    row_str_if(p, c->code.n ? c->code : (struct str){NULL, 0});
    if (c->sync_known)
        row_bool(p, c->sync_on);
    else
        row_null(p);
    return row_end(p);
}

static bool take_connection(void *arg, const struct connection *c)
{
    struct answer *a = arg;
    const uint64_t place = c->has_user ? c->user + 1 : 0; /* signals without a user come first */
    const bool wanted = question_admits(&a->q, QUERY_CONNECTIONS_STATE, c->state);
    const bool rest = a->work >= a->work_max && a->work > LOOKED_AT_WORK;
    a->work += LOOKED_AT_WORK;
    if (!rest && (!wanted || (!page_full(a->page) && put_connection(a->page, c))))
        return true;
    more_from(a, place);
    return false;
}

enum status view_connections_answer(struct answer *a)
{
    uint64_t from;
    enum status st = read_from(a, &from);
    if (st != ST_OK)
        return st;
    const uint64_t app = question_number(&a->q, QUERY_CONNECTIONS_APP, 0);
    const struct connection_query q = {
        .account = a->account, .from_app = app, .from_user1 = from, .to_app = app};
    view_connections_each(&a->view, &q, take_connection, a);
    return ST_OK;
}
