/* recommendations: marketplace and built-in apps of the catalogue that nobody in the account has
 * connected.
 *
 * Most fitting is what accounts with the same apps have: for each connected app, the published
 * share of the accounts with it that have the other one too (aggregators/popularity.h), added up.
 * Then come apps of developers whose apps are in use, then the rest: marketplace before built-in,
 * and by number. The same tables give the same list. */
#include "aggregators/popularity.h"
#include "engine/base/check.h"
#include "engine/query/inventory.h"
#include "engine/query/shared.h"

#include <stdlib.h>

#define CATALOGUE_MAX 2000 /* entries looked at: the first ones */
#define INSTALLED_MAX 500  /* connected apps whose partners are looked up */

struct candidate {
    struct catalogue_app app;
    uint64_t score;                 /* sum of shares, in 1/10,000 */
    uint64_t accounts, accounts_of; /* of the largest share; 0: none */
    uint64_t beside;                /* the connected app of that share, or of the same developer */
};

struct list {
    struct answer *a;
    const struct inventory *inv;
    struct candidate *rows; /* in the arena; ascending app until ranked */
    uint32_t n;
};

static bool is_connected(const struct inventory *inv, uint64_t app)
{
    uint32_t from = 0, to = inv->apps.n;
    while (from < to) {
        const uint32_t mid = from + (to - from) / 2;
        if (inv->apps.rows[mid].app == app)
            return inv->apps.rows[mid].connections_n > 0;
        if (inv->apps.rows[mid].app < app)
            from = mid + 1;
        else
            to = mid;
    }
    return false;
}

/* Of apps beyond the window it is not known whether they are connected. */
static bool is_candidate(const struct list *l, const struct catalogue_app *c)
{
    return (c->kind == APP_KIND_MARKETPLACE || c->kind == APP_KIND_BUILT_IN) &&
           (!l->inv->apps.more || c->app < l->inv->apps.next_app) && !is_connected(l->inv, c->app);
}

static bool read_candidates(struct list *l)
{
    struct shared_list found;
    shared_read(l->a, EV_CATALOG_APP, (struct str){NULL, 0}, CATALOGUE_MAX, &found);
    l->rows = arena_alloc(l->a->arena, (found.n + 1) * sizeof *l->rows);
    if (!l->rows) {
        txn_fail(&l->a->view.txn, ST_NO_MEMORY);
        return false;
    }
    for (uint32_t i = 0; i < found.n; i++) {
        struct catalogue_app c = {0};
        if (text_u64(found.rows[i].e.key, &c.app) != ST_OK ||
            !catalogue_read(found.rows[i].e.fields, &c)) {
            txn_fail(&l->a->view.txn, ST_CORRUPT);
            return false;
        }
        if (is_candidate(l, &c))
            l->rows[l->n++] = (struct candidate){.app = c};
    }
    return true;
}

/* ---- fitting ---- */

