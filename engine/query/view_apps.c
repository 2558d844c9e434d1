/* apps and connections: what is known of each app of an account, and of each of its users.
 *
 * The catalogue rules what is shown: a built-in app shows a state only when the catalogue says so,
 * and user-level and multi-account apps show no last activity, for it would be somebody else's. */
#include "engine/query/answer.h"

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
        const struct app_summary *row;
        uint32_t n;
        bool more;
        uint64_t at = apps->numbers[i];
        if (at < from)
            continue;
        view_apps(&a->view, a->account, at, 1, a->arena, &row, &n, &more);
        n = n && row[0].app == at;
        if (!put_apps(a, row, n, &at)) {
            more_from(a, at);
            return;
        }
        if (!answer_worked(a, 64 * QUERY_LOOKUP) && i + 1 < apps->n) {
            more_from(a, at + 1);
            return;
        }
    }
}

static void put_all(struct answer *a, uint64_t from)
{
    const struct app_summary *rows;
    uint32_t n;
    bool more;
    view_apps(&a->view, a->account, from, a->page->rows_max, a->arena, &rows, &n, &more);
    uint64_t at = from;
    if (!put_apps(a, rows, n, &at))
        more_from(a, at);
    else if (more)
        more_from(a, at + 1);
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
    row_u64(p, c->user);
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

enum status view_connections_answer(struct answer *a)
{
    uint64_t from;
    enum status st = read_from(a, &from);
    if (st != ST_OK)
        return st;
    const struct connection *rows;
    uint32_t n;
    const uint64_t app = question_number(&a->q, QUERY_CONNECTIONS_APP, 0);
    view_connections(&a->view, a->account, &app, a->arena, &rows, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i].user < from || !question_admits(&a->q, QUERY_CONNECTIONS_STATE, rows[i].state))
            continue;
        if (page_full(a->page) || !put_connection(a->page, &rows[i])) {
            more_from(a, rows[i].user);
            break;
        }
    }
    return ST_OK;
}
