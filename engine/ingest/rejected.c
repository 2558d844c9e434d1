/* Rows of the rejected table: number (8, big-endian) ->
 *   varint received_ms, transport (1), str code, has account (1), varint account, varint app,
 *   str key name, str producer, str message, str raw
 * The code is kept by its name, so that it reads the same after the table of codes has grown. */
#include "engine/ingest/rejected.h"

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/ingest/tables.h"

#define ROW_BYTES_MAX 4096

static uint64_t next_number(struct txn *t)
{
    struct cur c;
    struct reader r;
    uint64_t next = 0;

    cur_open(t, FRONT_REJECTED, &c);
    if (cur_last(&c)) {
        r = reader_of(c.key.p, c.key.n);
        next = read_be(&r, 8) + 1;
    }
    cur_close(&c);
    return next;
}

/* The longest prefix of at most max bytes that does not end inside a UTF-8 sequence. */
static struct str cut(struct str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && ((uint8_t)s.p[max] & 0xc0) == 0x80)
        max--;
    return (struct str){s.p, max};
}

void rejected_add(struct rejected *table, struct txn *t, const struct ingest_rejected *r)
{
    struct buf b = buf_of(ROW_BYTES_MAX);
    uint8_t key[8];

    if (table->rows_max == 0 || table->added == REJECTED_PER_COMMIT_MAX)
        return;
    if (!table->loaded) {
        table->next = next_number(t);
        table->loaded = true;
    }
    buf_varint(&b, (uint64_t)r->received_ms);
    buf_u8(&b, (uint8_t)r->transport);
    buf_str(&b, str_of(status_row(r->code)->name));
    buf_u8(&b, r->has_account);
    buf_varint(&b, r->account);
    buf_varint(&b, r->app);
    buf_str(&b, r->key_name);
    buf_str(&b, r->producer);
    buf_str(&b, cut(r->message, REJECTED_MESSAGE_MAX));
    buf_str(&b, cut(r->raw, REJECTED_RAW_MAX));
    put_be(key, table->next++, 8);
    table->added++;
    if (b.bad)
        txn_fail(t, ST_NO_MEMORY);
    else
        txn_put(t, FRONT_REJECTED, key, sizeof(key), b.p, b.n);
    buf_fini(&b);
}

uint64_t rejected_trim(struct rejected *table, struct txn *t)
{
    struct table_size size;
    struct cur c;

    txn_table_size(t, FRONT_REJECTED, &size);
    if (size.entries <= table->rows_max)
        return size.entries;
    cur_open(t, FRONT_REJECTED, &c);
    (void)cur_first(&c); /* c.on says the same */
    for (unsigned i = 0; i < REJECTED_TRIM_ROWS_MAX && size.entries > table->rows_max && c.on;
         i++) {
        cur_del(&c);
        size.entries--;
    }
    cur_close(&c);
    return size.entries;
}

void rejected_end(struct rejected *table, bool failed)
{
    table->added = 0;
    if (failed)
        table->loaded = false;
}

static enum status code_of(struct str name)
{
    for (unsigned code = 0; code < ST_N; code++)
        if (str_eq(str_of(status_row((enum status)code)->name), name))
            return (enum status)code;
    return ST_INVALID;
}

static bool row_read(const struct cur *c, struct ingest_rejected *out)
{
    struct reader key = reader_of(c->key.p, c->key.n), r = reader_of(c->val.p, c->val.n);

    *out = (struct ingest_rejected){.number = read_be(&key, 8)};
    out->received_ms = (int64_t)read_varint(&r);
    out->transport = (enum ingest_transport)read_u8(&r);
    out->code = code_of(read_str(&r));
    out->has_account = read_u8(&r) != 0;
    out->account = read_varint(&r);
    out->app = read_varint(&r);
    out->key_name = read_str(&r);
    out->producer = read_str(&r);
    out->message = read_str(&r);
    out->raw = read_str(&r);
    return !key.bad && !r.bad && out->transport < INGEST_TRANSPORT_N;
}

void ingest_rejected_each(struct txn *t, uint64_t before,
                          bool (*fn)(void *arg, const struct ingest_rejected *r), void *arg)
{
    struct ingest_rejected row;
    uint8_t key[8];
    struct cur c;
    bool on;

    put_be(key, before, 8);
    cur_open(t, FRONT_REJECTED, &c);
    for (on = cur_seek_before(&c, key, sizeof(key)); on; on = cur_prev(&c)) {
        if (!row_read(&c, &row)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        if (!fn(arg, &row))
            break;
    }
    cur_close(&c);
}
