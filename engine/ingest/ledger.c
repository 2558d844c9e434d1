/* Rows of the ledger table: day (4, big-endian) -> 256 x (varint record units, varint call units).
 */
#include "engine/ingest/ledger.h"

#include "engine/base/check.h"
#include "engine/ingest/tables.h"

#define ROW_BYTES_MAX (LEDGER_SHARDS * 2 * 10)
#define KEEP_DAYS     35 /* a little longer than the day tables do, for an audit that runs late */
#define TRIM_ROWS_MAX 8

static void day_key(uint8_t key[static 4], int32_t day)
{
    for (unsigned i = 0; i < 4; i++)
        key[i] = (uint8_t)((uint32_t)day >> (24 - 8 * i));
}

bool ingest_ledger_day(struct txn *t, int32_t day, struct ledger_day *out)
{
    uint8_t key[4];
    struct span val;
    struct reader r;

    *out = (struct ledger_day){0};
    day_key(key, day);
    if (!txn_get(t, FRONT_LEDGER, key, sizeof(key), &val))
        return false;
    r = reader_of(val.p, val.n);
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        out->record_units[i] = read_varint(&r);
        out->call_units[i] = read_varint(&r);
    }
    if (r.bad || reader_left(&r) > 0)
        txn_fail(t, ST_CORRUPT);
    return true;
}

static void day_store(struct txn *t, int32_t day, const struct ledger_day *units)
{
    uint8_t key[4], val[ROW_BYTES_MAX], *p = val;

    day_key(key, day);
    for (unsigned i = 0; i < LEDGER_SHARDS; i++) {
        p = put_varint(p, units->record_units[i]);
        p = put_varint(p, units->call_units[i]);
    }
    txn_put(t, FRONT_LEDGER, key, sizeof(key), val, (size_t)(p - val));
}

/* The units of a day, read on first use. */
static struct ledger_day *units_of(struct ledger *l, struct txn *t, int32_t day)
{
    unsigned i = (uint32_t)day % LEDGER_DAYS;

    if (!l->slot[i].loaded || l->slot[i].day != day) {
        if (l->slot[i].changed)
            day_store(t, l->slot[i].day, &l->slot[i].units);
        (void)ingest_ledger_day(t, day, &l->slot[i].units); /* false: zero, a new day */
        l->slot[i].day = day;
        l->slot[i].loaded = true;
    }
    l->slot[i].changed = true;
    return &l->slot[i].units;
}

/* event_group, without a call for each event. */
static const uint8_t group_of_kind[EV_KIND_MAX] = {
#define KIND(name, number, type, group) [number] = GROUP_##group,
#include "schemas/event.def"
};

struct ledger_sum ledger_add(struct ledger *l, struct txn *t, const struct batch *b,
                             int32_t received_day)
{
    struct ledger_sum sum = {0};
    struct ledger_day *units = NULL;
    int32_t units_day = 0;

    for (uint32_t i = 0; i < b->n; i++) {
        const struct event *e = &b->ev[i];
        int32_t day;

        if (b->verdict[i] != 0)
            continue;
        day = day_of_ms(e->time_ms);
        if (units == NULL || day != units_day) {
            units = units_of(l, t, day);
            units_day = day;
        }
        sum.accepted++;
        sum.late += day < received_day;
        if (group_of_kind[e->kind % EV_KIND_MAX] == GROUP_API)
            units->call_units[e->account % LEDGER_SHARDS] += e->count;
        else if (group_of_kind[e->kind % EV_KIND_MAX] == GROUP_RECORD)
            units->record_units[e->account % LEDGER_SHARDS] += e->count;
    }
    return sum;
}

void ledger_store(struct ledger *l, struct txn *t)
{
    for (unsigned i = 0; i < LEDGER_DAYS; i++) {
        if (l->slot[i].changed)
            day_store(t, l->slot[i].day, &l->slot[i].units);
        l->slot[i].changed = false;
    }
}

void ledger_trim(struct txn *t, int32_t today)
{
    uint8_t key[4];
    struct cur c;

    day_key(key, today - KEEP_DAYS);
    cur_open(t, FRONT_LEDGER, &c);
    (void)cur_first(&c); /* c.on says the same */
    for (unsigned i = 0; i < TRIM_ROWS_MAX && c.on; i++) {
        if (c.key.n != sizeof(key)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        if (memcmp(c.key.p, key, sizeof(key)) >= 0)
            break;
        cur_del(&c);
    }
    cur_close(&c);
}

void ledger_forget(struct ledger *l)
{
    for (unsigned i = 0; i < LEDGER_DAYS; i++) {
        l->slot[i].loaded = false;
        l->slot[i].changed = false;
    }
}
