/* schema: query.def as rows, for whoever builds a form or a table from it. */
#include "engine/query/answer.h"

struct part {
    const char *part, *name, *type;
    bool required, many, nullable;
    struct str allowed;
    const char *def, *help;
};

static bool put(struct page *p, const char *view, const struct part *part)
{
    row_begin(p);
    row_z(p, view);
    row_z(p, part->part);
    row_z(p, part->name);
    row_z(p, part->type);
    row_bool(p, part->required);
    row_bool(p, part->many);
    row_bool(p, part->nullable);
    row_str_if(p, part->allowed);
    row_z(p, part->def && part->def[0] ? part->def : NULL);
    row_z(p, part->help);
    return row_end(p);
}

/* Hand over the rows one by one from row `at` of all views on. */
struct walk {
    struct answer *a;
    uint64_t row;  /* of the next part, over all views */
    uint64_t from; /* first wanted */
    bool full;
};

static void step(struct walk *w, enum query_view_id view, const struct part *part)
{
    if (!w->full && w->row >= w->from &&
        (page_full(w->a->page) || !put(w->a->page, query_views[view].name, part))) {
        w->full = true;
        buf_varint(answer_more(w->a), w->row);
    }
    w->row++;
}

static void walk_view(struct walk *w, enum query_view_id id)
{
    const struct query_view *v = &query_views[id];
    step(w, id, &(struct part){"view", v->name, query_shape_name(v->shape), .help = v->help});
    for (unsigned i = 0; i < QUERY_PARAMS_N; i++) {
        const struct query_param *p = &query_params[i];
        if (!query_param_of(id, i))
            continue;
        char text[256], def[256];
        const size_t n = query_param_allowed(p, text, sizeof(text));
        query_param_default(p, def, sizeof(def));
        step(w, id,
             &(struct part){"parameter",
                            p->name,
                            query_param_type_name(p->type),
                            p->required,
                            p->many,
                            false,
                            {text, n},
                            def,
                            p->help});
    }
    for (unsigned i = v->column0; i < query_columns_end(id); i++) {
        const struct query_column *c = &query_columns[i];
        step(w, id,
             &(struct part){"column", c->name, query_column_type_name(c->type),
                            .nullable = c->nullable, .help = c->help});
    }
}

static bool wanted(const struct answer *a, enum query_view_id id)
{
    const struct values *names = &a->q.v[QUERY_SCHEMA_NAME];
    for (uint32_t i = 0; i < names->n; i++)
        if (str_eq(names->texts[i], str_of(query_views[id].name)))
            return true;
    return names->n == 0;
}

enum status view_schema_answer(struct answer *a)
{
    struct walk w = {.a = a};
    if (a->resumed)
        w.from = read_varint(&a->cursor);
    if (a->resumed && (a->cursor.bad || reader_left(&a->cursor)))
        return answer_bad_cursor(a);
    for (unsigned id = 0; id < VIEW_N; id++)
        if (wanted(a, (enum query_view_id)id))
            walk_view(&w, (enum query_view_id)id);
    return ST_OK;
}
