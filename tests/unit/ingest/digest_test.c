/* The content of a batch: what a retry may change does not count, everything else does. */
#include "engine/ingest/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"

static struct hash128 digest_of(struct str frame, struct event *ev, uint8_t *verdict, uint32_t n,
                                uint64_t token)
{
    struct batch b = {.n = n, .ev = ev, .verdict = verdict};
    struct arena a = {0};

    if (token != 0)
        b.request = (struct token){.type = TOKEN_INT, .number = token};
    struct hash128 digest = batch_digest(frame, &b, &a);

    arena_fini(&a);
    return digest;
}

/* Of one event, in a frame with a token. */
static struct hash128 digest_one(struct event e)
{
    uint8_t verdict = 0;

    return digest_of(STR("any bytes"), &e, &verdict, 1, 7);
}

static bool same(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

static void without_a_token_the_bytes_are_the_content(void **state)
{
    struct event e = {.account = 1, .count = 1, .kind = EV_API_CALL};
    uint8_t verdict = 0;
    struct hash128 once = digest_of(STR("[1]"), &e, &verdict, 1, 0);

    (void)state;
    assert_true(same(once, digest_of(STR("[1]"), &e, &verdict, 1, 0)));
    assert_false(same(once, digest_of(STR("[1 ]"), &e, &verdict, 1, 0)));
}

static void with_a_token_the_events_are(void **state)
{
    struct event e[2] = {{.account = 1, .count = 1, .kind = EV_API_CALL},
                         {.account = 2, .count = 1, .kind = EV_API_CALL}};
    uint8_t verdict[2] = {0};
    struct hash128 once = digest_of(STR("a"), e, verdict, 2, 7);

    (void)state;
    assert_true(same(once, digest_of(STR("a"), e, verdict, 2, 8)));
    assert_true(same(once, digest_of(STR("another frame"), e, verdict, 2, 7)));
    assert_false(same(once, digest_of(STR("a"), e, verdict, 1, 7)));
    e[0].account = 2;
    e[1].account = 1;
    assert_false(same(once, digest_of(STR("a"), e, verdict, 2, 7))); /* their order, too */
}

/* An event that cannot be read has no content; that it is there is all that counts. */
static void unreadable_events_are_alike(void **state)
{
    struct event e[2] = {{.account = 1, .kind = EV_API_CALL}, {.account = 2, .kind = EV_API_CALL}};
    uint8_t none[2] = {0, 0}, second[2] = {0, ST_INVALID}, first[2] = {ST_INVALID, 0};
    struct hash128 once = digest_of(STR("a"), e, second, 2, 7);

    (void)state;
    assert_false(same(once, digest_of(STR("a"), e, none, 2, 7)));
    assert_false(same(once, digest_of(STR("a"), e, first, 2, 7)));
    e[1].account = 3;
    assert_true(same(once, digest_of(STR("a"), e, second, 2, 7)));
}

/* Each field of an event makes another content, and the same text in two fields two of them. */
static void every_field_counts(void **state)
{
    const struct str x = STR("x"), both[2] = {STR("x"), STR("y")};
    const struct event_more more[] = {
        {.id = x},
        {.object_name = x},
        {.record_text = x},
        {.endpoint = x},
        {.reason = x},
        {.code = x},
        {.setting = x},
        {.from = x},
        {.to = x},
        {.feature = x},
        {.reference_key = x},
        {.reference_fields = x},
        {.list = both, .list_n = 1},
        {.list = both, .list_n = 2},
        {.record_number = 1},
        {.latency_ms = 1},
        {.by1 = 1},
        {.id_hash = {1, 0}},
        {.id_hash = {0, 1}},
    };
    struct event e[] = {
        {.kind = EV_API_CALL}, {.kind = EV_RECORD_CREATED},
        {.account = 1},        {.app = 1},
        {.time_ms = 1},        {.object_type = 1},
        {.record_hash = 1},    {.user = 1},
        {.count = 1},          {.method = 1},
        {.direction = 1},      {.has_user = 1},
        {.has_id = 1},         {.status = 1},
    };
    struct hash128 seen[N_OF(more) + N_OF(e)];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < N_OF(e); i++)
        seen[n++] = digest_one(e[i]);
    for (size_t i = 0; i < N_OF(more); i++)
        seen[n++] = digest_one((struct event){.kind = EV_API_CALL, .more = &more[i]});
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (same(seen[i], seen[k]))
                fail_msg("%zu and %zu are one content", k, i);
    const struct event_more copy = more[0];

    assert_true(same(digest_one((struct event){.kind = EV_API_CALL, .more = &copy}),
                     digest_one((struct event){.kind = EV_API_CALL, .more = &more[0]})));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_token_the_bytes_are_the_content),
        cmocka_unit_test(with_a_token_the_events_are),
        cmocka_unit_test(unreadable_events_are_alike),
        cmocka_unit_test(every_field_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
