/* Writing rows. A row that does not fit is taken back whole, so a page is never cut inside a row.
 */
#include "engine/query/page.h"

#include "engine/base/check.h"

/* What a first row may take beyond the limit: 256 scopes of 256 bytes, and the rest, escaped. */
#define ROW_SLACK_BYTES ((size_t)1 << 20)

void page_begin(struct page *p, enum query_view_id view, enum encoding encoding,
                enum page_form form)
{
    const uint32_t columns_n = query_columns_end(view) - query_views[view].column0;
    CHECK(columns_n <= 64);
    CHECK(form == PAGE_ANSWER || encoding == ENCODING_JSON);
    buf_reset(&p->rows);
    p->rows.cap_max = p->bytes_max + ROW_SLACK_BYTES;
    p->encoding = encoding;
    p->form = form;
    p->view = view;
    p->shown_n = columns_n;
    p->shown = columns_n == 64 ? UINT64_MAX : (UINT64_C(1) << columns_n) - 1;
    p->n = 0;
}

void page_hide(struct page *p, enum query_column_id column)
{
    CHECK(p->n == 0);
    if (page_shows(p, column))
        p->shown_n--;
    p->shown &= ~(UINT64_C(1) << (column - query_views[p->view].column0));
}

/* ---- cells of a CSV ---- */

static void put_cell(struct buf *to, struct str s)
{
    bool quoted = s.n == 0 || s.p[0] == ' ' || s.p[s.n - 1] == ' ';
    for (size_t i = 0; i < s.n && !quoted; i++)
        quoted = s.p[i] == ',' || s.p[i] == '"' || (unsigned char)s.p[i] < 0x20;
    if (!quoted) {
        buf_put(to, s.p, s.n);
        return;
    }
    buf_u8(to, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_u8(to, '"');
        buf_u8(to, (uint8_t)s.p[i]);
    }
    buf_u8(to, '"');
}

void page_put_header(const struct page *p, struct buf *to)
{
    bool first = true;
    for (uint32_t i = query_views[p->view].column0; i < query_columns_end(p->view); i++) {
        if (!page_shows(p, i))
            continue;
        if (!first)
            buf_u8(to, ',');
        put_cell(to, str_of(query_columns[i].name));
        first = false;
    }
    buf_put(to, "\r\n", 2);
}

/* ---- rows ---- */

void row_begin(struct page *p)
{
    CHECK(!page_full(p));
    p->start = p->rows.n;
    p->column = query_views[p->view].column0;
    p->cells = 0;
    if (p->form == PAGE_CSV)
        return;
    if (p->form == PAGE_EVENTS)
        buf_put(&p->rows, "data: ", 6);
    else if (p->form == PAGE_ANSWER && p->encoding == ENCODING_JSON && p->n > 0)
        buf_u8(&p->rows, ',');
    p->out = out_to(p->encoding, &p->rows);
    out_map(&p->out, p->shown_n);
}

/* Step to the next column; what stands before its value is written when it is shown. */
static const struct query_column *next_column(struct page *p)
{
    CHECK(p->column < query_columns_end(p->view));
    const struct query_column *c = &query_columns[p->column];
    const bool shown = page_shows(p, p->column++);
    if (!shown)
        return NULL;
    if (p->form != PAGE_CSV)
        out_key(&p->out, c->name);
    else if (p->cells++ > 0)
        buf_u8(&p->rows, ',');
    return c;
}

static void put_text(struct page *p, struct str s)
{
    if (p->form == PAGE_CSV)
        put_cell(&p->rows, s);
    else
        out_str(&p->out, s);
}

void row_u64(struct page *p, uint64_t v)
{
    const struct query_column *c = next_column(p);
    char text[24];
    if (!c)
        return;
    CHECK(c->type == COLUMN_UINT || c->type == COLUMN_TIME);
    if (p->form == PAGE_EVENTS && strcmp(c->name, "position") == 0)
        p->id = v;
    if (p->form != PAGE_CSV)
        out_i64(&p->out, (int64_t)v);
    else
        buf_put(&p->rows, text, text_fmt(text, sizeof(text), "%lld", (long long)v));
}

void row_str(struct page *p, struct str s)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->type == COLUMN_TEXT);
    put_text(p, s);
}

void row_z(struct page *p, const char *s)
{
    row_str_if(p, s ? str_of(s) : (struct str){NULL, 0});
}

void row_bool(struct page *p, bool v)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->type == COLUMN_BOOL);
    if (p->form == PAGE_CSV)
        put_text(p, v ? STR("true") : STR("false"));
    else
        out_bool(&p->out, v);
}

void row_null(struct page *p)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->nullable);
    if (p->form != PAGE_CSV)
        out_null(&p->out);
}

void row_day(struct page *p, int32_t day)
{
    const struct query_column *c = next_column(p);
    char text[11];
    if (!c)
        return;
    CHECK(c->type == COLUMN_DAY);
    put_text(p, str_of(day_format(day, text)));
}

void row_table(struct page *p, struct str rows, uint32_t n)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->type == COLUMN_TABLES);
    CHECK(p->form == PAGE_ANSWER);
    out_array(&p->out, n);
    out_raw(&p->out, rows.p, rows.n, n);
    out_end(&p->out);
}

static void close_row(struct page *p)
{
    char id[40];
    if (p->form != PAGE_CSV)
        out_end(&p->out);
    if (p->form == PAGE_CSV)
        buf_put(&p->rows, "\r\n", 2);
    else if (p->form == PAGE_LINES)
        buf_u8(&p->rows, '\n');
    else if (p->form == PAGE_EVENTS)
        buf_put(&p->rows, id,
                text_fmt(id, sizeof(id), "\nid: %llu\n\n", (unsigned long long)p->id));
}

bool row_end(struct page *p)
{
    CHECK(p->column == query_columns_end(p->view));
    close_row(p);
    if (p->n > 0 && (p->rows.bad || p->rows.n > p->bytes_max)) {
        p->rows.n = p->start;
        p->rows.bad = false;
        p->rows_max = p->n;
        return false;
    }
    p->n++;
    if (p->rows
            .bad) /* not even one row: the answer is refused, for a next page would go behind it */
        p->rows_max = p->n;
    return true;
}
