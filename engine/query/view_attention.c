/* attention: one row per (connection, problem).
 *
 * A problem is open while its state lasts, and an error that recovered until a day after its last
 * failure. A built-in app that shows no state shows no problems either. */
#include "engine/query/attention.h"

#include "engine/query/directory.h"

#include <stdlib.h>

#define LOOKED_AT_WORK 20
#define ROWS_MAX       500 /* of a page: each has two names looked up */

enum { WANT_OPEN, WANT_RESOLVED, WANT_ALL }; /* words of query.def */

static const char *const problem_names[PROBLEM_N] = {[PROBLEM_DISCONNECTED] = "disconnected",
                                                     [PROBLEM_EXPIRED] = "expired",
                                                     [PROBLEM_ERROR] = "error",
                                                     [PROBLEM_REAUTH] = "reauth"};

/* 4 disconnected .. 1 error. */
static unsigned severity_of(enum problem_kind kind)
{
    return state_severity(problem_state(kind)) - state_severity(STATE_CONNECTED);
}

static bool is_open(const struct problem *p, int64_t now_ms)
{
    const int64_t resolved_ms = problem_resolved_ms(p);
    return resolved_ms == 0 || resolved_ms > now_ms;
}

/* Where a row stands in the order. */
struct place {
    unsigned severity;
    int64_t opened_ms;
    uint64_t app, user1;
};

struct issue {
    struct place at;
    const struct connection *c;
    enum problem_kind kind;
};

/* What issues are sorted by: severity and age, then the order of (app, user) they were found in. */
struct rank {
    uint64_t key;
    uint32_t issue;
};

static int place_order(const struct place *x, const struct place *y)
{
    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    if (x->opened_ms != y->opened_ms)
        return x->opened_ms < y->opened_ms ? -1 : 1;
    if (x->app != y->app)
        return x->app < y->app ? -1 : 1;
    return x->user1 < y->user1 ? -1 : x->user1 > y->user1;
}

static int by_rank(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->issue < y->issue ? -1 : x->issue > y->issue;
}

/* ---- collecting ---- */

struct issues {
    struct answer *a;
    uint64_t want;
    struct issue *rows; /* in the arena */
    uint32_t n, cap;
};

static bool hides(struct answer *a, uint64_t app)
{
    const struct catalogue_app *c = catalogue_get(a, app);
    return !c || catalogue_hides_state(c);
}

static bool wants_connection(struct answer *a, const struct connection *c)
{
    if (!question_admits(&a->q, QUERY_ATTENTION_APP, c->app))
        return false;
    if (a->q.v[QUERY_ATTENTION_USER].given &&
        !(c->has_user && question_admits(&a->q, QUERY_ATTENTION_USER, c->user)))
        return false;
    return true;
}

static bool wants_problem(const struct issues *l, const struct problem *p, enum problem_kind kind)
{
    const struct answer *a = l->a;
    const bool open = is_open(p, a->context->now_ms);
    if (p->episodes == 0 || !question_admits(&a->q, QUERY_ATTENTION_PROBLEM, kind))
        return false;
    if (open)
        return l->want != WANT_RESOLVED;
    return l->want != WANT_OPEN && problem_resolved_ms(p) >= a->view.first_day * MS_PER_DAY;
}

static bool issues_add(struct issues *l, const struct connection *c, enum problem_kind kind)
{
    if (l->n == l->cap) {
        const uint32_t cap = l->cap ? l->cap * 2 : 64;
        struct issue *rows = arena_alloc(l->a->arena, cap * sizeof *rows);
        if (!rows) {
            txn_fail(&l->a->view.txn, ST_NO_MEMORY);
            return false;
        }
        if (l->n)
            memcpy(rows, l->rows, l->n * sizeof *rows);
        l->rows = rows;
        l->cap = cap;
    }
    l->rows[l->n++] = (struct issue){
        {severity_of(kind), c->problems[kind].opened_ms, c->app, c->has_user ? c->user + 1 : 0},
        c,
        kind};
    return true;
}

static void collect(struct issues *l, const struct connection *c)
{
    if (!wants_connection(l->a, c))
        return;
    for (unsigned kind = 0; kind < PROBLEM_N; kind++)
        if (wants_problem(l, &c->problems[kind], kind) &&
            (hides(l->a, c->app) || !issues_add(l, c, kind)))
            return;
}

static bool collect_copy(void *arg, const struct connection *c)
{
    struct issues *l = arg;
    l->a->work += LOOKED_AT_WORK;
    if (!c->troubled)
        return true;
    struct connection *copy = arena_alloc(l->a->arena, sizeof *copy);
    if (!copy) {
        txn_fail(&l->a->view.txn, ST_NO_MEMORY);
        return false;
    }
    *copy = *c;
    collect(l, copy);
    return true;
}

uint32_t attention_open_of(const struct answer *a, const struct connection *c)
{
    uint32_t open = 0;
    for (unsigned kind = 0; kind < PROBLEM_N; kind++)
        open += c->problems[kind].episodes && is_open(&c->problems[kind], a->context->now_ms);
    return open;
}

uint32_t attention_open_n(struct answer *a, const struct inventory *inv)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < inv->apps.troubled_n; i++) {
        const struct connection *c = &inv->apps.troubled[i];
        const uint32_t open = attention_open_of(a, c);
        n += open && !hides(a, c->app) ? open : 0;
    }
    return n;
}

/* ---- writing ---- */

static const char *action_of(const struct issue *i)
{
    if (i->c->problems[i->kind].ended_ms)
        return NULL;
    return i->kind == PROBLEM_REAUTH ? "reauthenticate" : "reconnect";
}

