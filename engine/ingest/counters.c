/* Rows of the counters table:
 *
 *   "t"        pairs (str name, varint value): totals; absent names are 0. Names, not numbers, so
 * that a table of codes in another order reads the same row. "u"        pairs (str field, varint
 * n): fields that no kind knows "d" day(4) varints received, accepted, duplicate, rejected, late of
 * that day received */
#include "engine/ingest/counters.h"

#include "engine/base/check.h"
#include "engine/ingest/tables.h"

#define ROW_BYTES_MAX 16384

static struct ingest_day *day_of(struct counters *c, int32_t day)
{
    uint32_t i = c->days_n;

    while (i > 0 && c->days[i - 1].day > day)
        i--;
    if (i > 0 && c->days[i - 1].day == day) {
        c->days_changed[i - 1] = true;
        return &c->days[i - 1];
    }
    if (c->days_n == INGEST_DAYS_MAX) {
        /* The oldest makes room; a day older than all that are kept is counted on the oldest. */
        if (i == 0) {
            c->days_changed[0] = true;
            return &c->days[0];
        }
        memmove(&c->days[0], &c->days[1], (i - 1) * sizeof(c->days[0]));
        memmove(&c->days_changed[0], &c->days_changed[1], (i - 1) * sizeof(c->days_changed[0]));
        i--;
    } else {
        memmove(&c->days[i + 1], &c->days[i], (c->days_n - i) * sizeof(c->days[0]));
        memmove(&c->days_changed[i + 1], &c->days_changed[i],
                (c->days_n - i) * sizeof(c->days_changed[0]));
        c->days_n++;
    }
    c->days[i] = (struct ingest_day){.day = day};
    c->days_changed[i] = true;
    return &c->days[i];
}

void counters_batch(struct counters *c, const struct tally *t)
{
    struct ingest_day *day = day_of(c, t->day);
    uint64_t rejected = 0;

    for (unsigned code = 0; code < ST_N; code++) {
        c->total.rejected[code] += t->rejected[code];
        rejected += t->rejected[code];
    }
    c->total.batches++;
    c->total.accepted += t->accepted;
    c->total.duplicate += t->duplicate;
    c->total.late += t->late;
    c->total.received += t->accepted + t->duplicate + rejected;
    c->total.received_by[t->transport] += t->accepted + t->duplicate + rejected;
    day->received += t->accepted + t->duplicate + rejected;
    day->accepted += t->accepted;
    day->duplicate += t->duplicate;
    day->rejected += rejected;
    day->late += t->late;
    c->changed = true;
}

void counters_refused(struct counters *c, enum status code)
{
    CHECK(code < ST_N);
    c->total.batches_refused[code]++;
    c->changed = true;
}

void counters_push_lost(struct counters *c, uint64_t events)
{
    c->total.push_lost += events;
    c->changed = true;
}

void counters_unknown(struct counters *c, struct str name, uint64_t n)
{
    struct ingest_counters *total = &c->total;

    c->unknown_changed = true;
    for (uint32_t i = 0; i < total->unknown_n; i++) {
        if (str_eq(str_of(total->unknown[i].name), name)) {
            total->unknown[i].n += n;
            return;
        }
    }
    if (name.n == 0 || name.n >= sizeof(total->unknown[0].name) ||
        total->unknown_n == UNKNOWN_FIELDS_MAX) {
        total->unknown_fields_other += n;
        return;
    }
    memcpy(total->unknown[total->unknown_n].name, name.p, name.n);
    total->unknown[total->unknown_n].name[name.n] = '\0';
    total->unknown[total->unknown_n].n = n;
    total->unknown_n++;
}

/* ---- rows ---- */

/* The single counters of a total by name; codes follow as "rejected.<NAME>", "refused.<NAME>". */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"received", offsetof(struct ingest_counters, received)},
    {"received.zmq", offsetof(struct ingest_counters, received_by[INGEST_ZMQ])},
    {"received.push", offsetof(struct ingest_counters, received_by[INGEST_PUSH])},
    {"received.http", offsetof(struct ingest_counters, received_by[INGEST_HTTP])},
    {"accepted", offsetof(struct ingest_counters, accepted)},
    {"duplicate", offsetof(struct ingest_counters, duplicate)},
    {"late", offsetof(struct ingest_counters, late)},
    {"push_lost", offsetof(struct ingest_counters, push_lost)},
    {"batches", offsetof(struct ingest_counters, batches)},
    {"unknown_fields_other", offsetof(struct ingest_counters, unknown_fields_other)},
};

static uint64_t *field_of(struct ingest_counters *c, size_t i)
{
    return (uint64_t *)(void *)((char *)c + fields[i].offset);
}

static void pair_put(struct buf *b, const char *name, uint64_t v)
{
    if (v == 0)
        return;
    buf_str(b, str_of(name));
    buf_varint(b, v);
}

static const char *code_name(char name[static 64], const char *prefix, unsigned code)
{
    text_fmt(name, 64, "%s.%s", prefix, status_row(code)->name);
    return name;
}

