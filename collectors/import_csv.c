/* Tables with a header row: each row is one event. Which column fills which field is said by
 * options, or follows from the field's own name; fields without a column take the fixed value of an
 * option.
 *
 * RFC 4180 with LF or CRLF: a field may be quoted, a quote inside is doubled, a quoted field may
 * hold line ends. A row is split in place into slices of the input; only fields with a doubled
 * quote are copied. */
#include "collectors/import_format.h"

#include <stdlib.h>

#include "engine/base/check.h"

#define FIELDS_MAX 256

struct csv_row {
    struct str field[FIELDS_MAX];
    size_t n;
    struct buf unquoted; /* behind fields with doubled quotes */
};

struct csv_state {
    struct csv_row row;
    size_t columns_n;
    size_t at[CSV_COLUMN_N]; /* index of the column; SIZE_MAX: there is none */
};

const char *csv_column_name(enum csv_column c)
{
    static const char *const names[CSV_COLUMN_N] = {
        [CSV_TIME] = "time",
        [CSV_COUNT] = "count",
        [CSV_TYPE] = "type",
        [CSV_METHOD] = "method",
        [CSV_STATUS] = "status",
        [CSV_PATH] = "path",
        [CSV_OBJECT_TYPE] = "object_type",
        [CSV_RECORD] = "record",
        [CSV_ACCOUNT] = "account",
        [CSV_APP] = "app",
        [CSV_USER] = "user",
        [CSV_ID] = "id",
    };
    CHECK((unsigned)c < CSV_COLUMN_N);
    return names[c];
}

static char delimiter_of(const struct importer *im)
{
    return im->o->delimiter != 0 ? im->o->delimiter : ',';
}

/* A quoted field at im->at; leaves im->at behind the closing quote. False: it is never closed. */
static bool take_quoted(struct importer *im, struct csv_row *row, struct str *out)
{
    const char *from = ++im->at;
    bool doubled = false;
    for (;; im->at++) {
        const char *quote = memchr(im->at, '"', (size_t)(im->end - im->at));
        if (quote == NULL)
            return false;
        for (const char *p = im->at; (p = memchr(p, '\n', (size_t)(quote - p))) != NULL; p++)
            im->line++;
        im->at = quote + 1;
        if (im->at == im->end || *im->at != '"')
            break;
        doubled = true;
    }
    *out = (struct str){from, (size_t)(im->at - 1 - from)};
    if (doubled) {
        /* Room for the whole row was made, so that slices of it stay where they are. */
        char *to = (char *)row->unquoted.p + row->unquoted.n;
        size_t n = 0;
        for (size_t i = 0; i < out->n; i++) {
            to[n++] = out->p[i];
            i += out->p[i] == '"';
        }
        row->unquoted.n += n;
        *out = (struct str){to, n};
    }
    return true;
}

static void skip_to_line_end(struct importer *im)
{
    const char *nl = memchr(im->at, '\n', (size_t)(im->end - im->at));
    im->at = nl == NULL ? im->end : nl + 1;
    im->line++;
}

/* One row; STEP_SKIP leaves the input behind it. */
static enum import_step take_row(struct importer *im, struct csv_row *row)
{
    while (im->at < im->end && (*im->at == '\n' || *im->at == '\r')) {
        im->line += *im->at == '\n';
        im->at++;
    }
    if (im->at == im->end)
        return STEP_END;
    const char *from = im->at;
    uint64_t line = im->line;
    im->item_line = line;
    row->n = 0;
    buf_reset(&row->unquoted);
    if (!buf_room(&row->unquoted, IMPORT_LINE_BYTES_MAX))
        return import_skip(im, IR_TOO_LONG, (struct str){0});
    char delimiter = delimiter_of(im);
    for (;;) {
        if (row->n == FIELDS_MAX) {
            skip_to_line_end(im);
            return import_skip(im, IR_BAD_ROW, STR("more than 256 columns"));
        }
        struct str *field = &row->field[row->n++];
        if (im->at < im->end && *im->at == '"') {
            const char *limit = im->end;
            if ((size_t)(im->end - from) > IMPORT_LINE_BYTES_MAX)
                im->end = from + IMPORT_LINE_BYTES_MAX;
            bool closed = take_quoted(im, row, field);
            im->end = limit;
            if (!closed) {
                im->at = from;
                im->line = line;
                skip_to_line_end(im);
                return import_skip(im, IR_BAD_ROW, STR("a quoted field is not closed"));
            }
        } else {
            const char *p = im->at;
            while (p < im->end && *p != delimiter && *p != '\n')
                p++;
            *field = (struct str){im->at, (size_t)(p - im->at)};
            if (field->n > 0 && field->p[field->n - 1] == '\r' && (p == im->end || *p == '\n'))
                field->n--;
            im->at = p;
        }
        if (im->at < im->end && *im->at == '\r')
            im->at++;
        if (im->at == im->end || *im->at == '\n')
            break;
        if (*im->at != delimiter) {
            skip_to_line_end(im);
            return import_skip(im, IR_BAD_ROW, STR("text behind a quoted field"));
        }
        im->at++;
    }
    if (im->at < im->end)
        skip_to_line_end(im);
    if ((size_t)(im->at - from) > IMPORT_LINE_BYTES_MAX)
        return import_skip(im, IR_TOO_LONG, (struct str){from, 40});
    return STEP_EVENT;
}

