/* daybook query VIEW key=value...: any view of the engine, as a table, CSV or JSON. */
#include <inttypes.h>
#include <string.h>

#include "clients/daybook/ask.h"
#include "clients/daybook/rows.h"
#include "clients/daybook/tree.h"

struct query_options {
    struct arg query, timeout, json, csv, ndjson, all, rows, wide, columns;
};

static const struct option_row rows_of_query[] = {
    {.name = "csv",
     .letter = 'c',
     .type = ARG_FLAG,
     .at = offsetof(struct query_options, csv),
     .help = "rows as CSV (RFC 4180) with a header; instants in ms since 1970"},
    {.name = "json",
     .letter = 'j',
     .type = ARG_FLAG,
     .at = offsetof(struct query_options, json),
     .help = "the whole answer as JSON, one a page and line"},
    {.name = "ndjson",
     .letter = 'n',
     .type = ARG_FLAG,
     .at = offsetof(struct query_options, ndjson),
     .help = "one JSON object a row"},
    {.name = "rows",
     .letter = 'r',
     .type = ARG_UINT,
     .at = offsetof(struct query_options, rows),
     .value = "N",
     .min = 1,
     .max = 100000000,
     .help = "stop after so many rows (1000 as a table; all of them otherwise)"},
    {.name = "all",
     .letter = 'a',
     .type = ARG_FLAG,
     .at = offsetof(struct query_options, all),
     .help = "every row, whatever their number"},
    {.name = "columns",
     .letter = 'C',
     .type = ARG_TEXT,
     .at = offsetof(struct query_options, columns),
     .value = "NAME[,NAME]",
     .help = "show only these columns, as a table or CSV"},
    {.name = "wide",
     .letter = 'w',
     .type = ARG_FLAG,
     .at = offsetof(struct query_options, wide),
     .help = "do not cut columns to the width of the terminal"},
    ROW_QUERY(struct query_options),
    ROW_TIMEOUT(struct query_options),
};

#define TABLE_ROWS_MAX 1000

static void param_help(struct cli *cli, const struct query_param *p)
{
    char allowed[400];
    (void)query_param_allowed(p, allowed, sizeof allowed);
    (void)fprintf(cli->out, "    %-12s %s%s; %s", p->name, p->required ? "(required) " : "",
                  p->help, allowed);
    if (p->many)
        (void)fprintf(cli->out, "; several: a,b");
    if (p->def[0] != '\0')
        (void)fprintf(cli->out, "; default %s", p->def);
    (void)fputc('\n', cli->out);
}

static void view_help(struct cli *cli, enum query_view_id id)
{
    const struct query_view *v = &query_views[id];
    (void)fprintf(cli->out, "  %s: %s\n", v->name, v->help);
    for (uint32_t i = 0; v->param0 + i < v[1].param0; i++)
        param_help(cli, &query_params[v->param0 + i]);
}

static void more_help(struct cli *cli)
{
    (void)fprintf(cli->out, "Views\n");
    enum query_view_id one = cli->n > 0 ? query_view_find(str_of(cli->v[0])) : VIEW_N;
    for (enum query_view_id id = 0; id < VIEW_N; id++)
        if (one == VIEW_N || one == id)
            view_help(cli, id);
}

