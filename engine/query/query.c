/* From a request to an answer: read the question, clip its range, open the cursor and the view, let
 * the view's function fill a page, and put the envelope around it. */
#include "engine/query/query.h"

#include "aggregators/late.h"
#include "engine/base/check.h"
#include "engine/query/answer.h"
#include "engine/query/cursor.h"
#include "engine/query/zones.h"

#include <stdarg.h>
#include <stdio.h>

#define DAYS_VISIBLE     30
#define PAGE_ROWS        1000
#define ANSWER_BYTES     ((uint64_t)4 << 20)
#define ENVELOPE_BYTES   ((uint64_t)16 << 10) /* what an answer is besides rows and cursor */
#define CURSOR_BYTES_MAX ((size_t)192 << 10)
#define ARENA_BYTES_MAX  ((size_t)256 << 20)
#define FUTURE_MS        (5 * 60 * 1000) /* an event may be that much ahead */

struct query {
    struct arena arena, scratch;
    struct page page;
    struct buf next, object;
    struct zones *zones; /* owned */
};

enum status query_new(struct query **out)
{
    struct query *q = calloc(1, sizeof *q);
    if (!q)
        return ST_NO_MEMORY;
    q->arena.max_bytes = q->scratch.max_bytes = ARENA_BYTES_MAX;
    q->next = buf_of(CURSOR_BYTES_MAX);
    q->zones = zones_new();
    if (!q->zones) {
        query_free(&q);
        return ST_NO_MEMORY;
    }
    *out = q;
    return ST_OK;
}

void query_free(struct query **q)
{
    if (!*q)
        return;
    arena_fini(&(*q)->arena);
    arena_fini(&(*q)->scratch);
    buf_fini(&(*q)->page.rows);
    buf_fini(&(*q)->next);
    buf_fini(&(*q)->object);
    zones_free(&(*q)->zones);
    free(*q);
    *q = NULL;
}

/* ---- views ---- */

static enum status (*const functions[VIEW_N])(struct answer *a) = {
#define VIEW(id, name, right, shape, help) [VIEW_##id] = view_##name##_answer,
#include "schemas/query.def"
};

/* The parameters that several views share, by name: their places differ from view to view. */
static const struct values *shared(const struct answer *a, const char *name)
{
    static const struct values absent = {0};
    enum query_param_id id = query_param_find(a->q.view, str_of(name));
    return id == QUERY_PARAMS_N ? &absent : &a->q.v[id];
}

/* ---- range ---- */

int32_t answer_first_day(const struct query_context *c, const char **bound)
{
    const int32_t oldest = day_of_ms(c->now_ms) - (DAYS_VISIBLE - 1);
    *bound = c->floor_day > oldest ? "floor" : "retention";
    return c->floor_day > oldest ? c->floor_day : oldest;
}

static void clip_days(struct answer *a)
{
    const struct values *from = shared(a, "from"), *to = shared(a, "to");
    const char *bound;
    const int32_t first = answer_first_day(a->context, &bound),
                  today = day_of_ms(a->context->now_ms);
    a->from_day = from->n ? (int32_t)from->numbers[0] : first;
    a->to_day = to->n ? (int32_t)to->numbers[0] : today;
    if (!from->n || a->from_day < first) {
        a->from_day = first;
        a->bound = bound;
    }
    if (a->to_day > today)
        a->to_day = today;
}

static void clip_instants(struct answer *a)
{
    const struct values *from = shared(a, "from"), *to = shared(a, "to");
    const char *bound;
    const int64_t first = answer_first_day(a->context, &bound) * MS_PER_DAY;
    const int64_t end = a->context->now_ms + FUTURE_MS + 1;
    a->from_ms = from->n ? (int64_t)from->numbers[0] : first;
    a->to_ms = to->n ? (int64_t)to->numbers[0] : end;
    if (!from->n || a->from_ms < first) {
        a->from_ms = first;
        a->bound = bound;
    }
    if (a->to_ms > end)
        a->to_ms = end;
}

/* From and to are in order: question.c has seen to that. */
static void clip_range(struct answer *a)
{
    const enum query_shape shape = query_views[a->q.view].shape;
    if (shape == SHAPE_DAYS)
        clip_days(a);
    else if (shape == SHAPE_INSTANTS)
        clip_instants(a);
}

enum status answer_run(struct answer *a)
{
    clip_range(a);
    return functions[a->q.view](a);
}

