#include "engine/query/shared.h"

#include "engine/base/check.h"

#define ENTRIES_AT_ONCE 500

/* Entries of one account while they are read. */
struct reading {
    struct answer *a;
    struct reference_entry *rows; /* in the arena */
    uint32_t n, limit;
    bool more;
};

static bool take(void *arg, const struct reference_entry *e)
{
    struct reading *r = arg;
    if (r->n == r->limit) {
        r->more = true;
        return false;
    }
    r->rows[r->n++] = *e;
    return true;
}

static bool read_account(struct reading *r, uint64_t account, enum event_kind kind,
                         struct str after)
{
    r->rows = arena_alloc(r->a->arena, (r->limit + 1) * sizeof *r->rows);
    if (!r->rows) {
        txn_fail(&r->a->view.txn, ST_NO_MEMORY);
        return false;
    }
    view_reference_walk(&r->a->view,
                        &(struct reference_query){account, kind, after.p != NULL, after}, take, r);
    r->a->work += (uint64_t)r->n * QUERY_LOOKUP / 4;
    return true;
}

static int key_order(struct str a, struct str b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

void shared_read(struct answer *a, enum event_kind kind, struct str after, uint32_t limit,
                 struct shared_list *out)
{
    struct reading own = {.a = a, .limit = limit}, common = {.a = a, .limit = limit};
    struct shared_entry *rows = arena_alloc(a->arena, (limit + 1) * sizeof *rows);
    uint32_t i = 0, k = 0, n = 0;
    *out = (struct shared_list){rows, 0, false};
    if (!rows) {
        txn_fail(&a->view.txn, ST_NO_MEMORY);
        return;
    }
    if (!read_account(&own, a->account, kind, after) ||
        (a->account && !read_account(&common, 0, kind, after)))
        return;
    /* Each list is whole up to its limit, so the first `limit` of both are too. */
    while (n < limit && (i < own.n || k < common.n)) {
        int order = i == own.n ? 1 : k == common.n ? -1 : 0;
        if (order == 0)
            order = key_order(own.rows[i].key, common.rows[k].key);
        rows[n++] = order <= 0 ? (struct shared_entry){own.rows[i], true}
                               : (struct shared_entry){common.rows[k], false};
        i += order <= 0;
        k += order >= 0;
    }
    out->n = n;
    out->more = i < own.n || k < common.n || own.more || common.more;
}

const char *shared_source(const struct answer *a, const struct shared_entry *e)
{
    return e->own && a->account ? "account" : "common";
}

enum status shared_read_cursor(struct answer *a, struct str *after)
{
    *after = (struct str){NULL, 0};
    if (!a->resumed)
        return ST_OK;
    *after = read_str(&a->cursor);
    return a->cursor.bad || reader_left(&a->cursor) || after->n > 256 ? answer_bad_cursor(a)
                                                                      : ST_OK;
}

enum status shared_page(struct answer *a, enum event_kind kind,
                        bool (*put)(struct answer *a, const struct shared_entry *e))
{
    struct shared_list found = {.more = true};
    struct str after;
    enum status st = shared_read_cursor(a, &after);
    if (st != ST_OK)
        return st;
    while (found.more && a->view.txn.status == ST_OK) {
        shared_read(a, kind, after, ENTRIES_AT_ONCE, &found);
        for (uint32_t i = 0; i < found.n; i++) {
            if (!put(a, &found.rows[i])) {
                buf_str(answer_more(a), after);
                return a->view.txn.status;
            }
            after = found.rows[i].e.key;
        }
        if (found.more && a->work >= a->work_max) {
            buf_str(answer_more(a), after);
            break;
        }
    }
    return a->view.txn.status;
}

struct str shared_join(struct answer *a, const struct field_list *list, const char *between)
{
    const size_t between_n = strlen(between);
    size_t cap = 1, n = 0;
    for (uint32_t i = 0; i < list->n; i++)
        cap += between_n + (list->items[i].type == FIELD_TEXT ? list->items[i].text.n : 21);
    char *to = list->n ? arena_alloc(a->arena, cap) : NULL;
    if (!to) {
        if (list->n)
            txn_fail(&a->view.txn, ST_NO_MEMORY);
        return (struct str){NULL, 0};
    }
    for (uint32_t i = 0; i < list->n; i++) {
        const struct field_value *v = &list->items[i];
        if (i)
            n += text_fmt(to + n, cap - n, "%s", between);
        if (v->type != FIELD_TEXT) {
            n += text_fmt(to + n, cap - n, "%llu", (unsigned long long)v->number);
        } else if (v->text.n) {
            memcpy(to + n, v->text.p, v->text.n);
            n += v->text.n;
        }
    }
    return (struct str){to, n};
}

struct str shared_list_text(struct answer *a, struct str fields, const char *name,
                            const char *between)
{
    struct field_list list;
    if (!fields_list(fields, name, a->arena, &list)) {
        txn_fail(&a->view.txn, ST_CORRUPT);
        return (struct str){NULL, 0};
    }
    return shared_join(a, &list, between);
}
