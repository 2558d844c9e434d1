/* Batches are cut by two rules that only the input decides, never by time or by answers: so batch
 * 17 of an import is the same batch on every run. */
#include "clients/daybook/import_job.h"

#include "engine/base/bytes.h"
#include "engine/base/hash.h"

/* Goes into the name: raise it when the mapping of any format changes, or an import that an older
 * version began would be continued with other batches. */
#define MAPPING_VERSION 1

static void put_line(struct buf *b, const char *key, struct str value)
{
    char n[32];
    /* The length in front keeps "a=b" apart from a value that holds a line end. */
    buf_put(b, n, text_fmt(n, sizeof n, "%zu ", value.n));
    buf_put(b, key, strlen(key));
    buf_put(b, "=", 1);
    buf_put(b, value.p, value.n);
    buf_put(b, "\n", 1);
}

static void put_number(struct buf *b, const char *key, uint64_t v)
{
    char text[24];
    put_line(b, key,
             (struct str){text, text_fmt(text, sizeof text, "%llu", (unsigned long long)v)});
}

void import_job_name(const struct import_job *job, char name[static IMPORT_NAME_MAX])
{
    const struct import_options *o = &job->o;
    struct buf b = buf_of((size_t)1 << 20);
    struct hash128 content = hash128(job->bytes, job->n);
    put_number(&b, "mapping", MAPPING_VERSION);
    put_line(&b, "format", str_of(import_format_name(job->format)));
    put_number(&b, "content_hi", content.hi);
    put_number(&b, "content_lo", content.lo);
    put_number(&b, "bytes", job->n);
    put_number(&b, "has_account", o->has_account);
    put_number(&b, "account", o->account);
    put_number(&b, "has_app", o->has_app);
    put_number(&b, "app", o->app);
    put_line(&b, "event", o->event);
    put_line(&b, "type", o->type);
    put_line(&b, "method", o->method);
    put_line(&b, "object_type", o->object_type);
    put_number(&b, "status", o->status);
    put_number(&b, "delimiter", (uint8_t)o->delimiter);
    for (enum csv_column c = 0; c < CSV_COLUMN_N; c++)
        put_line(&b, csv_column_name(c), o->column[c]);
    put_number(&b, "shift_to_now", job->shift_to_now);
    put_number(&b, "max_gap_ms", (uint64_t)job->max_gap_ms);
    struct hash128 h = hash128(b.p, b.n);
    buf_fini(&b);
    text_fmt(name, IMPORT_NAME_MAX, "import-%016llx%016llx", (unsigned long long)h.hi,
             (unsigned long long)h.lo);
}

static struct import_input input_of(const struct import_job *job)
{
    return (struct import_input){job->format, &job->o, job->retime, job->bytes, job->n};
}

enum status import_job_plan(const struct import_job *job, struct retime *r,
                            struct import_fault *fault)
{
    struct importer *im;
    struct import_item item;
    *r = (struct retime){.max_gap_ms = job->max_gap_ms};
    struct import_input in = input_of(job);
    in.retime = NULL;
    enum status st = importer_open(&in, &im, fault);
    if (st != ST_OK)
        return st;
    while (st == ST_OK && importer_next(im, &item))
        if (item.reason == IR_NONE && item.has_time)
            st = retime_add(r, item.time_ms);
    importer_free(&im);
    return st == ST_OK ? retime_close(r) : st;
}

struct open_batch {
    struct buf json;
    uint32_t n;
    uint64_t lines[IMPORT_BATCH_EVENTS];
};

static enum status close_batch(struct open_batch *open, uint64_t done_seq,
                               const struct import_sink *sink, struct import_count *count)
{
    if (open->n == 0)
        return ST_OK;
    buf_put(&open->json, "]", 1);
    struct import_batch b = {
        .seq = ++count->batches,
        .json = {(const char *)open->json.p, open->json.n},
        .n = open->n,
        .lines = open->lines,
    };
    enum status st = open->json.bad ? ST_NO_MEMORY : ST_OK;
    if (b.seq <= done_seq)
        count->before += b.n;
    else if (st == ST_OK)
        st = sink->send(sink->context, &b);
    buf_reset(&open->json);
    open->n = 0;
    return st;
}

static enum status add_event(struct open_batch *open, const struct import_item *item,
                             uint64_t done_seq, const struct import_sink *sink,
                             struct import_count *count)
{
    if (open->n == IMPORT_BATCH_EVENTS ||
        (open->n > 0 && open->json.n + item->json.n + 2 > IMPORT_BATCH_BYTES)) {
        enum status st = close_batch(open, done_seq, sink, count);
        if (st != ST_OK)
            return st;
    }
    buf_put(&open->json, open->n == 0 ? "[" : ",", 1);
    buf_put(&open->json, item->json.p, item->json.n);
    open->lines[open->n++] = item->line;
    count->events++;
    return ST_OK;
}

enum status import_job_run(const struct import_job *job, uint64_t done_seq,
                           const struct import_sink *sink, struct import_count *out,
                           struct import_fault *fault)
{
    struct importer *im;
    struct import_item item;
    struct import_count count = {0};
    struct open_batch open = {.json = buf_of(IMPORT_BATCH_BYTES * 2 + 16)};
    struct import_input in = input_of(job);
    enum status st = importer_open(&in, &im, fault);
    if (st != ST_OK)
        return st;
    while (st == ST_OK && importer_next(im, &item)) {
        if (item.reason == IR_NONE) {
            st = add_event(&open, &item, done_seq, sink, &count);
        } else {
            count.skipped++;
            sink->skip(sink->context, &item);
        }
        if (open.n <= 1)
            sink->progress(sink->context, importer_at(im), count.events);
    }
    if (st == ST_OK)
        st = close_batch(&open, done_seq, sink, &count);
    importer_free(&im);
    buf_fini(&open.json);
    *out = count;
    return st;
}