void answer_keep_days(struct answer *a, int32_t days_n)
{
    const int32_t first = day_of_ms(a->context->now_ms) - (days_n - 1);
    if (a->from_day >= first)
        return;
    a->from_day = first;
    a->bound = "retention";
}

/* ---- helpers of views ---- */

struct buf *answer_more(struct answer *a)
{
    a->more = true;
    buf_reset(a->next);
    if (a->parted)
        buf_varint(a->next, a->part);
    return a->next;
}

enum status answer_refuse(struct answer *a, enum status st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->why, sizeof(a->why), fmt, ap); /* cut is fine: text for people */
    va_end(ap);
    return st;
}

enum status answer_bad_cursor(struct answer *a)
{
    return answer_refuse(a, ST_BAD_CURSOR,
                         "cursor is of another version of the engine; ask from the start");
}

/* ---- writing ---- */

static uint32_t echoes(const struct request *r)
{
    return r->request.type != TOKEN_NONE;
}

void query_refuse(const struct request *r, enum status code, struct str message, struct buf *out)
{
    buf_reset(out);
    struct out o = out_to(r->encoding, out);
    out_map(&o, 4 + echoes(r));
    out_pair_bool(&o, "ok", false);
    if (echoes(r)) {
        out_key(&o, "request");
        out_token(&o, &r->request);
    }
    out_pair_z(&o, "code", status_wire(code));
    out_pair_str(&o, "message", message.n ? message : str_of(status_row(code)->text));
    out_pair_bool(&o, "retry", status_row(code)->retry);
    out_end(&o);
}

/* The shape of the range; an object's is by days where a part of it has one. */
static enum query_shape range_shape(const struct answer *a)
{
    return a->ranged ? SHAPE_DAYS : query_views[a->q.view].shape;
}

static void put_range(const struct answer *a, struct out *o)
{
    char from[11], to[11];
    switch (range_shape(a)) {
    case SHAPE_DAYS:
        out_pair_z(o, "from", day_format(a->from_day, from));
        out_pair_z(o, "to", day_format(a->to_day, to));
        break;
    case SHAPE_INSTANTS:
        out_pair_i64(o, "from", a->from_ms);
        out_pair_i64(o, "to", a->to_ms);
        break;
    case SHAPE_ROWS:
    case SHAPE_OBJECT:
        out_pair_null(o, "from");
        out_pair_null(o, "to");
        break;
    }
    out_pair_z(o, "bound", a->bound);
}

/* The day of the range that is not over: its numbers may still grow. */
static void put_open_day(const struct answer *a, struct out *o)
{
    const int32_t today = a->open_day ? a->open_day : day_of_ms(a->context->now_ms);
    const enum query_shape shape = range_shape(a);
    char day[11];
    bool open = false;
    if (shape == SHAPE_DAYS)
        open = a->from_day <= today && today <= a->to_day;
    if (shape == SHAPE_INSTANTS)
        open = a->from_ms < a->to_ms && today * MS_PER_DAY < a->to_ms;
    out_pair_z(o, "open_day", open ? day_format(today, day) : NULL);
}

static void put_received(const struct query_day *n, struct out *o)
{
    out_key(o, "received");
    out_map(o, 3);
    out_pair_u64(o, "late", n->late);
    out_pair_u64(o, "duplicate", n->duplicate);
    out_pair_u64(o, "rejected", n->rejected);
    out_end(o);
}

static void put_data(const struct answer *a, struct out *o)
{
    out_key(o, "data");
    if (query_views[a->q.view].shape == SHAPE_OBJECT) {
        out_raw(o, a->object->p, a->object->n, 1);
        return;
    }
    out_map(o, 1);
    out_key(o, "rows");
    out_array(o, a->page->n);
    out_raw(o, a->page->rows.p, a->page->rows.n, a->page->n);
    out_end(o);
    out_end(o);
}

/* Where in `out` the parts are that a result points to; pointers would move with it. */
struct places {
    size_t data, data_end;
    size_t cursor, cursor_end;
};

