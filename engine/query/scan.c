#include "engine/query/scan.h"

#include "engine/base/check.h"

#define PART_CELLS_MIN 64 /* read from a day at once, however little of the budget is left */

/* ---- the cursor: flags, key, place, sums begun ---- */

#define HAS_KEY   1
#define HAS_PLACE 2

static enum status resume(struct scan *s)
{
    struct reader *r = &s->a->cursor;
    if (!s->a->resumed)
        return ST_OK;
    const uint64_t flags = read_varint(r);
    s->after = flags & HAS_KEY;
    if (s->after) {
        s->after_key.day = (int32_t)unzigzag(read_varint(r));
        s->after_key.app = read_varint(r);
        s->after_key.sub = read_varint(r);
    }
    s->at = flags & HAS_PLACE;
    if (s->at) {
        s->at_day = (int32_t)unzigzag(read_varint(r));
        s->at_app = read_varint(r);
        const uint64_t n = read_varint(r);
        if (n && s->by_app)
            return answer_bad_cursor(
                s->a); /* groups end with their app: none can have been begun */
        const bool gone = s->by_day && s->at_day < s->a->from_day; /* its day is over since */
        struct sums dropped = {.arena = s->a->arena};
        for (uint64_t i = 0; i < n && !r->bad; i++) {
            const struct sum_key key = scan_key(s, s->at_day, 0, read_varint(r));
            struct sum *row = sums_at(gone ? &dropped : &s->sums, &key);
            for (unsigned k = 0; row && k < SUM_FACTS; k++)
                row->n[k] += read_varint(r);
            if (!row)
                return ST_NO_MEMORY;
        }
    }
    return r->bad || reader_left(r) || flags > 3 ? answer_bad_cursor(s->a) : ST_OK;
}

static void put_key(struct buf *b, const struct sum_key *key)
{
    buf_varint(b, zigzag(key->day));
    buf_varint(b, key->app);
    buf_varint(b, key->sub);
}

/* The next page begins after `key` (NULL: after nothing). */
static void more_after(struct scan *s, const struct sum_key *key)
{
    struct buf *b = answer_more(s->a);
    buf_varint(b, key ? HAS_KEY : 0);
    if (key)
        put_key(b, key);
}

/* The next page begins where the scan ended, with the groups from row `begun` on. */
static void more_at_end(struct scan *s, const struct sum_key *key, uint32_t begun)
{
    struct buf *b = answer_more(s->a);
    buf_varint(b, HAS_PLACE | (key ? HAS_KEY : 0));
    if (key)
        put_key(b, key);
    buf_varint(b, zigzag(s->end_day));
    buf_varint(b, s->end_app);
    buf_varint(b, s->sums.n - begun);
    for (uint32_t i = begun; i < s->sums.n; i++) {
        CHECK(!s->by_app); /* then groups end with their app */
        buf_varint(b, s->sums.rows[i].key.sub);
        for (unsigned k = 0; k < SUM_FACTS; k++)
            buf_varint(b, s->sums.rows[i].n[k]);
    }
}

/* ---- reading ---- */

static uint64_t budget(const struct scan *s)
{
    return s->a->work < s->a->work_max ? s->a->work_max - s->a->work : 0;
}

static bool usable(const struct scan *s)
{
    return !s->sums.failed && s->a->view.txn.status == ST_OK;
}

/* Apps to read of a day, both inclusive, and how much of them at once. */
struct span_of_apps {
    uint64_t from, to;
    uint32_t cells_max;
};

static void add_sheet(struct scan *s, int32_t day, const struct sheet *sheet)
{
    for (uint32_t i = 0; i < sheet->rows_n; i++) {
        s->a->work += 1 + sheet->rows[i].cells_n;
        s->add(s, day, &sheet->rows[i]);
    }
}

static void read_app(struct scan *s, int32_t day, uint64_t app)
{
    struct sheet sheet;
    arena_reset(s->a->scratch);
    view_sheet(&s->a->view,
               &(struct sheet_query){.account = s->a->account, .day = day, .only_app = &app},
               s->a->scratch, &sheet);
    s->a->work += QUERY_LOOKUP;
    add_sheet(s, day, &sheet);
}

/* Read apps from..to of one day, about cells_max cells and at least one app. False: not all; *next
 * is the first app that was not read. */
