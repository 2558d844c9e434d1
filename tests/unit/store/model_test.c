/* Random reads, writes and walks of a cursor against a sorted array. */
#include "tests/unit/store/harness.h"

#include "tests/draw.h"

#define MODEL_MAX 600

struct pair {
    uint8_t key[24];
    size_t key_n;
    uint8_t val[3000];
    size_t val_n;
};

struct model {
    struct pair *at[MODEL_MAX];
    size_t n;
};

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    return draw(&seed, below);
}

static int pair_cmp(const struct pair *p, const uint8_t *key, size_t key_n)
{
    size_t n = p->key_n < key_n ? p->key_n : key_n;
    int c = memcmp(p->key, key, n);
    return c != 0 ? c : (p->key_n > key_n) - (p->key_n < key_n);
}

/* Index of the first pair >= key. */
static size_t model_seek(const struct model *m, const uint8_t *key, size_t key_n)
{
    size_t i = 0;
    while (i < m->n && pair_cmp(m->at[i], key, key_n) < 0)
        i++;
    return i;
}

static bool model_has(const struct model *m, size_t i, const uint8_t *key, size_t key_n)
{
    return i < m->n && pair_cmp(m->at[i], key, key_n) == 0;
}

static size_t model_put(struct model *m, const struct pair *p)
{
    size_t i = model_seek(m, p->key, p->key_n);
    if (!model_has(m, i, p->key, p->key_n)) {
        CHECK(m->n < MODEL_MAX);
        memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(m->at[0]));
        m->at[i] = malloc(sizeof(*p));
        m->n++;
    }
    *m->at[i] = *p;
    return i;
}

static void model_del(struct model *m, size_t i)
{
    free(m->at[i]);
    m->n--;
    memmove(m->at + i, m->at + i + 1, (m->n - i) * sizeof(m->at[0]));
}

static void model_clear(struct model *m)
{
    while (m->n > 0)
        model_del(m, m->n - 1);
}

static void model_copy(struct model *to, const struct model *from)
{
    model_clear(to);
    for (size_t i = 0; i < from->n; i++) {
        to->at[i] = malloc(sizeof(struct pair));
        *to->at[i] = *from->at[i];
    }
    to->n = from->n;
}

static void random_pair(struct pair *p)
{
    p->key_n = 1 + rnd(3);
    for (size_t i = 0; i < p->key_n; i++)
        p->key[i] = (uint8_t)rnd(8);
    /* Mostly small; some need overflow pages. */
    p->val_n = rnd(10) == 0 ? rnd(sizeof(p->val)) : rnd(40);
    memset(p->val, (int)rnd(256), p->val_n);
}

static void assert_stands(const struct cur *c, const struct model *m, size_t i)
{
    assert_int_equal(c->on, i < m->n);
    if (!c->on)
        return;
    assert_int_equal(c->key.n, m->at[i]->key_n);
    assert_memory_equal(c->key.p, m->at[i]->key, c->key.n);
    assert_int_equal(c->val.n, m->at[i]->val_n);
    assert_memory_equal(c->val.p, m->at[i]->val, c->val.n);
}

static void assert_same(struct txn *t, const struct model *m)
{
    struct cur c;
    cur_open(t, T_A, &c);
    size_t i = 0;
    for (cur_first(&c); c.on; cur_next(&c))
        assert_stands(&c, m, i++);
    assert_int_equal(i, m->n);
    for (cur_last(&c); c.on; cur_prev(&c))
        assert_stands(&c, m, --i);
    assert_int_equal(i, 0);
    cur_close(&c);
}

/* A random step by keys. */
static void step_key(struct txn *t, struct model *m)
{
    struct pair p;
    random_pair(&p);
    size_t i = model_seek(m, p.key, p.key_n);
    bool there = model_has(m, i, p.key, p.key_n);
    struct span v;
    switch (rnd(4)) {
    case 0:
        assert_int_equal(txn_get(t, T_A, p.key, p.key_n, &v), there);
        if (there)
            assert_memory_equal(v.p, m->at[i]->val, m->at[i]->val_n);
        break;
    case 1:
        assert_int_equal(txn_del(t, T_A, p.key, p.key_n), there);
        if (there)
            model_del(m, i);
        break;
    case 2: {
        void *room = txn_reserve(t, T_A, p.key, p.key_n, p.val_n, false);
        assert_non_null(room);
        memcpy(room, p.val, p.val_n);
        model_put(m, &p);
        break;
    }
    default:
        txn_put(t, T_A, p.key, p.key_n, p.val, p.val_n);
        model_put(m, &p);
    }
}

/* A random walk of one cursor that also writes where it stands. */
static void walk(struct txn *t, struct model *m)
{
    struct pair p;
    struct cur c;
    cur_open(t, T_A, &c);
    random_pair(&p);
    size_t i = model_seek(m, p.key, p.key_n);
    if (rnd(2) == 0) {
        cur_seek(&c, p.key, p.key_n);
    } else {
        cur_seek_before(&c, p.key, p.key_n);
        i = i > 0 ? i - 1 : m->n;
    }
    for (uint64_t steps = rnd(30); steps > 0; steps--) {
        assert_stands(&c, m, i);
        uint64_t what = rnd(6);
        if (what == 0) { /* anywhere */
            random_pair(&p);
            cur_put(&c, p.key, p.key_n, p.val, p.val_n);
            i = model_put(m, &p);
        } else if (!c.on) {
            cur_first(&c);
            i = 0;
        } else if (what == 1) {
            cur_next(&c);
            i++;
        } else if (what == 2) {
            cur_prev(&c);
            i = i > 0 ? i - 1 : m->n;
        } else if (what == 3) {
            cur_del(&c);
            model_del(m, i);
        } else { /* replace in place */
            random_pair(&p);
            memcpy(p.key, m->at[i]->key, p.key_n = m->at[i]->key_n);
            cur_put(&c, p.key, p.key_n, p.val, p.val_n);
            *m->at[i] = p;
        }
    }
    assert_stands(&c, m, i);
    cur_close(&c);
}

static void test_model(void **state)
{
    struct fixture *f = *state;
    struct model *now = calloc(1, sizeof(*now)), *kept = calloc(1, sizeof(*kept));
    for (seed = 1; seed < 300; seed++) {
        uint64_t base = seed;
        struct txn t;
        txn_begin(f->s, true, &t);
        for (uint64_t steps = rnd(60); steps > 0; steps--) {
            if (rnd(3) == 0)
                walk(&t, now);
            else
                step_key(&t, now);
        }
        assert_same(&t, now);
        if (rnd(4) == 0) {
            txn_abort(&t);
            model_copy(now, kept);
        } else {
            assert_int_equal(txn_commit(&t), ST_OK);
            model_copy(kept, now);
        }
        txn_begin(f->s, false, &t);
        assert_same(&t, kept);
        assert_int_equal(txn_commit(&t), ST_OK);
        if (base % 50 == 0) {
            store_close(&f->s);
            open_store(f);
        }
        seed = base;
    }
    model_clear(now);
    model_clear(kept);
    free(now);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
