/* A sheet: what one account did on one UTC day, packed. The sheets of a day stand in blocks, each
 * about a page of LMDB; a sheet that is too large for one goes on in chunks.
 *
 * Key    day(2, big-endian) . ordered(account) . ordered(app)
 *        Block: app 0. Holds sheets of this account and above, up to the next block's. A day's
 *        first block has account 0.
 *        Chunk: app > 0. Holds the rows from this app on. Its sheet begins in a block where it
 *        stands alone.
 * Value  crc(4)                          (aggregators/value.h)
 *        Block, per sheet, ascending:
 *          account - (account before it; the key's account for the first)
 *          bytes of the sheet, then these:
 *            record_total, call_total, number of chunks, rows
 *        Chunk: rows
 *        Rows, per app, ascending:
 *          app - (app before it; the key's app for the first)
 *          sent_ms1, received_ms1        last activity: ms within the day + 1; 0: none
 *          cells_n, bytes of cells, then per cell, ascending: slot - (slot before it; 0), count
 *        All numbers are varints. Slots are those of aggregators/view.h.
 *
 * Example (day 20780, account 7): app 3 made 2 calls, the last one in quarter 40 at 36 000 000 ms.
 *        key    51 2c  00  00
 *        value  crc  07 0d  00 02 00  03 00 81 a2 95 11  01 03  a0 01 02
 */
#ifndef AGGREGATORS_SHEET_H
#define AGGREGATORS_SHEET_H

#include "aggregators/view.h"
#include "engine/base/bytes.h"

#define SHEET_BLOCK   4080 /* bytes of a value: it then fills one overflow page of LMDB */
#define SHEET_CHUNK   4000 /* bytes of rows; the rest is for what stands before them */
#define SHEET_KEY_MAX 20

/* Returns the key's length. */
size_t sheet_key(uint8_t key[static SHEET_KEY_MAX], int32_t day, uint64_t account,
                 uint64_t app_first);

/* Split a key; false: not a sheet key. */
bool sheet_key_read(struct span key, int32_t *day, uint64_t *account, uint64_t *app_first);

/* A packed row while it is read. */
struct sheet_row_reader {
    uint64_t app;
    uint32_t sent_ms1, received_ms1;
    uint32_t cells_n;
    struct reader cells; /* cells_n pairs of (delta, count) */
    struct span rest;    /* the row's bytes behind the app */
};

/* What stands before the rows of a sheet. */
struct sheet_head {
    uint64_t record_total;
    uint64_t call_total;
    uint64_t chunks; /* that its rows go on in */
};

/* A sheet's head and the rows behind it; false: the bytes are bad. */
bool sheet_open(struct span sheet, struct sheet_head *head, struct reader *rows);

/* The next row; false at the end or when the bytes are bad (rows->bad). *app: the one before; at
 * first what the chunk's key says, or 0. */
bool sheet_next(struct reader *rows, uint64_t *app, struct sheet_row_reader *row);

/* Walks stored sheets and their chunks in the order of their keys. */
struct sheet_cursor {
    struct cur c;
    struct reader block; /* sheets of the block behind the current one */
    bool bad;            /* the stored bytes are; sheet_cursor_close then fails the transaction */
    /* where it stands */
    int32_t day;
    uint64_t account;
    uint64_t app_first;     /* 0: at the sheet itself; else at a chunk of it */
    struct sheet_head head; /* of the sheet; all 0 at a chunk */
    struct reader rows;
};

void sheet_cursor_open(struct txn *t, struct sheet_cursor *out);
void sheet_cursor_close(struct sheet_cursor *s);

/* Each returns whether it stands on something. */
bool sheet_cursor_first(struct sheet_cursor *s);
bool sheet_cursor_next(struct sheet_cursor *s);
bool sheet_cursor_seek(struct sheet_cursor *s, int32_t day, uint64_t account); /* at or above */
bool sheet_cursor_find(struct sheet_cursor *s, int32_t day, uint64_t account); /* exactly */

/* To the next chunk of the same sheet; false: it was the last, and it stands nowhere. */
bool sheet_cursor_next_chunk(struct sheet_cursor *s);

/* From a sheet on to that one of its chunks that has `app`, if any has. */
bool sheet_cursor_to_app(struct sheet_cursor *s, uint64_t app);

#endif