static enum status find_columns(struct importer *im, struct csv_state *s,
                                struct import_fault *fault)
{
    for (enum csv_column c = 0; c < CSV_COLUMN_N; c++) {
        struct str want = im->o->column[c];
        bool named = want.n > 0;
        if (!named)
            want = str_of(csv_column_name(c));
        s->at[c] = SIZE_MAX;
        for (size_t i = 0; i < s->row.n; i++)
            if (str_eq(s->row.field[i], want))
                s->at[c] = i;
        if (s->at[c] != SIZE_MAX || (!named && c != CSV_TIME))
            continue;
        size_t n = text_fmt(fault->text, sizeof fault->text,
                            "no column \"%.*s\" for %s (--%s-column names it); the header has:",
                            (int)want.n, want.p, csv_column_name(c), csv_column_name(c));
        for (size_t i = 0; i < s->row.n; i++)
            n += text_fmt(fault->text + n, sizeof fault->text - n, " %.*s", (int)s->row.field[i].n,
                          s->row.field[i].p);
        return ST_INVALID;
    }
    return ST_OK;
}

static enum status csv_open(struct importer *im, struct import_fault *fault)
{
    if (im->o->type.n > 0) {
        enum event_group g = event_group(event_kind_of(im->o->type));
        if (g != GROUP_API && g != GROUP_RECORD && g != GROUP_APP) {
            text_fmt(fault->text, sizeof fault->text,
                     "--type=%.*s: rows can be api.call, record.* or app.* events",
                     (int)im->o->type.n, im->o->type.p);
            return ST_USAGE;
        }
    }
    struct csv_state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ST_NO_MEMORY;
    s->row.unquoted = buf_of(IMPORT_LINE_BYTES_MAX);
    im->state = s;
    if (im->end - im->at >= 3 && memcmp(im->at, "\xef\xbb\xbf", 3) == 0)
        im->at += 3; /* a byte order mark, as spreadsheets write it */
    if (take_row(im, &s->row) != STEP_EVENT) {
        text_fmt(fault->text, sizeof fault->text, "the first row must name the columns%s%s",
                 im->detail[0] != '\0' ? ": " : "", im->detail);
        return ST_INVALID;
    }
    s->columns_n = s->row.n;
    return find_columns(im, s, fault);
}

static void csv_close(struct importer *im)
{
    struct csv_state *s = im->state;
    if (s == NULL)
        return;
    buf_fini(&s->row.unquoted);
    free(s);
    im->state = NULL;
}

static struct str cell(const struct csv_state *s, enum csv_column c)
{
    struct str v = s->at[c] == SIZE_MAX ? (struct str){0} : s->row.field[s->at[c]];
    while (v.n > 0 && v.p[0] == ' ')
        v = (struct str){v.p + 1, v.n - 1};
    while (v.n > 0 && v.p[v.n - 1] == ' ')
        v.n--;
    return v;
}

static bool cell_u64(const struct csv_state *s, enum csv_column c, bool *has, uint64_t *out)
{
    struct str v = cell(s, c);
    if (v.n == 0)
        return true;
    *has = true;
    return text_u64(v, out) == ST_OK && *out <= WIRE_INT_MAX;
}

static struct str or_else(struct str a, struct str b)
{
    return a.n > 0 ? a : b;
}

