/* An import's name and batches follow from its bytes and options alone; cut off anywhere, it goes
 * on so that every event was sent exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/daybook/import_job.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"

#define BATCHES_MAX 64

/* An engine that remembers the batches it took and fails when it was told to. */
struct engine {
    char *batch[BATCHES_MAX]; /* owned; [seq - 1] */
    uint32_t events[BATCHES_MAX];
    uint64_t last_line[BATCHES_MAX];
    uint64_t last_seq;
    uint64_t fail_at; /* refuse to take this seq; 0: never */
    uint64_t skipped;
    uint64_t sent;
};

static enum status take(void *context, const struct import_batch *b)
{
    struct engine *e = context;
    if (b->seq == e->fail_at)
        return ST_AGAIN;
    assert_int_equal(b->seq, e->last_seq + 1);
    assert_true(b->seq <= BATCHES_MAX);
    assert_true(b->n >= 1 && b->n <= IMPORT_BATCH_EVENTS);
    assert_true(b->json.n <= IMPORT_BATCH_BYTES + IMPORT_LINE_BYTES_MAX + 2);
    assert_int_equal(b->json.p[0], '[');
    assert_int_equal(b->json.p[b->json.n - 1], ']');
    e->last_seq = b->seq;
    e->sent++;
    e->batch[b->seq - 1] = strndup(b->json.p, b->json.n);
    e->events[b->seq - 1] = b->n;
    e->last_line[b->seq - 1] = b->lines[b->n - 1];
    return ST_OK;
}

static void leave_out(void *context, const struct import_item *item)
{
    assert_int_not_equal(item->reason, IR_NONE);
    ((struct engine *)context)->skipped++;
}

static void progress(void *context, size_t at_bytes, uint64_t events)
{
    (void)context;
    (void)at_bytes;
    (void)events;
}

static struct import_sink sink_of(struct engine *e)
{
    return (struct import_sink){e, take, leave_out, progress};
}

static void engine_fini(struct engine *e)
{
    for (size_t i = 0; i < BATCHES_MAX; i++)
        free(e->batch[i]);
}

/* rows of a csv; every seventh is no event. */
static struct str rows_of_csv(size_t n)
{
    struct buf b = buf_of(1 << 20);
    buf_put(&b, "time,count\n", 11);
    for (size_t i = 0; i < n; i++) {
        char line[64];
        size_t k = text_fmt(line, sizeof line, "%zu,%d\n", 1000000 + i * 60, i % 7 == 6 ? 0 : 1);
        buf_put(&b, line, k);
    }
    assert_false(b.bad);
    return (struct str){(char *)b.p, b.n};
}

static struct import_job job_of(struct str text)
{
    return (struct import_job){
        .format = import_format_find(STR("csv")),
        .o = {.has_account = true, .account = 1, .has_app = true, .app = 2},
        .bytes = text.p,
        .n = text.n,
    };
}

static struct import_count run(const struct import_job *job, uint64_t done, struct engine *e,
                               enum status want)
{
    struct import_count c = {0};
    struct import_fault fault;
    struct import_sink sink = sink_of(e);
    assert_int_equal(import_job_run(job, done, &sink, &c, &fault), want);
    return c;
}

static void events_are_cut_into_numbered_batches(void **state)
{
    (void)state;
    struct str text = rows_of_csv(1000);
    struct import_job job = job_of(text);
    struct engine e = {0};
    struct import_count c = run(&job, 0, &e, ST_OK);
    assert_int_equal(c.events, 858); /* 1000 - 142 */
    assert_int_equal(c.skipped, 142);
    assert_int_equal(e.skipped, 142);
    assert_int_equal(c.batches, 9);
    assert_int_equal(c.before, 0);
    assert_int_equal(e.events[0], 100);
    assert_int_equal(e.events[8], 58);
    assert_int_equal(e.last_line[8], 1001); /* line 1 is the header */
    engine_fini(&e);
    free((char *)text.p);
}

static void an_import_cut_off_anywhere_goes_on(void **state)
{
    (void)state;
    struct str text = rows_of_csv(1000);
    struct import_job job = job_of(text);
    struct retime r = {.shift_ms = 5000};
    job.retime = &r;
    struct engine whole = {0};
    (void)run(&job, 0, &whole, ST_OK);
    for (uint64_t cut = 1; cut <= 9; cut++) {
        struct engine e = {.fail_at = cut};
        (void)run(&job, 0, &e, ST_AGAIN);
        assert_int_equal(e.last_seq, cut - 1);
        e.fail_at = 0;
        struct import_count c = run(&job, e.last_seq, &e, ST_OK);
        assert_int_equal(c.before, (cut - 1) * 100);
        assert_int_equal(c.events, 858);
        assert_int_equal(e.sent, 9);
        for (size_t i = 0; i < 9; i++)
            assert_string_equal(e.batch[i], whole.batch[i]);
        engine_fini(&e);
    }
    engine_fini(&whole);
    free((char *)text.p);
}

