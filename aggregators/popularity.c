/* Counting which apps are connected together: first the accounts go by and each adds its apps and
 * pairs to rows of counts, then the apps go by and each has its most frequent partners published. A
 * mark in the meta table says how far it is, so a restart goes on from there. */
#include "aggregators/popularity.h"

#include "aggregators/connection.h"
#include "aggregators/merge.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#define POPULARITY_KEY_MAX (1 + 9 + 9)

enum phase { PHASE_IDLE, PHASE_COUNT, PHASE_RANK };
enum popularity_row { ROW_APP = 'c', ROW_PAIR = 'p', ROW_RANK = 'r' };

struct sweep {
    struct txn t;
    uint64_t at;     /* next account or app */
    uint32_t budget; /* rows left to this slice */
};

static void spend(struct sweep *s)
{
    if (s->budget)
        s->budget--;
}

static size_t row_key(uint8_t key[static POPULARITY_KEY_MAX], enum popularity_row row, uint64_t app)
{
    key[0] = (uint8_t)row;
    return (size_t)(put_ordered(key + 1, app) - key);
}

static size_t pair_key(uint8_t key[static POPULARITY_KEY_MAX], uint64_t app, uint64_t with)
{
    return (size_t)(put_ordered(key + row_key(key, ROW_PAIR, app), with) - key);
}

/* ---- counting ---- */

static void count_one(struct sweep *s, const uint8_t *key, size_t key_n)
{
    uint8_t value[10];
    struct span old;
    uint64_t n = 0;
    if (txn_get(&s->t, DAYS_POPULARITY, key, key_n, &old)) {
        struct reader r = reader_of(old.p, old.n);
        n = read_varint(&r);
        if (r.bad)
            txn_fail(&s->t, ST_CORRUPT);
    }
    txn_put(&s->t, DAYS_POPULARITY, key, key_n, value, (size_t)(put_varint(value, n + 1) - value));
    spend(s);
}

static bool in_catalogue(struct sweep *s, uint64_t app)
{
    char key[24];
    const size_t n = text_fmt(key, sizeof key, "%llu", (unsigned long long)app);
    spend(s);
    return reference_stored(&s->t, 0, EV_CATALOG_APP, (struct str){key, n});
}

/* The apps that the account at the cursor has connected, ascending; the cursor moves behind it. */
static uint32_t apps_of(struct sweep *s, struct cur *c, uint64_t apps[POPULARITY_APPS_MAX])
{
    uint8_t prefix[CONNECTION_KEY_MAX];
    const size_t prefix_n = (size_t)(put_ordered(prefix, s->at) - prefix);
    uint64_t seen = 0; /* app known to be connected, or not to be of interest */
    uint32_t n = 0;
    for (; cur_has_prefix(c, prefix, prefix_n); (void)cur_next(c)) {
        struct reader k = reader_of((const uint8_t *)c->key.p + prefix_n, c->key.n - prefix_n);
        struct connection found = {0};
        const uint64_t app = read_ordered(&k);
        spend(s);
        if (app == seen || n == POPULARITY_APPS_MAX)
            continue;
        if (connection_read(c->val, &found)) {
            txn_fail(&s->t, ST_CORRUPT);
            break;
        }
        if (found.state == STATE_NONE || found.state == STATE_UNINSTALLED)
            continue;
        seen = app;
        if (in_catalogue(s, app))
            apps[n++] = app;
    }
    return n;
}

static void count_account(struct sweep *s, const uint64_t *apps, uint32_t n)
{
    uint8_t key[POPULARITY_KEY_MAX];
    for (uint32_t i = 0; i < n; i++) {
        count_one(s, key, row_key(key, ROW_APP, apps[i]));
        for (uint32_t k = 0; k < n; k++)
            if (k != i)
                count_one(s, key, pair_key(key, apps[i], apps[k]));
    }
}

/* True when every account was counted. Account 0 has only the catalogue. */
static bool count_slice(struct sweep *s)
{
    bool done = false;
    while (!done && s->budget && s->t.status == ST_OK) {
        uint64_t apps[POPULARITY_APPS_MAX];
        uint8_t key[CONNECTION_KEY_MAX];
        struct cur c;
        uint32_t n = 0;
        const size_t key_n = (size_t)(put_ordered(key, s->at ? s->at : 1) - key);
        cur_open(&s->t, DAYS_CONNECTION, &c);
        done = !cur_seek(&c, key, key_n);
        if (!done) {
            struct reader k = reader_of(c.key.p, c.key.n);
            s->at = read_ordered(&k);
            n = apps_of(s, &c, apps);
        }
        cur_close(&c);
        count_account(s, apps, n);
        s->at++;
    }
    return done;
}

/* ---- publishing ---- */

/* Let a partner into the list, which is by falling count. Rows come by ascending app. */
static void rank_one(struct popularity *to, uint64_t app, uint64_t accounts)
{
    uint32_t at = to->n;
    if (accounts < POPULARITY_ACCOUNTS_MIN)
        return;
    while (at > 0 && to->partners[at - 1].accounts < accounts)
        at--;
    if (at == POPULARITY_PARTNERS_MAX)
        return;
    if (to->n < POPULARITY_PARTNERS_MAX)
        to->n++;
    for (uint32_t i = to->n - 1; i > at; i--)
        to->partners[i] = to->partners[i - 1];
    to->partners[at].app = app;
    to->partners[at].accounts = accounts;
}

