#include "tests/unit/aggregators/days_help.h"

#include <stdlib.h>
#include <unistd.h>

uint64_t test_seed = 42;

uint64_t test_rnd(uint64_t below)
{
    test_seed += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(test_seed) % below;
}

static struct store *open_days(const char *dir)
{
    struct store *s = NULL;
    char why[256];
    const struct store_options o = {
        .dir = dir, .tables = days_table_names, .tables_n = DAYS_TABLES_N, .map_bytes = 1ull << 30};
    assert_int_equal(store_open(&o, &s, why), ST_OK);
    return s;
}

void days_setup(struct fixture *f)
{
    char why[256];
    *f = (struct fixture){0};
    text_fmt(f->dir, sizeof f->dir, "%s", "/tmp/daybook-days-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->store = open_days(f->dir);
    assert_int_equal(days_prepare(f->store, &f->position, why), ST_OK);
    f->active = generation_new(0);
}

void days_teardown(struct fixture *f)
{
    char path[96];
    generation_free(&f->frozen);
    generation_free(&f->active);
    store_close(&f->store);
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    for (size_t i = 0; i < N_OF(files); i++) {
        text_fmt(path, sizeof path, "%s/%s", f->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->dir);
}

void days_freeze(struct fixture *f)
{
    assert_null(f->frozen);
    f->frozen = f->active;
    f->active = generation_new(generation_end(f->frozen));
}

struct merge_stats days_merge_now(struct fixture *f, uint32_t activity_max)
{
    struct merge_stats stats;
    const struct days_limits limits = {.activity_rows_max = activity_max,
                                       .commit_bytes = f->commit_bytes};
    if (!f->frozen)
        days_freeze(f);
    assert_int_equal(days_merge(f->store, f->frozen, &limits, &stats), ST_OK);
    generation_free(&f->frozen);
    return stats;
}

void days_view(struct fixture *f, struct view *v)
{
    const struct generation *gens[2];
    unsigned n = 0;
    if (f->frozen)
        gens[n++] = f->frozen;
    gens[n++] = f->active;
    view_open(f->store, gens, n, v);
    v->today = TODAY;
    v->first_day = TODAY - 29;
    assert_int_equal(v->txn.status, ST_OK);
    assert_int_equal(v->end, f->position);
}

void days_fold(struct fixture *f, const struct event *ev, const uint8_t *verdict, uint32_t n)
{
    generation_fold(f->active,
                    &(struct fold){ev, verdict, n, f->position, TODAY * MS_PER_DAY + 43200000});
    f->position += n;
}

struct event signal_at(uint64_t account, unsigned kind, int64_t time_ms)
{
    struct event e = {.account = account, .app = 3, .time_ms = time_ms, .user = 7, .count = 1};
    e.kind = kind & 255;
    e.has_user = 1;
    return e;
}
