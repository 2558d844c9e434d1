#include "tests/unit/aggregators/days_help.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/draw.h"

uint64_t test_seed = 42;

uint64_t test_rnd(uint64_t below)
{
    return draw(&test_seed, below);
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
    signals_merge_fini(&f->signals_merge);
    signals_free(&f->signals);
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

/* As the engine does it: signals are frozen when the last ones are merged, else they go on. */
void days_freeze(struct fixture *f)
{
    assert_null(f->frozen);
    f->frozen = f->active;
    f->active = generation_new(generation_end(f->frozen));
    struct signals *s = generation_take_signals(f->frozen);
    struct signals *fresh = generation_take_signals(f->active);
    if (!f->signals) {
        f->signals = s;
        f->signals_merge = (struct signals_merge){.of = s};
        signals_follow(fresh, s);
        generation_give_signals(f->active, fresh);
    } else {
        signals_free(&fresh);
        generation_give_signals(f->active, s);
    }
}

static void signals_merged(struct fixture *f)
{
    struct signals *s = generation_take_signals(f->active);
    signals_follow(s, NULL);
    generation_give_signals(f->active, s);
    signals_merge_fini(&f->signals_merge);
    signals_free(&f->signals);
}

static void add_stats(struct merge_stats *to, const struct merge_stats *s)
{
    to->rows_dropped += s->rows_dropped;
    to->activities += s->activities;
    to->trimmed += s->trimmed;
}

enum status days_merge_try(struct fixture *f, const struct days_limits *limits, unsigned slices,
                           struct merge_stats *out)
{
    enum status st = ST_OK;
    *out = (struct merge_stats){0};
    if (!f->frozen)
        days_freeze(f);
    st = days_merge(f->store, f->frozen, limits, out);
    if (st == ST_OK)
        generation_free(&f->frozen);
    while (st == ST_OK && f->signals && slices--) {
        struct merge_stats part = {0};
        const uint32_t max = 1 + (uint32_t)test_rnd(300);
        st = days_merge_signals(f->store, &f->signals_merge, limits, max, &part);
        if (st == ST_OK)
            add_stats(out, &part);
        if (st == ST_OK && !part.more)
            signals_merged(f);
    }
    return st;
}

struct merge_stats days_merge_now(struct fixture *f, uint32_t activity_max)
{
    struct merge_stats stats, last = {0};
    const struct days_limits limits = {.activity_rows_max = activity_max,
                                       .commit_bytes = f->commit_bytes};
    assert_int_equal(days_merge_try(f, &limits, UINT_MAX, &stats), ST_OK);
    /* Signals that had to wait for those before them. */
    struct signals *s = generation_take_signals(f->active);
    const uint32_t left = signals_count(s);
    generation_give_signals(f->active, s);
    if (left) {
        assert_int_equal(days_merge_try(f, &limits, UINT_MAX, &last), ST_OK);
        add_stats(&stats, &last);
    }
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
