#include "aggregators/sheet_block.h"

#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

#define FULL (SHEET_BLOCK - 4) /* bytes of a block's sheets, without the checksum */

void sheet_blocks_open(struct sheet_blocks *b, struct merge *m)
{
    const size_t max = SIZE_MAX / 2;
    *b = (struct sheet_blocks){
        .m = m, .old = buf_of(max), .packed = buf_of(max), .value = buf_of(max)};
    cur_open(&m->txn, DAYS_SHEET, &b->cur);
}

void sheet_blocks_close(struct sheet_blocks *b)
{
    cur_close(&b->cur);
    buf_fini(&b->old);
    buf_fini(&b->packed);
    buf_fini(&b->value);
    free(b->sheets);
}

void sheet_block_dirty(struct merge *m, size_t n)
{
    const size_t pages = (n + SHEET_BLOCK - 1) / SHEET_BLOCK;
    m->dirty_bytes += n > SHEET_BLOCK / 2 ? pages * SHEET_BLOCK : MERGE_STRAY_BYTES;
}

/* ---- writing ---- */

/* Sheets [i, end) become the block of the bound. */
static void write_block(struct sheet_blocks *b, uint32_t i, uint32_t end)
{
    struct buf *v = &b->value;
    uint8_t key[SHEET_KEY_MAX];
    uint64_t account = b->bound;
    value_begin(v);
    for (; i < end; i++) {
        const struct packed_sheet *s = &b->sheets[i];
        buf_varint(v, s->account - account);
        buf_str(v, (struct str){(const char *)b->packed.p + s->at, s->n});
        account = s->account;
    }
    CHECK(!b->packed.bad);
    value_seal(v);
    cur_put(&b->cur, key, sheet_key(key, b->day, b->bound, 0), v->p, v->n);
    b->m->stats->bytes += v->n;
    sheet_block_dirty(b->m, v->n);
}

/* How many sheets from the first on make a block of at most so many bytes. */
static uint32_t count_for(const struct sheet_blocks *b, size_t bytes)
{
    size_t cost = b->sheets[0].cost;
    uint32_t n = 1;
    while (n < b->sheets_n && !b->sheets[n - 1].alone && !b->sheets[n].alone &&
           cost + b->sheets[n].cost <= bytes)
        cost += b->sheets[n++].cost;
    return n;
}

/* Write the first block and forget its sheets. */
static void write_first(struct sheet_blocks *b, size_t bytes)
{
    const uint32_t n = count_for(b, bytes);
    write_block(b, 0, n);
    for (uint32_t i = 0; i < n; i++)
        b->cost -= b->sheets[i].cost;
    b->sheets_n -= n;
    memmove(b->sheets, b->sheets + n, b->sheets_n * sizeof *b->sheets);
    b->bound_set = b->sheets_n > 0;
    if (b->bound_set)
        b->bound = b->sheets[0].account;
    else
        buf_reset(&b->packed);
}

/* The sheet stands in the buffer from `at` on. */
static void pack(struct sheet_blocks *b, uint64_t account, size_t at, bool alone)
{
    uint8_t scratch[20];
    const size_t n = b->packed.n - at;
    b->sheets = merge_more(b->sheets, b->sheets_n + 1, &b->sheets_cap, sizeof *b->sheets);
    if (!b->bound_set)
        b->bound = b->last = account;
    b->bound_set = true;
    const size_t cost =
        n + (size_t)(put_varint(put_varint(scratch, account - b->last), n) - scratch);
    b->sheets[b->sheets_n++] = (struct packed_sheet){account, at, n, cost, alone};
    b->cost += cost;
    b->last = account;
    while (b->cost >= (size_t)2 * FULL && b->sheets_n > 1)
        write_first(b, FULL);
}

/* ---- reading ---- */

static void spoilt(struct sheet_blocks *b)
{
    txn_fail(&b->m->txn, ST_CORRUPT);
    b->rest = (struct reader){0};
    b->old_sheet = (struct span){0};
}

static void look_at_next(struct sheet_blocks *b)
{
    struct sheet_head head;
    struct reader rows;
    b->old_sheet = (struct span){0};
    if (reader_left(&b->rest) == 0)
        return;
    b->old_account += read_varint(&b->rest);
    const size_t n = read_varint(&b->rest);
    const uint8_t *p = read_span(&b->rest, n);
    if (p == NULL || !sheet_open((struct span){p, n}, &head, &rows)) {
        spoilt(b);
        return;
    }
    b->old_sheet = (struct span){p, n};
    b->old_alone = head.chunks > 0;
}

