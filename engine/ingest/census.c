/* One 32-bit fingerprint a thing in a direct-mapped cache, and one credit a hashed account and
 * kind. Collisions only use credit up faster; a false hit lets one thing too many in, once in 2^32.
 */
#include "engine/ingest/census.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

#define CREDIT_N (1u << 18) /* accounts, by hash, for each kind */
/* Accounts held to exact sets at one time; more of them are counted again and again. */
#define SETS_MAX 16

struct exact {
    uint64_t account;
    enum census_kind kind;
    bool used;
    struct value_set values;
};

struct census {
    struct census_setup setup;
    uint32_t *seen;  /* fingerprint of the thing seen last; 0: none */
    int32_t *credit; /* [CREDIT_N * CENSUS_N]; what may be new before the account is counted */
    struct exact sets[SETS_MAX];
    uint32_t next_set; /* to be replaced next */
};

/* ---- sets ---- */

bool value_set_has(const struct value_set *s, uint64_t v)
{
    if (v == 0)
        return s->has_zero;
    if (s->cap == 0)
        return false;
    for (uint32_t i = (uint32_t)hash_mix(v) & (s->cap - 1); s->slot[i] != 0;
         i = (i + 1) & (s->cap - 1))
        if (s->slot[i] == v)
            return true;
    return false;
}

static void insert(struct value_set *s, uint64_t v)
{
    uint32_t i = (uint32_t)hash_mix(v) & (s->cap - 1);

    while (s->slot[i] != 0)
        i = (i + 1) & (s->cap - 1);
    s->slot[i] = v;
}

static void grow(struct value_set *s)
{
    struct value_set old = *s;

    s->cap = old.cap == 0 ? 64 : old.cap * 2;
    s->slot = calloc(s->cap, sizeof(*s->slot));
    CHECK(s->slot != NULL);
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.slot[i] != 0)
            insert(s, old.slot[i]);
    free(old.slot);
}

void value_set_add(struct value_set *s, uint64_t v)
{
    if (value_set_has(s, v))
        return;
    s->n++;
    if (v == 0) {
        s->has_zero = true;
        return;
    }
    if (s->cap == 0 || s->n > s->cap / 2)
        grow(s);
    insert(s, v);
}

void value_set_fini(struct value_set *s)
{
    free(s->slot);
    *s = (struct value_set){0};
}

/* ---- what an event names ---- */

#define APPS        (1u << CENSUS_APPS)
#define TYPES       (1u << CENSUS_TYPES)
#define USERS       (1u << CENSUS_USERS)
#define CONNECTIONS (USERS | 1u << CENSUS_CONNECTIONS)

/* By kind of event: what it may name. */
static const uint8_t names_of_group[GROUP_N] = {
    [GROUP_API] = APPS,
    [GROUP_RECORD] = APPS | TYPES,
    [GROUP_APP] = APPS | CONNECTIONS,
    [GROUP_SYNC] = APPS | CONNECTIONS,
    [GROUP_PERMISSION] = APPS | CONNECTIONS,
    [GROUP_CATALOG_APP] = APPS,
    [GROUP_DIRECTORY_USER] = USERS,
};

static const uint8_t group_of_kind[EV_KIND_MAX] = {
#define KIND(name, number, type, group) [number] = GROUP_##group,
#include "schemas/event.def"
};

static unsigned names_of(const struct event *e)
{
    return names_of_group[group_of_kind[e->kind % EV_KIND_MAX]];
}

bool census_value(const struct event *e, enum census_kind kind, uint64_t *out)
{
    if ((names_of(e) >> kind & 1) == 0)
        return false;
    switch (kind) {
    case CENSUS_APPS:
        *out = e->app;
        return e->app != 0;
    case CENSUS_TYPES:
        *out = e->object_type;
        return census_counts_type(e->object_type);
    case CENSUS_USERS:
        *out = e->user;
        return e->has_user;
    case CENSUS_CONNECTIONS:
        *out = census_connection(e->app, e->user);
        return e->has_user && e->app != 0;
    case CENSUS_N:
        break;
    }
    CHECK(false);
    return false;
}

uint64_t census_connection(uint64_t app, uint64_t user)
{
    return hash_mix(hash_mix(app) + user);
}

const char *census_name(enum census_kind kind)
{
    static const char *const names[CENSUS_N] = {"apps", "object types", "users", "connections"};

    CHECK(kind < CENSUS_N);
    return names[kind];
}

