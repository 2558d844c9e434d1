/* permissions: what an app may do, feature by feature.
 *
 * The catalogue says which scopes the app needs (required_scopes) and which feature each further
 * one unlocks (optional_scopes, "scope=feature"); permission events say which were granted. A
 * feature is authorized  all its scopes are granted update      it is what the app needs at all, or
 * granted in part: the app works with less than the catalogue says by now, until somebody updates
 * its permissions reauth      none of an optional feature is granted, or an event demanded
 * re-authentication: it is available after that Where no event ever granted anything, an installed
 * app has what it requires: whoever connected it has agreed to that. */
#include "engine/query/shared.h"

#include <stdlib.h>

enum feature_status { FEATURE_AUTHORIZED, FEATURE_UPDATE, FEATURE_REAUTH }; /* words of query.def */
static const char *const status_names[] = {"authorized", "update", "reauth"};

/* One scope, by whoever knows it. */
struct permit {
    struct str feature; /* empty: what the app needs at all */
    struct str scope;
    bool granted, reauth;
    int64_t since_ms; /* 0: no event spoke of it */
};

struct permits {
    struct answer *a;
    struct permit *rows; /* in the arena; by (feature, scope) in the end */
    uint32_t n, cap;
    struct scope_list said;
    bool any_granted; /* some event granted something: then what it left out is not granted */
    bool standing;    /* somebody has the app connected */
};

static int text_order(struct str a, struct str b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_feature(const void *a, const void *b)
{
    const struct permit *x = a, *y = b;
    const int order = text_order(x->feature, y->feature);
    return order ? order : text_order(x->scope, y->scope);
}

/* What events said of a scope; NULL: nothing. */
static const struct scope *said_of(const struct permits *l, struct str scope)
{
    for (uint32_t i = 0; i < l->said.n; i++)
        if (str_eq(l->said.rows[i].name, scope))
            return &l->said.rows[i];
    return NULL;
}

static bool has(const struct permits *l, struct str scope)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (str_eq(l->rows[i].scope, scope))
            return true;
    return false;
}

static void add(struct permits *l, struct str scope, struct str feature, bool required)
{
    if (l->n == l->cap || has(l, scope))
        return;
    const struct scope *said = said_of(l, scope);
    struct permit *p = &l->rows[l->n++];
    *p = (struct permit){.feature = feature, .scope = scope};
    if (said) {
        p->granted = said->said == EV_PERMISSION_GRANTED;
        p->reauth = said->said == EV_PERMISSION_REAUTH;
        p->since_ms = said->since_ms;
    } else {
        p->granted = required && !l->any_granted && l->standing;
    }
}

/* "scope=feature" */
static void add_optional(struct permits *l, struct str pair)
{
    const char *eq = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
    const size_t n = eq ? (size_t)(eq - pair.p) : pair.n;
    const struct str scope = {pair.p, n};
    add(l, scope, eq ? (struct str){eq + 1, pair.n - n - 1} : scope, false);
}

static void add_catalogued(struct permits *l, uint64_t app)
{
    struct field_list required, optional;
    struct str fields;
    if (!catalogue_fields(l->a, app, &fields))
        return;
    if (!fields_list(fields, "required_scopes", l->a->arena, &required) ||
        !fields_list(fields, "optional_scopes", l->a->arena, &optional)) {
        txn_fail(&l->a->view.txn, ST_CORRUPT);
        return;
    }
    for (uint32_t i = 0; i < required.n; i++)
        add(l, required.items[i].text, STR(""), true);
    for (uint32_t i = 0; i < optional.n; i++)
        add_optional(l, optional.items[i].text);
}

static bool see_connection(void *arg, const struct connection *c)
{
    struct permits *l = arg;
    l->standing = c->state != STATE_NONE && c->state != STATE_UNINSTALLED;
    return !l->standing;
}

static bool read_permits(struct permits *l, uint64_t app)
{
    struct answer *a = l->a;
    view_connections_each(
        &a->view, &(struct connection_query){.account = a->account, .from_app = app, .to_app = app},
        see_connection, l);
    view_scopes(&a->view, a->account, app, a->arena, &l->said);
    for (uint32_t i = 0; i < l->said.n; i++)
        l->any_granted |= l->said.rows[i].said == EV_PERMISSION_GRANTED;
    l->cap = l->said.n + 2 * 256; /* lists of the catalogue have at most 256 each */
    l->rows = arena_alloc(a->arena, l->cap * sizeof *l->rows);
    if (!l->rows) {
        txn_fail(&a->view.txn, ST_NO_MEMORY);
        return false;
    }
    add_catalogued(l, app);
    for (uint32_t i = 0; i < l->said.n; i++)
        add(l, l->said.rows[i].name, l->said.rows[i].feature, false);
    if (l->n > 1)
        qsort(l->rows, l->n, sizeof *l->rows, by_feature);
    return a->view.txn.status == ST_OK;
}

/* ---- writing ---- */

static enum feature_status status_of(const struct permit *p, uint32_t n)
{
    uint32_t granted = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (p[i].reauth)
            return FEATURE_REAUTH;
        granted += p[i].granted;
    }
    if (granted == n)
        return FEATURE_AUTHORIZED;
    return granted || p->feature.n == 0 ? FEATURE_UPDATE : FEATURE_REAUTH;
}

/* Names of the scopes, or of those that are not granted; p == NULL: none. */
static struct str scopes_text(struct answer *a, const struct permit *p, uint32_t n, bool missing)
{
    struct field_value *items = arena_alloc(a->arena, (n + 1) * sizeof *items);
    struct field_list list = {items, 0};
    if (!items) {
        txn_fail(&a->view.txn, ST_NO_MEMORY);
        return (struct str){NULL, 0};
    }
    for (uint32_t i = 0; i < n; i++)
        if (!missing || !p[i].granted)
            items[list.n++] = (struct field_value){.type = FIELD_TEXT, .text = p[i].scope};
    return shared_join(a, &list, " ");
}

static bool put(struct answer *a, const struct permit *p, uint32_t n)
{
    const enum feature_status status = status_of(p, n);
    int64_t since_ms = 0;
    if (!question_admits(&a->q, QUERY_PERMISSIONS_STATUS, status))
        return true;
    if (page_full(a->page))
        return false;
    for (uint32_t i = 0; i < n; i++)
        since_ms = p[i].since_ms > since_ms ? p[i].since_ms : since_ms;
    row_begin(a->page);
    row_str_if(a->page, p->feature.n ? p->feature : (struct str){NULL, 0});
    row_z(a->page, status_names[status]);
    row_str(a->page, scopes_text(a, p, n, false));
    row_str_if(a->page, scopes_text(a, p, n, true));
    row_time_if(a->page, since_ms);
    return row_end(a->page);
}

enum status view_permissions_answer(struct answer *a)
{
    struct permits l = {.a = a};
    uint64_t from;
    enum status st = answer_read_place(a, &from);
    if (st != ST_OK)
        return st;
    if (!read_permits(&l, question_number(&a->q, QUERY_PERMISSIONS_APP, 0)))
        return a->view.txn.status;
    for (uint32_t i = 0, end; i < l.n; i = end) {
        for (end = i + 1; end < l.n && str_eq(l.rows[end].feature, l.rows[i].feature);)
            end++;
        if (i >= from && !put(a, &l.rows[i], end - i)) {
            buf_varint(answer_more(a), i);
            break;
        }
    }
    return a->view.txn.status;
}
