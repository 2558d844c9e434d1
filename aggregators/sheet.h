/* A sheet: what one account did on one UTC day, packed.
 *
 * Key    day(2, big-endian) . ordered(account) . ordered(first app of the chunk)
 *        One row per (day, account); a large one is cut between apps into chunks of about
 *        SHEET_CHUNK bytes. The first chunk's app is 0, and only it carries the totals.
 * Value  crc(4)                          (aggregators/value.h)
 *        record_total, call_total        (first chunk only)
 *        then per app, ascending:
 *          app - (app before it; the key's app for the first)
 *          sent_ms1, received_ms1        last activity: ms within the day + 1; 0: none
 *          cells_n, bytes of cells, then per cell, ascending: slot - (slot before it; 0), count
 *        All numbers are varints. Slots are those of aggregators/view.h.
 *
 * Example (day 20780, account 7): app 3 made 2 calls, the last one in quarter 40 at 36 000 000 ms.
 *        key    51 2c  01 07  00
 *        value  crc  00 02 00  03 00 81 a2 95 11  01 03  a0 01 02
 */
#ifndef AGGREGATORS_SHEET_H
#define AGGREGATORS_SHEET_H

#include "aggregators/view.h"
#include "engine/base/bytes.h"

#define SHEET_CHUNK   1900 /* bytes: two values of this size fit a page of LMDB */
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

/* What only the first chunk carries. */
struct sheet_head {
    uint64_t record_total;
    uint64_t call_total;
    uint64_t more_chunks;
};

/* Open a chunk: checks the crc, reads the head of a first chunk into *head. */
enum status sheet_open(struct span value, uint64_t app_first, struct reader *rows,
                       struct sheet_head *head) MUST_CHECK;

/* The next row; false at the end or when the bytes are bad (rows->bad). */
bool sheet_next(struct reader *rows, uint64_t *app, struct sheet_row_reader *row);

#endif