static void put_answer(const struct answer *a, const struct request *r, struct str cursor,
                       struct buf *out, struct places *at)
{
    struct out o = out_to(r->encoding, out);
    out_map(&o, 9 + echoes(r) + a->counted + a->context->degraded + (cursor.p != NULL));
    out_pair_bool(&o, "ok", true);
    out_pair_z(&o, "view", query_views[a->q.view].name);
    if (echoes(r)) {
        out_key(&o, "request");
        out_token(&o, &r->request);
    }
    out_pair_i64(&o, "as_of", a->context->now_ms);
    out_pair_u64(&o, "position", a->view.end ? a->view.end - 1 : 0); /* 0 is before everything */
    put_range(a, &o);
    put_open_day(a, &o);
    if (a->counted)
        put_received(&a->received, &o);
    if (a->context->degraded)
        out_pair_bool(&o, "degraded", true);
    at->data = out->n;
    put_data(a, &o);
    at->data_end = out->n;
    if (cursor.p)
        out_pair_str(&o, "cursor", cursor);
    at->cursor_end = out->n - (r->encoding == ENCODING_JSON); /* before its closing quote */
    at->cursor = at->cursor_end - cursor.n;
    out_end(&o);
}

/* The rows or the object alone; the cursor, which stands elsewhere, is put behind them. */
static void put_bare(const struct answer *a, enum query_form form, struct str cursor,
                     struct buf *out, struct places *at)
{
    const struct buf *from =
        query_views[a->q.view].shape == SHAPE_OBJECT ? a->object : &a->page->rows;
    if (form == QUERY_CSV)
        page_put_header(a->page, out);
    buf_put(out, from->p, from->n);
    if (from == a->object)
        buf_u8(out, '\n');
    at->data = 0;
    at->data_end = at->cursor = out->n;
    buf_put(out, cursor.p, cursor.n);
    at->cursor_end = out->n;
}

/* ---- the whole ---- */

static uint64_t answer_bytes_max(const struct query_context *c)
{
    return c->answer_bytes_max ? c->answer_bytes_max : ANSWER_BYTES;
}

static enum status read_question(struct answer *a, const struct request *r)
{
    enum status st = question_read(r, a->arena, &a->q, a->why);
    if (st != ST_OK)
        return st;
    a->account = shared(a, "account")->n ? shared(a, "account")->numbers[0] : 0;
    clip_range(a);
    const struct values *cursor = &a->q.v[QUERY_PAGED_CURSOR];
    if (!cursor->n)
        return ST_OK;
    a->resumed = true;
    return cursor_open(cursor->texts[0], question_hash(&a->q), a->arena, &a->cursor, a->why);
}

static void size_page(struct answer *a, const struct request *r, enum query_form form)
{
    static const enum page_form forms[] = {[QUERY_ANSWER] = PAGE_ANSWER,
                                           [QUERY_LINES] = PAGE_LINES,
                                           [QUERY_CSV] = PAGE_CSV,
                                           [QUERY_EVENTS] = PAGE_EVENTS};
    const struct query_context *c = a->context;
    const uint64_t rows_max = c->page_rows_max ? c->page_rows_max : PAGE_ROWS;
    const uint64_t asked = question_number(&a->q, QUERY_PAGED_LIMIT, rows_max);
    a->page->rows_max = (uint32_t)(asked < rows_max ? asked : rows_max);
    a->page->bytes_max = (size_t)(answer_bytes_max(c) - ENVELOPE_BYTES);
    page_begin(a->page, a->q.view, r->encoding, forms[form]);
    buf_reset(a->object);
    a->object->cap_max = (size_t)answer_bytes_max(c);
}

/* What was received on the days of the range, of the account that the question is about. */
static enum status count_received(struct answer *a)
{
    const enum query_shape shape = range_shape(a);
    const struct query_source *source = a->context->source;
    const bool by_day = shape == SHAPE_DAYS;
    const int32_t from = by_day ? a->from_day : day_of_ms(a->from_ms);
    const int32_t to = by_day ? a->to_day : day_of_ms(a->to_ms - 1);
    a->counted = (by_day || shape == SHAPE_INSTANTS) && source && source->faults;
    if (!a->counted || from > to)
        return ST_OK;
    a->received.late = view_late(&a->view, a->account, from, to);
    return source->faults(source->arg, a->account, from, to, &a->received);
}

static enum status fill(struct answer *a)
{
    const char *bound;
    view_open(a->context->days, a->context->gens, a->context->gens_n, &a->view);
    a->view.today = day_of_ms(a->context->now_ms);
    a->view.first_day = answer_first_day(a->context, &bound);
    enum status st = functions[a->q.view](a);
    if (st == ST_OK)
        st = count_received(a);
    if (st == ST_OK)
        st = a->view.txn.status;
    if (st == ST_OK && (a->page->rows.bad || a->object->bad))
        st = ST_NO_MEMORY;
    view_close(&a->view);
    return st;
}

