#include "engine/query/app_row.h"

#include "engine/query/directory.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void app_row_put(struct answer *a, const struct app_summary *s, const struct catalogue_app *c,
                 bool mine)
{
    struct page *p = a->page;
    const bool hides_state = catalogue_hides_state(c);
    const int64_t sent = catalogue_hides_activity(c) ? 0 : s->sent_ms;
    const int64_t received = catalogue_hides_activity(c) ? 0 : s->received_ms;
    struct directory_user installer = {0};
    if (s->has_installer)
        directory_get(a, s->installer, &installer);
    row_u64(p, s->app);
    row_str_if(p, c->name);
    row_str_if(p, c->developer);
    row_z(p, app_kind_name(c->kind));
    row_z(p, hides_state ? NULL : connection_state_name(mine ? s->my_state : s->state));
    row_time_if(p, hides_state ? 0 : mine ? s->my_since_ms : s->since_ms);
    row_time_if(p, s->has_install ? s->installed_ms : 0);
    row_u64_if(p, s->has_installer, s->installer);
    row_str_if(p, installer.name);
    row_time_if(p, later(sent, received));
    row_time_if(p, sent);
    row_time_if(p, received);
    row_u64(p, s->connections_n);
}

void app_row_put_links(struct answer *a, const struct catalogue_app *c)
{
    row_str_if(a->page, c->settings_url);
    row_str_if(a->page, c->marketplace_url);
    row_str_if(a->page, c->icon_url);
}

/* ---- a list ---- */

static bool admits(const struct answer *a, enum query_param_id filter, bool is)
{
    return !a->q.v[filter].given || (a->q.v[filter].numbers[0] != 0) == is;
}

static bool wanted(const struct answer *a, const struct app_rows_query *q,
                   const struct app_summary *s)
{
    if (q->mine ? !s->mine : s->mine || s->connections_n == 0)
        return false;
    return question_admits(&a->q, q->state, q->mine ? s->my_state : s->state);
}

/* False: the page is full, or something failed. */
static bool put(struct answer *a, const struct app_rows_query *q, const struct app_summary *s,
                const struct duplicates *d)
{
    const uint64_t days = question_number(&a->q, q->unused_days, 0);
    const bool unused = app_is_unused(s, a->context->now_ms, days);
    if (!admits(a, q->unused, unused) || !admits(a, q->duplicate, d->of.p != NULL))
        return true;
    const struct catalogue_app *c = catalogue_get(a, s->app);
    if (!c || page_full(a->page))
        return false;
    row_begin(a->page);
    app_row_put(a, s, c, q->mine);
    row_bool(a->page, unused);
    row_str_if(a->page, d->of);
    row_str_if(a->page, d->why);
    app_row_put_links(a, c);
    return row_end(a->page);
}

/* True: the window is through; else *from is where the next page begins. */
static bool put_window(struct answer *a, const struct app_rows_query *q,
                       const struct inventory *inv, uint64_t *from)
{
    const struct duplicates *d = inventory_duplicates(a, inv->from_app);
    for (uint32_t i = 0; d && i < inv->apps.n; i++) {
        const struct app_summary *s = &inv->apps.rows[i];
        /* The window begins with the first app of the cursor, so that duplicates are the same on
         * every page; what was answered is passed over. */
        if (s->app < *from || !wanted(a, q, s))
            continue;
        if (!put(a, q, s, &d[i])) {
            *from = s->app;
            return false;
        }
    }
    return true;
}

/* The cursor: the window, and the app in it. */
static enum status read_cursor(struct answer *a, uint64_t *window, uint64_t *from)
{
    if (!a->resumed)
        return ST_OK;
    *window = read_varint(&a->cursor);
    *from = read_varint(&a->cursor);
    return a->cursor.bad || reader_left(&a->cursor) ? answer_bad_cursor(a) : ST_OK;
}

enum status app_rows(struct answer *a, const struct app_rows_query *q)
{
    uint64_t viewer, window = 0, from = 0;
    enum status st = answer_viewer(a, &viewer);
    if (st == ST_OK)
        st = answer_check_beta(a);
    if (st == ST_OK)
        st = read_cursor(a, &window, &from);
    while (st == ST_OK) {
        const struct inventory *inv = inventory_get(a, window);
        if (!inv)
            return a->view.txn.status;
        const bool through = put_window(a, q, inv, &from);
        if (through && !inv->apps.more)
            return ST_OK;
        if (through)
            window = from = inv->apps.next_app;
        if (!through || a->work >= a->work_max) {
            buf_varint(answer_more(a), window);
            buf_varint(a->next, from);
            return ST_OK;
        }
    }
    return st;
}
