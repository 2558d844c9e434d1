/* Micro benchmark of the engine's inner path: decode, fold and merge, in nanoseconds an event,
 * without sockets or the log. Usage: micro_fold [w|w1m|wr|life] [million events] [million events a
 * merge] */
#include "aggregators/days_test.h"
#include "aggregators/tables.h"
#include "bench/workload.h"
#include "engine/base/clock.h"
#include "schemas/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void die(const char *what)
{
    (void)fprintf(stderr, "micro_fold: %s\n", what);
    exit(1);
}

static struct store *open_days(char *dir)
{
    struct store *s = NULL;
    char why[256];
    uint64_t position;
    const struct store_options o = {
        .dir = dir, .tables = days_table_names, .tables_n = DAYS_TABLES_N, .map_bytes = 1ull << 36};
    if (!mkdtemp(dir) || store_open(&o, &s, why) || days_prepare(s, &position, why))
        die(why);
    return s;
}

static void print_sizes(struct store *days, uint64_t sheets)
{
    struct txn t;
    txn_begin(days, false, &t);
    uint64_t live = 0;
    for (unsigned i = 0; i < DAYS_TABLES_N; i++) {
        struct table_size s;
        txn_table_size(&t, i, &s);
        const uint64_t bytes = s.leaf_bytes + s.branch_bytes + s.overflow_bytes;
        if (s.entries)
            printf("  %-18s %10llu rows %8.1f MB\n", days_table_names[i],
                   (unsigned long long)s.entries, (double)bytes / 1e6);
        if (i == DAYS_SHEET)
            live = bytes;
    }
    txn_abort(&t);
    printf("  sheets written %llu, live pages of the sheets %.1f MB\n", (unsigned long long)sheets,
           (double)live / 1e6);
}

static void remove_days(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner.lock"};
    for (size_t i = 0; i < N_OF(files); i++) {
        char path[128];
        text_fmt(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

/* What the merges cost, one line each. */
static uint64_t merge_now(struct store *days, struct generation *g, uint64_t events,
                          uint64_t *sheets)
{
    const struct days_limits limits = {.activity_rows_max = 1000000};
    struct merge_stats stats;
    const uint64_t start = clock_mono_ns();
    if (days_merge_whole(days, g, &limits, &stats))
        die("the merge failed");
    const uint64_t ns = clock_mono_ns() - start;
    *sheets += stats.sheets;
    printf("merge of %.1f M events: %.2f s, %llu sheets, %llu activities, %.1f MB pending, "
           "%.1f MB written\n",
           (double)events / 1e6, (double)ns / 1e9, (unsigned long long)stats.sheets,
           (unsigned long long)stats.activities, (double)generation_bytes(g) / 1e6,
           (double)stats.bytes / 1e6);
    return ns;
}

int main(int argc, char **argv)
{
    enum workload_shape shape = WORKLOAD_W;
    uint64_t events = 20, per_merge = 5;
    if (argc > 1 && workload_shape_of(str_of(argv[1]), &shape))
        die("the shape is w, w1m, wr or life");
    if ((argc > 2 && text_u64(str_of(argv[2]), &events)) ||
        (argc > 3 && text_u64(str_of(argv[3]), &per_merge)))
        die("the second and third argument are millions of events");
    events *= 1000000;
    per_merge *= 1000000;
    const struct workload_options wo = {.shape = shape, .seed = 1, .batch_events = 500};
    struct workload *w;
    if (workload_new(&wo, &w))
        die("no workload");
    char dir[] = "/tmp/daybook-micro-XXXXXX";
    struct store *days = open_days(dir);
    struct generation *g = generation_new(0);
    struct arena a = {0};
    const uint32_t ring = 2000; /* batches made ahead, so that making them is not measured */
    const size_t room = workload_batch_bytes_max(w);
    uint8_t *frames = malloc(ring * room);
    size_t *bytes = malloc(ring * sizeof *bytes);
    if (!frames || !bytes)
        die("no memory");
    const int64_t now = clock_now().wall_ms;
    uint64_t position = 0, since = 0, decode_ns = 0, fold_ns = 0, merge_ns = 0, sheets = 0;
    for (uint64_t i = 0; position < events; i++) {
        if (i % ring == 0)
            for (uint32_t k = 0; k < ring; k++)
                bytes[k] = workload_batch(w, i + k, now, frames + k * room);
        struct batch b;
        const uint64_t t0 = clock_mono_ns();
        frame_decode(frames + i % ring * room, bytes[i % ring], &frame_limits_default, &a, &b);
        const uint64_t t1 = clock_mono_ns();
        if (b.status || b.rejects_n)
            die("a batch was not accepted");
        generation_fold(g, &(struct fold){b.ev, b.verdict, b.n, position, now});
        const uint64_t t2 = clock_mono_ns();
        decode_ns += t1 - t0;
        fold_ns += t2 - t1;
        position += b.n;
        since += b.n;
        arena_reset(&a);
        if (since >= per_merge || position >= events) {
            merge_ns += merge_now(days, g, since, &sheets);
            generation_reset(g, position);
            since = 0;
        }
    }
    printf("%s: %.0f M events: decode %.1f, fold %.1f, merge %.1f ns/event\n",
           workload_shape_name(shape), (double)position / 1e6, (double)decode_ns / (double)position,
           (double)fold_ns / (double)position, (double)merge_ns / (double)position);
    print_sizes(days, sheets);
    generation_free(&g);
    store_close(&days);
    arena_fini(&a);
    workload_free(&w);
    free(frames);
    free(bytes);
    remove_days(dir);
    return 0;
}
