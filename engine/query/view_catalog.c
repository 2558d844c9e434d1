/* catalog: the apps that may be known, an account's own rows before the common ones. */
#include "engine/query/shared.h"

static const enum app_kind kinds[] = {APP_KIND_PRIVATE, APP_KIND_MARKETPLACE, APP_KIND_BUILT_IN};

static bool has_kind(const struct answer *a, enum app_kind kind)
{
    const struct values *v = &a->q.v[QUERY_CATALOG_KIND];
    for (uint32_t i = 0; i < v->n; i++)
        if (kinds[v->numbers[i]] == kind)
            return true;
    return !v->given;
}

/* False: the page is full. */
static bool put(struct answer *a, const struct shared_entry *e)
{
    struct catalogue_app c = {0};
    struct page *p = a->page;
    if (!catalogue_read(e->e.fields, &c) || text_u64(e->e.key, &c.app) != ST_OK) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return false;
    }
    if (!question_admits(&a->q, QUERY_CATALOG_APP, c.app) || !has_kind(a, c.kind))
        return true;
    if (page_full(p))
        return false;
    row_begin(p);
    row_u64(p, c.app);
    row_z(p, shared_source(a, e));
    row_str_if(p, c.name);
    row_str_if(p, c.developer);
    row_z(p, app_kind_name(c.kind));
    row_bool(p, c.user_level);
    row_bool(p, c.multi_account);
    row_bool(p, c.shows_status);
    row_str_if(p, shared_list_text(a, e->e.fields, "required_scopes", " "));
    row_str_if(p, shared_list_text(a, e->e.fields, "optional_scopes", ", "));
    row_str_if(p, c.marketplace_url);
    row_str_if(p, c.settings_url);
    row_str_if(p, c.icon_url);
    row_u64(p, (uint64_t)e->e.time_ms);
    row_u64(p, e->e.position);
    return row_end(p);
}

enum status view_catalog_answer(struct answer *a)
{
    return shared_page(a, EV_CATALOG_APP, put);
}
