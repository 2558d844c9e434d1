/* The catalogue as queries see it: what `catalog.app` said about an app of the account. */
#include "engine/query/answer.h"

#include "engine/base/hash.h"
#include "schemas/fields.h"

const char *app_kind_name(enum app_kind kind)
{
    static const char *const names[] = {[APP_KIND_PRIVATE] = "private",
                                        [APP_KIND_MARKETPLACE] = "marketplace",
                                        [APP_KIND_BUILT_IN] = "built-in"};
    return names[kind];
}

static enum app_kind kind_of(struct str text)
{
    for (enum app_kind k = APP_KIND_PRIVATE; k <= APP_KIND_BUILT_IN; k++)
        if (str_eq(text, str_of(app_kind_name(k))))
            return k;
    return APP_KIND_UNKNOWN;
}

bool catalogue_read(struct str fields, struct catalogue_app *to)
{
    enum {
        NAME,
        KIND,
        USER_LEVEL,
        MULTI_ACCOUNT,
        SHOWS_STATUS,
        DEVELOPER,
        SETTINGS_URL,
        MARKETPLACE_URL,
        ICON_URL,
        FIELDS_N
    };
    static const char *const names[] = {
        "name",      "kind",         "user_level",      "multi_account", "shows_status",
        "developer", "settings_url", "marketplace_url", "icon_url"};
    struct field_value v[FIELDS_N];
    if (!fields_get(fields, names, FIELDS_N, v))
        return false;
    to->known = true;
    to->name = v[NAME].text;
    to->developer = v[DEVELOPER].text;
    to->settings_url = v[SETTINGS_URL].text;
    to->marketplace_url = v[MARKETPLACE_URL].text;
    to->icon_url = v[ICON_URL].text;
    to->kind = kind_of(v[KIND].text);
    to->user_level = v[USER_LEVEL].number;
    to->multi_account = v[MULTI_ACCOUNT].number;
    to->shows_status = v[SHOWS_STATUS].number;
    return true;
}

bool catalogue_fields(struct answer *a, uint64_t app, struct str *fields)
{
    char text[24];
    const size_t n = text_fmt(text, sizeof(text), "%llu", (unsigned long long)app);
    const struct str key = {text, n};
    a->work += QUERY_LOOKUP;
    return view_reference(&a->view, a->account, EV_CATALOG_APP, key, fields) ||
           (a->account && view_reference(&a->view, 0, EV_CATALOG_APP, key, fields));
}

static void look_up(struct answer *a, struct catalogue_app *to)
{
    struct str fields;
    if (catalogue_fields(a, to->app, &fields) && !catalogue_read(fields, to))
        txn_fail(&a->view.txn, ST_CORRUPT);
}

static struct catalogue_app *slot_of(const struct catalogue *c, uint64_t app)
{
    uint32_t i = (uint32_t)hash_mix(app) & (c->cap - 1);
    while (c->slots[i].app && c->slots[i].app != app)
        i = (i + 1) & (c->cap - 1);
    return &c->slots[i];
}

static bool grow(struct answer *a)
{
    struct catalogue old = a->catalogue;
    const uint32_t cap = old.cap ? old.cap * 4 : 64;
    struct catalogue_app *slots = arena_alloc(a->arena, cap * sizeof *slots);
    if (!slots)
        return false;
    a->catalogue = (struct catalogue){slots, cap, old.n};
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.slots[i].app)
            *slot_of(&a->catalogue, old.slots[i].app) = old.slots[i];
    return true;
}

/* App 0 is no app and marks a free slot. */
const struct catalogue_app *catalogue_get(struct answer *a, uint64_t app)
{
    struct catalogue *c = &a->catalogue;
    CHECK(app != 0);
    if (c->n >= c->cap / 2 && !grow(a)) {
        txn_fail(&a->view.txn, ST_NO_MEMORY);
        return NULL;
    }
    struct catalogue_app *slot = slot_of(c, app);
    if (slot->app == 0) {
        slot->app = app;
        c->n++;
        look_up(a, slot);
    }
    return slot;
}