/* "as of ..., complete to position N; days ..." */
static void footer(struct cli *cli, const json_t *answer, uint64_t rows_n, bool more)
{
    char text[64];
    (void)fprintf(cli->out, "%" PRIu64 " row%s", rows_n, rows_n == 1 ? "" : "s");
    const json_t *from = json_object_get(answer, "from");
    const json_t *to = json_object_get(answer, "to");
    bool days = json_is_string(from);
    if (from != NULL && to != NULL && !json_is_null(from) && !json_is_null(to)) {
        (void)fprintf(cli->out, "; %s",
                      rows_cell(from, days ? COLUMN_TEXT : COLUMN_TIME, text, sizeof text));
        (void)fprintf(cli->out, " to %s",
                      rows_cell(to, days ? COLUMN_TEXT : COLUMN_TIME, text, sizeof text));
    }
    const json_t *bound = json_object_get(answer, "bound");
    if (json_is_string(bound))
        (void)fprintf(cli->out, " (bound by %s)", json_string_value(bound));
    const json_t *as_of = json_object_get(answer, "as_of");
    if (json_is_integer(as_of))
        (void)fprintf(cli->out, "; as of %s", rows_cell(as_of, COLUMN_TIME, text, sizeof text));
    const json_t *position = json_object_get(answer, "position");
    if (json_is_integer(position))
        (void)fprintf(cli->out, ", log position %lld", (long long)json_integer_value(position));
    if (json_is_true(json_object_get(answer, "degraded")))
        (void)fprintf(cli->out, "; DEGRADED: the engine cannot write");
    if (more)
        (void)fprintf(cli->out, "; there are more (--all, --rows=N)");
    (void)fputc('\n', cli->out);
}

static int write_failed(struct cli *cli)
{
    return command_fault(cli, EX_IOERR, "the output could not be written");
}

struct shown {
    uint64_t rows_n, rows_max;
    bool header; /* of the CSV, still to come */
    json_t *all; /* owned: the rows of a table, which needs them all to know its widths */
};

/* The columns to show. Nonzero, after a message: --columns names one that there is not. */
static int choose_columns(struct ask *a, const struct query_options *o, const json_t *rows,
                          struct rows_columns *c)
{
    struct str unknown;
    rows_columns(a->view, rows, c);
    if (!o->columns.given || rows_columns_pick(c, o->columns.text, &unknown))
        return 0;
    return command_fault(a->cli, EX_USAGE, "query: the rows have no column \"%.*s\"",
                         (int)unknown.n, unknown.p);
}

static int show_table(struct ask *a, const struct query_options *o, const json_t *rows,
                      const json_t *answer, bool more)
{
    struct cli *cli = a->cli;
    struct rows_columns columns;
    int code = choose_columns(a, o, rows, &columns);
    if (code != 0)
        return code;
    if (!o->wide.given && !o->columns.given)
        rows_columns_drop_empty(&columns, rows);
    struct rows_style style = {.form = ROWS_TABLE};
    style.width = cli->out_tty && !o->wide.given ? cli->columns : 0;
    if (!rows_write(cli->out, &style, &columns, rows))
        return write_failed(cli);
    footer(cli, answer, json_array_size(rows), more);
    return 0;
}

/* A view that is one object. */
static int show_object(struct ask *a, const struct query_options *o, const json_t *answer)
{
    const json_t *data = json_object_get(answer, "data");
    if (o->json.given || o->ndjson.given || o->csv.given) {
        (void)json_dumpf(o->json.given ? answer : data, a->cli->out, JSON_COMPACT);
        (void)fputc('\n', a->cli->out);
        return 0;
    }
    return tree_write(a->cli->out, a->view, data) ? 0 : write_failed(a->cli);
}

static int show_lines(struct ask *a, const struct query_options *o, struct shown *s,
                      const json_t *answer, const json_t *rows)
{
    struct rows_columns columns;
    if (o->json.given) {
        (void)json_dumpf(answer, a->cli->out, JSON_COMPACT);
        (void)fputc('\n', a->cli->out);
        return 0;
    }
    int code = choose_columns(a, o, rows, &columns);
    if (code != 0)
        return code;
    struct rows_style style = {.form = o->csv.given ? ROWS_CSV : ROWS_NDJSON, .header = s->header};
    if (!rows_write(a->cli->out, &style, &columns, rows))
        return write_failed(a->cli);
    s->header = false;
    return 0;
}

