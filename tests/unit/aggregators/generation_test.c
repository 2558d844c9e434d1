/* The memory of a generation: kept for the next one, and given back where the next one needs less.
 */
#include "aggregators/pending.h"
#include "aggregators/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "engine/base/check.h"

#define MANY  200000
#define PAGE  4096
#define BATCH 500

/* API calls of so many accounts, each its own. */
static void fold_accounts(struct generation *g, uint32_t n)
{
    static const uint8_t verdict[BATCH];
    struct event ev[BATCH];

    for (uint32_t i = 0; i < n; i += BATCH) {
        const uint32_t more = n - i < BATCH ? n - i : BATCH;

        for (uint32_t k = 0; k < more; k++) {
            ev[k] = (struct event){.account = 1 + i + k, .app = 3, .time_ms = 1000, .count = 1};
            ev[k].kind = EV_API_CALL;
        }
        generation_fold(g, &(struct fold){ev, verdict, more, generation_end(g), 2000});
    }
}

static size_t resident(const void *p, size_t bytes)
{
    unsigned char *in = malloc(bytes / PAGE);
    size_t n = 0;

    assert_non_null(in);
    assert_int_equal(mincore((void *)(uintptr_t)p, bytes, in), 0);
    for (size_t i = 0; i < bytes / PAGE; i++)
        n += in[i] & 1;
    free(in);
    return n * PAGE;
}

static void memory_follows_use(void **state)
{
    struct generation *g = generation_new(1);
    const size_t used = MANY * sizeof(*g->tally.p);

    (void)state;
    fold_accounts(g, MANY);
    assert_true(resident(g->tally.p, g->tally.bytes) >= used);
    const uint32_t slots = g->tally_index.mask + 1;
    generation_reset(g, 1);
    assert_true(resident(g->tally.p, g->tally.bytes) >= used); /* the next one may be as large */
    assert_int_equal(g->tally_index.mask + 1, slots);
    for (int i = 0; i < 20; i++) {
        fold_accounts(g, 10);
        assert_int_equal(g->tally.n, 10);
        assert_non_null(pending_tally(g, 10, 0));
        generation_reset(g, 1);
    }
    assert_true(resident(g->tally.p, g->tally.bytes) <= used / 2);
    assert_true(resident(g->row.p, g->row.bytes) <= used / 2);
    assert_true(g->tally_index.mask + 1 <= 1u << 16);
    fold_accounts(g, MANY); /* and it grows again */
    for (uint64_t account = 1; account <= MANY; account++)
        assert_non_null(pending_tally(g, account, 0));
    generation_free(&g);
}

/* What is set aside for an event in flight, and by how much the dearest exceeds it
 * (engine/ingest/README.md). */
static void what_an_event_adds(void **state)
{
    static const struct {
        struct event ev;
        size_t bytes;
    } rows[] = {
        {{.kind = EV_API_CALL, .status = 200}, GENERATION_EVENT_BYTES},
        {{.kind = EV_RECORD_CREATED}, GENERATION_EVENT_BYTES},
        {{.kind = EV_RECORD_CREATED, .record_hash = 7, .time_ms = -1}, 264},
        {{.kind = EV_API_CALL, .status = 429, .time_ms = -1}, 272},
        {{.kind = EV_APP_INSTALLED, .time_ms = -1}, 176}, /* but for its strings */
    };
    const uint8_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct generation *g = generation_new(WIRE_INT_MAX / 2);
        struct event e = rows[i].ev;

        e.account = e.app = WIRE_INT_MAX;
        e.time_ms += MS_PER_DAY;
        e.count = 1;
        generation_fold(g, &(struct fold){&e, &accepted, 1, WIRE_INT_MAX / 2, MS_PER_DAY});
        assert_int_equal(generation_bytes(g) + signals_bytes(g->signals), rows[i].bytes);
        generation_free(&g);
    }
}

static void an_empty_one_begins_where_told(void **state)
{
    struct generation *g = generation_new(1);
    struct signals *s = generation_take_signals(g);

    (void)state;
    generation_begin_at(g, 77);
    assert_int_equal(generation_begin(g), 77);
    assert_int_equal(generation_end(g), 77);
    signals_free(&s);
    generation_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_follows_use),
        cmocka_unit_test(what_an_event_adds),
        cmocka_unit_test(an_empty_one_begins_where_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