static struct candidate *candidate_of(struct list *l, uint64_t app)
{
    uint32_t from = 0, to = l->n;
    while (from < to) {
        const uint32_t mid = from + (to - from) / 2;
        if (l->rows[mid].app.app == app)
            return &l->rows[mid];
        if (l->rows[mid].app.app < app)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

static void add_partners(struct list *l, uint64_t app)
{
    struct popularity p;
    l->a->work += QUERY_LOOKUP;
    if (!view_popularity(&l->a->view, app, &p) || p.accounts == 0)
        return;
    for (uint32_t i = 0; i < p.n; i++) {
        struct candidate *c = candidate_of(l, p.partners[i].app);
        if (!c)
            continue;
        c->score += p.partners[i].accounts * 10000 / p.accounts;
        if (c->accounts_of == 0 ||
            p.partners[i].accounts * c->accounts_of > c->accounts * p.accounts) {
            c->accounts = p.partners[i].accounts;
            c->accounts_of = p.accounts;
            c->beside = app;
        }
    }
}

/* Connected apps by the hash of their developer, the first of each. */
struct developer {
    uint64_t hash, app;
};

static int by_hash(const void *a, const void *b)
{
    const struct developer *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->app < y->app ? -1 : x->app > y->app;
}

static uint64_t developer_hash(const struct catalogue_app *c)
{
    return c->developer.n ? hash64(c->developer.p, c->developer.n) | 1 : 0;
}

static void add_developers(struct list *l, const uint64_t *installed, uint32_t n)
{
    struct developer *have = arena_alloc(l->a->arena, (n + 1) * sizeof *have);
    uint32_t have_n = 0;
    for (uint32_t i = 0; have && i < n; i++) {
        const struct catalogue_app *c = catalogue_get(l->a, installed[i]);
        if (c && developer_hash(c))
            have[have_n++] = (struct developer){developer_hash(c), installed[i]};
    }
    if (have_n > 1)
        qsort(have, have_n, sizeof *have, by_hash);
    for (uint32_t i = 0; i < l->n; i++) {
        const uint64_t hash = developer_hash(&l->rows[i].app);
        uint32_t from = 0, to = have_n;
        while (from < to) { /* the first of that hash */
            const uint32_t mid = from + (to - from) / 2;
            if (have[mid].hash < hash)
                from = mid + 1;
            else
                to = mid;
        }
        if (hash && !l->rows[i].accounts_of && from < have_n && have[from].hash == hash)
            l->rows[i].beside = have[from].app;
    }
}

static int by_fit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if ((x->beside == 0) != (y->beside == 0))
        return x->beside ? -1 : 1;
    if (x->app.kind != y->app.kind)
        return x->app.kind == APP_KIND_MARKETPLACE ? -1 : 1;
    return x->app.app < y->app.app ? -1 : x->app.app > y->app.app;
}

static void rank(struct list *l)
{
    const struct app_list *apps = &l->inv->apps;
    uint64_t *installed = arena_alloc(l->a->arena, INSTALLED_MAX * sizeof *installed);
    uint32_t n = 0;
    for (uint32_t i = 0; installed && i < apps->n && n < INSTALLED_MAX; i++)
        if (apps->rows[i].connections_n)
            installed[n++] = apps->rows[i].app;
    for (uint32_t i = 0; l->a->context->popularity && i < n; i++)
        add_partners(l, installed[i]);
    add_developers(l, installed, n);
    if (l->n > 1)
        qsort(l->rows, l->n, sizeof *l->rows, by_fit);
}

/* ---- writing ---- */

/* The name of an app, or "app 45". */
static struct str name_of(struct answer *a, uint64_t app, char buf[static 32])
{
    const struct catalogue_app *c = catalogue_get(a, app);
    if (c && c->name.n)
        return c->name;
    return (struct str){buf, text_fmt(buf, 32, "app %llu", (unsigned long long)app)};
}

static void say_why(struct answer *a, const struct candidate *c, char why[static 800])
{
    char buf[32];
    struct str beside = {NULL, 0};
    if (c->beside)
        beside = name_of(a, c->beside, buf);
    if (c->accounts_of)
        text_fmt(why, 800, "%llu of %llu accounts with %.*s have it too",
                 (unsigned long long)c->accounts, (unsigned long long)c->accounts_of, (int)beside.n,
                 beside.p);
    else if (c->beside)
        text_fmt(why, 800, "by %.*s, who made %.*s", (int)c->app.developer.n, c->app.developer.p,
                 (int)beside.n, beside.p);
    else
        text_fmt(why, 800, "%s",
                 c->app.kind == APP_KIND_MARKETPLACE ? "in the marketplace, connected by nobody yet"
                                                     : "built in, connected by nobody yet");
}

static bool put(struct answer *a, const struct candidate *c, uint32_t place)
{
    char why[800];
    struct page *p = a->page;
    if (page_full(p))
        return false;
    say_why(a, c, why);
    row_begin(p);
    row_u64(p, place);
    row_u64(p, c->app.app);
    row_str_if(p, c->app.name);
    row_str_if(p, c->app.developer);
    row_z(p, app_kind_name(c->app.kind));
    row_z(p, why);
    row_u64_if(p, c->accounts_of != 0, c->accounts);
    row_u64_if(p, c->accounts_of != 0, c->accounts_of);
    row_str_if(p, c->app.marketplace_url);
    row_str_if(p, c->app.icon_url);
    return row_end(p);
}

enum status view_recommendations_answer(struct answer *a)
{
    struct list l = {.a = a};
    uint64_t from;
    enum status st = answer_check_beta(a);
    if (st == ST_OK)
        st = answer_read_place(a, &from);
    if (st != ST_OK)
        return st;
    l.inv = inventory_connections(a, 0);
    if (!l.inv || !read_candidates(&l))
        return a->view.txn.status;
    rank(&l);
    for (uint64_t i = from; i < l.n; i++)
        if (!put(a, &l.rows[i], (uint32_t)i + 1)) {
            buf_varint(answer_more(a), i);
            break;
        }
    return a->view.txn.status;
}