static bool read_part(struct scan *s, int32_t day, const struct span_of_apps *apps, uint64_t *next)
{
    const struct sheet_query q = {.account = s->a->account,
                                  .day = day,
                                  .only_app = apps->to == 0 ? &apps->to : NULL, /* 0: no bound */
                                  .from_app = apps->from,
                                  .to_app = apps->to,
                                  .cells_max = apps->cells_max};
    struct sheet sheet;
    arena_reset(s->a->scratch);
    view_sheet(&s->a->view, &q, s->a->scratch, &sheet);
    s->a->work += QUERY_LOOKUP;
    add_sheet(s, day, &sheet);
    *next = sheet.next_app;
    return !sheet.cut;
}

/* ---- the order of reading ---- */

/* Groups formed that the page has not answered yet. */
static uint64_t fresh(const struct scan *s)
{
    uint64_t n = s->sums.n;
    for (uint32_t i = 0; s->after && i < s->sums.n; i++)
        n -= sum_key_order(&s->sums.rows[i].key, &s->after_key) <= 0;
    return n;
}

/* Cells to read at once of one of days_n days: the budget's share, but no more than a page is
 * likely to need, for most questions want little of much. */
static uint32_t part_cells(const struct scan *s, uint64_t days_n)
{
    const uint64_t share = budget(s) / days_n;
    const uint64_t page = (uint64_t)s->a->page->rows_max * 2;
    return (uint32_t)((share < page ? share : page) + PART_CELLS_MIN);
}

/* Is there nothing to gain from reading on? */
static bool enough(const struct scan *s, bool groups_whole)
{
    if (!usable(s) || budget(s) == 0)
        return true;
    return groups_whole && !s->fill && s->sums.n > s->a->page->rows_max &&
           fresh(s) > s->a->page->rows_max;
}

static void end_at(struct scan *s, int32_t day, uint64_t app)
{
    s->whole = false;
    s->end_day = day;
    s->end_app = app;
}

/* The filter's first app that is not below `app`. */
static uint32_t filter_from(const struct scan *s, uint64_t app)
{
    uint32_t i = 0;
    while (i < s->apps->n && s->apps->numbers[i] < app)
        i++;
    return i;
}

/* One day from app `from` on. False: it ended before *end. */
static bool read_day(struct scan *s, int32_t day, uint64_t from, uint64_t *end)
{
    if (s->apps->given) {
        for (uint32_t i = filter_from(s, from); i < s->apps->n; i++) {
            if (i > filter_from(s, from) && enough(s, s->by_app)) {
                *end = s->apps->numbers[i];
                return false;
            }
            read_app(s, day, s->apps->numbers[i]);
        }
        return true;
    }
    struct span_of_apps apps = {from, UINT64_MAX, 0};
    for (;;) {
        apps.cells_max = part_cells(s, 1);
        if (read_part(s, day, &apps, &apps.from))
            return true;
        if (enough(s, s->by_app)) {
            *end = apps.from;
            return false;
        }
    }
}

static void read_by_day(struct scan *s)
{
    int32_t day = s->a->from_day;
    uint64_t app = 0;
    if (s->at) {
        day = s->at_day > day ? s->at_day : day;
        app = day == s->at_day ? s->at_app : 0;
    } else if (s->after && s->by_day) {
        day = s->after_key.day > day ? s->after_key.day : day;
        app = day == s->after_key.day && s->by_app ? s->after_key.app : 0;
    }
    for (; day <= s->a->to_day; day++, app = 0) {
        uint64_t end;
        if (!read_day(s, day, app, &end)) {
            end_at(s, day, end);
            return;
        }
        if (day < s->a->to_day && enough(s, s->by_day)) {
            end_at(s, day + 1, 0);
            return;
        }
    }
}

static void read_filter_by_app(struct scan *s, uint64_t from)
{
    for (uint32_t i = filter_from(s, from), first = i; i < s->apps->n; i++) {
        if (i > first && enough(s, true)) {
            end_at(s, 0, s->apps->numbers[i]);
            return;
        }
        for (int32_t day = s->a->from_day; day <= s->a->to_day; day++)
            read_app(s, day, s->apps->numbers[i]);
    }
}

/* Drop the groups of apps above `to`: not all of their days were read. */
static void drop_above(struct scan *s, uint64_t to)
{
    sums_sort(&s->sums);
    while (s->sums.n > 0 && s->sums.rows[s->sums.n - 1].key.app > to)
        s->sums.n--;
}

