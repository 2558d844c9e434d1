/* A page: rows written straight into the answer's encoding, column by column, within the limits of
 * rows and bytes. The columns come from query.def, so a row cannot lack one or misspell it. */
#ifndef ENGINE_QUERY_PAGE_H
#define ENGINE_QUERY_PAGE_H

#include "schemas/out.h"
#include "schemas/query_table.h"

/* What rows are written as; all but the first are for HTTP, in JSON or text. */
enum page_form {
    PAGE_ANSWER, /* items of an array, in the answer's encoding */
    PAGE_LINES,  /* NDJSON: one object a line */
    PAGE_CSV,    /* RFC 4180; null is an empty cell, an empty text "" */
    PAGE_EVENTS, /* server-sent events; the column `position` is the id */
};

struct page {
    struct buf rows; /* the rows one after the other, with commas in JSON */
    enum encoding encoding;
    enum page_form form;
    enum query_view_id view;
    uint64_t shown; /* bit per column of the view that the rows have */
    uint32_t shown_n;
    uint32_t n; /* rows written */
    uint32_t rows_max;
    size_t bytes_max;
    /* The row being written. */
    struct out out;
    size_t start;    /* of the row in `rows` */
    uint32_t column; /* next column: place in query_columns */
    uint32_t cells;  /* written of it */
    uint64_t id;     /* its `position` */
};

/* Empty the page (its memory stays) and show all columns of the view. Forms other than PAGE_ANSWER
 * go with ENCODING_JSON. */
void page_begin(struct page *p, enum query_view_id view, enum encoding encoding,
                enum page_form form);

/* The line of column names that a CSV begins with. */
void page_put_header(const struct page *p, struct buf *to);

/* Leave a column out of the rows; before the first row. */
void page_hide(struct page *p, enum query_column_id column);

static inline bool page_shows(const struct page *p, enum query_column_id column)
{
    return p->shown >> (column - query_views[p->view].column0) & 1;
}

static inline bool page_full(const struct page *p)
{
    return p->n >= p->rows_max;
}

/* One row: row_begin, then every column in order (hidden ones too: they are dropped), then row_end.
 * row_end is false when the row did not fit any more; it was taken back and the page is full. The
 * first row of a page always fits. */
void row_begin(struct page *p);
void row_u64(struct page *p, uint64_t v);
void row_str(struct page *p, struct str s);
void row_z(struct page *p, const char *s); /* NULL: null */
void row_bool(struct page *p, bool v);
void row_null(struct page *p);
void row_day(struct page *p, int32_t day);

/* A column of type TABLES: the rows of another page in the same encoding, as page.rows holds them.
 */
void row_table(struct page *p, struct str rows, uint32_t n);
bool row_end(struct page *p);

/* null when absent */
static inline void row_u64_if(struct page *p, bool known, uint64_t v)
{
    if (known)
        row_u64(p, v);
    else
        row_null(p);
}

static inline void row_str_if(struct page *p, struct str s)
{
    if (s.p)
        row_str(p, s);
    else
        row_null(p);
}

/* An instant; 0: none. */
static inline void row_time_if(struct page *p, int64_t ms)
{
    row_u64_if(p, ms != 0, (uint64_t)ms);
}

#endif
