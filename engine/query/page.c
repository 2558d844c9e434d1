/* Writing rows. A row that does not fit is taken back whole, so a page is never cut inside a row.
 */
#include "engine/query/page.h"

#include "engine/base/check.h"

/* What a first row may take beyond the limit: 256 scopes of 256 bytes, and the rest, escaped. */
#define ROW_SLACK_BYTES ((size_t)1 << 20)

void page_begin(struct page *p, enum query_view_id view, enum encoding encoding)
{
    const uint32_t columns_n = query_columns_end(view) - query_views[view].column0;
    CHECK(columns_n <= 64);
    buf_reset(&p->rows);
    p->rows.cap_max = p->bytes_max + ROW_SLACK_BYTES;
    p->encoding = encoding;
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

void row_begin(struct page *p)
{
    CHECK(!page_full(p));
    p->start = p->rows.n;
    p->column = query_views[p->view].column0;
    if (p->encoding == ENCODING_JSON && p->n > 0)
        buf_u8(&p->rows, ',');
    p->out = out_to(p->encoding, &p->rows);
    out_map(&p->out, p->shown_n);
}

/* Step to the next column; its key is written when it is shown. */
static const struct query_column *next_column(struct page *p)
{
    CHECK(p->column < query_columns_end(p->view));
    const struct query_column *c = &query_columns[p->column];
    const bool shown = page_shows(p, p->column++);
    if (shown)
        out_key(&p->out, c->name);
    return shown ? c : NULL;
}

void row_u64(struct page *p, uint64_t v)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->type == COLUMN_UINT || c->type == COLUMN_TIME);
    out_i64(&p->out, (int64_t)v);
}

void row_str(struct page *p, struct str s)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->type == COLUMN_TEXT);
    out_str(&p->out, s);
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
    out_bool(&p->out, v);
}

void row_null(struct page *p)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->nullable);
    out_null(&p->out);
}

void row_day(struct page *p, int32_t day)
{
    const struct query_column *c = next_column(p);
    if (!c)
        return;
    CHECK(c->type == COLUMN_DAY);
    char text[11];
    out_z(&p->out, day_format(day, text));
}

bool row_end(struct page *p)
{
    CHECK(p->column == query_columns_end(p->view));
    out_end(&p->out);
    if (p->n > 0 && (p->rows.bad || p->rows.n > p->bytes_max)) {
        p->rows.n = p->start;
        p->rows.bad = false;
        p->rows_max = p->n;
        return false;
    }
    p->n++;
    return true;
}
