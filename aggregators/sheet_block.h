/* Blocks of sheets (sheet.h) while a merge rewrites them in key order. Private to this folder.
 *
 * Only blocks into which something falls are read and written. Where neighbours are rewritten, they
 * are filled to the brim one after the other; what is left at the end is cut in the middle, so that
 * no block is under half full and nothing moves that need not. */
#ifndef AGGREGATORS_SHEET_BLOCK_H
#define AGGREGATORS_SHEET_BLOCK_H

#include "aggregators/merge.h"
#include "aggregators/sheet.h"

struct packed_sheet {
    uint64_t account;
    size_t at, n; /* its bytes in `packed` */
    size_t cost;  /* with what stands before it, at most */
    bool alone;   /* it has chunks */
};

struct sheet_blocks {
    struct merge *m;
    struct cur cur;
    /* the stored block that is being rewritten */
    bool open;
    int32_t day;
    uint64_t end;          /* its accounts are below */
    struct buf old;        /* a copy of its sheets, */
    struct reader rest;    /* those behind the next one, */
    struct span old_sheet; /* which is kept unless it is replaced; NULL: there is none */
    uint64_t old_account;
    bool old_alone; /* it has chunks */
    /* what will be written */
    bool bound_set;
    uint64_t bound; /* account in the key of the first block; not set: that of the first sheet */
    struct buf packed;
    struct packed_sheet *sheets;
    uint32_t sheets_n, sheets_cap;
    size_t cost;   /* of all of them */
    uint64_t last; /* account of the last one, or the bound */
    struct buf value;
};

void sheet_blocks_open(struct sheet_blocks *b, struct merge *m);
void sheet_blocks_close(struct sheet_blocks *b); /* what was not flushed is lost */

/* Go to where a sheet belongs, ascending by (day, account). True: *old are the bytes of the stored
 * one, valid until the next call; sheet_blocks_put replaces it. */
bool sheet_blocks_find(struct sheet_blocks *b, int32_t day, uint64_t account, struct span *old);

/* Put the sheet that was looked for: head, rows. */
void sheet_blocks_put(struct sheet_blocks *b, uint64_t account, const struct sheet_head *head,
                      struct span rows);

/* Write everything. */
void sheet_blocks_flush(struct sheet_blocks *b);

/* The same, and no cursor is open until it goes on: a commit comes between. */
void sheet_blocks_pause(struct sheet_blocks *b);
void sheet_blocks_go_on(struct sheet_blocks *b);

/* Add to the merge's count of dirty bytes what a value of n bytes makes dirty. */
void sheet_block_dirty(struct merge *m, size_t n);

#endif
