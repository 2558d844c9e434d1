/* Sums against a plain list, with keys that ascend for a while and then fall back. */
#include "tests/unit/query/help.h"

#include "engine/query/sums.h"

#define KEYS_N 4000

static void run(uint64_t keys, uint64_t fall_back)
{
    struct arena arena = {0};
    struct sums s = {.arena = &arena};
    static struct sum plain[KEYS_N];
    uint32_t plain_n = 0;
    uint64_t at = 0;
    for (unsigned i = 0; i < KEYS_N; i++) {
        at = rnd(fall_back) == 0 ? rnd(keys) : (at + rnd(2)) % keys;
        const struct sum_key key = {(int32_t)(at / 100) - 3, at / 10 % 10, at % 10};
        const uint64_t n = rnd(1000);
        struct sum *sum = sums_at(&s, &key);
        assert_non_null(sum);
        sum->n[1] += n;
        uint32_t k = 0;
        while (k < plain_n && sum_key_order(&plain[k].key, &key) != 0)
            k++;
        if (k == plain_n)
            plain[plain_n++] = (struct sum){.key = key};
        plain[k].n[1] += n;
        if (rnd(500) == 0)
            sums_sort(&s); /* may be used on */
    }
    sums_sort(&s);
    assert_int_equal(s.n, plain_n);
    for (uint32_t i = 0; i < s.n; i++) {
        assert_true(i == 0 || sum_key_order(&s.rows[i - 1].key, &s.rows[i].key) < 0);
        uint32_t k = 0;
        while (sum_key_order(&plain[k].key, &s.rows[i].key) != 0)
            assert_true(++k < plain_n);
        assert_int_equal(s.rows[i].n[1], plain[k].n[1]);
        assert_int_equal(s.rows[i].n[0], 0);
    }
    arena_fini(&arena);
}

static void test_sums(void **state)
{
    (void)state;
    for (uint64_t keys = 1; keys < 3000; keys = keys * 3 + 1)
        for (uint64_t fall_back = 1; fall_back < 5000; fall_back = fall_back * 5 + 1)
            run(keys, fall_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