/* Take the pairs of an app out of the table into the list. */
static void take_pairs(struct sweep *s, uint64_t app, struct popularity *to)
{
    uint8_t key[POPULARITY_KEY_MAX];
    const size_t key_n = row_key(key, ROW_PAIR, app);
    struct cur c;
    cur_open(&s->t, DAYS_POPULARITY, &c);
    (void)cur_seek(&c, key, key_n); /* c.on says the same */
    while (cur_has_prefix(&c, key, key_n)) {
        struct reader k = reader_of((const uint8_t *)c.key.p + key_n, c.key.n - key_n);
        struct reader r = reader_of(c.val.p, c.val.n);
        rank_one(to, read_ordered(&k), read_varint(&r));
        if (k.bad || r.bad)
            txn_fail(&s->t, ST_CORRUPT);
        cur_del(&c);
        spend(s);
    }
    cur_close(&c);
}

/* Delete what an earlier count published of apps from..to, `to` left out. */
static void drop_ranks(struct sweep *s, uint64_t from, uint64_t to)
{
    uint8_t key[POPULARITY_KEY_MAX];
    struct cur c;
    cur_open(&s->t, DAYS_POPULARITY, &c);
    (void)cur_seek(&c, key, row_key(key, ROW_RANK, from));
    while (c.on && *(const uint8_t *)c.key.p == ROW_RANK) {
        struct reader k = reader_of((const uint8_t *)c.key.p + 1, c.key.n - 1);
        if (read_ordered(&k) >= to)
            break;
        cur_del(&c);
        spend(s);
    }
    cur_close(&c);
}

static void publish(struct sweep *s, uint64_t app, const struct popularity *p)
{
    uint8_t key[POPULARITY_KEY_MAX];
    struct buf value = buf_of(1024);
    value_begin(&value);
    buf_varint(&value, p->accounts);
    buf_varint(&value, p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        buf_varint(&value, p->partners[i].app);
        buf_varint(&value, p->partners[i].accounts);
    }
    value_seal(&value);
    txn_put(&s->t, DAYS_POPULARITY, key, row_key(key, ROW_RANK, app), value.p, value.n);
    buf_fini(&value);
    spend(s);
}

/* The next counted app, taken out of the table; false: none is left. */
static bool take_app(struct sweep *s, uint64_t *app, uint64_t *accounts)
{
    const uint8_t first = ROW_APP;
    struct cur c;
    cur_open(&s->t, DAYS_POPULARITY, &c);
    const bool on = cur_seek(&c, &first, 1) && *(const uint8_t *)c.key.p == ROW_APP;
    if (on) {
        struct reader k = reader_of((const uint8_t *)c.key.p + 1, c.key.n - 1);
        struct reader r = reader_of(c.val.p, c.val.n);
        *app = read_ordered(&k);
        *accounts = read_varint(&r);
        if (k.bad || r.bad)
            txn_fail(&s->t, ST_CORRUPT);
        cur_del(&c);
    }
    cur_close(&c);
    return on;
}

/* True when every app was published. */
static bool rank_slice(struct sweep *s)
{
    while (s->budget && s->t.status == ST_OK) {
        uint64_t app = 0;
        struct popularity p = {0};
        if (!take_app(s, &app, &p.accounts)) {
            drop_ranks(s, s->at, UINT64_MAX);
            return true;
        }
        take_pairs(s, app, &p);
        drop_ranks(s, s->at, app + 1);
        if (p.n)
            publish(s, app, &p);
        s->at = app + 1;
    }
    return false;
}

enum status days_sweep(struct store *days, uint32_t rows_max, bool *more)
{
    struct sweep s = {.budget = rows_max};
    CHECK(rows_max > 0);
    txn_begin(days, true, &s.t);
    enum phase phase = (enum phase)meta_get(&s.t, META_POPULARITY_PHASE, PHASE_IDLE);
    s.at = phase == PHASE_IDLE ? 0 : meta_get(&s.t, META_POPULARITY_AT, 0);
    if (phase == PHASE_RANK) {
        phase = rank_slice(&s) ? PHASE_IDLE : PHASE_RANK;
    } else {
        phase = count_slice(&s) ? PHASE_RANK : PHASE_COUNT;
        s.at = phase == PHASE_RANK ? 0 : s.at;
    }
    meta_put(&s.t, META_POPULARITY_PHASE, phase);
    meta_put(&s.t, META_POPULARITY_AT, s.at);
    const enum status st = txn_commit(&s.t);
    if (st == ST_OK)
        *more = phase != PHASE_IDLE;
    return st;
}

/* ---- reading ---- */

bool view_popularity(struct view *v, uint64_t app, struct popularity *out)
{
    uint8_t key[POPULARITY_KEY_MAX];
    struct span value;
    struct reader r;
    if (!txn_get(&v->txn, DAYS_POPULARITY, key, row_key(key, ROW_RANK, app), &value))
        return false;
    *out = (struct popularity){0};
    if (value_open(value, &r)) {
        txn_fail(&v->txn, ST_CORRUPT);
        return false;
    }
    out->accounts = read_varint(&r);
    const uint64_t n = read_varint(&r);
    for (uint64_t i = 0; i < n && i < POPULARITY_PARTNERS_MAX; i++) {
        out->partners[i].app = read_varint(&r);
        out->partners[i].accounts = read_varint(&r);
        out->n++;
    }
    if (r.bad || n > POPULARITY_PARTNERS_MAX) {
        txn_fail(&v->txn, ST_CORRUPT);
        return false;
    }
    return true;
}
