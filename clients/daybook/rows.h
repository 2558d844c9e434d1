/* Show the rows of a view: a table for people, CSV and JSON lines for programs. */
#ifndef CLIENTS_DAYBOOK_ROWS_H
#define CLIENTS_DAYBOOK_ROWS_H

#include <jansson.h>
#include <stdio.h>

#include "schemas/query_table.h"

enum rows_form { ROWS_TABLE, ROWS_CSV, ROWS_NDJSON };

/* The columns of an answer: those of its rows, in the order of the view's table. */
struct rows_columns {
    struct rows_column {
        const char *name; /* borrowed from the table or the rows */
        enum query_column_type type;
    } at[64];
    size_t n;
};

/* view may be VIEW_N (a view that this program does not know: types are guessed). rows is an array
 * of objects, borrowed. */
void rows_columns(enum query_view_id view, const json_t *rows, struct rows_columns *out);

/* Keep only the columns named in "a,b", in that order. False: *unknown is the first that is none.
 */
bool rows_columns_pick(struct rows_columns *c, const char *names, struct str *unknown);

/* Leave out columns that are null in every row: for people, who know what is not there. */
void rows_columns_drop_empty(struct rows_columns *c, const json_t *rows);

struct rows_style {
    enum rows_form form;
    unsigned width; /* of a table; 0: as wide as needed */
    bool header;    /* of CSV: later pages have none */
};

/* Write the rows. False: writing failed or no memory. */
bool rows_write(FILE *to, const struct rows_style *style, const struct rows_columns *columns,
                const json_t *rows);

/* One value as people read it: instants and days as dates, nothing for null. */
const char *rows_cell(const json_t *value, enum query_column_type type, char *buf, size_t cap);

/* One CSV field, quoted when RFC 4180 wants it. */
void rows_csv_field(FILE *to, const char *text);

#endif
