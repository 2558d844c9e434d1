/* The cursor is the app with which to go on, and the last alert of it that was answered: its day,
 * rule, type and action, so that what arrives in between moves nothing. */
#include "engine/query/alerts.h"

#include "engine/base/check.h"

#include <stdlib.h>

void alerts_add(struct alerts *al, const struct alert *alert)
{
    struct answer *a = al->series.a;
    if (al->n == al->cap) {
        const uint32_t cap = al->cap ? al->cap * 2 : 32;
        struct alert *rows = arena_alloc(a->arena, cap * sizeof *rows);
        if (!rows) {
            txn_fail(&a->view.txn, ST_NO_MEMORY);
            return;
        }
        if (al->n)
            memcpy(rows, al->rows, al->n * sizeof *rows);
        al->rows = rows;
        al->cap = cap;
    }
    al->rows[al->n++] = *alert;
}

void alerts_add_rhythm(struct alerts *al, const uint64_t *days, const struct alert *high,
                       const struct alert *low)
{
    const uint32_t n = (uint32_t)(al->series.to_day - al->series.from_day + 1);
    struct rhythm r;
    rhythm_of(days, n, true, &r);
    for (uint32_t i = r.first; r.known && i < n; i++) {
        uint64_t expected;
        const enum rhythm_verdict verdict = rhythm_judge(&r, i, &expected);
        if (verdict == RHYTHM_USUAL)
            continue;
        struct alert alert = verdict == RHYTHM_HIGH ? *high : *low;
        alert.day = al->series.from_day + (int32_t)i;
        alert.value = days[i];
        alert.expected = expected;
        alerts_add(al, &alert);
    }
}

static int order(const void *a, const void *b)
{
    const struct alert *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return x->action < y->action ? -1 : x->action > y->action;
}

static bool wanted(const struct alerts *al, uint64_t app, const struct alert *alert)
{
    const struct answer *a = al->series.a;
    if (alert->day < a->from_day || alert->day > a->to_day)
        return false;
    if (al->has_after && app == al->after_app && order(alert, &al->after) <= 0)
        return false;
    if (!al->rules->given)
        return true;
    for (uint32_t i = 0; i < al->rules->n; i++)
        if (al->rules->numbers[i] == alert->rule)
            return true;
    return false;
}

static bool take(struct series *s, uint64_t app, const struct series_day *days)
{
    struct alerts *al = (struct alerts *)s;
    al->n = 0;
    al->judge(al, app, days);
    if (al->n > 1)
        qsort(al->rows, al->n, sizeof *al->rows, order);
    for (uint32_t i = 0; i < al->n; i++) {
        if (!wanted(al, app, &al->rows[i]))
            continue;
        if (page_full(s->a->page) || !al->put(al, app, &al->rows[i]))
            return false;
        al->has_after = true;
        al->after_app = app;
        al->after = al->rows[i];
    }
    return true;
}

static enum status resume(struct alerts *al, uint64_t *from_app)
{
    struct reader *r = &al->series.a->cursor;
    *from_app = 0;
    if (!al->series.a->resumed)
        return ST_OK;
    *from_app = al->after_app = read_varint(r);
    al->has_after = reader_left(r) > 0;
    if (al->has_after) {
        al->after.day = (int32_t)read_varint(r);
        al->after.rule = (unsigned)read_varint(r);
        al->after.type = read_varint(r);
        al->after.action = (unsigned)read_varint(r);
    }
    return r->bad || reader_left(r) ? answer_bad_cursor(al->series.a) : ST_OK;
}

static void more(struct alerts *al)
{
    struct buf *next = answer_more(al->series.a);
    buf_varint(next, al->series.next_app);
    if (!al->has_after || al->after_app != al->series.next_app)
        return;
    buf_varint(next, (uint64_t)al->after.day);
    buf_varint(next, al->after.rule);
    buf_varint(next, al->after.type);
    buf_varint(next, al->after.action);
}

enum status alerts_page(struct alerts *al)
{
    struct answer *a = al->series.a;
    uint64_t from_app;
    al->series.take = take;
    al->series.from_day = a->view.first_day;
    al->series.to_day = a->view.today;
    enum status st = resume(al, &from_app);
    if (st != ST_OK || a->from_day > a->to_day)
        return st;
    st = series_walk(&al->series, from_app);
    if (st == ST_OK && !al->series.through)
        more(al);
    return st;
}