/* One page. *done: no further page is wanted. */
static int show_page(struct ask *a, const struct query_options *o, struct shown *s, json_t *answer,
                     bool *done)
{
    json_t *rows = ask_rows(answer);
    if (rows == NULL) {
        *done = true;
        return show_object(a, o, answer);
    }
    bool more = json_is_string(json_object_get(answer, "cursor"));
    while (s->rows_n + json_array_size(rows) > s->rows_max) {
        (void)json_array_remove(rows, json_array_size(rows) - 1);
        more = true;
    }
    s->rows_n += json_array_size(rows);
    *done = !more || s->rows_n >= s->rows_max;
    if (o->json.given || o->csv.given || o->ndjson.given)
        return show_lines(a, o, s, answer, rows);
    (void)json_array_extend(s->all, rows);
    return *done ? show_table(a, o, s->all, answer, more) : 0;
}

static int pages(struct ask *a, const struct query_options *o)
{
    bool table = !o->json.given && !o->csv.given && !o->ndjson.given;
    struct shown s = {.rows_max = table ? TABLE_ROWS_MAX : UINT64_MAX, .header = true};
    const char *limit = json_string_value(json_object_get(a->request, "limit"));
    uint64_t wanted;
    if (limit != NULL && text_u64(str_of(limit), &wanted) == ST_OK)
        s.rows_max = wanted; /* "limit=5" means five rows, not pages of five */
    if (o->rows.given)
        s.rows_max = o->rows.number;
    if (o->all.given)
        s.rows_max = UINT64_MAX;
    s.all = json_array();
    bool done = false;
    int code = 0;
    while (code == 0 && !done && !*a->cli->stop) {
        json_t *answer;
        code = ask_answer(a, &answer);
        if (code != 0)
            break;
        code = show_page(a, o, &s, answer, &done);
        done = done || !ask_next_page(a, answer);
        json_decref(answer);
    }
    json_decref(s.all);
    return code;
}

static int run(struct cli *cli, const void *options)
{
    const struct query_options *o = options;
    if (o->json.given + o->csv.given + o->ndjson.given > 1)
        return command_fault(cli, EX_USAGE,
                             "query: one of --json, --csv and --ndjson, not several");
    const char *view = cli->v[0];
    if (query_view_find(str_of(view)) == VIEW_N) {
        const char *near = query_view_nearest(str_of(view));
        if (near != NULL)
            return command_fault(
                cli, EX_USAGE, "query: there is no view \"%s\"; did you mean \"%s\"?", view, near);
        return command_fault(cli, EX_USAGE, "query: there is no view \"%s\"; --help lists them",
                             view);
    }
    struct ask a;
    int code = ask_open(&a, cli, command_query(cli, &o->query), command_timeout(&o->timeout));
    if (code == 0)
        code = ask_view(&a, view);
    for (size_t i = 1; i < cli->n && code == 0; i++)
        code = ask_param(&a, cli->v[i]);
    if (code == 0)
        code = pages(&a, o);
    ask_close(&a);
    return code;
}

const struct command cmd_query = {
    .name = "query",
    .summary = "ask for a view: records, api_usage, activity, apps, ...",
    .synopsis = "VIEW [KEY=VALUE...]",
    .help =
        "Asks the engine for a view and shows it as a table. An answer includes everything that "
        "was "
        "acknowledged before the question; the line below the table says up to when and which log "
        "position.\n\n"
        "Examples\n"
        "  daybook query records account=7\n"
        "  daybook query records account=7 from=2026-11-01 group_by=day,action\n"
        "  daybook query api_usage account=7 app=42 kind=all --csv > usage.csv\n"
        "  daybook query activity account=7 type=app.installed,app.uninstalled\n"
        "  daybook query --help records      (the parameters of one view)\n",
    .rows = rows_of_query,
    .rows_n = sizeof rows_of_query / sizeof rows_of_query[0],
    .options_bytes = sizeof(struct query_options),
    .min = 1,
    .max = 64,
    .run = run,
    .more_help = more_help,
};
