/* Limits of an account, wherever what it has lies: in the day tables, in generations, in flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/check.h"
#include "engine/ingest/census.h"
#include "tests/unit/ingest/ingest_help.h"

#define LIMIT 8

/* One event that names the nth thing of a kind. */
struct naming {
    const char *what;
    void (*ask)(struct engine *e, uint64_t account, unsigned n, struct answer *a);
};

static void ask_user(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"app.installed\",\"account\":%llu,\"app\":2,\"user\":%u,"
                    "\"time\":%lld}",
                    (unsigned long long)account, n, NOW);
}

static void ask_directory_user(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"directory.user\",\"account\":%llu,\"user\":%u,\"time\":%lld,"
                    "\"name\":\"N\"}",
                    (unsigned long long)account, n, NOW);
}

static void ask_app(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"app.installed\",\"account\":%llu,\"app\":%u,\"user\":1,"
                    "\"time\":%lld}",
                    (unsigned long long)account, n, NOW);
}

static void ask_catalog_app(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"catalog.app\",\"account\":%llu,\"app\":%u,\"time\":%lld,"
                    "\"name\":\"N\",\"kind\":\"private\"}",
                    (unsigned long long)account, n, NOW);
}

static void ask_calling_app(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"api.call\",\"account\":%llu,\"app\":%u,\"method\":\"GET\","
                    "\"status\":200,\"time\":%lld}",
                    (unsigned long long)account, n, NOW);
}

static void ask_type(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"record.created\",\"account\":%llu,\"app\":2,\"time\":%lld,"
                    "\"object_type\":\"own-%u\"}",
                    (unsigned long long)account, NOW, n);
}

static void ask_connection(struct engine *e, uint64_t account, unsigned n, struct answer *a)
{
    *a = engine_ask(e,
                    "{\"type\":\"app.installed\",\"account\":%llu,\"app\":%u,\"user\":%u,"
                    "\"time\":%lld}",
                    (unsigned long long)account, 1 + n % 3, n / 3, NOW);
}

/* Each fills an account of its own; then the engine starts anew, when nothing of it is in memory
 * but what the tables and the log say. */
static void a_limit_holds_over_a_restart(void **state)
{
    static const struct naming rows[] = {
        {"users", ask_user},
        {"users of the directory", ask_directory_user},
        {"apps that are installed", ask_app},
        {"apps of the catalogue", ask_catalog_app},
        {"apps that call", ask_calling_app},
        {"types", ask_type},
        {"connections", ask_connection},
    };
    struct engine *e = *state;
    struct answer a;

    e->options.apps_max = LIMIT;
    e->options.object_types_max = LIMIT;
    e->options.users_max = LIMIT;
    e->options.connections_max = LIMIT;
    engine_start(e);
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < N_OF(rows); i++) {
            for (unsigned n = 1; n <= LIMIT + 3; n++) {
                rows[i].ask(e, 10 + i, n, &a);
                if (a.outcome.accepted != (n <= LIMIT) || (n > LIMIT && a.first_code != ST_LIMIT))
                    fail_msg("pass %d, %s: the %uth: %s", pass, rows[i].what, n, a.message);
            }
        }
        if (pass == 0)
            engine_checkpoint(e); /* counted from the tables, not from a generation */
        engine_stop(e, false);
        engine_start(e);
    }
    check_adds_up(e);
}

/* A batch of n calls of the account: by the apps from `first` on, or all by app 1 when it is 0. */
static void send_calls(struct engine *e, uint64_t account, unsigned first, unsigned n,
                       struct answer *a)
{
    size_t cap = n * (size_t)160 + 3;
    char *frame = malloc(cap);
    long long now_ms = NOW;

    CHECK(frame != NULL);
    size_t at = text_fmt(frame, cap, "[");

    for (unsigned i = 0; i < n; i++)
        at += text_fmt(frame + at, cap - at,
                       "%s{\"type\":\"api.call\",\"account\":%llu,\"app\":%u,\"method\":\"GET\","
                       "\"status\":200,\"time\":%lld}",
                       i > 0 ? "," : "", (unsigned long long)account, first > 0 ? first + i : 1,
                       now_ms);
    text_fmt(frame + at, cap - at, "]");
    engine_send(e, &source_plain, frame, a);
    free(frame);
}

/* What the writer has is in no table and no generation; it counts all the same. */
static void a_limit_counts_what_is_written(void **state)
{
    struct engine *e = *state;
    struct answer written, next;

    e->options.apps_max = 800;
    engine_start(e);
    loop_turn(e->loop, 0);
    send_calls(e, 1, 1, 300, &written); /* below half of the limit: counted anew next time */
    loop_turn(e->loop, 0);              /* handed over */
    assert_false(written.done);
    send_calls(e, 1, 301, 600, &next);
    engine_settle(e);
    assert_int_equal(written.outcome.accepted, 300);
    assert_int_equal(next.outcome.accepted, 500);
    assert_int_equal(next.first_code, ST_LIMIT);
    check_adds_up(e);
}

/* The same between two turns of a group so large that it is folded over several. */
static void a_limit_counts_what_is_being_folded(void **state)
{
    struct engine *e = *state;
    struct answer large[6], folded, next;

    e->options.apps_max = 800;
    engine_start(e);
    loop_turn(e->loop, 0);
    for (unsigned i = 0; i < N_OF(large); i++)
        send_calls(e, 10 + i, 0, 9000, &large[i]);
    send_calls(e, 1, 1, 300, &folded);
    for (int turns = 0; !large[0].done; turns++) {
        assert_true(turns < 1000);
        loop_turn(e->loop, 100);
    }
    assert_false(folded.done);
    send_calls(e, 1, 301, 600, &next);
    engine_settle(e);
    assert_int_equal(folded.outcome.accepted, 300);
    assert_int_equal(next.outcome.accepted, 500);
    assert_int_equal(next.first_code, ST_LIMIT);
    check_adds_up(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(a_limit_holds_over_a_restart),
        ALONE(a_limit_counts_what_is_written),
        ALONE(a_limit_counts_what_is_being_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