static void keep_old(struct sheet_blocks *b)
{
    const size_t at = b->packed.n;
    buf_put(&b->packed, b->old_sheet.p, b->old_sheet.n);
    pack(b, b->old_account, at, b->old_alone);
    look_at_next(b);
}

static void keep_rest(struct sheet_blocks *b)
{
    while (b->old_sheet.p != NULL)
        keep_old(b);
}

/* Accounts of a block are below the next key's, and a sheet with chunks is its block's last. */
static uint64_t end_of_block(struct sheet_blocks *b)
{
    int32_t day;
    uint64_t account, app;
    if (!b->cur.on)
        return UINT64_MAX;
    if (!sheet_key_read(b->cur.key, &day, &account, &app))
        spoilt(b);
    return day != b->day ? UINT64_MAX : app > 0 ? account + 1 : account;
}

/* The block at the cursor leaves the table and becomes the old one. */
static void take_block(struct sheet_blocks *b, uint64_t account)
{
    struct reader r;
    if (value_open(b->cur.val, &r) != ST_OK) {
        spoilt(b);
        return;
    }
    buf_reset(&b->old);
    buf_put(&b->old, r.p, reader_left(&r));
    CHECK(!b->old.bad);
    b->rest = reader_of(b->old.p, b->old.n);
    b->old_account = account;
    look_at_next(b);
    cur_del(&b->cur);
    b->end = end_of_block(b);
}

/* To where the account belongs: into a block, or between a sheet's chunks and the next block. */
static void enter(struct sheet_blocks *b, int32_t day, uint64_t account)
{
    uint8_t above[SHEET_KEY_MAX];
    int32_t at_day = 0;
    uint64_t bound = 0, app = 0;
    const size_t above_n = sheet_key(above, day, account, 1);
    const bool on = cur_seek_before(&b->cur, above, above_n);
    if (on && !sheet_key_read(b->cur.key, &at_day, &bound, &app)) {
        spoilt(b);
        return;
    }
    const bool of_day = on && at_day == day;
    const bool follows = b->open && b->day == day && of_day && app == 0 && bound == b->end;
    if (!follows) {
        sheet_blocks_flush(b);
        b->bound = b->last = !of_day ? 0 : app > 0 ? account : bound;
        b->bound_set = true;
    }
    b->open = true;
    b->day = day;
    if (of_day && app == 0) {
        if (!follows && !cur_seek_before(&b->cur, above, above_n)) /* the flush moved it */
            spoilt(b);
        else
            take_block(b, bound);
        return;
    }
    (void)cur_seek(&b->cur, above, above_n);
    b->end = end_of_block(b);
}

bool sheet_blocks_find(struct sheet_blocks *b, int32_t day, uint64_t account, struct span *old)
{
    if (b->open && (day != b->day || account >= b->end))
        keep_rest(b);
    if (!b->open || day != b->day || account >= b->end)
        enter(b, day, account);
    while (b->old_sheet.p != NULL && b->old_account < account)
        keep_old(b);
    *old = b->old_sheet;
    return b->old_sheet.p != NULL && b->old_account == account;
}

void sheet_blocks_put(struct sheet_blocks *b, uint64_t account, const struct sheet_head *head,
                      struct span rows)
{
    const size_t at = b->packed.n;
    if (b->old_sheet.p != NULL && b->old_account == account)
        look_at_next(b);
    buf_varint(&b->packed, head->record_total);
    buf_varint(&b->packed, head->call_total);
    buf_varint(&b->packed, head->chunks);
    buf_put(&b->packed, rows.p, rows.n);
    pack(b, account, at, head->chunks > 0);
    b->m->stats->sheets++;
}

void sheet_blocks_flush(struct sheet_blocks *b)
{
    if (b->open)
        keep_rest(b);
    while (b->sheets_n > 0)
        write_first(b, b->cost > FULL && b->cost <= (size_t)2 * FULL ? b->cost / 2 + 1 : FULL);
    b->open = false;
}

void sheet_blocks_pause(struct sheet_blocks *b)
{
    sheet_blocks_flush(b);
    cur_close(&b->cur);
}

void sheet_blocks_go_on(struct sheet_blocks *b)
{
    cur_open(&b->m->txn, DAYS_SHEET, &b->cur);
}
