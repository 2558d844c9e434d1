/* distinct_records: how many different records were touched.
 *
 * The sheets say which groups there are, how many events carried no record, and how many sketches a
 * group unites; only then are sketches read, so that the cost of a page is known before it is paid.
 */
#include "engine/query/scan.h"

#define SKETCHES_PER_PAGE 240 /* about 15 us each at worst */

enum { EVENTS, WITH_RECORD, SKETCHES }; /* facts of a group */

struct distincts {
    struct scan scan; /* first */
    bool by_action;
    bool failed;       /* a group unites too many sketches */
    uint64_t sketches; /* read for this page */
};

static void add(struct scan *s, int32_t day, const struct sheet_row *row)
{
    const struct distincts *d = (const struct distincts *)s;
    for (uint32_t i = 0; i < row->cells_n; i++) {
        const uint64_t slot = row->cells[i].slot;
        const bool marks = slot >= SLOT_WITH_RECORD && slot < SLOT_WITH_RECORD + ACTION_N;
        if (!marks && !slot_is_record(slot))
            continue;
        const uint64_t action = marks ? slot - SLOT_WITH_RECORD : slot_action(slot);
        if (!question_admits(&s->a->q, QUERY_DISTINCT_RECORDS_ACTION, action))
            continue;
        const struct sum_key key = scan_key(s, day, row->app, d->by_action ? action : 0);
        struct sum *sum = sums_at(&s->sums, &key);
        if (!sum)
            return;
        sum->n[marks ? WITH_RECORD : EVENTS] += row->cells[i].count;
        sum->n[SKETCHES] += marks;
    }
}

/* The only value of a filter, for a dimension that is united; NULL: any. */
static const uint64_t *only(const struct answer *a, enum query_param_id filter)
{
    const struct values *v = &a->q.v[filter];
    return v->given ? v->numbers : NULL;
}

static void count(struct distincts *d, const struct sum *group, struct distinct *out)
{
    struct answer *a = d->scan.a;
    *out = (struct distinct){0, true};
    if (group->n[SKETCHES] == 0)
        return;
    d->sketches += group->n[SKETCHES];
    const uint64_t *app = d->scan.by_app ? &group->key.app : only(a, QUERY_DISTINCT_RECORDS_APP);
    const uint64_t *one = only(a, QUERY_DISTINCT_RECORDS_ACTION);
    uint32_t action = one ? (uint32_t)*one : ACTION_N;
    if (d->by_action)
        action = (uint32_t)group->key.sub;
    const int32_t from = d->scan.by_day ? group->key.day : a->from_day;
    const int32_t to = d->scan.by_day ? group->key.day : a->to_day;
    view_distinct(&a->view, &(struct distinct_query){a->account, from, to, app, action}, out);
}

static bool emit(struct scan *s, const struct sum *group)
{
    struct distincts *d = (struct distincts *)s;
    struct page *p = s->a->page;
    const uint64_t sketches = group->n[SKETCHES];
    if (sketches > QUERY_SKETCHES_MAX)
        d->failed = true;
    if (d->failed || (p->n > 0 && d->sketches + sketches > SKETCHES_PER_PAGE))
        return false;
    struct distinct records;
    count(d, group, &records);
    const uint64_t events = group->n[EVENTS], with = group->n[WITH_RECORD];
    row_begin(p);
    row_day(p, group->key.day);
    row_u64(p, group->key.app);
    row_z(p, d->by_action ? action_name(group->key.sub) : "");
    row_u64(p, records.records);
    row_bool(p, records.exact);
    row_u64(p, events > with ? events - with : 0);
    return row_end(p);
}

/* A union is over one value of a dimension or over all of them. */
static enum status check_united(struct answer *a, enum query_param_id filter, bool wanted)
{
    if (wanted || !a->q.v[filter].given || a->q.v[filter].n == 1)
        return ST_OK;
    const char *name = query_params[filter].name;
    return answer_refuse(
        a, ST_BAD_PARAMETER,
        "%s has %u values and group_by leaves %s out; allowed: one value, or %s in group_by", name,
        a->q.v[filter].n, name, name);
}

enum status view_distinct_records_answer(struct answer *a)
{
    enum { BY_DAY, BY_APP, BY_ACTION }; /* words of group_by */
    bool wanted[3] = {false};
    const struct values *by = &a->q.v[QUERY_DISTINCT_RECORDS_GROUP_BY];
    for (uint32_t i = 0; i < by->n; i++)
        wanted[by->numbers[i]] = true;
    if (question_number(&a->q, QUERY_DISTINCT_RECORDS_TOTAL, 0) == 1)
        wanted[BY_DAY] = false;
    enum status st = check_united(a, QUERY_DISTINCT_RECORDS_APP, wanted[BY_APP]);
    if (st == ST_OK)
        st = check_united(a, QUERY_DISTINCT_RECORDS_ACTION, wanted[BY_ACTION]);
    if (st != ST_OK)
        return st;
    for (unsigned i = 0; i < 3; i++)
        if (!wanted[i])
            page_hide(a->page, COL_DISTINCT_RECORDS_DAY + i);
    struct distincts d = {.scan = {.a = a,
                                   .apps = &a->q.v[QUERY_DISTINCT_RECORDS_APP],
                                   .by_day = wanted[BY_DAY],
                                   .by_app = wanted[BY_APP],
                                   .add = add,
                                   .emit = emit},
                          .by_action = wanted[BY_ACTION]};
    st = scan_page(&d.scan);
    if (st == ST_OK && d.failed)
        return answer_refuse(
            a, ST_LIMIT,
            "over %u daily counts to unite; narrow from and to, or name app or action "
            "in group_by or as a filter",
            QUERY_SKETCHES_MAX);
    return st;
}
