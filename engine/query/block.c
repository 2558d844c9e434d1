#include "engine/query/block.h"

#include "engine/base/check.h"

#define BLOCK_SHARE 8 /* of an answer's bytes that one block may take */

/* One parameter of a question made here. */
static struct param param_of(const char *name, const struct value *v)
{
    return (struct param){.name = str_of(name), .values = v, .values_n = 1};
}

static struct value number(uint64_t n)
{
    return (struct value){.type = VALUE_INT, .number = n};
}

enum status block_begin(struct answer *a, enum query_view_id view, uint64_t app,
                        struct answer **out)
{
    const struct value name = {.type = VALUE_STR, .text = str_of(query_views[view].name)};
    const struct value account = number(a->account), of_app = number(app);
    const struct value viewer = number(question_number(&a->q, QUERY_ANY_VIEWER, 0));
    struct param params[4];
    struct request r = {.encoding = a->page->encoding, .params = params};
    struct answer *sub = arena_alloc(a->arena, sizeof *sub);
    if (!sub)
        return ST_NO_MEMORY;
    params[r.params_n++] = param_of("view", &name);
    params[r.params_n++] = param_of("account", &account);
    if (app)
        params[r.params_n++] = param_of("app", &of_app);
    if (a->q.v[QUERY_ANY_VIEWER].given)
        params[r.params_n++] = param_of("viewer", &viewer);
    *sub = *a;
    sub->resumed = sub->more = false;
    sub->bound = NULL;
    *out = sub;
    enum status st = question_read(&r, a->arena, &sub->q, a->why);
    CHECK(st != ST_BAD_PARAMETER); /* the question is ours */
    return st;
}

enum status block_end(struct answer *a, struct answer *sub, uint32_t rows_max, struct block *out)
{
    const struct page before = *a->page;
    struct page *p = sub->page;
    p->bytes_max = before.bytes_max / BLOCK_SHARE;
    p->rows_max = rows_max;
    page_begin(p, sub->q.view, before.encoding, PAGE_ANSWER);
    enum status st = answer_run(sub);
    const bool bad = p->rows.bad;
    p->bytes_max = before.bytes_max;
    a->view.txn = sub->view.txn;
    a->work = sub->work;
    a->catalogue = sub->catalogue;
    a->inventory = sub->inventory;
    memcpy(a->why, sub->why, sizeof a->why);
    if (st != ST_OK)
        return st;
    char *rows = arena_alloc(a->arena, p->rows.n + 1);
    if (!rows || bad)
        return ST_NO_MEMORY;
    if (p->rows.n)
        memcpy(rows, p->rows.p, p->rows.n);
    *out = (struct block){{rows, p->rows.n}, p->n, sub->more};
    return ST_OK;
}

void block_object(struct answer *a)
{
    CHECK(a->page->n == 1);
    buf_put(a->object, a->page->rows.p, a->page->rows.n);
}
