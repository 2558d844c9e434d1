/* The packed form of a sheet: keys, and reading. Writing is in sheet_merge.c. */
#include "aggregators/sheet.h"

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

enum status sheet_open(struct span value, uint64_t app_first, struct reader *rows,
                       struct sheet_head *head)
{
    struct reader r;
    if (value_open(value, &r))
        return ST_CORRUPT;
    if (app_first == 0) {
        head->record_total = read_varint(&r);
        head->call_total = read_varint(&r);
        head->more_chunks = read_varint(&r);
    }
    *rows = r;
    return r.bad ? ST_CORRUPT : ST_OK;
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