static void read_by_app(struct scan *s)
{
    uint64_t from = s->at ? s->at_app : s->after ? s->after_key.app : 0;
    if (s->apps->given) {
        read_filter_by_app(s, from);
        return;
    }
    const uint64_t days_n = s->a->to_day < s->a->from_day ? 1 : s->a->to_day - s->a->from_day + 1;
    for (;;) {
        struct span_of_apps apps = {from, UINT64_MAX, part_cells(s, days_n)};
        uint64_t next;
        for (int32_t day = s->a->from_day; day <= s->a->to_day; day++)
            if (!read_part(s, day, &apps, &next))
                apps.to = next - 1;
        if (apps.to == UINT64_MAX)
            return;
        drop_above(s, apps.to);
        from = apps.to + 1;
        if (enough(s, true)) {
            end_at(s, 0, from);
            return;
        }
    }
}

/* ---- answering ---- */

/* Was every part of that group read? */
static bool is_whole(const struct scan *s, const struct sum_key *key)
{
    if (s->whole)
        return true;
    if (s->by_day && key->day != s->end_day)
        return key->day < s->end_day;
    return s->by_app && key->app < s->end_app;
}

static void answer_groups(struct scan *s)
{
    const struct sum_key *last = s->after ? &s->after_key : NULL;
    uint32_t i = 0;
    for (; i < s->sums.n && is_whole(s, &s->sums.rows[i].key); i++) {
        const struct sum *group = &s->sums.rows[i];
        if (s->after && sum_key_order(&group->key, &s->after_key) <= 0)
            continue;
        if (page_full(s->a->page) || !s->emit(s, group)) {
            more_after(s, last);
            return;
        }
        last = &group->key;
    }
    if (!s->whole)
        more_at_end(s, last, i);
}

/* Every group that has a row on some day, as keys of day 0. */
static void collect_groups(const struct scan *s, struct sums *groups)
{
    for (uint32_t i = 0; i < s->sums.n && !groups->failed; i++) {
        struct sum_key key = {0, s->sums.rows[i].key.app, s->sums.rows[i].key.sub};
        (void)sums_at(groups, &key); /* failure is seen in `failed` */
        for (uint32_t sub = 0; sub < s->fill_subs; sub++) {
            key.sub = sub;
            (void)sums_at(groups, &key);
        }
    }
    sums_sort(groups);
}

static void answer_filled(struct scan *s)
{
    struct sums groups = {.arena = s->a->arena};
    collect_groups(s, &groups);
    s->sums.failed |= groups.failed;
    struct sum_key last = s->after_key;
    bool any = s->after;
    int32_t day = s->after && s->after_key.day > s->a->from_day ? s->after_key.day : s->a->from_day;
    for (uint32_t at = 0; day <= s->a->to_day; day++)
        for (uint32_t i = 0; i < groups.n; i++) {
            struct sum group = {.key = {day, groups.rows[i].key.app, groups.rows[i].key.sub}};
            if (s->after && sum_key_order(&group.key, &s->after_key) <= 0)
                continue;
            while (at < s->sums.n && sum_key_order(&s->sums.rows[at].key, &group.key) < 0)
                at++;
            if (at < s->sums.n && sum_key_order(&s->sums.rows[at].key, &group.key) == 0)
                group = s->sums.rows[at];
            if (page_full(s->a->page) || !s->emit(s, &group)) {
                more_after(s, any ? &last : NULL);
                return;
            }
            last = group.key;
            any = true;
        }
}

enum status scan_page(struct scan *s)
{
    s->sums.arena = s->a->arena;
    s->fill &= s->by_day;
    enum status st = resume(s);
    if (st != ST_OK)
        return st;
    s->whole = true;
    struct sum_key after = s->after_key;
    if (s->fill) { /* a row of zero may stand for a group seen on any other day: read them all */
        s->after_key = (struct sum_key){s->a->from_day, 0, 0};
        s->at = false;
    }
    if (s->by_app && !s->by_day)
        read_by_app(s);
    else
        read_by_day(s);
    s->after_key = after;
    if (!usable(s))
        return s->sums.failed ? ST_NO_MEMORY : s->a->view.txn.status;
    sums_sort(&s->sums);
    if (s->fill && !s->whole)
        return answer_refuse(s->a, ST_LIMIT,
                             "too much to fill at once; narrow from and to, or name apps");
    if (s->fill)
        answer_filled(s);
    else
        answer_groups(s);
    return s->sums.failed ? ST_NO_MEMORY : ST_OK;
}