static void say_range(const struct answer *a, struct query_result *to)
{
    switch (range_shape(a)) {
    case SHAPE_DAYS:
        day_format(a->from_day, to->from);
        day_format(a->to_day, to->to);
        break;
    case SHAPE_INSTANTS:
        text_fmt(to->from, sizeof(to->from), "%lld", (long long)a->from_ms);
        text_fmt(to->to, sizeof(to->to), "%lld", (long long)a->to_ms);
        break;
    case SHAPE_ROWS:
    case SHAPE_OBJECT:
        break;
    }
}

static void say_result(const struct answer *a, const struct buf *out, const struct places *at,
                       struct query_result *to)
{
    const char *p = (const char *)out->p;
    to->as_of_ms = a->context->now_ms;
    to->position = a->view.end ? a->view.end - 1 : 0;
    to->degraded = a->context->degraded;
    to->counted = a->counted;
    to->late = a->received.late;
    to->duplicate = a->received.duplicate;
    to->rejected = a->received.rejected;
    to->bound = a->bound;
    to->rows_n = a->page->n;
    say_range(a, to);
    if (p)
        to->data = (struct str){p + at->data, at->data_end - at->data};
    if (p && a->more)
        to->cursor = (struct str){p + at->cursor, at->cursor_end - at->cursor};
}

static enum status run(struct answer *a, const struct request *r, enum query_form form,
                       struct buf *out, struct query_result *result)
{
    enum status st = read_question(a, r);
    struct places at = {0};
    result->view = a->q.view;
    if (st != ST_OK)
        return st;
    if (form == QUERY_CSV && query_views[a->q.view].shape == SHAPE_OBJECT)
        return answer_refuse(a, ST_BAD_PARAMETER, "%s is one object and has no CSV",
                             query_views[a->q.view].name);
    size_page(a, r, form);
    st = fill(a);
    if (st != ST_OK)
        return st;
    struct str cursor = {NULL, 0};
    if (a->more) {
        cursor = cursor_seal(question_hash(&a->q), a->next, a->arena);
        if (!cursor.p)
            return ST_NO_MEMORY;
    }
    if (form == QUERY_ANSWER)
        put_answer(a, r, cursor, out, &at);
    else
        put_bare(a, form, cursor, out, &at);
    if (out->bad)
        return ST_NO_MEMORY;
    say_result(a, out, &at, result);
    result->text = (struct str){(const char *)out->p, form == QUERY_ANSWER ? out->n : at.data_end};
    return ST_OK;
}

static enum status answer_whole(struct answer *a, const struct request *r, enum query_form form,
                                struct buf *out, struct query_result *result)
{
    enum status st = r->status;
    if (st == ST_OK)
        st = run(a, r, form, out, result);
    if (st == ST_OK)
        return ST_OK;
    struct str why = r->status != ST_OK ? r->message : str_of(a->why);
    text_fmt(result->why, sizeof(result->why), "%.*s", (int)(why.n > 500 ? 500 : why.n),
             why.n > 0 ? why.p : "");
    query_refuse(r, st, why, out);
    return st;
}

void query_answer_as(const struct query_context *c, const struct request *r, enum query_form form,
                     struct buf *out, struct query_result *result)
{
    struct query *q = c->query;
    CHECK(form == QUERY_ANSWER || r->encoding == ENCODING_JSON);
    *result = (struct query_result){.view = VIEW_N};
    out->cap_max = (size_t)answer_bytes_max(c) + 4 * CURSOR_BYTES_MAX;
    buf_reset(out);
    struct answer a = {.context = c,
                       .arena = &q->arena,
                       .scratch = &q->scratch,
                       .page = &q->page,
                       .next = &q->next,
                       .object = &q->object,
                       .zones = q->zones,
                       .work_max = c->scan_max ? c->scan_max : QUERY_SCAN_MAX};
    result->status = answer_whole(&a, r, form, out, result);
    arena_reset(&q->arena);
    arena_reset(&q->scratch);
}

void query_answer(const struct query_context *c, const struct request *r, struct buf *out)
{
    struct query_result result;
    query_answer_as(c, r, QUERY_ANSWER, out, &result);
}