uint32_t census_limit(const struct census *c, enum census_kind kind)
{
    return c->setup.limit[kind];
}

/* ---- admission ---- */

static struct exact *set_find(struct census *c, uint64_t account, enum census_kind kind)
{
    for (unsigned i = 0; i < SETS_MAX; i++)
        if (c->sets[i].used && c->sets[i].account == account && c->sets[i].kind == kind)
            return &c->sets[i];
    return NULL;
}

static struct exact *set_count(struct census *c, uint64_t account, enum census_kind kind)
{
    struct exact *x = &c->sets[c->next_set++ % SETS_MAX];

    value_set_fini(&x->values);
    *x = (struct exact){.account = account, .kind = kind, .used = true};
    c->setup.count(c->setup.arg, account, kind, &x->values);
    return x;
}

/* A thing not seen lately. */
static bool admit_new(struct census *c, uint64_t account, enum census_kind kind, uint64_t value)
{
    uint32_t slot = (uint32_t)hash_mix(account) & (CREDIT_N - 1);
    int32_t *credit = &c->credit[slot * CENSUS_N + kind];
    uint32_t limit = c->setup.limit[kind];
    struct exact *x;

    if (*credit > 0) {
        --*credit;
        return true;
    }
    x = set_find(c, account, kind);
    if (x == NULL)
        x = set_count(c, account, kind);
    if (!value_set_has(&x->values, value)) {
        if (x->values.n >= limit)
            return false;
        value_set_add(&x->values, value);
    }
    if (x->values.n < limit / 2) {
        *credit = (int32_t)((limit - x->values.n) / 4);
        x->used = false;
    }
    return true;
}

static void log_add(struct census_log *l, uint64_t account, enum census_kind kind, uint64_t value)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 1024 : l->cap * 2;
        l->item = realloc(l->item, l->cap * sizeof(*l->item));
        CHECK(l->item != NULL);
    }
    l->item[l->n++] = (struct census_item){account, value, kind};
}

void census_log_fini(struct census_log *l)
{
    free(l->item);
    *l = (struct census_log){0};
}

bool census_admit(struct census *c, const struct event *e, struct census_log *log,
                  enum census_kind *over)
{
    for (unsigned left = names_of(e); left != 0; left &= left - 1) {
        enum census_kind kind = (enum census_kind)__builtin_ctz(left);
        uint64_t value, hash;
        uint32_t *seen;

        if (!census_value(e, kind, &value))
            continue;
        hash = census_hash(e->account, kind, value);
        seen = &c->seen[hash & (CENSUS_SEEN_N - 1)];
        if (*seen == census_fingerprint(hash))
            continue;
        if (!admit_new(c, e->account, kind, value)) {
            *over = kind;
            return false;
        }
        *seen = census_fingerprint(hash);
        log_add(log, e->account, kind, value);
    }
    return true;
}

const uint32_t *census_seen(const struct census *c)
{
    return c->seen;
}

void census_forget(struct census *c)
{
    bool any = false;

    for (unsigned i = 0; i < SETS_MAX; i++) {
        any |= c->sets[i].used;
        c->sets[i].used = false;
    }
    /* Near a limit what was seen must have been counted, too. */
    if (any)
        memset(c->seen, 0, CENSUS_SEEN_N * sizeof(*c->seen));
}

/* ---- life ---- */

enum status census_new(const struct census_setup *setup, struct census **out)
{
    struct census *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return ST_NO_MEMORY;
    c->setup = *setup;
    c->seen = calloc(CENSUS_SEEN_N, sizeof(*c->seen));
    c->credit = calloc((size_t)CREDIT_N * CENSUS_N, sizeof(*c->credit));
    if (c->seen == NULL || c->credit == NULL) {
        census_free(&c);
        return ST_NO_MEMORY;
    }
    for (size_t i = 0; i < (size_t)CREDIT_N * CENSUS_N; i++)
        c->credit[i] = (int32_t)(setup->limit[i % CENSUS_N] / 8);
    *out = c;
    return ST_OK;
}

void census_free(struct census **cp)
{
    struct census *c = *cp;

    if (c == NULL)
        return;
    for (unsigned i = 0; i < SETS_MAX; i++)
        value_set_fini(&c->sets[i].values);
    free(c->seen);
    free(c->credit);
    free(c);
    *cp = NULL;
}