static void total_store(struct txn *t, struct counters *c)
{
    struct buf b = buf_of(ROW_BYTES_MAX);
    char name[64];

    for (size_t i = 0; i < N_OF(fields); i++)
        pair_put(&b, fields[i].name, *field_of(&c->total, i));
    for (unsigned code = 0; code < ST_N; code++) {
        if (c->total.rejected[code] != 0)
            pair_put(&b, code_name(name, "rejected", code), c->total.rejected[code]);
        if (c->total.batches_refused[code] != 0)
            pair_put(&b, code_name(name, "refused", code), c->total.batches_refused[code]);
    }
    if (b.bad)
        txn_fail(t, ST_NO_MEMORY);
    else
        txn_put(t, FRONT_COUNTERS, "t", 1, b.p, b.n);
    buf_fini(&b);
}

static void unknown_store(struct txn *t, const struct counters *c)
{
    struct buf b = buf_of(ROW_BYTES_MAX);

    for (uint32_t i = 0; i < c->total.unknown_n; i++)
        pair_put(&b, c->total.unknown[i].name, c->total.unknown[i].n);
    if (b.bad)
        txn_fail(t, ST_NO_MEMORY);
    else
        txn_put(t, FRONT_COUNTERS, "u", 1, b.p, b.n);
    buf_fini(&b);
}

static void day_key(uint8_t key[static 5], int32_t day)
{
    key[0] = 'd';
    for (unsigned i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)((uint32_t)day >> (24 - 8 * i));
}

static void day_store(struct txn *t, const struct ingest_day *d)
{
    uint8_t key[5], val[50], *p = val;

    day_key(key, d->day);
    p = put_varint(p, d->received);
    p = put_varint(p, d->accepted);
    p = put_varint(p, d->duplicate);
    p = put_varint(p, d->rejected);
    p = put_varint(p, d->late);
    txn_put(t, FRONT_COUNTERS, key, sizeof(key), val, (size_t)(p - val));
}

/* Drop the rows of days that are no longer kept. */
static void days_trim(struct txn *t, int32_t first_day)
{
    struct cur c;
    uint8_t key[5];

    day_key(key, first_day);
    cur_open(t, FRONT_COUNTERS, &c);
    (void)cur_seek(&c, "d", 1); /* c.on says the same */
    while (c.on && c.key.n == sizeof(key) && memcmp(c.key.p, key, sizeof(key)) < 0)
        cur_del(&c);
    cur_close(&c);
}

void counters_store(struct txn *t, struct counters *c)
{
    bool days_changed = false;

    if (c->changed || c->unknown_changed)
        total_store(t, c);
    if (c->unknown_changed)
        unknown_store(t, c);
    for (uint32_t i = 0; i < c->days_n; i++) {
        if (c->days_changed[i])
            day_store(t, &c->days[i]);
        days_changed |= c->days_changed[i];
        c->days_changed[i] = false;
    }
    if (days_changed && c->days_n == INGEST_DAYS_MAX)
        days_trim(t, c->days[0].day);
    c->changed = false;
    c->unknown_changed = false;
}

/* ---- load ---- */

static void total_set(struct counters *c, struct str name, uint64_t v)
{
    char text[64];

    for (size_t i = 0; i < N_OF(fields); i++)
        if (str_eq(str_of(fields[i].name), name))
            *field_of(&c->total, i) = v;
    for (unsigned code = 0; code < ST_N; code++) {
        if (str_eq(str_of(code_name(text, "rejected", code)), name))
            c->total.rejected[code] = v;
        if (str_eq(str_of(code_name(text, "refused", code)), name))
            c->total.batches_refused[code] = v;
    }
}

static void total_load(struct txn *t, struct counters *c)
{
    struct span val;
    struct reader r;

    if (!txn_get(t, FRONT_COUNTERS, "t", 1, &val))
        return;
    r = reader_of(val.p, val.n);
    while (reader_left(&r) > 0 && !r.bad) {
        struct str name = read_str(&r);

        total_set(c, name, read_varint(&r));
    }
    if (r.bad)
        txn_fail(t, ST_CORRUPT);
}

static void unknown_load(struct txn *t, struct counters *c)
{
    struct span val;
    struct reader r;

    if (!txn_get(t, FRONT_COUNTERS, "u", 1, &val))
        return;
    r = reader_of(val.p, val.n);
    while (reader_left(&r) > 0 && !r.bad) {
        struct str name = read_str(&r);

        counters_unknown(c, name, read_varint(&r));
    }
    if (r.bad)
        txn_fail(t, ST_CORRUPT);
}

static void days_load(struct txn *t, struct counters *c)
{
    struct cur cur;

    cur_open(t, FRONT_COUNTERS, &cur);
    for (bool on = cur_seek(&cur, "d", 1); on && cur_has_prefix(&cur, "d", 1);
         on = cur_next(&cur)) {
        struct reader key = reader_of(cur.key.p, cur.key.n), r = reader_of(cur.val.p, cur.val.n);
        struct ingest_day *d;

        (void)read_u8(&key); /* the prefix */
        d = day_of(c, (int32_t)(uint32_t)read_be(&key, 4));
        d->received = read_varint(&r);
        d->accepted = read_varint(&r);
        d->duplicate = read_varint(&r);
        d->rejected = read_varint(&r);
        d->late = read_varint(&r);
        if (key.bad || r.bad)
            txn_fail(t, ST_CORRUPT);
    }
    cur_close(&cur);
}

void counters_load(struct txn *t, struct counters *out)
{
    *out = (struct counters){0};
    days_load(t, out);
    unknown_load(t, out);
    total_load(t, out); /* last: it holds unknown_fields_other as it was */
    out->changed = false;
    out->unknown_changed = false;
    memset(out->days_changed, 0, sizeof(out->days_changed));
}
