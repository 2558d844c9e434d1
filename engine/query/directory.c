#include "engine/query/directory.h"

#include "schemas/fields.h"

bool directory_read(struct str fields, struct directory_user *to)
{
    enum { NAME, EMAIL, ROLE, SUPER_ADMIN, DEACTIVATED, FIELDS_N };
    static const char *const names[] = {"name", "email", "role", "super_admin", "deactivated"};
    struct field_value v[FIELDS_N];
    if (!fields_get(fields, names, FIELDS_N, v))
        return false;
    *to = (struct directory_user){true,         v[NAME].text,          v[EMAIL].text,
                                  v[ROLE].text, v[SUPER_ADMIN].number, v[DEACTIVATED].number};
    return true;
}

void directory_get(struct answer *a, uint64_t user, struct directory_user *out)
{
    char text[24];
    const size_t n = text_fmt(text, sizeof(text), "%llu", (unsigned long long)user);
    struct str fields;
    *out = (struct directory_user){0};
    a->work += QUERY_LOOKUP;
    if (view_reference(&a->view, a->account, EV_DIRECTORY_USER, (struct str){text, n}, &fields) &&
        !directory_read(fields, out))
        txn_fail(&a->view.txn, ST_CORRUPT);
}

/* ---- the beta ---- */

#define WORDS_MAX 2000 /* read of one account: some 2 ms */

struct words {
    struct answer *a;
    struct beta_word *best;
    uint32_t n;
};

static bool is_better(const struct beta_word *w, const struct beta_word *than)
{
    if (!than->said || w->who.super_admin != than->who.super_admin)
        return !than->said || w->who.super_admin;
    if (w->time_ms != than->time_ms)
        return w->time_ms > than->time_ms;
    return w->position > than->position;
}

static bool hear(void *arg, const struct reference_entry *e)
{
    enum { BETA, USER, FIELDS_N };
    static const char *const names[] = {"beta", "user"};
    struct field_value v[FIELDS_N];
    struct words *words = arg;
    if (!fields_get(e->fields, names, FIELDS_N, v)) {
        txn_fail(&words->a->view.txn, ST_CORRUPT);
        return false;
    }
    struct beta_word w = {.said = true,
                          .beta = v[BETA].number,
                          .user = v[USER].number,
                          .time_ms = e->time_ms,
                          .position = e->position};
    directory_get(words->a, w.user, &w.who);
    if (is_better(&w, words->best))
        *words->best = w;
    return ++words->n < WORDS_MAX;
}

void directory_beta(struct answer *a, struct beta_word *out)
{
    struct words words = {.a = a, .best = out};
    *out = (struct beta_word){0};
    view_reference_walk(
        &a->view, &(struct reference_query){.account = a->account, .kind = EV_ACCOUNT_SETTINGS},
        hear, &words);
}
