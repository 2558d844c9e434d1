/* The packed form of a sheet: keys, and reading. Blocks are written in sheet_block.c, rows in
 * sheet_merge.c. */
#include "aggregators/sheet.h"

#include "aggregators/tables.h"
#include "aggregators/value.h"

size_t sheet_key(uint8_t key[static SHEET_KEY_MAX], int32_t day, uint64_t account,
                 uint64_t app_first)
{
    key[0] = (uint8_t)((uint32_t)day >> 8);
    key[1] = (uint8_t)day;
    uint8_t *p = put_ordered(key + 2, account);
    return (size_t)(put_ordered(p, app_first) - key);
}

bool sheet_key_read(struct span key, int32_t *day, uint64_t *account, uint64_t *app_first)
{
    struct reader r = reader_of(key.p, key.n);
    *day = (int32_t)read_be(&r, 2);
    *account = read_ordered(&r);
    *app_first = read_ordered(&r);
    return !r.bad && reader_left(&r) == 0;
}

bool sheet_open(struct span sheet, struct sheet_head *head, struct reader *rows)
{
    struct reader r = reader_of(sheet.p, sheet.n);
    head->record_total = read_varint(&r);
    head->call_total = read_varint(&r);
    head->chunks = read_varint(&r);
    *rows = r;
    return !r.bad;
}

bool sheet_next(struct reader *rows, uint64_t *app, struct sheet_row_reader *row)
{
    if (reader_left(rows) == 0)
        return false;
    *app += read_varint(rows);
    row->app = *app;
    const uint8_t *rest = rows->p;
    row->sent_ms1 = (uint32_t)read_varint(rows);
    row->received_ms1 = (uint32_t)read_varint(rows);
    row->cells_n = (uint32_t)read_varint(rows);
    const size_t cells_bytes = read_varint(rows);
    const uint8_t *cells = read_span(rows, cells_bytes);
    row->cells = reader_of(cells, cells ? cells_bytes : 0);
    row->rest = (struct span){rest, (size_t)(rows->p - rest)};
    return !rows->bad && row->cells_n <= cells_bytes;
}

/* ---- walking ---- */

void sheet_cursor_open(struct txn *t, struct sheet_cursor *out)
{
    *out = (struct sheet_cursor){0};
    cur_open(t, DAYS_SHEET, &out->c);
}

void sheet_cursor_close(struct sheet_cursor *s)
{
    if (s->bad)
        txn_fail(s->c.txn, ST_CORRUPT);
    cur_close(&s->c);
}

static bool spoilt(struct sheet_cursor *s)
{
    s->bad = true;
    return false;
}

/* The first sheet left in the block that is of the account or one above; false: there is none. */
static bool take_sheet_from(struct sheet_cursor *s, uint64_t account)
{
    struct reader r = s->block;
    uint64_t at = s->account;
    while (reader_left(&r) > 0) {
        at += read_varint(&r);
        const size_t n = read_varint(&r);
        const uint8_t *sheet = r.p;
        if (r.bad || n > reader_left(&r))
            return spoilt(s);
        r.p += n;
        if (at < account)
            continue;
        s->account = at;
        s->block = r;
        return sheet_open((struct span){sheet, n}, &s->head, &s->rows) || spoilt(s);
    }
    s->block = r;
    return false;
}

/* To the chunk that the cursor of the table stands on, or into the block; false: neither. */
static bool open_value(struct sheet_cursor *s)
{
    struct reader r;
    if (!sheet_key_read(s->c.key, &s->day, &s->account, &s->app_first) ||
        value_open(s->c.val, &r) != ST_OK)
        return spoilt(s);
    s->block = s->app_first == 0 ? r : (struct reader){0};
    s->head = (struct sheet_head){0};
    s->rows = r;
    return true;
}

/* To what the cursor of the table stands on: the first sheet of the block, or the chunk. */
static bool enter(struct sheet_cursor *s)
{
    return open_value(s) && (s->app_first > 0 || take_sheet_from(s, 0) || spoilt(s));
}

bool sheet_cursor_first(struct sheet_cursor *s)
{
    return cur_first(&s->c) && enter(s);
}

bool sheet_cursor_next(struct sheet_cursor *s)
{
    if (reader_left(&s->block) > 0)
        return take_sheet_from(s, 0);
    return cur_next(&s->c) && enter(s);
}

bool sheet_cursor_seek(struct sheet_cursor *s, int32_t day, uint64_t account)
{
    uint8_t above[SHEET_KEY_MAX];
    /* Where its block would begin: at or below the account. Chunks are of a lower one. */
    if (!cur_seek_before(&s->c, above, sheet_key(above, day, account, 1)))
        return sheet_cursor_first(s);
    if (!open_value(s))
        return false;
    if (s->day == day && s->app_first == 0 && take_sheet_from(s, account))
        return true;
    return !s->bad && cur_next(&s->c) && enter(s);
}

bool sheet_cursor_find(struct sheet_cursor *s, int32_t day, uint64_t account)
{
    return sheet_cursor_seek(s, day, account) && s->day == day && s->account == account;
}

bool sheet_cursor_next_chunk(struct sheet_cursor *s)
{
    int32_t day;
    uint64_t account, app_first;
    if ((s->app_first == 0 && s->head.chunks == 0) || !cur_next(&s->c))
        return false;
    if (!sheet_key_read(s->c.key, &day, &account, &app_first))
        return spoilt(s);
    return day == s->day && account == s->account && app_first > 0 && enter(s);
}

bool sheet_cursor_to_app(struct sheet_cursor *s, uint64_t app)
{
    uint8_t above[SHEET_KEY_MAX];
    if (s->head.chunks == 0)
        return true;
    return cur_seek_before(&s->c, above, sheet_key(above, s->day, s->account, app + 1)) && enter(s);
}
