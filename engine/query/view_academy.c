/* academy: learning content about apps. */
#include "engine/query/shared.h"

static bool about_wanted_app(struct answer *a, const struct field_list *apps)
{
    if (!a->q.v[QUERY_ACADEMY_APP].given)
        return true;
    for (uint32_t i = 0; i < apps->n; i++)
        if (question_admits(&a->q, QUERY_ACADEMY_APP, apps->items[i].number))
            return true;
    return false;
}

static bool has_topic(const struct answer *a, struct str topic)
{
    const struct values *v = &a->q.v[QUERY_ACADEMY_TOPIC];
    for (uint32_t i = 0; i < v->n; i++)
        if (str_eq(v->texts[i], topic))
            return true;
    return !v->given;
}

/* "en" admits "en" and "en-GB". */
static bool has_language(const struct answer *a, struct str language)
{
    const struct values *v = &a->q.v[QUERY_ACADEMY_LANGUAGE];
    for (uint32_t i = 0; i < v->n; i++) {
        const struct str w = v->texts[i];
        if (str_eq(w, language) ||
            (language.n > w.n && language.p[w.n] == '-' && memcmp(language.p, w.p, w.n) == 0))
            return true;
    }
    return !v->given;
}

/* False: the page is full. */
static bool put(struct answer *a, const struct shared_entry *e)
{
    enum { TITLE, LINK, LANGUAGE, TOPIC, FIELDS_N };
    static const char *const names[] = {"title", "link", "language", "topic"};
    struct field_value v[FIELDS_N];
    struct field_list apps;
    struct page *p = a->page;
    if (!fields_get(e->e.fields, names, FIELDS_N, v) ||
        !fields_list(e->e.fields, "apps", a->arena, &apps)) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return false;
    }
    if (!about_wanted_app(a, &apps) || !has_topic(a, v[TOPIC].text) ||
        !has_language(a, v[LANGUAGE].text))
        return true;
    if (page_full(p))
        return false;
    row_begin(p);
    row_str(p, e->e.key);
    row_str(p, v[TITLE].text);
    row_str(p, v[LINK].text);
    row_str_if(p, v[LANGUAGE].text);
    row_str_if(p, v[TOPIC].text);
    row_str_if(p, shared_join(a, &apps, " "));
    row_z(p, shared_source(a, e));
    row_u64(p, (uint64_t)e->e.time_ms);
    return row_end(p);
}

enum status view_academy_answer(struct answer *a)
{
    return shared_page(a, EV_CATALOG_ACADEMY, put);
}