static struct str or_null(struct str s)
{
    return s.n ? s : (struct str){NULL, 0};
}

static bool put(struct answer *a, const struct issue *i)
{
    const struct catalogue_app *app = catalogue_get(a, i->c->app);
    const struct problem *problem = &i->c->problems[i->kind];
    const bool open = is_open(problem, a->context->now_ms);
    struct directory_user user = {0};
    struct page *p = a->page;
    if (!app || page_full(p))
        return false;
    if (i->c->has_user)
        directory_get(a, i->c->user, &user);
    row_begin(p);
    row_u64(p, i->at.severity);
    row_z(p, problem_names[i->kind]);
    row_z(p, open ? "open" : "resolved");
    row_u64(p, i->c->app);
    row_str_if(p, app->name);
    row_u64_if(p, i->c->has_user, i->c->user);
    row_str_if(p, user.name);
    row_u64(p, (uint64_t)problem->opened_ms);
    row_u64(p, (uint64_t)problem->last_ms);
    row_time_if(p, problem->ended_ms);
    row_time_if(p, open ? 0 : problem_resolved_ms(problem));
    row_u64(p, problem->repeats);
    row_u64(p, problem->episodes);
    row_str_if(p, or_null(problem->reason));
    row_str_if(p, or_null(problem->code));
    row_z(p, action_of(i));
    return row_end(p);
}

/* ---- pages: the window of apps, and the last row of it that was answered ---- */

struct cursor {
    uint64_t window;
    bool after;
    struct place last;
};

static enum status read_cursor(struct answer *a, struct cursor *to)
{
    struct reader *r = &a->cursor;
    if (!a->resumed)
        return ST_OK;
    to->window = read_varint(r);
    to->after = reader_left(r) > 0;
    if (to->after) {
        to->last.severity = (unsigned)read_varint(r);
        to->last.opened_ms = (int64_t)read_varint(r);
        to->last.app = read_varint(r);
        to->last.user1 = read_varint(r);
    }
    return r->bad || reader_left(r) ? answer_bad_cursor(a) : ST_OK;
}

static void write_cursor(struct answer *a, const struct cursor *from)
{
    struct buf *b = answer_more(a);
    buf_varint(b, from->window);
    if (!from->after)
        return;
    buf_varint(b, from->last.severity);
    buf_varint(b, (uint64_t)from->last.opened_ms);
    buf_varint(b, from->last.app);
    buf_varint(b, from->last.user1);
}

/* The rows after the cursor, in order; NULL: no memory. */
static struct rank *rank(struct issues *l, const struct cursor *at, uint32_t *n)
{
    struct rank *ranks = arena_alloc(l->a->arena, (l->n + 1) * sizeof *ranks);
    *n = 0;
    if (!ranks) {
        txn_fail(&l->a->view.txn, ST_NO_MEMORY);
        return NULL;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        const struct place *p = &l->rows[i].at;
        if (!at->after || place_order(p, &at->last) > 0)
            ranks[(*n)++] =
                (struct rank){(uint64_t)(7 - p->severity) << 61 | (uint64_t)p->opened_ms, i};
    }
    if (*n > 1)
        qsort(ranks, *n, sizeof *ranks, by_rank);
    return ranks;
}

/* Put the rows after the cursor; false when the page is full. */
static bool put_issues(struct issues *l, struct cursor *at)
{
    uint32_t n;
    const struct rank *ranks = rank(l, at, &n);
    for (uint32_t i = 0; ranks && i < n; i++) {
        const struct issue *issue = &l->rows[ranks[i].issue];
        if (!put(l->a, issue))
            return false;
        at->after = true;
        at->last = issue->at;
    }
    return true;
}

/* One app needs no window. */
static enum status of_one_app(struct answer *a, uint64_t app, struct cursor *at)
{
    struct issues l = {.a = a, .want = question_number(&a->q, QUERY_ATTENTION_STATE, WANT_OPEN)};
    view_connections_each(
        &a->view, &(struct connection_query){.account = a->account, .from_app = app, .to_app = app},
        collect_copy, &l);
    if (a->view.txn.status == ST_OK && !put_issues(&l, at))
        write_cursor(a, at);
    return a->view.txn.status;
}

static enum status of_all_apps(struct answer *a, struct cursor *at)
{
    for (;;) {
        struct issues l = {.a = a,
                           .want = question_number(&a->q, QUERY_ATTENTION_STATE, WANT_OPEN)};
        const struct inventory *inv = inventory_connections(a, at->window);
        for (uint32_t i = 0; inv && i < inv->apps.troubled_n; i++)
            collect(&l, &inv->apps.troubled[i]);
        if (a->view.txn.status != ST_OK)
            return a->view.txn.status;
        const bool through = put_issues(&l, at);
        if (through && !inv->apps.more)
            return ST_OK;
        if (through)
            *at = (struct cursor){.window = inv->apps.next_app};
        if (!through || a->work >= a->work_max) {
            write_cursor(a, at);
            return ST_OK;
        }
    }
}

enum status view_attention_answer(struct answer *a)
{
    struct cursor at = {0};
    const struct values *apps = &a->q.v[QUERY_ATTENTION_APP];
    if (a->page->rows_max > ROWS_MAX)
        a->page->rows_max = ROWS_MAX;
    enum status st = answer_check_beta(a);
    if (st == ST_OK)
        st = read_cursor(a, &at);
    if (st != ST_OK)
        return st;
    if (apps->given && apps->n == 1)
        return of_one_app(a, apps->numbers[0], &at);
    return of_all_apps(a, &at);
}