static void a_repeated_import_sends_nothing(void **state)
{
    (void)state;
    struct str text = rows_of_csv(250);
    struct import_job job = job_of(text);
    struct engine e = {.last_seq = 3};
    struct import_count c = run(&job, 3, &e, ST_OK);
    assert_int_equal(e.sent, 0);
    assert_int_equal(c.before, c.events);
    free((char *)text.p);
}

static void large_events_make_smaller_batches(void **state)
{
    (void)state;
    struct buf b = buf_of((size_t)64 << 20);
    char pad[40000];
    memset(pad, 'x', sizeof pad);
    for (size_t i = 0; i < 40; i++) {
        buf_put(&b, "{\"x\":\"", 6);
        buf_put(&b, pad, sizeof pad);
        buf_put(&b, "\"}\n", 3);
    }
    struct import_job job = {
        .format = import_format_find(STR("ndjson")), .bytes = (char *)b.p, .n = b.n};
    struct engine e = {0};
    struct import_count c = run(&job, 0, &e, ST_OK);
    assert_int_equal(c.events, 40);
    assert_int_equal(c.batches, 4); /* 13 of 40 kB fit into 512 KiB */
    assert_int_equal(e.events[0], 13);
    assert_int_equal(e.events[3], 1);
    engine_fini(&e);
    buf_fini(&b);
}

static void nothing_is_sent_of_nothing(void **state)
{
    (void)state;
    struct import_job job = job_of(STR("time\n"));
    struct engine e = {0};
    struct import_count c = run(&job, 0, &e, ST_OK);
    assert_int_equal(c.batches, 0);
    assert_int_equal(c.events, 0);
}

static void a_missing_column_is_told(void **state)
{
    (void)state;
    struct import_job job = job_of(STR("when\n1\n"));
    struct import_fault fault = {0};
    struct import_count c;
    struct engine e = {0};
    struct import_sink sink = sink_of(&e);
    struct retime r;
    assert_int_equal(import_job_run(&job, 0, &sink, &c, &fault), ST_INVALID);
    assert_non_null(strstr(fault.text, "no column \"time\""));
    assert_int_equal(import_job_plan(&job, &r, &fault), ST_INVALID);
}

static void the_name_follows_from_content_and_options(void **state)
{
    (void)state;
    struct import_job base = job_of(STR("time\n1\n"));
    char name[IMPORT_NAME_MAX], again[IMPORT_NAME_MAX];
    import_job_name(&base, name);
    assert_int_equal(strlen(name), 39);
    assert_memory_equal(name, "import-", 7);
    import_job_name(&base, again);
    assert_string_equal(name, again);

    struct import_job other[12];
    for (size_t i = 0; i < N_OF(other); i++)
        other[i] = base;
    other[0].bytes = "time\n2\n";
    other[1].n = 6;
    other[2].format = import_format_find(STR("ndjson"));
    other[3].o.account = 2;
    other[4].o.app = 3;
    other[5].o.has_app = false;
    other[6].shift_to_now = true;
    other[7].max_gap_ms = 1000;
    other[8].o.type = STR("record.created");
    other[9].o.column[CSV_TIME] = STR("time");
    other[10].o.delimiter = ';';
    other[11].o.event = STR("record.created");
    char names[N_OF(other)][IMPORT_NAME_MAX];
    for (size_t i = 0; i < N_OF(other); i++) {
        import_job_name(&other[i], names[i]);
        assert_string_not_equal(names[i], name);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

static void the_plan_knows_the_newest_event(void **state)
{
    (void)state;
    struct import_job job = job_of(STR("time\n500\nnonsense\n900\n100\n"));
    struct import_fault fault;
    struct retime r;
    assert_int_equal(import_job_plan(&job, &r, &fault), ST_OK);
    assert_int_equal(r.newest_ms, 900000);
    assert_int_equal(r.oldest_ms, 100000);
    retime_fini(&r);
    job.max_gap_ms = 1000;
    assert_int_equal(import_job_plan(&job, &r, &fault), ST_OK);
    assert_int_equal(retime_shift_to(&r, 1000000), 1000000 - 102000);
    retime_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_cut_into_numbered_batches),
        cmocka_unit_test(an_import_cut_off_anywhere_goes_on),
        cmocka_unit_test(a_repeated_import_sends_nothing),
        cmocka_unit_test(large_events_make_smaller_batches),
        cmocka_unit_test(nothing_is_sent_of_nothing),
        cmocka_unit_test(a_missing_column_is_told),
        cmocka_unit_test(the_name_follows_from_content_and_options),
        cmocka_unit_test(the_plan_knows_the_newest_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
