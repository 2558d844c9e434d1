#include "engine/query/inventory.h"

#define LOOKED_AT_WORK 20 /* of a connection, or of an app on one day */

/* Only attention ever asks for problems that are resolved. */
static bool wants_resolved(const struct answer *a)
{
    return a->q.view == VIEW_ATTENTION && question_number(&a->q, QUERY_ATTENTION_STATE, 0) != 0;
}

static int64_t troubled_ms(const struct answer *a)
{
    return wants_resolved(a) ? a->view.first_day * MS_PER_DAY : a->context->now_ms;
}

static struct inventory *read_window(struct answer *a, uint64_t from_app, bool with_activity)
{
    struct inventory *inv = arena_alloc(a->arena, sizeof *inv);
    const struct values *viewer = &a->q.v[QUERY_ANY_VIEWER];
    if (!inv) {
        txn_fail(&a->view.txn, ST_NO_MEMORY);
        return NULL;
    }
    inv->from_app = from_app;
    inv->with_activity = with_activity;
    view_apps(&a->view,
              &(struct apps_query){.account = a->account,
                                   .from_app = from_app,
                                   .limit = INVENTORY_APPS_MAX,
                                   .connections_max =
                                       INVENTORY_CONNECTIONS_MAX / (wants_resolved(a) ? 2 : 1),
                                   .has_viewer = viewer->given,
                                   .viewer = viewer->given ? viewer->numbers[0] : 0,
                                   .troubled = true,
                                   .troubled_ms = troubled_ms(a),
                                   .no_activity = !with_activity},
              a->arena, &inv->apps);
    a->work += inv->apps.looked_at * LOOKED_AT_WORK;
    return a->view.txn.status == ST_OK ? inv : NULL;
}

const struct inventory *inventory_get(struct answer *a, uint64_t from_app)
{
    const struct inventory *have = a->inventory;
    if (!have || have->from_app != from_app || !have->with_activity)
        a->inventory = read_window(a, from_app, true);
    return a->inventory;
}

const struct inventory *inventory_connections(struct answer *a, uint64_t from_app)
{
    if (!a->inventory || a->inventory->from_app != from_app)
        a->inventory = read_window(a, from_app, false);
    return a->inventory;
}

const struct duplicates *inventory_duplicates(struct answer *a, uint64_t from_app)
{
    const struct inventory *inv = inventory_get(a, from_app);
    if (!inv || inv->duplicates)
        return inv ? inv->duplicates : NULL;
    struct inventory *more = arena_alloc(a->arena, sizeof *more);
    const struct duplicates *found = more ? overlap_find(a, inv) : NULL;
    if (!found) {
        txn_fail(&a->view.txn, ST_NO_MEMORY);
        return NULL;
    }
    *more = *inv;
    more->duplicates = found;
    a->inventory = more;
    return found;
}

bool app_is_unused(const struct app_summary *s, int64_t now_ms, uint64_t unused_days)
{
    int64_t last_ms = s->sent_ms > s->received_ms ? s->sent_ms : s->received_ms;
    if (s->fresh_ms > last_ms)
        last_ms = s->fresh_ms;
    return now_ms - last_ms > (int64_t)unused_days * MS_PER_DAY;
}
