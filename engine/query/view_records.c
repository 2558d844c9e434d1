/* records: record events by day, app, object type and action. */
#include "engine/query/scan.h"

struct records {
    struct scan scan; /* first: the scan's functions get back to the rest by it */
    bool by_type, by_action;
};

static const char *const action_names[ACTION_N] = {"created", "updated",  "deleted",
                                                   "merged",  "restored", "associated"};

const char *action_name(uint64_t action)
{
    return action < ACTION_N ? action_names[action] : "";
}

static void add(struct scan *s, int32_t day, const struct sheet_row *row)
{
    const struct records *r = (const struct records *)s;
    const struct question *q = &s->a->q;
    for (uint32_t i = 0; i < row->cells_n; i++) {
        const uint64_t slot = row->cells[i].slot;
        if (!slot_is_record(slot))
            continue;
        const object_type_id type = slot_type(slot);
        const enum record_action action = slot_action(slot);
        if (!question_admits(q, QUERY_RECORDS_OBJECT_TYPE, type) ||
            !question_admits(q, QUERY_RECORDS_ACTION, action))
            continue;
        const uint64_t sub = (r->by_type ? type * 8 : 0) + (r->by_action ? action : 0);
        const struct sum_key key = scan_key(s, day, row->app, sub);
        struct sum *sum = sums_at(&s->sums, &key);
        if (!sum)
            return;
        sum->n[0] += row->cells[i].count;
    }
}

static bool emit(struct scan *s, const struct sum *group)
{
    const struct records *r = (const struct records *)s;
    struct page *p = s->a->page;
    const object_type_id type = group->key.sub / 8;
    char text[32];
    struct str name = {NULL, 0};
    if (r->by_type)
        name = object_type_text(type, view_type_name(&s->a->view, type), text);
    row_begin(p);
    row_day(p, group->key.day);
    row_u64(p, group->key.app);
    row_str(p, name);
    row_z(p, r->by_action ? action_name(group->key.sub % 8) : "");
    row_u64(p, group->n[0]);
    return row_end(p);
}

enum status view_records_answer(struct answer *a)
{
    enum { BY_DAY, BY_APP, BY_TYPE, BY_ACTION }; /* words of group_by */
    const struct values *by = &a->q.v[QUERY_RECORDS_GROUP_BY];
    bool wanted[4] = {false};
    for (uint32_t i = 0; i < by->n; i++)
        wanted[by->numbers[i]] = true;
    for (unsigned i = 0; i < 4; i++)
        if (!wanted[i])
            page_hide(a->page, COL_RECORDS_DAY + i);
    struct records r = {.scan = {.a = a,
                                 .apps = &a->q.v[QUERY_RECORDS_APP],
                                 .by_day = wanted[BY_DAY],
                                 .by_app = wanted[BY_APP],
                                 .fill = question_number(&a->q, QUERY_RECORDS_FILL, 0),
                                 .add = add,
                                 .emit = emit},
                        .by_type = wanted[BY_TYPE],
                        .by_action = wanted[BY_ACTION]};
    return scan_page(&r.scan);
}
