/* What an action is about: looked for before the request is taken, in a view of its own, so that a
 * request cannot stand in the log for something that nobody has ever heard of. */
#include "engine/query/answer.h"

#include "schemas/action.h"

static bool found(void *arg, const struct connection *c)
{
    (void)c;
    *(bool *)arg = true;
    return false;
}

struct wanted {
    uint64_t user1;
    bool is;
};

static bool is_of_user(void *arg, const struct connection *c)
{
    struct wanted *w = arg;
    w->is = !c->has_user || c->user + 1 == w->user1;
    return false;
}

/* Any connection of the app, whoever has it and however it stands. */
static bool has_connection(struct answer *a, uint64_t app)
{
    bool any = false;
    view_connections_each(
        &a->view, &(struct connection_query){.account = a->account, .from_app = app, .to_app = app},
        found, &any);
    return any;
}

/* That of the user, or signals that name none and so are about every user's. */
static bool user_has_connection(struct answer *a, uint64_t app, uint64_t user)
{
    const uint64_t from[] = {0, user + 1};
    struct wanted w = {.user1 = user + 1};
    for (size_t i = 0; i < N_OF(from) && !w.is; i++)
        view_connections_each(
            &a->view,
            &(struct connection_query){
                .account = a->account, .from_app = app, .from_user1 = from[i], .to_app = app},
            is_of_user, &w);
    return w.is;
}

static bool is_known_app(struct answer *a, uint64_t app)
{
    struct app_list apps;
    struct str fields;
    if (catalogue_fields(a, app, &fields))
        return true;
    view_apps(&a->view, &(struct apps_query){.account = a->account, .from_app = app, .limit = 1},
              a->arena, &apps);
    return apps.n > 0 && apps.rows[0].app == app;
}

enum status query_action_target(const struct query_context *c, const struct action *action,
                                char why[static 256])
{
    struct arena arena = {0};
    struct answer a = {.context = c, .arena = &arena, .account = action->account};
    const unsigned long long account = action->account, app = action->app, user = action->user;
    const bool of_user = action->kind != EV_ACTION_INSTALL && action->kind != EV_ACTION_UNINSTALL;
    const char *bound;
    bool is;
    view_open(c->days, c->gens, c->gens_n, &a.view);
    a.view.today = day_of_ms(c->now_ms);
    a.view.first_day = answer_first_day(c, &bound);
    if (action->kind == EV_ACTION_INSTALL)
        is = is_known_app(&a, action->app);
    else
        is = of_user ? user_has_connection(&a, action->app, action->user)
                     : has_connection(&a, action->app);
    const enum status st = a.view.txn.status;
    view_close(&a.view);
    arena_fini(&arena);
    if (st != ST_OK || is)
        return st;
    if (of_user)
        text_fmt(why, 256, "account %llu has no connection of user %llu to app %llu", account, user,
                 app);
    else
        text_fmt(why, 256, "account %llu has no app %llu%s", account, app,
                 action->kind == EV_ACTION_INSTALL ? ", nor is it in the catalogue" : "");
    return ST_NOT_FOUND;
}
