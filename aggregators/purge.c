/* Purge: delete what lies before the first kept day, in bounded slices.
 *
 * The purge mark moves first, so that a merge never writes behind it; a slice deletes the oldest
 * rows of sheets and sketches (one dense prefix, since their keys begin with the day), then sweeps
 * the activity log account by account. The last activity of an expired day is carried over first.
 */
#include "aggregators/activity.h"
#include "aggregators/merge.h"
#include "aggregators/sheet.h"
#include "aggregators/value.h"
#include "engine/base/check.h"
#include "engine/base/crash_point.h"

static int64_t max_ms(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Remember an app's last activity of an expired day beyond that day. */
static void carry(struct txn *t, uint64_t account, int32_t day, const struct sheet_row_reader *row)
{
    uint8_t key[18], val[20];
    const size_t key_n = (size_t)(put_ordered(put_ordered(key, account), row->app) - key);
    int64_t sent = row->sent_ms1 ? day * MS_PER_DAY + row->sent_ms1 - 1 : 0;
    int64_t received = row->received_ms1 ? day * MS_PER_DAY + row->received_ms1 - 1 : 0;
    struct span old;
    if (row->app == 0 || (!sent && !received))
        return;
    if (txn_get(t, DAYS_CARRY, key, key_n, &old)) {
        struct reader r = reader_of(old.p, old.n);
        sent = max_ms(sent, read_time(&r));
        received = max_ms(received, read_time(&r));
        if (r.bad)
            txn_fail(t, ST_CORRUPT);
    }
    const uint8_t *end = put_varint(put_varint(val, (uint64_t)sent), (uint64_t)received);
    txn_put(t, DAYS_CARRY, key, key_n, val, (size_t)(end - val));
}

/* The first block or chunk of all. */
static void carry_first(struct txn *t, uint32_t *budget)
{
    struct sheet_cursor c;
    sheet_cursor_open(t, &c);
    bool on = sheet_cursor_first(&c);
    for (bool more = on; more; more = on && reader_left(&c.block) > 0 && sheet_cursor_next(&c)) {
        struct sheet_row_reader row;
        uint64_t app = c.app_first;
        while (sheet_next(&c.rows, &app, &row)) {
            carry(t, c.account, c.day, &row);
            *budget -= *budget > 1;
        }
        c.bad |= c.rows.bad;
    }
    sheet_cursor_close(&c);
}

/* Does the row at the cursor lie before the day? */
static bool before(struct txn *t, const struct cur *c, const uint8_t bound[static 2])
{
    if (c->key.n < 2)
        txn_fail(t, ST_CORRUPT);
    return c->key.n >= 2 && memcmp(c->key.p, bound, 2) < 0;
}

/* Delete up to *budget rows of a table whose keys begin with the day; true when none is left. */
static bool purge_days(struct txn *t, enum days_table table, int32_t first_day, uint32_t *budget)
{
    const uint8_t bound[2] = {(uint8_t)((uint32_t)first_day >> 8), (uint8_t)first_day};
    struct cur c;
    cur_open(t, table, &c);
    bool on = cur_first(&c);
    for (; on && before(t, &c, bound) && *budget; (*budget)--) {
        if (table == DAYS_SHEET)
            carry_first(t, budget);
        cur_del(&c);
        on = c.on;
    }
    const bool done = !on || !before(t, &c, bound);
    cur_close(&c);
    return done;
}

/* Delete the expired blocks of one account; true when none is left. */
static bool sweep_account(struct txn *t, uint64_t account, int64_t first_ms, uint32_t *budget)
{
    uint8_t prefix[ACTIVITY_KEY_MAX];
    const size_t prefix_n = activity_prefix(prefix, account);
    uint64_t kept, trimmed, gone = 0;
    bool done = false;
    struct cur c;
    cur_open(t, DAYS_ACTIVITY, &c);
    bool on = cur_seek(&c, prefix, prefix_n);
    while (*budget && !done) {
        struct block_head head;
        struct reader r;
        done = !on || !cur_has_prefix(&c, prefix, prefix_n);
        if (done)
            break;
        if (block_open(c.key, c.val, false, &head, &r)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        done = head.last_ms >= first_ms;
        if (done)
            break;
        gone += head.n;
        cur_del(&c);
        on = c.on;
        (*budget)--;
    }
    cur_close(&c);
    if (gone) {
        activity_counts(t, account, &kept, &trimmed);
        activity_counts_put(t, account, kept > gone ? kept - gone : 0, trimmed);
    }
    return done;
}

/* Sweep accounts from the one where the last slice ended; true when all were seen for first_day. */
static bool sweep_activity(struct txn *t, int32_t first_day, uint32_t *budget)
{
    if (meta_get(t, META_SWEEP_DAY, 0) >= (uint64_t)first_day)
        return true;
    uint64_t account = meta_get(t, META_SWEEP_ACCOUNT, 0);
    while (*budget && t->status == ST_OK) {
        uint8_t key[ACTIVITY_KEY_MAX];
        struct cur c;
        cur_open(t, DAYS_ACTIVITY_ACCOUNT, &c);
        const bool on = cur_seek(&c, key, activity_prefix(key, account));
        struct reader k = reader_of(c.key.p, on ? c.key.n : 0);
        const uint64_t found = read_ordered(&k);
        cur_close(&c);
        if (!on) {
            meta_put(t, META_SWEEP_DAY, (uint64_t)first_day);
            meta_put(t, META_SWEEP_ACCOUNT, 0);
            return true;
        }
        (*budget)--;
        account = found;
        if (sweep_account(t, found, first_day * MS_PER_DAY, budget))
            account = found + 1;
    }
    meta_put(t, META_SWEEP_ACCOUNT, account);
    return false;
}

enum status days_purge(struct store *days, int32_t first_day, uint32_t rows_max, bool *more)
{
    struct txn t;
    uint32_t budget = rows_max;
    CHECK(first_day > 0);
    txn_begin(days, true, &t);
    txn_use_reserve(&t); /* what makes room may use the room kept for it */
    const bool moved = meta_get(&t, META_PURGE_DAY, 0) < (uint64_t)first_day;
    if (!moved && meta_get(&t, META_PURGED_DAY, 0) >= (uint64_t)first_day) {
        const enum status st = t.status;
        txn_abort(&t);
        *more = false;
        return st;
    }
    if (moved)
        meta_put(&t, META_PURGE_DAY, (uint64_t)first_day);
    const bool done = purge_days(&t, DAYS_SHEET, first_day, &budget) &&
                      purge_days(&t, DAYS_DISTINCT, first_day, &budget) &&
                      purge_days(&t, DAYS_LATE, first_day, &budget) &&
                      sweep_activity(&t, first_day, &budget);
    if (done)
        meta_put(&t, META_PURGED_DAY, (uint64_t)first_day);
    CRASH_POINT("purge_before_commit");
    const enum status st = txn_commit(&t);
    CRASH_POINT("purge_after_slice");
    if (st == ST_OK)
        *more = !done;
    return st;
}
