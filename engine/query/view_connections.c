/* connections: the users of one app, by the directory, and how their connections stand. */
#include "engine/query/directory.h"

#define LOOKED_AT_WORK 20

struct walk {
    struct answer *a;
    bool hides_state;
};

static struct str or_null(struct str s)
{
    return s.n ? s : (struct str){NULL, 0};
}

static void row_bool_if(struct page *p, bool known, bool v)
{
    if (known)
        row_bool(p, v);
    else
        row_null(p);
}

static bool put(const struct walk *w, const struct connection *c)
{
    struct page *p = w->a->page;
    struct directory_user user = {0};
    if (page_full(p))
        return false;
    if (c->has_user)
        directory_get(w->a, c->user, &user);
    row_begin(p);
    row_u64_if(p, c->has_user, c->user);
    row_str_if(p, user.name);
    row_str_if(p, user.email);
    row_bool_if(p, user.known, user.deactivated);
    row_z(p, w->hides_state ? NULL : connection_state_name(c->state));
    row_time_if(p, w->hides_state ? 0 : c->since_ms);
    row_time_if(p, c->installed_ms);
    row_str_if(p, w->hides_state ? or_null((struct str){0}) : or_null(c->reason));
    row_str_if(p, w->hides_state ? or_null((struct str){0}) : or_null(c->code));
    row_bool_if(p, c->sync_known, c->sync_on);
    return row_end(p);
}

static bool take(void *arg, const struct connection *c)
{
    const struct walk *w = arg;
    struct answer *a = w->a;
    const uint64_t place = c->has_user ? c->user + 1 : 0; /* signals without a user come first */
    const bool wanted = question_admits(&a->q, QUERY_CONNECTIONS_STATE, c->state);
    const bool rest = a->work >= a->work_max && a->work > 2 * QUERY_LOOKUP;
    a->work += LOOKED_AT_WORK;
    if (!rest && (!wanted || put(w, c)))
        return true;
    buf_varint(answer_more(a), place);
    return false;
}

enum status view_connections_answer(struct answer *a)
{
    struct walk w = {.a = a};
    const uint64_t app = question_number(&a->q, QUERY_CONNECTIONS_APP, 0);
    uint64_t from;
    enum status st = answer_read_place(a, &from);
    if (st != ST_OK)
        return st;
    const struct catalogue_app *c = catalogue_get(a, app);
    if (!c)
        return a->view.txn.status;
    w.hides_state = catalogue_hides_state(c);
    view_connections_each(
        &a->view,
        &(struct connection_query){
            .account = a->account, .from_app = app, .from_user1 = from, .to_app = app},
        take, &w);
    return a->view.txn.status;
}
