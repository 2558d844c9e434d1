/* Rows of the cursor table:
 *
 *   00 str(key name)            varint      number of producers of the key
 *   01 str(key name) producer   epoch 8, seq 8, digest 16, used day 4, all big-endian */
#include "engine/ingest/cursor.h"

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/ingest/tables.h"

#define CURSOR_BYTES 36

STATIC_CHECK(1 + 10 + KEY_NAME_BYTES_MAX + PRODUCER_KEY_BYTES_MAX <= STORE_KEY_MAX);

enum cursor_verdict cursor_judge(const struct cursor *c, uint64_t epoch, uint64_t seq,
                                 struct hash128 digest)
{
    if (epoch < c->epoch)
        return CURSOR_STALE;
    if (seq == cursor_expected(c, epoch))
        return CURSOR_APPLY;
    if (epoch > c->epoch || seq > c->seq)
        return CURSOR_GAP;
    if (seq == c->seq && (digest.lo != c->digest.lo || digest.hi != c->digest.hi))
        return CURSOR_CONFLICT;
    return CURSOR_DUPLICATE;
}

uint64_t cursor_expected(const struct cursor *c, uint64_t epoch)
{
    return epoch > c->epoch ? 1 : c->seq + 1;
}

struct key {
    uint8_t p[STORE_KEY_MAX];
    size_t n;
};

static struct key key_of(uint8_t class, struct str key_name, struct str producer)
{
    struct key k;
    uint8_t *p = k.p;

    CHECK(key_name.n <= KEY_NAME_BYTES_MAX);
    CHECK(producer.n <= PRODUCER_KEY_BYTES_MAX);
    *p++ = class;
    p = put_varint(p, key_name.n);
    if (key_name.n > 0)
        memcpy(p, key_name.p, key_name.n);
    p += key_name.n;
    if (producer.n > 0)
        memcpy(p, producer.p, producer.n);
    k.n = (size_t)(p - k.p) + producer.n;
    return k;
}

static struct cursor cursor_read(struct txn *t, const struct span *val)
{
    struct reader r = reader_of(val->p, val->n);
    struct cursor c;

    c.epoch = read_be(&r, 8);
    c.seq = read_be(&r, 8);
    c.digest.hi = read_be(&r, 8);
    c.digest.lo = read_be(&r, 8);
    c.used_day = (int32_t)(uint32_t)read_be(&r, 4);
    if (r.bad || reader_left(&r) > 0)
        txn_fail(t, ST_CORRUPT);
    return c;
}

bool cursor_get(struct txn *t, struct str key_name, struct str producer, struct cursor *out)
{
    struct key k = key_of(1, key_name, producer);
    struct span val;

    *out = (struct cursor){0};
    if (!txn_get(t, FRONT_CURSOR, k.p, k.n, &val))
        return false;
    *out = cursor_read(t, &val);
    return true;
}

uint64_t cursor_count(struct txn *t, struct str key_name)
{
    struct key k = key_of(0, key_name, (struct str){0});
    struct span val;
    struct reader r;
    uint64_t n;

    if (!txn_get(t, FRONT_CURSOR, k.p, k.n, &val))
        return 0;
    r = reader_of(val.p, val.n);
    n = read_varint(&r);
    if (r.bad)
        txn_fail(t, ST_CORRUPT);
    return n;
}

static void count_put(struct txn *t, struct str key_name, uint64_t n)
{
    struct key k = key_of(0, key_name, (struct str){0});
    uint8_t val[10];

    txn_put(t, FRONT_CURSOR, k.p, k.n, val, (size_t)(put_varint(val, n) - val));
}

void cursor_put(struct txn *t, struct str key_name, struct str producer, const struct cursor *c,
                bool created)
{
    struct key k = key_of(1, key_name, producer);
    uint8_t val[CURSOR_BYTES];

    put_be(val, c->epoch, 8);
    put_be(val + 8, c->seq, 8);
    put_be(val + 16, c->digest.hi, 8);
    put_be(val + 24, c->digest.lo, 8);
    put_be(val + 32, (uint32_t)c->used_day, 4);
    txn_put(t, FRONT_CURSOR, k.p, k.n, val, sizeof(val));
    if (created)
        count_put(t, key_name, cursor_count(t, key_name) + 1);
}

/* One step of the sweep: the cursor's key name, when it is to be forgotten. */
static bool is_idle(struct txn *t, const struct cur *c, int32_t first_day, struct str *key_name)
{
    struct reader key = reader_of(c->key.p, c->key.n);
    struct cursor row = cursor_read(t, &c->val);

    (void)read_u8(&key); /* the class */
    *key_name = read_str(&key);
    if (key.bad || key_name->n > KEY_NAME_BYTES_MAX) {
        txn_fail(t, ST_CORRUPT);
        return false;
    }
    return row.used_day < first_day;
}

void cursor_sweep(struct txn *t, struct cursor_place *place, int32_t first_day, uint32_t rows_max)
{
    static const uint8_t first[1] = {1};
    struct cur c;
    bool on;

    cur_open(t, FRONT_CURSOR, &c);
    on = place->key_n > 0 ? cur_seek(&c, place->key, place->key_n) : cur_seek(&c, first, 1);
    for (uint32_t i = 0; i < rows_max && on; i++) {
        struct str borrowed;
        char name[KEY_NAME_BYTES_MAX];
        struct str key_name = {name, 0};

        if (!is_idle(t, &c, first_day, &borrowed)) {
            on = cur_next(&c);
            continue;
        }
        if (borrowed.n > 0)
            memcpy(name, borrowed.p, borrowed.n);
        key_name.n = borrowed.n;
        memcpy(place->key, c.key.p, c.key.n);
        place->key_n = c.key.n;
        cur_del(&c);
        /* The count is another row of the same table, so the cursor looks its place up again. */
        count_put(t, key_name, cursor_count(t, key_name) - 1);
        on = cur_seek(&c, place->key, place->key_n);
    }
    place->key_n = 0; /* at the end: begin anew next time */
    if (on) {
        memcpy(place->key, c.key.p, c.key.n);
        place->key_n = c.key.n;
    }
    cur_close(&c);
}
