/* The tables of the front environment: what is written in the transaction that accepts a group.
 * Keys are built of big-endian and ordered integers (engine/base/bytes.h).
 *
 *   meta       one byte              format, clock gate
 *   journal    position (8)          the log; engine/log alone reads and writes it
 *   cursor     key name, producer    epoch, last sequence, its digest
 *   id_window  hash (16)             hour in which it may be forgotten
 *   rejected   number (8)            an event that was not accepted, and why
 *   ledger     day (4)               units accepted, by shard of accounts (promise 8)
 *   counters   one byte, or day      what was received and what became of it (promise 3)
 *   faults     account, day (4)      what of it was not accepted, by account (faults.h) */
#ifndef ENGINE_INGEST_TABLES_H
#define ENGINE_INGEST_TABLES_H

enum front_table {
    FRONT_META,
    FRONT_JOURNAL,
    FRONT_CURSOR,
    FRONT_ID_WINDOW,
    FRONT_REJECTED,
    FRONT_LEDGER,
    FRONT_COUNTERS,
    FRONT_FAULTS,
    FRONT_TABLES_N
};

extern const char *const front_table_names[FRONT_TABLES_N];

#define FRONT_FORMAT             2 /* of everything in the environment; newer is refused */
#define FAULTS_FORMAT            2 /* since this one what is not accepted is counted by account */

#define FRONT_META_FAULTS_PARTLY 'F' /* row of meta: they were not counted from the start */

#endif