/* What the kind needs beside account, app, time and count. */
static enum import_reason fill_kind(struct importer *im, const struct csv_state *s)
{
    struct import_event *e = &im->event;
    bool has_status = false;
    switch (event_group(e->kind)) {
    case GROUP_API:
        e->method = or_else(or_else(cell(s, CSV_METHOD), im->o->method), STR("GET"));
        e->path = cell(s, CSV_PATH);
        e->status = im->o->status != 0 ? im->o->status : 200;
        if (!cell_u64(s, CSV_STATUS, &has_status, &e->status) || e->status < 100 || e->status > 599)
            return IR_BAD_STATUS;
        return IR_NONE;
    case GROUP_RECORD:
        e->object_type = or_else(cell(s, CSV_OBJECT_TYPE), im->o->object_type);
        e->record = cell(s, CSV_RECORD);
        return e->object_type.n > 0 ? IR_NONE : IR_NO_OBJECT;
    case GROUP_APP:
        return e->has_user ? IR_NONE : IR_NO_USER;
    case GROUP_NONE:
    case GROUP_SYNC:
    case GROUP_PERMISSION:
    case GROUP_ACTION:
    case GROUP_REMOVED:
    case GROUP_CATALOG_APP:
    case GROUP_CATALOG_ACADEMY:
    case GROUP_DIRECTORY_USER:
    case GROUP_DIRECTORY_TEAM:
    case GROUP_ACCOUNT_PLAN:
    case GROUP_ACCOUNT_SETTINGS:
    case GROUP_COMMON:
    case GROUP_N:
        break;
    }
    return IR_NO_COUNTERPART;
}

static enum import_reason map_row(struct importer *im, const struct csv_state *s)
{
    struct import_event *e = &im->event;
    struct str type = or_else(or_else(cell(s, CSV_TYPE), im->o->type), STR("api.call"));
    e->kind = event_kind_of(type);
    struct str time = cell(s, CSV_TIME);
    if (time.n > 0) {
        if (import_time(time, &e->time_ms) != ST_OK)
            return IR_BAD_TIME;
        e->has_time = true;
    }
    bool has_count = false;
    if (!cell_u64(s, CSV_COUNT, &has_count, &e->count) ||
        !cell_u64(s, CSV_ACCOUNT, &e->has_account, &e->account) ||
        !cell_u64(s, CSV_APP, &e->has_app, &e->app) ||
        !cell_u64(s, CSV_USER, &e->has_user, &e->user))
        return IR_BAD_NUMBER;
    if (has_count && e->count == 0)
        return IR_ZERO_COUNT;
    if (!e->has_app && !im->o->has_app)
        return IR_NO_APP;
    if (!e->has_app)
        e->app = im->o->app;
    e->id = cell(s, CSV_ID);
    return fill_kind(im, s);
}

static enum import_step csv_next(struct importer *im)
{
    struct csv_state *s = im->state;
    const char *from = im->at;
    enum import_step step = take_row(im, &s->row);
    if (step != STEP_EVENT)
        return step;
    struct str row = {from, (size_t)(im->at - from)};
    while (row.n > 0 && (row.p[row.n - 1] == '\n' || row.p[row.n - 1] == '\r'))
        row.n--;
    if (s->row.n != s->columns_n)
        return import_skip(im, IR_BAD_ROW, row);
    if (!text_is_utf8(row.p, row.n))
        return import_skip(im, IR_NOT_UTF8, row);
    enum import_reason why = map_row(im, s);
    return why == IR_NONE ? STEP_EVENT : import_skip(im, why, row);
}

const struct import_format import_csv = {
    .name = "csv",
    .summary = "tables with a header row, one event a row",
    .help =
        "The first row names the columns; --time-column, --count-column and the like say which "
        "fills\n"
        "which field of the event. A column with the field's own name (time, count, type, method,\n"
        "status, path, object_type, record, account, app, user, id) is used unasked. Fields "
        "without\n"
        "a column: --type (api.call), --method (GET), --status (200), --object-type, --account, "
        "--app.\n"
        "Times: RFC 3339; \"2015/01/31 13:00:00\" or with dashes, read as UTC; a date; seconds or "
        "ms\n"
        "since 1970. A row whose count is 0 is no event.",
    .open = csv_open,
    .next = csv_next,
    .close = csv_close,
};
