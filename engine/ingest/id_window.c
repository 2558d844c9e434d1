/* Rows of the id_window table: hash128(account 8, id hash 16) -> hour (4) from which it is
 * forgotten.
 *
 * The hour is rounded up, so an id is remembered for the window and up to an hour more. The sweep
 * sees each row once in half the time that the window takes to fill, so the table stays below one
 * and a half windows. */
#include "engine/ingest/id_window.h"

#include "engine/base/bytes.h"
#include "engine/ingest/tables.h"

#define MS_PER_HOUR    INT64_C(3600000)
#define ROW_BYTES      64 /* 20 bytes and their node, at the fill of a tree in random order */
#define SWEEP_ROWS_MIN 16

static uint32_t hour_of(int64_t ms)
{
    return ms < 0 ? 0 : (uint32_t)(ms / MS_PER_HOUR);
}

static uint32_t row_hour(struct txn *t, const struct span *val)
{
    struct reader r = reader_of(val->p, val->n);
    uint32_t hour = (uint32_t)read_be(&r, 4);

    if (r.bad)
        txn_fail(t, ST_CORRUPT);
    return hour;
}

uint64_t id_window_begin(struct id_window *w, struct txn *t)
{
    struct table_size size;

    txn_table_size(t, FRONT_ID_WINDOW, &size);
    w->room = ((int64_t)w->bytes_max - (int64_t)(size.leaf_bytes + size.branch_bytes)) / ROW_BYTES;
    w->added = 0;
    return size.entries;
}

static void key_of(uint64_t account, struct hash128 id, uint8_t key[static 16])
{
    uint8_t plain[24];
    struct hash128 hash;

    put_be(plain, account, 8);
    put_be(plain + 8, id.hi, 8);
    put_be(plain + 16, id.lo, 8);
    hash = hash128(plain, sizeof(plain));
    put_be(key, hash.hi, 8);
    put_be(key + 8, hash.lo, 8);
}

bool id_window_has(struct txn *t, uint64_t account, struct hash128 id, int64_t received_ms)
{
    uint8_t key[16];
    struct span old;

    key_of(account, id, key);
    return txn_get(t, FRONT_ID_WINDOW, key, sizeof(key), &old) &&
           hour_of(received_ms) < row_hour(t, &old);
}

enum status id_window_add(struct id_window *w, struct txn *t, uint64_t account, struct hash128 id,
                          int64_t received_ms)
{
    uint8_t key[16], val[4];
    struct span old;
    bool known;

    key_of(account, id, key);
    known = txn_get(t, FRONT_ID_WINDOW, key, sizeof(key), &old);
    if (known && hour_of(received_ms) < row_hour(t, &old))
        return ST_DUPLICATE;
    if (!known) {
        if (w->room <= 0)
            return ST_DEDUPE_FULL;
        w->room--;
        w->added++;
    }
    put_be(val, hour_of(received_ms) + w->hours + 1, 4);
    txn_put(t, FRONT_ID_WINDOW, key, sizeof(key), val, sizeof(val));
    return ST_OK;
}

void id_window_sweep(struct id_window *w, struct txn *t, int64_t now_ms)
{
    uint32_t rows = 2 * w->added > SWEEP_ROWS_MIN ? 2 * w->added : SWEEP_ROWS_MIN;
    uint32_t hour = hour_of(now_ms);
    struct cur c;
    bool on;

    cur_open(t, FRONT_ID_WINDOW, &c);
    on = cur_seek(&c, w->sweep_at, sizeof(w->sweep_at));
    for (uint32_t i = 0; i < rows && on; i++) {
        if (row_hour(t, &c.val) <= hour) {
            cur_del(&c);
            on = c.on;
        } else {
            on = cur_next(&c);
        }
    }
    memset(w->sweep_at, 0, sizeof(w->sweep_at)); /* at the end: begin anew next time */
    if (on && c.key.n == sizeof(w->sweep_at))
        memcpy(w->sweep_at, c.key.p, c.key.n);
    cur_close(&c);
}
